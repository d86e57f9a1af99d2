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
    supertype,
)
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import INTEGERS, Type, array, decimal, not_nullable, nullable
from metrics.dialect.values import Value, literal_sql

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
    if target == BOOL and source.is_number:
        return value.truth
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
    duck = duck_type(target)
    if isinstance(value.literal, int) and not isinstance(value.literal, bool):
        return literal_sql(value.literal, target)
    if source.is_integer:
        return f"CAST({value.sql} AS {duck})"
    if source.is_float or source.is_decimal:
        return f"CAST(trunc({value.sql}) AS {duck})"
    if source.is_text:
        return f"CAST(ch_integer_text({value.sql}) AS {duck})"
    if source.is_time:
        return f"CAST(epoch_ms(date_trunc('second', {value.sql})) // 1000 AS {duck})"
    if source.is_date:
        return f"CAST(date_diff('day', DATE '1970-01-01', {value.sql}) AS {duck})"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def _to_float(value: Value, source: Type, target: Type) -> str:
    if isinstance(value.literal, (int, float)) and not isinstance(value.literal, bool):
        return literal_sql(float(value.literal), target)
    if source.is_number or source.is_text:
        return f"CAST({value.number} AS {duck_type(target)})"
    return f"CAST({_to_integer(value, source, Type('Int64'))} AS {duck_type(target)})"


def _to_decimal(value: Value, source: Type, target: Type) -> str:
    duck = duck_type(target)
    if source.is_float:
        return f"CAST(trunc({value.sql} * 1e{target.scale}) / 1e{target.scale} AS {duck})"
    if source.is_decimal and source.scale > target.scale:
        raise NoRule(f"converting {source} to {target} cuts digits; round() them first")
    if source.is_text:
        cut_text = f"regexp_replace({value.sql}, '(\\.[0-9]{{{target.scale}}})[0-9]+$', '\\1')"
        return f"CAST({cut_text} AS {duck})"
    if source.is_number:
        return f"CAST({value.number} AS {duck})"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


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
    targets = {f"to{name}": Type(name) for name in INTEGERS if Type(name).bits <= 64}
    targets |= {"toFloat32": FLOAT32, "toFloat64": FLOAT64, "toUUID": UUID, "toBool": BOOL}
    for name, target in targets.items():
        scalar(name)(partial(_like, target=target))
        if target.is_number and target != BOOL:
            scalar(f"{name}OrZero")(partial(_tried, target=target, zero=True))
            scalar(f"{name}OrNull")(partial(_tried, target=target, zero=False))


def _tried(call: Call, target: Type, zero: bool) -> Value:
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    text = f"ch_try_integer_text({call[0].sql})" if target.is_integer else call[0].sql
    sql = f"TRY_CAST({text} AS {duck_type(target)})"
    return Value(f"coalesce({sql}, {default_sql(target)})", target) if zero else Value(sql, nullable(target))


_register_numbers()


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


def common(values: list[Value]) -> Type:
    """The type that all `values` have in common."""
    return supertype([value.type for value in values])


__all__ = ["array", "common", "convert", "cut", "time_text", "to_text"]
