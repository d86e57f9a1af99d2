"""Funnels: how far a visitor came, whether one came back, whether events follow each other in an order."""

from __future__ import annotations

import re
from typing import Final

from metrics.dialect.functions.aggregates import result
from metrics.dialect.rules import UINT8, UINT64, NoRule
from metrics.dialect.table import Call, aggregate
from metrics.dialect.types import array
from metrics.dialect.values import Value, let

_MOST_CONDITIONS: Final = 8  # of a sequence: each combination of them is one letter


@aggregate("windowFunnel", least=2, most=33, params=(1, 4))
def funnel(call: Call) -> Value:
    """How many of the conditions hold one after the other, within so many units of time from the first."""
    window = call.params[0].literal
    if len(call.params) > 1:
        raise NoRule(f"windowFunnel in the mode {call.params[1].name} needs the ClickHouse engine")
    if not isinstance(window, int):
        raise NoRule("windowFunnel expects a literal window")
    steps = len(call) - 1
    events = call.where(_moment(call)).values(f"{{'t': {_time(call)}, 'c': [{', '.join(_flags(call))}]}}")
    # one event for each condition that holds, the later condition first, as ClickHouse sorts them
    held = f"list_filter(range({steps}, 0, -1), lambda i: e.c[i])"
    flat = f"flatten(list_transform({events}, lambda e: list_transform({held}, lambda i: {{'t': e.t, 'i': -i}})))"
    none = f"[{', '.join(['CAST(NULL AS BIGINT)'] * steps)}]"
    started = f"CASE WHEN e.i = -1 THEN e.t WHEN e.t <= a[-e.i - 1] + {window} THEN a[-e.i - 1] END"
    moved = f"list_transform(a, lambda old, i: CASE WHEN i = -e.i THEN coalesce({started}, old) ELSE old END)"
    folded = f"list_reduce(list_sort({flat}), lambda a, e: {moved}, {none})"
    reached = "coalesce(list_max(list_transform(ch_a, lambda t, i: CASE WHEN t IS NOT NULL THEN i END)), 0)"
    return result(call, let(folded, "ch_a", reached), UINT8)


def _time(call: Call) -> str:
    value = call[0]
    if value.type.bare.name == "DateTime":
        return f"epoch({value.number})::BIGINT"
    if value.type.is_date:
        return f"CAST({value.number} - DATE '1970-01-01' AS BIGINT)"
    if value.type.is_integer:
        return f"CAST({value.number} AS BIGINT)"
    raise NoRule(f"{call.name} expects a DateTime, a Date or a whole number, found {value.type}")


def _moment(call: Call) -> str:
    return f"{call[0].number} IS NOT NULL"


def _flags(call: Call) -> list[str]:
    return [f"coalesce({each.truth}, FALSE)" for each in call.args[1:]]


@aggregate("retention", least=1, most=32)
def retention(call: Call) -> Value:
    """For each condition whether it held in some row, if the first did in some row too."""
    ever = [f"coalesce({call.over('bool_or', each.truth)}, FALSE)" for each in call.args]
    written = ", ".join(f"CAST({ever[0]} AND {each} AS UTINYINT)" for each in ever)
    return Value(f"[{written}]", array(UINT8))


@aggregate("sequenceMatch", "sequenceCount", least=3, most=_MOST_CONDITIONS + 1, params=(1, 1))
def sequence(call: Call) -> Value:
    """Whether, or how often, events follow each other as a pattern such as `(?1).*(?2)` says.

    Each row in which a condition holds is a letter that tells which do, and the pattern a regular expression on the
    text of these letters in the order of time.
    """
    conditions = len(call) - 1
    pattern = _expression(call, conditions)
    bits = " + ".join(f"CAST({flag} AS INTEGER) * {2**place}" for place, flag in enumerate(_flags(call)))
    some = f"({' OR '.join(_flags(call))})"
    events = call.where(_moment(call), some).values(f"{{'t': {_time(call)}, 'm': {bits}}}")
    letters = f"list_transform(list_sort({events}), lambda e: chr({_FIRST_LETTER} + e.m))"
    text = f"array_to_string({letters}, '')"
    if call.name == "sequenceMatch":
        return Value(f"CAST(regexp_matches({text}, '{pattern}') AS UTINYINT)", UINT8)
    return Value(f"CAST(len(regexp_extract_all({text}, '{pattern}')) AS UBIGINT)", UINT64)


_FIRST_LETTER: Final = 0x4E00


def _expression(call: Call, conditions: int) -> str:
    pattern = call.params[0].literal
    if not isinstance(pattern, str):
        raise NoRule(f"{call.name} expects its pattern as a literal text")
    written = ""
    for part in re.findall(r"\(\?\d+\)|\.\*|\.|\(\?t[^)]*\)|\s+|.", pattern):
        number = re.fullmatch(r"\(\?(\d+)\)", part)
        if number and 1 <= int(number[1]) <= conditions:
            masks = (mask for mask in range(2**conditions) if mask >> int(number[1]) - 1 & 1)
            written += f"[{''.join(chr(_FIRST_LETTER + mask) for mask in masks)}]"
        elif part in (".", ".*"):
            written += part.replace("*", "*?")
        elif not part.isspace():
            raise NoRule(f"{call.name}: {part} in a pattern needs the ClickHouse engine")
    return written


@aggregate("sequenceNextNode", "sequenceMatchEvents", least=2, most=None, params=(0, 2))
def next_node(call: Call) -> Value:
    raise NoRule(f"{call.name} needs the ClickHouse engine")
