"""Dates and times: starts of periods keyed by instants, arithmetic with intervals, parts, differences and formats.

A start such as `toStartOfHour(t, 'America/Los_Angeles')` takes off what the zone's clock shows past the hour; it never
goes over the local text, so autumn's repeated hour stays two instants.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.functions.conversion import convert, cut
from metrics.dialect.rules import DATE, INT32, INT64, STRING, UINT8, UINT16, UINT32, NoRule, duck_type, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast

_INTERVALS: Final = ("Second", "Minute", "Hour", "Day", "Week", "Month", "Quarter", "Year")
_CLOCK: Final = ("Second", "Minute", "Hour")
_SECONDS: Final = {"Second": 1, "Minute": 60, "Hour": 3600, "Day": 86400, "Week": 604800}


def _moment(call: Call, position: int = 0) -> Value:
    value = call[position]
    if not (value.type.is_time or value.type.is_date):
        raise NoRule(f"{call.name} expects a date or a time, found {value.type}")
    return value


def _local(value: Value, zone: str | None) -> str:
    """The wall time of a date or time in a zone, as a TIMESTAMP."""
    if value.type.is_date:
        return f"CAST({value.sql} AS TIMESTAMP)"
    return zones.local(value.sql, zone)


# now


@scalar("now", least=0, most=1, any_case=True)
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


@scalar("today", "yesterday", least=0)
def today(call: Call) -> Value:
    sql = "CAST(timezone('UTC', now()) AS DATE)"
    return Value(sql if call.name == "today" else f"({sql} - 1)", DATE, constant=True)


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


# starts of periods

_STEPS: Final = {
    "toStartOfMinute": 60,
    "toStartOfFiveMinutes": 300,
    "toStartOfFiveMinute": 300,
    "toStartOfTenMinutes": 600,
    "toStartOfFifteenMinutes": 900,
    "toStartOfHour": 3600,
}


def _step_start(value: Value, zone: str | None, seconds: int) -> str:
    """The instant less what the local clock shows past a whole number of steps."""
    if zones.zone_sql(zone) is None:
        return f"ch_floor({value.sql}, {seconds})"
    return f"ch_floor_local({value.sql}, {_local(value, zone)}, {seconds})"


def _start_of_step(call: Call) -> Value:
    value = _moment(call)
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


@scalar("toStartOfDay", most=2)
def start_of_day(call: Call) -> Value:
    value = _moment(call)
    zone = zones.zone_argument(call, 1)
    return Value(_day_start(value, zone), zones.datetime_type(zone))


def _day_start(value: Value, zone: str | None) -> str:
    return zones.first_instant(f"date_trunc('day', {_local(value, zone)})", zone)


_DATE_STARTS: Final = {
    "toStartOfMonth": "month",
    "toStartOfQuarter": "quarter",
    "toStartOfYear": "year",
    "toMonday": "week",
    "toStartOfISOYear": "isoyear",
}


def _start_as_date(call: Call) -> Value:
    value = _moment(call)
    unit = _DATE_STARTS[call.name]
    return Value(f"CAST(date_trunc('{unit}', {_local(value, zones.zone_argument(call, 1))}) AS DATE)", DATE)


scalar(*(name for name in _DATE_STARTS if name != "toStartOfISOYear"), most=2)(_start_as_date)


@scalar("toStartOfWeek", most=3)
def start_of_week(call: Call) -> Value:
    """Sunday in mode 0 and the even modes, Monday in the odd ones."""
    mode = call[1].literal if len(call) > 1 else 0
    if not isinstance(mode, int):
        raise NoRule("toStartOfWeek expects its mode as a literal number")
    local = _local(_moment(call), zones.zone_argument(call, 2))
    if mode % 2:
        return Value(f"CAST(date_trunc('week', {local}) AS DATE)", DATE)
    return Value(f"(CAST(date_trunc('week', {local} + INTERVAL 1 DAY) AS DATE) - 1)", DATE)


@scalar("toLastDayOfMonth", most=2)
def last_day(call: Call) -> Value:
    return Value(f"last_day({_local(_moment(call), zones.zone_argument(call, 1))})", DATE)


def _interval_unit(value: Value, function: str) -> str:
    unit = value.type.bare.name.removeprefix("Interval")
    if not value.type.bare.name.startswith("Interval") or unit not in _INTERVALS:
        raise NoRule(f"{function} expects an interval such as INTERVAL 1 HOUR, found {value.type}")
    return unit


@scalar("toStartOfInterval", least=2, most=3)
def start_of_interval(call: Call) -> Value:
    value, unit = _moment(call), _interval_unit(call[1], call.name)
    amount = call[1].literal
    if not isinstance(amount, int) or amount <= 0:
        raise NoRule("toStartOfInterval expects a literal interval above 0")
    zone = zones.zone_argument(call, 2)
    if unit in _CLOCK:
        return Value(_clock_interval(value, zone, unit, amount), zones.datetime_type(zone))
    if unit == "Day":
        return Value(_day_interval(value, zone, amount), zones.datetime_type(zone))
    return Value(_calendar_interval(_local(value, zone), unit, amount), DATE)


def _clock_interval(value: Value, zone: str | None, unit: str, amount: int) -> str:
    if value.type.is_date:
        raise NoRule(f"an interval of {unit.lower()}s expects a DateTime, found {value.type}")
    seconds = _SECONDS[unit] * amount
    if 3600 % seconds == 0 or (zones.zone_sql(zone) is None and 86400 % seconds == 0):
        return _step_start(value, zone, seconds)
    if zones.zone_sql(zone) is None:
        return f"ch_floor({value.sql}, {seconds})"
    raise NoRule(f"an interval of {amount} {unit.lower()}s in a time zone needs the ClickHouse engine")


def _day_interval(value: Value, zone: str | None, amount: int) -> str:
    if amount == 1:
        return _day_start(value, zone)
    days = f"date_diff('day', DATE '1970-01-01', CAST({_local(value, zone)} AS DATE))"
    start = f"CAST(DATE '1970-01-01' + CAST({days} // {amount} * {amount} AS INTEGER) AS TIMESTAMP)"
    return zones.first_instant(start, zone)


def _calendar_interval(local: str, unit: str, amount: int) -> str:
    if unit == "Week":
        start = f"CAST(date_trunc('week', {local}) AS DATE)"
        if amount == 1:
            return start
        weeks = f"date_diff('day', DATE '1970-01-05', {start}) // 7"
        return f"(DATE '1970-01-05' + CAST({weeks} // {amount} * {amount} * 7 AS INTEGER))"
    if amount == 1:
        return f"CAST(date_trunc('{unit.lower()}', {local}) AS DATE)"
    months = amount * {"Month": 1, "Quarter": 3, "Year": 12}[unit]
    return f"ch_month_floor({local}, {months})"


@scalar("date_trunc", "dateTrunc", "DATE_TRUNC", least=2, most=3)
def truncated(call: Call) -> Value:
    unit = call.text(0, "its unit").lower()
    names = {
        **{each: f"toStartOf{each.capitalize()}" for each in ("minute", "hour", "day")},
        **{each: f"toStartOf{each.capitalize()}" for each in ("month", "quarter", "year")},
        "week": "toMonday",
    }
    if unit not in names:
        raise NoRule(f"{call.name} to {unit!r} needs the ClickHouse engine")
    inner = Call(names[unit], call.args[1:])
    if names[unit] in _STEPS:
        return _start_of_step(inner)
    return start_of_day(inner) if unit == "day" else _start_as_date(inner)


# parts

_PARTS: Final = {
    "toYear": ("year", UINT16),
    "toQuarter": ("quarter", UINT8),
    "toMonth": ("month", UINT8),
    "toDayOfMonth": ("day", UINT8),
    "toDayOfYear": ("dayofyear", UINT16),
    "toHour": ("hour", UINT8),
    "toMinute": ("minute", UINT8),
    "toSecond": ("second", UINT8),
    "toISOYear": ("isoyear", UINT16),
    "toISOWeek": ("week", UINT8),
}
_PART_NAMES: Final = {
    "year": "toYear",
    "quarter": "toQuarter",
    "month": "toMonth",
    "day": "toDayOfMonth",
    "hour": "toHour",
    "minute": "toMinute",
    "second": "toSecond",
}


def _part(call: Call) -> Value:
    value = _moment(call)
    unit, type_ = _PARTS[_PART_NAMES.get(call.name.lower(), call.name)]
    local = _local(value, zones.zone_argument(call, 1))
    return Value(f"CAST(date_part('{unit}', {local}) AS {duck_type(type_)})", type_)


scalar(*_PARTS, most=2)(_part)
scalar(*_PART_NAMES, most=2, any_case=True)(_part)


@scalar("toDayOfWeek", most=3)
def day_of_week(call: Call) -> Value:
    mode = call[1].literal if len(call) > 1 else 0
    if mode != 0:
        raise NoRule("toDayOfWeek with a mode needs the ClickHouse engine")
    local = _local(_moment(call), zones.zone_argument(call, 2))
    return Value(f"CAST(date_part('isodow', {local}) AS UTINYINT)", UINT8)


_PACKED: Final = {"toYYYYMM": "%Y%m", "toYYYYMMDD": "%Y%m%d", "toYYYYMMDDhhmmss": "%Y%m%d%H%M%S"}


def _packed(call: Call) -> Value:
    local = _local(_moment(call), zones.zone_argument(call, 1))
    type_ = Type("UInt64") if call.name.endswith("ss") else UINT32
    return Value(f"CAST(strftime({local}, '{_PACKED[call.name]}') AS {duck_type(type_)})", type_)


scalar(*_PACKED, most=2)(_packed)


@scalar("toUnixTimestamp", most=2)
def unix_timestamp(call: Call) -> Value:
    value = call[0]
    if value.type.is_text:
        zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
        value = convert(value, zones.datetime_type(zone))
    elif value.type.is_date:
        value = Value(f"CAST({value.sql} AS TIMESTAMP)", Type("DateTime"))
    return Value(f"CAST(epoch_us({value.sql}) // 1000000 AS UINTEGER)", UINT32)


@scalar("toUnixTimestamp64Milli", "toUnixTimestamp64Micro")
def unix_fraction(call: Call) -> Value:
    if call[0].type.bare.name != "DateTime64":
        raise NoRule(f"{call.name} expects a DateTime64, found {call[0].type}")
    name = "epoch_ms" if call.name.endswith("Milli") else "epoch_us"
    return Value(f"{name}({call[0].sql})", INT64)


@scalar("fromUnixTimestamp")
def from_unix(call: Call) -> Value:
    return Value(f"make_timestamp(CAST({call[0].number} AS BIGINT) * 1000000)", Type("DateTime"))


@scalar("fromUnixTimestamp64Milli", "fromUnixTimestamp64Micro", most=2)
def from_unix_fraction(call: Call) -> Value:
    zone = zones.zone_of(call[1], call.name) if len(call) > 1 else None
    digits = 3 if call.name.endswith("Milli") else 6
    return Value(
        f"make_timestamp(CAST({call[0].number} AS BIGINT) * {10 ** (6 - digits)})", zones.datetime_type(zone, digits)
    )


# intervals and arithmetic


def _interval(call: Call) -> Value:
    unit = call.name.removeprefix("toInterval")
    if not call[0].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number, found {call[0].type}")
    return replace(call[0], sql=cast(call[0], INT64), type=Type(f"Interval{unit}"), condition=False)


scalar(*(f"toInterval{unit}" for unit in _INTERVALS))(_interval)


def shifted(call: Call) -> Value | None:
    """`plus` and `minus` where a date, time or interval takes part; None for plain numbers."""
    left, right = call[0], call[1]
    if call.name == "plus" and (right.type.is_date or right.type.is_time):
        left, right = right, left
    if not (left.type.is_date or left.type.is_time):
        if any(each.type.bare.name.startswith("Interval") for each in call.args):
            raise NoRule(f"{call.name} of {left.type} and {right.type}: expected a date or a time")
        return None
    if right.type.is_date or right.type.is_time:
        return _difference(call.name, left, right)
    sign = "-" if call.name == "minus" else ""
    if right.type.bare.name.startswith("Interval"):
        return move(left, _interval_unit(right, call.name), f"{sign}({right.sql})")
    if right.type.is_integer:
        return move(left, "Day" if left.type.is_date else "Second", f"{sign}({cast(right, INT64)})")
    raise NoRule(f"{call.name} of {left.type} and {right.type} needs the ClickHouse engine")


def _difference(name: str, left: Value, right: Value) -> Value:
    if name == "plus" or left.type.is_date != right.type.is_date or left.type.scale or right.type.scale:
        raise NoRule(f"{name} of {left.type} and {right.type} needs the ClickHouse engine; dateDiff() may do")
    unit = "day" if left.type.is_date else "second"
    return Value(f"CAST(date_diff('{unit}', {right.sql}, {left.sql}) AS INTEGER)", INT32)


def move(value: Value, unit: str, amount: str) -> Value:
    """A date or time moved by so many units; calendar units move the local clock."""
    type_ = value.type.bare
    step = f"to_{unit.lower()}s(CAST({amount} AS {'BIGINT' if unit in _CLOCK else 'INTEGER'}))"
    if type_.is_date:
        if unit in _CLOCK:
            return Value(f"(CAST({value.sql} AS TIMESTAMP) + {step})", Type("DateTime"))
        return Value(f"CAST({value.sql} + {step} AS DATE)", type_)
    if unit in _CLOCK or zones.zone_sql(type_.zone) is None:
        return Value(f"({value.sql} + {step})", type_)
    return Value(zones.instant(f"({zones.local(value.sql, type_.zone)} + {step})", type_.zone), type_)


def _moved(call: Call) -> Value:
    backwards = call.name.startswith("subtract")
    unit = call.name.removeprefix("subtract").removeprefix("add").removesuffix("s")
    if not call[1].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number, found {call[1].type}")
    return move(_moment(call), unit, f"{'-' if backwards else ''}({cast(call[1], INT64)})")


scalar(*(f"{verb}{unit}s" for verb in ("add", "subtract") for unit in _INTERVALS), least=2)(_moved)


@scalar("dateDiff", least=3, most=4)
def date_diff(call: Call) -> Value:
    """How many starts of a unit lie between two times, in the zone of the first."""
    unit = call.text(0, "its unit").lower().removesuffix("s")
    if unit.capitalize() not in _INTERVALS:
        raise NoRule(f"{call.name} in {unit!r} needs the ClickHouse engine")
    zone = zones.zone_of(call[3], call.name) if len(call) > 3 else None
    sides = []
    for value in (_moment(call, 1), _moment(call, 2)):
        own = zone or value.type.zone
        sides.append(value.sql if unit in ("second", "minute", "hour") and value.type.is_time else _local(value, own))
    if unit == "week":
        sides = [f"date_trunc('week', {side})" for side in sides]
        return Value(f"(date_diff('day', {sides[0]}, {sides[1]}) // 7)", INT64)
    return Value(f"date_diff('{unit}', {sides[0]}, {sides[1]})", INT64)


@scalar("age", least=3, most=4)
def age(call: Call) -> Value:
    unit = call.text(0, "its unit").lower().removesuffix("s")
    if unit.capitalize() not in _SECONDS or not (call[1].type.is_time and call[2].type.is_time):
        raise NoRule(f"age in {unit!r} needs the ClickHouse engine")
    seconds = f"date_diff('second', {call[1].sql}, {call[2].sql})"
    return Value(f"CAST(trunc({seconds} / {_SECONDS[unit.capitalize()]}) AS BIGINT)", INT64)


# formats

_FORMATS: Final = {
    "Y": "%Y", "y": "%y", "m": "%m", "d": "%d", "H": "%H", "i": "%M", "S": "%S", "s": "%S", "j": "%j",
    "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "I": "%I", "h": "%I", "p": "%p",
    "a": "%a", "W": "%A", "b": "%b", "M": "%B", "n": "\n", "t": "\t", "%": "%%", "u": "%u", "V": "%V", "G": "%G",
}  # fmt: skip


@scalar("formatDateTime", "DATE_FORMAT", least=2, most=3)
def format_time(call: Call) -> Value:
    pattern = call.text(1, "its format")
    local = _local(_moment(call), zones.zone_argument(call, 2))
    return Value(f"strftime({local}, {text_sql(_strftime(pattern))})", STRING)


def _strftime(pattern: str) -> str:
    written, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character != "%":
            written += character
            continue
        code = pattern[position : position + 1]
        position += 1
        if code not in _FORMATS:
            raise NoRule(f"formatDateTime: %{code} needs the ClickHouse engine")
        written += _FORMATS[code]
    return written
