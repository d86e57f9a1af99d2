"""Time zones: a DateTime is an instant, kept in DuckDB as its UTC wall time; a zone only says how it is read."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
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


def moment(call: Call, position: int = 0) -> Value:
    """The date or time among the arguments."""
    value = call[position]
    if not (value.type.is_time or value.type.is_date):
        raise NoRule(f"{call.name} expects a date or a time, found {value.type}")
    return value


def wall(value: Value, zone: str | None) -> str:
    """The wall time of a date or time in a zone, as a TIMESTAMP."""
    if value.type.is_date:
        return f"CAST({value.sql} AS TIMESTAMP)"
    return local(value.sql, zone)


@cache
def whole_hours(zone: str | None) -> bool:
    """Whether a zone has only ever been whole hours off UTC since 1970; of a parameter that is not known."""
    if zone_sql(zone) is None:
        return True
    if zone is None or zone.startswith("{"):
        return False
    known = ZoneInfo(zone)
    offsets = (known.utcoffset(datetime(year, month, 15)) for year in range(1970, 2038) for month in range(1, 13))
    return all(offset is not None and offset.total_seconds() % 3600 == 0 for offset in offsets)


def past_the_hour(zone: str | None) -> str | None:
    """The seconds by which a zone's hours start past UTC's, as ClickHouse has it: those of 1970; None for none."""
    if zone_sql(zone) is None:
        return None
    if zone is None or zone.startswith("{"):
        return f"epoch(ch_local(TIMESTAMP '1970-01-01', {zone_sql(zone)})) % 3600"
    offset = datetime(1970, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    seconds = int(offset.total_seconds()) % 3600 if offset else 0
    return str(seconds) if seconds else None


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
