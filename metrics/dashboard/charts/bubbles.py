"""Bubbles: models by what a call costs and how long it takes; the size is their calls, the colour their success."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.dashboard import clicks
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

APART = (0.55, 0.09)
"""Shares of the width and the height by which names stay apart: where calls are fewer, the pointer tells the name."""

LOW_SUCCESS = 0.95
"""Below this success rate a triangle stands in the bubble, for eyes that do not tell its colour."""

LEAST_SUCCESS = 0.9
"""The success rate from which on down a bubble has the colour of failure."""


def draw(models: pd.DataFrame, *, key: str) -> None:
    """`models`: model_name, cost_per_1000_requests and p95_latency (both above 0), requests, success_rate.

    A click filters by a model.
    """
    placed = models.sort_values("requests", ascending=False)
    short = fmt.short_names(placed["model_name"], 22)
    bubbles = placed.assign(
        label=[short[name] if free else "" for name, free in zip(placed["model_name"], _free(placed), strict=True)],
        cost=placed["cost_per_1000_requests"].map(fmt.dollars),
        p95=placed["p95_latency"].map(fmt.seconds),
        success=placed["success_rate"].map(fmt.percent),
    )
    wanted = ["model_name", "cost_per_1000_requests", "p95_latency", "requests", "success_rate", "label", "cost", "p95"]
    click = clicks.filtering("model", {name: name for name in bubbles["model_name"]})
    said = "Models by cost per 1,000 requests and p95 latency"
    parts.show(_spec(theme()), key, said, click, bubbles=bubbles[[*wanted, "success"]])


def _free(placed: pd.DataFrame) -> list[bool]:
    """Which names have room beside those of the models with more calls."""
    logs = np.log10(placed[["cost_per_1000_requests", "p95_latency"]].to_numpy(dtype=float))
    points = (logs - logs.min(axis=0)) / np.maximum(np.ptp(logs, axis=0), 0.1)
    taken: list[npt.NDArray[np.float64]] = []
    free = []
    for point in points:
        free.append(all((np.abs(point - other) > APART).any() for other in taken))
        if free[-1]:
            taken.append(point)
    return free


@lru_cache(maxsize=4)
def _spec(look: Theme) -> parts.Spec:
    log = alt.Scale(type="log", nice=False, padding=26)
    wide = alt.Scale(type="log", nice=False, padding=66)  # half a name stands beside a bubble at the edge
    across = alt.Axis(
        values=[10.0**power for power in range(-4, 6)],
        grid=False,
        labelExpr=parts.DOLLARS,
        labelOverlap="greedy",
        domainOpacity=0.4,
        tickOpacity=0.4,
    )
    down = alt.Axis(
        values=parts.LOG_SECONDS,
        labelExpr=parts.SECONDS,
        labelOverlap="greedy",
        domain=False,
        ticks=False,
        gridOpacity=0.55,
    )
    x = alt.X("cost_per_1000_requests:Q", title="Cost per 1,000 requests", scale=wide, axis=across)
    y = alt.Y("p95_latency:Q", title="p95 latency", scale=log, axis=down)
    worst = alt.Scale(domain=[LEAST_SUCCESS, 1], range=[look.bad, look.series[0]], clamp=True, interpolate="rgb")
    legend = alt.Legend(
        orient="top", title="Success rate", direction="horizontal", gradientLength=140, gradientThickness=8,
        format=".0%", values=[LEAST_SUCCESS, 0.95, 1],
    )  # fmt: skip
    circles = parts.rows("bubbles").mark_circle(opacity=0.75, stroke=look.background, strokeWidth=1, cursor="pointer")
    circles = circles.encode(
        x=x,
        y=y,
        size=alt.Size("requests:Q", scale=alt.Scale(type="sqrt", range=[60, 1200]), legend=None),
        color=alt.Color("success_rate:Q", scale=worst, legend=legend),
        tooltip=[
            alt.Tooltip("model_name:N", title="Model"),
            alt.Tooltip("cost:N", title="Cost / 1k requests"),
            alt.Tooltip("p95:N", title="p95 latency"),
            alt.Tooltip("success:N", title="Success"),
            alt.Tooltip("requests:Q", title="Requests", format=","),
        ],
    )
    names = parts.rows("bubbles").mark_text(dy=-20, fontSize=11, color=look.text).encode(x=x, y=y, text="label:N")
    circles = circles.add_params(clicks.parameter("model_name"))
    failing = parts.rows("bubbles").transform_filter(alt.datum.success_rate < LOW_SUCCESS)
    failing = failing.mark_point(shape="triangle-down", filled=True, size=26, color=look.background, opacity=1)
    layers = [circles, failing.encode(x=x, y=y), names]
    called = [parts.named(layer, name) for layer, name in zip(layers, ("bubbles", "failing", "names"), strict=True)]
    return parts.framed(called, 300, look)
