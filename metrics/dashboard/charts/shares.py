"""Horizontal bars: who or what takes the largest share."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import clicks
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts, stacked
from metrics.dashboard.charts.theme import Theme, theme

MOST = 10


def draw(rows: pd.DataFrame, *, column: str, measure: str, key: str, dimension: str) -> None:
    """The `MOST` largest values of `column` by `measure`, each with its number and share of all. A click filters."""
    totals = rows.groupby(column)[measure].sum(min_count=1).dropna().sort_values(ascending=False, kind="stable")
    whole = totals.sum()
    top = totals.head(MOST)
    text = stacked.TEXT.get(measure, fmt.count)
    short = fmt.short_names(top.index, 28)
    frame = pd.DataFrame({"name": [short[name] or "(none)" for name in top.index], "value": top.to_numpy()})
    frame["share"] = frame["value"] / whole if whole else 0.0
    pairs = zip(frame["value"], frame["share"], strict=True)
    frame["text"] = [f"{text(value)} · {share:.0%}" for value, share in pairs]
    frame["full"] = top.index
    click = clicks.filtering(dimension, {name: name for name in top.index})
    parts.show(_spec(tuple(frame["name"]), theme()), key, f"Largest shares by {column}", click, bars=frame)


@lru_cache(maxsize=128)
def _spec(names: tuple[str, ...], look: Theme) -> parts.Spec:
    y = alt.Y("name:N", sort=list(names), title=None, axis=None, scale=alt.Scale(paddingInner=0.25))
    x = alt.X("value:Q", title=None, axis=None, scale=alt.Scale(zero=True, nice=False))
    tips = [alt.Tooltip("full:N", title="Name"), alt.Tooltip("text:N", title="Amount")]
    base = parts.rows("bars").encode(y=y, tooltip=tips)
    bars = base.mark_bar(color=look.series[0], opacity=0.25, cornerRadius=3, cursor="pointer").encode(x=x)
    left = base.mark_text(align="left", dx=8, fontSize=11, color=look.text).encode(x=alt.value(0), text="name:N")
    right = base.mark_text(align="right", dx=-4, fontSize=11, color=look.text).encode(
        x=alt.value("width"), text="text:N"
    )
    layers = [
        parts.named(bars.add_params(clicks.parameter("full")), "bars"),
        parts.named(left, "names"),
        parts.named(right, "amounts"),
    ]
    return parts.framed(layers, 27 * len(names), look)
