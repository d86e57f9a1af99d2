"""Intervals: a rate of each name with the range in which it lies for sure enough; few calls have a wide one."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import clicks
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

MOST = 12


def draw(rates: pd.DataFrame, *, key: str, alternative: str, dimension: str) -> None:
    """The first `MOST` of these: name, rate, low, high (shares from 0 to 1), requests; a click filters by its name."""
    top = rates.head(MOST)
    short = fmt.short_names(top["name"], 22)
    rows = top.assign(
        row=top["name"].map(short),
        text=top["rate"].map(fmt.percent),
        between=top["low"].map(fmt.percent) + " to " + top["high"].map(fmt.percent),
    )
    wanted = ["row", "name", "rate", "low", "high", "requests", "text", "between"]
    click = clicks.filtering(dimension, {name: name for name in rows["name"]})
    parts.show(_spec(tuple(rows["row"]), theme()), key, alternative, click, rows=rows[wanted])


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], look: Theme) -> parts.Spec:
    down = alt.Axis(ticks=False, domain=False, labelLimit=150, labelOverlap=False, labelPadding=6)
    y = alt.Y("row:N", sort=list(names), title=None, axis=down)
    across = alt.Axis(format="~%", tickCount=4, domain=False, ticks=False, gridOpacity=0.55)
    x = alt.X("rate:Q", title=None, axis=across, scale=alt.Scale(zero=True))
    tips = [
        alt.Tooltip("name:N", title="Model"),
        alt.Tooltip("text:N", title="Error rate"),
        alt.Tooltip("between:N", title="95 % interval"),
        alt.Tooltip("requests:Q", title="Requests", format=","),
    ]
    base = parts.rows("rows").encode(y=y, tooltip=tips)
    layers = [
        base.mark_rule(color=look.ink, strokeWidth=1.5, opacity=0.7).encode(
            x=alt.X("low:Q", title=None, axis=across), x2="high:Q"
        ),
        base.mark_circle(color=look.bad, size=70, opacity=1, cursor="pointer")
        .encode(x=x)
        .add_params(clicks.parameter("name")),
        parts.rows("rows")
        .mark_text(align="left", dx=6, fontSize=11, color=look.text)
        .encode(y=y, x=alt.value("width"), text="text:N"),
    ]
    named = [parts.named(layer, f"layer{place}") for place, layer in enumerate(layers)]
    return parts.framed(named, 24 * len(names), look, right=62)
