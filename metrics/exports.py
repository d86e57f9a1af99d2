"""Months out as Parquet: `exports/DATASOURCE/year=YYYY/month=MM/DATASOURCE.parquet`, whole months, only changed ones.

Downstream of the store. A month is written beside its file, fsynced and renamed over it, so that a reader sees the old
month or the new one; what was exported is recorded through the writer. Files are sorted as the table and compressed
with zstd; row groups of 122,880 rows were the fastest to read by the hour and for the whole month alike.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metrics.store import Connection, Store, quoted
from metrics.workspace import Source, Workspace
from metrics.writer import Writer

ROW_GROUP = 122_880


@dataclass(frozen=True)
class ExportedMonth:
    """One month's file; `month` is YYYY-MM ("" for a table that is not partitioned), `path` relative to the exports."""

    datasource: str
    month: str
    rows: int
    bytes: int
    path: str
    exported_at: datetime


class Exporter:
    """Exports what changed since the last time; one run at a time."""

    def __init__(self, store: Store, writer: Writer, folder: Path) -> None:
        self._store = store
        self._writer = writer
        self._folder = folder
        self._running = threading.Lock()

    def export(self, workspace: Workspace) -> list[ExportedMonth]:
        """Write every changed month of every data source of `workspace`; returns those written (empty: 0 rows).

        What a materialized pipe fills is left out: it is made of the other rows.
        """
        with self._running:
            sources = [source for name, source in workspace.sources.items() if name not in workspace.filled_by]
            return [month for source in sources for month in self._export_source(source)]

    def months(self, source: Source) -> list[ExportedMonth]:
        """The months of a data source that have a file, oldest first."""
        with self._store.snapshot() as cursor:
            found = cursor.execute(
                "SELECT datasource, month, rows, bytes, path, exported_at FROM internal.exports "
                "WHERE datasource = ? ORDER BY month",
                [source.name],
            ).fetchall()
        return [ExportedMonth(*row) for row in found]

    def _export_source(self, source: Source) -> list[ExportedMonth]:
        with self._store.snapshot() as cursor:
            seq, months, marked = _changed(cursor, source)
        exported = [self._export_month(source, month) for month in months]
        if exported:
            self._writer.run(lambda connection: _record(connection, source, seq, marked, exported))
        return exported

    def _export_month(self, source: Source, month: str) -> ExportedMonth:
        path = self._path(source, month)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".parquet.part")
        with self._store.snapshot() as cursor:
            rows = _copy(cursor, source, month, beside)
        size = beside.stat().st_size
        _sync(beside)
        if rows:
            beside.replace(path)
        else:
            beside.unlink()
            path.unlink(missing_ok=True)
        _sync(path.parent)
        relative = path.relative_to(self._folder).as_posix()
        return ExportedMonth(source.name, month, rows, size, relative, datetime.now(UTC).replace(tzinfo=None))

    def _path(self, source: Source, month: str) -> Path:
        folder = self._folder / source.name
        if month:
            year, number = month.split("-")
            folder = folder / f"year={year}" / f"month={number}"
        return folder / f"{source.name}.parquet"


def _changed(cursor: Connection, source: Source) -> tuple[int, list[str], int]:
    """The last commit number in the table, the months changed since the mark, and the last mark of a changed month."""
    table = f"rows.{quoted(source.name)}"
    since = _number(cursor, "SELECT max(seq) FROM internal.export_marks WHERE datasource = $name", source)
    marked = _number(cursor, "SELECT max(seq) FROM internal.changed_months WHERE datasource = $name", source)
    last = _number(cursor, f"SELECT max(_seq) FROM {table} WHERE $name = $name", source)
    months = cursor.execute(
        f"SELECT DISTINCT {source.month} AS month FROM {table} WHERE _seq > $since "
        "UNION SELECT month FROM internal.changed_months WHERE datasource = $name ORDER BY month",
        {"since": since, "name": source.name},
    ).fetchall()
    return max(since, last), [row[0] for row in months], marked


def _number(cursor: Connection, sql: str, source: Source) -> int:
    row = cursor.execute(sql, {"name": source.name}).fetchone()
    return int(row[0] or 0) if row else 0


def _copy(cursor: Connection, source: Source, month: str, path: Path) -> int:
    condition = f"{source.month} = '{month}'"
    if month:  # the range prunes row groups, which the text does not
        first = f"DATE '{month}-01'"
        column = quoted(source.month_column)
        condition = f"{column} >= {first} AND {column} < {first} + INTERVAL 1 MONTH"
    order = f" ORDER BY {source.sorting}" if source.sorting else ""
    target = str(path).replace("'", "''")
    copied = cursor.execute(
        f"COPY (SELECT * FROM main.{quoted(source.name)} WHERE {condition}{order}) TO '{target}' "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    ).fetchone()
    return int(copied[0]) if copied else 0


def _record(connection: Connection, source: Source, seq: int, marked: int, exported: list[ExportedMonth]) -> None:
    for month in exported:
        key = [source.name, month.month]
        connection.execute("DELETE FROM internal.exports WHERE datasource = ? AND month = ?", key)
        if month.rows:
            values = [*key, month.rows, month.bytes, month.path, month.exported_at]
            connection.execute("INSERT INTO internal.exports VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.execute("DELETE FROM internal.changed_months WHERE datasource = ? AND seq <= ?", [source.name, marked])
    connection.execute("INSERT OR REPLACE INTO internal.export_marks VALUES (?, ?)", [source.name, seq])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
