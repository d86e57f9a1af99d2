"""Lines over time: latency percentiles as bands, the success rate against its objective, tokens in and out."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard import timeline
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme
from metrics.dashboard.filters import Filters

OBJECTIVE = 0.99
"""The success rate that the dashed line marks."""

FEW = 20
"""A bucket with fewer calls than this says little about a rate: it is not marked as a breach."""

PERCENTILES = ("p50", "p95", "p99")
FIRST_TOKEN = ("p50", "p95")


def latency(
    rows: pd.DataFrame, filters: Filters, *, key: str, height: int = 240, earlier: pd.DataFrame | None = None
) -> None:
    """p50, p95 and p99 of the latency of successful calls, with the bands between them.

    `earlier` are the rows of the period that the view is compared with: its p95 is a dashed line.
    """
    frame = timeline.complete(rows, timeline.buckets(filters))
    frame = frame.rename(columns={f"{name}_latency": name for name in PERCENTILES})
    frame["lone"] = timeline.lone(frame["p50"].where(~frame["partial"]))
    for name in PERCENTILES:
        frame[f"{name}_text"] = frame[name].map(fmt.seconds)
    wanted = ["t", "when", "requests", "lone", "partial", *PERCENTILES, *(f"{name}_text" for name in PERCENTILES)]
    ghost = filters.ago() if earlier is not None and len(earlier) else ""
    if earlier is not None and ghost:
        frame["earlier"] = timeline.earlier(earlier, "p95_latency", filters).to_numpy()
        frame["earlier_text"] = frame["earlier"].map(fmt.seconds)
        wanted += ["earlier", "earlier_text"]
    spec = _latency_spec(filters.granularity, height, ghost, theme())
    parts.show(spec, key, "Latency p50, p95 and p99 over time", wide=frame[wanted], ends=_ends(frame))


def first_token(rows: pd.DataFrame, filters: Filters, *, key: str, height: int = 250) -> None:
    """p50 and p95 of the time to the first token."""
    frame = timeline.complete(rows, timeline.buckets(filters))
    frame["lone"] = timeline.lone(frame["p50_ttft"].where(~frame["partial"]))
    for name in FIRST_TOKEN:
        frame[f"{name}_text"] = frame[f"{name}_ttft"].map(fmt.seconds)
    frame = frame.rename(columns={f"{name}_ttft": name for name in FIRST_TOKEN})
    wanted = ["t", "when", "requests", "lone", "partial", *FIRST_TOKEN, *(f"{name}_text" for name in FIRST_TOKEN)]
    spec = _first_token_spec(filters.granularity, height, theme())
    parts.show(spec, key, "Time to first token, p50 and p95 over time", wide=frame[wanted])


def success(rows: pd.DataFrame, filters: Filters, granularity: str, *, key: str, height: int = 240) -> None:
    """The share of calls that succeeded within its 95 % interval; buckets of `FEW` calls or more below the objective
    are marked."""
    frame = timeline.complete(rows, timeline.buckets(filters, granularity))
    frame["objective"] = OBJECTIVE
    frame["breach"] = (frame["success_rate"] < OBJECTIVE) & (frame["requests"] >= FEW)
    frame["lone"] = timeline.lone(frame["success_rate"].where(~frame["partial"]))
    frame["text"] = frame["success_rate"].map(fmt.percent)
    frame["between"] = frame["success_rate_low"].map(fmt.percent) + " to " + frame["success_rate_high"].map(fmt.percent)
    wanted = ["t", "when", "requests", "failed_requests", "success_rate", "objective", "breach", "lone", "text"]
    wanted += ["partial", "success_rate_low", "success_rate_high", "between"]
    parts.show(_success_spec(granularity, height, theme()), key, "Success rate over time", rows=frame[wanted])


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Where the names of the lines stand: at their right ends, moved apart where they would cover each other."""
    last = frame[~frame["partial"]].dropna(subset=list(PERCENTILES)).tail(1)
    long = last.melt("t", list(PERCENTILES), "percentile", "seconds").sort_values("seconds")
    apart, lowest = 0.055 * frame["p99"].max(), float("-inf")
    placed = []
    for seconds in long["seconds"]:
        lowest = max(seconds, lowest + apart)
        placed.append(lowest)
    return long.assign(seconds=placed)


@lru_cache(maxsize=64)
def _latency_spec(granularity: str, height: int, ghost: str, look: Theme) -> parts.Spec:
    p50, p95, p99 = look.series[0], look.series[1], look.series[2]
    scale = alt.Scale(domain=list(PERCENTILES), range=[p50, p95, p99])
    colour = alt.Color("percentile:N", legend=None, scale=scale)
    x = parts.time_axis(granularity)
    y = parts.value_axis("seconds:Q", parts.SECONDS)
    pointer = parts.hover()
    shown = parts.points(pointer)
    tips = [alt.Tooltip("when:N", title="Time")]
    tips += [alt.Tooltip(f"{name}_text:N", title=name) for name in reversed(PERCENTILES)]
    tips += [alt.Tooltip("earlier_text:N", title=f"p95 {ghost}")] if ghost else []
    tips += [alt.Tooltip("requests:Q", title="Requests", format=",")]
    layers = [
        _band("p95", "p99", p99, 0.10, granularity),
        _band("p50", "p95", p50, 0.14, granularity),
        parts.whole(_long()).mark_line(interpolate="monotone", strokeWidth=1.8).encode(x=x, y=y, color=colour),
        parts.rows("ends")
        .mark_text(align="left", dx=6, fontSize=11, fontWeight=600, color=look.text)
        .encode(x=x, y=y, text="percentile:N"),
        _long().mark_circle(size=44).encode(x=x, y=y, color=colour, opacity=shown),
    ]
    if ghost:
        dashes = parts.rows("wide").mark_line(interpolate="monotone", strokeDash=[4, 3], strokeWidth=1.4)
        dashes = dashes.encode(color=alt.value(look.ink))
        layers.append(dashes.encode(x=x, y=parts.value_axis("earlier:Q", parts.SECONDS)))
    rule = parts.crosshair("wide", granularity, tips, pointer, look)
    return parts.framed([*_named(layers), rule], height, look, right=30)


@lru_cache(maxsize=64)
def _first_token_spec(granularity: str, height: int, look: Theme) -> parts.Spec:
    x, y = parts.time_axis(granularity), parts.value_axis("seconds:Q", parts.SECONDS)
    scale = alt.Scale(domain=list(FIRST_TOKEN), range=list(look.series[:2]))
    colour = alt.Color("percentile:N", legend=alt.Legend(), scale=scale)
    pointer = parts.hover()
    shown = parts.points(pointer)
    tips = [alt.Tooltip("when:N", title="Time")]
    tips += [alt.Tooltip(f"{name}_text:N", title=name) for name in reversed(FIRST_TOKEN)]
    tips += [alt.Tooltip("requests:Q", title="Requests", format=",")]
    layers = [
        _band("p50", "p95", look.series[0], 0.14, granularity),
        parts.whole(_long(FIRST_TOKEN))
        .mark_line(interpolate="monotone", strokeWidth=1.8)
        .encode(x=x, y=y, color=colour),
        _long(FIRST_TOKEN).mark_circle(size=44).encode(x=x, y=y, color=colour, opacity=shown),
    ]
    rule = parts.crosshair("wide", granularity, tips, pointer, look)
    return parts.framed([*_named(layers), rule], height, look)


def _long(names: tuple[str, ...] = PERCENTILES) -> alt.Chart:
    return parts.rows("wide").transform_fold(list(names), as_=["percentile", "seconds"])


def _band(low: str, high: str, colour: str, opacity: float, granularity: str) -> alt.Chart:
    area = parts.whole(parts.rows("wide")).mark_area(opacity=opacity, color=colour, interpolate="monotone")
    y = parts.value_axis(f"{low}:Q", parts.SECONDS)
    band: alt.Chart = area.encode(x=parts.time_axis(granularity), y=y, y2=f"{high}:Q")
    return band


@lru_cache(maxsize=64)
def _success_spec(granularity: str, height: int, look: Theme) -> parts.Spec:
    x = parts.time_axis(granularity)
    scale = alt.Scale(zero=False, nice=False, domainMax=1, padding=8)
    y = parts.value_axis("success_rate:Q", "format(datum.value, '.1%')", scale)
    goal = parts.value_axis("objective:Q", "format(datum.value, '.1%')", scale)
    pointer = parts.hover()
    whole = parts.whole(parts.rows("rows"))
    line = whole.mark_line(interpolate="monotone", strokeWidth=1.8, color=look.good).encode(x=x, y=y)
    dashes = parts.rows("rows").mark_line(strokeDash=[4, 4], strokeWidth=1, color=look.bad, opacity=0.8)
    tone = alt.when("datum.breach").then(alt.value(look.bad)).otherwise(alt.value(look.good))
    shown = parts.points(pointer, "datum.breach")
    shape = alt.when("datum.breach").then(alt.value("triangle-down")).otherwise(alt.value("circle"))
    points = parts.rows("rows").mark_point(filled=True, size=40)
    points = points.encode(x=x, y=y, color=tone, shape=shape, opacity=shown)
    tips = [
        alt.Tooltip("when:N", title="Time"),
        alt.Tooltip("text:N", title="Success"),
        alt.Tooltip("between:N", title="95 % interval"),
        alt.Tooltip("objective:Q", title="Objective", format=".1%"),
        alt.Tooltip("failed_requests:Q", title="Failed", format=","),
        alt.Tooltip("requests:Q", title="Requests", format=","),
    ]
    rule = parts.crosshair("rows", granularity, tips, pointer, look)
    low = parts.value_axis("success_rate_low:Q", "format(datum.value, '.1%')", scale)
    band = whole.mark_area(interpolate="monotone", color=look.good, opacity=0.14)
    band = band.encode(x=x, y=low, y2="success_rate_high:Q")
    return parts.framed([*_named([band, dashes.encode(x=x, y=goal), line, points]), rule], height, look)


def _named(layers: list[alt.Chart]) -> list[alt.Chart]:
    return [parts.named(layer, f"layer{place}") for place, layer in enumerate(layers)]
