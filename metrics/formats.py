"""Rows out: the answer of a query as JSON, CSV, NDJSON or Parquet.

Last stage before HTTP. The JSON body is ClickHouse's `FORMAT JSON`, which Tinybird answers with: meta with ClickHouse
type names, data, rows, rows_before_limit_at_least and statistics. 64-bit integers and Decimals are JSON numbers, times
are `YYYY-MM-DD hh:mm:ss`, NaN and infinity are null.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from metrics.columns import parse_type
from metrics.errors import BadRequest, DefinitionError, NotFound
from metrics.store import QueryResult

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Answer:
    """What a query answers: columns with their ClickHouse types, and the rows with what they cost."""

    columns: tuple[tuple[str, str], ...]
    result: QueryResult


@dataclass(frozen=True)
class Format:
    """A way of writing an answer."""

    content_type: str
    write: Callable[[Answer], bytes]


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


def _json(answer: Answer) -> bytes:
    data = _records(answer)
    result = answer.result
    return _encoder.encode(
        {
            "meta": [{"name": name, "type": kind} for name, kind in answer.columns],
            "data": data,
            "rows": len(data),
            "rows_before_limit_at_least": len(data),
            "statistics": {
                "elapsed": round(result.elapsed, 6),
                "rows_read": result.rows_read,
                "bytes_read": result.bytes_read,
            },
        }
    )


def _ndjson(answer: Answer) -> bytes:
    return _encoder.encode_lines(_records(answer))


def _csv(answer: Answer) -> bytes:
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


def _parquet(answer: Answer) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(_typed(answer), out, compression="zstd")
    return out.getvalue()


FORMATS = {
    "json": Format("application/json", _json),
    "csv": Format("text/csv; charset=utf-8", _csv),
    "csvwithnames": Format("text/csv; charset=utf-8", _csv),
    "ndjson": Format("application/x-ndjson", _ndjson),
    "parquet": Format("application/vnd.apache.parquet", _parquet),
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


def _records(answer: Answer) -> list[dict[str, Any]]:
    names = [name for name, _ in answer.columns]
    table = _typed(answer)
    columns = [_values(table.column(at), kind) for at, (_, kind) in enumerate(answer.columns)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


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
        return [_plain(value, is_map=pa.types.is_map(column.type)) for value in values]
    return values


def _times(column: pa.ChunkedArray, kind: str) -> list[str | None]:
    precision = re.search(r"DateTime64\((\d)", kind)
    digits = int(precision[1]) if precision else 0
    texts: list[str | None] = pc.strftime(column, "%Y-%m-%d %H:%M:%S").to_pylist()
    cut = 19 if digits == 0 else 20 + digits
    return [None if text is None else text.ljust(cut, "0")[:cut] for text in texts]


def _plain(value: Any, *, is_map: bool = False) -> Any:
    """A nested Arrow value as JSON has it: times as text, maps as objects."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if is_map and isinstance(value, list):
        return {str(key): _plain(item) for key, item in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
