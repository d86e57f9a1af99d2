"""Rows of an endpoint with a time axis -> every bucket of the view, as a chart draws them.

A bucket is known by its absolute start. Vega can only draw UTC or the browser's own zone, so `t` and `t1`, the wall
times a bucket begins and ends at in the chosen zone, are handed over as if they were UTC; `when` is the text of a
tooltip, which Vega would otherwise write in the browser's zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from metrics.dashboard.filters import Filters

COUNTS = ("requests", "failed_requests", "total_prompt_tokens", "total_completion_tokens", "total_tokens", "total_cost")
"""Measures that are zero in a bucket without calls; every other measure is a gap there."""

OTHER = "Other"

_STEP = {"minute": "1min", "hour": "1h", "day": "1D", "week": "7D", "month": "MS"}
WHEN = {
    "minute": "%a %d %b %H:%M",
    "hour": "%a %d %b %H:%M",
    "day": "%a %d %b %Y",
    "week": "week of %d %b %Y",
    "month": "%B %Y",
}
"""How a bucket is called, by its granularity."""


def buckets(filters: Filters, granularity: str = "") -> pd.DataFrame:
    """Every bucket of the view: bucket_utc, t, t1 (wall times), when (text), place (from 0), partial.

    Partial: it is not over yet, or the view cuts it. The range "all" cuts nothing: there are no events beyond it.
    """
    step = granularity or filters.granularity
    starts = _starts(filters, step)
    ends = pd.DatetimeIndex(starts[1:].append(_next(starts[-1:], step, filters.timezone)))
    wall = _wall(starts, filters.timezone)
    frame = pd.DataFrame({"bucket_utc": starts, "t": wall, "t1": _wall(ends, filters.timezone)})
    if step in ("minute", "hour"):
        frame["t1"] = frame["t"] + pd.Timedelta(_STEP[step])
        _share_repeated_hours(frame)
    frame["partial"] = ends > pd.Timestamp(filters.now)
    if filters.label != "all":
        frame["partial"] |= (ends > pd.Timestamp(filters.end)) | (starts < pd.Timestamp(filters.start))
    frame["place"] = np.arange(len(frame))
    frame["when"] = wall.strftime(WHEN[step]) + np.where(frame["partial"], " (not whole)", "")
    return frame


def complete(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """One row a bucket: counts are 0 where nothing happened, all else is missing there."""
    merged = frame.merge(rows, on="bucket_utc", how="left")
    zero = [name for name in COUNTS if name in merged]
    empty = merged["requests"].isna()
    merged.loc[empty, zero] = 0
    return merged


def earlier(rows: pd.DataFrame, measure: str, filters: Filters) -> pd.Series:
    """A measure of the period that the view is compared with, by the place of the bucket it falls on.

    Missing before the first row of that period: nobody knows whether there was nothing or nothing was sent.
    """
    frame = buckets(filters)
    wall = rows["bucket_utc"].dt.tz_convert(filters.timezone).dt.tz_localize(None) + filters.earlier
    sums = rows.assign(t=wall.dt.tz_localize("UTC")).groupby("t")[measure].sum(min_count=1)
    moved = sums.reindex(frame["t"]).set_axis(frame["place"])
    if measure in COUNTS:
        moved = moved.where(moved.notna() | (moved.ffill().isna()), 0)
    return moved


def stack(
    rows: pd.DataFrame, frame: pd.DataFrame, measure: str, order: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Series laid upon each other: the pieces (t, t1, place, series, y0, y1, partial) and a row a bucket (c0, c1 ...).

    `rows` has bucket_utc, series and the measure; `order` names the series from the bottom up. Vega does not stack
    bars that have a begin and an end in time, so it is done here.
    """
    sums = rows.groupby(["bucket_utc", "series"])[measure].sum(min_count=1)
    wide = sums.unstack("series").reindex(index=frame["bucket_utc"], columns=list(order))
    tops = wide.fillna(0).cumsum(axis=1)
    pieces = pd.DataFrame({"y1": tops.stack(), "height": wide.fillna(0).stack()}).reset_index()
    pieces.columns = pd.Index(["bucket_utc", "series", "y1", "height"])
    pieces = pieces[pieces["height"] > 0].assign(y0=lambda piece: piece["y1"] - piece["height"])
    wide.columns = pd.Index([f"c{place}" for place in range(len(order))])  # a dot in "gpt-4.1" would mean nesting
    columns = frame.merge(wide.assign(total=wide.sum(axis=1, min_count=1)).reset_index(), on="bucket_utc")
    drawn = ["t", "t1", "place", "partial"]
    return pieces.merge(frame[["bucket_utc", *drawn]], on="bucket_utc").drop(columns=["height"]), columns


def fold(rows: pd.DataFrame, column: str, measure: str, most: int = 8) -> pd.DataFrame:
    """Add `series`: the `most` largest values of `column` by `measure` under their name, the rest as "Other"."""
    totals = rows.groupby(column)[measure].sum().sort_values(ascending=False, kind="stable")
    kept = set(totals.index[:most])
    return rows.assign(series=rows[column].where(rows[column].isin(kept), OTHER))


def order(rows: pd.DataFrame, ranked: Sequence[str]) -> list[str]:
    """The series of folded rows from the bottom up: by their rank over all time, so that they stay in place."""
    present = set(rows["series"])
    named = [name for name in ranked if name in present and name != OTHER]
    unranked = sorted(present - set(named) - {OTHER})
    return [*named, *unranked, *([OTHER] if OTHER in present else [])]


def lone(values: pd.Series) -> pd.Series:
    """Points with a gap on both sides, which a line would not show."""
    there = values.notna()
    return there & ~there.shift(1, fill_value=False) & ~there.shift(-1, fill_value=False)


def _starts(filters: Filters, step: str) -> pd.DatetimeIndex:
    first = pd.Timestamp(filters.start).tz_convert(filters.timezone)
    wall = first.tz_localize(None)
    if step in ("minute", "hour"):
        begin = first.tz_convert("UTC") - (wall - wall.floor(_STEP[step]))
        return pd.date_range(begin, filters.end, freq=_STEP[step], inclusive="left")
    day = wall.normalize()
    if step == "week":
        day -= pd.Timedelta(days=day.weekday())
    if step == "month":
        day = day.replace(day=1)
    last = _local(filters.end, filters.timezone)
    return _absolute(pd.date_range(day, last, freq=_STEP[step], inclusive="left"), filters.timezone)


def _next(start: pd.DatetimeIndex, step: str, zone: str) -> pd.DatetimeIndex:
    if step in ("minute", "hour"):
        return start + pd.Timedelta(_STEP[step])
    wall = start.tz_convert(zone).tz_localize(None)
    later = wall + (pd.offsets.MonthBegin() if step == "month" else pd.Timedelta(_STEP[step]))
    return _absolute(pd.DatetimeIndex(later), zone)


def _absolute(wall: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    first = np.ones(len(wall), dtype=bool)
    return wall.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").tz_convert("UTC")


def _wall(moments: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    return moments.tz_convert(zone).tz_localize(None).tz_localize("UTC")


def _local(moment: datetime, zone: str) -> pd.Timestamp:
    return pd.Timestamp(moment).tz_convert(zone).tz_localize(None)


def _share_repeated_hours(frame: pd.DataFrame) -> None:
    """The hour that comes twice in autumn: two buckets with the same wall time, drawn side by side in its place."""
    half = (frame["t1"] - frame["t"]) / 2
    second, first = frame["t"].duplicated(keep="first"), frame["t"].duplicated(keep="last")
    frame.loc[first, "t1"] = frame["t"] + half
    frame.loc[second, "t"] = frame["t"] + half
