"""Files into a data source, and rows out of it: what `/v0/datasources` does besides reading.

Each is one transaction of the writer: readers see what was there before or what is there after, never anything between.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from metrics import events
from metrics.dialect import compile_expression, compile_query
from metrics.errors import BadRequest, DefinitionError, PerchError
from metrics.files import read_rows
from metrics.idempotency import Counts
from metrics.store import Query, Store
from metrics.validation import Rows
from metrics.workspace import Source
from metrics.writer import Writer

FILE_FORMATS = ("csv", "ndjson", "parquet")


@dataclass(frozen=True)
class Dialect:
    """What separates the cells of a CSV line, and what makes the next character an ordinary one."""

    delimiter: str = ","
    escape: str | None = None


def read_upload(source: Source, data: bytes, form: str, dialect: Dialect) -> Rows:
    """The rows of an uploaded file, checked. In CSV and Parquet columns go by their names, in NDJSON by JSON path.

    Raises:
        BadRequest: the format is unknown, or the file is not of it.
    """
    if form not in FILE_FORMATS:
        raise BadRequest(f"The format '{form}' is not supported; there are: {', '.join(FILE_FORMATS)}.")
    if form == "ndjson":
        lines = events.split(data)
        return source.validator.decode(lines.texts, long_fractions=lines.long_fractions)
    rows = Rows()
    for record in _records(source, _with_header(source, data, dialect) if form == "csv" else data, form):
        source.validator.coerce(record, rows)
    return rows


def append(writer: Writer, source: Source, rows: Rows, size: int) -> Counts:
    """Add the rows to a data source; returns when they are durable."""
    return writer.write(source, rows, size=size, import_id=str(uuid.uuid4())).result()


def replace(writer: Writer, source: Source, rows: Rows) -> Counts:
    """Put the rows in the place of all that are there; returns when that is durable."""
    return writer.replace(source, rows, import_id=str(uuid.uuid4())).result()


def delete(writer: Writer, source: Source, condition: str) -> int:
    """Delete the rows for which `condition` (ClickHouse SQL over the declared columns) holds; returns how many.

    Raises:
        BadRequest: the condition cannot be understood.
    """
    return writer.remove(source, _compiled(source, condition)).result()


def truncate(writer: Writer, source: Source) -> int:
    """Delete every row; returns how many."""
    return writer.remove(source, "true").result()


def count_matching(store: Store, source: Source, condition: str, timeout: float) -> int:
    """How many rows `delete` would delete."""
    _compiled(source, condition)
    counting = f"SELECT count() AS n FROM {source.name} WHERE {condition}"
    compiled = compile_query(counting, {source.name: source.columns})
    return int(store.query(Query(compiled.sql), timeout=timeout).table.column("n")[0].as_py())


def _compiled(source: Source, condition: str) -> str:
    try:
        return compile_expression(condition, source.columns)
    except DefinitionError as error:
        raise BadRequest(f"delete_condition: {error.reason}") from None


def _with_header(source: Source, data: bytes, dialect: Dialect) -> bytes:
    """CSV with commas and a header line: the file's own if it names a column, or else the columns in their order."""
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        rows = list(csv.reader(text, delimiter=dialect.delimiter, escapechar=dialect.escape))
    except (UnicodeDecodeError, csv.Error, TypeError) as error:
        raise BadRequest(f"The file is not CSV: {error}.") from None
    names = [name for name, _ in source.columns]
    if rows and not set(rows[0]) & set(names):
        rows.insert(0, names[: len(rows[0])])
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _records(source: Source, data: bytes, form: str) -> Iterator[Mapping[str, Any]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload.{form}"
        path.write_bytes(data)
        try:
            for row in read_rows(path, types=dict(source.columns)):
                yield msgspec.to_builtins(row, builtin_types=(Decimal,))  # a time becomes the text that JSON has
        except PerchError as error:
            raise BadRequest(error.message.replace(str(path), "that was sent")) from None
