"""Months out as Parquet: `exports/DATASOURCE/year=YYYY/month=MM/DATASOURCE.parquet`, whole months, only changed ones.

Downstream of the store. A month is written beside its file, fsynced and renamed over it, so that a reader sees the old
month or the new one; what was exported is recorded through the writer; last comes `exports/DATASOURCE.manifest.json`,
written from that record in the same way. Files are sorted as the table and compressed with zstd; row groups of 122,880
rows were the fastest to read by the hour and for the whole month alike. DuckDB streams and spills: no month is ever
held by Python.

The rows of a month that has expired (metrics/retention.py) are in its file alone. Such a file only grows: rows that
came since are merged into it, once, whatever is killed in between: what a merge is about to put there is noted before,
and looked for after.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metrics.columns import parse_type
from metrics.errors import Refused
from metrics.store import Connection, Store, quoted, text
from metrics.workspace import Source, Workspace
from metrics.writer import Writer

ROW_GROUP = 122_880
MANIFEST = ".manifest.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportedMonth:
    """One month's file; `month` is YYYY-MM ("" for a table that is not partitioned), `path` relative to the exports.

    `first` and `last` are the earliest and the latest time of its rows, in UTC; None where the data source has no time.
    """

    datasource: str
    month: str
    rows: int
    bytes: int
    path: str
    exported_at: datetime
    sha256: str
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class ExpiredMonth:
    """A month whose rows have left the table: how many, and when the last of them did; its file holds them."""

    month: str
    rows: int
    expired_at: datetime
    merged_seq: int
    """The commit up to which rows of the month are in its file."""
    pending_seq: int | None
    """The same of a file that is about to take its place, and that one's checksum; None when there is none."""
    pending_sha256: str | None


class Exporter:
    """Exports what changed since the last time; one run at a time."""

    def __init__(self, store: Store, writer: Writer, folder: Path) -> None:
        self._store = store
        self._writer = writer
        self.folder = folder
        self._running = threading.Lock()

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """While this lasts no file is exported."""
        with self._running:
            yield

    def export(self, workspace: Workspace) -> list[ExportedMonth]:
        """Write every changed month of every data source of `workspace`; returns those written (empty: 0 rows).

        What a materialized pipe fills is left out: it is made of the other rows.

        Raises:
            Refused: a file there is not this store's, so that it was left alone; all others were written.
        """
        exported, refused = [], None
        with self._running:
            for source in workspace.raw:
                try:
                    exported += self._export_source(source)
                except Refused as error:
                    refused = error
        if refused:
            raise refused
        return exported

    def months(self, source: Source) -> list[ExportedMonth]:
        """The months of a data source that have a file, oldest first."""
        with self._store.snapshot() as cursor:
            return _recorded(cursor, source)

    def expired(self, source: Source) -> list[ExpiredMonth]:
        """The months of a data source whose rows have left the table, oldest first."""
        with self._store.snapshot() as cursor:
            return expired_months(cursor, source)

    def _export_source(self, source: Source) -> list[ExportedMonth]:
        _clean(self.folder / source.name)
        self._refuse_foreign(source)
        exported, refused = self._export_changed(source), None
        for month in self.expired(source):
            try:
                merged = self._merge(source, month)
            except Refused as error:
                refused = error
            else:
                exported += [merged] if merged else []
        self.write_manifest(source)
        if refused:
            raise refused
        return exported

    def _export_changed(self, source: Source) -> list[ExportedMonth]:
        with self._store.snapshot() as cursor:
            seq, months, marked = _changed(cursor, source)
            gone = {month.month for month in expired_months(cursor, source)}
            known = _recorded(cursor, source)
        lost = [month.month for month in known if not (self.folder / month.path).exists()]
        months = sorted({*months, *lost} - gone)
        exported = []
        with self._store.progress.of(f"Exporting {source.name}", "months", len(months)) as work:
            for month in months:
                exported.append(self._export_month(source, month))
                work.done += 1
        if exported or marked:
            self._writer.run(lambda connection: _record(connection, source, seq, marked, exported))
        return exported

    def _export_month(self, source: Source, month: str) -> ExportedMonth:
        path = month_path(self.folder, source.name, month)
        beside = _beside(path)
        with self._store.snapshot() as cursor:
            _copy(cursor, source, table_rows(source, month), beside)
            written = _described(cursor, source, month, beside, self.folder)
        if written.rows:
            replace_durably(beside, path)
        else:
            beside.unlink()
            path.unlink(missing_ok=True)
            sync(path.parent)
        return written

    # Months that have expired

    def _merge(self, source: Source, month: ExpiredMonth) -> ExportedMonth | None:
        """Put the rows that came since a month expired into its file; returns that, or None if there are none."""
        if month.pending_sha256:
            self._settle(source, month)
            (month,) = [each for each in self.expired(source) if each.month == month.month]
        path = month_path(self.folder, source.name, month.month)
        late = f"_seq > {month.merged_seq}"
        beside = _beside(path)
        with self._store.snapshot() as cursor:
            seq = number(cursor, f"SELECT max(_seq) FROM ({table_rows(source, month.month, '_seq')}) WHERE {late}")
            if not seq:
                return None
            self._expect(cursor, source, month.month, path)
            before = file_rows(cursor, source, path)
            added = _not_in(source, before, f"{in_month(source, month.month)} AND {late}")
            _copy(cursor, source, f"{before} UNION ALL {added}", beside)
            parts = fingerprint(cursor, source, before), fingerprint(cursor, source, added)
            whole = fingerprint(cursor, source, file_rows(cursor, source, beside))
        if whole != tuple(map(sum, zip(*parts, strict=True))):
            raise Refused(f"{path} could not be merged with the rows that came since: they do not add up; try again.")
        pending = digest(beside)
        self._writer.run(
            lambda connection: connection.execute(
                "UPDATE internal.expired_months SET pending_seq = ?, pending_sha256 = ? "
                "WHERE datasource = ? AND month = ?",
                [seq, pending, source.name, month.month],
            )
        )
        replace_durably(beside, path)
        (noted,) = [each for each in self.expired(source) if each.month == month.month]
        return self._settle(source, noted)

    def _settle(self, source: Source, month: ExpiredMonth) -> ExportedMonth | None:
        """See whether the file that was about to come has come, and record that; returns it if so."""
        path = month_path(self.folder, source.name, month.month)
        came = path.exists() and digest(path) == month.pending_sha256
        with self._store.snapshot() as cursor:
            found = _described(cursor, source, month.month, path, self.folder) if came else None

        def record(connection: Connection) -> None:
            where = "pending_seq = NULL, pending_sha256 = NULL WHERE datasource = ? AND month = ?"
            merged = "merged_seq = pending_seq, " if came else ""
            connection.execute(f"UPDATE internal.expired_months SET {merged}{where}", [source.name, month.month])
            if found:
                record_month(connection, found)

        self._writer.run(record)
        return found

    def _expect(self, cursor: Connection, source: Source, month: str, path: Path) -> None:
        wanted = [each.sha256 for each in _recorded(cursor, source) if each.month == month]
        if not path.exists() or [digest(path)] != wanted:
            raise Refused(
                f"{path} holds rows of {month} that have expired and is not as it was written, so it is left alone, "
                "and the rows that came since stay in the table; put back a whole copy of it."
            )

    # The manifest

    def manifest(self, source: Source) -> dict[str, Any]:
        """What the manifest of a data source says now; {} without one."""
        return read_manifest(self.folder / f"{source.name}{MANIFEST}")

    def write_manifest(self, source: Source) -> None:
        """Write the manifest anew if it does not say what is recorded, as after a kill between the two."""
        path = self.folder / f"{source.name}{MANIFEST}"
        recorded = self.months(source)
        said = json.dumps(_manifest(source, recorded), indent=1) + "\n"
        if path.read_text() != said if path.exists() else recorded:
            beside = _beside(path)
            beside.write_text(said)
            replace_durably(beside, path)

    def _refuse_foreign(self, source: Source) -> None:
        """An empty store must not write over the exports of the one that was there before."""
        recorded = {month.month for month in self.months(source)}
        for month in self.manifest(source).get("months", ()):
            path = self.folder / month["path"]
            if month["month"] not in recorded and path.exists() and digest(path) == month["sha256"]:
                raise Refused(
                    f"{path} holds {month['rows']:,} rows that this store never had, so nothing of {source.name} is "
                    f"exported: load them into an empty store with 'python -m metrics restore', or move "
                    f"{self.folder} away."
                )


def month_path(folder: Path, name: str, month: str) -> Path:
    """The file of a month below the folder of the exports."""
    place = folder / name
    if month:
        year, which = month.split("-")
        place = place / f"year={year}" / f"month={which}"
    return place / f"{name}.parquet"


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest's content; {} if there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text())
        whole = all({"month", "path", "rows", "sha256"} <= month.keys() for month in content["months"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return content if whole else {}


def _manifest(source: Source, months: list[ExportedMonth]) -> dict[str, Any]:
    return {
        "datasource": source.name,
        "time_column": _time(source) or None,
        "columns": [{"name": name, "type": kind} for name, kind in source.columns],
        "months": [
            {
                "month": month.month,
                "path": month.path,
                "rows": month.rows,
                "first": utc(month.first),
                "last": utc(month.last),
                "bytes": month.bytes,
                "sha256": month.sha256,
            }
            for month in months
        ],
    }


def utc(moment: datetime | None) -> str | None:
    """A time of ours, as others read it without knowing that it is UTC."""
    return f"{moment.isoformat()}Z" if moment else None


def _time(source: Source) -> str:
    return source.time_column or source.month_column


# Rows, as SQL


def in_month(source: Source, month: str) -> str:
    """The condition of a month's rows; a range prunes row groups, which the month's text does not."""
    if not month:
        return "true"
    first, column = f"DATE '{month}-01'", quoted(source.month_column)
    return f"{column} >= {first} AND {column} < {first} + INTERVAL 1 MONTH"


def table_rows(source: Source, month: str, *more: str) -> str:
    """A month's rows in the table: the declared columns, and `more`."""
    columns = ", ".join([*(quoted(name) for name, _ in source.columns), *more])
    return f"SELECT {columns} FROM rows.{quoted(source.name)} WHERE {in_month(source, month)}"


def file_rows(cursor: Connection, source: Source, path: Path) -> str:
    """A month file's rows as the table would hold them; a column that is younger than the file has its DEFAULT."""
    read = f"read_parquet({text(path)}, hive_partitioning = false)"
    held = {str(row[0]) for row in cursor.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}
    kinds = {name: parse_type(kind).duckdb for name, kind in source.columns}
    casts = ", ".join(
        f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in kinds.items() if name in held
    )
    sql = f"SELECT {casts} FROM {read}"
    for column in source.definition.columns:
        if column.name not in held:
            value = "NULL" if column.default is None else source.default(column)
            sql = f"SELECT *, CAST({value} AS {kinds[column.name]}) AS {quoted(column.name)} FROM ({sql})"
    return f"SELECT {', '.join(map(quoted, kinds))} FROM ({sql})"


def _not_in(source: Source, before: str, condition: str) -> str:
    """Rows of the table without those whose id and time are in the file already: the writer did not look there."""
    columns = ", ".join(quoted(name) for name, _ in source.columns)
    sql = f"SELECT {columns} FROM rows.{quoted(source.name)} AS late WHERE {condition}"
    if not source.unique_key:
        return sql
    key, time = quoted(source.unique_key), quoted(source.time_column)
    same = f"held.{key} <> '' AND held.{key} = late.{key} AND held.{time} = late.{time}"
    return f"{sql} AND NOT EXISTS (SELECT 1 FROM ({before}) AS held WHERE {same})"


def fingerprint(cursor: Connection, source: Source, sql: str) -> tuple[int, int]:
    """How many rows, and a sum of their hashes, which their order does not change."""
    columns = ", ".join(quoted(name) for name, _ in source.columns)
    found = cursor.execute(f"SELECT count(*), coalesce(sum(hash({columns})::HUGEINT), 0) FROM ({sql})").fetchone()
    assert found
    return int(found[0]), int(found[1])


def number(cursor: Connection, sql: str, values: Mapping[str, object] | None = None) -> int:
    """The one number that a query answers; 0 for NULL."""
    row = cursor.execute(sql, values).fetchone()
    return int(row[0] or 0) if row else 0


def _changed(cursor: Connection, source: Source) -> tuple[int, list[str], int]:
    """The last commit number in the table, the months changed since the mark, and the last mark of a changed month.

    That mark is one more than the number of the commit that changed the month; 0 is none.
    """
    table, named = f"rows.{quoted(source.name)}", {"name": source.name}
    since = number(cursor, "SELECT max(seq) FROM internal.export_marks WHERE datasource = $name", named)
    marked = number(cursor, "SELECT max(seq) + 1 FROM internal.changed_months WHERE datasource = $name", named)
    last = number(cursor, f"SELECT max(_seq) FROM {table}")
    months = cursor.execute(
        f"SELECT DISTINCT {source.month} AS month FROM {table} WHERE _seq > $since "
        "UNION SELECT month FROM internal.changed_months WHERE datasource = $name",
        {"since": since, "name": source.name},
    ).fetchall()
    return max(since, last), [row[0] for row in months], marked


def _recorded(cursor: Connection, source: Source) -> list[ExportedMonth]:
    found = cursor.execute(
        "SELECT datasource, month, rows, bytes, path, exported_at, sha256, first_time, last_time "
        "FROM internal.exports WHERE datasource = ? ORDER BY month",
        [source.name],
    ).fetchall()
    return [ExportedMonth(*row) for row in found]


def expired_months(cursor: Connection, source: Source) -> list[ExpiredMonth]:
    """The months of a data source that have expired, oldest first."""
    found = cursor.execute(
        "SELECT month, rows, expired_at, merged_seq, pending_seq, pending_sha256 "
        "FROM internal.expired_months WHERE datasource = ? ORDER BY month",
        [source.name],
    ).fetchall()
    return [ExpiredMonth(*row) for row in found]


def _record(connection: Connection, source: Source, seq: int, marked: int, exported: list[ExportedMonth]) -> None:
    for month in exported:
        record_month(connection, month)
    connection.execute("DELETE FROM internal.changed_months WHERE datasource = ? AND seq < ?", [source.name, marked])
    connection.execute("INSERT OR REPLACE INTO internal.export_marks VALUES (?, ?)", [source.name, seq])


def record_month(connection: Connection, month: ExportedMonth) -> None:
    """Note inside a transaction that a month's file is as described; without rows: that there is none."""
    connection.execute(
        "DELETE FROM internal.exports WHERE datasource = ? AND month = ?", [month.datasource, month.month]
    )
    if month.rows:
        values = [month.datasource, month.month, month.rows, month.bytes, month.path, month.exported_at]
        values += [month.sha256, month.first, month.last]
        connection.execute("INSERT INTO internal.exports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


# Files


def _copy(cursor: Connection, source: Source, sql: str, path: Path) -> None:
    columns = ", ".join(_portable(name, parse_type(kind).duckdb) for name, kind in source.columns)
    order = f" ORDER BY {source.sorting}" if source.sorting else ""
    cursor.execute(
        f"COPY (SELECT {columns} FROM ({sql}){order}) TO {text(path)} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )
    sync(path)


def _portable(name: str, kind: str) -> str:
    """A column as Parquet keeps it whole: whole numbers of 128 bits, of which it would keep 53, become text."""
    held = re.sub(r'("(?:[^"]|"")*")|U?HUGEINT', lambda match: match[1] or "VARCHAR", kind)
    return quoted(name) if held == kind else f"CAST({quoted(name)} AS {held}) AS {quoted(name)}"


def _described(cursor: Connection, source: Source, month: str, file: Path, folder: Path) -> ExportedMonth:
    """What is to be recorded of a month whose file is `file`, wherever it lies now."""
    time = f"{quoted(_time(source))}::TIMESTAMP" if _time(source) else "NULL"
    read = f"read_parquet({text(file)}, hive_partitioning = false)"
    found = cursor.execute(f"SELECT count(*), min({time}), max({time}) FROM {read}").fetchone()
    assert found
    path = month_path(folder, source.name, month).relative_to(folder).as_posix()
    now = datetime.now(UTC).replace(tzinfo=None)
    return ExportedMonth(source.name, month, found[0], file.stat().st_size, path, now, digest(file), *found[1:])


def _beside(path: Path) -> Path:
    # The dot hides it from whoever reads the whole folder.
    make_folder(path.parent)
    return path.with_name(f".{path.name}.part")


def _clean(folder: Path) -> None:
    """Take away what a killed export has left."""
    for left in folder.rglob(".*.part"):
        left.unlink()


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_durably(beside: Path, path: Path) -> None:
    """Put a whole file in the place of another: after this, and after a cut of power, readers see the new one."""
    sync(beside)
    beside.replace(path)
    sync(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; after a cut of power they are there too."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync(each.parent)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
