"""Arithmetic: operators with ClickHouse's result types, rounding of ties, division by zero."""

from __future__ import annotations

import math

from metrics.dialect.functions import times
from metrics.dialect.rules import FLOAT64, INT8, UINT8, NoRule, arithmetic, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast, condition

_SIGNS = {"plus": "+", "minus": "-", "multiply": "*"}


@scalar("plus", "minus", "multiply", least=2)
def operate(call: Call) -> Value:
    moment = times.shifted(call) if call.name != "multiply" else None
    if moment is not None:
        return moment
    left, right = _numbers(call)
    type_ = arithmetic(call.name, left.type.bare, right.type.bare)
    if type_.is_decimal and call.name == "multiply":
        # each side in its own scale: DuckDB adds the scales itself
        sides = [cast(each, _decimal_side(each, type_)) for each in (left, right)]
        return Value(f"CAST(({sides[0]} * {sides[1]}) AS {duck_type(type_)})", type_)
    return Value(f"({cast(left, type_)} {_SIGNS[call.name]} {cast(right, type_)})", type_)


def _decimal_side(value: Value, result: Type) -> Type:
    """A factor of a product of decimals, with as few digits as hold it, so that the product fits into 38."""
    if value.type.is_decimal:
        spare = 38 - (result.scale - value.type.scale) - 19
        digits = min(value.type.precision, max(value.type.scale + 1, spare if value.type.precision == 38 else 38))
        return Type("Decimal", (digits, value.type.scale))
    return Type("Decimal", ({8: 3, 16: 5, 32: 10}.get(value.type.bits, 19), 0))


def _numbers(call: Call) -> tuple[Value, Value]:
    for each in call.args:
        if not each.type.is_number:
            raise NoRule(f"{call.name} of {call[0].type} and {call[1].type}: expected numbers")
    return call[0], call[1]


@scalar("divide", least=2)
def divide(call: Call) -> Value:
    left, right = _numbers(call)
    type_ = arithmetic(call.name, left.type.bare, right.type.bare)
    if type_.is_decimal:
        scale = left.type.bare.scale
        divisor = cast(right, Type("Int128"))
        sql = f"ch_decimal_divide(CAST({left.sql} AS DECIMAL(38, {scale})), {divisor}, {scale})"
        return Value(f"CAST({sql} AS {duck_type(type_)})", type_)
    return Value(f"ch_divide({cast(left, FLOAT64)}, {cast(right, FLOAT64)})", FLOAT64)


@scalar("intDiv", "modulo", "intDivOrZero", "moduloOrZero", least=2)
def divide_whole(call: Call) -> Value:
    left, right = _numbers(call)
    type_ = arithmetic(call.name, left.type.bare, right.type.bare)
    if type_.is_float:
        return Value(f"fmod({cast(left, FLOAT64)}, {cast(right, FLOAT64)})", FLOAT64)
    sign = "//" if call.name.startswith("intDiv") else "%"
    wide = "HUGEINT"
    divisor = f"CAST({right.number} AS {wide})"
    quotient = f"CAST({left.number} AS {wide}) {sign} {divisor}"
    if call.name.endswith("OrZero"):
        return Value(f"CAST(CASE WHEN {divisor} = 0 THEN 0 ELSE {quotient} END AS {duck_type(type_)})", type_)
    return Value(f"CAST({quotient} AS {duck_type(type_)})", type_)


@scalar("negate")
def negate(call: Call) -> Value:
    value = call[0]
    bare = value.type.bare
    if not bare.is_number:
        raise NoRule(f"negate of {value.type}: expected a number")
    type_ = Type(f"Int{min(64, bare.bits * 2)}") if bare.is_integer and not bare.signed else bare
    return Value(f"(- {cast(value, type_)})", type_)


@scalar("abs", any_case=True)
def absolute(call: Call) -> Value:
    bare = call[0].type.bare
    type_ = Type(f"U{bare.name}") if bare.is_integer and bare.signed else bare
    return Value(f"CAST(abs({call[0].number}) AS {duck_type(type_)})", type_)


@scalar("sign")
def sign(call: Call) -> Value:
    return Value(f"CAST(sign({call[0].number}) AS TINYINT)", INT8)


@scalar("round", "floor", "ceil", "ceiling", "trunc", "truncate", "roundBankers", most=2, any_case=True)
def rounded(call: Call) -> Value:
    """Rounding: floats to the even neighbour, decimals away from zero, as ClickHouse does."""
    digits = call[1].literal if len(call) > 1 else 0
    if not isinstance(digits, int):
        raise NoRule(f"{call.name} expects how many digits as a literal")
    bare = call[0].type.bare
    name = {"ceiling": "ceil", "truncate": "trunc", "roundbankers": "round"}.get(call.name.lower(), call.name.lower())
    if bare.is_integer:
        if digits >= 0:
            return Value(call[0].number, bare)
        raise NoRule(f"{call.name} of an integer to tens needs the ClickHouse engine")
    if bare.is_decimal:
        return _rounded_decimal(call, name, digits)
    function = "round_even" if name == "round" else name
    if digits == 0:
        shifted = f"{function}({call[0].sql}{', 0' if name == 'round' else ''})"
    else:
        scaled = f"{call[0].sql} * 1e{digits}" if digits > 0 else f"{call[0].sql} / 1e{-digits}"
        whole = f"{function}({scaled}{', 0' if name == 'round' else ''})"
        shifted = f"({whole} / 1e{digits})" if digits > 0 else f"({whole} * 1e{-digits})"
    return Value(f"CAST({shifted} AS {duck_type(bare)})", bare)


def _rounded_decimal(call: Call, name: str, digits: int) -> Value:
    bare = call[0].type.bare
    if name != "round" or call.name.lower() == "roundbankers":
        raise NoRule(f"{call.name} of a Decimal needs the ClickHouse engine; toFloat64() of it does not")
    if digits >= bare.scale:
        return Value(call[0].sql, bare)
    return Value(f"CAST(round({call[0].sql}, {digits}) AS {duck_type(bare)})", bare)


_FLOATS = {
    "sqrt": "sqrt",
    "cbrt": "cbrt",
    "exp": "exp",
    "log": "ch_log",
    "ln": "ch_log",
    "log2": "ch_log2",
    "log10": "ch_log10",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "atan": "atan",
    "degrees": "degrees",
    "radians": "radians",
}


def _of_float(call: Call) -> Value:
    name = _FLOATS[call.name.lower()]
    argument = cast(call[0], FLOAT64)
    if call.name.lower() == "sqrt":
        return Value(f"CASE WHEN {argument} < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt({argument}) END", FLOAT64)
    return Value(f"{name}({argument})", FLOAT64)


scalar(*_FLOATS, any_case=True)(_of_float)


@scalar("pow", "power", least=2, any_case=True)
def power(call: Call) -> Value:
    return Value(f"pow({cast(call[0], FLOAT64)}, {cast(call[1], FLOAT64)})", FLOAT64)


@scalar("exp2")
def power_of_two(call: Call) -> Value:
    return Value(f"pow(2e0, {cast(call[0], FLOAT64)})", FLOAT64)


@scalar("pi", "e", least=0)
def constant(call: Call) -> Value:
    value = math.pi if call.name == "pi" else math.e
    return Value(f"CAST({value!r} AS DOUBLE)", FLOAT64, constant=True)


@scalar("isNaN", "isFinite", "isInfinite")
def float_class(call: Call) -> Value:
    name = {"isNaN": "isnan", "isFinite": "isfinite", "isInfinite": "isinf"}[call.name]
    return condition(f"{name}({cast(call[0], FLOAT64)})", call[0])


@scalar("bitAnd", "bitOr", "bitXor", least=2)
def bits(call: Call) -> Value:
    left, right = _numbers(call)
    if not (left.type.is_integer and right.type.is_integer) or left.type.bare.signed or right.type.bare.signed:
        raise NoRule(f"{call.name} of {left.type} and {right.type} needs the ClickHouse engine")
    type_ = left.type.bare if left.type.bits >= right.type.bits else right.type.bare
    if call.name == "bitXor":
        return Value(f"xor({cast(left, type_)}, {cast(right, type_)})", type_)
    sign_ = "&" if call.name == "bitAnd" else "|"
    return Value(f"({cast(left, type_)} {sign_} {cast(right, type_)})", type_)


@scalar("bar", least=3, most=4)
def bar(call: Call) -> Value:
    raise NoRule("bar needs the ClickHouse engine")


__all__ = ["UINT8"]
