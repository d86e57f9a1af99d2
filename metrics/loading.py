"""What the commands `load` and `demo` share: rows into the API in batches, with progress, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from tqdm import tqdm

from metrics.client import Api

BATCH_ROWS = 10_000
BATCH_BYTES = 4_000_000  # below the default PERCH_MAX_BODY with room to spare

Batch = tuple[int, bytes]


@dataclass
class Sent:
    """Rows that are in the table, and rows that are in its quarantine."""

    rows: int = 0
    quarantined: int = 0


def batches(rows: Iterable[dict[str, Any]]) -> Iterator[Batch]:
    """Rows as NDJSON bodies, each with its number of rows: at most `BATCH_ROWS`, and about `BATCH_BYTES` bytes."""
    encode = msgspec.json.Encoder().encode_into
    body, count = bytearray(), 0
    for row in rows:
        encode(row, body, -1)
        body += b"\n"
        count += 1
        if count == BATCH_ROWS or len(body) >= BATCH_BYTES:
            yield count, bytes(body)
            body, count = bytearray(), 0
    if count:
        yield count, bytes(body)


def send(perch: Api, datasource: str, bodies: Iterable[Batch], *, total: int | None, label: str) -> Sent:
    """Post every body and wait for its commit, under a progress bar of rows."""
    sent = Sent()
    with tqdm(
        total=total, desc=label, unit=" rows", unit_scale=True, leave=False, dynamic_ncols=True, disable=None
    ) as bar:
        for count, body in bodies:
            answer = perch.post("/v0/events", body, name=datasource, wait="true")
            sent.rows += answer["successful_rows"]
            sent.quarantined += answer["quarantined_rows"]
            bar.update(count)
    return sent


def first_reasons(perch: Api, datasource: str, since: datetime, most: int = 5) -> list[str]:
    """Why rows went to the quarantine since a moment: the first reason for each column, in order of appearance."""
    quarantine = perch.rows(
        f"SELECT c__error_column, c__error FROM {datasource}_quarantine "
        f"WHERE insertion_date >= toDateTime('{since:%Y-%m-%d %H:%M:%S}') ORDER BY insertion_date LIMIT 10000"
    )
    reasons: dict[str, str] = {}
    for row in quarantine:
        for column, reason in zip(row["c__error_column"], row["c__error"], strict=True):
            reasons.setdefault(column, reason)
    return list(reasons.values())[:most]
