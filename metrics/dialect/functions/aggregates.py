"""Aggregates and window functions: over no rows what cannot be NULL has its type's default, an average is nan."""

from __future__ import annotations

from metrics.dialect.rules import FLOAT32, FLOAT64, INT64, STRING, UINT64, NoRule, duck_type, sum_type, supertype
from metrics.dialect.table import Call, aggregate
from metrics.dialect.types import Type, array, not_nullable, nullable
from metrics.dialect.values import NOT_LITERAL, Value, cast, defaulted

_NAN = "CAST('nan' AS DOUBLE)"


def _result(call: Call, sql: str, type_: Type, empty: str | None = None) -> Value:
    """An aggregate's value: Nullable where an argument is (or with -OrNull), else with a default for no rows."""
    if call.or_null or any(each.type.nullable for each in call.args):
        return Value(f"CAST({sql} AS {duck_type(type_)})", nullable(type_))
    if empty is not None:
        return Value(f"coalesce({sql}, {empty})", type_)
    return Value(defaulted(f"CAST({sql} AS {duck_type(type_)})", type_), type_)


def _argument(call: Call) -> str:
    return f"DISTINCT {call[0].number}" if call.distinct else call[0].number


def _no_distinct(call: Call) -> None:
    if call.distinct:
        raise NoRule(f"{call.name}(DISTINCT ...) needs the ClickHouse engine")


@aggregate("count", least=0, most=None, any_case=True)
def count(call: Call) -> Value:
    if call.distinct:
        return _distinct(call)
    if len(call) > 1:
        raise NoRule(f"count expects 0 to 1 arguments, found {len(call)}")
    inner = call[0].number if len(call) and call[0].type.nullable else "*"
    counted = f"CAST({call.over(f'count({inner})')} AS UBIGINT)"
    return Value(f"nullif({counted}, 0)", nullable(UINT64)) if call.or_null else Value(counted, UINT64)


@aggregate("uniq", "uniqExact", "uniqCombined", "uniqCombined64", "uniqHLL12", "uniqTheta", least=1, most=None)
def uniq(call: Call) -> Value:
    return _distinct(call)


@aggregate("countDistinct", least=1, most=None)
def count_distinct(call: Call) -> Value:
    return _distinct(call)


def _distinct(call: Call) -> Value:
    if len(call) == 1:
        return Value(f"CAST({call.over(f'count(DISTINCT {call[0].number})')} AS UBIGINT)", UINT64)
    if any(each.type.nullable for each in call.args):
        raise NoRule(f"{call.name} of several Nullable arguments needs the ClickHouse engine")
    row = f"({', '.join(each.number for each in call.args)})"
    return Value(f"CAST({call.over(f'count(DISTINCT {row})')} AS UBIGINT)", UINT64)


@aggregate("sum", any_case=True)
def total(call: Call) -> Value:
    if not call[0].type.is_number:
        raise NoRule(f"sum expects a number, found {call[0].type}")
    type_ = sum_type(call[0].type.bare)
    argument = cast(call[0], UINT64) if call[0].type.bare.name == "Bool" else _argument(call)
    return _result(call, call.over(f"sum({argument})"), type_)


@aggregate("avg", any_case=True)
def average(call: Call) -> Value:
    if not call[0].type.is_number:
        raise NoRule(f"avg expects a number, found {call[0].type}")
    return _result(call, call.over(f"avg({_argument(call)})"), FLOAT64, _NAN)


@aggregate("avgWeighted", least=2)
def weighted_average(call: Call) -> Value:
    value, weight = cast(call[0], FLOAT64), cast(call[1], FLOAT64)
    over = call.over(f"sum({value} * {weight})"), call.over(f"sum({weight})")
    return _result(call, f"({over[0]} / {over[1]})", FLOAT64, _NAN)


@aggregate("min", "max", any_case=True)
def extreme(call: Call) -> Value:
    name = call.name.lower()
    return _result(call, call.over(f"{name}({call[0].number})"), call[0].type.bare)


@aggregate("any", "any_value", "anyLast", "first_value", "last_value", "anyHeavy")
def some(call: Call) -> Value:
    """Any value that is not NULL; ClickHouse takes the first it meets, which without an order is any."""
    if call.name == "anyHeavy":
        raise NoRule("anyHeavy needs the ClickHouse engine")
    windowed = "OVER (" in call.tail
    names = {"anyLast": "last", "last_value": "last_value" if windowed else "last"}
    name = names.get(call.name, "first_value" if windowed and call.name == "first_value" else "any_value")
    if name == "last":
        return _result(call, _last(call), call[0].type.bare)
    return _result(call, call.over(f"{name}({call[0].number})"), call[0].type.bare)


def _last(call: Call) -> str:
    known = f"{call[0].number} IS NOT NULL"
    if call.tail.startswith(" FILTER (WHERE "):
        return f"last({call[0].number}){call.tail.replace(' FILTER (WHERE ', f' FILTER (WHERE {known} AND ', 1)}"
    return f"last({call[0].number}) FILTER (WHERE {known}){call.tail}"


@aggregate("argMin", "argMax", least=2)
def argument_of_extreme(call: Call) -> Value:
    name = "arg_min" if call.name == "argMin" else "arg_max"
    return _result(call, call.over(f"{name}({call[0].number}, {call[1].number})"), call[0].type.bare)


_SPREADS = {
    "stddevPop": "stddev_pop",
    "stddevSamp": "stddev_samp",
    "varPop": "var_pop",
    "varSamp": "var_samp",
}


def _spread(call: Call) -> Value:
    argument = cast(call[0], FLOAT64)
    sql = call.over(f"{_SPREADS[call.name]}({argument})")
    if call[0].type.bare == FLOAT32:
        return _result(call, f"CAST({sql} AS FLOAT)", FLOAT32, "CAST('nan' AS FLOAT)")
    return _result(call, sql, FLOAT64, _NAN)


aggregate(*_SPREADS)(_spread)


@aggregate("corr", "covarPop", "covarSamp", least=2)
def pair(call: Call) -> Value:
    name = {"corr": "corr", "covarPop": "covar_pop", "covarSamp": "covar_samp"}[call.name]
    sql = call.over(f"{name}({cast(call[0], FLOAT64)}, {cast(call[1], FLOAT64)})")
    return _result(call, sql, FLOAT64, _NAN)


# quantiles


def _level(call: Call) -> float:
    level = call.params[0].literal if call.params else 0.5
    if not isinstance(level, (int, float)) or not 0 <= level <= 1:
        raise NoRule(f"{call.name} expects a literal level from 0 to 1")
    return float(level)


def _numeric(call: Call) -> Value:
    if not call[0].type.is_number:
        raise NoRule(f"{call.name} of {call[0].type} needs the ClickHouse engine")
    return call[0]


@aggregate("quantile", "median", params=(0, 1))
def quantile(call: Call) -> Value:
    """The quantile with linear interpolation; ClickHouse samples from 8192 values on."""
    value, level = _numeric(call), _level(call)
    _no_distinct(call)
    if value.type.is_decimal:
        raise NoRule("quantile of a Decimal needs the ClickHouse engine; quantile of toFloat64() of it does not")
    return _result(call, _interpolated(call, value, level), FLOAT64, _NAN)


def _interpolated(call: Call, value: Value, level: float) -> str:
    """A quantile; several over the same argument are taken from one list, which DuckDB computes once."""
    argument = cast(value, FLOAT64)
    if len(call.levels) < 2 or level not in call.levels:
        return call.over(f"quantile_cont({argument}, {level!r})")
    listed = ", ".join(map(repr, call.levels))
    return f"list_extract({call.over(f'quantile_cont({argument}, [{listed}])')}, {call.levels.index(level) + 1})"


@aggregate("quantileExactInclusive", params=(0, 1))
def quantile_inclusive(call: Call) -> Value:
    value, level = _numeric(call), _level(call)
    return _result(call, _interpolated(call, value, level), FLOAT64, _NAN)


@aggregate("quantileExact", "medianExact", params=(0, 1))
def quantile_exact(call: Call) -> Value:
    """The value at the place floor(level * n) of all values in order."""
    value, level = call[0], _level(call)
    if not (value.type.is_number or value.type.is_date or value.type.is_time) or "OVER (" in call.tail:
        raise NoRule(f"{call.name} of {value.type} needs the ClickHouse engine")
    sql = f"ch_nearest({call.over(f'list({value.number})')}, {level!r})"
    type_ = value.type.bare
    return _result(call, sql, type_, f"CAST('nan' AS {duck_type(type_)})" if type_.is_float else None)


@aggregate("quantiles", params=(1, 100))
def quantiles(call: Call) -> Value:
    value = _numeric(call)
    if value.type.is_decimal:
        raise NoRule("quantiles of a Decimal needs the ClickHouse engine; quantiles of toFloat64() of it does not")
    levels = [param.literal for param in call.params]
    if not all(isinstance(level, (int, float)) and 0 <= level <= 1 for level in levels):
        raise NoRule("quantiles expects literal levels from 0 to 1")
    written = ", ".join(f"{float(str(level))!r}" for level in levels)
    sql = call.over(f"quantile_cont({cast(value, FLOAT64)}, [{written}])")
    empty = ", ".join([_NAN] * len(levels))
    return Value(f"coalesce({sql}, [{empty}])", array(FLOAT64))


# collections


@aggregate("groupArray", params=(0, 1))
def collect(call: Call) -> Value:
    """The values that are not NULL, in the order they come."""
    return _collected(call, "")


@aggregate("groupUniqArray", params=(0, 1))
def collect_distinct(call: Call) -> Value:
    return _collected(call, "DISTINCT ")


def _collected(call: Call, distinct: str) -> Value:
    element = not_nullable(call[0].type).bare
    type_ = array(element)
    known = f"{call[0].number} IS NOT NULL"
    tail = call.tail
    if call[0].type.nullable:
        if tail.startswith(" FILTER (WHERE "):
            tail = tail.replace(" FILTER (WHERE ", f" FILTER (WHERE {known} AND ", 1)
        else:
            tail = f" FILTER (WHERE {known}){tail}"
    sql = f"coalesce(list({distinct or ('DISTINCT ' if call.distinct else '')}{call[0].number}){tail}, [])"
    if call.params:
        limit = call.params[0].literal
        if not isinstance(limit, int):
            raise NoRule(f"{call.name} expects a literal limit")
        sql = f"list_slice({sql}, 1, {limit})"
    return Value(f"CAST({sql} AS {duck_type(type_)})", type_)


@aggregate("groupConcat", "group_concat", params=(0, 2))
def joined(call: Call) -> Value:
    raise NoRule("groupConcat needs the ClickHouse engine; arrayStringConcat(groupArray(x), ',') does not")


@aggregate("topK", params=(1, 3))
def top(call: Call) -> Value:
    raise NoRule("topK needs the ClickHouse engine; GROUP BY with ORDER BY count() DESC LIMIT does not")


# window functions


@aggregate("row_number", "rank", "dense_rank", "denseRank", least=0, window_only=True)
def place(call: Call) -> Value:
    name = {"denseRank": "dense_rank"}.get(call.name, call.name)
    return Value(f"CAST({call.over(f'{name}()')} AS UBIGINT)", UINT64)


@aggregate("percent_rank", "cume_dist", least=0, window_only=True)
def relative_place(call: Call) -> Value:
    return Value(call.over(f"{call.name}()"), FLOAT64)


@aggregate("ntile", window_only=True)
def tile(call: Call) -> Value:
    return Value(f"CAST({call.over(f'ntile({cast(call[0], INT64)})')} AS UBIGINT)", UINT64)


@aggregate("lag", "lead", least=1, most=3, window_only=True)
def neighbour(call: Call) -> Value:
    """The value some rows before or after; outside the partition the default, or that of the type."""
    offset = call[1].literal if len(call) > 1 else 1
    if not isinstance(offset, int):
        raise NoRule(f"{call.name} expects a literal offset")
    type_ = call[0].type if len(call) < 3 else supertype([call[0].type, call[2].type])
    default = f", {cast(call[2], type_)}" if len(call) > 2 else ""
    sql = call.over(f"{call.name}({cast(call[0], type_)}, {offset}{default})")
    return Value(sql if type_.nullable or default else defaulted(sql, type_), type_)


@aggregate("lagInFrame", "leadInFrame", least=1, most=3, window_only=True)
def neighbour_in_frame(call: Call) -> Value:
    """As lag and lead, but within the frame: the whole partition for `lag`, what the frame says for `lead`."""
    whole = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
    if call.name == "leadInFrame" and whole not in call.tail:
        raise NoRule(f"leadInFrame is supported with {whole} only")
    if call.name == "lagInFrame" and "PRECEDING" in call.tail and "UNBOUNDED PRECEDING" not in call.tail:
        raise NoRule("lagInFrame is supported with frames from UNBOUNDED PRECEDING only")
    return neighbour(_renamed(call))


def _renamed(call: Call) -> Call:
    from dataclasses import replace

    return replace(call, name=call.name.removesuffix("InFrame"))


__all__ = ["NOT_LITERAL", "STRING"]
