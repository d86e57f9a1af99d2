"""Rollups: data sources that a materialized pipe fills, kept up with the rows that it reads.

Beside the store. A rollup's table holds what its pipe makes of all rows up to a mark, a commit number; the view that
queries read adds, in the same snapshot, what the pipe makes of the rows since. `roll_up` moves the mark and appends
those in one transaction; whatever removes or changes rows does so inside `corrected`, which puts the groups of these
rows right in the same transaction. What a rollup is stands in the store (`internal.rollups`, written by
`materializing.py`), so that every transaction sees the definitions that the tables were filled by.

All rollups over one data source, and those over such rollups, share its mark and move together.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Final

from metrics.errors import PerchError, StartError
from metrics.store import Connection, Store, quoted

log = logging.getLogger(__name__)

ROWS: Final = '"rows that are read"'
"""Stands in `Rollup.sql` and `Rollup.merged` for the rows that the SELECT is over."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for new rows."""

ROLLED_ROWS: Final = 200_000
"""New rows after which they are rolled up: a query reads as many besides, in about 10 ms."""

ROLLED_AFTER: Final = 10.0
"""Seconds after which fewer are rolled up too."""

SLICE_ROWS: Final = 1_000_000
"""Rows that are summed up in one transaction, or those of one commit if it has more."""

MOST_READ_AGAIN: Final = 5_000_000
"""Rows that a removal reads again to put rollups right, while the writer waits; for more they start anew."""

MERGED_ROWS: Final = 500_000
"""Rows of a rollup that are merged in one transaction, or those of one day if it has more."""


@dataclass(frozen=True)
class Rollup:
    """One rollup. `sql` makes its rows of those that it `reads`, `merged` the fewest rows of some of its own.

    `base` is the data source at the beginning of the chain. Rows of equal `keys` are one group. `slack` is how many
    seconds rows of one group are apart at most by `read_time`, a column of what it reads, None where time is no part of
    its keys; `time_column` is its own key of time, "" without one.
    """

    name: str
    position: int
    base: str
    reads: str
    keys: list[str]
    columns: list[str]
    time_column: str
    read_time: str
    slack: int | None
    sql: str
    merged: str

    @property
    def table(self) -> str:
        """Its table."""
        return f"rows.{quoted(self.name)}"

    @property
    def listed(self) -> str:
        """Its columns, comma-joined."""
        return ", ".join(quoted(name) for name in self.columns)

    def over(self, rows: str) -> str:
        """The SELECT of its rows over a subquery or table."""
        return self.sql.replace(ROWS, rows)

    def same_group(self, one: str, other: str) -> str:
        """The condition that two rows are of one group."""
        pairs = (f"{one}.{quoted(key)} IS NOT DISTINCT FROM {other}.{quoted(key)}" for key in self.keys)
        return " AND ".join(pairs) or "true"


def known(connection: Connection, base: str = "") -> list[Rollup]:
    """The rollups of the store, each after the one that it reads; with `base` those at the end of its chains."""
    listed = ", ".join(field.name for field in fields(Rollup))
    condition = "base = $base" if base else "$base = $base"
    found = connection.execute(
        f"SELECT {listed} FROM internal.rollups WHERE {condition} ORDER BY position", {"base": base}
    ).fetchall()
    return [Rollup(*row) for row in found]


def mark(connection: Connection, base: str) -> int:
    """The commit number up to which the rows of a data source are in its rollups."""
    row = connection.execute("SELECT seq FROM internal.rollup_marks WHERE base = ?", [base]).fetchone()
    return int(row[0]) if row else 0


# Definitions.


def bring_up(connection: Connection, rollups: Sequence[Rollup]) -> None:
    """Take over these definitions, and make the views that queries read; inside a transaction.

    Where those of a data source have changed, its rollups start anew: until `roll_up` has caught up, queries make them
    of the rows themselves.

    Raises:
        StartError: a data source that a new pipe fills has rows of its own.
    """
    before = known(connection)
    bases = {rollup.base for rollup in [*before, *rollups]}
    changed = {base for base in bases if _over(base, before) != _over(base, rollups)}
    for base in changed:  # all of them first: a rollup may be over another data source now
        _forget(connection, base, _over(base, before))
    for base in changed:
        _begin(connection, base, _over(base, rollups))
    fresh: dict[str, str] = {}
    for rollup in rollups:
        rows = f"(SELECT * FROM {_fresh(rollup.base)})"
        fresh[rollup.name] = f"(SELECT {rollup.listed} FROM ({rollup.over(fresh.get(rollup.reads, rows))}))"
        connection.execute(
            f"CREATE OR REPLACE VIEW main.{quoted(rollup.name)} AS SELECT {rollup.listed} FROM {rollup.table} "
            f"UNION ALL SELECT {rollup.listed} FROM {fresh[rollup.name]}"
        )


def asking_for_fresh(rollups: Sequence[Rollup]) -> str:
    """The SQL that tells whether a row has come since the marks of these."""
    asked = [f"EXISTS (SELECT 1 FROM {_fresh(base)})" for base in sorted({rollup.base for rollup in rollups})]
    return f"SELECT {' OR '.join(asked)}" if asked else "SELECT false"


def _fresh(base: str) -> str:
    since = f"(SELECT seq FROM internal.rollup_marks WHERE base = {_text(base)})"
    return f"rows.{quoted(base)} WHERE _seq > {since}"


def _over(base: str, rollups: Sequence[Rollup]) -> list[Rollup]:
    return [rollup for rollup in rollups if rollup.base == base]


def _forget(connection: Connection, base: str, rollups: Sequence[Rollup]) -> None:
    for rollup in rollups:
        connection.execute(f"DELETE FROM {rollup.table}")
        connection.execute("DELETE FROM internal.unmerged_days WHERE rollup = ?", [rollup.name])
    connection.execute("DELETE FROM internal.rollups WHERE base = ?", [base])
    connection.execute("DELETE FROM internal.rollup_marks WHERE base = ?", [base])


def _begin(connection: Connection, base: str, rollups: Sequence[Rollup]) -> None:
    for rollup in rollups:
        if _count(connection, rollup.table):
            raise StartError(
                f"The data source {rollup.name} has rows that no pipe made, and a materialized pipe fills it now; take "
                "the pipe away and delete them, or give it a data source of its own."
            )
        values = [getattr(rollup, field.name) for field in fields(Rollup)]
        connection.execute(f"INSERT INTO internal.rollups VALUES ({', '.join('?' * len(values))})", values)
    if rollups:
        connection.execute("INSERT INTO internal.rollup_marks VALUES (?, 0)", [base])


# Upkeep.


def keep_up(store: Store, stopping: threading.Event) -> None:
    """Roll up and merge in the background until it is time to stop; for a thread of its own."""
    settled, since = -1, 0.0
    while not stopping.wait(LOOK_EVERY):
        try:
            seen = store.acknowledged
            rows = waiting(store) if seen != settled else 0
            if not rows:  # a time for what can wait
                settled, since = seen, 0.0
                _merge_closed(store)
                continue
            since = since or time.monotonic()
            if rows >= ROLLED_ROWS or time.monotonic() - since >= ROLLED_AFTER:
                since = 0.0
                roll_up(store)
                while waiting(store) >= ROLLED_ROWS and not stopping.is_set():
                    roll_up(store)
        except PerchError:  # the writer meets the same and says it; the rows wait
            log.warning("the rollups could not be written and are tried again")
        except Exception:  # this thread must outlive whatever a definition meets; queries go on reading the rows
            log.exception("the rollups could not be brought up to the rows")


def _merge_closed(store: Store) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    merge(store, today)


def roll_up(store: Store) -> int:
    """Append what has come since the mark, at most SLICE_ROWS of each data source; returns the rows it summed up.

    Raises:
        Busy: the store cannot be written now; nothing has changed.
    """
    with store.rewriting() as connection:
        return sum(_roll_up(connection, base) for base in _bases(connection))


def waiting(store: Store) -> int:
    """Rows that came since the marks."""
    with store.snapshot() as cursor:
        return sum(sum(_pending(cursor, base).values()) for base in _bases(cursor))


@dataclass(frozen=True)
class State:
    """The rollups of a data source: its `base`, their names, rows that no table of theirs has yet, and days on which
    there may be several rows of one group."""

    base: str
    names: list[str]
    waiting_rows: int
    unmerged_days: int


def state(store: Store, name: str) -> State | None:
    """The state of the rollups that a data source is the base of, or one of; None for any other."""
    with store.snapshot() as cursor:
        base = next((each.base for each in known(cursor) if name in (each.name, each.base)), None)
        if base is None:
            return None
        names = [each.name for each in known(cursor, base)]
        days = _count(cursor, f"internal.unmerged_days WHERE list_contains([{', '.join(map(_text, names))}], rollup)")
        return State(base, names, sum(_pending(cursor, base).values()), days)


def catch_up(store: Store) -> tuple[int, int]:
    """Roll up all there is and merge every day; returns the rows that were summed up, and those that were merged.

    Raises:
        Busy: the store cannot be written now; the next time goes on from there.
    """
    rolled, merged = 0, 0
    while rows := roll_up(store):
        rolled += rows
    while rows := merge(store, datetime.max):
        merged += rows
    return rolled, merged


def _bases(connection: Connection) -> list[str]:
    return [str(base) for (base,) in connection.execute("SELECT base FROM internal.rollup_marks").fetchall()]


def _pending(connection: Connection, base: str) -> dict[int, int]:
    """The commits since the mark, each with its rows."""
    found = connection.execute(
        f"SELECT _seq, count(*) FROM rows.{quoted(base)} WHERE _seq > $mark GROUP BY _seq ORDER BY _seq",
        {"mark": mark(connection, base)},
    ).fetchall()
    return {int(seq): int(rows) for seq, rows in found}


def _roll_up(connection: Connection, base: str) -> int:
    since, last, rows = mark(connection, base), 0, 0
    for seq, count in _pending(connection, base).items():
        if rows and rows + count > SLICE_ROWS:
            break
        last, rows = seq, rows + count
    if not rows:
        return 0
    for rollup in known(connection, base):
        # What a rollup of this run has appended has the number of its last commit, and nothing else has.
        which = f"_seq > {since} AND _seq <= {last}" if rollup.reads == base else f"_seq = {last}"
        made = rollup.over(f"(SELECT * FROM rows.{quoted(rollup.reads)} WHERE {which})")
        _append(connection, rollup, f"SELECT {rollup.listed} FROM ({made})", last)
        _note_days(connection, rollup, last)
    connection.execute("UPDATE internal.rollup_marks SET seq = ? WHERE base = ?", [last, base])
    return rows


def _append(connection: Connection, rollup: Rollup, select: str, seq: int) -> None:
    connection.execute(f"INSERT INTO {rollup.table} ({rollup.listed}, _seq) SELECT *, {seq} FROM ({select})")


def _note_days(connection: Connection, rollup: Rollup, seq: int) -> None:
    """Remember the days on which a rollup has both rows of this run and earlier ones: some may be of one group now."""
    day = f"CAST({quoted(rollup.time_column)} AS DATE)" if rollup.time_column else "DATE '1970-01-01'"
    connection.execute(
        f"""INSERT INTO internal.unmerged_days
        WITH run AS (SELECT DISTINCT {day} AS day FROM {rollup.table} WHERE _seq = $seq),
        earlier AS (
            SELECT DISTINCT {day} AS day FROM {rollup.table}
            WHERE _seq < $seq AND {day} BETWEEN (SELECT min(day) FROM run) AND (SELECT max(day) FROM run)
        )
        SELECT $name, day FROM run SEMI JOIN earlier USING (day)
        EXCEPT SELECT rollup, day FROM internal.unmerged_days""",
        {"name": rollup.name, "seq": seq},
    )


# Merging: what ClickHouse does in the background with the rows of one sorting key.


def merge(store: Store, before: datetime) -> int:
    """Merge the rows of equal keys of one rollup, on some days before a time; returns the rows it has read.

    Where there are none nothing is written, so that a store at rest stays as it is on the disk.

    Raises:
        Busy: the store cannot be written now; nothing has changed.
    """
    with store.snapshot() as cursor:
        if _first_day(cursor, "day < $before", {"before": before}) is None:
            return 0
    with store.rewriting() as connection:
        for rollup in known(connection):
            if rows := _merge(connection, rollup, before):
                return rows
    return 0


def _merge(connection: Connection, rollup: Rollup, before: datetime) -> int:
    named = {"name": rollup.name, "before": before}
    first = _first_day(connection, "rollup = $name AND day < $before", named)
    if first is None:
        return 0
    period, last = "true", first
    if rollup.time_column:
        last = _last_day(connection, rollup, first, before)
        time = quoted(rollup.time_column)
        period = f"{time} >= DATE '{first}' AND {time} < DATE '{last}' + 1"
    rows = f"(SELECT * FROM {rollup.table} WHERE {period})"
    keys = ", ".join(quoted(key) for key in rollup.keys)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE merged AS {rollup.merged.replace(ROWS, rows)} ORDER BY {keys}")
    newest = connection.execute(f"SELECT max(_seq) FROM {rollup.table} WHERE {period}").fetchone()
    deleted = connection.execute(f"DELETE FROM {rollup.table} WHERE {period}").fetchone()
    _append(connection, rollup, f"SELECT {rollup.listed} FROM merged", int(newest[0] or 0) if newest else 0)
    connection.execute("DROP TABLE merged")
    connection.execute(
        f"DELETE FROM internal.unmerged_days WHERE rollup = $name AND day BETWEEN '{first}' AND '{last}'",
        {"name": rollup.name},
    )
    return max(1, int(deleted[0]) if deleted else 0)


def _first_day(connection: Connection, condition: str, values: dict[str, object]) -> object:
    """The first of the unmerged days for which a condition holds; None if there is none."""
    row = connection.execute(f"SELECT min(day) FROM internal.unmerged_days WHERE {condition}", values).fetchone()
    return row[0] if row else None


def _last_day(connection: Connection, rollup: Rollup, first: object, before: datetime) -> object:
    """The last day of a slice that begins with an unmerged one: as many as have MERGED_ROWS rows together."""
    time = quoted(rollup.time_column)
    row = connection.execute(
        f"""SELECT coalesce(max(day) FILTER (rows <= {MERGED_ROWS}), $first) FROM (
            SELECT day, sum(n) OVER (ORDER BY day) AS rows FROM (
                SELECT CAST({time} AS DATE) AS day, count(*) AS n FROM {rollup.table}
                WHERE {time} >= $first AND {time} < $before GROUP BY day
            )
        )""",
        {"first": first, "before": before},
    ).fetchone()
    return row[0] if row else first


# Corrections.


@contextlib.contextmanager
def corrected(connection: Connection, base: str, condition: str) -> Iterator[None]:
    """Around a statement that removes or changes the rows of a data source for which `condition` (DuckDB SQL) holds.

    For a transaction of the writer, which is `alone`. A change must leave the time of a row, and what rollups group by.
    Where too many rows would have to be read for that, the rollups start anew.
    """
    rollups, until = known(connection, base), mark(connection, base)
    if not rollups or not until:
        yield
        return
    touched = f"SELECT * FROM rows.{quoted(base)} WHERE ({condition}) AND _seq <= {until}"
    if (period := _whole_period(connection, rollups, touched, until)) is not None:
        yield
        _make_anew(connection, rollups, period, until)
        return
    _note_touched(connection, rollups, f"({touched})")
    ranges = _ranges(connection, rollups, f"({touched})")
    yield
    if not _too_many(connection, rollups, ranges, until):
        _put_right(connection, rollups, ranges, until)
    for rollup in rollups:
        connection.execute(f"DROP TABLE IF EXISTS temp.{_touched(rollup.name)}")


Period = tuple[datetime, datetime]
"""The first time and the last."""


def _whole_period(connection: Connection, rollups: Sequence[Rollup], touched: str, until: int) -> Period | None:
    """The time from the first of the touched rows to the last, if every row of the base in it is one of them.

    None as well where a rollup has groups without a time, or there are no such rows.
    """
    first = rollups[0]
    if not all(rollup.time_column and rollup.slack is not None for rollup in rollups):
        return None
    time = quoted(next(rollup.read_time for rollup in rollups if rollup.reads == first.base))
    row = connection.execute(f"SELECT count(*), min({time}), max({time}) FROM ({touched})").fetchone()
    if row is None or not row[0]:
        return None
    within = f"{time} BETWEEN TIMESTAMP '{row[1]}' AND TIMESTAMP '{row[2]}'"
    whole = _count(connection, f"rows.{quoted(first.base)} WHERE _seq <= {until} AND {within}")
    return (row[1], row[2]) if whole == row[0] else None


def _make_anew(connection: Connection, rollups: Sequence[Rollup], period: Period, until: int) -> None:
    """Make the groups anew in which a row of the period may be: when a month expires, few rows are left to read."""
    periods = {rollups[0].base: period}
    for rollup in rollups:
        periods[rollup.name] = _wider(periods[rollup.reads], rollup.slack or 0)
    ranges = {
        rollup.name: _between(rollup.read_time, _wider(periods[rollup.reads], 2 * (rollup.slack or 0)))
        for rollup in rollups
    }
    if _too_many(connection, rollups, ranges, until):
        return
    for rollup in rollups:
        groups = _between(rollup.time_column, periods[rollup.name])
        connection.execute(f"DELETE FROM {rollup.table} WHERE {groups}")
        rows = f"(SELECT * FROM rows.{quoted(rollup.reads)} WHERE _seq <= {until} AND {ranges[rollup.name]})"
        _append(connection, rollup, f"SELECT {rollup.listed} FROM ({rollup.over(rows)}) WHERE {groups}", until)


def _wider(period: Period, seconds: int) -> Period:
    return period[0] - timedelta(seconds=seconds), period[1] + timedelta(seconds=seconds)


def _between(column: str, period: Period) -> str:
    return f"{quoted(column)} BETWEEN TIMESTAMP '{period[0]}' AND TIMESTAMP '{period[1]}'"


def _too_many(connection: Connection, rollups: Sequence[Rollup], ranges: dict[str, str], until: int) -> bool:
    """Whether more rows would have to be read than the writer may wait for; then the rollups start anew instead."""
    base = rollups[0].base
    reading = [
        f"rows.{quoted(base)} WHERE _seq <= {until} AND {ranges[rollup.name]}"
        for rollup in rollups
        if rollup.reads == base
    ]
    left = sum(_count(connection, rows) for rows in reading)
    if left <= MOST_READ_AGAIN:
        return False
    for rollup in rollups:
        connection.execute(f"DELETE FROM {rollup.table}")
    connection.execute("UPDATE internal.rollup_marks SET seq = 0 WHERE base = ?", [base])
    return True


def _touched(name: str) -> str:
    return quoted(f"touched groups of {name}")


def _note_touched(connection: Connection, rollups: Sequence[Rollup], rows: str) -> None:
    """Note the keys of the groups that these rows of the base are in, for each rollup in a table of its own."""
    before: dict[str, Rollup] = {}
    for rollup in rollups:
        over = rows
        if rollup.reads in before:
            read = before[rollup.reads]
            same = read.same_group("r", "t")
            over = f"(SELECT r.* FROM {read.table} AS r SEMI JOIN {_touched(read.name)} AS t ON {same})"
        keys = ", ".join(quoted(key) for key in rollup.keys) or "1 AS one"
        made = f"SELECT DISTINCT {keys} FROM ({rollup.over(over)})"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_touched(rollup.name)} AS {made}")
        before[rollup.name] = rollup


def _ranges(connection: Connection, rollups: Sequence[Rollup], touched: str) -> dict[str, str]:
    """For each rollup the condition for the rows, of those that it reads, that may be in a touched group."""
    return {
        rollup.name: _range(connection, rollup, touched if rollup.reads == rollup.base else _touched(rollup.reads))
        for rollup in rollups
    }


def _range(connection: Connection, rollup: Rollup, touched: str) -> str:
    if rollup.slack is None:
        return "true"
    time = quoted(rollup.read_time)
    row = connection.execute(f"SELECT min({time}), max({time}) FROM {touched}").fetchone()
    if row is None or row[0] is None:
        return "false"
    return _between(rollup.read_time, _wider((row[0], row[1]), rollup.slack))


def _put_right(connection: Connection, rollups: Sequence[Rollup], ranges: dict[str, str], until: int) -> None:
    """Make the touched groups anew, of the rows that are left."""
    for rollup in rollups:
        same = rollup.same_group("r", "t")
        connection.execute(
            f"DELETE FROM {rollup.table} AS r WHERE EXISTS (SELECT 1 FROM {_touched(rollup.name)} AS t WHERE {same})"
        )
        which = f"_seq <= {until} AND {ranges[rollup.name]}"
        made = rollup.over(f"(SELECT * FROM rows.{quoted(rollup.reads)} WHERE {which})")
        _append(
            connection,
            rollup,
            f"SELECT {rollup.listed} FROM ({made}) AS r SEMI JOIN {_touched(rollup.name)} AS t ON {same}",
            until,
        )


def _count(connection: Connection, rows: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(row[0]) if row else 0


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
