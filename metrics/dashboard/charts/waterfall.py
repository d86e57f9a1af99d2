"""Waterfalls: what led from one amount to another, one floating bar a cause."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import clicks
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

WHOLE = "whole"
"""The kind of a bar that stands on zero: the amount before and the amount now."""


def draw(
    before: float, causes: pd.DataFrame, *, names: tuple[str, str], key: str, alternative: str, dimension: str
) -> None:
    """From `before` over the `causes` (name, value, change, note) to the amount now, from the top down.

    `names` are those of the two whole amounts; a note is told when the pointer stands on its bar. A click on a cause
    filters by its value of `dimension`; one that stands for several has none.
    """
    until = before + causes["change"].cumsum()
    now = float(until.iloc[-1]) if len(until) else before
    steps = pd.DataFrame(
        {
            "full": causes["name"],
            "low": until - causes["change"],
            "high": until,
            "kind": ["more" if change > 0 else "less" for change in causes["change"]],
            "text": [fmt.signed_dollars(change) for change in causes["change"]],
            "note": causes["note"],
        }
    )
    ends = [_whole(names[0], before), _whole(names[1], now)]
    bars = pd.concat([pd.DataFrame(ends[:1]), steps, pd.DataFrame(ends[1:])], ignore_index=True)
    short = fmt.short_names(bars["full"], 22)
    bars["row"] = bars["full"].map(short)
    values = dict(zip(causes["name"], causes["value"], strict=True))
    click = clicks.Click({name: value for name, value in values.items() if value is not None},
                         clicks.filter_by(dimension))  # fmt: skip
    parts.show(_spec(tuple(bars["row"]), theme()), key, alternative, click, bars=bars)


def _whole(name: str, amount: float) -> dict[str, object]:
    return {"full": name, "low": 0.0, "high": amount, "kind": WHOLE, "text": fmt.dollars(amount), "note": ""}


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], look: Theme) -> parts.Spec:
    down = alt.Axis(ticks=False, domain=False, labelLimit=150, labelOverlap=False, labelPadding=6)
    y = alt.Y("row:N", sort=list(names), title=None, axis=down, scale=alt.Scale(paddingInner=0.3))
    across = alt.Axis(tickCount=4, domain=False, ticks=False, gridOpacity=0.55, labelExpr=parts.DOLLARS)
    tips = [
        alt.Tooltip("full:N", title="What"),
        alt.Tooltip("text:N", title="Amount"),
        alt.Tooltip("note:N", title="Made of"),
    ]
    colour = alt.Scale(domain=[WHOLE, "more", "less"], range=[look.other, look.warm, look.cool])
    bars = parts.rows("bars").mark_bar(cornerRadius=2, cursor="pointer")
    bars = bars.encode(
        y=y,
        x=alt.X("low:Q", title=None, axis=across),
        x2="high:Q",
        color=alt.Color("kind:N", scale=colour, legend=None),
        tooltip=tips,
    )
    amounts = parts.rows("bars").mark_text(align="left", dx=6, fontSize=11, color=look.text)
    amounts = amounts.encode(y=y, x=alt.value("width"), text="text:N")
    layers = [parts.named(bars.add_params(clicks.parameter("full")), "bars"), parts.named(amounts, "amounts")]
    return parts.framed(layers, 27 * len(names), look, right=82)
