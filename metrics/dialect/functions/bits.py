"""Bits of whole numbers, and numbers as hexadecimal and binary text."""

from __future__ import annotations

from typing import Final

from metrics.dialect.rules import STRING, UINT8, NoRule, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast, condition, wrapped

_WIDE: Final = Type("Int128")


def _whole(call: Call, position: int = 0) -> Value:
    value = call[position]
    if not value.type.is_integer or value.type.bits > 64:
        raise NoRule(f"{call.name} of {value.type} needs the ClickHouse engine")
    return value


def _both(left: Value, right: Value) -> Type:
    """The wider of both types, signed if one of them is."""
    signed = left.type.bare.signed or right.type.bare.signed
    return Type(f"{'' if signed else 'U'}Int{max(left.type.bits, right.type.bits)}")


@scalar("bitAnd", "bitOr", "bitXor", least=2)
def combine(call: Call) -> Value:
    left, right = _whole(call), _whole(call, 1)
    type_ = _both(left, right)
    inner = type_ if left.type.bare.signed == right.type.bare.signed else _WIDE
    sides = (cast(left, inner), cast(right, inner))
    if call.name == "bitXor":
        sql = f"xor({sides[0]}, {sides[1]})"
    else:
        sql = f"({sides[0]} {'&' if call.name == 'bitAnd' else '|'} {sides[1]})"
    return Value(wrapped(sql, type_) if inner == _WIDE else sql, type_)


@scalar("bitNot")
def invert(call: Call) -> Value:
    bare = _whole(call).type.bare
    return Value(wrapped(f"- {cast(call[0], _WIDE)} - 1", bare), bare)


@scalar("bitShiftLeft", "bitShiftRight", least=2)
def shift(call: Call) -> Value:
    """A shift by a literal number of bits; by the width of the type or more it gives 0."""
    value, amount = _whole(call), call[1].literal
    if not isinstance(amount, int) or amount < 0:
        raise NoRule(f"{call.name} expects a literal number of bits, 0 or more")
    type_ = _both(value, call[1])
    if amount >= value.type.bits:
        return Value(f"CASE WHEN {value.number} IS NOT NULL THEN CAST(0 AS {duck_type(type_)}) END", type_)
    moved = (
        f"{cast(value, _WIDE)} * {2**amount}" if call.name.endswith("Left") else f"({cast(value, _WIDE)} >> {amount})"
    )
    return Value(wrapped(moved, type_), type_)


@scalar("bitTest", "bitTestAll", "bitTestAny", least=2, most=None)
def test(call: Call) -> Value:
    """Whether bits are set, counted from 0 for the least."""
    value = cast(_whole(call), _WIDE)
    bits = [
        f"(({value} >> CAST({_whole(call, position).number} AS INTEGER)) & 1) = 1" for position in range(1, len(call))
    ]
    return condition(f"({(' OR ' if call.name.endswith('Any') else ' AND ').join(bits)})", *call.args)


@scalar("bitCount")
def count(call: Call) -> Value:
    return Value(f"CAST(bit_count({cast(_whole(call), call[0].type.bare)}) AS UTINYINT)", UINT8)


@scalar("bitHammingDistance", least=2)
def distance(call: Call) -> Value:
    """How many bits differ."""
    left, right = _whole(call), _whole(call, 1)
    return Value(f"CAST(bit_count(xor({cast(left, _WIDE)}, {cast(right, _WIDE)})) AS UTINYINT)", UINT8)


@scalar("hex")
def to_hex(call: Call) -> Value:
    """Two digits for each byte of a text; of a whole number without the leading zero bytes."""
    if call[0].type.is_text:
        return Value(f"hex({call[0].sql})", STRING)
    bare = _whole(call).type.bare
    unsigned = Type(f"UInt{bare.bits}")
    number = wrapped(cast(call[0], _WIDE), unsigned) if bare.signed else call[0].number
    return Value(f"ch_even_digits(hex({number}))", STRING)


@scalar("unhex")
def from_hex(call: Call) -> Value:
    if not call[0].type.is_text:
        raise NoRule(f"unhex expects a String, found {call[0].type}")
    return Value(f"decode(unhex({call[0].sql}))", STRING)


@scalar("bin")
def to_binary(call: Call) -> Value:
    """Eight digits for each byte of a whole number, without the leading zero bytes."""
    bare = _whole(call).type.bare
    if bare.signed:
        raise NoRule(f"bin of {call[0].type} needs the ClickHouse engine")
    return Value(f"ch_binary(bin({cast(call[0], Type('UInt64'))}))", STRING)
