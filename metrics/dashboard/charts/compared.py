"""One line a name, for a few names side by side: each measure a chart of its own, over the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import clicks, timeline
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, colours, theme
from metrics.dashboard.filters import Filters

MEASURES: dict[str, tuple[Callable[[float | None], str], str]] = {
    "requests": (fmt.exact, parts.COUNT),
    "cost_per_request": (fmt.dollars, parts.DOLLARS),
    "p95_latency": (fmt.seconds, parts.SECONDS),
    "p95_ttft": (fmt.seconds, parts.SECONDS),
    "success_rate": (fmt.percent, "format(datum.value, '.0%')"),
}
"""What can be compared: how a value is written, and how the axis writes it."""


def draw(
    rows: pd.DataFrame,
    filters: Filters,
    granularity: str,
    *,
    measure: str,
    names: Sequence[str],
    ranked: Sequence[str],
    key: str,
    alternative: str,
) -> None:
    """`rows` (bucket_utc, dimension, the measure) of these names. Requests are 0 where none came, all else a gap. A
    click on the legend filters by a model."""
    frame = timeline.buckets(filters, granularity)
    held = rows.set_index(["bucket_utc", "dimension"])[measure].unstack("dimension")
    held = held.reindex(index=frame["bucket_utc"], columns=list(names))
    held = held.fillna(0) if measure in timeline.COUNTS else held
    text, labels = MEASURES[measure]
    places = [f"c{place}" for place in range(len(names))]  # a dot in "gpt-4.1" would mean nesting
    wide = held.set_axis(places, axis=1).reset_index()
    wide = frame[["bucket_utc", "t", "when", "partial"]].merge(wide, on="bucket_utc").drop(columns="bucket_utc")
    short = fmt.short_names(names, 28)
    long = wide.melt(["t", "when", "partial"], places, "place", "value")
    long["series"] = long["place"].map(dict(zip(places, (short[name] for name in names), strict=True)))
    over = long["value"].where(~long["partial"])
    long["lone"] = over.groupby(long["place"]).transform(timeline.lone)
    wide[places] = wide[places].map(text)
    look = theme()
    palette, rate = colours(names, ranked, look), measure == "success_rate"
    spec = _spec(tuple(short[name] for name in names), palette, granularity, labels, rate, look)
    click = clicks.filtering("model", short)
    parts.show(spec, key, alternative, click, long=long[["t", "series", "value", "lone", "partial"]], wide=wide)


@lru_cache(maxsize=64)
def _spec(
    names: tuple[str, ...], palette: tuple[str, ...], granularity: str, labels: str, rate: bool, look: Theme
) -> parts.Spec:
    # Success rates lie close below 1: from 0 on they would be one line.
    scale = alt.Scale(zero=False, nice=False, domainMax=1, padding=8) if rate else None
    x, y = parts.time_axis(granularity), parts.value_axis("value:Q", labels, scale)
    widest = 30 + 7 * max((len(name) for name in names), default=10)
    legend = alt.Legend(columns=alt.ExprRef(f"max(1, floor(width / {widest}))"))
    colour = alt.Color("series:N", scale=alt.Scale(domain=list(names), range=list(palette)), legend=legend)
    pointer = parts.hover()
    seen = parts.points(pointer)
    line = parts.whole(parts.rows("long")).mark_line(interpolate="monotone", strokeWidth=1.8)
    line = line.encode(x=x, y=y, color=colour)
    dots = parts.rows("long").mark_circle(size=38).encode(x=x, y=y, color=colour, opacity=seen)
    tips = [alt.Tooltip("when:N", title="Time")]
    tips += [alt.Tooltip(f"c{place}:N", title=name) for place, name in enumerate(names)]
    rule = parts.crosshair("wide", granularity, tips, pointer, look)
    line = line.add_params(clicks.parameter("series", legend=True))
    return parts.framed([parts.named(line, "lines"), parts.named(dots, "dots"), rule], 170, look)
