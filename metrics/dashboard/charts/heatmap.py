"""Heat maps: each model's p95 over time, the hours of the week, and which model fails with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

import altair as alt
import pandas as pd

from metrics.dashboard import clicks, timeline
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme
from metrics.dashboard.filters import Filters

TRUSTED = 60
"""Calls in a cell from which on it is drawn in full strength; fewer look paler."""

MOST_ROWS = 20
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_LABEL = {"minute": "%H:%M", "hour": "%b %d %H:%M", "day": "%b %d", "week": "%b %d", "month": "%b %Y"}


def latency(rows: pd.DataFrame, filters: Filters, granularity: str, *, relative: bool, key: str) -> None:
    """p95 latency, models by time. Relative: against the model's own median, so that an incident stands out and a
    model that is always slow does not. A click filters by the model."""
    busiest = rows.groupby("dimension")["requests"].sum().nlargest(MOST_ROWS).index
    cells = rows[rows["dimension"].isin(busiest)].dropna(subset=["p95_latency"])
    buckets = timeline.buckets(filters, granularity)
    buckets["label"] = buckets["t"].dt.strftime(_LABEL[granularity])
    cells = cells.merge(buckets, on="bucket_utc").sort_values("bucket_utc")
    median = cells.groupby("dimension")["p95_latency"].transform("median")
    order = cells.groupby("dimension")["p95_latency"].median().sort_values(ascending=False, kind="stable").index
    short = fmt.short_names(order, 24)
    cells = cells.assign(
        row=cells["dimension"].map(short),
        ratio=(cells["p95_latency"] / median.where(median > 0)),
        text=cells["p95_latency"].map(fmt.seconds),
        trust=(cells["requests"] / TRUSTED).clip(0.2, 1),
    )
    wanted = ["row", "label", "when", "ratio", "p95_latency", "text", "trust", "requests"]
    names, labels = (short[name] for name in order), dict.fromkeys(buckets["label"])
    spec = _latency_spec(tuple(names), tuple(labels), relative, theme())
    click = clicks.filtering("model", {name: short[name] for name in order})
    parts.show(spec, key, "p95 latency: models by time", click, cells=cells[wanted])


def week(activity: pd.DataFrame, *, key: str) -> None:
    """Requests by weekday (1 is Monday) and hour, by the clock of the chosen zone; an hour without any is 0."""
    sums = activity.assign(day=activity["weekday"] - 1).set_index(["day", "hour"])["requests"]
    full = sums.reindex(pd.MultiIndex.from_product([range(7), range(24)], names=["day", "hour"]), fill_value=0)
    frame = full.reset_index()
    frame["row"] = frame["day"].map(dict(enumerate(DAYS)))
    frame["label"] = frame["hour"].map("{:02d}".format)
    frame["when"] = frame["row"] + " " + frame["label"] + ":00"
    parts.show(_week_spec(theme()), key, "Requests by weekday and hour", cells=frame)


def failures(cells: pd.DataFrame, ranked: Sequence[str], *, key: str, act: Callable[[tuple[str, str]], None]) -> None:
    """Failed calls, errors by models: the `MOST_ROWS` most frequent of each. `ranked` are the errors, most first; `act`
    is told error and model of a cell that is clicked."""
    models = cells.groupby("model_name")["failed_requests"].sum().nlargest(MOST_ROWS).index
    errors = [error for error in ranked if error in set(cells["error"])][:MOST_ROWS]
    held = cells[cells["model_name"].isin(models) & cells["error"].isin(errors)]
    rows, columns = fmt.short_names(errors, 26), fmt.short_names(models, 20)
    held = held.assign(row=held["error"].map(rows), label=held["model_name"].map(columns))
    held["cell"] = [str(place) for place in range(len(held))]
    pairs = zip(held["error"], held["model_name"], strict=True)
    click = clicks.Click(dict(zip(held["cell"], pairs, strict=True)), act)
    spec = _failures_spec(tuple(rows.values()), tuple(columns.values()), theme())
    parts.show(spec, key, "Failed calls: errors by models", click, cells=held)


@lru_cache(maxsize=64)
def _latency_spec(names: Sequence[str], labels: Sequence[str], relative: bool, look: Theme) -> parts.Spec:
    tips = [
        alt.Tooltip("row:N", title="Model"),
        alt.Tooltip("when:N", title="Time"),
        alt.Tooltip("text:N", title="p95"),
        alt.Tooltip("ratio:Q", title="against its median", format=".2f"),
        alt.Tooltip("requests:Q", title="Requests", format=","),
    ]
    field, scale, title, values = "p95_latency:Q", alt.Scale(type="log", scheme=look.ramp), "p95 latency, seconds", None
    if relative:
        diverging = [look.cool, look.calm, look.warm]
        scale = alt.Scale(type="log", domain=[0.4, 1, 2.5], range=diverging, clamp=True, interpolate="rgb")
        field, title, values = (
            "ratio:Q",
            "p95 against the model's own median",
            [0.5, 1, 2],
        )
    colour = alt.Color(field, scale=scale, legend=_gradient(title, values))
    opacity = alt.Opacity("trust:Q", scale=None, legend=None)
    return _grid(names, labels, colour, tips, 22 * len(names), look, opacity, clicked="row")


@lru_cache(maxsize=64)
def _failures_spec(names: Sequence[str], models: Sequence[str], look: Theme) -> parts.Spec:
    tips = [
        alt.Tooltip("error:N", title="Error"),
        alt.Tooltip("model_name:N", title="Model"),
        alt.Tooltip("failed_requests:Q", title="Failed", format=","),
    ]
    scale = alt.Scale(type="symlog", range=[look.calm, look.bad], zero=True, interpolate="rgb")
    colour = alt.Color("failed_requests:Q", scale=scale, legend=_gradient("Failed calls", None, 150))
    return _grid(names, models, colour, tips, 24 * len(names), look, angle=-60, clicked="cell")


@lru_cache(maxsize=4)
def _week_spec(look: Theme) -> parts.Spec:
    tips = [alt.Tooltip("when:N", title="Hour"), alt.Tooltip("requests:Q", title="Requests", format=",")]
    scale = alt.Scale(range=[look.calm, look.series[0]], zero=True)
    colour = alt.Color("requests:Q", scale=scale, legend=_gradient("Requests", None))
    return _grid(DAYS, [f"{hour:02d}" for hour in range(24)], colour, tips, 182, look)


def _gradient(title: str, values: list[float] | None, length: int = 200) -> alt.Legend:
    return alt.Legend(
        orient="top",
        direction="horizontal",
        gradientLength=length,
        gradientThickness=8,
        title=title,
        titleFontSize=11,
        titleLimit=400,
        format="~g" if values else "~s",
        values=values or alt.Undefined,
        tickCount=4,
    )


def _grid(
    rows: Sequence[str],
    columns: Sequence[str],
    colour: alt.Color,
    tips: list[alt.Tooltip],
    height: int,
    look: Theme,
    opacity: alt.Opacity | None = None,
    angle: int = 0,
    clicked: str = "",
) -> parts.Spec:
    overlap: Literal["greedy", False] = False if angle else "greedy"
    across = alt.Axis(labelAngle=angle, labelOverlap=overlap, labelFlush=False, ticks=False, domain=False)
    down = alt.Axis(ticks=False, domain=False, labelLimit=180, labelOverlap=False, labelFlush=False)
    cells = parts.rows("cells").mark_rect(
        cornerRadius=2, stroke=look.background, strokeWidth=1.2, cursor="pointer" if clicked else "default"
    )
    cells = cells.encode(
        x=alt.X("label:O", scale=alt.Scale(domain=list(columns)), title=None, axis=across),
        y=alt.Y("row:N", scale=alt.Scale(domain=list(rows)), title=None, axis=down),
        color=colour,
        tooltip=tips,
        opacity=opacity or alt.Undefined,
    )
    if clicked:
        cells = cells.add_params(clicks.parameter(clicked))
    return parts.framed([parts.named(cells, "cells")], height, look)
