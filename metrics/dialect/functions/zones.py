"""Time zones: a DateTime is an instant, kept in DuckDB as its UTC wall time; a zone only says how it is read."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from metrics.dialect.rules import NoRule, text_sql
from metrics.dialect.table import Call
from metrics.dialect.types import Type
from metrics.dialect.values import Value

_UTC: Final = ("UTC", "Etc/UTC", "GMT", "Etc/GMT")


def zone_sql(zone: str | None) -> str | None:
    """The SQL of a zone as a type carries it: None for UTC, `$p0` for a parameter's `{p0}`."""
    if zone is None or zone in _UTC:
        return None
    if zone.startswith("{"):
        return f"CAST(${zone.strip('{}')} AS VARCHAR)"
    return text_sql(zone)


def local(sql: str, zone: str | None) -> str:
    """The wall time that an instant has in a zone."""
    name = zone_sql(zone)
    return f"ch_local({sql}, {name})" if name else sql


def instant(sql: str, zone: str | None) -> str:
    """The instant at which a zone's clocks show a wall time."""
    name = zone_sql(zone)
    return f"ch_instant({sql}, {name})" if name else sql


def first_instant(sql: str, zone: str | None) -> str:
    """The instant at which a local day starts, also where its midnight is left out by a change of the clocks."""
    name = zone_sql(zone)
    return f"ch_day_start({sql}, {name})" if name else sql


def zone_argument(call: Call, position: int) -> str | None:
    """The zone that a call names, or else that of its first argument's type."""
    value = call.get(position)
    if value is None:
        return call[0].type.zone
    return zone_of(value, call.name)


def zone_of(value: Value, function: str) -> str:
    """The zone that an expression names: a literal that exists, or a parameter.

    Raises:
        NoRule: it is neither.
    """
    if isinstance(value.literal, str):
        try:
            ZoneInfo(value.literal)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise NoRule(f"{function}: there is no time zone {value.literal!r}") from None
        return value.literal
    if value.name.startswith("{") and value.type.bare.name == "String":
        return value.name.split(":")[0] + "}"
    raise NoRule(f"{function} expects a time zone as a literal or a parameter")


def datetime_type(zone: str | None, precision: int | None = None) -> Type:
    """`DateTime`, `DateTime('zone')` or the DateTime64 of a precision."""
    zones = () if zone is None else (zone if zone.startswith("{") else f"'{zone}'",)
    return Type("DateTime", zones) if precision is None else Type("DateTime64", (precision, *zones))


def with_zone(type_: Type, zone: str | None) -> Type:
    """A DateTime type that is read in another zone."""
    return datetime_type(zone, type_.scale if type_.bare.name == "DateTime64" else None)
