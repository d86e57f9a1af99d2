"""Models: which is the best for the money, and what would a switch save."""

import streamlit as st

from metrics.dashboard import client, comparing, figures, frame, states


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    coarse = filters.coarse()
    return {
        "totals": view.totals(),
        "switches": client.pipe("llm_model_switches", filters.period()),
        "models": client.pipe("llm_models_compared", filters.period()),
        "adoption": client.pipe("llm_usage_timeseries", filters.series(), dimension="model"),
        "first_seen": client.pipe("llm_first_seen", filters.period()),
        "series": client.pipe("llm_usage_timeseries", filters.series(coarse), dimension="model"),
        "latency": client.pipe("llm_latency_percentiles", filters.series(coarse), dimension="model"),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """What a switch saves, models by cost and speed, a few side by side, and who uses which over time."""
    filters = view.filters
    coarse = filters.coarse()
    if figures.empty(rows, view):
        return
    with states.panel("Which model to switch to", "by feature, largest saving first"):
        comparing.switches(rows, view)
    left, right = st.columns([1, 1], gap="small")
    with left, states.panel("Cost against speed", "size: requests, ▾: success under 95 %"):
        comparing.landscape(rows["models"])
    with right, states.panel("Adoption", "share of requests"):
        comparing.adoption(rows, view)
    with states.panel("Side by side"):
        names = comparing.chosen(rows["models"])
        st.caption(f"Compared: {comparing.which(names, rows['models'], view)}. Changes are against the first.")
        comparing.differences(rows, view, names)
        for pair in (("requests", "cost_per_request"), ("p95_latency", "success_rate")):
            for column, measure in zip(st.columns([1, 1], gap="medium"), pair, strict=True):
                with column, states.panel(f"{comparing.MEASURES[measure]} by {coarse}", border=False):
                    comparing.over_time(rows, view, names, coarse, measure)


frame.page("Models", calls, body)
