"""Parts of dates and times: years, weeks, days, hours, and their names."""

from __future__ import annotations

from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.rules import STRING, UINT8, UINT16, UINT32, NoRule, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value

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
    "dayofmonth": "toDayOfMonth",
    "dayofyear": "toDayOfYear",
}


def _part(call: Call) -> Value:
    value = zones.moment(call)
    unit, type_ = _PARTS[_PART_NAMES.get(call.name.lower(), call.name)]
    local = zones.wall(value, zones.zone_argument(call, 1))
    return Value(f"CAST(date_part('{unit}', {local}) AS {duck_type(type_)})", type_)


scalar(*_PARTS, most=2)(_part)
scalar(*_PART_NAMES, most=2, any_case=True)(_part)


@scalar("toMillisecond", most=2)
def millisecond(call: Call) -> Value:
    value = zones.moment(call)
    return Value(f"CAST(epoch_us({zones.wall(value, None)}) // 1000 % 1000 AS USMALLINT)", UINT16)


_DAY_OF_WEEK: Final = {0: "isodow", 1: "isodow", 2: "dow", 3: "dow"}


@scalar("toDayOfWeek", "DAYOFWEEK", "dayOfWeek", most=3)
def day_of_week(call: Call) -> Value:
    """Mode 0: Monday is 1, Sunday 7; 1: from 0, Monday; 2: from 0, Sunday; 3: Sunday is 1, Saturday 7."""
    mode = call[1].literal if len(call) > 1 else 0
    if not isinstance(mode, int) or mode not in _DAY_OF_WEEK:
        raise NoRule("toDayOfWeek expects its mode, 0 to 3, as a literal")
    local = zones.wall(zones.moment(call), zones.zone_argument(call, 2))
    shift = {1: " - 1", 3: " + 1"}.get(mode, "")
    return Value(f"CAST(date_part('{_DAY_OF_WEEK[mode]}', {local}){shift} AS UTINYINT)", UINT8)


@scalar("toWeek", "week", most=3)
def week(call: Call) -> Value:
    """The number of the week, 0 to 53, counted as MySQL's mode says."""
    wall, monday, weekday_first, within_year = _week_mode(call)
    macro = "ch_week_of_any_year" if within_year else "ch_week_of_year"
    return Value(f"CAST({macro}({wall}, {monday}, {weekday_first}) AS UTINYINT)", UINT8)


@scalar("toYearWeek", "yearweek", most=3)
def year_and_week(call: Call) -> Value:
    """The year and week as one number such as 202501."""
    wall, monday, weekday_first, _ = _week_mode(call)
    year = f"ch_week_year({wall}, {monday}, {weekday_first})"
    sql = f"{year} * 100 + ch_week_of_any_year({wall}, {monday}, {weekday_first})"
    return Value(f"CAST({sql} AS UINTEGER)", UINT32)


def _week_mode(call: Call) -> tuple[str, str, str, bool]:
    """The local day; whether weeks start on Monday; whether on the first one; whether they may be of another year."""
    mode = call[1].literal if len(call) > 1 else 0
    if not isinstance(mode, int) or not 0 <= mode <= 7:
        raise NoRule(f"{call.name} expects its mode, 0 to 7, as a literal; others need the ClickHouse engine")
    monday = bool(mode & 1)
    weekday_first = bool(mode & 4) == monday
    wall = zones.wall(zones.moment(call), zones.zone_argument(call, 2))
    return f"CAST({wall} AS DATE)", str(monday).upper(), str(weekday_first).upper(), bool(mode & 2)


_PACKED: Final = {"toYYYYMM": "%Y%m", "toYYYYMMDD": "%Y%m%d", "toYYYYMMDDhhmmss": "%Y%m%d%H%M%S"}


def _packed(call: Call) -> Value:
    local = zones.wall(zones.moment(call), zones.zone_argument(call, 1))
    type_ = Type("UInt64") if call.name.endswith("ss") else UINT32
    return Value(f"CAST(strftime({local}, '{_PACKED[call.name]}') AS {duck_type(type_)})", type_)


scalar(*_PACKED, most=2)(_packed)


_NAMES: Final = {"month": "%B", "weekday": "%A"}
_NUMBERED: Final = ("year", "quarter", "dayofyear", "day", "week", "hour", "minute", "second")


@scalar("dateName", "DATE_NAME", least=2, most=3)
def date_name(call: Call) -> Value:
    """A part of a date as text: the month and weekday in words."""
    unit = call.text(0, "its unit").lower()
    wall = zones.wall(zones.moment(call, 1), zones.zone_of(call[2], call.name) if len(call) > 2 else call[1].type.zone)
    if unit in _NAMES:
        return Value(f"strftime({wall}, '{_NAMES[unit]}')", STRING)
    if unit in _NUMBERED:
        return Value(f"CAST(date_part('{unit}', {wall}) AS VARCHAR)", STRING)
    raise NoRule(f"{call.name} of {unit!r} needs the ClickHouse engine")


@scalar("monthName", any_case=True)
def month_name(call: Call) -> Value:
    return Value(f"strftime({zones.wall(zones.moment(call), call[0].type.zone)}, '%B')", STRING)


_RELATIVE: Final = {
    "toRelativeYearNum": "date_part('year', {0})",
    "toRelativeQuarterNum": "date_part('year', {0}) * 4 + date_part('quarter', {0}) - 1",
    "toRelativeMonthNum": "date_part('year', {0}) * 12 + date_part('month', {0})",
    "toRelativeWeekNum": "(date_diff('day', DATE '1970-01-01', {0}) + 8 - date_part('isodow', {0})) // 7",
    "toRelativeDayNum": "date_diff('day', DATE '1970-01-01', {0})",
}
_ELAPSED: Final = {"toRelativeHourNum": 3600, "toRelativeMinuteNum": 60, "toRelativeSecondNum": 1}


def _relative(call: Call) -> Value:
    """The number of a year, month, week or day since a fixed moment."""
    wall = zones.wall(zones.moment(call), zones.zone_argument(call, 1))
    type_ = UINT16 if call.name == "toRelativeYearNum" else UINT32
    return Value(f"CAST({_RELATIVE[call.name].format(wall)} AS {duck_type(type_)})", type_)


def _elapsed(call: Call) -> Value:
    """The number of an hour, minute or second since 1970."""
    if not zones.whole_hours(zones.zone_argument(call, 1)):
        raise NoRule(f"{call.name} in a time zone that is not a whole number of hours off needs the ClickHouse engine")
    moment = zones.wall(zones.moment(call), None)
    return Value(f"CAST(epoch_us({moment}) // {_ELAPSED[call.name] * 10**6} AS UINTEGER)", UINT32)


scalar(*_RELATIVE, most=2)(_relative)
scalar(*_ELAPSED, most=2)(_elapsed)


@scalar("toDaysSinceYearZero", "TO_DAYS", most=2)
def days_since_year_zero(call: Call) -> Value:
    wall = zones.wall(zones.moment(call), zones.zone_argument(call, 1))
    return Value(f"CAST(date_diff('day', DATE '1970-01-01', {wall}) + 719528 AS UINTEGER)", UINT32)
