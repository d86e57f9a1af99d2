"""The filters of a view: which period, which calls, in which buckets of which zone. Their widgets: sidebar.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard.urlstate import DIMENSIONS

SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
RANGES = (*SPANS, "all", "custom")
CALENDAR = {
    "dates": "Dates",
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "This week",
    "last_week": "Last week",
    "month": "This month",
    "last_month": "Last month",
    "year": "This year",
}
"""What the range "custom" can be: dates of one's own, or a period of the calendar that moves with it."""

COMPARE = {"on": "The same weekdays before", "before": "The period just before", "off": "Nothing"}
"""What the figures are compared with. By whole weeks a Monday stands against a Monday."""

STEPS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400}
"""Granularities and their seconds (a month: about)."""

REFRESH = {"off": None, "10s": 10, "30s": 30, "60s": 60}
EARLIEST = date(2000, 1, 1)
MOST_BUCKETS = 750
"""More points than this in one chart cost the browser more than they show."""


@dataclass(frozen=True)
class Filters:
    """One view. `start` (inclusive) and `end` (exclusive) are UTC; `chosen` holds the values of each dimension."""

    start: datetime
    end: datetime
    now: datetime
    label: str
    timezone: str
    granularity: str
    compare: bool
    earlier: timedelta
    refresh: int | None
    chosen: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def zone(self) -> ZoneInfo:
        """The zone that days begin in and times are shown in."""
        return ZoneInfo(self.timezone)

    def period(self) -> dict[str, str | tuple[str, ...]]:
        """Parameters of an endpoint for this view."""
        return {"start_date": _utc_text(self.start), "end_date": _utc_text(self.end), **dict(self.chosen)}

    def previous(self) -> dict[str, str | tuple[str, ...]]:
        """Parameters for the period that this one is compared with, `earlier` before it by the zone's clock."""
        start, end = self._before(self.start), self._before(self.end)
        return {**self.period(), "start_date": _utc_text(start), "end_date": _utc_text(end)}

    def compared(self) -> dict[str, str | tuple[str, ...]]:
        """Parameters of an endpoint that compares this view with the period of `previous`."""
        before = self.previous() if self.compare else {}
        earlier = {f"earlier_{name}": before[f"{name}_date"] for name in ("start", "end") if before}
        return {**self.period(), **earlier}

    def earlier_series(self) -> dict[str, str | tuple[str, ...]]:
        """Parameters of an endpoint with a time axis for the period that this one is compared with."""
        return {**self.series(), **self.previous()}

    def overlays(self) -> bool:
        """Whether the buckets of the earlier period fall on those of this one, so that a chart can show both."""
        step = {"minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400}.get(self.granularity)
        return self.compare and step is not None and self.earlier.total_seconds() % step == 0

    def ago(self) -> str:
        """How far back the earlier period is, in few words."""
        if self.earlier == self.end - self.start:
            return f"the {self.label} before"
        return fmt.plural(self.earlier.days // 7, "week") + " ago"

    def against(self) -> str:
        """What a change is against, in few words."""
        if self.earlier == self.end - self.start:
            return f"vs prev {self.label}"
        return f"vs {self.earlier.days // 7} wk ago"

    def _before(self, moment: datetime) -> datetime:
        if self.earlier == self.end - self.start:
            return moment - self.earlier
        wall = moment.astimezone(self.zone).replace(tzinfo=None) - self.earlier
        return wall.replace(tzinfo=self.zone).astimezone(ZoneInfo("UTC"))

    def series(self, granularity: str = "") -> dict[str, str | tuple[str, ...]]:
        """Parameters of an endpoint with a time axis."""
        return {**self.period(), "granularity": granularity or self.granularity, "timezone": self.timezone}

    def coarse(self, most: int = 62) -> str:
        """The finest granularity of at most `most` buckets, for what needs many calls in each to mean something."""
        return next((step for step in STEPS if _buckets(self.end - self.start, step) <= most), "month")

    def caption(self) -> str:
        """The view in words, but for the filters: they stand below it."""
        start, end = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        dates = f"{start:%d %b %Y %H:%M} – {end:%d %b %Y %H:%M}"
        return " · ".join([dates, self.timezone, f"by {self.granularity}", *([] if self.chosen else ["all calls"])])


def resolve(
    values: Mapping[str, str | list[str]],
    now: datetime,
    extent: tuple[datetime, datetime] | None,
    home: str,
) -> Filters:
    """The filters that the address's values mean at `now`.

    `extent` is the time of the first and the last event, if there are any; `home` is the zone used unless one is given.
    """
    zone_name = str(values["timezone"]) or home
    start, end = _bounds(values, now, extent, ZoneInfo(zone_name))
    asked = str(values["granularity"])
    return Filters(
        start=start,
        end=end,
        now=now,
        label=_length(end - start) if values["range"] == "custom" else str(values["range"]),
        timezone=zone_name,
        granularity=asked if asked in granularities(start, end) else _automatic(end - start),
        compare=values["compare"] != "off" and values["range"] != "all",
        earlier=_earlier(end - start, by_weeks=values["compare"] != "before"),
        refresh=REFRESH[str(values["refresh"])],
        chosen=tuple((name, tuple(values[name])) for name in DIMENSIONS if values[name]),
    )


def granularities(start: datetime, end: datetime) -> list[str]:
    """The granularities that give a readable number of buckets."""
    fitting = [step for step in STEPS if _buckets(end - start, step) <= MOST_BUCKETS]
    return [step for step in fitting if _buckets(end - start, step) >= 2] or fitting[:1]


def rounded_now(step: int) -> datetime:
    """The next multiple of `step` seconds: viewers within it ask the same question and share its answer."""
    return pd.Timestamp.now("UTC").ceil(f"{step}s").to_pydatetime()


def _bounds(
    values: Mapping[str, str | list[str]], now: datetime, extent: tuple[datetime, datetime] | None, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    if values["range"] == "custom":
        start, end = _chosen(values, now, zone)
        return start, min(end, now) if start < now else end
    if values["range"] == "all" and extent:
        end = _midnight(extent[1].astimezone(zone).date() + timedelta(days=1), zone)
        return _midnight(extent[0].astimezone(zone).date(), zone), max(min(end, now), extent[1] + timedelta(seconds=1))
    span = SPANS.get(str(values["range"]), SPANS["30d"])
    return _floor(now - span, span, zone), now


def dates(values: Mapping[str, str | list[str]], now: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """First and last day of a custom range; the last 14 days where the address holds none that can be read."""
    today = now.astimezone(zone).date()
    named = str(values["calendar"])
    if named in CALENDAR and named != "dates":
        return _days(named, today)
    try:
        first, last = (date.fromisoformat(str(values[name])[:10]) for name in ("from", "to"))
    except ValueError:
        return today - timedelta(days=13), today
    first, last = sorted(min(max(day, EARLIEST), today + timedelta(days=366)) for day in (first, last))
    return first, last


def _days(named: str, today: date) -> tuple[date, date]:
    monday, month = today - timedelta(days=today.weekday()), today.replace(day=1)
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "week": (monday, today),
        "last_week": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "month": (month, today),
        "last_month": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        "year": (today.replace(month=1, day=1), today),
    }[named]


def _chosen(values: Mapping[str, str | list[str]], now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Whole days, or the moments of an address like `from=2025-05-14T10:00&to=2025-05-14T12:30` (the zone's clock)."""
    first, last = dates(values, now, zone)
    start, end = _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
    if values["calendar"] == "dates" and all("T" in str(values[name]) for name in ("from", "to")):
        exact = [_moment(str(values[name]), zone) for name in ("from", "to")]
        if exact[0] and exact[1] and start <= exact[0] < exact[1] <= end:
            return exact[0], exact[1]
    return start, end


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(ZoneInfo("UTC"))
    except ValueError:
        return None


def _earlier(span: timedelta, *, by_weeks: bool) -> timedelta:
    return timedelta(weeks=max(1, math.ceil(span / timedelta(weeks=1)))) if by_weeks else span


def _length(span: timedelta) -> str:
    hours = round(span.total_seconds() / 3600, 1)
    return f"{round(hours / 24)}d" if hours >= 24 else f"{hours:g}h"


def _floor(moment: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
    """The start of the whole minute, hour or day: half a first bucket would read as a drop.

    Today is one of the days of a range of days: so seven of them hold each weekday once, and a week earlier is a period
    of its own.
    """
    if span <= timedelta(hours=1):
        return moment.replace(second=0, microsecond=0)
    if span <= timedelta(days=1):
        return moment.replace(minute=0, second=0, microsecond=0)
    return _midnight(moment.astimezone(zone).date() + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC"))


def _automatic(span: timedelta) -> str:
    for limit, step in ((0.2, "minute"), (8.1, "hour"), (100, "day"), (760, "week")):
        if span <= timedelta(days=limit):
            return step
    return "month"


def _buckets(span: timedelta, granularity: str) -> float:
    return span.total_seconds() / STEPS[granularity]


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M:%S")
