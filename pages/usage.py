"""Usage: where the money and the tokens go, when, and what the month comes to."""

import streamlit as st

from metrics.dashboard import clicks, client, controls, figures, frame, spending, states, tables
from metrics.dashboard.charts import heatmap, shares, stacked


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    dimension = controls.dimension_in_use(view.values)
    return {
        "totals": view.totals(),
        "wasted": client.pipe("llm_wasted_spend", filters.period()),
        "active": client.pipe("llm_adoption", filters.series()),
        "series": client.pipe("llm_usage_timeseries", filters.series()),
        **spending.month_calls(filters),
        **spending.course_calls(filters),
        "split": client.pipe("llm_usage_timeseries", filters.series(), dimension=dimension),
        **view.if_comparing(drivers=client.pipe("llm_cost_drivers", filters.compared(), dimension=dimension)),
        "users": client.pipe("llm_heaviest", filters.period(), dimension="user", limit="50", trend="1"),
        "features": client.pipe("llm_heaviest", filters.period(), dimension="feature", limit="50", trend="1"),
        "activity": client.pipe("llm_activity", filters.period(), timezone=filters.timezone),
        "usage": client.pipe("llm_usage_by_model", filters.period()),
        "cache": client.pipe("llm_cache", filters.period()),
        "unpriced": client.pipe("llm_unpriced", filters.period()),
        "outliers": client.pipe("llm_cost_outliers", filters.period(), limit="50"),
        "prices": client.prices(),
        "sizes": client.pipe("llm_token_percentiles", filters.period()),
        "busiest": client.pipe("llm_busiest_minutes", filters.period(), limit="1"),
        **view.earlier("llm_usage_timeseries"),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """Figures, the month and its budgets, usage by a chosen dimension and why it changed, who costs most, the hours of
    the week, unit costs, what is wasted and saved, odd costs."""
    filters = view.filters
    dimension = controls.dimension_in_use(view.values)
    if figures.usage(rows, view):
        return
    left, right = st.columns([2, 1], gap="small")
    with left, states.panel("The month", "added up day by day"):
        spending.month_so_far(rows, filters)
        spending.month_course(rows, filters)
    with right, states.panel("Budgets"):
        spending.budgets(rows)
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
            act=clicks.filter_by(dimension),
            earlier=rows["earlier"] if filters.overlays() else None,
            alternative=f"Usage over time by {dimension}",
        )
    with right, states.panel(f"Largest by {dimension}"):
        shares.draw(rows["split"], column="dimension", measure=measure, key="shares", dimension=dimension)
    left, right = st.columns([1, 1], gap="small") if filters.compare else [st.container(), st.container()]
    with left, states.panel("What changed the spend", f"by {dimension}"):
        spending.drivers(rows, filters, dimension)
    with right, states.panel("Who costs most"):
        users, features = st.tabs(["Users", "Features"])
        with users:
            spending.heaviest(rows, "users", "user")
        with features:
            spending.heaviest(rows, "features", "feature")
    left, right = st.columns([1, 1], gap="small")
    with left, states.panel("Active users"):
        figures.users(rows, filters)
    with right, states.panel("Hours of the week", filters.timezone):
        heatmap.week(rows["activity"], key="week")
        figures.busiest(rows, filters)
    with states.panel("Cost by model"):
        view.offer(rows["usage"], "usage_by_model")
        tables.show_spend(rows["usage"], rows["wasted"])
    left, right = st.columns([1, 1], gap="small")
    with left:
        with states.panel("Prompt and completion tokens"):
            figures.tokens(rows, filters)
        with states.panel("Wasted spend", "cost of failed calls"):
            spending.wasted(rows)
    with right, states.panel("Cache"):
        spending.cache(rows)
    with states.panel("Far above the median", "over $1 and 20 times the model's median"):
        figures.outliers(rows, filters)
    with states.panel("Calls without a price"):
        figures.unpriced(rows, filters)


frame.page("Usage", calls, body)
