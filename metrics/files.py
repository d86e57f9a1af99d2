"""NDJSON, CSV, Parquet and SQLite files to rows, for `python -m metrics load`.

Stands before the river: its rows go through `POST /v0/events`, so they are checked like any posted event. A value stays
as its file has it. Only a CSV cell, which is text, becomes a number where the column that it fills is one.
"""

from __future__ import annotations

import csv
import gzip
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from metrics.columns import parse_time
from metrics.errors import PerchError

Record = dict[str, Any]
Row = Record | msgspec.Raw
"""A record, or a line of JSON that goes on as it is."""

TIME = "event_time"

_GZIP, _PARQUET, _SQLITE = b"\x1f\x8b", b"PAR1", b"SQLite format 3\x00"
_TEXT_FORMS = {".csv": "csv", ".tsv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson"}
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|[+-]?\.[0-9]+([eE][+-]?[0-9]+)?")
_NUMERIC = re.compile(r"U?Int\d+|Float\d+|Decimal")
_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error, pa.ArrowException, sqlite3.Error)
_read_line = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


@dataclass(frozen=True)
class Filling:
    """How the columns of a data source are filled from the fields of a file.

    `mapping`: column -> their field. `constants`: column -> value for every row. `types`: column -> ClickHouse type.
    `origin`: what an `event_time` that is a number counts from, in milliseconds.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    origin: datetime | None = None

    @property
    def changes(self) -> bool:
        """Whether a record differs from the row it becomes."""
        return bool(self.mapping or self.constants or self.origin)

    def fill(self, record: Record) -> Record:
        """The row that a record becomes."""
        taken = set(self.mapping.values())
        row = {name: value for name, value in record.items() if name not in taken}
        row |= {column: record.get(theirs) for column, theirs in self.mapping.items()}
        row |= {column: self.typed(column, value) for column, value in self.constants.items()}
        if self.origin is not None and TIME in row:
            row[TIME] = _counted(row[TIME], self.origin)
        return row

    def typed(self, column: str, text: str) -> Any:
        """A text as the column's type has it in JSON: a number, null for an empty one; what is neither stays text."""
        kind = self.types.get(column, "String").removeprefix("LowCardinality(")
        nullable, bare = kind.startswith("Nullable("), kind.removeprefix("Nullable(")
        if text == "" and (nullable or not bare.startswith("String")):
            return None
        if bare.startswith(("Bool", "UInt8")) and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if _NUMERIC.match(bare) and _NUMBER.fullmatch(text):
            return int(text) if text.lstrip("+-").isdigit() else Decimal(text)
        return text


def read_rows(
    path: Path,
    *,
    table: str | None = None,
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
    time_origin: str | None = None,
) -> Iterator[Row]:
    """The rows of a file, one after another; the form of the file is told by its first bytes and its name.

    `table` names the table of a SQLite file. `time_origin` is a time such as `2024-05-01T00:00:00Z`: an `event_time`
    that is a number is then milliseconds after it. The other arguments are as in `Filling`.

    Raises:
        PerchError: the file cannot be read, or is of no known form; one sentence that names it.
    """
    filling = Filling(mapping or {}, constants or {}, types or {}, _origin(time_origin))
    with _readable(path):
        yield from _READERS[_form(path)](path, filling, table)


def count_rows(path: Path, table: str | None = None) -> int | None:
    """About how many rows a file has, for a progress bar; None where counting is as slow as reading.

    Raises:
        PerchError: the file cannot be read.
    """
    with _readable(path):
        form = _form(path)
        if form == "parquet":
            return int(pq.ParquetFile(path).metadata.num_rows)
        if form == "sqlite":
            with closing(_sqlite(path)) as connection:
                name = _sqlite_table(connection, path, table)
                return int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
        if _starts(path, _GZIP):
            return None
        with path.open("rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        return max(lines - (form == "csv"), 0)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise PerchError(f"The file {path} cannot be read: {reason.rstrip('.') or 'it is cut off'}.") from None


def _starts(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _form(path: Path) -> str:
    if _starts(path, _PARQUET):
        return "parquet"
    if _starts(path, _SQLITE):
        return "sqlite"
    name = path.with_suffix("") if path.suffix == ".gz" else path
    with _opened(path) as file:
        first = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    form = "ndjson" if first == b"{" else _TEXT_FORMS.get(name.suffix.lower(), "")
    if form == "ndjson" and first == b"[":
        raise PerchError(f"The file {path} holds one JSON array; write its objects one to a line.")
    if not form:
        raise PerchError(f"The file {path} is not of a known form: NDJSON, CSV, Parquet or SQLite.")
    return form


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if _starts(path, _GZIP) else path.open("rb")


def _origin(text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError:
        raise PerchError(f"{text!r} is not a time to count from; write it as 2024-05-01T00:00:00Z.") from None


def _counted(value: Any, origin: datetime) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return (origin + timedelta(milliseconds=float(value))).isoformat()


# NDJSON


def _ndjson(path: Path, filling: Filling, _: str | None) -> Iterator[Row]:
    with _opened(path) as file:
        for line in file:
            if line.strip():
                yield _filled(line, filling) if filling.changes else msgspec.Raw(line.strip())


def _filled(line: bytes, filling: Filling) -> Row:
    try:
        return filling.fill(_read_line(line))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(line.strip())  # for the quarantine, which tells what is wrong with it


# CSV


def _csv(path: Path, filling: Filling, _: str | None) -> Iterator[Row]:
    with _opened(path) as raw:
        reader = csv.reader(_texts(raw), delimiter="\t" if ".tsv" in path.suffixes else ",")
        header = next(reader, [])
        _require_fields(path, header, filling)
        for cells in reader:
            if len(cells) > len(header):
                line = f"line {reader.line_num} has {len(cells)} cells"
                raise PerchError(f"The file {path} cannot be read: {line}, its header {len(header)}.")
            if cells:
                row = filling.fill(dict(zip(header, cells, strict=False)))
                yield {column: _cell(filling, column, value) for column, value in row.items()}


def _cell(filling: Filling, column: str, value: Any) -> Any:
    return filling.typed(column, value) if isinstance(value, str) else value


def _texts(raw: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(raw):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def _require_fields(path: Path, fields: Iterable[str], filling: Filling) -> None:
    known = list(fields)
    for column, theirs in filling.mapping.items():
        if theirs not in known:
            raise PerchError(f"The file {path} has no field {theirs} for {column}; it has: {', '.join(known)}.")


# Parquet


def _parquet(path: Path, filling: Filling, _: str | None) -> Iterator[Row]:
    file = pq.ParquetFile(path)
    _require_fields(path, file.schema_arrow.names, filling)
    for batch in file.iter_batches(batch_size=10_000):
        for record in batch.cast(_plain_schema(batch.schema), safe=False).to_pylist():
            yield filling.fill(record)


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    """The same with types whose Python values JSON can hold: times to the microsecond, bytes as text."""
    return pa.schema([item.with_type(_plain_type(item.type)) for item in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.string()
    return kind


# SQLite


def _sqlite_rows(path: Path, filling: Filling, table: str | None) -> Iterator[Row]:
    with closing(_sqlite(path)) as connection:
        cursor = connection.execute(f"SELECT * FROM {_sqlite_table(connection, path, table)}")
        names = [item[0] for item in cursor.description]
        _require_fields(path, names, filling)
        for values in cursor:
            yield filling.fill({name: _text_of(value) for name, value in zip(names, values, strict=True)})


def _sqlite(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _sqlite_table(connection: sqlite3.Connection, path: Path, table: str | None) -> str:
    """The quoted name of the table to read."""
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
    names = [str(row[0]) for row in connection.execute(query)]
    chosen = table or (names[0] if len(names) == 1 else "")
    if chosen not in names:
        wrong = f"has no table {table}" if table else "needs --table"
        raise PerchError(f"The file {path} {wrong}; it has: {', '.join(names) or 'none'}.")
    return '"' + chosen.replace('"', '""') + '"'


def _text_of(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


_READERS: dict[str, Callable[[Path, Filling, str | None], Iterator[Row]]] = {
    "ndjson": _ndjson,
    "csv": _csv,
    "parquet": _parquet,
    "sqlite": _sqlite_rows,
}
