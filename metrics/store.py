"""The DuckDB file: the one connection that writes, cursors that read, limits, and our own tables.

Three schemas: `rows` holds a table per data source with the declared columns and `_seq`, the number of the group commit
that wrote a row (DuckDB's rowid changes when rows are deleted, so it cannot give order); `main` holds a view per table
with the declared columns alone, all that a query sees; `internal` holds our own tables, made by numbered steps.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from metrics.errors import BadRequest, Busy, CopyFailed, PerchError, StartError, StoreHeld
from metrics.limits import BATCH_ROWS, QUERY_MEMORY, Deadline, Limits, Watch, too_hungry, too_slow, whole
from metrics.progress import Progress

Connection = duckdb.DuckDBPyConnection
log = logging.getLogger(__name__)

LOG_BYTES = 16_000_000
"""The log is folded into the file at this size: a stall of about 50 ms. Larger logs only make rarer, longer ones."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE internal.columns (datasource VARCHAR, name VARCHAR, type VARCHAR, PRIMARY KEY (datasource, name));
    CREATE TABLE internal.engines (datasource VARCHAR PRIMARY KEY, partition_key VARCHAR, sorting_key VARCHAR);
    CREATE TABLE internal.tokens (id VARCHAR PRIMARY KEY, name VARCHAR UNIQUE, hash VARCHAR, scopes VARCHAR[],
                               created_at TIMESTAMP);
    CREATE TABLE internal.exports (datasource VARCHAR, month VARCHAR, rows UBIGINT, bytes UBIGINT, path VARCHAR,
                                exported_at TIMESTAMP, PRIMARY KEY (datasource, month));
    CREATE TABLE internal.export_marks (datasource VARCHAR PRIMARY KEY, seq UBIGINT);
    CREATE TABLE internal.changed_months (datasource VARCHAR, month VARCHAR, seq UBIGINT);
    """,
    """
    CREATE TABLE internal.idempotency_keys (id BLOB, body BLOB, successful_rows UBIGINT, quarantined_rows UBIGINT,
                                            duplicate_rows UBIGINT, created_at TIMESTAMP);
    """,
    """
    CREATE TABLE internal.last_change (seq UBIGINT);
    INSERT INTO internal.last_change VALUES (0);
    """,
    """
    CREATE TABLE internal.declared_scopes (token VARCHAR, scope VARCHAR);
    """,
    """
    CREATE TABLE internal.rollups (name VARCHAR PRIMARY KEY, position UINTEGER, base VARCHAR, reads VARCHAR,
                                   keys VARCHAR[], columns VARCHAR[], time_column VARCHAR, read_time VARCHAR,
                                   slack BIGINT, sql VARCHAR, merged VARCHAR);
    CREATE TABLE internal.rollup_marks (base VARCHAR PRIMARY KEY, seq UBIGINT);
    CREATE TABLE internal.unmerged_days (rollup VARCHAR, day DATE);
    """,
    # Months that were exported before are exported once more, for their sums and times.
    """
    ALTER TABLE internal.exports ADD COLUMN sha256 VARCHAR;
    ALTER TABLE internal.exports ADD COLUMN first_time TIMESTAMP;
    ALTER TABLE internal.exports ADD COLUMN last_time TIMESTAMP;
    INSERT INTO internal.changed_months SELECT datasource, month, 0 FROM internal.exports;
    CREATE TABLE internal.expired_months (datasource VARCHAR, month VARCHAR, rows UBIGINT, expired_at TIMESTAMP,
                                          merged_seq UBIGINT, pending_seq UBIGINT, pending_sha256 VARCHAR,
                                          PRIMARY KEY (datasource, month));
    CREATE TABLE internal.restored_months (datasource VARCHAR, month VARCHAR, sha256 VARCHAR);
    """,
    """
    CREATE TABLE internal.duplicates (datasource VARCHAR PRIMARY KEY, rows UBIGINT);
    """,
)
"""Step n brings our own tables from version n to n + 1. A step that has been released is never edited."""


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, and what it cost: seconds, and rows and bytes scanned as the engine's profile says."""

    table: pa.Table
    elapsed: float
    rows_read: int
    bytes_read: int
    rows_sorted: int | None = None
    """Rows that the outermost LIMIT chose from, where the profile tells; None where the engine may have pruned some."""


@dataclass(frozen=True)
class Query:
    """One compiled SELECT with its values by name.

    One that reads rollups has the same SELECT twice: `sql`, and `settled` for when no row has come since they were last
    brought up, which `Store.asks_for_fresh` asks.
    """

    sql: str
    values: Mapping[str, object] = field(default_factory=dict)
    settled: str = ""


class Misfit(ValueError):
    """A value that a column cannot hold, found only when the row was written; the text is DuckDB's."""


class Store:
    """One open DuckDB file. `connection` belongs to the writer's thread; everybody else reads by `query`."""

    def __init__(self, path: Path, *, memory: int, threads: int | None = None) -> None:
        self.path = path
        self.progress = Progress()
        self._memory = memory
        self._open: Callable[[], Connection] = partial(_connect, path, memory, threads or os.cpu_count() or 2)
        self._users = 0  # those who hold the connection or a cursor of it
        self._healing = False
        self._changed = threading.Condition()
        self._fold_at = LOG_BYTES
        self._idle: list[Connection] = []  # cursors for the statements of pipes, ready for the next
        self.asks_for_fresh = "SELECT true"
        """The SQL that tells whether rows have come since the rollups were brought up (`rollups.bring_up` knows)."""
        self.alone = threading.Lock()
        """Held while stored rows are moved, summed up or removed: of these only one goes on at a time."""
        self.connection = self._open()
        self._acknowledged = _Acknowledged(path)
        try:
            self._refuse_losses()
            self._prepare()
        except Busy:
            self._let_go()
            raise StartError(f"The store {path} cannot be written to; is its disk full?") from None
        except BaseException:
            self._let_go()
            raise

    def close(self) -> None:
        """Write the log into the file and let go of it."""
        with contextlib.suppress(duckdb.Error):
            self.connection.execute("CHECKPOINT")
        self._close()

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self.connection.close()

    def _let_go(self) -> None:
        """Close without touching the files, so that whoever looks into what is wrong finds them as they were."""
        with contextlib.suppress(duckdb.Error):
            self.connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        self._close()

    def _refuse_losses(self) -> None:
        """DuckDB takes a log that was cut short for one whose last commits never happened: here they are missed."""
        last, acknowledged = self.last_seq(), self._acknowledged.read()
        if last < acknowledged:
            raise StartError(
                f"The store {self.path} ends at commit {last:,}, but commit {acknowledged:,} was acknowledged: "
                f"it or its log {log_path(self.path).name} is damaged or was replaced. Put back a whole copy of both, "
                f"or delete {self._acknowledged.path.name} to go on without the rows that are missing."
            )
        self._acknowledged.write(last)

    def last_seq(self) -> int:
        """The highest commit number in use, by a row, a change or a mark: one below a mark would hide rows from it."""
        with self._using() as connection:
            return _last_seq(connection, "current_database()")

    def acknowledge(self, seq: int) -> None:
        """Note outside the store that commit `seq` is about to be acknowledged: the next start looks for it."""
        self._acknowledged.write(seq)

    @property
    def acknowledged(self) -> int:
        """The last commit that changed rows and was acknowledged: whoever reads it first sees what it wrote."""
        return self._acknowledged.seq

    def _prepare(self) -> None:
        with self.transaction() as connection:
            for schema in ("rows", "internal"):
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.execute("CREATE TABLE IF NOT EXISTS internal.version (version UINTEGER)")
        row = self.connection.execute("SELECT max(version) FROM internal.version").fetchone()
        version = int(row[0] or 0) if row else 0
        if version > len(MIGRATIONS):
            raise StartError(f"{self.path} was made by a newer Perch (step {version}); start that one or a newer one.")
        for step, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.transaction():
                self.connection.execute(statements)
                self.connection.execute("INSERT INTO internal.version VALUES (?)", [step])

    @contextlib.contextmanager
    def _using(self) -> Iterator[Connection]:
        """The connection, which nobody closes meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._healing)
            self._users += 1
        try:
            yield self.connection
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def heal(self) -> bool:
        """Open the file again if DuckDB has given it up, as it does when it cannot write it; whether that was needed.

        Raises:
            Busy: it cannot be opened now.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._healing)
            if not self._given_up():
                return False
            self._healing = True
            # All of the old one must be closed first: closing any handle of a file drops the process's lock on it.
            self._changed.wait_for(lambda: self._users == 0)
        try:
            self._close()
            self.connection = self._open()
        except PerchError as error:
            raise Busy(f"The store cannot be opened now: {error.message}", retry_after=5) from None
        finally:
            with self._changed:
                self._healing = False
                self._changed.notify_all()
        log.warning("the store was opened again")
        return True

    def _given_up(self) -> bool:
        try:
            self.connection.cursor().execute("SELECT 1")
        except duckdb.Error:
            return True
        return False

    def fold_log(self, *, whole: bool = False) -> None:
        """Write the log into the file if it is long, or `whole`; for the writer's thread, between transactions."""
        try:
            size = log_path(self.path).stat().st_size
        except OSError:  # there is none when it was just folded
            return
        if size < self._fold_at and not whole:
            return
        self._fold_at = LOG_BYTES
        try:
            with self._using() as connection:
                connection.execute("CHECKPOINT")
        except duckdb.TransactionException:  # rows are moved or summed up at this moment
            self._fold_at = size + LOG_BYTES // 16
        except duckdb.Error as error:
            log.error("the log stays beside the store, which cannot be written: %s", first_line(error))
            self._fold_at = size + LOG_BYTES  # a full disk cannot come this far: the next try finds more room
        self.heal()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One durable transaction on the writing connection: committed at the end, rolled back on any exception.

        Raises:
            Busy: the disk is full or fails, or memory is short; nothing was written.
            Misfit: a value does not fit its column.
        """
        with self._using() as connection, _told(writing=True):
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def rewriting(self) -> Iterator[Connection]:
        """One durable transaction on a cursor of its own, which moves or sums up rows while the writer goes on adding.

        Removals, which the writer does under `alone` too, neither run beside it nor in between its snapshot and commit.

        Raises:
            Busy: the disk is full or fails, or memory is short; nothing was written.
        """
        with (
            self.alone,
            self._using() as connection,
            _told(writing=True),
            contextlib.closing(connection.cursor()) as own,
        ):
            own.execute("BEGIN")
            yield own
            own.execute("COMMIT")

    def copy_to(self, path: Path) -> int:
        """Write all that was committed by now into a new file; returns the last commit in it.

        Writing goes on meanwhile. The file has its name once it is whole and on the disk, and its `.acknowledged` file
        before that.

        Raises:
            CopyFailed: it cannot be written; nothing of it is left.
        """
        beside = path.with_name(path.name + ".part")
        try:
            with self._using() as connection, contextlib.closing(connection.cursor()) as own:
                seq = _copy_attached(own, self.path.stem, beside)
            _Acknowledged(path).write(seq)
            beside.replace(path)
        except (duckdb.Error, OSError) as error:
            for left in (beside, log_path(beside), _Acknowledged(path).path):
                left.unlink(missing_ok=True)
            self.heal()
            raise CopyFailed(f"The copy {path} could not be written: {first_line(error)}") from None
        return seq

    def misfits(self, batch: pa.Table, sql: str) -> list[int]:
        """The rows of `batch` for which an expression fails; none where it can be computed for all."""
        with self._using() as connection, _told(), contextlib.closing(connection.cursor()) as cursor:
            try:
                cursor.execute(f"SELECT count({sql}) FROM batch").fetchall()
            except duckdb.DataError:
                numbered = batch.append_column("_row", pa.array(range(len(batch))))  # noqa: F841 - DuckDB finds it
                found = cursor.execute(f"SELECT _row FROM numbered WHERE TRY({sql}) IS NULL").fetchall()
                return [int(row) for (row,) in found]
        return []

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A cursor of its own inside one read transaction, so that several statements see the same rows.

        Raises:
            Busy: the disk is full or fails.
        """
        with self._using() as connection, _told(), contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            yield cursor

    def sizes(self, table: str, quarantine: str) -> tuple[int, int, int]:
        """Rows of a data source, rows of its quarantine, and the bytes of the whole file with its log."""
        with self.snapshot() as cursor:
            counts = [
                cursor.execute(f"SELECT count(*) FROM rows.{quoted(name)}").fetchone() for name in (table, quarantine)
            ]
        rows, quarantined = (int(row[0]) if row else 0 for row in counts)
        return rows, quarantined, sum(path.stat().st_size for path in (self.path, log_path(self.path)) if path.exists())

    def query(self, query: Query, *, timeout: float, stranger: bool = False) -> QueryResult:
        """Run one compiled SELECT; a stranger's with a limit to its memory.

        Raises:
            QueryTimeout: it ran longer than `timeout` seconds.
            QueryMemory: it needs more than it may use.
            ResultTooLarge: it would answer more than an answer has.
            BadRequest: DuckDB refuses it; the sentence is DuckDB's first, without any value for a stranger.
            Busy: the disk is full or fails.
        """
        limits = Limits(timeout, min(QUERY_MEMORY, self._memory // 2) if stranger else 0)
        try:
            with self._using() as connection, _told():
                return self._query(connection, query, limits)
        except PerchError:
            self.heal()
            raise

    def _query(self, connection: Connection, query: Query, limits: Limits) -> QueryResult:
        """A stranger's query has two cursors of its own; other statements leave theirs to the next unless they fail."""
        if limits.memory:
            with contextlib.closing(_cursor(connection)) as cursor, contextlib.closing(connection.cursor()) as looking:
                # What can be written to the disk instead is, and much cannot: hence the watch.
                cursor.execute(f"SET operator_memory_limit = '{limits.memory // 2}B'")
                watch = Watch(limits, cursor.interrupt, partial(_memory_in_use, looking))
                return _run(cursor, query, self.asks_for_fresh, watch)
        try:
            cursor = self._idle.pop()
        except IndexError:
            cursor = _cursor(connection)
        try:
            result = _run(cursor, query, self.asks_for_fresh, Deadline(limits, cursor.interrupt))
        except BaseException:
            cursor.close()
            raise
        self._idle.append(cursor)
        return result


def _cursor(connection: Connection) -> Connection:
    cursor = connection.cursor()
    for setting in _SETTINGS:
        cursor.execute(setting)
    return cursor


def _last_seq(connection: Connection, database: str) -> int:
    """`database` is SQL that gives its name: a copy may be attached beside the store."""
    tables = connection.execute(
        "SELECT database_name, schema_name, table_name, column_name FROM duckdb_columns() "
        f"WHERE database_name = {database} AND ((schema_name = 'rows' AND column_name = '_seq') "
        "OR (schema_name = 'internal' AND table_name IN ('export_marks', 'last_change', 'rollup_marks') "
        "AND column_name = 'seq'))"
    ).fetchall()
    parts = [f"SELECT max({column}) AS seq FROM {'.'.join(map(quoted, place))}" for *place, column in tables]
    found = connection.execute(f"SELECT max(seq) FROM ({' UNION ALL '.join(parts)})").fetchone() if parts else None
    return int(found[0] or 0) if found else 0


def _copy_attached(cursor: Connection, name: str, path: Path) -> int:
    cursor.execute(f"ATTACH {text(path)} AS copied")
    try:
        cursor.execute(f"COPY FROM DATABASE {quoted(name)} TO copied")
        cursor.execute("CHECKPOINT copied")
        return _last_seq(cursor, "'copied'")
    finally:
        cursor.execute("DETACH copied")


def _run(cursor: Connection, query: Query, asks_for_fresh: str, watch: Watch | Deadline) -> QueryResult:
    limits = watch.limits
    started = time.perf_counter()
    try:
        with watch, _plainly(), _snapshot(cursor, query, asks_for_fresh) as sql:
            # The inner half of `cursor.sql`, which binds a statement to tell its columns and again to run it.
            made = cursor._submit(sql, dict(query.values), "stream", BATCH_ROWS)
            reader = made.arrow_reader()
            table = whole(reader.schema, reader)
            profile = _read_profile(cursor.get_profiling_information())
        elapsed = time.perf_counter() - started
    except duckdb.InterruptException:
        raise watch.stopped or too_slow(limits) from None
    except (duckdb.OutOfMemoryException, MemoryError):
        raise too_hungry(limits) from None
    except _UNABLE:
        raise
    except duckdb.Error as error:
        raise BadRequest(_refusal(error, told=not limits.memory)) from None
    return QueryResult(table, elapsed, *_scanned(profile), _sorted(profile))


@contextlib.contextmanager
def _snapshot(cursor: Connection, query: Query, asks_for_fresh: str) -> Iterator[str]:
    """The SQL to run: in a transaction that sees no row since the marks of the rollups it reads, the shorter one."""
    if not query.settled:
        yield query.sql
        return
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        ((fresh,),) = cursor.execute(asks_for_fresh).fetchall()
        yield query.sql if fresh else query.settled
    finally:
        with contextlib.suppress(duckdb.Error):
            cursor.execute("ROLLBACK")


_SETTINGS = (
    "SET python_enable_replacements = false",  # else a name in SQL could be a variable of Python
    "SET enable_profiling = 'no_output'",
)


class Parsed:
    """Statements as DuckDB has parsed them, those used last, by their text: to parse one takes up to a millisecond."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, duckdb.Statement] = OrderedDict()

    def __call__(self, cursor: Connection, sql: str) -> duckdb.Statement | str:
        """The statement of a text; of a long one the text itself, which is parsed when it is run."""
        statement = self._kept.pop(sql, None)
        if statement is None:
            if len(sql) > _PARSED_CHARACTERS:
                return sql
            (statement,) = cursor.extract_statements(sql)
        self._kept[sql] = statement
        if len(self._kept) > _PARSED_STATEMENTS:
            with contextlib.suppress(KeyError):
                self._kept.popitem(last=False)
        return statement


_PARSED_STATEMENTS, _PARSED_CHARACTERS = 256, 50_000


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Arrow's stream turns DuckDB's exceptions into OSError, with their text: this turns them back."""
    try:
        yield
    except OSError as error:
        kind = str(error).partition(" Error: ")[0]
        raise _KINDS.get(kind, duckdb.Error)(str(error)) from None


_KINDS: dict[str, type[duckdb.Error]] = {
    "INTERRUPT": duckdb.InterruptException,
    "Out of Memory": duckdb.OutOfMemoryException,
    "IO": duckdb.IOException,
    "FATAL": duckdb.FatalException,
    "Connection": duckdb.ConnectionException,
    "Conversion": duckdb.ConversionException,
    "Out of Range": duckdb.OutOfRangeException,
}


def _refusal(error: duckdb.Error, *, told: bool) -> str:
    """DuckDB's sentence; it may hold a value of a row that a pipe leaves out, so others than the admin get its kind."""
    if told:
        return f"The query failed: {first_line(error)}"
    if first_line(error).startswith("At most "):  # a bound of our own macros
        return f"The query failed: {first_line(error)}."
    for kind, sentence in _WITHOUT_VALUES.items():
        if isinstance(error, kind):
            return f"The query failed: {sentence}"
    return "The query failed: the engine refuses it; ask the administrator, to whom it tells why."


_WITHOUT_VALUES: dict[type[duckdb.Error], str] = {
    duckdb.ConversionException: "a value is not of the type asked for; a function that ends in OrNull gives NULL.",
    duckdb.OutOfRangeException: "a number is outside of its type; convert to a wider one first.",
    duckdb.InvalidInputException: "a function cannot take a value that it got; leave such rows out with WHERE.",
}


def _memory_in_use(cursor: Connection) -> int:
    """Bytes that queries use: as the engine counts, or as the process holds, whichever is more; without what is cached.

    The engine does not count the values that a single function makes, and the process keeps memory that is free again.
    """
    row = cursor.execute(
        "SELECT sum(memory_usage_bytes) FILTER (tag <> 'BASE_TABLE'), sum(memory_usage_bytes) FROM duckdb_memory()"
    ).fetchone()
    counted, cached = (int(row[0]), int(row[1] - row[0])) if row else (0, 0)
    held = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return max(counted, held - cached)


_UNABLE = (duckdb.IOException, duckdb.FatalException, duckdb.ConnectionException)


@contextlib.contextmanager
def _told(*, writing: bool = False) -> Iterator[None]:
    """What DuckDB raises when the machine fails it, not the statement: an error that says to come again."""
    try:
        yield
    except (*_UNABLE, duckdb.TransactionException, duckdb.OutOfMemoryException) as error:
        log.error("the store could not be %s: %s", "written" if writing else "read", first_line(error))
        if writing:
            raise Busy(
                "The store cannot be written (is its disk full?), so nothing was stored; send the same request again.",
                retry_after=5,
            ) from None
        raise Busy("The store cannot be read at the moment; send the same request again.", retry_after=5) from None
    except duckdb.DataError as error:
        if not writing:
            raise
        raise Misfit(first_line(error)) from None


class _Acknowledged:
    """The number of the last acknowledged commit, in a file beside the store.

    It is written without fsync, after the log's own: what it says is never ahead of the log on the disk.
    """

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(store.name + ".acknowledged")
        self.seq = 0

    def read(self) -> int:
        """The number; 0 where there is no file or it holds none."""
        with contextlib.suppress(OSError, ValueError):
            self.seq = int(self.path.read_bytes())
        return self.seq

    def write(self, seq: int) -> None:
        """Set the number; where that is impossible the file keeps a lower one, which only proves less."""
        self.seq = seq
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(descriptor, b"%020d\n" % seq, 0)
            finally:
                os.close(descriptor)


def log_path(store: Path) -> Path:
    """DuckDB's write-ahead log of a store."""
    return store.with_name(store.name + ".wal")


def quoted(name: str) -> str:
    """A name as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """A value's text as a DuckDB literal."""
    return "'" + str(value).replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """The first line of DuckDB's message, without the error's kind."""
    line = str(error).strip().partition("\n")[0]
    return line.partition("Error: ")[2] or line


def _connect(path: Path, memory: int, threads: int) -> Connection:
    config: dict[str, Any] = {
        "memory_limit": f"{memory}B",
        "threads": threads,
        # Never inside a COMMIT, which would then be durable and fail at once: `fold_log` does it, after the answers.
        "wal_autocheckpoint": "1TB",
        "auto_checkpoint_skip_wal_threshold": 2**62,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        if not path.exists():
            _make_file(path)
        connection = duckdb.connect(str(path), config=config)
    except OSError as error:
        raise StartError(f"The store {path} cannot be made: {error.strerror}.") from None
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise StoreHeld(f"The store {path} is held by another process; stop that one first.") from None
        raise _unopened(path, error) from None
    except duckdb.Error as error:
        raise _unopened(path, error) from None
    # Only GLOBAL settings reach the cursors.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # A checkpoint would join row groups of any times, as they lie: metrics/ordering.py joins those of one time.
    connection.execute("SET GLOBAL max_vacuum_tasks = 0")
    return connection


def _make_file(path: Path) -> None:
    """An empty store, whole or not at all: a full disk or a kill must not leave a file that no later start can open."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        duckdb.connect(str(beside)).close()
        os.link(beside, path)
    except FileExistsError:  # another start was quicker: it has the store now
        pass
    except OSError:  # a file system without hard links
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _unopened(path: Path, error: duckdb.Error) -> StartError:
    if "WAL" not in str(error):
        return StartError(f"The store {path} cannot be opened: {first_line(error)}")
    wal = log_path(path)
    return StartError(
        f"The log {wal} is damaged ({first_line(error).removesuffix('.')}). Put back a whole copy of it and of "
        f"{path.name}, or move it and {path.name}.acknowledged away to go on without the rows that only it has."
    )


class _Operator(msgspec.Struct):
    type: str = ""
    rows_scanned: int = 0
    intermediate_rows: int = 0
    intermediate_size_bytes: int = 0
    children: list[_Operator] = []


class _Profile(msgspec.Struct):
    operator: list[_Operator] = []


_read_profile = msgspec.json.Decoder(_Profile).decode


def _scanned(profile: _Profile) -> tuple[int, int]:
    """Rows and bytes that a query scanned; bytes are those of the columns it read."""
    rows = size = 0
    pending = list(profile.operator)
    while pending:
        operator = pending.pop()
        pending.extend(operator.children)
        rows += operator.rows_scanned
        width = operator.intermediate_size_bytes / max(1, operator.intermediate_rows)
        size += round(width * operator.rows_scanned)
    return rows, size


def _sorted(profile: _Profile) -> int | None:
    """The rows that went into the TOP_N at the top of a query, if all did: nothing is pruned below a grouping."""
    path = []
    operators = profile.operator
    while len(operators) == 1:
        path.append(operators[0])
        operators = operators[0].children
    kinds = [operator.type for operator in path]
    if "TOP_N" not in kinds:
        return None
    top = kinds.index("TOP_N")
    below = next((kind for kind in kinds[top + 1 :] if kind not in ("PROJECTION", "FILTER")), "")
    if set(kinds[:top]) <= {"RESULT_COLLECTOR", "PROJECTION"} and below in _GROUPINGS:
        return path[top + 1].intermediate_rows
    return None


_GROUPINGS = ("HASH_GROUP_BY", "PERFECT_HASH_GROUP_BY", "UNGROUPED_AGGREGATE", "WINDOW")
