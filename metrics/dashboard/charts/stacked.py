"""Stacked bars over time: one colour a series, the tooltip tells the whole column.

A click on a bar or in the legend does what the page says; where it says nothing, the legend isolates a series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

import altair as alt
import pandas as pd

from metrics.dashboard import clicks, timeline
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, colours, theme
from metrics.dashboard.filters import Filters

TEXT: dict[str, Callable[[float | None], str]] = {"total_cost": fmt.dollars, "share": fmt.percent}
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
    marks: pd.DataFrame | None = None,
    act: Callable[[str], None] | None = None,
    earlier: pd.DataFrame | None = None,
) -> None:
    """Bars of `measure` for the `most` largest values of `column` and "Other", named in at most `width` characters.

    `ranked` holds the values of the column by rank over all time: it decides place and colour. `marks` (bucket_utc,
    text) are buckets to point at, with what their tooltip says. `act` is told the series that is clicked.
    `earlier` are the rows of the period that the view is compared with: a dashed line of its sums.
    """
    folded = timeline.fold(rows, column, measure, most)
    order = timeline.order(folded, ranked)
    pieces, columns = timeline.stack(folded, timeline.buckets(filters), measure, order)
    short = fmt.short_names(order, width)
    text = TEXT.get(measure, fmt.exact)
    ghost = filters.ago() if earlier is not None and len(earlier) and filters.overlays() else ""
    if earlier is not None and ghost:
        columns["earlier"] = timeline.earlier(earlier, measure, filters).to_numpy()
        columns["earlier_text"] = columns["earlier"].map(text)
        columns["middle"] = columns["t"] + (columns["t1"] - columns["t"]) / 2
    for name in ["total", *(f"c{place}" for place in range(len(order)))]:
        columns[name] = columns[name].map(text)
    look = theme()
    names = tuple(short[name] for name in order)
    click = clicks.Click({short[name]: name for name in order if name != timeline.OTHER}, act) if act else None
    labels = _labels(measure)
    palette = colours(order, ranked, look)
    spec = _spec(names, palette, filters.granularity, labels, height, click is not None, ghost, look)
    pieces = pieces.assign(series=pieces["series"].map(short))
    parts.show(spec, key, alternative, click, pieces=pieces, columns=columns, marks=_marked(pieces, columns, marks))


def _labels(measure: str) -> str:
    if measure == "share":
        return "format(datum.value, '.0%')"
    return parts.DOLLARS if measure == "total_cost" else parts.COUNT


def _marked(pieces: pd.DataFrame, columns: pd.DataFrame, marks: pd.DataFrame | None) -> pd.DataFrame:
    """The middle and the top of each bucket to point at."""
    if marks is None or marks.empty:
        return pd.DataFrame({"middle": pd.Series(dtype="datetime64[ns, UTC]"), "top": [], "text": []})
    tops = pieces.groupby("bucket_utc")["y1"].max().rename("top")
    found = marks.merge(columns[["bucket_utc", "t", "t1"]], on="bucket_utc").merge(tops, on="bucket_utc")
    return found.assign(middle=found["t"] + (found["t1"] - found["t"]) / 2)[["middle", "top", "text"]]


@lru_cache(maxsize=256)
def _spec(
    names: tuple[str, ...],
    palette: tuple[str, ...],
    granularity: str,
    labels: str,
    height: int,
    clickable: bool,
    ghost: str,
    look: Theme,
) -> parts.Spec:
    pick = clicks.parameter("series", legend=True) if clickable else parts.isolating("series")
    pointer = parts.hover(nearest=False)
    tips = [alt.Tooltip("when:N", title="Time"), alt.Tooltip("total:N", title="Total")]
    tips += [alt.Tooltip(f"c{place}:N", title=name) for place, name in reversed(list(enumerate(names)))]
    told = ["when", "total", *(f"c{place}" for place in range(len(names)))]
    if ghost:
        tips.insert(2, alt.Tooltip("earlier_text:N", title=ghost.capitalize()))
        told.append("earlier_text")
        names, palette = (*names, _dashed(ghost)), (*palette, look.ink)
    widest = 30 + 7 * max((len(name) for name in names), default=10)
    legend = alt.Legend(columns=alt.ExprRef(f"max(1, floor(width / {widest}))"))
    scale = alt.Scale(domain=list(names), range=list(palette))
    cursor: Literal["pointer", "default"] = "pointer" if clickable else "default"
    bars = parts.rows("pieces").mark_bar(orient="vertical", stroke=look.background, strokeWidth=0.6, cursor=cursor)
    bars = bars.transform_lookup("place", from_=alt.LookupData(alt.NamedData(name="columns"), "place", told))
    seen = alt.when(~pick).then(alt.value(0.12)).when("datum.partial").then(alt.value(parts.PALE))
    bars = bars.encode(
        x=parts.time_axis(granularity),
        x2="t1:T",
        y=parts.value_axis("y0:Q", labels),
        y2="y1:Q",
        color=alt.Color("series:N", scale=scale, legend=legend),
        opacity=seen.otherwise(alt.value(1)),
        tooltip=tips,
    )
    marks = parts.rows("marks").mark_point(shape="triangle-down", filled=True, size=90, color=look.bad, yOffset=-9)
    marks = marks.encode(
        x=alt.X("middle:T", title=None), y=alt.Y("top:Q", title=None), tooltip=[alt.Tooltip("text:N", title="Spike")]
    )
    columns = _columns(granularity, pointer, tips, look)
    layers = [columns, parts.named(bars.add_params(pick), "bars"), parts.named(marks, "marks")]
    if ghost:
        layers.append(_ghost(ghost, labels))
    return parts.framed(layers, height, look)


def _dashed(name: str) -> str:
    """What the legend, whose signs are round, says of a dashed line."""
    return f"{name} (dashed)"


def _ghost(name: str, labels: str) -> alt.Chart:
    """The earlier period: thin, grey and dashed, above the bars, and no obstacle for the pointer."""
    line = parts.rows("columns").mark_line(strokeDash=[4, 3], strokeWidth=1.6, interpolate="monotone")
    line = line.encode(
        x=alt.X("middle:T", title=None), y=parts.value_axis("earlier:Q", labels), color=alt.datum(_dashed(name))
    )
    return parts.named(line, "ghost")


def _columns(granularity: str, pointer: alt.Parameter, tips: list[alt.Tooltip], look: Theme) -> alt.Chart:
    """An all but invisible bar over the whole height of each bucket, which catches the pointer beside the bars."""
    bar = parts.rows("columns").mark_bar(orient="vertical", color=look.ink)
    shown = alt.when(pointer).then(alt.value(0.14)).otherwise(alt.value(0.001))
    bar = bar.encode(
        x=parts.time_axis(granularity), x2="t1:T", y=alt.value(0), y2=alt.value("height"), opacity=shown, tooltip=tips
    )
    return parts.named(bar.add_params(pointer), "columns")
