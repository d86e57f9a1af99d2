"""Closed days in the order of the sorting key, whatever order their rows came in; beside the writer, downstream of it.

DuckDB keeps rows in row groups of up to 122,880 and skips those whose times a query does not ask for. Rows that come
late or shuffled make row groups that span much time, which no query skips. A run looks at the span of each row group,
chooses those that follow each other (`_split`), and finds the stretches of time that the others have rows in
(`_regions`). A stretch is rewritten in slices of about two row groups, each in one transaction: rows out, sorted, rows
in, with every column and `_seq` as it was. A slice of at least a whole row group is written straight into row groups of
its own; fewer rows are written by the writer's thread, with the log folded before and after, so that no other row joins
them. Emptied row groups go at the next fold of the log, and their space is used again.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from metrics.store import Connection, Store, quoted
from metrics.workspace import Source, Workspace
from metrics.writer import Writer

log = logging.getLogger(__name__)

ROW_GROUP = 122_880
"""Rows of a full row group; an insert of at least so many shares no row group with other rows."""

SLICE = 2 * ROW_GROUP
"""Rows that one transaction moves, or somewhat more at the end of a stretch."""

CROWDED = ROW_GROUP // 4
"""Neighbours that hold no more rows than this together become one, as each fold of the log begins a row group."""

OVERLAP = timedelta(hours=1)
"""Row groups that follow each other may overlap by so much: events come a little late all the time."""

EVERY, TICK = 120.0, 10.0
"""Seconds between two looks, and between two glances at how much was imported."""

ROUNDS = 4
"""A run looks again so often: what came in meanwhile waits for the next run."""

_DAY, _HOUR, _INSTANT = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class RowGroup:
    """The times of a row group's first and last row, its commit numbers, and its rows with those that are deleted."""

    first: datetime
    last: datetime
    seqs: tuple[int, int]
    rows: int
    on_disk: bool

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether a row of [start, end) may lie in it."""
        return self.first < end and self.last >= start


@dataclass(frozen=True)
class Span:
    """A stretch of time, from `start` to before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Order:
    """How a data source lies: its row groups of closed days, those out of order, and the last day that is in order."""

    row_groups: int
    overlapping: int
    sorted_until: date | None


@dataclass(frozen=True)
class Sorted:
    """What a run did with a data source: slices and rows rewritten, seconds, and how it lies now."""

    datasource: str
    slices: int
    rows: int
    seconds: float
    order: Order


@dataclass(frozen=True)
class _Look:
    order: Order
    regions: list[Span]
    bases: list[RowGroup]
    open_strays: frozenset[RowGroup]


class _TooFew(Exception):
    """Rows were removed since the look, so that a slice has too few for row groups of its own."""


class Orderer:
    """Sorts what is out of order; one run at a time. Everything waits on `stopping`, and ends once that is set."""

    def __init__(self, store: Store, writer: Writer, stopping: threading.Event) -> None:
        self._store = store
        self._writer = writer
        self._stopping = stopping
        self._running = threading.Lock()
        self._seen: dict[str, tuple[int, date, Order]] = {}
        # Row groups that also hold today's rows stay when their others have been moved: not again, then.
        self._moved_from: set[tuple[str, RowGroup]] = set()

    def stop(self) -> None:
        """End the run that goes on after the slice at hand, and `upkeep`."""
        self._stopping.set()

    def state(self, source: Source) -> Order | None:
        """How a data source lay at the last look; None without a time in its sorting key.

        Raises:
            Busy: the disk fails.
        """
        if not source.time_column:
            return None
        if source.name not in self._seen:
            self._look(source)
        return self._seen[source.name][2]

    def order(self, workspace: Workspace) -> list[Sorted]:
        """Sort every data source that changed since it was last in order; returns what was done with each.

        It ends early when the server stops. What was moved then stays moved.

        Raises:
            Busy: the store cannot be written now.
        """
        with self._running:
            return [self._order(source) for source in workspace.sources.values() if source.time_column]

    def upkeep(self, workspace: Callable[[], Workspace]) -> None:
        """Sort every few minutes, and soon after a large import has ended, until `stopping` is set."""
        looked, looked_at, before = 0, time.monotonic(), 0
        while not self._stopping.wait(TICK):
            written = self._writer.written
            imported = written - looked >= SLICE and written - before < ROW_GROUP
            before = written
            if imported or time.monotonic() - looked_at >= EVERY:
                looked, looked_at = written, time.monotonic()
                self._try(workspace())

    def _try(self, workspace: Workspace) -> None:
        try:
            self.order(workspace)
        except Exception:  # what fails now (a full disk) is tried again next time and must not end the thread
            log.exception("rows could not be sorted; they are as they were, and it is tried again")

    def _order(self, source: Source) -> Sorted:
        began, slices, rows = time.monotonic(), 0, 0
        seen = self._seen.get(source.name)
        if seen and seen[:2] == (self._writer.seq, _today().date()) and not seen[2].overlapping:
            return Sorted(source.name, 0, 0, 0.0, seen[2])
        look = self._look(source)
        for _ in range(ROUNDS):
            if not look.regions or self._stopping.is_set():
                break
            for moved in self._rewrite(source, look):
                slices, rows = slices + 1, rows + moved
            self._writer.fold(whole=True)  # the emptied row groups go
            self._moved_from |= {(source.name, group) for group in look.open_strays}
            look = self._look(source)
        seconds = time.monotonic() - began
        if slices:
            log.info("sorted %s: %d rows in %d slices, %.1f s", source.name, rows, slices, seconds)
        return Sorted(source.name, slices, rows, seconds, look.order)

    def _look(self, source: Source) -> _Look:
        seq, today = self._writer.seq, _today()
        moved_from = frozenset(group for name, group in self._moved_from if name == source.name)
        with self._store.snapshot() as cursor:
            look = _look(cursor, source, today, moved_from)
        self._seen[source.name] = seq, today.date(), look.order
        return look

    def _rewrite(self, source: Source, look: _Look) -> Iterator[int]:
        """Rewrite all regions of a look, with pauses; gives the rows of each slice."""
        for region in look.regions:
            with self._store.snapshot() as cursor:
                slices = _slices(cursor, source, region)
            for span, rows in slices:
                if self._stopping.is_set():
                    return
                began = time.monotonic()
                yield self._rewrite_slice(source, span, rows)
                self._writer.fold(whole=False)
                self._stopping.wait(min(1.0, time.monotonic() - began))  # as long again for those who ask and send

    def _rewrite_slice(self, source: Source, span: Span, rows: int) -> int:
        if rows < ROW_GROUP:
            return self._writer.run(lambda connection: _move(connection, source, span), alone=True, apart=True)
        try:
            with self._store.rewriting() as connection:
                moved = _move(connection, source, span)
                if moved < ROW_GROUP:
                    raise _TooFew
        except _TooFew:
            return 0
        return moved


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


# --- looking ----------------------------------------------------------------------------------------------------------


def _look(cursor: Connection, source: Source, today: datetime, moved_from: frozenset[RowGroup]) -> _Look:
    groups = _row_groups(cursor, source)
    closed = [group for group in groups if group.last < today]
    bases, strays = _split(closed)
    open_strays = frozenset(
        group
        for group in groups
        if group.last >= today and group not in moved_from and _mostly_closed(cursor, source, group, today)
    )
    regions = _regions(cursor, source, bases, [*strays, *open_strays], today)
    last_day = (today - _DAY).date() if closed else None
    if regions:
        last_day = (regions[0].start - _DAY).date()
    overlapping = max(len(strays) + len(open_strays), len(regions)) if regions else 0
    return _Look(Order(len(closed) + len(open_strays), overlapping, last_day), regions, bases, open_strays)


def _row_groups(cursor: Connection, source: Source) -> list[RowGroup]:
    table = f"rows.{quoted(source.name)}".replace("'", "''")
    found = cursor.execute(
        "SELECT min(TRY_CAST(stats.min::VARCHAR AS TIMESTAMP)) FILTER (column_name = $time), "
        "max(TRY_CAST(stats.max::VARCHAR AS TIMESTAMP)) FILTER (column_name = $time), "
        "min(TRY_CAST(stats.min::VARCHAR AS UBIGINT)) FILTER (column_name = '_seq'), "
        "max(TRY_CAST(stats.max::VARCHAR AS UBIGINT)) FILTER (column_name = '_seq'), "
        "(sum(count) FILTER (column_name = $time))::BIGINT, bool_and(persistent) "
        f"FROM pragma_storage_info('{table}') "
        "WHERE column_name IN ($time, '_seq') AND segment_type <> 'VALIDITY' GROUP BY row_group_id",
        {"time": source.time_column},
    ).fetchall()
    return [RowGroup(first, last, (low, high), rows, kept) for first, last, low, high, rows, kept in found if first]


def _split(closed: Iterable[RowGroup]) -> tuple[list[RowGroup], list[RowGroup]]:
    """The row groups that follow each other in time and hold the most rows, and the others, which are out of order."""
    groups = sorted(closed, key=lambda group: (group.last, group.first))
    lasts = [group.last for group in groups]
    best, before = [0], list[int]()  # the most rows of the first so many groups; how many may stand before each
    for at, group in enumerate(groups):
        before.append(bisect_right(lasts, group.first + OVERLAP, 0, at))
        best.append(max(best[at], group.rows + best[before[at]]))
    kept: list[int] = []
    at = len(groups)
    while at:
        at -= 1
        # One that begins after its follower lies within it.
        if best[at + 1] > best[at] and (not kept or groups[at].first <= groups[kept[-1]].first):
            kept.append(at)
            at = before[at]
    others = sorted(set(range(len(groups))) - set(kept))
    return [groups[at] for at in kept[::-1]], [groups[at] for at in others]


def _mostly_closed(cursor: Connection, source: Source, group: RowGroup, today: datetime) -> bool:
    """Whether a row group with rows of today, or of the future, is mainly of earlier days: a file, not today's flow."""
    if not group.on_disk or group.first >= today - _DAY:
        return False
    return 2 * _count(cursor, source, f"{_between(group)} AND {_before(source, today)}") >= group.rows


def _regions(
    cursor: Connection, source: Source, bases: list[RowGroup], strays: list[RowGroup], today: datetime
) -> list[Span]:
    """The stretches of time to rewrite: where strays have rows, and where small row groups lie side by side."""
    touched = {at for pair in _crowded(bases) for at in pair}
    hours = _hours(cursor, source, strays, today)
    for hour in hours:
        touched.update(_met(bases, hour))
    pieces = [(Span(base.first, base.last + _INSTANT), at in touched) for at, base in enumerate(bases)]
    pieces += [(hour, True) for hour in hours]
    regions = [_enlarged(cursor, source, region, bases) for region in _joined(pieces)]
    return [Span(region.start, min(region.end, today)) for region in _merged(regions)]


def _crowded(bases: list[RowGroup]) -> Iterator[tuple[int, int]]:
    for at in range(1, len(bases)):
        if bases[at - 1].rows + bases[at].rows <= CROWDED:
            yield at - 1, at


def _hours(cursor: Connection, source: Source, strays: list[RowGroup], today: datetime) -> list[Span]:
    """The hours before today that strays have rows in, or rows of the same commits."""
    if not strays:
        return []
    of_them = " OR ".join(sorted({_between(group) for group in strays}))
    found = cursor.execute(
        f"SELECT DISTINCT date_trunc('hour', {quoted(source.time_column)}::TIMESTAMP) AS hour "
        f"FROM rows.{quoted(source.name)} WHERE ({of_them}) AND {_before(source, today)} ORDER BY hour"
    ).fetchall()
    return [Span(hour, hour + _HOUR) for (hour,) in found]


def _met(bases: list[RowGroup], span: Span) -> range:
    """The row groups, by number, that a row of a span may lie in; both their ends ascend."""
    from_ = bisect_left(bases, span.start, key=lambda base: base.last)
    return range(from_, max(from_, bisect_left(bases, span.end, key=lambda base: base.first)))


def _joined(pieces: Iterable[tuple[Span, bool]]) -> list[Span]:
    """The pieces to rewrite, those that no other piece parts as one."""
    joined: list[Span] = []
    going_on = False
    for span, wanted in sorted(pieces, key=lambda piece: piece[0].start):
        if not wanted:
            going_on = False
        elif going_on:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
            going_on = True
    return joined


def _merged(regions: list[Span]) -> list[Span]:
    """Regions of which none overlaps another."""
    merged: list[Span] = []
    for region in sorted(regions, key=lambda region: region.start):
        if merged and region.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, region.end))
        else:
            merged.append(region)
    return merged


def _enlarged(cursor: Connection, source: Source, region: Span, bases: list[RowGroup]) -> Span:
    """A region with neighbours, until it has rows enough for row groups of its own; all there is where that is less."""
    while _count(cursor, source, _within(source, region)) < ROW_GROUP:
        before = bisect_left(bases, region.start, key=lambda base: base.first) - 1
        after = bisect_right(bases, region.end - _INSTANT, key=lambda base: base.last)
        if before >= 0:
            region = Span(bases[before].first, max(region.end, bases[before].last + _INSTANT))
        elif after < len(bases):
            region = Span(min(region.start, bases[after].first), bases[after].last + _INSTANT)
        else:
            break
    return region


def _count(cursor: Connection, source: Source, condition: str) -> int:
    found = cursor.execute(f"SELECT count(*) FROM rows.{quoted(source.name)} WHERE {condition}").fetchone()
    return int(found[0]) if found else 0


def _between(group: RowGroup) -> str:
    return f"_seq BETWEEN {group.seqs[0]} AND {group.seqs[1]}"


def _before(source: Source, moment: datetime) -> str:
    return f"{quoted(source.time_column)} < TIMESTAMP '{moment}'"


def _within(source: Source, span: Span) -> str:
    return f"{quoted(source.time_column)} >= TIMESTAMP '{span.start}' AND {_before(source, span.end)}"


# --- rewriting --------------------------------------------------------------------------------------------------------


def _slices(cursor: Connection, source: Source, region: Span) -> list[tuple[Span, int]]:
    """A region cut into spans of about SLICE rows, with their rows; only a lone one has less than a row group."""
    slices: list[tuple[Span, int]] = []
    start, rows = region.start, 0
    for moment, more in _counted(cursor, source, region, _count(cursor, source, _within(source, region))):
        if rows >= ROW_GROUP and rows + more > SLICE:
            slices.append((Span(start, moment), rows))
            start, rows = moment, 0
        rows += more
    if slices and rows < ROW_GROUP:
        last, earlier = slices.pop()
        start, rows = last.start, earlier + rows
    return [*slices, (Span(start, region.end), rows)] if rows else []


def _counted(cursor: Connection, source: Source, span: Span, rows: int) -> Iterator[tuple[datetime, int]]:
    """Moments of a span, each with the rows from it to the next: few enough to cut between, where their times allow."""
    length = (span.end - span.start) // _INSTANT
    width = max(1_000_000, length * (ROW_GROUP // 64) // max(1, rows))
    first = (span.start - _EPOCH) // _INSTANT
    found = cursor.execute(
        f"SELECT (epoch_us({quoted(source.time_column)}::TIMESTAMP) - {first}) // {width} AS step, count(*) "
        f"FROM rows.{quoted(source.name)} WHERE {_within(source, span)} GROUP BY step ORDER BY step"
    ).fetchall()
    for step, held in found:
        start = span.start + step * width * _INSTANT
        if held > ROW_GROUP // 8 and width > 1_000_000:
            yield from _counted(cursor, source, Span(start, min(span.end, start + width * _INSTANT)), held)
        else:
            yield start, held


def _move(connection: Connection, source: Source, span: Span) -> int:
    """Take the rows of a span out and put them in again, in order, inside a transaction; returns how many."""
    table, condition = f"rows.{quoted(source.name)}", _within(source, span)
    connection.execute(f"CREATE TEMP TABLE slice AS {_new_rows(source, condition)}")
    connection.execute(f"DELETE FROM {table} WHERE {condition}")
    moved = connection.execute(f"INSERT INTO {table} SELECT * FROM temp.slice").fetchone()
    connection.execute("DROP TABLE temp.slice")
    return int(moved[0]) if moved else 0


def _new_rows(source: Source, condition: str) -> str:
    """The SELECT that makes a slice's rows from those it had: the same, in order; rows of one key as they came."""
    return f"SELECT * FROM rows.{quoted(source.name)} WHERE {condition} ORDER BY {source.sorting}, _seq, rowid"
