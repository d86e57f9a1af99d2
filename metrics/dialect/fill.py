"""ORDER BY ... WITH FILL: rows for the values that a series leaves out, in DuckDB's SQL around the query.

The values run from FROM (or the first row's) in steps to TO (or the last row's), TO itself left out, once for each
value of the columns that ORDER BY has before the filled one. The other columns of a new row are defaults, or with
INTERPOLATE those of the row before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from metrics.dialect.expressions import Expressions
from metrics.dialect.functions import zones
from metrics.dialect.rules import NoRule, default_sql, duck_type, quoted
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast

_SECONDS: Final = {"Second": 1, "Minute": 60, "Hour": 3600}
_CALENDAR: Final = ("Day", "Week", "Month", "Quarter", "Year")


@dataclass(frozen=True)
class Step:
    """How far apart the values are: a number, or an amount of a calendar unit such as "Month"."""

    amount: float
    unit: str = ""


@dataclass
class Fill:
    """One filled column of a query whose columns are `columns`; `prefix` are those that ORDER BY has before it."""

    column: str
    type: Type
    columns: tuple[tuple[str, Type], ...]
    prefix: Sequence[str]
    step: Step
    start: str = ""
    end: str = ""
    carried: set[str] = field(default_factory=set)

    def sql(self, query: str) -> str:
        """The query with the missing rows, in no order."""
        keys = [quoted(name) for name in self.prefix]
        value = quoted(self.column)
        groups = f"GROUP BY {', '.join(keys) or '()'}"
        low = self.start or f"{'min' if self.step.amount > 0 else 'max'}({value})"
        high = self.end or f"{'max' if self.step.amount > 0 else 'min'}({value})"
        bounds = f"SELECT {', '.join([*keys, f'{low} AS low', f'{high} AS high'])} FROM given {groups}"
        if keys and self.start and self.end:
            # a query without rows has one series nevertheless, under the defaults
            types = dict(self.columns)
            defaults = ", ".join(default_sql(types[name]) for name in self.prefix)
            bounds += f" UNION ALL SELECT {defaults}, {low}, {high} WHERE NOT EXISTS (FROM given)"
        series = f"SELECT {', '.join([*keys, f'unnest({self.series()}) AS {value}'])} FROM bounds"
        same = " AND ".join(f"given.{key} IS NOT DISTINCT FROM series.{key}" for key in [*keys, value])
        columns = ", ".join(map(self.missing, self.columns))
        missing = f"SELECT {columns} FROM series WHERE NOT EXISTS (FROM given WHERE {same})"
        rows = f"SELECT *, FALSE AS _new FROM given UNION ALL SELECT *, TRUE AS _new FROM ({missing})"
        return (
            f"WITH given AS MATERIALIZED ({query}), bounds AS ({bounds}), series AS ({series}), filled AS ({rows}) "
            f"SELECT {', '.join(self.shown(name) for name, _ in self.columns)} FROM filled"
        )

    def missing(self, column: tuple[str, Type]) -> str:
        name, type_ = column
        known = name == self.column or name in self.prefix
        return f"{f'series.{quoted(name)}' if known else default_sql(type_)} AS {quoted(name)}"

    def shown(self, name: str) -> str:
        if name not in self.carried:
            return quoted(name)
        type_ = dict(self.columns)[name]
        order = f"{quoted(self.column)} {'ASC' if self.step.amount > 0 else 'DESC'}"
        last = f"last_value(CASE WHEN NOT _new THEN ROW({quoted(name)}) END IGNORE NULLS) OVER (ORDER BY {order})"
        carried = f"struct_extract_at({last}, 1)"
        whole = carried if type_.nullable else f"coalesce({carried}, {default_sql(type_)})"
        return f"{whole} AS {quoted(name)}"

    def series(self) -> str:
        """The list of the values from `low` to `high`, which is left out."""
        if self.type.is_time or self.type.is_date:
            return self.times()
        amount = repr(self.step.amount)
        count = f"CAST(ceil((CAST(high AS DOUBLE) - CAST(low AS DOUBLE)) / {amount}) AS BIGINT)"
        duck = duck_type(self.type)
        wide = "DOUBLE" if self.type.is_float else "HUGEINT" if self.type.is_integer else duck
        step = f"CAST({amount} AS {wide})"
        return f"list_transform(range({count}), lambda n: CAST(CAST(low AS {wide}) + n * {step} AS {duck}))"

    def times(self) -> str:
        """Days and longer are counted by the clocks of the column's zone, what is shorter by the seconds gone by."""
        unit, amount = self.step.unit, int(self.step.amount)
        if not unit:
            unit = "Day" if self.type.is_date else "Second"
        calendar = unit in _CALENDAR and self.type.is_time
        zone = self.type.zone if calendar else None
        low, high = (zones.local(f"CAST({end} AS TIMESTAMP)", zone) for end in ("low", "high"))
        interval = f"({amount} * INTERVAL 1 {unit})"
        written = f"range({low}, {high}, {interval})"
        value = f"CAST({zones.instant('t', zone)} AS {duck_type(self.type)})"
        return f"list_transform({written}, lambda t: {value})"


def read_fill(
    clause: exp.Expr, descending: bool, value: Value, columns: tuple[tuple[str, Type], ...], expressions: Expressions
) -> Fill:
    """WITH FILL of one column.

    Raises:
        NoRule: the column, a bound or the step is not one that DuckDB fills alike.
    """
    type_ = value.type
    if type_.bare.name == "DateTime64" or not (type_.is_number or type_.is_date or type_.is_time) or type_.is_decimal:
        raise NoRule(f"WITH FILL of a column of type {type_} needs the ClickHouse engine")
    step = _step(clause.args.get("step") or None, descending, type_, expressions)
    start, end = (_bound(clause.args.get(key) or None, type_, expressions) for key in ("from_", "to"))
    return Fill(value.name, type_, columns, (), step, start, end)


def _step(node: exp.Expr | None, descending: bool, type_: Type, expressions: Expressions) -> Step:
    if node is None:
        return Step(-1 if descending else 1)
    value = expressions.value(node)
    unit = value.type.bare.name.removeprefix("Interval") if value.type.bare.name.startswith("Interval") else ""
    amount = _amount(node, value, expressions)
    if amount == 0 or (amount < 0) != descending:
        raise NoRule(
            f"the STEP of WITH FILL is {'below' if descending else 'above'} 0 in this order, found {value.name}"
        )
    if unit and not (type_.is_date or type_.is_time):
        raise NoRule(f"a STEP of an INTERVAL expects a Date or DateTime, found {type_}")
    if unit and (unit not in (*_SECONDS, *_CALENDAR) or (type_.is_date and unit in _SECONDS)):
        raise NoRule(f"WITH FILL by INTERVAL {unit.upper()} over {type_} needs the ClickHouse engine")
    if isinstance(amount, float) and not type_.is_float:
        raise NoRule(f"the STEP of WITH FILL over {type_} is a whole number, found {value.name}")
    return Step(amount, unit)


def _amount(node: exp.Expr, value: Value, expressions: Expressions) -> float:
    """The number of a step: a literal, of INTERVAL n UNIT, or of toIntervalUnit(n)."""
    if isinstance(value.literal, (int, float)):
        return value.literal
    inner = node.this if isinstance(node, (exp.Interval, exp.Neg)) else next(iter(node.expressions), None)
    if isinstance(inner, exp.Expr):
        sign = -1 if isinstance(node, exp.Neg) else 1
        found = expressions.value(inner)
        if isinstance(found.literal, (int, float)):
            return sign * found.literal
        if isinstance(found.literal, str) and found.literal.lstrip("-").isdigit():
            return sign * int(found.literal)
        if isinstance(node, exp.Neg):
            return sign * _amount(inner, found, expressions)
    raise NoRule(f"the STEP of WITH FILL is written as a number or an INTERVAL, found {value.name}")


def _bound(node: exp.Expr | None, type_: Type, expressions: Expressions) -> str:
    if node is None:
        return ""
    value = expressions.value(node)
    alike = (type_.is_number and value.type.is_number) or (
        (type_.is_date or type_.is_time) and (value.type.is_date or value.type.is_time)
    )
    if not alike or not value.constant or value.type.nullable:
        raise NoRule(f"FROM and TO of WITH FILL are constants of the column's kind ({type_}), found {value.name}")
    if type_.is_integer and not type_.signed and isinstance(value.literal, (int, float)) and value.literal < 0:
        raise NoRule(f"FROM and TO of WITH FILL over {type_} are not below 0, found {value.name}")
    wide = Type("Float64") if type_.is_integer and value.type.is_float else type_
    return cast(value, wide)
