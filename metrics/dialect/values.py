"""What the compiler knows of an expression: its DuckDB SQL, its ClickHouse type, and how it may be turned into another.

A comparison is a BOOLEAN in DuckDB and a UInt8 in ClickHouse: such a Value is a `condition` and becomes a number only
where a number is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from metrics.dialect.rules import BOOL, UINT8, NoRule, default_sql, duck_type, text_sql
from metrics.dialect.types import Type, not_nullable

NOT_LITERAL: Final = object()


@dataclass(frozen=True)
class Value:
    """A compiled expression. `name` is the text ClickHouse names its column by; `literal` the value, if it is one."""

    sql: str
    type: Type
    name: str = ""
    literal: object = NOT_LITERAL
    constant: bool = False
    condition: bool = False
    plain_column: bool = False
    function: Callable[[Sequence[Type]], tuple[Sequence[str], Value]] | None = None  # of a lambda
    told: list[str] = field(default_factory=list, compare=False)  # the name of a lambda, known once it is compiled
    parts: tuple[Value, ...] = ()  # of a tuple

    @property
    def is_literal(self) -> bool:
        return self.literal is not NOT_LITERAL

    @property
    def number(self) -> str:
        """The SQL as a value of its type: a condition becomes 0 or 1."""
        return f"CAST({self.sql} AS UTINYINT)" if self.condition and self.type.bare != BOOL else self.sql

    @property
    def truth(self) -> str:
        """The SQL as a DuckDB condition: a number holds when it is not 0."""
        if self.condition or self.type.bare == BOOL:
            return self.sql
        if self.is_literal and isinstance(self.literal, int):
            return "TRUE" if self.literal else "FALSE"
        if not self.type.is_number and self.type.bare.name != "Nothing":
            raise NoRule(f"expected a condition, found {self.name} of type {self.type}")
        return f"({self.sql} <> 0)"

    def named(self, name: str) -> Value:
        return replace(self, name=name)


def condition(sql: str, *operands: Value, base: Type = UINT8) -> Value:
    """A comparison: a BOOLEAN that stands for a UInt8, Nullable where an operand is."""
    nullable = any(operand.type.nullable for operand in operands)
    type_ = Type("Nullable", (base,)) if nullable else base
    return Value(sql, type_, condition=True, constant=bool(operands) and all(each.constant for each in operands))


def literal_sql(value: object, type_: Type) -> str:
    """A number or text as DuckDB SQL of exactly the type that holds `type_`."""
    if value is None:
        return f"CAST(NULL AS {duck_type(type_)})"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return text_sql(value)
    text = repr(value)
    if text in ("nan", "inf", "-inf"):
        return f"CAST('{text}' AS {duck_type(type_)})"
    return f"CAST({text} AS {duck_type(type_)})"


def cast(value: Value, type_: Type) -> str:
    """The SQL of `value` as a value of `type_`, which is the same or wider: no rounding, no parsing."""
    target = duck_type(type_)
    if value.type.bare.name == "Nothing":
        return f"CAST(NULL AS {target})"
    if value.is_literal and isinstance(value.literal, (int, float)) and not isinstance(value.literal, bool):
        return f"CAST({value.literal!r} AS {target})"
    if duck_type(value.type) == target:
        return value.number
    return f"CAST({value.sql} AS {target})"


def wrapped(sql: str, type_: Type) -> str:
    """A whole number of up to 128 bits as ClickHouse keeps it in `type_`: its lowest bits, the first one the sign."""
    duck = duck_type(type_)
    if type_.signed:
        return f"CAST(ch_lowest_signed({sql}, {2 ** (type_.bits - 1)}) AS {duck})"
    return f"CAST(({sql}) & {2**type_.bits - 1} AS {duck})"


def defaulted(sql: str, type_: Type) -> str:
    """`sql`, with the type's default in place of NULL unless the type is Nullable."""
    return sql if type_.nullable else f"coalesce({sql}, {default_sql(type_)})"


def same_type(left: Type, right: Type) -> bool:
    return not_nullable(left).bare == not_nullable(right).bare


def let(sql: str, name: str, body: str) -> str:
    """`body` with `name` standing for `sql`, which is computed once."""
    return f"list_extract(list_transform([{sql}], lambda {name}: {body}), 1)"
