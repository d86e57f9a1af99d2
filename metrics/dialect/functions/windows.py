"""Window functions: places, neighbours, values of a frame."""

from __future__ import annotations

from dataclasses import replace

from metrics.dialect.functions.aggregates import result
from metrics.dialect.rules import FLOAT64, INT64, UINT64, NoRule, supertype
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
    """As lag and lead, but within the frame: the whole partition for `lag`, what the frame says for `lead`."""
    whole = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
    if call.name == "leadInFrame" and whole not in call.window:
        raise NoRule(f"leadInFrame is supported with {whole} only")
    if call.name == "lagInFrame" and "PRECEDING" in call.window and "UNBOUNDED PRECEDING" not in call.window:
        raise NoRule("lagInFrame is supported with frames from UNBOUNDED PRECEDING only")
    return neighbour(replace(call, name=call.name.removesuffix("InFrame")))


@aggregate("nonNegativeDerivative", least=2, most=3, window_only=True)
def derivative(call: Call) -> Value:
    raise NoRule("nonNegativeDerivative needs the ClickHouse engine; a difference to lagInFrame() does not")
