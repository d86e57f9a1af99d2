"""Usage: where the money and the tokens go, and when."""

import streamlit as st

from metrics.dashboard import client, controls, figures, frame, states, tables
from metrics.dashboard.charts import heatmap, shares, stacked


def body(view: frame.View) -> None:
    """Figures of cost, usage by a chosen dimension, its shares, the hours of the week, unit and odd costs."""
    filters = view.filters
    dimension = controls.dimension_in_use(view.values)
    rows = client.fetch(
        totals=view.totals(),
        series=client.pipe("llm_usage_timeseries", filters.series()),
        split=client.pipe("llm_usage_timeseries", filters.series(), dimension=dimension),
        hours=client.pipe("llm_usage_timeseries", filters.series("hour")),
        usage=client.pipe("llm_usage_by_model", filters.period()),
        unpriced=client.pipe("llm_unpriced", filters.period()),
        outliers=client.pipe("llm_cost_outliers", filters.period(), limit="50"),
        prices=client.prices(),
    )
    if figures.usage(rows, view):
        return
    measure = controls.measure_and_dimension(view.values)
    left, right = st.columns([2, 1], gap="small")
    with left, states.panel(f"By {dimension} over time"):
        stacked.draw(
            rows["split"],
            filters,
            key="split",
            column="dimension",
            measure=measure,
            ranked=view.ranked(dimension),
            alternative=f"Usage over time by {dimension}",
        )
    with right, states.panel(f"Largest by {dimension}"):
        shares.draw(rows["split"], column="dimension", measure=measure, key="shares")
    left, right = st.columns([1, 1], gap="small")
    with left, states.panel("Prompt and completion tokens"):
        figures.tokens(rows["series"], filters)
    with right, states.panel("Hours of the week", filters.timezone):
        heatmap.week(rows["hours"], key="week")
    with states.panel("Cost by model"):
        view.offer(rows["usage"], "usage_by_model")
        tables.show_spend(rows["usage"])
    left, right = st.columns([1, 1], gap="small")
    with left, states.panel("Calls without a price"):
        figures.unpriced(rows, filters)
    with right, states.panel("Far above the median", "over $1 and 20 times the model's median"):
        figures.outliers(rows, filters)


frame.page("Usage", body)
