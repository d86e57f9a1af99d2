"""Models side by side: what each costs, how fast and how reliable it is, and what another would have cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from metrics.dashboard import clicks, client, states, tables
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import bubbles, compared, stacked
from metrics.dashboard.frame import View

MOST = 4
"""So many models are compared with each other: more lines or columns are not read."""

MEASURES = {
    "requests": "Requests",
    "cost_per_request": "Cost per request",
    "p95_latency": "p95 latency",
    "success_rate": "Success rate",
}

NO_ALTERNATIVE = (
    "Nothing to compare: no feature calls two models that both have a price, one of them 30 times or more. Send "
    "`feature` with each call, so that calls of one kind are compared."
)

Write = Callable[[float | None], str]

LINES: dict[str, tuple[str, Write]] = {
    "requests": ("Requests", fmt.exact),
    "cost_per_1000_requests": ("Cost per 1,000 requests", fmt.dollars),
    "cost_per_successful_request": ("Cost per successful request", fmt.dollars),
    "cost_per_million_tokens": ("Cost per 1M tokens", fmt.dollars),
    "p50_latency": ("p50 latency", fmt.seconds),
    "p95_latency": ("p95 latency", fmt.seconds),
    "p50_ttft": ("p50 time to first token", fmt.seconds),
    "output_tokens_per_second": ("Output tokens per second, median", fmt.count),
    "success_rate": ("Success rate", fmt.percent),
}
"""The lines of the table of differences: label, and how a value is written."""


def chosen(models: pd.DataFrame) -> list[str]:
    """The models to compare: the `MOST` of this view with the most requests; the filter Model chooses others."""
    ranked = models.sort_values("requests", ascending=False, kind="stable")
    return [str(name) for name in ranked["model_name"].head(MOST)]


def which(names: Sequence[str], models: pd.DataFrame, view: View) -> str:
    """Which of how many models these are, in words."""
    if len(names) == len(models):
        return f"all {fmt.plural(len(models), 'model')} of this view"
    those = f"the {len(names)} with the most requests of {fmt.plural(len(models), 'model')}"
    return those if dict(view.filters.chosen).get("model") else f"{those}; the filter Model chooses others"


def over_time(rows: client.Rows, view: View, names: Sequence[str], granularity: str, measure: str) -> None:
    """One measure of these models over time."""
    series = rows["latency"] if measure == "p95_latency" else rows["series"]
    series = series[series["dimension"].isin(names)]
    if measure == "cost_per_request":
        priced = series["requests"] - series["unpriced_requests"]
        series = series.assign(cost_per_request=series["total_cost"] / priced.where(priced > 0))
    if series[measure].notna().any():
        compared.draw(
            series,
            view.filters,
            granularity,
            measure=measure,
            names=names,
            ranked=view.ranked("model"),
            key=f"compare_{measure}",
            alternative=f"{MEASURES[measure]} of each model over time",
        )
    else:
        st.caption("None of these models has it in this view.")


def differences(rows: client.Rows, view: View, names: Sequence[str]) -> None:
    """One column a model, one row a measure, each against the first model."""
    models = rows["models"]
    units = models.set_index("model_name").reindex(list(names))
    lines = {key: line for key, line in LINES.items() if units[key].notna().any()}
    table = pd.DataFrame({"Measure": [label for label, _ in lines.values()]})
    for name in names:
        table[name] = [
            _cell(units.loc[name, key], units.loc[names[0], key], write) for key, (_, write) in lines.items()
        ]
    interval = [
        f"{fmt.percent(low)} to {fmt.percent(high)}"
        for low, high in zip(units["success_rate_low"], units["success_rate_high"], strict=True)
    ]
    table.loc[len(table)] = ["Success rate, 95 % interval", *interval]
    view.offer(models, "models_compared")
    tables.show_differences(table)


def landscape(models: pd.DataFrame) -> None:
    """Every model by cost per call and p95."""
    placed = models["cost_per_1000_requests"].gt(0) & models["p95_latency"].gt(0)
    if not placed.any():
        st.caption("No model has both a price and a known latency in this view.")
        return
    bubbles.draw(models[placed], key="landscape")
    if not placed.all():
        states.remark([f"{fmt.plural(int((~placed).sum()), 'model')} without a price or a known latency left out"])


def switches(rows: client.Rows, view: View) -> None:
    """What the calls of each feature would have cost with another model that it calls too."""
    found = rows["switches"]
    saving = found[found["saving"] > 0]
    if saving.empty:
        st.caption("No switch saves anything." if len(found) else NO_ALTERNATIVE)
        return
    tables.show_switches(saving)
    st.caption(
        "Saving: the priced tokens of the model in the feature, at what a token of the alternative cost there. "
        "Look at speed and success beside it: a cheaper model that fails more is not cheaper."
    )


def adoption(rows: client.Rows, view: View) -> None:
    """The share that each model has of all requests, over time."""
    series = rows["adoption"]
    whole = series.groupby("bucket_utc")["requests"].transform("sum")
    stacked.draw(
        series.assign(share=series["requests"] / whole),
        view.filters,
        key="adoption",
        column="dimension",
        measure="share",
        ranked=view.ranked("model"),
        act=clicks.filter_by("model"),
        alternative="Share of each model of all requests over time",
    )
    if view.filters.label == "all":
        return
    seen = rows["first_seen"]
    new = seen[(seen["dimension"] == "model") & (seen["is_new"] == 1)]
    if len(new):
        names = [
            f"{row['value']} ({row['first_seen'].tz_convert(view.filters.timezone):%d %b})" for _, row in new.iterrows()
        ]
        st.caption(f"New in this range: {', '.join(names[:6])}{' and more' if len(names) > 6 else ''}")


def _cell(value: Any, first: Any, write: Write) -> str:
    change = (fmt.points if write is fmt.percent else fmt.change)(value, first)
    return write(value) if not isinstance(change, str) or change == "new" else f"{write(value)} ({change})"
