"""Stored rows and their prices: what they would cost by the prices in force, and putting that in their place.

Downstream of the writer. The costs are computed anew from the stored tokens, one batch of rows after the other, by the
arithmetic of ingest (metrics/pricing.py). `sent_cost` is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metrics.errors import BadRequest
from metrics.pricing import MONEY, READ, Pricing
from metrics.progress import Progress
from metrics.store import Connection, Store, quoted
from metrics.workspace import Source
from metrics.writer import Writer, rewrite

BATCH_ROWS = 100_000
CHANGED = ("cost", "computed_cost")


@dataclass(frozen=True)
class Which:
    """The rows in question: from a moment (inclusive) to another (exclusive), UTC, and of some models; None: all."""

    start: datetime | None = None
    end: datetime | None = None
    models: tuple[str, ...] = ()

    def condition(self) -> tuple[str, dict[str, object]]:
        """It as SQL with the values that it binds."""
        parts: list[str] = []
        values: dict[str, object] = {}
        for name, sql, value in (("start", "event_time >= $start", self.start), ("end", "event_time < $end", self.end)):
            if value is not None:
                parts.append(sql)
                values[name] = value
        if self.models:
            parts.append("list_contains($models, model_name)")
            values["models"] = list(self.models)
        return " AND ".join(parts) or "true", values


@dataclass
class Difference:
    """What changes for a model: its rows with another `cost` or `computed_cost`, and the sums of both over them.

    `priced` and `unpriced` count the rows that get a cost and that lose it; a sum is None where no row has a value.
    """

    model: str
    requests: int = 0
    costs: dict[str, list[Decimal | None]] = field(default_factory=lambda: {name: [None, None] for name in CHANGED})
    priced: int = 0
    unpriced: int = 0

    def add(self, found: dict[str, Any]) -> None:
        """Count a batch's rows of the model."""
        self.requests += found["row_count"]
        self.priced += found["priced_sum"]
        self.unpriced += found["unpriced_sum"]
        for name, sums in self.costs.items():
            for at, prefix in enumerate(("old", "new")):
                more = found[f"{prefix}_{name}_sum"]
                before = sums[at]
                sums[at] = before if more is None else more if before is None else before + more


def preview(store: Store, source: Source, pricing: Pricing, which: Which) -> list[Difference]:
    """What `reprice` would change, by model, the largest difference first.

    Raises:
        BadRequest: the data source has no sent and computed cost.
    """
    _require_prices(source)
    totals: dict[str, Difference] = {}
    with store.snapshot() as cursor:
        for changes in _changes(cursor, source, pricing, which, store.progress):
            _count(changes, totals)
    return _ordered(totals)


def reprice(writer: Writer, source: Source, which: Which) -> list[Difference]:
    """Compute the costs of stored rows anew and put them in the place of the old ones, in one transaction.

    Returns what has changed, by model, the largest difference first.

    Raises:
        BadRequest: the data source has no sent and computed cost.
        Busy: the store cannot be written now; nothing has changed.
    """
    _require_prices(source)

    def run(connection: Connection) -> list[Difference]:
        totals: dict[str, Difference] = {}
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE repriced (row BIGINT, cost DECIMAL(18, 9), computed_cost DECIMAL(18, 9))"
        )
        reading = connection.cursor()  # nobody but this thread writes, so it sees what the transaction does
        try:
            for changes in _changes(reading, source, writer.pricing, which, writer.progress):
                _count(changes, totals)
                connection.execute("INSERT INTO repriced SELECT row, new_cost, new_computed_cost FROM changes")
        finally:
            reading.close()
        if totals:
            with writer.progress.of("Writing costs"):
                rewrite(connection, source, "repriced", CHANGED, writer.seq)
        connection.execute("DROP TABLE repriced")
        return _ordered(totals)

    return writer.run(run, alone=True)


def _require_prices(source: Source) -> None:
    if not source.is_priced:
        raise BadRequest(
            f"The rows of '{source.name}' are not priced: its file lacks one of the columns that docs/prices.md names."
        )


def _changes(
    cursor: Connection, source: Source, pricing: Pricing, which: Which, progress: Progress
) -> Iterator[pa.Table]:
    """The rows that would have other costs: `row`, model_name, and the old and the new values of CHANGED."""
    known = dict(source.columns)
    columns = ", ".join(quoted(name) for name in (*READ, "sent_cost", *CHANGED) if name in known)
    condition, values = which.condition()
    rows = f"FROM rows.{quoted(source.name)} WHERE {condition}"
    (total,) = cursor.execute(f"SELECT count(*) {rows}", values or None).fetchall()[0]
    with progress.of("Pricing", "rows", total) as work:
        read = cursor.sql(f"SELECT rowid AS row, {columns} {rows}", params=values or None)
        for batch in read.to_arrow_reader(BATCH_ROWS):
            if batch.num_rows:
                yield _changed(pa.Table.from_batches([batch]), pricing)
            work.done += batch.num_rows


def _changed(rows: pa.Table, pricing: Pricing) -> pa.Table:
    old = {name: _money(rows, name) for name in CHANGED}
    costs = pricing.costs(rows, _money(rows, "sent_cost"))
    new = {"cost": costs.cost, "computed_cost": costs.computed_cost}
    differs = pc.or_(*(_distinct(old[name], new[name]) for name in CHANGED))
    columns = {"row": rows.column("row"), "model_name": rows.column("model_name")}
    columns |= {f"{when}_{name}": values[name] for when, values in (("old", old), ("new", new)) for name in CHANGED}
    return pa.table(columns).filter(differs)


def _money(rows: pa.Table, name: str) -> pa.Array:
    return pa.concat_arrays([chunk.cast(MONEY) for chunk in rows.column(name).chunks])


def _distinct(one: pa.Array, other: pa.Array) -> pa.Array:
    """Where two values differ; NULL is a value like any other."""
    return pc.fill_null(pc.not_equal(one, other), pc.xor(pc.is_null(one), pc.is_null(other)))


def _count(changes: pa.Table, totals: dict[str, Difference]) -> None:
    known_before, known_now = (pc.is_valid(changes.column(f"{when}_cost")) for when in ("old", "new"))
    changes = changes.append_column("priced", pc.and_not(known_now, known_before))
    changes = changes.append_column("unpriced", pc.and_not(known_before, known_now))
    summed = [name for name in changes.column_names if name not in ("row", "model_name")]
    found = changes.group_by("model_name").aggregate([("row", "count"), *((name, "sum") for name in summed)])
    for group in found.to_pylist():
        model = group["model_name"]
        totals.setdefault(model, Difference(model)).add(group)


def _ordered(totals: dict[str, Difference]) -> list[Difference]:
    def size(item: Difference) -> tuple[Decimal, int]:
        old, new = (cost or Decimal(0) for cost in item.costs["cost"])
        return abs(new - old), item.requests

    return sorted(totals.values(), key=size, reverse=True)


@dataclass(frozen=True)
class InUse:
    """A model of a provider in the stored rows, with what is known of its costs."""

    model: str
    provider: str | None
    requests: int
    tokens: int
    unpriced_requests: int
    unpriced_tokens: int
    first_seen: datetime
    last_seen: datetime


def in_use(store: Store, source: Source) -> list[InUse]:
    """The models of the stored rows, those with the most requests first.

    Raises:
        BadRequest: the data source has no sent and computed cost.
    """
    _require_prices(source)
    provider = "nullif(provider, '')" if "provider" in dict(source.columns) else "NULL"
    used = "prompt_tokens::UBIGINT + completion_tokens"
    with store.snapshot() as cursor:
        found = cursor.execute(
            f"SELECT model_name, {provider} AS provider, count(*) AS requests, sum({used}), "
            f"count(*) FILTER (cost IS NULL), coalesce(sum({used}) FILTER (cost IS NULL), 0), "
            f"min(event_time), max(event_time) FROM rows.{quoted(source.name)} "
            "GROUP BY ALL ORDER BY requests DESC, model_name, provider"
        ).fetchall()
    return [
        InUse(model, provider, requests, int(tokens), unpriced, int(unpriced_tokens), first, last)
        for model, provider, requests, tokens, unpriced, unpriced_tokens, first, last in found
    ]
