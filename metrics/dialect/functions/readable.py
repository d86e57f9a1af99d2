"""Numbers for people: sizes, quantities and durations in words, and bars."""

from __future__ import annotations

from typing import Final

from metrics.dialect.rules import FLOAT64, STRING, NoRule, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.values import Value, cast

_BINARY: Final = (" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB", " ZiB", " YiB")
_DECIMAL: Final = (" B", " KB", " MB", " GB", " TB", " PB", " EB", " ZB", " YB")
_QUANTITIES: Final = (
    "",
    " thousand",
    " million",
    " billion",
    " trillion",
    " quadrillion",
    " quintillion",
    " sextillion",
    " septillion",
    " octillion",
    " nonillion",
)
_READABLE: Final = {
    "formatReadableSize": (1024, _BINARY),
    "formatReadableDecimalSize": (1000, _DECIMAL),
    "formatReadableQuantity": (1000, _QUANTITIES),
}
_SECONDS: Final = {"year": 31536000, "month": 2635200, "day": 86400, "hour": 3600, "minute": 60, "second": 1}


def _number(call: Call, position: int = 0) -> str:
    if not call[position].type.is_number:
        raise NoRule(f"{call.name} expects a number, found {call[position].type}")
    return cast(call[position], FLOAT64)


def _readable(call: Call) -> Value:
    base, units = _READABLE[call.name]
    names = ", ".join(text_sql(unit) for unit in units)
    return Value(f"ch_readable({_number(call)}, {base}, [{names}])", STRING)


scalar(*_READABLE)(_readable)


@scalar("formatReadableTimeDelta", most=2)
def duration(call: Call) -> Value:
    """Seconds as years (of 365 days), months (of 30.5), days, hours, minutes and seconds."""
    largest = call.text(1, "its largest unit").removesuffix("s") if len(call) > 1 else "year"
    if largest not in _SECONDS:
        raise NoRule(f"formatReadableTimeDelta up to {largest!r} needs the ClickHouse engine")
    rest = f"CAST(trunc(abs({_number(call)})) AS BIGINT)"
    parts = []
    for unit in list(_SECONDS)[list(_SECONDS).index(largest) :]:
        parts.append(f"ch_counted({rest} // {_SECONDS[unit]}, '{unit}')")
        rest = f"({rest} % {_SECONDS[unit]})"
    return Value(f"ch_in_words({_number(call)}, [{', '.join(parts)}])", STRING)


@scalar("bar", least=3, most=4)
def bar(call: Call) -> Value:
    """A bar of up to `width` characters (80), drawn in eighths."""
    width = _number(call, 3) if len(call) > 3 else "80"
    return Value(f"ch_bar({_number(call)}, {_number(call, 1)}, {_number(call, 2)}, {width})", STRING)
