"""Arithmetic: operators with ClickHouse's result types, which wrap where DuckDB stops, and division by zero."""

from __future__ import annotations

from metrics.dialect.functions.shifts import shifted
from metrics.dialect.rules import FLOAT64, INT8, NoRule, arithmetic, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast, wrapped

_SIGNS = {"plus": "+", "minus": "-", "multiply": "*"}


@scalar("plus", "minus", "multiply", least=2)
def operate(call: Call) -> Value:
    moment = shifted(call) if call.name != "multiply" else None
    if moment is not None:
        return moment
    left, right = _numbers(call)
    type_ = arithmetic(call.name, left.type.bare, right.type.bare)
    if type_.is_decimal and call.name == "multiply":
        # each side in its own scale: DuckDB adds the scales itself
        sides = [cast(each, _decimal_side(each, type_)) for each in (left, right)]
        return Value(f"CAST(({sides[0]} * {sides[1]}) AS {duck_type(type_)})", type_)
    if type_.is_integer and max(left.type.bits, right.type.bits) == 64:
        wide = Type("Int128" if type_.signed else "UInt128")
        return Value(wrapped(f"{cast(left, wide)} {_SIGNS[call.name]} {cast(right, wide)}", type_), type_)
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
        dividend = f"ch_unscaled(CAST({left.number} AS DECIMAL(38, {type_.scale})))"
        divisor = f"ch_unscaled(CAST({right.number} AS DECIMAL(38, {right.type.scale})))"
        scaled = f"ch_decimal_divide({dividend} * {10**right.type.scale}, {divisor}, {type_.scale})"
        return Value(f"CAST({scaled} AS {duck_type(type_)})", type_)
    return Value(f"ch_divide({cast(left, FLOAT64)}, {cast(right, FLOAT64)})", FLOAT64)


@scalar("intDiv", "modulo", "mod", "intDivOrZero", "moduloOrZero", "positiveModulo", "positive_modulo", "pmod", least=2)
def divide_whole(call: Call) -> Value:
    left, right = _numbers(call)
    division = call.name.startswith("intDiv")
    operator = "intDiv" if division else "positiveModulo" if call.name.startswith("p") else "modulo"
    type_ = arithmetic(operator, left.type.bare, right.type.bare)
    if left.type.is_float or right.type.is_float:
        return _divide_floats(left, right, operator, type_)
    wide = duck_type(_wide(left.type.bare, right.type.bare))
    dividend, divisor = f"CAST({left.number} AS {wide})", f"CAST({right.number} AS {wide})"
    result = f"{dividend} {'//' if division else '%'} {divisor}"
    if operator == "positiveModulo":
        result = f"ch_positive({result}, {divisor})"
    if call.name.endswith("OrZero"):
        result = f"CASE WHEN {divisor} = 0 THEN 0 ELSE {result} END"
    outside = wide == "HUGEINT" and division
    return Value(wrapped(result, type_) if outside else f"CAST({result} AS {duck_type(type_)})", type_)


def _wide(left: Type, right: Type) -> Type:
    """The narrowest type in which two integers can be divided: HUGEINT costs several times as much."""
    if not left.signed and not right.signed:
        return Type("UInt64")
    return Type("Int128") if "UInt64" in (left.name, right.name) else Type("Int64")


def _divide_floats(left: Value, right: Value, operator: str, type_: Type) -> Value:
    sides = f"{cast(left, FLOAT64)}, {cast(right, FLOAT64)}"
    if operator == "intDiv":
        return Value(f"CAST(trunc(ch_divide({sides})) AS {duck_type(type_)})", type_)
    return Value(f"ch_{'fmod' if operator == 'modulo' else 'positive_fmod'}({sides})", FLOAT64)


@scalar("max2", "min2", least=2)
def extreme_of_two(call: Call) -> Value:
    left, right = _numbers(call)
    name = "greatest" if call.name == "max2" else "least"
    return Value(f"{name}({cast(left, FLOAT64)}, {cast(right, FLOAT64)})", FLOAT64)


@scalar("gcd", "lcm", least=2)
def common_factor(call: Call) -> Value:
    left, right = _numbers(call)
    type_ = arithmetic("multiply", left.type.bare, right.type.bare)
    if not type_.is_integer:
        raise NoRule(f"{call.name} expects whole numbers, found {left.type} and {right.type}")
    wide = Type("Int128")
    return Value(wrapped(f"{call.name}({cast(left, wide)}, {cast(right, wide)})", type_), type_)


@scalar("negate")
def negate(call: Call) -> Value:
    value = call[0]
    bare = value.type.bare
    if not bare.is_number:
        raise NoRule(f"negate of {value.type}: expected a number")
    if not bare.is_integer:
        return Value(f"(- {cast(value, bare)})", bare)
    type_ = bare if bare.signed else Type(f"Int{min(64, bare.bits * 2)}")
    if bare.signed or bare.bits == 64:
        return Value(wrapped(f"- {cast(value, Type('Int128'))}", type_), type_)
    return Value(f"(- {cast(value, type_)})", type_)


@scalar("abs", any_case=True)
def absolute(call: Call) -> Value:
    bare = call[0].type.bare
    if not (bare.is_integer and bare.signed):
        return Value(f"CAST(abs({call[0].number}) AS {duck_type(bare)})", bare)
    type_ = Type(f"U{bare.name}")
    return Value(f"CAST(abs({cast(call[0], Type(f'Int{2 * bare.bits}'))}) AS {duck_type(type_)})", type_)


@scalar("sign")
def sign(call: Call) -> Value:
    """-1, 0 or 1."""
    sql = f"CAST(sign({call[0].number}) AS TINYINT)"
    return Value(f"CASE WHEN isnan({call[0].sql}) THEN 1 ELSE {sql} END" if call[0].type.is_float else sql, INT8)
