"""States of aggregates: `sumState` keeps what `sumMerge` needs, so that parts counted apart give the whole.

`rules.state_duck_type` says what a state is to DuckDB. A state is merged by an ordinary aggregate and finished by an
ordinary expression: where it is a list of values, by the aggregate itself, over the elements of that list.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from metrics.dialect.rules import (
    STATE_KINDS,
    UINT64,
    NoRule,
    duck_type,
    literal_type,
    mean_total,
    plain,
    state_arguments,
    state_function,
)
from metrics.dialect.table import Call, Function, build, find, scalar
from metrics.dialect.types import Type, nullable
from metrics.dialect.values import Value, defaulted

SIMPLE: Final = tuple(name for name, kind in STATE_KINDS.items() if kind == "value" and name != "sumKahan")
_SAME: Final = {
    "first_value": "any",
    "any_value": "any",
    "last_value": "anyLast",
    "BIT_AND": "groupBitAnd",
    "BIT_OR": "groupBitOr",
    "BIT_XOR": "groupBitXor",
}
_NO_STATE: Final = ("_respect_nulls", "Weighted", "windowFunnel", "retention", "sequence", "deltaSum", "Moving")


def canonical(name: str) -> str:
    """The name that ClickHouse writes into a state's type."""
    name = "countDistinct" if name.lower() == "countdistinct" else _SAME.get(name, name)
    return name.replace("median", "quantile", 1) if name.startswith("median") else name


def kind(name: str) -> str:
    """What a state of this function is: a count, a value, a mean, a pair, a set or a list."""
    return STATE_KINDS.get(canonical(name), "list")


def stored(function: Function, call: Call, inner: Sequence[str], written: Call) -> Value:
    """-State: `call` is what the state is made of, `written` has the arguments as they stand in the type."""
    if any(each in call.name for each in _NO_STATE):
        raise NoRule(f"{call.name}State needs the ClickHouse engine")
    checked = build(function, call)  # refuses arguments that do not fit
    parameters = f"({', '.join(each.name for each in call.params)})" if call.params else ""
    name = f"{canonical(call.name)}{''.join(inner)}{parameters}"
    type_ = Type("AggregateFunction", (name, *(plain(each.type) for each in written.args)))
    return Value(_STORED[kind(call.name)](function, call, checked), type_)


def _value_state(function: Function, call: Call, _: Value) -> str:
    return build(function, replace(call, or_null=True)).sql


def _mean_state(_: Function, call: Call, __: Value) -> str:
    known = call.known()
    return _mean_sql(known.over("sum", call[0].number), known.over("count", call[0].number), call[0].type.bare)


def _mean_sql(total: str, rows: str, type_: Type) -> str:
    return f"{{'total': CAST({total} AS {duck_type(mean_total(type_))}), 'rows': CAST({rows} AS UBIGINT)}}"


def _pair_state(function: Function, call: Call, _: Value) -> str:
    value = build(function, replace(call, or_null=True)).sql
    extreme = call.known().over("min" if call.name == "argMin" else "max", call[1].number)
    return f"{{'value': {value}, 'place': {extreme}}}"


def _list_state(_: Function, call: Call, __: Value) -> str:
    if len(call) == 1:
        return call.known().values(call[0].number)
    packed = ", ".join(f"'v{place}': {each.number}" for place, each in enumerate(call.args, 1))
    return call.known().values(f"{{{packed}}}")


def _set_state(function: Function, call: Call, checked: Value) -> str:
    return _list_state(function, replace(call, distinct=True), checked)


_STORED: Final = {
    "count": lambda _, __, checked: checked.sql,
    "value": _value_state,
    "mean": _mean_state,
    "pair": _pair_state,
    "list": _list_state,
    "set": _set_state,
}


def merged(function: Function, call: Call, inner: Sequence[str]) -> Value:
    """-Merge and -MergeState: the state of all the states of one column."""
    if len(call) != 1 or call[0].type.bare.name != "AggregateFunction":
        found = ", ".join(str(each.type) for each in call.args) or "none"
        raise NoRule(f"{call.name}Merge expects a column of type AggregateFunction({call.name}, ...), found {found}")
    type_ = call[0].type.bare
    expected = f"{canonical(call.name)}{''.join(inner)}"
    if str(type_.args[0]).partition("(")[0] != expected:
        raise NoRule(f"{call.name}Merge expects a state of {expected}, found {type_}")
    return Value(_merged_sql(function, call, kind(call.name)), type_)


def _merged_sql(function: Function, call: Call, kind_: str) -> str:
    state = call[0].sql
    if kind_ == "count":
        return f"CAST({call.over('sum', state)} AS UBIGINT)"
    if kind_ == "value":
        inner = Value(state, nullable(_kept(call[0].type)), "state")
        return build(function, replace(call, args=(inner,), or_null=True)).sql
    if kind_ == "mean":
        total = call.over("sum", f"struct_extract({state}, 'total')")
        rows = call.over("sum", f"struct_extract({state}, 'rows')")
        return _mean_sql(total, rows, _kept(call[0].type))
    if kind_ == "pair":
        return call.over_pair(
            "arg_min" if call.name == "argMin" else "arg_max", state, f"struct_extract({state}, 'place')"
        )
    flat = f"flatten({call.values(state)})"
    return f"list_distinct({flat})" if kind_ == "set" else flat


def _kept(type_: Type) -> Type:
    """The type of the argument that a state is made of."""
    return state_arguments(type_)[0].bare


def finished(state: Value, params: Sequence[Value] = (), or_null: bool = False) -> Value:
    """What a state amounts to: -Merge after merging, finalizeAggregation."""
    name, _ = state_function(state.type)
    function = find(name)
    if function is None or not function.aggregate:
        raise NoRule(f"a state of {name} needs the ClickHouse engine")
    return _finished(function, name, state, params or _parameters(state.type), or_null)


def _finished(function: Function, name: str, state: Value, params: Sequence[Value], or_null: bool) -> Value:
    types = state_arguments(state.type)
    kind_ = kind(name)
    if kind_ == "count":
        counted = f"nullif({state.sql}, 0)" if or_null else f"coalesce({state.sql}, 0)"
        return Value(f"CAST({counted} AS UBIGINT)", nullable(UINT64) if or_null else UINT64)
    if kind_ in ("list", "set"):
        sqls = ["ch_s"] if len(types) == 1 else [f"ch_s.v{place}" for place in range(1, len(types) + 1)]
        args = tuple(Value(sql, type_, "x") for sql, type_ in zip(sqls, types, strict=True))
        source = f"coalesce({state.sql}, [])"
        return build(function, Call(name, args, tuple(params), source=source, element="ch_s", or_null=or_null))
    one = Call(name, tuple(Value("x", each, "x") for each in types), tuple(params), or_null=or_null)
    type_ = build(function, one).type
    sql = {"value": state.sql, "pair": f"struct_extract({state.sql}, 'value')", "mean": _mean(state.sql)}[kind_]
    sql = f"CAST({sql} AS {duck_type(type_)})"
    if kind_ == "mean":
        return Value(sql if type_.nullable else f"coalesce({sql}, CAST('nan' AS DOUBLE))", type_)
    if name == "groupBitAnd" and not type_.nullable:
        return Value(f"coalesce({sql}, {all_bits(type_)})", type_)
    return Value(defaulted(sql, type_), type_)


def all_bits(type_: Type) -> str:
    """The integer with every bit set: AND over no rows."""
    return f"CAST({-1 if type_.bare.signed else 2**type_.bits - 1} AS {duck_type(type_)})"


def _mean(state: str) -> str:
    total, rows = f"struct_extract({state}, 'total')", f"struct_extract({state}, 'rows')"
    return f"CASE WHEN {rows} > 0 THEN CAST({total} AS DOUBLE) / {rows} END"


def _parameters(type_: Type) -> list[Value]:
    """The parameters that a state's type was written with."""
    _, text = state_function(type_)
    values = ast.literal_eval(f"({text},)") if text else ()
    return [Value(repr(value), literal_type(value), repr(value), literal=value, constant=True) for value in values]


@scalar("finalizeAggregation", keeps_null=True)
def finalize(call: Call) -> Value:
    if call[0].type.bare.name != "AggregateFunction":
        raise NoRule(f"finalizeAggregation expects a state, found {call[0].type}")
    return finished(call[0])
