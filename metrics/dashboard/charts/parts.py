"""What all charts share: axes, the frame, the crosshair, and the drawing of a finished spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from metrics.dashboard import clicks, zoom
from metrics.dashboard.charts.theme import Theme
from metrics.dashboard.clicks import Click

Spec = dict[str, Any]

PALE = 0.45
"""How strong a bucket is drawn that is not over."""

SECONDS = (
    "datum.value == 0 ? '0' : datum.value < 1 ? format(datum.value * 1000, ',.0f') + ' ms' "
    ": datum.value < 1200 ? format(datum.value, '~g') + ' s' : format(datum.value / 60, '.0f') + ' min'"
)
DOLLARS = "'$' + (datum.value < 1000 ? format(datum.value, ',~g') : replace(format(datum.value, '~s'), 'G', 'B'))"
LOG_SECONDS = [*(step * 10**power for power in range(-3, 3) for step in (1, 2, 5)), 1200, 3600]
"""The ticks of a logarithmic axis of seconds; Vega's own would have 7 and 9 and no 10."""
COUNT = "datum.value < 10000 ? format(datum.value, ',~f') : replace(format(datum.value, '~s'), 'G', 'B')"

_TIMES = {
    "minute": "utcFormat(datum.value, '%H:%M')",
    "hour": "utcFormat(datum.value, utchours(datum.value) == 0 ? '%b %d' : '%H:%M')",
    "day": "utcFormat(datum.value, utcmonth(datum.value) == 0 && utcdate(datum.value) == 1 ? '%Y' : '%b %d')",
    "month": "utcFormat(datum.value, utcmonth(datum.value) == 0 ? '%Y' : '%b')",
}


def rows(name: str) -> alt.Chart:
    """A layer over the dataset of that name."""
    return alt.Chart(alt.NamedData(name=name))


def time_axis(granularity: str) -> alt.X:
    """Wall time along the bottom (`t`, see timeline.py)."""
    axis = alt.Axis(
        grid=False,
        tickCount=8,
        labelOverlap="greedy",
        labelExpr=_TIMES.get(granularity, _TIMES["day"]),
        labelFlush=False,
        domainOpacity=0.4,
        tickOpacity=0.4,
    )
    return alt.X("t:T", title=None, scale=alt.Scale(type="utc"), axis=axis)


def value_axis(field: str, labels: str, scale: alt.Scale | None = None) -> alt.Y:
    """Numbers up the left; `labels` is a Vega expression."""
    axis = alt.Axis(
        tickCount=4,
        tickMinStep=1 if labels == COUNT else alt.Undefined,
        domain=False,
        ticks=False,
        gridOpacity=0.55,
        labelPadding=6,
        labelExpr=labels,
    )
    return alt.Y(field, title=None, axis=axis, scale=scale or alt.Undefined)


def whole(chart: alt.Chart) -> alt.Chart:
    """Only the buckets that are over: a line to one that is not would read as a fall or a rise."""
    kept: alt.Chart = chart.transform_filter("!datum.partial")
    return kept


def points(pointer: alt.Parameter, told: str = "false") -> Any:
    """How strong the point of a bucket is: in full under the pointer, between two gaps, or where `told` (a Vega
    expression) holds; pale where the bucket is not over; else it is not seen, for the line is."""
    strong = alt.when(pointer).then(alt.value(1)).when("datum.partial").then(alt.value(PALE))
    return strong.when(f"datum.lone || {told}").then(alt.value(1)).otherwise(alt.value(0))


def hover(nearest: bool = True) -> alt.Parameter:
    """The bucket under the pointer."""
    return alt.selection_point(
        name="hover", fields=["t"], nearest=nearest, on="pointerover", clear="pointerout", empty=False
    )


def isolating(field: str) -> alt.Parameter:
    """A click on the legend dims all series but one."""
    return alt.selection_point(name="isolated", fields=[field], bind="legend")


def crosshair(name: str, granularity: str, tips: list[alt.Tooltip], pointer: alt.Parameter, look: Theme) -> alt.Chart:
    """A rule at the bucket under the pointer, whose tooltip holds every series."""
    rule = rows(name).mark_rule(color=look.ink)
    shown = alt.when(pointer).then(alt.value(0.6)).otherwise(alt.value(0))
    rule = rule.encode(x=time_axis(granularity), opacity=shown, tooltip=tips)
    return named(rule.add_params(pointer), "rule")


def named(chart: alt.Chart, name: str) -> alt.Chart:
    """A layer under a name of its own: see the package's docstring."""
    chart.name = name
    return chart


def framed(layers: Sequence[alt.Chart], height: int, look: Theme, right: int = 8) -> Spec:
    """The finished spec of these layers, without data.

    `height` is that of the plot alone: a legend of many lines on a phone must not take it away.
    """
    shape = alt.layer(*layers).properties(height=height, padding={"left": 4, "right": right, "top": 6, "bottom": 2})
    shape = shape.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    shape = shape.configure_view(strokeWidth=0)
    shape = shape.configure_axis(labelColor=look.ink, titleColor=look.ink, labelFontSize=11)
    spec: Spec = shape.configure_legend(
        orient="bottom",
        title=None,
        symbolType="circle",
        symbolSize=70,
        labelLimit=260,
        labelFontSize=11,
        columnPadding=12,
        rowPadding=4,
        offset=8,
    ).to_dict()
    return spec


def show(spec: Spec, key: str, alternative: str, click: Click | None = None, **datasets: pd.DataFrame) -> None:
    """Draw a spec with its rows; dragging over one with time along the bottom sets the range, and `click` is what a
    click means. `alternative` is what a screen reader says."""
    drawn = {**spec, "datasets": datasets}
    if brush := zoom.brush(spec):
        drawn["params"] = [*spec["params"], brush]
    watched = clicks.watched(key, drawn, click)
    st.vega_lite_chart(None, drawn, alt=alternative, width="stretch", **watched)
