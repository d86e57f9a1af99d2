"""The DuckDB file: the one connection that writes, cursors that read, limits, and our own tables.

Three schemas: `rows` holds a table per data source with the declared columns and `_seq`, the number of the group commit
that wrote a row (DuckDB's rowid changes when rows are deleted, so it cannot give order); `main` holds a view per table
with the declared columns alone, all that a query sees; `internal` holds our own tables, made by numbered steps.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from metrics.errors import BadRequest, QueryTimeout, StartError, StoreHeld

Connection = duckdb.DuckDBPyConnection

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
)
"""Step n brings our own tables from version n to n + 1. A step that has been released is never edited."""


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, and what it cost: seconds, and rows and bytes scanned as the engine's profile says."""

    table: pa.Table
    elapsed: float
    rows_read: int
    bytes_read: int


class Store:
    """One open DuckDB file. `connection` belongs to the writer's thread; everybody else reads by `query`."""

    def __init__(self, path: Path, *, memory: int, threads: int | None = None) -> None:
        self.path = path
        self.connection = _connect(path, memory, threads or os.cpu_count() or 2)
        self._prepare()

    def close(self) -> None:
        """Write the log into the file and let go of it."""
        with contextlib.suppress(duckdb.Error):
            self.connection.execute("CHECKPOINT")
        self.connection.close()

    def _prepare(self) -> None:
        for schema in ("rows", "internal"):
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self.connection.execute("CREATE TABLE IF NOT EXISTS internal.version (version UINTEGER)")
        row = self.connection.execute("SELECT max(version) FROM internal.version").fetchone()
        version = int(row[0] or 0) if row else 0
        if version > len(MIGRATIONS):
            raise StartError(f"{self.path} was made by a newer Perch (step {version}); start that one or a newer one.")
        for step, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.transaction():
                self.connection.execute(statements)
                self.connection.execute("INSERT INTO internal.version VALUES (?)", [step])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One durable transaction on the writing connection: committed at the end, rolled back on any exception."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A cursor of its own inside one read transaction, so that several statements see the same rows."""
        cursor = self.connection.cursor()
        try:
            cursor.execute("BEGIN")
            yield cursor
        finally:
            cursor.close()

    def sizes(self, table: str, quarantine: str) -> tuple[int, int, int]:
        """Rows of a data source, rows of its quarantine, and the bytes of the whole file."""
        with self.snapshot() as cursor:
            counts = [
                cursor.execute(f"SELECT count(*) FROM rows.{quoted(name)}").fetchone() for name in (table, quarantine)
            ]
        rows, quarantined = (int(row[0]) if row else 0 for row in counts)
        return rows, quarantined, self.path.stat().st_size

    def query(self, sql: str, values: Mapping[str, object] | None = None, *, timeout: float) -> QueryResult:
        """Run one compiled SELECT with its values bound by name.

        Raises:
            QueryTimeout: it ran longer than `timeout` seconds.
            BadRequest: DuckDB refuses it; the sentence is DuckDB's first.
        """
        cursor = self.connection.cursor()
        cursor.execute("SET python_enable_replacements = false; SET enable_profiling = 'no_output'")
        timer = threading.Timer(timeout, cursor.interrupt)
        timer.daemon = True
        started = time.perf_counter()
        try:
            timer.start()
            relation = cursor.sql(sql, params=dict(values or {}))
            table = relation.to_arrow_table()
            elapsed = time.perf_counter() - started
            rows_read, bytes_read = _scanned(cursor)
        except duckdb.InterruptException:
            raise QueryTimeout(f"The query took longer than {timeout:g} s; ask for a shorter range.") from None
        except duckdb.OutOfMemoryException:
            raise BadRequest("The query needs more memory than PERCH_MEMORY allows; ask for a shorter range.") from None
        except duckdb.Error as error:
            raise BadRequest(f"The query failed: {first_line(error)}") from None
        finally:
            timer.cancel()
            cursor.close()
        return QueryResult(table, elapsed, rows_read, bytes_read)


def quoted(name: str) -> str:
    """A name as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def first_line(error: Exception) -> str:
    """The first line of DuckDB's message, without the error's kind."""
    line = str(error).strip().partition("\n")[0]
    return line.partition("Error: ")[2] or line


def _connect(path: Path, memory: int, threads: int) -> Connection:
    config: dict[str, Any] = {
        "memory_limit": f"{memory}B",
        "threads": threads,
        # The log is folded into the file every 16 MB: a stall of about 50 ms; larger logs only make rarer, longer ones.
        "wal_autocheckpoint": "16MB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        connection = duckdb.connect(str(path), config=config)
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise StoreHeld(f"The store {path} is held by another process; stop that one first.") from None
        raise StartError(f"The store {path} cannot be opened: {first_line(error)}") from None
    except duckdb.Error as error:
        raise StartError(f"The store {path} cannot be opened: {first_line(error)}") from None
    # Only GLOBAL settings reach the cursors.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


class _Operator(msgspec.Struct):
    type: str = ""
    rows_scanned: int = 0
    intermediate_rows: int = 0
    intermediate_size_bytes: int = 0
    children: list[_Operator] = []


class _Profile(msgspec.Struct):
    operator: list[_Operator] = []


_read_profile = msgspec.json.Decoder(_Profile).decode


def _scanned(cursor: Connection) -> tuple[int, int]:
    """Rows and bytes that the last query of this cursor scanned; bytes are those of the columns it read."""
    rows = size = 0
    pending = list(_read_profile(cursor.get_profiling_information()).operator)
    while pending:
        operator = pending.pop()
        pending.extend(operator.children)
        rows += operator.rows_scanned
        width = operator.intermediate_size_bytes / max(1, operator.intermediate_rows)
        size += round(width * operator.rows_scanned)
    return rows, size
