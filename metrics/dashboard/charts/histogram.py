"""A histogram of seconds over a logarithmic axis, with percentiles marked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

SHORTEST = 0.001
"""Seconds at which the axis begins at the latest: a logarithm has no 0, so what is faster is drawn here."""


def draw(bins: pd.DataFrame, percentiles: Mapping[str, float], *, key: str) -> None:
    """`bins`: from_seconds, to_seconds, requests, share, cumulative_share. `percentiles`: name -> seconds."""
    drawn = bins[bins["to_seconds"] > SHORTEST].assign(start=bins["from_seconds"].clip(lower=SHORTEST))
    if fast := bins["requests"].sum() - drawn["requests"].sum():
        first = {"start": SHORTEST, "from_seconds": 0.0, "to_seconds": SHORTEST * 2**0.2, "requests": fast}
        drawn = pd.concat([pd.DataFrame([first]), drawn], ignore_index=True)
    ends = zip(drawn["from_seconds"], drawn["to_seconds"], strict=True)
    drawn = drawn.assign(
        between=[f"{fmt.seconds(low)} to {fmt.seconds(high)}" for low, high in ends],
        share=(drawn["requests"] / bins["requests"].sum()).map(fmt.percent),
        until=(drawn["requests"].cumsum() / bins["requests"].sum()).map(fmt.percent),
    )
    drawn["zero"] = 0
    wanted = ["start", "to_seconds", "zero", "requests", "between", "share", "until"]
    known = {name: max(value, SHORTEST) for name, value in percentiles.items() if fmt.known(value)}
    marks = pd.DataFrame(
        {"seconds": known.values(), "text": [f"{name} {fmt.seconds(percentiles[name])}" for name in known]}
    ).assign(before=[name == "p50" for name in known], roof=ROOM * drawn["requests"].max())
    parts.show(_spec(theme()), key, "Successful calls by their latency", bins=drawn[wanted], marks=marks)


TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 3600)

ROOM = 1.15
"""The names of the percentiles stand so many times as high as the highest bar."""


@lru_cache(maxsize=4)
def _spec(look: Theme) -> parts.Spec:
    scale = alt.Scale(type="log", nice=False, padding=6)
    axis = alt.Axis(
        values=list(TICKS),
        grid=False,
        labelOverlap="greedy",
        labelExpr=parts.SECONDS,
        domainOpacity=0.4,
        tickOpacity=0.4,
    )
    tips = [
        alt.Tooltip("between:N", title="Latency"),
        alt.Tooltip("requests:Q", title="Calls", format=","),
        alt.Tooltip("share:N", title="Share"),
        alt.Tooltip("until:N", title="With all faster"),
    ]
    bars = parts.rows("bins").mark_bar(orient="vertical", color=look.series[0], stroke=look.background, strokeWidth=0.6)
    bars = bars.encode(
        x=alt.X("start:Q", title=None, scale=scale, axis=axis),
        x2="to_seconds:Q",
        y=parts.value_axis("requests:Q", parts.COUNT),
        y2="zero:Q",
        opacity=alt.value(0.8),
        tooltip=tips,
    )
    place = alt.X("seconds:Q", title=None, scale=scale, axis=axis)
    rule = parts.rows("marks").mark_rule(color=look.text, strokeDash=[4, 3], strokeWidth=1.2).encode(x=place)
    # The median's name stands before its line, the others' behind theirs: so they do not meet.
    side, away = alt.ExprRef("datum.before ? 'right' : 'left'"), alt.ExprRef("datum.before ? -5 : 5")
    names = parts.rows("marks").mark_text(align=side, dx=away, dy=6, fontSize=11, fontWeight=600, color=look.text)
    names = names.encode(x=place, y=alt.Y("roof:Q", title=None), text="text:N")
    layers = [parts.named(bars, "bars"), parts.named(rule, "marks"), parts.named(names, "names")]
    return parts.framed(layers, 190, look, right=60)
