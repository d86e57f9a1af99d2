"""Performance: how fast, how reliable, and what fails."""

import streamlit as st

from metrics.dashboard import client, controls, figures, frame, states, tables
from metrics.dashboard.charts import heatmap, lines


def body(view: frame.View) -> None:
    """Figures, percentiles beside the success rate, p95 by model over time, models, errors."""
    filters = view.filters
    coarse = filters.coarse()
    rows = client.fetch(
        totals=view.totals(),
        series=client.pipe("llm_usage_timeseries", filters.series()),
        latency=client.pipe("llm_latency_percentiles", filters.series()),
        success=client.pipe("llm_usage_timeseries", filters.series(coarse)),
        model_latency=client.pipe("llm_latency_percentiles", filters.series(coarse), dimension="model"),
        speed=client.pipe("llm_performance", filters.period()),
        errors=client.pipe("llm_errors", filters.period()),
    )
    if figures.performance(rows, view):
        return
    left, right = st.columns([2, 1], gap="small")
    with left, states.panel("Latency percentiles", "successful calls"):
        lines.latency(rows["latency"], filters, key="bands")
    with right, states.panel("Success rate", f"by {coarse}, goal {lines.OBJECTIVE:.0%}"):
        lines.success(rows["success"], filters, coarse, key="success")
    with states.panel():
        relative = controls.heat("p95 latency by model")
        heatmap.latency(rows["model_latency"], filters, coarse, relative=relative, key="heatmap")
    with states.panel("Models"):
        view.offer(rows["speed"], "performance_by_model")
        tables.show_performance(rows["speed"])
    with states.panel("Errors"):
        if rows["errors"].empty:
            states.calm("No call failed in this view.")
        else:
            tables.show_errors(rows["errors"], filters.timezone)


frame.page("Performance", body)
