"""Quantiles: each family's own rule for the value at a level; those that ClickHouse approximates are exact here.

NaN is no value of theirs. `quantilesX(a, b)(x)` is the array of what `quantileX(a)(x)` and `quantileX(b)(x)` are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from metrics.dialect.functions.aggregates import result
from metrics.dialect.rules import FLOAT32, FLOAT64, NoRule, default_sql, duck_type
from metrics.dialect.table import Call, aggregate
from metrics.dialect.types import Type, array, decimal
from metrics.dialect.values import Value, cast, let

_At = Callable[[str, str], str]


@dataclass(frozen=True)
class _Family:
    """How a family picks: by an aggregate of DuckDB, or by what `at` makes of the sorted list of values and a level."""

    at: _At | str
    type: Type | None = None  # of the value; None: that of the argument
    weighted: bool = False
    moments: bool = True  # whether dates and times have such quantiles
    leading: int = 0  # parameters before the levels


def _macro(name: str) -> _At:
    return lambda values, level: f"{name}({values}, {level})"


_FAMILIES: Final = {
    "": _Family("quantile_cont", FLOAT64),
    "Deterministic": _Family("quantile_cont", FLOAT64),
    "ExactInclusive": _Family("quantile_cont", FLOAT64, moments=False),
    "ExactExclusive": _Family(_macro("ch_exclusive"), FLOAT64, moments=False),
    "Exact": _Family(_macro("ch_nearest")),
    "ExactLow": _Family(_macro("ch_nearest_low")),
    "ExactHigh": _Family(_macro("ch_nearest")),
    "GK": _Family(_macro("ch_nearest"), leading=1),
    "DD": _Family(_macro("ch_nearest"), FLOAT64, moments=False, leading=1),
    "BFloat16": _Family("quantile_disc", FLOAT64, moments=False),
    "Timing": _Family(_macro("ch_nearest"), FLOAT32, moments=False),
    "TDigest": _Family("quantile_disc", FLOAT32),
    "TDigestWeighted": _Family(_macro("ch_weighted"), FLOAT32, weighted=True),
    "TimingWeighted": _Family(_macro("ch_weighted"), FLOAT32, weighted=True, moments=False),
    "ExactWeighted": _Family(_macro("ch_weighted"), weighted=True),
    "InterpolatedWeighted": _Family(_macro("ch_weighted_between"), weighted=True),
}


def _level(call: Call, value: Value) -> str:
    """A level as SQL: a literal, or a parameter of the query, which DuckDB checks when it is bound."""
    if value.constant and not value.is_literal and value.type.is_number:
        return f"ch_level({cast(value, FLOAT64)})"
    level = value.literal
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 <= level <= 1:
        raise NoRule(f"{call.name} expects a level from 0 to 1, found {value.name}")
    if call.name.endswith("ExactExclusive") and not 0 < level < 1:
        raise NoRule(f"{call.name} expects a level between 0 and 1, found {value.name}")
    return _written(float(level))


def _written(level: float) -> str:
    return f"CAST({level!r} AS DOUBLE)"


def _levels(call: Call, family: _Family) -> list[str]:
    if len(call.params) < family.leading or not all(each.is_literal for each in call.params[: family.leading]):
        raise NoRule(f"{call.name} expects an accuracy as its first parameter")
    return [_level(call, param) for param in call.params[family.leading :]]


def _argument(call: Call, family: _Family) -> tuple[Value, Type]:
    """The argument, and the type of a value of its quantile."""
    value = call[0]
    bare = value.type.bare
    if value.type.is_date or value.type.is_time:
        if not family.moments or bare.name == "Date32":
            raise NoRule(f"{call.name} of {bare} needs the ClickHouse engine")
        return value, bare
    if not value.type.is_number or bare.name == "Bool":
        raise NoRule(f"{call.name} of {value.type} needs the ClickHouse engine")
    if bare.is_decimal:
        return value, _of_decimal(call, family, bare)
    return value, family.type or bare


def _of_decimal(call: Call, family: _Family, bare: Type) -> Type:
    if (family.type is not None and family.at != "quantile_cont") or not family.moments:
        raise NoRule(f"{call.name} of a Decimal needs the ClickHouse engine; of toFloat64() of it it does not")
    return decimal(next(digits for digits in (9, 18, 38) if bare.precision <= digits), bare.scale)


def _kept(call: Call) -> Call:
    """The call over the rows that count: no NULL, no NaN."""
    known = call.known()
    return known.where(f"NOT isnan({call[0].number})") if call[0].type.is_float else known


def _listed(call: Call, family: _Family) -> str:
    """The values in order; with their weights for a weighted family."""
    if not family.weighted:
        return f"list_sort({_kept(call).values(_counted(call))})"
    if not call[1].type.is_integer:
        raise NoRule(f"{call.name} expects whole weights, found {call[1].type}")
    pair = f"{{'v': {call[0].number}, 'w': CAST({call[1].number} AS DOUBLE)}}"
    return f"list_sort(list_filter({_kept(call).values(pair)}, lambda p: p.w > 0))"


def _counted(call: Call) -> str:
    """The value as the family counts it: Timing in whole units, 30,000 at most."""
    if not call.name.endswith("Timing"):
        return call[0].number
    return f"least(trunc({cast(call[0], FLOAT64)}), 30000)"


def _native(call: Call, name: str, value: Value, levels: Sequence[str]) -> list[str]:
    """Quantiles by an aggregate of DuckDB; all over the same argument are taken from one list, computed once."""
    bare = value.type.bare
    argument = value.number if bare.is_decimal or value.type.is_date or value.type.is_time else cast(value, FLOAT64)
    if value.type.is_time and name == "quantile_cont":
        argument = f"CAST(epoch_us({argument}) AS DOUBLE)"  # a time between two is cut, not rounded
    known = call.where(f"NOT isnan({call[0].number})") if call[0].type.is_float else call  # NULL is passed over
    shared = list(map(_written, call.levels))
    if len(levels) == 1 and levels[0] not in shared:
        return [known.over(name, argument, levels[0])]
    listed = list(dict.fromkeys([*shared, *levels]))
    sql = known.over(name, argument, f"[{', '.join(listed)}]")
    return [f"list_extract({sql}, {listed.index(level) + 1})" for level in levels]


def _as(sql: str, type_: Type, family: _Family) -> str:
    """The value in its type; a time is cut to the digits that it has."""
    if type_.is_time and family.at == "quantile_cont":
        sql = f"make_timestamp(CAST(floor({sql}) AS BIGINT))"
    if type_.name == "DateTime":
        return f"date_trunc('second', {sql})"
    return f"CAST({sql} AS {duck_type(type_)})"


def _empty(type_: Type, family: _Family) -> str | None:
    """What the quantile of no values is: nan where floats are computed, the type's default (None) else."""
    if type_.is_float and (family.leading == 0 or family.type is not None):
        return f"CAST('nan' AS {duck_type(type_)})"
    return None


def _one(call: Call, suffix: str) -> Value:
    family = _FAMILIES[suffix]
    levels = _levels(call, family) or [_written(0.5)]
    if len(levels) != 1:
        raise NoRule(f"{call.name} expects 1 level, found {len(levels)}")
    value, type_ = _argument(call, family)
    if isinstance(family.at, str):
        sql = _native(call, family.at, value, levels)[0]
    else:
        sql = let(_listed(call, family), "ch_v", family.at("ch_v", levels[0]))
    return result(
        replace(call, args=call.args[:1]) if not family.weighted else call,
        _as(sql, type_, family),
        type_,
        _empty(type_, family),
    )


def _several(call: Call, suffix: str) -> Value:
    family = _FAMILIES[suffix]
    levels = _levels(call, family)
    if not levels:
        raise NoRule(f"{call.name} expects at least 1 level, found 0")
    value, type_ = _argument(call, family)
    empty = default_sql(type_)
    if _empty(type_, family) and not (suffix.startswith("Exact") and family.type is None):
        empty = f"CAST('nan' AS {duck_type(type_)})"
    if isinstance(family.at, str):
        picked = _native(call, family.at, value, levels)
        sql = f"[{', '.join(f'coalesce({_as(sql, type_, family)}, {empty})' for sql in picked)}]"
    else:
        written = ", ".join(f"coalesce({_as(family.at('ch_v', level), type_, family)}, {empty})" for level in levels)
        sql = let(_listed(call, family), "ch_v", f"[{written}]")
    if call.or_null:
        sql = f"CASE WHEN {call.known().rows()} > 0 THEN {sql} ELSE [] END"
    return Value(sql, array(type_))


def _register(suffix: str, family: _Family) -> None:
    arguments = 2 if family.weighted or suffix == "Deterministic" else 1
    one, several = (family.leading, family.leading + 1), (family.leading + 1, 200)
    aggregate(f"quantile{suffix}", f"median{suffix}", least=arguments, params=one)(lambda call: _one(call, suffix))
    aggregate(f"quantiles{suffix}", least=arguments, params=several)(lambda call: _several(call, suffix))


for _suffix, _family in _FAMILIES.items():
    _register(_suffix, _family)


@aggregate("quantilePrometheusHistogram", "quantileExactWeightedInterpolated", least=2, params=(0, 1))
def other_engine(call: Call) -> Value:
    raise NoRule(f"{call.name} needs the ClickHouse engine")
