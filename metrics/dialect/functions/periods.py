"""Starts of periods, keyed by instants.

A start such as `toStartOfHour(t, 'America/Los_Angeles')` takes off what the zone's clock shows past the hour; it never
goes over the local text, so autumn's repeated hour stays two instants.
"""

from __future__ import annotations

from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.functions.shifts import CLOCK, FRACTIONS, SECONDS, interval_unit
from metrics.dialect.rules import DATE, INT64, NoRule, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import array
from metrics.dialect.values import Value, cast

_STEPS: Final = {
    "toStartOfMinute": 60,
    "toStartOfFiveMinutes": 300,
    "toStartOfFiveMinute": 300,
    "toStartOfTenMinutes": 600,
    "toStartOfFifteenMinutes": 900,
    "toStartOfHour": 3600,
}


def _step_start(value: Value, zone: str | None, seconds: int) -> str:
    """Minutes count from 1970, as ClickHouse counts them; hours are those of the local clock."""
    if seconds < 3600 or zones.whole_hours(zone):
        return f"ch_floor({value.sql}, {seconds})"
    return f"ch_hour_start({value.sql}, {zones.zone_sql(zone)})"


def _start_of_step(call: Call) -> Value:
    value = zones.moment(call)
    if value.type.is_date:
        raise NoRule(f"{call.name} expects a DateTime, found {value.type}")
    zone = zones.zone_argument(call, 1)
    return Value(_step_start(value, zone, _STEPS[call.name]), zones.datetime_type(zone))


scalar(*_STEPS, most=2)(_start_of_step)


@scalar("toStartOfSecond", most=2)
def start_of_second(call: Call) -> Value:
    if call[0].type.bare.name != "DateTime64":
        raise NoRule(f"toStartOfSecond expects a DateTime64, found {call[0].type}")
    zone = zones.zone_argument(call, 1)
    return Value(f"date_trunc('second', {call[0].sql})", zones.with_zone(call[0].type.bare, zone))


@scalar("toStartOfMillisecond", "toStartOfMicrosecond", most=2)
def start_of_fraction(call: Call) -> Value:
    value = zones.moment(call)
    if value.type.is_date:
        raise NoRule(f"{call.name} expects a DateTime64, found {value.type}")
    unit = call.name.removeprefix("toStartOf").lower()
    digits = max(value.type.scale, 3 if unit == "millisecond" else 6)
    return Value(f"date_trunc('{unit}', {value.sql})", zones.datetime_type(zones.zone_argument(call, 1), digits))


@scalar("toStartOfDay", most=2)
def start_of_day(call: Call) -> Value:
    value = zones.moment(call)
    zone = zones.zone_argument(call, 1)
    return Value(_day_start(value, zone), zones.datetime_type(zone))


def _day_start(value: Value, zone: str | None) -> str:
    return zones.first_instant(f"date_trunc('day', {zones.wall(value, zone)})", zone)


_DATE_STARTS: Final = {
    "toStartOfMonth": "month",
    "toStartOfQuarter": "quarter",
    "toStartOfYear": "year",
    "toMonday": "week",
    "toStartOfISOYear": "isoyear",
}


def _start_as_date(call: Call) -> Value:
    value = zones.moment(call)
    unit = _DATE_STARTS[call.name]
    wall = zones.wall(value, zones.zone_argument(call, 1))
    if unit == "isoyear":
        wall = f"make_date(CAST(date_part('isoyear', {wall}) AS INTEGER), 1, 4)"
        unit = "week"
    return _as_date(f"CAST(date_trunc('{unit}', {wall}) AS DATE)", value, unit == "week")


def _as_date(sql: str, value: Value, may_be_before: bool = False) -> Value:
    """A start as a Date, which has no days before 1970 and none after 2149-06-06."""
    narrow = value.type.bare.name in ("Date", "DateTime") and not may_be_before
    return Value(sql if narrow else f"ch_clamped_date({sql})", DATE)


scalar(*_DATE_STARTS, most=2)(_start_as_date)


@scalar("toStartOfWeek", "toLastDayOfWeek", most=3)
def start_of_week(call: Call) -> Value:
    """Weeks start on Sunday in mode 0 and the even modes, on Monday in the odd ones."""
    mode = call[1].literal if len(call) > 1 else 0
    if not isinstance(mode, int):
        raise NoRule(f"{call.name} expects its mode as a literal number")
    value = zones.moment(call)
    wall = zones.wall(value, zones.zone_argument(call, 2))
    start = f"CAST(date_trunc('week', {wall}) AS DATE)"
    if mode % 2 == 0:
        start = f"(CAST(date_trunc('week', {wall} + INTERVAL 1 DAY) AS DATE) - 1)"
    return _as_date(f"({start} + 6)" if call.name == "toLastDayOfWeek" else start, value, True)


@scalar("toLastDayOfMonth", most=2)
def last_day(call: Call) -> Value:
    value = zones.moment(call)
    return _as_date(f"last_day({zones.wall(value, zones.zone_argument(call, 1))})", value)


@scalar("toStartOfInterval", least=2, most=3)
def start_of_interval(call: Call) -> Value:
    """Counted from 1970 or, of hours, from midnight; from an origin, if one is given."""
    value, unit = zones.moment(call), interval_unit(call[1], call.name)
    amount = call[1].literal
    if not isinstance(amount, int) or amount <= 0:
        raise NoRule(f"{call.name} expects a literal interval above 0")
    if len(call) > 2 and (call[2].type.is_time or call[2].type.is_date):
        return _from_origin(call, unit, amount)
    zone = zones.zone_argument(call, 2)
    if unit in FRACTIONS:
        digits = max(value.type.scale, FRACTIONS[unit])
        step = amount * 10 ** (6 - FRACTIONS[unit])
        floored = f"make_timestamp(epoch_us({value.sql}) // {step} * {step})"
        return Value(floored, zones.datetime_type(zone, digits if unit == "Microsecond" else FRACTIONS[unit]))
    if unit in CLOCK:
        return Value(_clock_interval(value, zone, unit, amount), zones.datetime_type(zone))
    if unit == "Day":
        return Value(_day_interval(value, zone, amount), zones.datetime_type(zone))
    return _as_date(_calendar_interval(zones.wall(value, zone), unit, amount), value, unit == "Week")


def _from_origin(call: Call, unit: str, amount: int) -> Value:
    value, origin = call[0], call[2]
    if zones.zone_sql(value.type.zone) or value.type.bare.name != origin.type.bare.name:
        raise NoRule(f"{call.name} with an origin of another type, or in a time zone, needs the ClickHouse engine")
    if unit == "Hour":
        past = f"make_timestamp(epoch_us({value.sql}) - epoch_us({origin.sql}))"
        return Value(
            f"({origin.sql} + (ch_floor_in_day({past}, {3600 * amount}) - TIMESTAMP 'epoch'))", value.type.bare
        )
    steps = f"date_sub('{unit.lower()}', {origin.sql}, {value.sql}) // {amount} * {amount}"
    size = "BIGINT" if unit in CLOCK or unit in FRACTIONS else "INTEGER"
    moved = f"{origin.sql} + to_{unit.lower()}s(CAST({steps} AS {size}))"
    return Value(f"CAST({moved} AS {duck_type(value.type)})", value.type.bare)


def _clock_interval(value: Value, zone: str | None, unit: str, amount: int) -> str:
    if value.type.is_date:
        raise NoRule(f"an interval of {unit.lower()}s expects a DateTime, found {value.type}")
    seconds = SECONDS[unit] * amount
    if unit != "Hour" or amount == 1 or (zones.zone_sql(zone) is None and 86400 % seconds == 0):
        return _step_start(value, zone, seconds) if unit == "Hour" else f"ch_floor({value.sql}, {seconds})"
    return zones.first_instant(f"ch_floor_in_day({zones.wall(value, zone)}, {seconds})", zone)


def _day_interval(value: Value, zone: str | None, amount: int) -> str:
    if amount == 1:
        return _day_start(value, zone)
    days = f"date_diff('day', DATE '1970-01-01', CAST({zones.wall(value, zone)} AS DATE))"
    start = f"CAST(DATE '1970-01-01' + CAST({days} // {amount} * {amount} AS INTEGER) AS TIMESTAMP)"
    return zones.first_instant(start, zone)


def _calendar_interval(wall: str, unit: str, amount: int) -> str:
    """Months and quarters count from 1900, years from the year 0, weeks from 1970-01-05."""
    if unit == "Week":
        start = f"CAST(date_trunc('week', {wall}) AS DATE)"
        if amount == 1:
            return start
        weeks = f"date_diff('day', DATE '1970-01-05', {start}) // 7"
        return f"(DATE '1970-01-05' + CAST({weeks} // {amount} * {amount} * 7 AS INTEGER))"
    if amount == 1:
        return f"CAST(date_trunc('{unit.lower()}', {wall}) AS DATE)"
    if unit == "Year":
        return f"ch_month_floor({wall}, {12 * amount}, 0)"
    return f"ch_month_floor({wall}, {amount * (3 if unit == 'Quarter' else 1)}, 1900)"


_TRUNCATIONS: Final = {
    "second": "toStartOfInterval",
    "minute": "toStartOfMinute",
    "hour": "toStartOfHour",
    "day": "toStartOfDay",
    "week": "toMonday",
    "month": "toStartOfMonth",
    "quarter": "toStartOfQuarter",
    "year": "toStartOfYear",
}


@scalar("date_trunc", "dateTrunc", least=2, most=3, any_case=True)
def truncated(call: Call) -> Value:
    unit = call.text(0, "its unit").lower()
    if unit not in _TRUNCATIONS:
        raise NoRule(f"{call.name} to {unit!r} needs the ClickHouse engine")
    inner = Call(_TRUNCATIONS[unit], call.args[1:])
    if unit == "second":
        return Value(_clock_interval(call[1], None, "Second", 1), zones.datetime_type(zones.zone_argument(inner, 1)))
    if unit in ("minute", "hour"):
        return _start_of_step(inner)
    return start_of_day(inner) if unit == "day" else _start_as_date(inner)


@scalar("timeSlot", most=2)
def time_slot(call: Call) -> Value:
    """The start of the half hour."""
    value, zone = zones.moment(call), zones.zone_argument(call, 1)
    if value.type.bare.name != "DateTime":
        raise NoRule(f"timeSlot expects a DateTime, found {value.type}")
    return Value(f"ch_floor({value.sql}, 1800)", zones.datetime_type(zone))


@scalar("timeSlots", least=2, most=3)
def time_slots(call: Call) -> Value:
    """The starts of the slots, half an hour or a size in seconds, that a duration in seconds touches."""
    value, size = zones.moment(call), call[2].literal if len(call) > 2 else 1800
    if value.type.bare.name != "DateTime" or not call[1].type.is_integer or not isinstance(size, int) or size <= 0:
        raise NoRule("timeSlots expects a DateTime, a duration in seconds and a literal size in seconds")
    return Value(f"ch_time_slots({value.sql}, {cast(call[1], INT64)}, {size})", array(value.type.bare))
