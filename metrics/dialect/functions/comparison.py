"""Comparing: what may be compared with what, and how each side is written for it."""

from __future__ import annotations

from metrics.dialect.functions import zones
from metrics.dialect.functions.conversion import convert
from metrics.dialect.rules import BOOL, NOTHING, NoRule
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import not_nullable
from metrics.dialect.values import Value, condition

_SIGNS = {
    "equals": "=",
    "notEquals": "<>",
    "less": "<",
    "greater": ">",
    "lessOrEquals": "<=",
    "greaterOrEquals": ">=",
}


def comparable(left: Value, right: Value) -> tuple[str, str]:
    """Both sides as DuckDB compares them; a constant text takes the type of the other side.

    Raises:
        NoRule: ClickHouse does not compare these types.
    """
    types = (left.type.bare, right.type.bare)
    if NOTHING in types or types[0] == types[1] or all(type_.is_text for type_ in types):
        return left.number, right.number
    if all(type_.is_number for type_ in types):
        return _number(left), _number(right)
    if right.constant and types[1].is_text:
        return left.number, _parsed(right, left)
    if left.constant and types[0].is_text:
        return _parsed(left, right), right.number
    if all(type_.is_date or type_.is_time for type_ in types):
        return _moment(left, right), _moment(right, left)
    if all(type_.is_array for type_ in types):
        return left.sql, right.sql
    raise NoRule(f"cannot compare {left.name} of type {left.type} with {right.name} of type {right.type}")


def element(operand: Value, value: Value) -> str:
    """An element of the list of IN as the operand's type: there, and only there, a constant text may be a number."""
    if operand.type.is_number and value.constant and value.type.is_text:
        return convert(value, not_nullable(operand.type).bare).sql
    return comparable(operand, value)[1]


def _number(value: Value) -> str:
    return f"CAST({value.sql} AS UTINYINT)" if value.type.bare == BOOL else value.number


def _parsed(value: Value, other: Value) -> str:
    """A constant text as a value of the other side's type."""
    target = not_nullable(other.type).bare
    if not (target.is_date or target.is_time or target.name == "UUID"):
        raise NoRule(f"cannot compare {other.name} of type {other.type} with {value.name} of type {value.type}")
    return convert(value, target).sql


def _moment(value: Value, other: Value) -> str:
    """A Date compared with a DateTime is the midnight that starts it in the DateTime's zone."""
    if value.type.is_date and other.type.is_time:
        return zones.instant(f"CAST({value.sql} AS TIMESTAMP)", other.type.zone)
    return value.sql


def _may_be_nan(value: Value) -> bool:
    return value.type.is_float and not value.is_literal and not value.plain_column


def compare(call: Call) -> Value:
    left, right = comparable(call[0], call[1])
    if _may_be_nan(call[0]) or _may_be_nan(call[1]):
        # NaN is unequal to everything in ClickHouse, and the greatest number in DuckDB
        sql = f"ch_{call.name}(CAST({left} AS DOUBLE), CAST({right} AS DOUBLE))"
    else:
        sql = f"({left} {_SIGNS[call.name]} {right})"
    return condition(sql, call[0], call[1])


scalar(*_SIGNS, least=2)(compare)
