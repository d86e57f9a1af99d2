"""Combinators: what stands behind the name of an aggregate (`sumIf`, `uniqArrayIf`) changes what it is over.

They are read from the outside in: of `sumArrayIf(sizes, c)` first the condition is taken off, then the arrays are
opened, and what is left is a `sum`. -State and -Merge stand in `states.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from metrics.dialect import states
from metrics.dialect.refusals import refusal
from metrics.dialect.rules import UINT64, NoRule, default_sql
from metrics.dialect.table import ANY_CASE, Call, Function, build, find
from metrics.dialect.types import Type, array, not_nullable, nullable
from metrics.dialect.values import Value, let

_SUFFIXES: Final = (
    *("If", "OrNull", "OrDefault", "Distinct", "Array", "Map", "ForEach"),
    *("SimpleState", "MergeState", "State", "Merge", "Resample", "ArgMin", "ArgMax"),
)


def resolve(name: str) -> tuple[Function, str, tuple[str, ...]]:
    """The entry of the table, the name without combinators, and the combinators from the innermost out.

    Raises:
        NoRule: no function of the table has this name.
    """
    combinators: tuple[str, ...] = ()
    base = name
    while True:
        function = find(base)
        if function and (function.aggregate or not combinators):
            known = base in function.names or not combinators
            return function, base if known else ANY_CASE[base.lower()], combinators  # SUMState(x) is a state of sum
        suffix = next((each for each in _SUFFIXES if base.endswith(each)), None)
        if suffix is None:
            raise NoRule(refusal(name))
        base, combinators = base[: -len(suffix)], (suffix, *combinators)


def is_aggregate(name: str) -> bool:
    """Whether a call of that name is of an aggregate function."""
    try:
        return resolve(name)[0].aggregate
    except NoRule:
        return False


def combined(function: Function, call: Call, combinators: Sequence[str]) -> Value:
    """Compile an aggregate with its combinators.

    Raises:
        NoRule: the arguments do not fit, or DuckDB cannot do it alike.
    """
    if not combinators:
        if function.window_only and not call.window:
            raise NoRule(f"{call.name} is a window function and needs OVER (...)")
        return build(function, call)
    *inner, last = combinators
    apply = _APPLY.get(last)
    if apply is None:
        raise NoRule(f"{call.name}{''.join(combinators)}: the combinator -{last} needs the ClickHouse engine")
    if function.window_only:
        raise NoRule(f"{call.name} has no combinators, found -{last}")
    return apply(function, call, inner)


def _if(function: Function, call: Call, inner: Sequence[str]) -> Value:
    if len(call) < 1:
        raise NoRule(f"{call.name}If expects a condition as its last argument")
    return combined(function, replace(call, args=call.args[:-1]).where(call.args[-1].truth), inner)


def _distinct(function: Function, call: Call, inner: Sequence[str]) -> Value:
    return combined(function, replace(call, distinct=True), inner)


def _or_null(function: Function, call: Call, inner: Sequence[str]) -> Value:
    value = combined(function, replace(call, or_null=True), inner)
    if _counts(function) and "If" in inner:  # a count of rows that are there but do not match is 0
        return Value(f"CASE WHEN {call.rows()} > 0 THEN {value.sql} END", nullable(UINT64))
    if _counts(function):
        return Value(f"nullif({value.sql}, 0)", nullable(UINT64))
    if value.type.bare.name == "Tuple":
        raise NoRule(f"{call.name}OrNull would give a Nullable(Tuple), which needs the ClickHouse engine")
    if value.type.is_array:
        return Value(f"coalesce({value.sql}, {default_sql(value.type)})", value.type)
    if not value.type.nullable:
        return Value(f"CASE WHEN {call.known().rows()} > 0 THEN {value.sql} END", nullable(value.type))
    return replace(value, type=nullable(value.type))


def _counts(function: Function) -> bool:
    """Whether it counts rows or values: no rows are 0."""
    return "count" in function.names or "uniq" in function.names


def _or_default(function: Function, call: Call, inner: Sequence[str]) -> Value:
    if inner and inner[-1] == "If":
        return _if_or_default(function, call, inner)
    plain = combined(function, call, inner)
    if plain.type.nullable or _counts(function):
        return plain
    value = combined(function, replace(call, or_null=True), inner)
    return Value(f"coalesce({value.sql}, {default_sql(plain.type)})", plain.type)


def _if_or_default(function: Function, call: Call, inner: Sequence[str]) -> Value:
    """`avgIfOrDefault`: where there are rows but none matches, what the aggregate itself gives for no rows."""
    known = replace(call, args=call.args[:-1]).known()
    args = (*(replace(each, type=not_nullable(each.type)) for each in known.args), *call.args[-1:])
    value = combined(function, replace(known, args=args), inner)
    if any(each.type.nullable for each in known.args) and not _counts(function):
        return Value(f"CASE WHEN {known.rows()} > 0 THEN {value.sql} END", nullable(value.type))
    return Value(f"CASE WHEN {known.rows()} > 0 THEN {value.sql} ELSE {default_sql(value.type)} END", value.type)


# arrays and maps: the aggregate is over their elements


def _array(function: Function, call: Call, inner: Sequence[str]) -> Value:
    _expect(call, "Array")
    rows = replace(call, distinct=False).values(_packed(call, "list_zip"))
    name = f"ch_a{len(inner)}"
    return _let(f"flatten({rows})", name, combined(function, _elements(call, name, len(inner)), inner))


def _for_each(function: Function, call: Call, inner: Sequence[str]) -> Value:
    """The aggregate of all first elements, of all second ones, and so on."""
    _expect(call, "Array")
    depth = len(inner)
    rows, row, place = f"ch_a{depth}", f"ch_r{depth}", f"ch_i{depth}"
    at = f"list_transform(list_filter({rows}, lambda {row}: len({row}) >= {place}), lambda {row}: {row}[{place}])"
    value = combined(function, _elements(call, at, depth), inner)
    longest = f"coalesce(list_max(list_transform({rows}, lambda {row}: len({row}))), 0)"
    each = f"list_transform(range(1, {longest} + 1), lambda {place}: {value.number})"
    listed = replace(call, distinct=False).values(_packed(call, "list_zip"))
    return _let(listed, rows, Value(each, array(value.type)))


def _map(function: Function, call: Call, inner: Sequence[str]) -> Value:
    """The aggregate of the values of each key."""
    _expect(call, "Map")
    if len(call) != 1:
        raise NoRule(f"{call.name}Map expects one Map")
    depth = len(inner)
    rows, row, key = f"ch_a{depth}", f"ch_r{depth}", f"ch_k{depth}"
    at = f"flatten(list_transform({rows}, lambda {row}: map_extract({row}, {key})))"
    value = combined(function, _elements(call, at, depth), inner)
    keys = f"list_sort(list_distinct(flatten(list_transform({rows}, lambda {row}: map_keys({row})))))"
    each = f"list_transform({key}s, lambda {key}: {value.number})"
    type_ = Type("Map", (call[0].type.bare.inner, value.type))
    return _let(call.values(call[0].number), rows, _let(keys, f"{key}s", Value(f"map({key}s, {each})", type_)))


def _expect(call: Call, kind: str) -> None:
    for each in call.args:
        if each.type.bare.name != kind:
            raise NoRule(f"{call.name}: the combinator expects {kind} arguments, found {each.type}")
    if not call.args:
        raise NoRule(f"{call.name}: the combinator expects at least 1 argument, found 0")


def _packed(call: Call, zipped: str) -> str:
    """The arguments of one row as one value."""
    if len(call) == 1:
        return call[0].number
    return f"{zipped}({', '.join(each.number for each in call.args)})"


def _elements(call: Call, source: str, depth: int) -> Call:
    """The call over the elements of a list instead of rows."""
    element = f"ch_e{depth}"
    types = [[each for each in argument.type.bare.args if isinstance(each, Type)][-1] for argument in call.args]
    sqls = [element] if len(types) == 1 else [f"{element}[{place}]" for place in range(1, len(types) + 1)]
    args = tuple(Value(sql, type_, "x") for sql, type_ in zip(sqls, types, strict=True))
    return replace(call, args=args, source=source, element=element, conditions=(), window="", distinct=call.distinct)


def _let(sql: str, name: str, value: Value) -> Value:
    return replace(value, sql=let(sql, name, value.number), condition=False)


# states


def _state(function: Function, call: Call, inner: Sequence[str]) -> Value:
    return states.stored(function, _unconditional(call, inner), inner, call)


def _unconditional(call: Call, inner: Sequence[str]) -> Call:
    """The call as the state keeps it: what -If leaves out is not in it."""
    unknown = [each for each in inner if each not in ("If", "Distinct")]
    if unknown:
        raise NoRule(f"{call.name}{''.join(inner)}State: a state of -{unknown[0]} needs the ClickHouse engine")
    for each in reversed(inner):
        if each == "If":
            call = replace(call, args=call.args[:-1]).where(call.args[-1].truth)
        else:
            call = replace(call, distinct=True)
    return call


def _merge(function: Function, call: Call, inner: Sequence[str]) -> Value:
    merged = states.merged(function, call, inner)
    return states.finished(merged, call.params, call.or_null)


def _merge_state(function: Function, call: Call, inner: Sequence[str]) -> Value:
    return states.merged(function, call, inner)


def _simple_state(function: Function, call: Call, inner: Sequence[str]) -> Value:
    if states.kind(call.name) != "value":
        raise NoRule(f"{call.name}SimpleState: a SimpleAggregateFunction is one of {', '.join(states.SIMPLE)}")
    value = combined(function, call, inner)
    return Value(value.number, Type("SimpleAggregateFunction", (states.canonical(call.name), value.type)))


_APPLY: Final[dict[str, Callable[[Function, Call, Sequence[str]], Value]]] = {
    "If": _if,
    "Distinct": _distinct,
    "OrNull": _or_null,
    "OrDefault": _or_default,
    "Array": _array,
    "ForEach": _for_each,
    "Map": _map,
    "State": _state,
    "Merge": _merge,
    "MergeState": _merge_state,
    "SimpleState": _simple_state,
}

COMBINATORS: Final = tuple(_APPLY)
"""What may stand behind an aggregate's name."""
