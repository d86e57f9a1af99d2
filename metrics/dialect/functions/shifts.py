"""Intervals: dates and times moved by so many units, and the units between two of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.rules import INT32, INT64, NoRule
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, decimal
from metrics.dialect.values import Value, cast

CLOCK: Final = ("Second", "Minute", "Hour")
FRACTIONS: Final = {"Millisecond": 3, "Microsecond": 6}
SECONDS: Final = {"Second": 1, "Minute": 60, "Hour": 3600}
INTERVALS: Final = (*FRACTIONS, *CLOCK, "Day", "Week", "Month", "Quarter", "Year")
_SHORT: Final = {
    "microsecond": ("us", "u"),
    "millisecond": ("ms",),
    "second": ("ss", "s"),
    "minute": ("mi", "n"),
    "hour": ("hh", "h"),
    "day": ("dd", "d"),
    "week": ("wk", "ww"),
    "month": ("mm", "m"),
    "quarter": ("qq", "q"),
    "year": ("yyyy", "yy"),
}
UNITS: Final = {spelled: unit.capitalize() for unit, short in _SHORT.items() for spelled in (unit, f"{unit}s", *short)}


def interval_unit(value: Value, function: str) -> str:
    """The unit of an interval's type, such as Hour."""
    unit = value.type.bare.name.removeprefix("Interval")
    if not value.type.bare.name.startswith("Interval") or unit not in INTERVALS:
        raise NoRule(f"{function} expects an interval such as INTERVAL 1 HOUR, found {value.type}")
    return unit


def _interval(call: Call) -> Value:
    unit = call.name.removeprefix("toInterval")
    if not call[0].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number, found {call[0].type}")
    return replace(call[0], sql=cast(call[0], INT64), type=Type(f"Interval{unit}"), condition=False)


scalar(*(f"toInterval{unit}" for unit in INTERVALS))(_interval)


@scalar("toInterval", least=2)
def interval_of_unit(call: Call) -> Value:
    """`toInterval(n, 'day')`."""
    unit = call.text(1, "its unit").capitalize()
    if unit not in INTERVALS:
        raise NoRule(f"toInterval expects one of {', '.join(INTERVALS)}, found {call.text(1, 'its unit')!r}")
    return _interval(replace(call, name=f"toInterval{unit}", args=call.args[:1]))


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
        return move(left, interval_unit(right, call.name), f"{sign}({right.sql})")
    if right.type.is_integer:
        return move(left, "Day" if left.type.is_date else "Second", f"{sign}({cast(right, INT64)})")
    raise NoRule(f"{call.name} of {left.type} and {right.type} needs the ClickHouse engine")


def _difference(name: str, left: Value, right: Value) -> Value:
    if name == "plus" or left.type.is_date != right.type.is_date:
        raise NoRule(f"{name} of {left.type} and {right.type} needs the ClickHouse engine; dateDiff() may do")
    digits = max(left.type.scale, right.type.scale)
    if digits:
        fraction = f"(epoch_us({left.sql}) - epoch_us({right.sql})) // {10 ** (6 - digits)}"
        return Value(f"CAST(ch_scaled_text({fraction}, {digits}) AS DECIMAL(18, {digits}))", decimal(18, digits))
    unit = "day" if left.type.is_date else "second"
    return Value(f"CAST(date_diff('{unit}', {right.sql}, {left.sql}) AS INTEGER)", INT32)


def move(value: Value, unit: str, amount: str) -> Value:
    """A date or time moved by so many units; calendar units move the local clock."""
    type_ = value.type.bare
    small = unit in CLOCK or unit in FRACTIONS
    step = f"to_{unit.lower()}s(CAST({amount} AS {'BIGINT' if small else 'INTEGER'}))"
    if unit in FRACTIONS:
        if type_.is_date:
            raise NoRule(f"a Date cannot be moved by {unit.lower()}s")
        digits = max(type_.scale, FRACTIONS[unit])
        return Value(f"({value.sql} + {step})", zones.datetime_type(type_.zone, digits))
    if type_.is_date:
        if small:
            return Value(f"(CAST({value.sql} AS TIMESTAMP) + {step})", Type("DateTime"))
        moved = f"CAST({value.sql} + {step} AS DATE)"
        wraps = type_.name == "Date" and unit in ("Day", "Week")
        return Value(f"ch_wrapped_date({moved})" if wraps else moved, type_)
    if small or zones.zone_sql(type_.zone) is None:
        return Value(f"({value.sql} + {step})", type_)
    return Value(zones.instant(f"({zones.local(value.sql, type_.zone)} + {step})", type_.zone), type_)


def _moved(call: Call) -> Value:
    backwards = call.name.startswith("subtract")
    unit = call.name.removeprefix("subtract").removeprefix("add").removesuffix("s")
    if not call[1].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number, found {call[1].type}")
    return move(zones.moment(call), unit, f"{'-' if backwards else ''}({cast(call[1], INT64)})")


scalar(*(f"{verb}{unit}s" for verb in ("add", "subtract") for unit in INTERVALS), least=2)(_moved)


@scalar("addDate", "subDate", least=2)
def moved_by_interval(call: Call) -> Value:
    amount = f"{'-' if call.name == 'subDate' else ''}({call[1].sql})"
    return move(zones.moment(call), interval_unit(call[1], call.name), amount)


def unit_of(call: Call) -> str:
    """The unit that a call names first, such as Hour for 'hh'."""
    text = call.text(0, "its unit").lower()
    if text not in UNITS:
        raise NoRule(f"{call.name} in {text!r} needs the ClickHouse engine")
    return UNITS[text]


def _sides(call: Call, clock: bool) -> tuple[str, str]:
    """Both times: as they are kept for units of the clock, else as the walls of the zone show them."""
    zone = zones.zone_of(call[3], call.name) if len(call) > 3 else None
    first, second = (
        value.sql if clock and value.type.is_time else zones.wall(value, zone or value.type.zone)
        for value in (zones.moment(call, 1), zones.moment(call, 2))
    )
    return first, second


@scalar("dateDiff", least=3, most=4)
def date_diff(call: Call) -> Value:
    """How many starts of a unit lie between two times, in the zone of the first."""
    unit = unit_of(call)
    small = unit in CLOCK or unit in FRACTIONS
    first, second = _sides(call, small)
    if unit == "Week":
        weeks = f"date_diff('day', date_trunc('week', {first}), date_trunc('week', {second})) // 7"
        return Value(f"({weeks})", INT64)
    if unit == "Hour":
        zone = zones.zone_of(call[3], call.name) if len(call) > 3 else call[1].type.zone
        past = zones.past_the_hour(zone)
        if past:
            first, second = (f"({side} - to_seconds({past}))" for side in (first, second))
    return Value(f"date_diff('{unit.lower()}', {first}, {second})", INT64)


@scalar("age", least=3, most=4)
def age(call: Call) -> Value:
    """How many whole units lie between two times."""
    unit = unit_of(call)
    first, second = _sides(call, unit in CLOCK or unit in FRACTIONS)
    months = {"Month": 1, "Quarter": 3, "Year": 12}.get(unit)
    if months:
        return Value(f"(ch_age_in_months({first}, {second}) // {months})", INT64)
    return Value(f"date_sub('{unit.lower()}', {first}, {second})", INT64)
