"""The same small rows in DuckDB, as the store keeps them, and in ClickHouse (chdb); one query asked of both."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import numpy
from chdb import session

from metrics.dialect import MACROS, Compiled, compile_query
from metrics.dialect.rules import duck_type
from metrics.dialect.types import Type, elements, parse_type

Columns = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """Names, ClickHouse type names and rows, in JSON's own values."""

    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[Any, ...]]


class Engines:
    """Both engines over the same tables."""

    def __init__(self) -> None:
        self.duck = duckdb.connect()
        self.duck.execute("SET GLOBAL TimeZone='UTC'")
        self.duck.execute(MACROS)
        self.click = session.Session()
        self.click.query("CREATE DATABASE IF NOT EXISTS parity ENGINE = Atomic")
        self.click.query("USE parity")
        self.tables: dict[str, Columns] = {}

    def close(self) -> None:
        self.duck.close()
        self.click.close()

    def add(
        self,
        name: str,
        columns: Columns,
        rows: Iterable[Sequence[object]] = (),
        engine: str = "MergeTree ORDER BY tuple()",
    ) -> None:
        """Create a table in both engines with rows of Python values; `engine` is ClickHouse's."""
        self.tables[name] = columns
        declared = ", ".join(f'"{column}" {duck_type(parse_type(type_))}' for column, type_ in columns)
        self.duck.execute(f'CREATE OR REPLACE TABLE main."{name}" ({declared})')
        declared = ", ".join(f"`{column}` {type_}" for column, type_ in columns)
        self.click.query(f"DROP TABLE IF EXISTS parity.`{name}`")
        self.click.query(f"CREATE TABLE parity.`{name}` ({declared}) ENGINE = {engine}")
        self.insert(name, rows)

    def insert(self, name: str, rows: Iterable[Sequence[object]]) -> None:
        """Add rows of Python values to a table of both."""
        rows = list(rows)
        if rows:
            marks = ", ".join("?" * len(self.tables[name]))
            self.duck.executemany(f'INSERT INTO main."{name}" VALUES ({marks})', rows)
            lines = "\n".join(json.dumps([_sent(value) for value in row]) for row in rows)
            self.click.query(f"INSERT INTO parity.`{name}` FORMAT JSONCompactEachRow\n{lines}")

    def count(self, name: str) -> int:
        """How many rows a table has in DuckDB."""
        row = self.duck.execute(f'SELECT count(*) FROM main."{name}"').fetchone()
        return int(row[0]) if row else 0

    def on_duckdb(self, sql: str, values: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """What the compiled query answers."""
        return self.answer(compile_query(sql, self.tables, **options), values)

    def answer(self, compiled: Compiled, values: Mapping[str, object] | None = None) -> Answer:
        """What DuckDB answers to a compiled query."""
        sql, _, given = compiled.run(values or {})
        cursor = self.duck.execute(sql, given or None)
        names = [description[0] for description in cursor.description or []]
        columns = compiled.described(values or {})
        assert names == [name for name, _ in columns]
        return Answer(tuple(columns), [_row(row, columns) for row in cursor.fetchall()])

    def rows(self, sql: str, columns: Columns) -> Answer:
        """What DuckDB answers to a query in its own SQL, of which the columns are known."""
        rows = self.duck.execute(sql).fetchall()
        return Answer(tuple(columns), [_row(row, columns) for row in rows])

    def on_clickhouse(self, sql: str, values: Mapping[str, object] | None = None) -> Answer:
        """What ClickHouse answers to the query as it is written."""
        self.click.query("USE parity")  # takes what a query that failed has left of its answer
        params = {name: _parameter(value) for name, value in (values or {}).items()}
        body = json.loads(
            str(self.click.query(sql, "JSONCompact", params=params) if params else self.click.query(sql, "JSONCompact"))
        )
        columns = tuple((each["name"], each["type"]) for each in body["meta"])
        return Answer(columns, [tuple(row) for row in body["data"]])


def _sent(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    return value.isoformat() if isinstance(value, date) else value


def _parameter(value: object) -> str:
    """A query parameter as ClickHouse reads it: escaped text, or an array literal."""
    if isinstance(value, (list, tuple)):
        quoted = (
            "'" + each.replace("\\", "\\\\").replace("'", "\\'") + "'" if isinstance(each, str) else str(each)
            for each in value
        )
        return f"[{','.join(quoted)}]"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _row(row: Sequence[Any], columns: Columns) -> tuple[Any, ...]:
    return tuple(_shown(value, type_) for value, (_, type_) in zip(row, columns, strict=True))


def _shown(value: Any, type_: str) -> Any:
    """A DuckDB value as ClickHouse's JSON has it."""
    if isinstance(value, dict):
        return _object(value, parse_type(type_).bare)
    if isinstance(value, list):
        return [_shown(each, str(parse_type(type_).bare.inner)) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float) and parse_type(type_).bare.name == "Float32":
        return float(str(numpy.float32(value)))
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        digits = parse_type(type_).scale
        text = value.strftime("%Y-%m-%d %H:%M:%S")
        return text + (f".{value.microsecond:06d}"[: digits + 1] if digits else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (int, float, str)) or value is None:
        return value
    return str(value)


def _object(value: dict[Any, Any], type_: Type) -> Any:
    """A Map or a Tuple: an object, but a Tuple without names is an array."""
    if type_.name == "Map":
        inner = str(type_.args[1])
        return {str(key): _shown(item, inner) for key, item in value.items()}
    shown = {name: _shown(value[name], str(inner)) for name, inner in elements(type_)}
    return list(shown.values()) if isinstance(type_.args[0], Type) else shown


def differences(ours: Answer, theirs: Answer, ordered: bool = False, approximate: float = 1e-9) -> str:
    """What is not equal, in one line; "" where all is."""
    if len(ours.columns) != len(theirs.columns):
        return f"{len(ours.columns)} columns != {len(theirs.columns)}"
    unequal = [pair for pair in zip(ours.columns, theirs.columns, strict=True) if pair[0] != pair[1]]
    if unequal:
        return "columns " + ", ".join(f"{mine} != {other}" for mine, other in unequal)
    if len(ours.rows) != len(theirs.rows):
        return f"{len(ours.rows)} rows != {len(theirs.rows)}: {ours.rows[:5]} {theirs.rows[:5]}"
    left, right = (ours.rows, theirs.rows) if ordered else (sorted(ours.rows, key=_key), sorted(theirs.rows, key=_key))
    for mine, other in zip(left, right, strict=True):
        unequal_values = [
            f"{name}: {a!r} != {b!r}"
            for (name, _), a, b in zip(ours.columns, mine, other, strict=True)
            if not _equal(a, b, approximate)
        ]
        if unequal_values:
            return ", ".join(unequal_values)
    return ""


def _key(row: object) -> str:
    if isinstance(row, (list, tuple)):
        return "(" + " ".join(_key(each) for each in row) + ")"
    if isinstance(row, bool) or not isinstance(row, (int, float)):
        return repr(row)
    return f"{float(row):.6g}"


def _equal(left: Any, right: Any, approximate: float) -> bool:
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(_equal(a, b, approximate) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key], approximate) for key in left)
    inexact = approximate > 1e-9 and isinstance(left, int) and isinstance(right, int)
    if isinstance(left, float) or isinstance(right, float) or inexact:
        if left is None or right is None or isinstance(left, str) or isinstance(right, str):
            return left is right
        return math.isclose(left, right, rel_tol=approximate, abs_tol=1e-12)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
