"""Events: which calls exactly, and what is known of each."""

from metrics.dashboard import client, exploring, figures, frame, states


def calls(view: frame.View) -> dict[str, client.Call]:
    """What the page asks, in the order in which it is drawn."""
    filters = view.filters
    page = str(exploring.page())
    return {
        "totals": view.totals(),
        "series": client.pipe("llm_usage_timeseries", filters.series()),
        "events": client.pipe(
            "llm_recent_events", {**filters.period(), **exploring.chosen()}, page_size=str(exploring.PAGE), page=page
        ),
    }


def body(view: frame.View, rows: client.Rows) -> None:
    """Calls over time, the calls themselves with search and pages or as a live tail, and how scripts get them."""
    filters = view.filters
    if figures.empty(rows, view):
        return
    with states.panel("Calls over time"):
        exploring.over_time(rows, view)
    with states.panel("Calls", "newest first"):
        if exploring.switches():
            exploring.follow(view)
        else:
            exploring.listed(rows, view)
    with states.panel("The same calls for scripts"):
        figures.calls_api(rows, filters, exploring.chosen())


frame.page("Events", calls, body)
