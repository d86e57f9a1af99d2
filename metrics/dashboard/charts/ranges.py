"""Ranges: the middle and the slow end of each name's latencies, one row a name."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import clicks
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

MOST = 15


def draw(models: pd.DataFrame, *, key: str) -> None:
    """p50, p95 and p99 latency of the `MOST` slowest of these models (model_name, requests, p50_latency ...); a
    click filters."""
    slowest = models.dropna(subset=["p95_latency"]).sort_values("p95_latency", ascending=False).head(MOST)
    short = fmt.short_names(slowest["model_name"], 24)
    frame = slowest.assign(row=slowest["model_name"].map(short))
    for name in ("p50", "p95", "p99"):
        frame[f"{name}_text"] = frame[f"{name}_latency"].map(fmt.seconds)
    wanted = ["row", "model_name", "requests", *(f"{p}_{kind}" for p in ("p50", "p95", "p99") for kind in _KINDS)]
    click = clicks.filtering("model", {name: name for name in frame["model_name"]})
    parts.show(_spec(tuple(frame["row"]), theme()), key, "p50, p95 and p99 latency by model", click, rows=frame[wanted])


_KINDS = ("latency", "text")


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], look: Theme) -> parts.Spec:
    down = alt.Axis(ticks=False, domain=False, labelLimit=170, labelOverlap=False, labelPadding=6)
    y = alt.Y("row:N", sort=list(names), title=None, axis=down)
    across = alt.Axis(
        values=parts.LOG_SECONDS,
        labelOverlap="greedy",
        domain=False,
        ticks=False,
        gridOpacity=0.55,
        labelExpr=parts.SECONDS,
    )
    scale = alt.Scale(type="log", nice=False, padding=12)
    tips = [alt.Tooltip("model_name:N", title="Model")]
    tips += [alt.Tooltip(f"{name}_text:N", title=name) for name in ("p99", "p95", "p50")]
    tips += [alt.Tooltip("requests:Q", title="Requests", format=",")]
    base = parts.rows("rows").encode(y=y, tooltip=tips)
    p50 = alt.X("p50_latency:Q", title=None, axis=across, scale=scale)
    p95 = alt.X("p95_latency:Q", title=None, axis=across, scale=scale)
    p99 = alt.X("p99_latency:Q", title=None, axis=across, scale=scale)
    layers = [
        base.mark_rule(color=look.series[2], strokeWidth=1.5).encode(x=p95, x2="p99_latency:Q"),
        base.mark_bar(color=look.series[0], opacity=0.35, height=9, cursor="pointer")
        .encode(x=p50, x2="p95_latency:Q")
        .add_params(clicks.parameter("model_name")),
        base.mark_tick(color=look.series[0], thickness=2.5, size=13).encode(x=p50),
        base.mark_tick(color=look.series[1], thickness=2.5, size=13).encode(x=p95),
        base.mark_tick(color=look.series[2], thickness=2.5, size=13).encode(x=p99),
    ]
    named = [parts.named(layer, f"layer{place}") for place, layer in enumerate(layers)]
    return parts.framed(named, 24 * len(names), look)
