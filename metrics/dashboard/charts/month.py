"""The month: what is spent so far against the month before, where it leads, and the budget it meets."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from metrics.dashboard import format as fmt
from metrics.dashboard.charts import parts
from metrics.dashboard.charts.theme import Theme, theme

LINES = ("actual", "previous", "forecast")
NAMES = ("This month", "Last month", "Forecast")


def draw(days: pd.DataFrame, budget: float | None, *, key: str, height: int = 220) -> None:
    """One row a day of the month: t (its start by the wall clock, as UTC), and what was spent by its end.

    `actual`, `previous` (the same day of the month before), `forecast` with `low` and `high`: each is missing where
    there is none. `budget` is drawn as a line over the month.
    """
    rows = days.assign(when=days["t"].dt.strftime("%a %d %b"), budget=budget if fmt.known(budget) else float("nan"))
    for name in (*LINES, "low", "high"):
        rows[f"{name}_text"] = rows[name].map(fmt.dollars)
    rows["band"] = (rows["low_text"] + " to " + rows["high_text"]).where(rows["low"].notna(), fmt.UNKNOWN)
    spec = _spec(bool(rows["forecast"].notna().any()), rows["budget"].notna().any().item(), height, theme())
    parts.show(spec, key, "Spend of the month by day, added up, against the month before", days=rows)


@lru_cache(maxsize=16)
def _spec(forecast: bool, budget: bool, height: int, look: Theme) -> parts.Spec:
    x = parts.time_axis("day")
    tips = [alt.Tooltip("when:N", title="By the end of")]
    drawn = len(LINES) if forecast else len(LINES) - 1
    tips += [alt.Tooltip(f"{line}_text:N", title=name) for line, name in zip(LINES[:drawn], NAMES[:drawn], strict=True)]
    tips += [alt.Tooltip("band:N", title="8 of 10 end within")] if forecast else []
    palette = alt.Scale(domain=list(NAMES[:drawn]), range=[look.series[0], look.other, look.series[0]][:drawn])
    dashes = alt.Scale(domain=list(NAMES[:drawn]), range=[[1, 0], [1, 0], [5, 4]][:drawn])
    layers = []
    for name, title in zip(LINES[:drawn], NAMES[:drawn], strict=True):
        line = parts.rows("days").mark_line(strokeWidth=2 if name == "actual" else 1.6)
        line = line.transform_calculate(line=f"'{title}'").encode(
            x=x,
            y=parts.value_axis(f"{name}:Q", parts.DOLLARS),
            color=alt.Color("line:N", scale=palette, legend=alt.Legend(symbolType="stroke")),
            strokeDash=alt.StrokeDash("line:N", scale=dashes),
        )
        layers.append(parts.named(line, name))
    if forecast:
        band = parts.rows("days").mark_area(color=look.series[0], opacity=0.14)
        band = band.encode(x=x, y=parts.value_axis("low:Q", parts.DOLLARS), y2="high:Q")
        layers.insert(0, parts.named(band, "band"))
    if budget:
        rule = parts.rows("days").mark_line(color=look.bad, strokeDash=[2, 3], strokeWidth=1.5)
        layers.append(parts.named(rule.encode(x=x, y=parts.value_axis("budget:Q", parts.DOLLARS)), "budget"))
        word = parts.rows("days").mark_text(align="left", dx=4, dy=-7, fontSize=11, color=look.ink, text="Budget")
        one = parts.value_axis("max(budget):Q", parts.DOLLARS)
        layers.append(parts.named(word.encode(x=alt.value(0), y=one), "word"))
    pointer = parts.hover()
    layers.append(parts.crosshair("days", "day", tips, pointer, look))
    return parts.framed(layers, height, look, right=16)
