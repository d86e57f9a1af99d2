"""Stacked bars over time: one colour a series, the tooltip tells the whole column, a click on the legend isolates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard import timeline
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, colours, theme
from metrics.dashboard.filters import Filters

TEXT: dict[str, Callable[[float | None], str]] = {"total_cost": fmt.dollars}
"""How a measure is written in a tooltip; counts unless named here."""


def draw(
    rows: pd.DataFrame,
    filters: Filters,
    *,
    key: str,
    column: str,
    measure: str,
    ranked: Sequence[str],
    alternative: str,
    most: int = 8,
    width: int = 26,
    height: int = 240,
) -> None:
    """Bars of `measure` for the `most` largest values of `column` and "Other", named in at most `width` characters.

    `ranked` holds the values of the column by rank over all time: it decides place and colour.
    """
    folded = timeline.fold(rows, column, measure, most)
    order = timeline.order(folded, ranked)
    pieces, columns = timeline.stack(folded, timeline.buckets(filters), measure, order)
    short = fmt.short_names(order, width)
    text = TEXT.get(measure, fmt.exact)
    for name in ["total", *(f"c{place}" for place in range(len(order)))]:
        columns[name] = columns[name].map(text)
    look = theme()
    names = tuple(short[name] for name in order)
    spec = _spec(names, colours(order, ranked, look), filters.granularity, measure == "total_cost", height, look)
    parts.show(spec, key, alternative, pieces=pieces.assign(series=pieces["series"].map(short)), columns=columns)


@lru_cache(maxsize=256)
def _spec(
    names: tuple[str, ...], palette: tuple[str, ...], granularity: str, money: bool, height: int, look: Theme
) -> parts.Spec:
    labels = parts.DOLLARS if money else parts.COUNT
    pick = alt.selection_point(name="pick", fields=["series"], bind="legend")
    widest = 30 + 7 * max((len(name) for name in names), default=10)
    legend = alt.Legend(columns=alt.ExprRef(f"max(1, floor(width / {widest}))"))
    scale = alt.Scale(domain=list(names), range=list(palette))
    bars = parts.rows("pieces").mark_bar(orient="vertical", stroke=look.background, strokeWidth=0.6)
    seen = alt.when(~pick).then(alt.value(0.12)).when("datum.partial").then(alt.value(0.45)).otherwise(alt.value(1))
    bars = bars.encode(
        x=parts.time_axis(granularity),
        x2="t1:T",
        y=parts.value_axis("y0:Q", labels),
        y2="y1:Q",
        color=alt.Color("series:N", scale=scale, legend=legend),
        opacity=seen,
    )
    layers = [parts.named(bars.add_params(pick), "bars"), _columns(names, granularity, look)]
    return parts.framed(layers, height, look)


def _columns(names: tuple[str, ...], granularity: str, look: Theme) -> alt.Chart:
    """An all but invisible bar over the whole height of each bucket, which catches the pointer."""
    pointer = parts.hover(nearest=False)
    tips = [alt.Tooltip("when:N", title="Time"), alt.Tooltip("total:N", title="Total")]
    tips += [alt.Tooltip(f"c{place}:N", title=name) for place, name in reversed(list(enumerate(names)))]
    bar = parts.rows("columns").mark_bar(orient="vertical", color=look.ink)
    shown = alt.when(pointer).then(alt.value(0.14)).otherwise(alt.value(0.001))
    bar = bar.encode(
        x=parts.time_axis(granularity), x2="t1:T", y=alt.value(0), y2=alt.value("height"), opacity=shown, tooltip=tips
    )
    return parts.named(bar.add_params(pointer), "columns")
