"""Errors: what fails, of which model, since when, and what it costs."""

import streamlit as st

from metrics.dashboard import client, failing, figures, frame, states


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    return {
        "totals": view.totals(),
        "errors": client.pipe("llm_errors", filters.period(), limit="500"),
        **view.if_comparing(compared=client.pipe("llm_errors_compared", filters.compared())),
        "wasted": client.pipe("llm_wasted_spend", filters.period()),
        "series": client.pipe("llm_usage_timeseries", filters.series()),
        "all_errors": client.pipe("llm_errors", limit="500"),
        "errors_over_time": client.pipe("llm_errors_timeseries", filters.series()),
        "matrix": client.pipe("llm_errors_by_model", filters.period()),
        "models": client.pipe("llm_models_compared", filters.period()),
        "reliability": client.pipe("llm_reliability", filters.series()),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """Figures, failures over time beside the rate of each model, the errors, and which model has which."""
    filters = view.filters
    if figures.errors(rows, view):
        return
    left, right = st.columns([2, 1], gap="small")
    with left, states.panel("Failed calls over time", "by error"):
        failing.over_time(rows, filters, height=240)
    with right, states.panel("Error rate by model", "with its 95 % interval"):
        failing.by_model(rows["models"])
    with states.panel("Errors", "Select a row to see its calls"):
        failing.grouped(rows, view)
    left, right = st.columns([2, 1], gap="small")
    with left, states.panel("Which model fails with what"):
        failing.matrix(rows)
    with right, states.panel("Spikes", f"{filters.granularity}s far above the usual"):
        failing.show_spikes(rows, filters)


frame.page("Errors", calls, body)
