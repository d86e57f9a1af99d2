"""Rows out: the answer of a query as JSON, CSV, NDJSON, Parquet or Prometheus' text.

Last stage before HTTP. The JSON body is ClickHouse's `FORMAT JSON`, which Tinybird answers with: meta with ClickHouse
type names, data, rows, rows_before_limit_at_least and statistics. 64-bit integers and Decimals are JSON numbers, times
are `YYYY-MM-DD hh:mm:ss`, NaN and infinity are null; `Options` can make texts of integers and of these.
"""

from __future__ import annotations

import io
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from metrics.columns import parse_type
from metrics.dialect import types
from metrics.errors import BadRequest, DefinitionError, NotFound
from metrics.prometheus import exposition
from metrics.store import QueryResult

_SLICE_ROWS = 1000

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Count:
    """A number of rows, and what it cost to ask the store for it: seconds, and rows and bytes scanned."""

    rows: int
    elapsed: float = 0.0
    rows_read: int = 0
    bytes_read: int = 0


@dataclass(frozen=True)
class Answer:
    """What a query answers: columns with their ClickHouse types, and the rows with what they cost."""

    columns: tuple[tuple[str, str], ...]
    result: QueryResult
    rows_before_limit: Callable[[], Count]
    """Counts the rows that a query without its LIMIT has; it may have to ask the store."""
    version: str
    """Stays the same while the answer does; "" where nothing but running the query tells."""
    sources: tuple[str, ...]
    """The data sources that it read: rollups, or the rows themselves."""


@dataclass(frozen=True)
class Unchanged:
    """In place of an answer that the caller has: its version."""

    version: str


@dataclass(frozen=True)
class Options:
    """How JSON writes what it has no form for, by the names that ClickHouse gives these settings."""

    quote_64bit_integers: bool = False
    quote_denormals: bool = False

    @property
    def letters(self) -> str:
        """One letter for each that is set."""
        return "q" * self.quote_64bit_integers + "d" * self.quote_denormals


@dataclass(frozen=True)
class Format:
    """A way of writing an answer."""

    content_type: str
    write: Callable[[Answer, Options], bytes]


def find_format(name: str) -> Format:
    """The format of this name; raises NotFound with those that exist."""
    if name not in FORMATS:
        raise NotFound(f"Format '{name}' does not exist; there are: {', '.join(FORMATS)}.")
    return FORMATS[name]


def split_format(sql: str) -> tuple[str, str]:
    """A SELECT without its FORMAT clause, and the name of the format that the clause asks for; "" without one.

    Raises:
        BadRequest: the clause names a format that does not exist here.
    """
    clause = _FORMAT_CLAUSE.search(sql)
    if not clause:
        return sql, ""
    if clause[1].lower() not in _FORMAT_WORDS:
        raise BadRequest(f"FORMAT {clause[1]} is not supported; there are: {', '.join(_FORMAT_WORDS)}.")
    return sql[: clause.start()], _FORMAT_WORDS[clause[1].lower()]


def _json(answer: Answer, options: Options) -> bytes:
    result = answer.result
    data = b",".join(_encoder.encode(records)[1:-1] for records in _slices(answer, options))
    meta = _encoder.encode([{"name": name, "type": kind} for name, kind in answer.columns])
    before = answer.rows_before_limit()
    rest = _encoder.encode(
        {
            "rows": len(result.table),
            "rows_before_limit_at_least": before.rows,
            "statistics": {
                "elapsed": round(result.elapsed + before.elapsed, 6),
                "rows_read": result.rows_read + before.rows_read,
                "bytes_read": result.bytes_read + before.bytes_read,
                "sources": answer.sources,
            },
        }
    )
    return b'{"meta":' + meta + b',"data":[' + data + b"]," + rest[1:]


def _ndjson(answer: Answer, options: Options) -> bytes:
    return b"".join(_encoder.encode_lines(records) for records in _slices(answer, options))


def _slices(answer: Answer, options: Options) -> Iterator[list[Any]]:
    """The rows of an answer as JSON objects, some at a time, with a pause after each as long as it took to write.

    Python runs one thread at a time: without the pauses a million rows would keep all others waiting, ingest included.
    """
    table, spent = answer.result.table, 0.0
    for start in range(0, max(1, len(table)), _SLICE_ROWS):
        if start:
            time.sleep(spent)
        part = replace(answer.result, table=table.slice(start, _SLICE_ROWS))
        began = time.perf_counter()
        yield _objects(replace(answer, result=part), options)
        spent = time.perf_counter() - began


def _prometheus(answer: Answer, _: Options) -> bytes:
    return exposition([name for name, _ in answer.columns], _records(answer, Options()))


def _csv(answer: Answer, _: Options) -> bytes:
    names = [name for name, _ in answer.columns]
    table = _typed(answer)
    columns = [_csv_column(table.column(at), kind) for at, (_, kind) in enumerate(answer.columns)]
    out = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns, names=names), out)
    return out.getvalue()


def _csv_column(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else _text(value) for value in _values(column, kind)], pa.string())
    if pa.types.is_temporal(column.type) or pa.types.is_float32(column.type):
        return pa.array(_values(column, kind))
    return column


def _text(value: object) -> str:
    return _encoder.encode(value).decode()


def _parquet(answer: Answer, _: Options) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(_typed(answer), out, compression="zstd")
    return out.getvalue()


FORMATS = {
    "json": Format("application/json", _json),
    "csv": Format("text/csv; charset=utf-8", _csv),
    "csvwithnames": Format("text/csv; charset=utf-8", _csv),
    "ndjson": Format("application/x-ndjson", _ndjson),
    "parquet": Format("application/vnd.apache.parquet", _parquet),
    "prometheus": Format("text/plain; version=0.0.4; charset=utf-8", _prometheus),
}


_FORMAT_CLAUSE = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_FORMAT_WORDS = {"jsoneachrow": "ndjson", **{name: name for name in FORMATS if name != "ndjson"}}


def _typed(answer: Answer) -> pa.Table:
    """The rows with the Arrow types that the ClickHouse types stand for (DuckDB sums integers into 128 bits)."""
    table = answer.result.table
    columns = [_as_type(table.column(at), kind) for at, (_, kind) in enumerate(answer.columns)]
    return pa.table(columns, names=[name for name, _ in answer.columns])


def _as_type(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    try:
        wanted = parse_type(kind).arrow
    except DefinitionError:
        return column
    if column.type == wanted or pa.types.is_nested(wanted):
        return column
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.chunked_array([pa.array([str(value) for value in column.to_pylist()], pa.string())])
    return column.cast(wanted)


def _records(answer: Answer, options: Options) -> list[dict[str, Any]]:
    names = [name for name, _ in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*_columns(answer, options), strict=True)]


def _objects(answer: Answer, options: Options) -> list[Any]:
    """The rows as what msgspec writes as JSON objects: structs, made three times as quickly as dicts."""
    names = tuple(name for name, _ in answer.columns)
    if any(_ESCAPED.search(name) for name in names):
        return _records(answer, options)
    return list(map(_row_type(names), *_columns(answer, options)))


_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')  # what no name of a struct's field can hold


@lru_cache(maxsize=1024)
def _row_type(names: tuple[str, ...]) -> type[msgspec.Struct]:
    fields = [f"c{number}" for number in range(len(names))]
    return msgspec.defstruct("Row", fields, rename=dict(zip(fields, names, strict=True)), gc=False)


def _columns(answer: Answer, options: Options) -> list[Sequence[Any]]:
    table = _typed(answer)
    return [_optioned(_values(table.column(at), kind), kind, options) for at, (_, kind) in enumerate(answer.columns)]


def _optioned(values: Sequence[Any], kind: str, options: Options) -> Sequence[Any]:
    """The values with what the options ask for as text: integers of 64 bits and more, NaN and infinity."""
    quotes_integers = options.quote_64bit_integers and _WIDE_INTEGER.search(kind)
    if not quotes_integers and not (options.quote_denormals and "Float" in kind):
        return values
    type_ = types.parse_type(kind)
    return [_quoted(value, type_, options) for value in values]


def _quoted(value: Any, type_: types.Type, options: Options) -> Any:
    if value is None:
        return None
    bare = type_.bare
    if isinstance(value, list):
        kinds = [inner for _, inner in types.elements(bare)] if bare.is_tuple else [bare.inner] * len(value)
        return [_quoted(item, kind, options) for item, kind in zip(value, kinds, strict=True)]
    if isinstance(value, dict):  # a Map, whose values have one type, or a Tuple with names
        kinds = [bare.key_and_value[1]] * len(value) if bare.is_map else [inner for _, inner in types.elements(bare)]
        return {key: _quoted(item, kind, options) for (key, item), kind in zip(value.items(), kinds, strict=True)}
    if options.quote_64bit_integers and _WIDE_INTEGER.fullmatch(bare.name):
        return str(value)
    if options.quote_denormals and isinstance(value, float) and not math.isfinite(value):
        return str(value)  # nan, inf or -inf, as ClickHouse writes them
    return value


_WIDE_INTEGER = re.compile(r"U?Int(64|128|256)")


def _values(column: pa.ChunkedArray, kind: str) -> Sequence[Any]:
    """A column as JSON values; a time with a zone comes from the compiled statement as that zone's wall time."""
    if pa.types.is_timestamp(column.type):
        return _times(column, kind)
    values: list[Any] = column.to_pylist()
    if "Int128" in kind and pa.types.is_string(column.type):
        return [None if value is None else int(value) for value in values]
    if pa.types.is_float32(column.type):
        # the shortest text that names the float, as ClickHouse prints it: 0.1328 and not 0.13279999792575836
        return [None if value is None else float(str(np.float32(value))) for value in values]
    if pa.types.is_nested(column.type) or pa.types.is_date(column.type):
        type_ = types.parse_type(kind)
        return [_plain(value, type_) for value in values]
    return values


def _times(column: pa.ChunkedArray, kind: str) -> list[str | None]:
    precision = re.search(r"DateTime64\((\d)", kind)
    digits = int(precision[1]) if precision else 0
    if column.type.tz:
        column = column.cast(pa.timestamp(column.type.unit))
    cut = 19 if digits == 0 else 20 + digits
    written = pc.utf8_slice_codeunits(column.cast(pa.string()), 0, cut)  # twenty times as quick as strftime
    texts: list[str | None] = written.to_pylist()
    if column.type.unit == "us" and digits <= 6:
        return texts
    return [None if text is None else text.ljust(cut, "0") for text in texts]


def _plain(value: Any, type_: types.Type) -> Any:
    """A nested Arrow value as JSON has it: times as text, maps and named tuples as objects, other tuples as arrays."""
    bare = type_.bare
    if isinstance(value, datetime):
        digits = bare.scale
        return value.strftime("%Y-%m-%d %H:%M:%S") + (f".{value.microsecond:06d}"[: digits + 1] if digits else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and bare.name == "Float32":
        return float(str(np.float32(value)))
    if bare.is_map and value is not None:
        return {str(key): _plain(item, bare.key_and_value[1]) for key, item in value}
    if bare.is_array and value is not None:
        return [_plain(item, bare.inner) for item in value]
    if bare.is_tuple and value is not None:
        items = [_plain(item, inner) for item, (_, inner) in zip(value.values(), types.elements(bare), strict=True)]
        return items if isinstance(bare.args[0], types.Type) else dict(zip(value, items, strict=True))
    return value
