"""What commands share that take long: rows into the API in batches, and how far they or the server have come."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from tqdm import tqdm

from metrics.client import Api
from metrics.errors import PerchError

if TYPE_CHECKING:
    from metrics.files import Row  # it loads pyarrow, which the other commands can do without

LOOK = 0.1
"""Seconds between two looks at how far the server is."""

BATCH_ROWS = 10_000
BATCH_BYTES = 4_000_000  # below the default PERCH_MAX_BODY with room to spare

Batch = tuple[int, bytes]


@dataclass
class Sent:
    """Rows that are in the table, rows that are in its quarantine, and rows that were there before, by their id."""

    rows: int = 0
    quarantined: int = 0
    duplicates: int = 0

    def __str__(self) -> str:
        """As in `2,712 rows loaded, 0 quarantined`; duplicates are named where there are any."""
        again = f", {self.duplicates:,} were there already" if self.duplicates else ""
        return f"{self.rows:,} rows loaded, {self.quarantined:,} quarantined{again}"


def batches(rows: Iterable[Row]) -> Iterator[Batch]:
    """Rows as NDJSON bodies, each with its number of rows: at most `BATCH_ROWS`, and about `BATCH_BYTES` bytes."""
    encode = msgspec.json.Encoder(decimal_format="number").encode_into
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
    """Post every body and wait for its commit, under a progress bar of rows (none where stderr is not a terminal).

    Raises:
        PerchError: a body is refused or the file ends in an error; says how many rows are in by then.
    """
    sent = Sent()
    with tqdm(total=total, desc=label, unit=" rows", leave=False, dynamic_ncols=True, disable=None) as bar:
        try:
            for count, body in bodies:
                answer = perch.post("/v0/events", body, name=datasource, wait="true")
                sent.rows += answer["successful_rows"]
                sent.quarantined += answer["quarantined_rows"]
                sent.duplicates += answer.get("duplicate_rows", 0)
                bar.update(count)
        except PerchError as error:
            before = f" {sent.rows:,} rows were loaded before that." if sent.rows else ""
            raise PerchError(error.message + before) from None
    return sent


@contextmanager
def under_way(perch: Api) -> Iterator[None]:
    """Show how far the server is with what is asked of it within (nothing where stderr is not a terminal)."""
    with tqdm(leave=False, dynamic_ncols=True, disable=None, delay=LOOK) as bar, ThreadPoolExecutor(1) as looking:
        over = threading.Event()
        if not bar.disable:
            looking.submit(_follow, perch, bar, over)
        try:
            yield
        finally:
            over.set()


def _follow(perch: Api, bar: tqdm[Any], over: threading.Event) -> None:
    while not over.wait(LOOK):
        work = perch.get("/v0/progress")["work"]
        if work and (bar.desc, bar.total) != (f"{work['what']}: ", work["total"]):
            bar.unit, bar.unit_scale = f" {work['unit']}", work["unit"] == "B"
            bar.bar_format = None if work["total"] else "{desc}{elapsed}"
            bar.set_description(work["what"], refresh=False)
            bar.reset(work["total"])
        if work:
            bar.n = work["done"]
            bar.refresh()


def column_types(perch: Api, datasource: str) -> dict[str, str]:
    """The columns of a data source with their ClickHouse types; raises PerchError when there is no such data source."""
    columns = perch.get(f"/v0/datasources/{quote(datasource, safe='')}")["columns"]
    return {each["name"]: f"Nullable({each['type']})" if each["nullable"] else each["type"] for each in columns}


def first_reasons(perch: Api, datasource: str, since: datetime, most: int = 5) -> list[str]:
    """Why rows went to the quarantine since a moment: the first reason for each column, in order of appearance."""
    quarantine = perch.rows(
        f"SELECT c__error_column, c__error FROM {datasource}_quarantine "
        f"WHERE insertion_date >= toDateTime('{since:%Y-%m-%d %H:%M:%S}') ORDER BY insertion_date LIMIT 10000"
    )
    reasons: dict[str, str] = {}
    for row in quarantine:
        # A line that is not JSON has one reason and no column.
        for column, reason in zip(row["c__error_column"] or [""], row["c__error"], strict=True):
            reasons.setdefault(column, reason)
    return list(reasons.values())[:most]
