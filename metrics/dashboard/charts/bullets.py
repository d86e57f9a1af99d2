"""Bullet bars: what is spent of each budget, where the month leads, and the line at which a budget is spent."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

WARN = (0.8, 0.95, 1.0)
"""Shares of a budget from which on it is said to be near its end, almost spent, and spent."""

FURTHEST = 2.0
"""A pace beyond this many times the budget is drawn here; its text tells the number."""


def draw(budgets: pd.DataFrame, *, key: str) -> None:
    """`budgets`: name, used and pace as shares of the budget (pace is missing without a forecast), text, note."""
    short = fmt.short_names(budgets["name"], 26)
    rows = budgets.assign(
        row=budgets["name"].map(short),
        bar=budgets["used"].clip(upper=FURTHEST),
        tick=budgets["pace"].clip(upper=FURTHEST),
        state=[state(used, pace) for used, pace in zip(budgets["used"], budgets["pace"], strict=True)],
    )
    parts.show(_spec(tuple(rows["row"]), theme()), key, "Share of each budget that is spent, and its pace", rows=rows)


def state(used: float, pace: float) -> str:
    """fine, near or over: by what is spent, or by where the month leads."""
    if used >= WARN[2]:
        return "over"
    return "near" if used >= WARN[0] or (fmt.known(pace) and pace >= WARN[2]) else "fine"


@lru_cache(maxsize=32)
def _spec(names: tuple[str, ...], look: Theme) -> parts.Spec:
    y = alt.Y("row:N", sort=list(names), title=None, axis=None, scale=alt.Scale(paddingInner=0.55, paddingOuter=0.5))
    axis = alt.Axis(format="%", tickCount=4, domain=False, ticks=False, gridOpacity=0.55)
    x = alt.X("bar:Q", title=None, axis=axis, scale=alt.Scale(domainMin=0, nice=False))
    tone = alt.Scale(domain=["fine", "near", "over"], range=[look.series[0], look.series[1], look.bad])
    tips = [alt.Tooltip("name:N", title="Budget"), alt.Tooltip("text:N", title="Spent")]
    tips += [alt.Tooltip("note:N", title="Pace")]
    base = parts.rows("rows").encode(y=y, tooltip=tips)
    layers = [
        base.mark_bar(height=10, cornerRadius=2).encode(x=x, color=alt.Color("state:N", scale=tone, legend=None)),
        base.mark_tick(color=look.text, thickness=2.5, size=20).encode(x=alt.X("tick:Q", title=None)),
        parts.rows("rows").mark_rule(color=look.ink, strokeDash=[3, 3]).encode(x=alt.X(datum=1, type="quantitative")),
        base.mark_text(align="left", dy=-17, fontSize=11, color=look.text).encode(x=alt.value(0), text="row:N"),
        base.mark_text(align="right", dx=-5, dy=-17, fontSize=11, color=look.text).encode(
            x=alt.value("width"), text="text:N"
        ),
    ]
    named = [parts.named(layer, f"layer{place}") for place, layer in enumerate(layers)]
    return parts.framed(named, 42 * len(names), look)
