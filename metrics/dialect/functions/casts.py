"""The functions that convert: toString, toInt32, toDate and their kind, and what they give for unfit text."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.functions.conversion import convert, date_sql, time_sql, time_text, to_text, tried
from metrics.dialect.rules import (
    BOOL,
    DATE,
    DATETIME,
    FLOAT32,
    FLOAT64,
    STRING,
    UUID,
    NoRule,
    default_sql,
)
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import INTEGERS, Type, TypeTextError, decimal, not_nullable, nullable, parse_type
from metrics.dialect.values import Value, cast

_STORAGE: Final = {"toDecimal32": 9, "toDecimal64": 18, "toDecimal128": 38}


def _like(call: Call, target: Type) -> Value:
    """The value as that type; a text that is none stops the query, a number that does not fit wraps or is cut."""
    value = replace(call[0], type=not_nullable(call[0].type))
    return convert(value, target)


def _register_numbers() -> None:
    targets = {f"to{name}": Type(name) for name in INTEGERS if Type(name).bits <= 128}
    targets |= {"toFloat32": FLOAT32, "toFloat64": FLOAT64, "toUUID": UUID, "toBool": BOOL}
    for name, target in targets.items():
        scalar(name)(partial(_like, target=target))
        if target.is_number and target != BOOL:
            scalar(f"{name}OrZero", f"{name}OrNull", f"{name}OrDefault", most=2)(partial(_tried, target=target))


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
    return Value(date_sql(value, value.type.bare, target, zone), target)


@scalar("toDateTime", most=2)
def to_datetime(call: Call) -> Value:
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else call[0].type.zone
    value = replace(call[0], type=not_nullable(call[0].type))
    target = zones.datetime_type(zone)
    return Value(time_sql(value, value.type.bare, target), target)


@scalar("toDateTime64", least=2, most=3)
def to_datetime64(call: Call) -> Value:
    digits = call[1].literal
    if not isinstance(digits, int) or not 0 <= digits <= 6:
        raise NoRule("toDateTime64 expects its digits, 0 to 6, as a literal; more need the ClickHouse engine")
    zone = zones.zone_of(call[2], call.name) if len(call) > 2 else call[0].type.zone
    value = replace(call[0], type=not_nullable(call[0].type))
    target = zones.datetime_type(zone, digits)
    return Value(time_sql(value, value.type.bare, target), target)


_TRIED_TIMES: Final = {"toDate": DATE, "toDate32": Type("Date32"), "toDateTime": DATETIME, "toDateTime64": DATETIME}


def _try_time(call: Call) -> Value:
    name = call.name.split("Or")[0]
    target, zone_at = _TRIED_TIMES[name], 1
    if name == "toDateTime64":
        digits = call[1].literal if len(call) > 1 else 3
        if not isinstance(digits, int) or not 0 <= digits <= 6:
            raise NoRule(f"{call.name} expects its digits, 0 to 6, as a literal")
        target, zone_at = zones.datetime_type(None, digits), 2
    zone = call.get(zone_at)
    if zone is not None and target.is_time and zone.type.is_text:
        target = zones.datetime_type(zones.zone_of(zone, call.name), target.scale if name.endswith("64") else None)
        zone_at += 1
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    return _instead(call, tried(call[0], target), target, zone_at)


scalar(*(f"{name}Or{end}" for name in _TRIED_TIMES for end in ("Null", "Zero", "Default")), most=4)(_try_time)


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
