"""Horizontal bars: who or what takes the largest share."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts, stacked
from metrics.dashboard.charts.theme import Theme, theme

MOST = 10


def draw(rows: pd.DataFrame, *, column: str, measure: str, key: str, height: int = 320) -> None:
    """The `MOST` largest values of `column` by `measure`, each with its number and its share of all."""
    totals = rows.groupby(column)[measure].sum(min_count=1).dropna().sort_values(ascending=False, kind="stable")
    whole = totals.sum()
    top = totals.head(MOST)
    text = stacked.TEXT.get(measure, fmt.count)
    short = fmt.short_names(top.index, 22)
    frame = pd.DataFrame({"name": [short[name] or "(none)" for name in top.index], "value": top.to_numpy()})
    frame["share"] = frame["value"] / whole if whole else 0.0
    pairs = zip(frame["value"], frame["share"], strict=True)
    frame["text"] = [f"{text(value)} · {share:.0%}" for value, share in pairs]
    frame["full"] = top.index
    parts.show(_spec(tuple(frame["name"]), height, theme()), key, f"Largest shares by {column}", bars=frame)


@lru_cache(maxsize=128)
def _spec(names: tuple[str, ...], height: int, look: Theme) -> parts.Spec:
    axis = alt.Axis(ticks=False, domain=False, labelLimit=150, labelOverlap=False, labelPadding=6)
    y = alt.Y("name:N", sort=list(names), title=None, axis=axis, scale=alt.Scale(paddingInner=0.35))
    x = alt.X("value:Q", title=None, axis=None, scale=alt.Scale(zero=True))
    tips = [alt.Tooltip("full:N", title="Name"), alt.Tooltip("text:N", title="Amount")]
    base = parts.rows("bars")
    bars = base.mark_bar(color=look.series[0], cornerRadiusEnd=3).encode(x=x, y=y, tooltip=tips)
    labels = base.mark_text(align="left", dx=5, fontSize=11, color=look.ink).encode(x=x, y=y, text="text:N")
    layers = [parts.named(bars, "bars"), parts.named(labels, "labels")]
    return parts.framed(layers, min(height, 30 * len(names) + 30), look, right=92)
