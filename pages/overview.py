"""Overview: what is spent, how much is used, does it work, and what needs a look."""

from pathlib import Path

import streamlit as st

from metrics.dashboard import (
    clicks,
    client,
    controls,
    failing,
    figures,
    frame,
    noticing,
    spending,
    states,
    tables,
    timeline,
    urlstate,
)
from metrics.dashboard.charts import stacked

PERFORMANCE = Path(__file__).parent / "performance.py"


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    return {
        "totals": view.totals(),
        "series": client.pipe("llm_usage_timeseries", filters.series()),
        "latency": client.pipe("llm_latency_percentiles", filters.series()),
        "outliers": client.pipe("llm_cost_outliers", filters.period(), order="cost"),
        **spending.month_calls(filters),
        "reliability": client.pipe("llm_reliability", filters.series()),
        "models": client.pipe("llm_usage_timeseries", filters.series(), dimension="model"),
        **view.earlier("llm_usage_timeseries"),
        "errors_over_time": client.pipe("llm_errors_timeseries", filters.series()),
        "all_errors": client.pipe("llm_errors", limit="500"),
        "usage": client.pipe("llm_usage_by_model", filters.period()),
        **view.if_comparing(before=client.pipe("llm_usage_by_model", filters.previous())),
        "speed": client.pipe("llm_performance", filters.period()),
        "model_latency": client.pipe("llm_latency_percentiles", filters.series(), dimension="model"),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """Figures, what stands out beside the month, usage by model beside errors, and the table of models."""
    filters = view.filters
    if figures.overview(rows, view):
        return
    left, right = st.columns([1, 1], gap="small")
    with left, states.panel("What stands out"):
        noticing.needed(rows, view)
    with right, states.panel("The month", filters.timezone):
        spending.month_so_far(rows, filters)
    left, right = st.columns([2, 1], gap="small")
    with left, states.panel():
        measure = controls.measure("Usage over time")
        stacked.draw(
            rows["models"],
            filters,
            key="usage",
            column="dimension",
            measure=measure,
            ranked=view.ranked("model"),
            act=clicks.filter_by("model"),
            earlier=rows["earlier"] if filters.overlays() else None,
            alternative="Usage over time by model",
        )
    with right, states.panel("Errors"):
        failing.over_time(rows, filters)
    with states.panel("Models", "Select a row to see its performance"):
        table = tables.models(rows["usage"], rows["before"] if filters.compare else None, rows["speed"])
        view.offer(table, "usage_by_model")
        trends = tables.with_trends(table, rows["models"], rows["model_latency"], timeline.buckets(filters))
        if model := tables.show_models(trends, key="models_table"):
            urlstate.drill(PERFORMANCE, {"model": [model]})


frame.page("Overview", calls, body)
