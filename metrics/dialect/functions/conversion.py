"""Conversions: CAST, toString, toInt32, toDate and their kind, as ClickHouse rounds, cuts and spells."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.rules import (
    BOOL,
    DATE,
    DATETIME,
    FLOAT32,
    FLOAT64,
    NOTHING,
    STRING,
    UUID,
    NoRule,
    default_sql,
    duck_type,
)
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import INTEGERS, Type, TypeTextError, decimal, not_nullable, nullable, parse_type
from metrics.dialect.values import Value, cast, literal_sql, wrapped

_STORAGE: Final = {"toDecimal32": 9, "toDecimal64": 18, "toDecimal128": 38}


def convert(value: Value, type_: Type) -> Value:
    """`CAST(value AS type_)`.

    Raises:
        NoRule: no such conversion, or one whose result DuckDB would give otherwise.
    """
    source, target = value.type.bare, type_.bare
    if source == NOTHING:
        if not type_.nullable:
            raise NoRule(f"NULL cannot be converted to {type_}, which is not Nullable")
        return Value(f"CAST(NULL AS {duck_type(target)})", type_)
    if type_.nullable and source.is_text and not target.is_text:
        return Value(tried(value, target), type_, constant=value.constant)  # text that is none of the type is NULL
    if source == target:
        sql = value.number
    elif target.is_array and source.is_array:
        return _array(value, type_)
    else:
        sql = _converted(value, source, target)
    if value.type.nullable and not type_.nullable:
        # ClickHouse stops at a NULL here
        problem = f"error('Cannot convert NULL to {str(type_).replace(chr(39), chr(39) * 2)}')"
        sql = f"CASE WHEN {value.number} IS NULL THEN {problem} ELSE {sql} END"
    return Value(sql, type_, constant=value.constant)


def _array(value: Value, type_: Type) -> Value:
    if value.type.bare.inner.bare == NOTHING:
        return Value(f"CAST({value.sql} AS {duck_type(type_)})", type_, constant=value.constant)
    element = Value("x", value.type.bare.inner, "x")
    converted = convert(element, type_.bare.inner).sql
    return Value(f"list_transform({value.sql}, lambda x: {converted})", type_, constant=value.constant)


def _converted(value: Value, source: Type, target: Type) -> str:
    if target.is_text and target.name != "FixedString":
        return to_text(value)
    if target == BOOL and (source.is_number or source.is_text):
        return value.truth if source.is_number else f"ch_bool_text({value.sql})"
    if target.is_integer and target != BOOL:
        return _to_integer(value, source, target)
    if target.is_float:
        return _to_float(value, source, target)
    if target.is_decimal:
        return _to_decimal(value, source, target)
    if target.is_date:
        return _to_date(value, source, target.zone)
    if target.is_time:
        return _to_time(value, source, target)
    if target == UUID and source.is_text:
        return f"CAST({value.sql} AS UUID)"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def to_text(value: Value) -> str:
    """The SQL of `toString(value)`."""
    bare = value.type.bare
    if value.literal is not None and isinstance(value.literal, str):
        return value.sql
    if bare.is_text:
        return value.sql
    if bare.is_float:
        return f"ch_float_text(CAST({value.sql} AS {duck_type(bare)}))"
    if bare.is_decimal:
        return f"ch_decimal_text(CAST({value.sql} AS VARCHAR))"
    if bare.is_date:
        return f"strftime({value.sql}, '%Y-%m-%d')"
    if bare.is_time:
        return time_text(zones.local(value.sql, bare.zone), bare)
    if bare.is_number or bare == UUID:
        return f"CAST({value.number} AS VARCHAR)"
    raise NoRule(f"toString of {bare} needs the ClickHouse engine")


def time_text(local: str, bare: Type) -> str:
    """The text of a wall time, with as many digits after the second as its type has."""
    if not bare.scale:
        return f"strftime({local}, '%Y-%m-%d %H:%M:%S')"
    return f"left(strftime({local}, '%Y-%m-%d %H:%M:%S.%f') || '000', {20 + bare.scale})"


def _to_integer(value: Value, source: Type, target: Type) -> str:
    """What does not fit is cut to the lowest bits; text that does not fit is an error in DuckDB."""
    duck = duck_type(target)
    if isinstance(value.literal, int) and not isinstance(value.literal, bool):
        low = value.literal % 2**target.bits
        return literal_sql(low - 2**target.bits if target.signed and low >= 2 ** (target.bits - 1) else low, target)
    if source.is_integer:
        return f"CAST({value.number} AS {duck})" if _holds(target, source) else wrapped(value.number, target)
    if source.is_float and target.name == "UInt64":
        negative = _float_bits(value, 63, target)
        return f"CASE WHEN {value.sql} < 0 THEN {negative} ELSE CAST(trunc({value.sql}) AS {duck}) END"
    if source.is_float:
        return _float_bits(value, 63 if target.bits == 64 or target.name == "UInt32" else 31, target)
    if source.is_decimal:
        return f"CAST(trunc({value.sql}) AS {duck})"
    if source.is_text:
        text = f"ch_{'integer' if target.signed else 'natural'}_text({value.sql})"
        return f"coalesce(TRY_CAST({text} AS {duck}), {wrapped(f'CAST({text} AS HUGEINT)', target)})"
    if source.is_time:
        return wrapped(f"CAST(epoch_us({value.sql}) // 1000000 AS HUGEINT)", target)
    if source.is_date:
        return wrapped(f"CAST(date_diff('day', DATE '1970-01-01', {value.sql}) AS HUGEINT)", target)
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def _holds(target: Type, source: Type) -> bool:
    """Whether every value of an integer type is one of another."""
    return target.bits - target.signed >= source.bits - source.signed and target.signed >= source.signed


def _float_bits(value: Value, least: int, target: Type) -> str:
    return wrapped(f"ch_whole({value.sql}, {float(-(2**least))!r})", target)


def _to_float(value: Value, source: Type, target: Type) -> str:
    if isinstance(value.literal, (int, float)) and not isinstance(value.literal, bool):
        return literal_sql(float(value.literal), target)
    if source.is_text:
        return f"CAST(ch_float_text_only({value.sql}) AS {duck_type(target)})"
    if source.is_number:
        return f"CAST({value.number} AS {duck_type(target)})"
    return f"CAST({_to_integer(value, source, Type('Int64'))} AS {duck_type(target)})"


def _to_decimal(value: Value, source: Type, target: Type) -> str:
    duck = duck_type(target)
    if source.is_float:
        return f"CAST(trunc({value.sql} * 1e{target.scale}) / 1e{target.scale} AS {duck})"
    if source.is_decimal and source.scale > target.scale:
        cut_digits = f"ch_unscaled({value.sql}) // {10 ** (source.scale - target.scale)}"
        return f"CAST(ch_scaled_text({cut_digits}, {target.scale}) AS {duck})"
    if source.is_text:
        return f"CAST({_cut_digits(f'ch_float_text_only({value.sql})', target)} AS {duck})"
    if source.is_number:
        return f"CAST({value.number} AS {duck})"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def _cut_digits(sql: str, target: Type) -> str:
    """A decimal's text without the digits that the type has no place for."""
    return f"regexp_replace({sql}, '(\\.[0-9]{{{target.scale}}})[0-9]+$', '\\1')"


def _to_date(value: Value, source: Type, zone: str | None) -> str:
    if source.is_date:
        return value.sql
    if source.is_time:
        return f"CAST({zones.local(value.sql, zone or source.zone)} AS DATE)"
    if source.is_text:
        return f"CAST(CAST({value.sql} AS TIMESTAMP) AS DATE)"
    if source.is_integer:
        return f"ch_date({value.number})"
    raise NoRule(f"converting {source} to Date needs the ClickHouse engine")


def _to_time(value: Value, source: Type, target: Type) -> str:
    """An instant, cut to the digits of its type."""
    if source.is_time:
        moment = value.sql
        exact = target.scale >= source.scale
    elif source.is_date:
        moment, exact = zones.instant(f"CAST({value.sql} AS TIMESTAMP)", target.zone), True
    elif source.is_text:
        moment, exact = zones.instant(f"CAST({value.sql} AS TIMESTAMP)", target.zone), target.scale >= 6
    elif source.is_integer:
        moment, exact = f"make_timestamp(CAST({value.number} AS BIGINT) * 1000000)", True
    elif source.is_float or source.is_decimal:
        moment, exact = f"make_timestamp(CAST(CAST({value.sql} AS DOUBLE) * 1000000 AS BIGINT))", False
    else:
        raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")
    return moment if exact else cut(moment, target.scale)


def cut(moment: str, digits: int) -> str:
    """A time without the digits after the second that its type does not have."""
    unit = {0: "second", 3: "millisecond", 6: "microsecond"}.get(digits)
    if unit:
        return f"date_trunc('{unit}', {moment})"
    step = 10 ** (6 - digits) if digits < 6 else 1
    return f"make_timestamp(epoch_us({moment}) // {step} * {step})"


def _like(call: Call, target: Type) -> Value:
    """A toX function: NULL in is NULL out, which `build` puts into the type."""
    value = replace(call[0], type=not_nullable(call[0].type))
    return convert(value, target)


def _register_numbers() -> None:
    targets = {f"to{name}": Type(name) for name in INTEGERS if Type(name).bits <= 128}
    targets |= {"toFloat32": FLOAT32, "toFloat64": FLOAT64, "toUUID": UUID, "toBool": BOOL}
    for name, target in targets.items():
        scalar(name)(partial(_like, target=target))
        if target.is_number and target != BOOL:
            scalar(f"{name}OrZero", f"{name}OrNull", f"{name}OrDefault", most=2)(partial(_tried, target=target))


def tried(value: Value, target: Type) -> str:
    """The SQL of `accurateCastOrNull`: NULL where the value is no whole, exact value of the type."""
    duck, source = duck_type(target), value.type.bare
    if source.is_text and target.is_integer:
        return f"TRY_CAST(ch_try_integer_text({value.sql}) AS {duck})"
    if source.is_text and target.is_decimal:
        return f"TRY_CAST({_cut_digits(f'ch_try_float_text({value.sql})', target)} AS {duck})"
    if source.is_text and target.is_float:
        return f"TRY_CAST(ch_try_float_text({value.sql}) AS {duck})"
    if source.is_integer and (target.is_integer or target.is_float):
        return f"TRY_CAST({value.number} AS {duck})"
    if source.is_float and target.is_integer:
        return f"CASE WHEN {value.sql} = trunc({value.sql}) THEN TRY_CAST({value.sql} AS {duck}) END"
    raise NoRule(f"trying to convert {source} to {target} needs the ClickHouse engine")


def _tried(call: Call, target: Type) -> Value:
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}; accurateCastOrNull takes numbers")
    return _instead(call, tried(call[0], target), target, 1)


def _instead(call: Call, sql: str, target: Type, position: int) -> Value:
    """A tried conversion with what its name ends in for a failure: NULL, zero or a default."""
    if call.name.endswith("OrNull"):
        return Value(sql, nullable(target))
    other = call.get(position)
    if other is not None and other.type.bare != target and not other.is_literal:
        raise NoRule(f"{call.name} expects a default of type {target}, found {other.type}")
    return Value(f"coalesce({sql}, {cast(other, target) if other is not None else default_sql(target)})", target)


_register_numbers()


@scalar("accurateCast", "accurateCastOrNull", "accurateCastOrDefault", least=2, most=3)
def accurate_cast(call: Call) -> Value:
    """CAST that fails, or gives NULL or a default, where the value does not fit exactly."""
    target = _parsed_type(call.text(1, "its type"))
    value = replace(call[0], type=not_nullable(call[0].type))
    if call.name == "accurateCast":
        problem = f"error('Value in column {target} cannot be safely converted')"
        sql = f"CASE WHEN {value.number} IS NOT NULL THEN coalesce({tried(value, target)}, {problem}) END"
        return Value(sql, target)
    return _instead(call, tried(value, target), target, 2)


def _parsed_type(text: str) -> Type:
    try:
        return parse_type(text)
    except TypeTextError as error:
        raise NoRule(str(error)) from None


@scalar("toString", most=2)
def to_string(call: Call) -> Value:
    if len(call) == 1:
        return Value(to_text(call[0]), STRING)
    if not call[0].type.is_time:
        raise NoRule("toString with a time zone expects a DateTime")
    zone = zones.zone_of(call[1], call.name)
    return Value(time_text(zones.local(call[0].sql, zone), call[0].type.bare), STRING)


def _to_decimal_function(call: Call) -> Value:
    scale = call[1].literal
    if not isinstance(scale, int):
        raise NoRule(f"{call.name} expects its scale as a literal")
    return _like(call, decimal(_STORAGE[call.name], scale))


scalar(*_STORAGE, least=2)(_to_decimal_function)


def _try_decimal(call: Call) -> Value:
    scale = call[1].literal
    if not isinstance(scale, int) or not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String and its scale as a literal")
    target = decimal(_STORAGE[call.name.split("Or")[0]], scale)
    return _instead(call, tried(call[0], target), target, 2)


scalar(*(f"{name}Or{end}" for name in _STORAGE for end in ("Zero", "Null", "Default")), least=2, most=3)(_try_decimal)


@scalar("toDate", "toDate32", "DATE", "date", most=2)
def to_date(call: Call) -> Value:
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
    value = replace(call[0], type=not_nullable(call[0].type))
    target = Type("Date32") if call.name == "toDate32" else DATE
    if value.type.bare == target:
        return Value(value.sql, target)
    return Value(_to_date(value, value.type.bare, zone), target)


@scalar("toDateTime", most=2)
def to_datetime(call: Call) -> Value:
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else call[0].type.zone
    value = replace(call[0], type=not_nullable(call[0].type))
    target = zones.datetime_type(zone)
    return Value(_to_time(value, value.type.bare, target), target)


@scalar("toDateTime64", least=2, most=3)
def to_datetime64(call: Call) -> Value:
    digits = call[1].literal
    if not isinstance(digits, int) or not 0 <= digits <= 6:
        raise NoRule("toDateTime64 expects its digits, 0 to 6, as a literal; more need the ClickHouse engine")
    zone = zones.zone_of(call[2], call.name) if len(call) > 2 else call[0].type.zone
    value = replace(call[0], type=not_nullable(call[0].type))
    target = zones.datetime_type(zone, digits)
    return Value(_to_time(value, value.type.bare, target), target)


@scalar("toDateTimeOrNull", "toDateTimeOrZero", "toDateOrNull", "toDateOrZero", "parseDateTimeBestEffortOrNull")
def try_time(call: Call) -> Value:
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    target = DATE if call.name.startswith("toDateOr") else DATETIME
    sql = f"date_trunc('second', TRY_CAST({call[0].sql} AS TIMESTAMP))"
    sql = f"CAST({sql} AS DATE)" if target == DATE else sql
    return (
        Value(f"coalesce({sql}, {default_sql(target)})", target)
        if call.name.endswith("Zero")
        else Value(sql, nullable(target))
    )


@scalar("parseDateTimeBestEffort", most=2)
def parse_best_effort(call: Call) -> Value:
    """Only forms that both engines read alike: ISO 8601 and `YYYY-MM-DD hh:mm:ss`, with or without an offset."""
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
    return Value(f"ch_best_effort({call[0].sql}, {zones.zone_sql(zone) or repr('UTC')})", zones.datetime_type(zone))


@scalar("toNullable", keeps_null=True)
def to_nullable(call: Call) -> Value:
    return Value(call[0].number, nullable(call[0].type))


@scalar("assumeNotNull", keeps_null=True)
def assume_not_null(call: Call) -> Value:
    inner = not_nullable(call[0].type)
    if not call[0].type.nullable:
        return call[0]
    return Value(f"coalesce({call[0].number}, {default_sql(inner)})", inner)


@scalar("toLowCardinality", keeps_null=True)
def to_low_cardinality(call: Call) -> Value:
    inner = call[0].type
    return replace(call[0], type=inner if inner.name == "LowCardinality" else Type("LowCardinality", (inner,)))


@scalar("toTypeName", keeps_null=True)
def to_type_name(call: Call) -> Value:
    return Value("'" + str(call[0].type).replace("'", "''") + "'", STRING, constant=True)


@scalar("toFixedString", least=2)
def to_fixed_string(call: Call) -> Value:
    raise NoRule("FixedString needs the ClickHouse engine")


__all__ = ["convert", "cut", "time_text", "to_text", "tried"]
