"""Data: does it arrive, what was refused, where it lies, and how scripts get the same numbers."""

import streamlit as st

from metrics.dashboard import client, figures, frame, states, tables


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    return {
        "totals": view.totals(),
        "store": client.datasource("llm_events", "statistics"),
        "lag": client.pipe("ingest_lag"),
        "order": client.datasource("llm_events", "order"),
        "quarantine": client.pipe("ingest_quarantine", limit="100"),
        "sources": client.pipe("llm_cost_sources", filters.period()),
        "exports": client.datasource("llm_events", "exports"),
        "unpriced": client.pipe("llm_unpriced", filters.period()),
        "prices": client.prices(),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """Health of the store, what was quarantined, the exports, where costs come from, calls without a price, the API."""
    filters = view.filters
    figures.health(view.health, rows, filters)
    left, right = st.columns([1, 1], gap="small")
    with left, states.panel("Quarantine", "rows that were refused, by reason"):
        if rows["quarantine"].empty:
            states.calm("No row was refused.")
        else:
            tables.show_quarantine(rows["quarantine"], filters.timezone)
    with right, states.panel("Exports", "one Parquet file a month"):
        if rows["exports"].empty:
            st.caption("No month is exported yet. It happens every hour, at a clean stop, and by this command:")
            st.code("python -m metrics export", language=None)
        else:
            tables.show_exports(rows["exports"], filters.timezone)
    with states.panel("Where costs come from", "of this view, by model"):
        if rows["sources"].empty:
            st.caption("No event lies in this view.")
        else:
            view.offer(rows["sources"], "cost_sources")
            tables.show_sources(rows["sources"])
    with states.panel("Calls without a price", "of this view, by model"):
        if rows["sources"].empty:
            st.caption("No event lies in this view.")
        else:
            figures.unpriced(rows, filters)
    with states.panel("The same numbers for scripts"):
        figures.api(rows, filters)


frame.page("Data", calls, body, needs_events=False)
