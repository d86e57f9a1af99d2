"""The present, time zones, and dates and times from numbers and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.functions.conversion import convert, cut
from metrics.dialect.functions.timetexts import formatted
from metrics.dialect.rules import DATE, DATETIME, INT32, INT64, STRING, UINT32, NoRule
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast


@scalar("now", "nowInBlock", "current_timestamp", least=0, most=1, any_case=True)
def now(call: Call) -> Value:
    zone = zones.zone_of(call[0], call.name) if len(call) else None
    return Value("ch_now()", zones.datetime_type(zone), constant=True)


@scalar("now64", least=0, most=2)
def now64(call: Call) -> Value:
    digits = call[0].literal if len(call) else 3
    if not isinstance(digits, int) or not 0 <= digits <= 6:
        raise NoRule("now64 expects its digits, 0 to 6, as a literal")
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
    return Value(cut("timezone('UTC', now())", digits), zones.datetime_type(zone, digits), constant=True)


@scalar("UTCTimestamp", "UTC_timestamp", least=0, any_case=True)
def utc_now(_: Call) -> Value:
    return Value("ch_now()", zones.datetime_type("UTC"), constant=True)


@scalar("today", "yesterday", "curdate", "current_date", least=0, any_case=True)
def today(call: Call) -> Value:
    sql = "CAST(timezone('UTC', now()) AS DATE)"
    return Value(sql if call.name.lower() != "yesterday" else f"({sql} - 1)", DATE, constant=True)


@scalar("timezone", "timeZone", "serverTimezone", least=0)
def server_zone(_: Call) -> Value:
    return Value("'UTC'", STRING, constant=True)


@scalar("toTimeZone", "toTimezone", least=2)
def to_zone(call: Call) -> Value:
    if not call[0].type.is_time:
        raise NoRule(f"toTimeZone expects a DateTime, found {call[0].type}")
    return replace(call[0], type=zones.with_zone(call[0].type.bare, zones.zone_of(call[1], call.name)))


@scalar("timezoneOf", "timeZoneOf")
def zone_name(call: Call) -> Value:
    return Value(zones.zone_sql(call[0].type.zone) or "'UTC'", STRING)


@scalar("timezoneOffset", "timeZoneOffset")
def zone_offset(call: Call) -> Value:
    if not call[0].type.is_time:
        raise NoRule(f"timezoneOffset expects a DateTime, found {call[0].type}")
    local = zones.local(call[0].sql, call[0].type.zone)
    return Value(f"CAST(date_diff('second', {call[0].sql}, {local}) AS INTEGER)", INT32)


@scalar("toUnixTimestamp", most=2)
def unix_timestamp(call: Call) -> Value:
    value = call[0]
    if value.type.is_text:
        zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
        value = convert(value, zones.datetime_type(zone))
    elif value.type.is_date:
        value = Value(f"CAST({value.sql} AS TIMESTAMP)", Type("DateTime"))
    return Value(f"CAST(epoch_us({value.sql}) // 1000000 AS UINTEGER)", UINT32)


_UNIX_UNITS: Final = {"Second": 1_000_000, "Milli": 1000, "Micro": 1}


def _unix_fraction(call: Call) -> Value:
    if call[0].type.bare.name != "DateTime64":
        raise NoRule(f"{call.name} expects a DateTime64, found {call[0].type}")
    step = _UNIX_UNITS[call.name.removeprefix("toUnixTimestamp64")]
    return Value(f"CAST(epoch_us({call[0].sql}) // {step} AS BIGINT)", INT64)


scalar(*(f"toUnixTimestamp64{unit}" for unit in _UNIX_UNITS))(_unix_fraction)


@scalar("toUnixTimestamp64Nano")
def unix_nanoseconds(call: Call) -> Value:
    if call[0].type.bare.name != "DateTime64":
        raise NoRule(f"{call.name} expects a DateTime64, found {call[0].type}")
    return Value(f"(epoch_us({call[0].sql}) * 1000)", INT64)


@scalar("fromUnixTimestamp", "FROM_UNIXTIME", most=3)
def from_unix(call: Call) -> Value:
    """A DateTime, or its text in a format."""
    if not call[0].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number of seconds, found {call[0].type}")
    value = Value(f"ch_time_of({cast(call[0], INT64)})", DATETIME)
    return value if len(call) == 1 else formatted(Call(call.name, (value, *call.args[1:])))


def _from_unix_fraction(call: Call) -> Value:
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
    unit = call.name.removeprefix("fromUnixTimestamp64")
    sql = f"make_timestamp(CAST({call[0].number} AS BIGINT) * {_UNIX_UNITS[unit]})"
    return Value(sql, zones.datetime_type(zone, {"Second": 0, "Milli": 3, "Micro": 6}[unit]))


scalar(*(f"fromUnixTimestamp64{unit}" for unit in _UNIX_UNITS), most=2)(_from_unix_fraction)


def _whole_numbers(call: Call, count: int) -> str:
    for each in call.args[:count]:
        if not each.type.is_integer:
            raise NoRule(f"{call.name} expects whole numbers, found {each.type}")
    return ", ".join(cast(each, INT64) for each in call.args[:count])


@scalar("makeDate", "makeDate32", least=2, most=3)
def make_date(call: Call) -> Value:
    """From year, month and day, or from year and day of the year."""
    least = 1970 if call.name == "makeDate" else 1900
    name = "ch_make_date" if len(call) == 3 else "ch_make_year_date"
    type_ = DATE if call.name == "makeDate" else Type("Date32")
    return Value(f"{name}({_whole_numbers(call, len(call))}, {least})", type_)


@scalar("makeDateTime", least=6, most=7)
def make_datetime(call: Call) -> Value:
    """From year, month, day, hour, minute and second, in a zone."""
    zone = zones.zone_of(call[6], call.name) if len(call) > 6 else None
    wall = f"ch_make_time({_whole_numbers(call, 6)})"
    return Value(zones.instant(wall, zone), zones.datetime_type(zone))
