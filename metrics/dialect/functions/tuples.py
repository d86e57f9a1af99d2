"""Tuples: rows of values of different types, with or without names."""

from __future__ import annotations

from collections.abc import Sequence

from metrics.dialect.rules import NoRule, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, elements
from metrics.dialect.values import Value, cast


def make_tuple(parts: Sequence[Value]) -> Value:
    """`(a, b)`; the parts stay known, so that `(a, b).1` and `(a, b) IN (...)` need no row."""
    type_ = Type("Tuple", tuple(part.type for part in parts))
    sql = f"CAST(ROW({', '.join(cast(part, part.type) for part in parts)}) AS {duck_type(type_)})"
    return Value(sql, type_, parts=tuple(parts), constant=all(part.constant for part in parts))


def named_tuple(parts: Sequence[Value]) -> Value:
    return make_tuple(parts).named(f"({', '.join(part.name for part in parts)})")


def tuple_element(value: Value, position: int | str) -> Value:
    """One element of a tuple, by its place from 1 or by its name.

    Raises:
        NoRule: there is no such element.
    """
    if not value.type.is_tuple:
        raise NoRule(f"{value.name}.{position}: expected a tuple, found {value.type}")
    fields = elements(value.type)
    names = [name for name, _ in fields]
    place = names.index(position) + 1 if isinstance(position, str) and position in names else position
    if not isinstance(place, int) or not 1 <= place <= len(fields):
        raise NoRule(f"{value.name} of type {value.type} has no element {position}")
    shown = f"tupleElement({value.name}, {position if isinstance(position, int) else repr(position)})"
    if value.parts:
        return value.parts[place - 1].named(shown)
    name, type_ = fields[place - 1]
    return Value(f'({value.sql})."{name}"' if name else f"({value.sql})[{place}]", type_, shown)


@scalar("tuple", least=1, most=None, keeps_null=True)
def tuple_(call: Call) -> Value:
    return make_tuple(call.args)


@scalar("tupleElement", least=2, most=3, keeps_null=True)
def element_at(call: Call) -> Value:
    position = call[1].literal
    if not isinstance(position, (int, str)) or len(call) > 2:
        raise NoRule("tupleElement expects a tuple and a literal place or name")
    return tuple_element(call[0], position)


@scalar("tupleConcat", least=2, most=None, keeps_null=True)
def concatenated(call: Call) -> Value:
    parts = [tuple_element(each, place) for each in call.args for place in range(1, len(elements(each.type)) + 1)]
    return make_tuple(parts)
