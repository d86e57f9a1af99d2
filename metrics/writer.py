"""The one thread that writes: a bounded queue, group commit, and an answer only after the commit.

Third stage of the river. Requests put their checked rows into the queue and wait; the writer takes what waits, up to
GROUP_ROWS, writes it in one transaction and wakes them. There is no timer: while one commit runs, the next group
gathers, and a helping thread makes tables of its rows. Anything else that changes the store (a delete, a token, an
export's mark) runs here too, between groups.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from metrics.errors import Busy, PerchError
from metrics.idempotency import Claim, Counts, Ids, count_duplicates, duplicates, keep_answer, read_ids
from metrics.pricing import Pricing
from metrics.rollups import corrected
from metrics.store import Connection, Misfit, Parsed, Store, quoted
from metrics.validation import Read, Rows, quarantine_table
from metrics.workspace import Source

GROUP_ROWS = 20_000
"""Rows after which a group is closed: more would only make the others wait longer for their answer."""

Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass
class _Waiting:
    """Something in the queue, and the future of whoever waits for it."""

    rows: int = 0
    size: int = 0
    result: Any = None
    error: BaseException | None = None
    future: Future[Any] = field(default_factory=Future)

    @property
    def changed(self) -> bool:
        """Whether its commit left a trace in the store."""
        return True

    def answer(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


@dataclass
class _Batch(_Waiting):
    source: Source | None = None
    checked: Rows = field(default_factory=Rows)
    import_id: str = ""
    claim: Claim | None = None

    @property
    def changed(self) -> bool:
        """A body of nothing but duplicates leaves no row with the number of its commit."""
        return bool(self.result.successful_rows or self.result.quarantined_rows)


@dataclass
class _Task(_Waiting):
    run: Callable[[Connection], Any] = lambda connection: None
    alone: bool = False
    apart: bool = False


@dataclass
class _Fold(_Waiting):
    whole: bool = False


@dataclass
class _Table:
    """The bodies of a group that one definition has checked, and their good rows, sorted and priced.

    `rows` are these as they came, and so are `ids`; `order` has the number there of each row of the table.
    """

    source: Source
    batches: list[_Batch]
    rows: Rows
    table: pa.Table | None = None
    order: pa.Array | None = None
    ids: Ids | None = None


@dataclass
class _Group:
    """What one transaction writes, or a fold alone; `tables` is None until its rows are made into some."""

    items: list[_Waiting]
    tables: list[_Table] | None = None

    @property
    def batches(self) -> list[_Batch]:
        return [item for item in self.items if isinstance(item, _Batch)]


class Writer:
    """Owns the store's writing connection from `start` to `stop`."""

    def __init__(self, store: Store, pricing: Pricing, *, queue_rows: int, queue_bytes: int) -> None:
        self._store = store
        self.progress = store.progress
        self._limits = queue_rows, queue_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._seq = store.last_seq()
        self.written = 0
        """Rows written since the start."""
        self.sources: Mapping[str, Source] = {}  # those of a reload: set by the task that brings the store up to them
        self._parsed = Parsed()  # a sixth of what a small INSERT costs is its parsing
        self.pricing = pricing  # set anew by that task too
        self._helper = ThreadPoolExecutor(1, "writer's helper")
        self._ahead: Future[_Group] | None = None
        """The group after the one that is being committed."""
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    @property
    def seq(self) -> int:
        """The number of the last group commit."""
        return self._seq

    def current(self, source: Source) -> Source:
        """The definition that a data source's rows are written by: the one in force, whichever they were checked by."""
        return self.sources.get(source.name, source)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, write what waits, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def check_room(self, rows: int, size: int) -> None:
        """Raise Busy if a body of about so many rows and bytes would find no room now."""
        with self._changed:
            self._refuse_if_full(rows, size)

    def write(
        self, source: Source, rows: Rows, *, size: int, import_id: str, claim: Claim | None = None
    ) -> Future[Counts]:
        """Commit the rows of one body, good ones, quarantined ones and its idempotency key in one transaction.

        The future has the counts once they are durable. `size` are the bytes that the body takes in the queue.

        Raises:
            Busy: the queue is full or closing; nothing was written, the caller may send the same again.
        """
        count = rows.good + len(rows.bad)
        return self._put(_Batch(count, size, source=source, checked=rows, import_id=import_id, claim=claim))

    def run(self, task: Callable[[Connection], Result], *, alone: bool = False, apart: bool = False) -> Result:
        """Run `task` in a transaction of its own on the writing connection; returns its result when durable.

        One that removes or changes rows must be `alone`: no `Store.rewriting` goes on beside it. The rows that one
        writes which is `apart` lie in row groups of their own: the log is folded before and after.
        """
        result: Result = self._put(_Task(run=task, alone=alone, apart=apart)).result()
        return result

    def fold(self, *, whole: bool) -> None:
        """Write the log into the file once what waits is written: if it is long, or `whole`."""
        self._put(_Fold(whole=whole)).result()

    def _put(self, item: _Waiting) -> Future[Any]:
        item.future.set_running_or_notify_cancel()  # what is queued is written, even if nobody waits any more
        with self._changed:
            self._refuse_if_full(item.rows, item.size)
            self._waiting.append(item)
            self._waiting_rows += item.rows
            self._waiting_bytes += item.size
            self._changed.notify()
        return item.future

    def _refuse_if_full(self, rows: int, size: int) -> None:
        if self._stopping:
            raise Busy("The server is stopping; send the same request again in a moment.", retry_after=5)
        # An empty queue takes any body, or one larger than the whole queue could never be written.
        most_rows, most_bytes = self._limits
        if self._waiting and (self._waiting_rows + rows > most_rows or self._waiting_bytes + size > most_bytes):
            raise Busy("The server has as many rows waiting as it may hold; send the same request again in a moment.")

    def _work(self) -> None:
        with self._helper:
            while (group := self._next_group()).items:
                first = group.items[0]
                apart = isinstance(first, _Task) and first.apart
                if isinstance(first, _Fold):
                    self._fold(whole=first.whole)
                else:
                    if apart:
                        self._fold(whole=True)
                    self._try_to_commit(group)
                for item in group.items:
                    item.answer()
                self._fold(whole=apart)

    def _try_to_commit(self, group: _Group) -> None:
        try:
            self._commit(group)
        except Exception as error:  # the thread must outlive whatever a commit meets
            log.exception("a commit failed")
            for item in group.items:
                item.error = item.error or error

    def _fold(self, *, whole: bool) -> None:
        with contextlib.suppress(PerchError):  # the next commit meets the same and answers it
            self._store.fold_log(whole=whole)

    def _next_group(self) -> _Group:
        """What is written next; without items when stopping and all is written."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (group := ahead.result()).items:
            return group
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
        return _Group(self._take())

    def _get_ahead(self) -> None:
        """Have what waits now made into tables while this thread commits, which is mostly waiting for the disk."""
        if self._waiting and self._ahead is None:
            self._ahead = self._helper.submit(self._prepared)

    def _prepared(self) -> _Group:
        group = _Group(self._take())
        with contextlib.suppress(Exception):  # it is met again, and told, when the group is written
            group.tables = self._tables(group.batches)
        return group

    def _take(self) -> list[_Waiting]:
        """Out of the queue: a task alone, or batches up to GROUP_ROWS."""
        with self._changed:
            group: list[_Waiting] = []
            rows = 0
            while self._waiting and (not group or self._fits(group, rows)):
                item = self._waiting.popleft()
                group.append(item)
                rows += item.rows
                self._waiting_rows -= item.rows
                self._waiting_bytes -= item.size
            return group

    def _fits(self, group: list[_Waiting], rows: int) -> bool:
        following = self._waiting[0]
        together = isinstance(group[0], _Batch) and isinstance(following, _Batch)
        return together and rows + following.rows <= GROUP_ROWS

    def _commit(self, group: _Group) -> None:
        items = group.items
        try:
            self._write(group)
        except Busy as error:  # nobody's fault: each may come again
            for item in items:
                item.error = error
        except Exception as error:
            if len(items) == 1:
                self._commit_without_misfits(items[0], error)
                return
            for item in items:  # one of them is at fault: the others must not fail with it
                self._commit(_Group([item]))
        else:
            self.written += sum(item.rows for item in items)
            if any(item.changed for item in items):
                self._store.acknowledge(self._seq)

    def _write(self, group: _Group) -> None:
        self._seq += 1
        first = group.items[0]
        alone = isinstance(first, _Task) and first.alone
        try:
            with self._store.alone if alone else contextlib.nullcontext(), self._store.transaction() as connection:
                if isinstance(first, _Task):
                    first.result = first.run(connection)
                    connection.execute("UPDATE internal.last_change SET seq = ?", [self._seq])
                else:
                    self._insert(connection, self._tables(group.batches) if group.tables is None else group.tables)
                    self._get_ahead()
        except Exception:
            if not self._store.heal() or self._store.last_seq() < self._seq:
                raise
            # What the engine gave up on was in the log by then.

    def _commit_without_misfits(self, item: _Waiting, error: Exception) -> None:
        """A DEFAULT may give what its column cannot hold: such rows are quarantined, and the others written."""
        item.error = error
        if isinstance(error, Misfit) and isinstance(item, _Batch) and self._set_misfits_aside(item):
            item.error = None
            self._commit(_Group([item]))

    def _set_misfits_aside(self, item: _Batch) -> bool:
        source, found = item.source, dict[int, list[str]]()
        assert source is not None
        current = self.current(source)
        batch = current.completed(source.validator.table(item.checked))
        for name, sql in current.computed(frozenset(batch.column_names)):
            for row in self._store.misfits(batch, sql):
                found.setdefault(row, []).append(name)
        source.validator.set_aside(item.checked, found)
        return bool(found)

    def _tables(self, batches: list[_Batch]) -> list[_Table]:
        by_source: dict[int, list[_Batch]] = {}
        for batch in batches:
            # Not by name: around a reload two definitions of one data source meet here, and rows are read by their own.
            by_source.setdefault(id(batch.source), []).append(batch)
        return [self._table(same) for same in by_source.values()]

    def _table(self, batches: list[_Batch]) -> _Table:
        source = batches[0].source
        assert source is not None
        rows = merged([batch.checked for batch in batches])
        if not rows.good:
            return _Table(source, batches, rows)
        current = self.current(source)
        table = current.completed(source.validator.table(rows))
        ids, order = read_ids(current, table), current.order(table)
        table = table if order is None else table.take(order)
        # Not in the requests, but once for a group, whatever its bodies; and after sorting, which so moves less.
        table = self.pricing.priced(table) if current.is_priced else table
        return _Table(source, batches, rows, table, order, ids)

    def _insert(self, connection: Connection, tables: list[_Table]) -> None:
        for made in tables:
            repeated = self._insert_good(connection, made)
            _insert_bad(connection, made.source, made.batches, self._seq)
            for batch, again in zip(made.batches, repeated, strict=True):
                batch.result = Counts(batch.checked.good - again, len(batch.checked.bad), again)
                if batch.claim is not None:
                    keep_answer(connection, batch.claim, batch.result)

    def replace(self, source: Source, rows: Rows, *, import_id: str) -> Future[Counts]:
        """Put `rows` in the place of all rows of a data source: readers see the old ones or the new ones."""

        def swap(connection: Connection) -> Counts:
            remove(connection, source, "true", self._seq)
            self._insert(connection, self._tables([batch]))
            counts: Counts = batch.result
            return counts

        batch = _Batch(source=source, checked=rows, import_id=import_id)
        self._set_misfits_aside(batch)
        return self._put(_Task(len(rows.bad) + rows.good, run=swap, alone=True))

    def remove(self, source: Source, condition: str) -> Future[int]:
        """Delete the rows for which `condition` (DuckDB SQL) holds; the future has their number."""
        task = _Task(run=lambda connection: remove(connection, source, condition, self._seq), alone=True)
        return self._put(task)

    def _insert_good(self, connection: Connection, made: _Table) -> list[int]:
        """Write the good rows of several bodies, sorted; returns how many of each were duplicates."""
        if made.table is None:
            return [0] * len(made.batches)
        current = self.current(made.source)
        batch, repeated = _without_duplicates(connection, current, made, made.table)
        # DuckDB finds it by the name `batch`.
        connection.execute(self._parsed(connection, current.insert(batch)), {"seq": self._seq})
        return repeated


def _without_duplicates(
    connection: Connection, source: Source, made: _Table, table: pa.Table
) -> tuple[pa.Table, list[int]]:
    """The rows of a table that did not come before, and how many of each body did."""
    if made.ids is None or not (repeated := duplicates(connection, source, made.ids)).any():
        return table, [0] * len(made.batches)
    here = pa.array(repeated) if made.order is None else pa.array(repeated).take(made.order)
    _refuse_misfits(connection, source, table.filter(here))
    count_duplicates(connection, source, int(repeated.sum()))
    owners = _owners([each.checked for each in made.batches], made.rows)
    counts = np.bincount(owners[repeated], minlength=len(made.batches))
    return table.filter(pc.invert(here)), [int(count) for count in counts]


def _refuse_misfits(connection: Connection, source: Source, batch: pa.Table) -> None:
    """A bad row is quarantined, also one that would be a duplicate: what becomes of it must not hang on the others."""
    if computed := source.computed(frozenset(batch.column_names)):
        connection.execute(f"SELECT {', '.join(f'count({sql})' for _, sql in computed)} FROM batch").fetchall()


def remove(connection: Connection, source: Source, condition: str, seq: int) -> int:
    """Delete rows inside a transaction, put rollups right, and note months for the next export; returns how many."""
    table = f"rows.{quoted(source.name)}"
    if "random()" in condition or "uuid()" in condition:  # it would be true of other rows each time it is read
        chosen = f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT rowid AS row FROM {table} WHERE {condition}"
        connection.execute(chosen)
        condition = "rowid IN (SELECT row FROM temp.chosen)"
    _note_months(connection, source, condition, seq)
    with corrected(connection, source.name, condition):
        deleted = connection.execute(f"DELETE FROM {table} WHERE {condition}").fetchone()
    return int(deleted[0]) if deleted else 0


def rewrite(connection: Connection, source: Source, changes: str, columns: Sequence[str], seq: int) -> int:
    """Give rows other values inside a transaction, put rollups right, and note months for the next export.

    Returns how many. `changes` is a table with the column `row`, the rowid, and the new values of `columns`. The rows
    stay in their place and keep their commit number. Only one that is `alone` may do this.
    """
    condition = f"rowid IN (SELECT row FROM {changes})"
    _note_months(connection, source, condition, seq)
    values = ", ".join(f"{quoted(name)} = new.{quoted(name)}" for name in columns)
    table = f"rows.{quoted(source.name)}"
    change = f"UPDATE {table} SET {values} FROM {changes} AS new WHERE {table}.rowid = new.row"
    with corrected(connection, source.name, condition):
        updated = connection.execute(change).fetchone()
    return int(updated[0]) if updated else 0


def _note_months(connection: Connection, source: Source, condition: str, seq: int) -> None:
    connection.execute(
        f"INSERT INTO internal.changed_months SELECT DISTINCT ?, {source.month}, ?::UBIGINT "
        f"FROM rows.{quoted(source.name)} WHERE {condition}",
        [source.name, seq],
    )


def merged(parts: list[Rows]) -> Rows:
    """The rows of several bodies as one: by shape, then all coerced rows."""
    if len(parts) == 1:
        return parts[0]
    whole = Rows()
    for part in parts:
        for shape, read in part.read.items():
            together = whole.read.setdefault(shape, Read())
            together.structs += read.structs
            together.lines += read.lines
        whole.coerced += part.coerced
        whole.bad += part.bad
    return whole


def _owners(parts: list[Rows], whole: Rows) -> npt.NDArray[np.intp]:
    """For each row of `whole`, in the order of its table, the number of the part it came from."""
    numbers = np.arange(len(parts))
    none = Read()
    read = [[len(part.read.get(shape, none).structs) for part in parts] for shape in whole.read]
    return np.concatenate([np.repeat(numbers, sizes) for sizes in [*read, [len(part.coerced) for part in parts]]])


def _insert_bad(connection: Connection, source: Source, batches: list[_Batch], seq: int) -> None:
    bad = [row for batch in batches for row in batch.checked.bad]
    if bad:
        ids = [batch.import_id for batch in batches for _ in batch.checked.bad]
        batch = quarantine_table(bad, source.definition, ids)  # noqa: F841 - DuckDB finds it by this name
        names = ", ".join(quoted(name) for name, _ in source.quarantine_columns)
        into = f"rows.{quoted(source.quarantine)} ({names}, _seq)"
        connection.execute(f"INSERT INTO {into} SELECT *, $seq FROM batch", {"seq": seq})
