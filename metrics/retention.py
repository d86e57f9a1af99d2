"""Old months out of the table: what ENGINE_TTL says, once a month's export is written and verified.

Downstream of the exports, whose files then hold these rows alone. A month leaves as a whole, when its end lies further
back than the TTL, and in one transaction of the writer, under `Store.alone`: before it the rows are in the table and in
the file, after it in the file. Rows that come for a month that has left are merged into its file by the next export,
and then leave too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from metrics.exports import (
    ExportedMonth,
    Exporter,
    digest,
    expired_months,
    file_rows,
    fingerprint,
    in_month,
    number,
    table_rows,
)
from metrics.store import Connection, Store, quoted
from metrics.workspace import Source, Workspace
from metrics.writer import Writer, remove

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Leaving:
    """The rows that are about to leave: the condition of theirs, and what must be the same when they do."""

    condition: str
    seq: int
    rows: int
    seqs: int


class Retention:
    """Expires months; the exports rest meanwhile."""

    def __init__(self, store: Store, writer: Writer, exporter: Exporter) -> None:
        self._store = store
        self._writer = writer
        self._exporter = exporter

    def expire(self, workspace: Workspace, stopping: Callable[[], bool] = lambda: False) -> int:
        """Take the months that are due out of their tables, one after the other; returns the rows that left.

        A month whose export is not up to date waits for the next time; one whose file is not what it should be is
        logged, and stays. It ends between two months when `stopping` says so.
        """
        gone = 0
        now = datetime.now(UTC).replace(tzinfo=None)
        for source in workspace.raw:
            for month in self._exporter.months(source) if source.lifetime else ():
                ends = source.lifetime.ends(month.month) if source.lifetime else None
                if stopping():
                    return gone
                if ends and ends <= now:
                    gone += self._expire(source, month.month)
        return gone

    def _expire(self, source: Source, month: str) -> int:
        with self._exporter.holding():
            leaving = self._verified(source, month)
            if leaving is None:
                return 0
            gone = self._writer.run(lambda connection: self._leave(connection, source, month, leaving), alone=True)
        if gone:
            log.info("%s: %s rows of %s have expired; they are in its export", source.name, f"{gone:,}", month)
        return gone

    def _verified(self, source: Source, month: str) -> _Leaving | None:
        """What may leave; None if nothing is there, or not all of it is in a whole file."""
        with self._store.snapshot() as cursor:
            expired = {each.month: each for each in expired_months(cursor, source)}
            before = expired.get(month)
            condition = in_month(source, month) + (f" AND _seq <= {before.merged_seq}" if before else "")
            leaving = _counted(cursor, source, condition)
            if not leaving.rows or _noted(cursor, source, month) or (before and before.pending_sha256):
                return None
            recorded = next((each for each in self._exporter.months(source) if each.month == month), None)
            if recorded is None:
                return None
            if not self._is_whole(source, recorded):
                reason = "its file is not the one of the manifest"
            elif before is None and not self._holds(cursor, source, recorded):
                if leaving.seq > _exported(cursor, source):  # rows came since: the next export has them
                    return None
                reason = "its file does not hold the rows of the table"
            else:
                return leaving
        log.error("%s: %s is due and stays, since %s", source.name, month, reason)
        return None

    def _is_whole(self, source: Source, recorded: ExportedMonth) -> bool:
        path = self._exporter.folder / recorded.path
        listed = {each["month"]: each["sha256"] for each in self._exporter.manifest(source).get("months", ())}
        return path.exists() and digest(path) == listed.get(recorded.month) == recorded.sha256

    def _holds(self, cursor: Connection, source: Source, recorded: ExportedMonth) -> bool:
        path = self._exporter.folder / recorded.path
        stored = fingerprint(cursor, source, table_rows(source, recorded.month))
        return stored == fingerprint(cursor, source, file_rows(cursor, source, path)) and stored[0] == recorded.rows

    def _leave(self, connection: Connection, source: Source, month: str, leaving: _Leaving) -> int:
        """Between two groups of rows, and nothing moves others: if the month is as it was verified, it leaves."""
        if _counted(connection, source, leaving.condition) != leaving or _noted(connection, source, month):
            return 0
        gone = remove(connection, source, leaving.condition, self._writer.seq)
        key = [source.name, month]
        connection.execute("DELETE FROM internal.changed_months WHERE datasource = ? AND month = ?", key)
        now = datetime.now(UTC).replace(tzinfo=None)
        connection.execute(
            "INSERT INTO internal.expired_months VALUES (?, ?, ?, ?, ?, NULL, NULL) "
            "ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, expired_at = excluded.expired_at",
            [*key, gone, now, leaving.seq],
        )
        return gone


def _counted(cursor: Connection, source: Source, condition: str) -> _Leaving:
    """Whatever is added, deleted or replaced changes one of these; they cost the writer no more than a short look."""
    found = cursor.execute(
        f"SELECT count(*), coalesce(max(_seq), 0), coalesce(sum(_seq), 0) FROM rows.{quoted(source.name)} "
        f"WHERE {condition}"
    ).fetchone()
    assert found
    return _Leaving(condition, int(found[1]), int(found[0]), int(found[2]))


def _noted(cursor: Connection, source: Source, month: str) -> bool:
    """Whether the month is marked as changed, so that its file is not what it will be."""
    sql = "SELECT count(*) FROM internal.changed_months WHERE datasource = $name AND month = $month"
    return number(cursor, sql, {"name": source.name, "month": month}) > 0


def _exported(cursor: Connection, source: Source) -> int:
    sql = "SELECT max(seq) FROM internal.export_marks WHERE datasource = $name"
    return number(cursor, sql, {"name": source.name})
