"""Window functions: places, neighbours, values of a frame."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from metrics.dialect.functions.aggregates import result
from metrics.dialect.rules import FLOAT64, INT64, UINT64, NoRule, default_sql, supertype
from metrics.dialect.table import Call, aggregate
from metrics.dialect.values import Value, cast, defaulted


@aggregate("row_number", "rank", "dense_rank", "denseRank", least=0, window_only=True, any_case=True)
def place(call: Call) -> Value:
    name = {"denseRank": "dense_rank"}.get(call.name, call.name)
    return Value(f"CAST({call.over(name, '')} AS UBIGINT)", UINT64)


@aggregate("percent_rank", "percentRank", "cume_dist", least=0, window_only=True)
def relative_place(call: Call) -> Value:
    return Value(call.over({"percentRank": "percent_rank"}.get(call.name, call.name), ""), FLOAT64)


@aggregate("ntile", window_only=True, any_case=True)
def tile(call: Call) -> Value:
    return Value(f"CAST({call.over('ntile', cast(call[0], INT64))} AS UBIGINT)", UINT64)


@aggregate("nth_value", least=2, window_only=True)
def nth(call: Call) -> Value:
    """The value of the nth row of the frame; where it has fewer rows, the type's default."""
    if not isinstance(call[1].literal, int) or call[1].literal < 1:
        raise NoRule("nth_value expects a literal position of 1 or more")
    return result(
        replace(call, args=call.args[:1]),
        call.over("nth_value", call[0].number, str(call[1].literal)),
        call[0].type.bare,
    )


@aggregate("lag", "lead", least=1, most=3, window_only=True, any_case=True)
def neighbour(call: Call) -> Value:
    """The value some rows before or after; outside the partition the default, or that of the type."""
    offset = call[1].literal if len(call) > 1 else 1
    if not isinstance(offset, int):
        raise NoRule(f"{call.name} expects a literal offset")
    type_ = call[0].type if len(call) < 3 else supertype([call[0].type, call[2].type])
    default = [cast(call[2], type_)] if len(call) > 2 else []
    sql = call.over(call.name, cast(call[0], type_), str(offset), *default)
    return Value(sql if type_.nullable or default else defaulted(sql, type_), type_)


@aggregate("lagInFrame", "leadInFrame", least=1, most=3, window_only=True)
def neighbour_in_frame(call: Call) -> Value:
    """As lag and lead, where the frame has that row; else the default, or that of the type."""
    offset = call[1].literal if len(call) > 1 else 1
    if isinstance(offset, bool) or not isinstance(offset, int):
        raise NoRule(f"{call.name} expects a literal offset")
    first, last = _frame(call)
    value = neighbour(replace(call, name=call.name.removesuffix("InFrame")))
    if first <= (offset if call.name == "leadInFrame" else -offset) <= last:
        return value
    return Value(cast(call[2], value.type) if len(call) > 2 else default_sql(value.type), value.type)


def _frame(call: Call) -> tuple[float, float]:
    """The first and the last row of the frame, counted from the current row.

    Raises:
        NoRule: the frame is not counted in rows, where that matters.
    """
    if "ORDER BY" not in call.window:
        return -math.inf, math.inf
    if "BETWEEN" not in call.window:
        ends = [-math.inf, 0.0]
    else:
        written = re.search(r"BETWEEN (\w+) (\w+) AND (\w+) (\w+)", call.window)
        ends = [_place(*written.groups()[:2]), _place(*written.groups()[2:])] if written else [0.0, 0.0]
    whole = ends == [-math.inf, math.inf]
    behind = ends == [-math.inf, 0.0] and call.name != "leadInFrame"  # rows equal to the current one may follow it
    if "ROWS" not in call.window and not whole and not behind:
        raise NoRule(f"{call.name} expects a frame of ROWS, such as ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")
    return ends[0], ends[1]


def _place(amount: str, side: str) -> float:
    if side == "ROW":
        return 0
    distance = math.inf if amount == "UNBOUNDED" else float(amount)
    return -distance if side == "PRECEDING" else distance


@aggregate("nonNegativeDerivative", least=2, most=3, window_only=True)
def derivative(call: Call) -> Value:
    """By how much the value rose since the row before, a second or an interval; 0 where it or the time fell."""
    value, moment = call[0], call[1]
    if not value.type.is_number or value.type.nullable or not moment.type.is_time or moment.type.nullable:
        raise NoRule(f"nonNegativeDerivative expects a number and a time, found {value.type} and {moment.type}")
    if _frame(call)[0] > -1:
        raise NoRule("nonNegativeDerivative expects a frame that has the row before")
    number, seconds = cast(value, FLOAT64), f"(epoch_us({moment.sql}) / 1e6)"
    rise, passed = (f"({each} - {call.over('lag', each)})" for each in (number, seconds))
    unit = f" * {call[2].sql} * {_seconds(call[2])}" if len(call) > 2 else ""
    return Value(f"CASE WHEN {rise} > 0 AND {passed} > 0 THEN {rise} / {passed}{unit} ELSE 0e0 END", FLOAT64)


def _seconds(interval: Value) -> int:
    unit = interval.type.bare.name.removeprefix("Interval")
    if unit not in _SECONDS:
        raise NoRule(f"expected an interval of fixed length, found {interval.type}")
    return _SECONDS[unit]


_SECONDS = {"Second": 1, "Minute": 60, "Hour": 3600, "Day": 86_400, "Week": 604_800}
