"""Numbers -> the words on a page. Unknown (None or NaN) is a dash or the word given, never 0."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import timedelta

UNKNOWN = "—"


def known(value: float | None) -> bool:
    """Whether there is a number."""
    return value is not None and not math.isnan(value)


def dollars(value: float | None, unknown: str = UNKNOWN) -> str:
    """$75.62, $12.3k, $0.0012."""
    if value is None or math.isnan(value):
        return unknown
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = 1e3 if unit == "k" else limit
            return f"${value / scale:,.{1 if unit == 'k' else 2}f}{unit}"
    if abs(value) >= 1 or not value:
        return f"${value:,.2f}"
    digits = max(4, 1 - math.floor(math.log10(abs(value))))
    return f"${value:.{digits}f}"


def signed_dollars(value: float) -> str:
    """+$1.20, −$0.0012: an amount that was added or fell away."""
    return f"{'−' if value < 0 else '+'}{dollars(abs(value))}"


def count(value: float | None, unknown: str = UNKNOWN) -> str:
    """2,712, 28.3M: three or four digits."""
    if value is None or math.isnan(value):
        return unknown
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if unit == "k" else limit)
            return f"{scaled:,.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}{unit}"
    return f"{value:,.0f}"


def exact(value: float | None) -> str:
    """2,712: every digit."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """840 ms, 2.46 s, 68 s, 12 min."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if abs(value) < 1:
        return f"{value * 1000:,.0f} ms"
    if abs(value) < 600:
        return f"{value:,.2f} s" if abs(value) < 60 else f"{value:,.0f} s"
    return f"{value / 60:,.0f} min"


def percent(value: float | None) -> str:
    """98.41% of a share of 0.9841."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value * 100:.2f}%"


def bytes_(value: float | None) -> str:
    """1.2 MB, in powers of ten."""
    if value is None or math.isnan(value):
        return UNKNOWN
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:,.1f} {unit}"
    return f"{value:,.0f} B"


def change(now: float | None, before: float | None) -> str | int | None:
    """The relative change: "+22.6%", 0 for none, "new" from nothing, None where either is unknown."""
    if now is None or before is None or math.isnan(now) or math.isnan(before):
        return None
    if before == 0:
        return "new" if now else 0
    relative = (now - before) / abs(before)
    return 0 if abs(relative) < 0.0005 else f"{relative * 100:+,.{0 if abs(relative) >= 10 else 1}f}%"


def points(now: float | None, before: float | None) -> str | int | None:
    """The change of a share in percentage points: "+0.99 pp", 0 for none, None where either is unknown."""
    if now is None or before is None or math.isnan(now) or math.isnan(before):
        return None
    moved = (now - before) * 100
    return 0 if abs(moved) < 0.005 else f"{moved:+.2f} pp"


def age(span: timedelta | None) -> str:
    """12 s ago, 3 h ago; "now" for less than a second."""
    if span is None:
        return UNKNOWN
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if span.total_seconds() >= size:
            return f"{span.total_seconds() // size:,.0f} {unit} ago"
    return "now"


def plain(text: str) -> str:
    """A name as it is, where Markdown would read its signs."""
    return re.sub(r"([\\`*_\[\]$:~#|<>])", r"\\\1", text)


def plural(number: float, noun: str) -> str:
    """1 request, 2,712 requests."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def short_names(names: Iterable[str], limit: int = 26) -> dict[str, str]:
    """Names cut to `limit` characters for a legend, keeping the last part of a path, and unique among themselves."""
    full = list(names)
    short = {name: _short(name, limit) for name in full}
    taken = list(short.values())
    return {name: cut if taken.count(cut) == 1 else name for name, cut in short.items()}


def _short(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    last = name.rsplit("/", 1)[-1]
    is_path = "/" in name and " " not in name
    return f"…/{last}" if is_path and len(last) + 2 <= limit else name[: limit - 1].rstrip() + "…"
