"""Performance: how fast, how reliable, and which model is slow."""

import streamlit as st

from metrics.dashboard import client, controls, figures, frame, speeding, states, tables
from metrics.dashboard.charts import heatmap, lines


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    coarse = filters.coarse()
    return {
        "totals": view.totals(),
        "series": client.pipe("llm_usage_timeseries", filters.series()),
        "latency": client.pipe("llm_latency_percentiles", filters.series()),
        "reliability": client.pipe("llm_reliability", filters.series(coarse)),
        "model_latency": client.pipe("llm_latency_percentiles", filters.series(coarse), dimension="model"),
        "speed": client.pipe("llm_performance", filters.period()),
        "histogram": client.pipe("llm_latency_histogram", filters.period()),
        **view.earlier("llm_latency_percentiles"),
        "sizes": client.pipe("llm_token_percentiles", filters.period(), dimension="model"),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """Figures, percentiles beside the success rate, how many calls take how long, slow models beside the first token,
    p95 by model over time, models."""
    filters = view.filters
    coarse = filters.coarse()
    if figures.performance(rows, view):
        return
    left, right = st.columns([2, 1], gap="small")
    ghost = f", dashed: p95 {filters.ago()}" if filters.overlays() else ""
    with left, states.panel("Latency percentiles", f"successful calls{ghost}"):
        lines.latency(rows["latency"], filters, key="bands", earlier=rows["earlier"] if ghost else None)
    with right, states.panel("Success rate", f"by {coarse}, goal {lines.OBJECTIVE:.0%}"):
        lines.success(rows["reliability"], filters, coarse, key="success")
    with states.panel("How long calls take", "successful calls"):
        speeding.histogram(rows)
    streamed = speeding.tells_first_token(rows)
    left, right = st.columns([1, 1], gap="small") if streamed else [st.container(), st.container()]
    with left, states.panel("Slowest models", f"p50 to p95 to p99, {speeding.FEWEST} calls or more"):
        speeding.slowest(rows["speed"])
    with right, states.panel("Time to first token", "streamed calls"):
        speeding.first_token(rows["latency"], filters)
    with states.panel():
        relative = controls.heat("p95 latency by model")
        heatmap.latency(rows["model_latency"], filters, coarse, relative=relative, key="heatmap")
    with states.panel("Models"):
        speed = speeding.with_time_between_tokens(rows)
        view.offer(speed, "performance_by_model")
        tables.show_performance(speed)


frame.page("Performance", calls, body)
