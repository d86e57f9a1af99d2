"""A retry is not a second event: Idempotency-Key for whole requests, row ids for single rows.

Beside the writer. A key is kept with a hash of the body and the counts that were answered, in the transaction of the
rows, so that either all of it happened or none. A row id (`TAGS "unique_key=id"`) is looked for in the table itself,
among the rows of the same moments: a retry repeats both id and time, so only the blocks of those times are read.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from metrics.errors import KeyReused
from metrics.store import Connection, Store, quoted
from metrics.workspace import Source

MOST_KEYS = 1_000_000
"""Keys that are kept at once, about 300 bytes each; beyond that the oldest is forgotten before its time."""


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a body; duplicates are neither stored nor quarantined."""

    successful_rows: int
    quarantined_rows: int
    duplicate_rows: int = 0


@dataclass(frozen=True)
class Claim:
    """A request with a key: `id` stands for token, data source and key, `body` for the bytes sent with it."""

    id: bytes
    body: bytes
    counts: Future[Counts] = field(default_factory=Future)


class Keys:
    """The idempotency keys of a store: those under way, and those answered within `keep`."""

    def __init__(self, store: Store, keep: timedelta) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Claim] = OrderedDict()
        rows = store.connection.execute(
            "SELECT id, body, successful_rows, quarantined_rows, duplicate_rows FROM internal.idempotency_keys "
            "WHERE created_at >= ? ORDER BY created_at",
            [_now() - keep],
        ).fetchall()
        for claim, body, *counts in rows[-MOST_KEYS:]:
            self._kept[claim] = Claim(claim, body)
            self._kept[claim].counts.set_result(Counts(*counts))

    def claim(self, token: str, datasource: str, key: str, body: bytes) -> tuple[Claim, bool]:
        """The claim on a key, and whether this request is the first with it.

        The first must `settle` or `abandon` it; the others wait for its `counts`.

        Raises:
            KeyReused: the key came before with another body.
        """
        parts = [part.encode("utf-8", "surrogateescape") for part in (token, datasource, key)]
        scope = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        claim = Claim(_digest(scope), _digest(body))
        with self._lock:
            kept = self._kept.setdefault(claim.id, claim)
            while len(self._kept) > MOST_KEYS:
                self._kept.popitem(last=False)
        if kept.body != claim.body:
            raise KeyReused("This Idempotency-Key came before with another body; give each request a key of its own.")
        return kept, kept is claim

    def settle(self, claim: Claim, written: Future[Counts]) -> None:
        """Tell the copies that wait what became of the first: called when `written` is done, whoever waits for it."""
        error = written.exception()
        if error is not None:
            self.abandon(claim, error)
        else:
            claim.counts.set_result(written.result())

    def abandon(self, claim: Claim, error: BaseException) -> None:
        """Nothing was written: the copies that wait get the same error, and the next request may try again."""
        with self._lock:
            self._kept.pop(claim.id, None)
        claim.counts.set_exception(error)

    def forget_old(self, connection: Connection) -> None:
        """Drop the keys that are older than `keep`, from the store and from memory; for the writer's thread."""
        expired = connection.execute(
            "DELETE FROM internal.idempotency_keys WHERE created_at < ? RETURNING id", [_now() - self._keep]
        ).fetchall()
        with self._lock:
            for (claim,) in expired:
                self._kept.pop(claim, None)


def keep_answer(connection: Connection, claim: Claim, counts: Counts) -> None:
    """Write a key with its answer, in the transaction of its rows."""
    connection.execute(
        "INSERT INTO internal.idempotency_keys VALUES (?, ?, ?, ?, ?, ?)",
        [claim.id, claim.body, *asdict(counts).values(), _now()],
    )


@dataclass(frozen=True)
class Ids:
    """What tells the rows of a table apart: each pair of a non-empty id and a time, with the first row that has it.

    `repeated` says which rows have the pair of an earlier one.
    """

    first: Mapping[tuple[str, int], int]
    repeated: npt.NDArray[np.bool_]


def read_ids(source: Source, table: pa.Table) -> Ids | None:
    """The ids of a table's rows, in the order in which they came; None where rows have none."""
    if not source.unique_key or source.unique_key not in table.column_names:
        return None
    ids = table.column(source.unique_key).to_pylist()
    moments = table.column(source.time_column).cast(pa.int64()).to_pylist()
    first: dict[tuple[str, int], int] = {}
    repeated = np.zeros(len(table), bool)
    for row, pair in enumerate(zip(ids, moments, strict=True)):
        if pair[0] and first.setdefault(pair, row) != row:
            repeated[row] = True
    return Ids(first, repeated)


def duplicates(connection: Connection, source: Source, ids: Ids) -> npt.NDArray[np.bool_]:
    """Which rows have the non-empty id and the time of an earlier row, among them or in the store."""
    found = ids.repeated.copy()
    if ids.first:
        found[_stored(connection, source, list(ids.first), list(ids.first.values()))] = True
    return found


def count_duplicates(connection: Connection, source: Source, rows: int) -> None:
    """Add to the number of duplicates that a data source has had, in the transaction that leaves these out."""
    connection.execute(
        "INSERT INTO internal.duplicates VALUES ($name, $rows) ON CONFLICT DO UPDATE SET rows = rows + excluded.rows",
        {"name": source.name, "rows": rows},
    )


def had_duplicates(store: Store, source: Source) -> int | None:
    """How many rows came again and were not stored, since the store began; None where rows have no ids to tell by."""
    if not source.unique_key:
        return None
    with store.snapshot() as cursor:
        found = cursor.execute("SELECT rows FROM internal.duplicates WHERE datasource = ?", [source.name]).fetchone()
    return int(found[0]) if found else 0


def _stored(connection: Connection, source: Source, pairs: Sequence[tuple[str, int]], rows: Sequence[int]) -> list[int]:
    """The rows whose pair of id and time is in the table already."""
    ids, moments = zip(*pairs, strict=True)
    time, key = quoted(source.time_column), quoted(source.unique_key)
    batch = pa.table({"id": ids, "moment": pa.array(moments, pa.timestamp("us")), "row": rows})  # noqa: F841
    found = connection.execute(
        f"SELECT DISTINCT batch.row FROM rows.{quoted(source.name)} AS stored "
        f"JOIN batch ON stored.{key} = batch.id AND stored.{time} = batch.moment "
        f"WHERE stored.{time} BETWEEN make_timestamp($first) AND make_timestamp($last)",
        {"first": min(moments), "last": max(moments)},
    ).fetchall()
    return [row for (row,) in found]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
