"""The figures of each page and the panels that need more than one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from metrics.dashboard import client, kpis, states, tables, timeline, viewer
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import stacked
from metrics.dashboard.filters import Filters
from metrics.dashboard.frame import View
from metrics.dashboard.kpis import Kpi, ratio

Series = Callable[[], pd.DataFrame]


def empty(rows: client.Rows, view: View) -> bool:
    """Whether the view holds no events; then that has been said. Else what its numbers leave out has been."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        states.left_out(totals)
    return False


def overview(rows: client.Rows, view: View) -> bool:
    """The six figures of the Overview. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        series, latency = _series(rows, "series", view.filters), _series(rows, "latency", view.filters)
        early = rows.awaits("series", "latency")
        kpis.draw([*_spend(totals, series), *_quality(totals, series, latency)], view.filters, early=early)
        states.left_out(totals)
    return False


def usage(rows: client.Rows, view: View) -> bool:
    """The six figures of the Usage page. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        spend, requests, tokens_, _ = _spend(totals, _series(rows, "series", view.filters))
        figures = [spend, requests, tokens_, *_unit_costs(rows, totals)]
        kpis.draw(figures, view.filters, early=rows.awaits("series"))
        states.left_out(totals)
    return False


def performance(rows: client.Rows, view: View) -> bool:
    """The six figures of the Performance page. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        series, latency = _series(rows, "series", view.filters), _series(rows, "latency", view.filters)
        kpis.draw(_speed(totals, series, latency), view.filters, early=rows.awaits("series", "latency"))
        states.left_out(totals)
    return False


def errors(rows: client.Rows, view: View) -> bool:
    """The six figures of the Errors page. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        series = _series(rows, "series", view.filters)
        figures = [_error_rate(totals, series), _failed(totals, series), *_error_kinds(rows, view)]
        kpis.draw(figures, view.filters, early=rows.awaits("series"))
        states.left_out(totals)
    return False


def tokens(rows: client.Rows, filters: Filters) -> None:
    """Prompt against completion tokens over time, and how much of each a request has."""
    totals, names = rows["totals"].iloc[0], {"total_prompt_tokens": "Prompt", "total_completion_tokens": "Completion"}
    long = rows["series"].melt("bucket_utc", list(names), "kind", "tokens").replace({"kind": names})
    stacked.draw(
        long,
        filters,
        key="tokens",
        column="kind",
        measure="tokens",
        ranked=list(names.values()),
        alternative="Prompt and completion tokens over time",
        height=182,
    )
    each = [ratio(totals[name], totals["requests"]) for name in names]
    times = ratio(totals["total_prompt_tokens"], totals["total_completion_tokens"])
    said = f"A request has {fmt.exact(each[0])} prompt and {fmt.exact(each[1])} completion tokens on average"
    compared = "" if times is None else f": {times:,.1f} to 1"
    longest = rows["sizes"].iloc[0]["p95_prompt_tokens"]
    st.caption(f"{said}{compared}. 95 % of prompts have {fmt.exact(longest)} tokens or fewer.")


def busiest(rows: client.Rows, filters: Filters) -> None:
    """The minute with the most calls, as providers limit requests and tokens a minute."""
    peak = rows["busiest"].iloc[0]
    when = _day(peak["minute_utc"], filters)
    used = fmt.plural(peak["total_tokens"], "token")
    st.caption(f"Busiest minute: {fmt.plural(peak['requests'], 'request')} with {used}, {when}.")


def users(rows: client.Rows, filters: Filters) -> None:
    """Active users over time: those who came back, and those who came for the first time."""
    held = rows["active"]
    if not held["active_users"].any():
        st.caption("No call of this view names a user: send `user` with each call to see how many there are.")
        return
    names = {"returning_users": "Returning", "new_users": "New"}
    long = held.melt("bucket_utc", list(names), "kind", "users").replace({"kind": names})
    stacked.draw(
        long,
        filters,
        key="users",
        column="kind",
        measure="users",
        ranked=list(names.values()),
        alternative="Active users over time, new and returning",
        height=182,
    )
    if unknown := held["unknown_user_requests"].sum():
        states.remark([f"{fmt.plural(unknown, 'request')} of unknown users left out"])


def health(held: pd.Series, rows: client.Rows, filters: Filters) -> None:
    """The figures of the Data page: over all events, whatever the filters."""
    with states.panel(border=False):
        store = rows["store"].iloc[0]
        age = None if pd.isna(held["last_event_time"]) else filters.now - held["last_event_time"].to_pydatetime()
        with st.grid(6, min_column_width=148, gap="small"):
            _plain("Events", fmt.exact(held["events"]), f"first {_day(held['first_event_time'], filters)}")
            _plain("Newest event", fmt.age(age), f"{_day(held['last_event_time'], filters)}")
            _plain("Last hour", fmt.exact(held["events_last_hour"]), "events arrived")
            _plain("Quarantined", fmt.exact(held["quarantined_events"]), "rows refused")
            _plain("Unpriced", fmt.exact(held["unpriced_requests"]), f"{fmt.count(held['unpriced_tokens'])} tokens")
            _plain("Store", fmt.bytes_(store["bytes"]), f"{fmt.exact(store['row_count'])} rows")
        everything = "over all events, whatever the filters"
        said = [*_again(store), *_remarks(held, filters), *_arrival(rows), *states.odd_latencies(held)]
        states.remark([everything, *said])
        st.caption(_order(rows["order"].iloc[0]))


def _again(store: pd.Series) -> list[str]:
    """How many rows came a second time, where rows have ids to tell by."""
    again = store["duplicate_rows"]
    return [f"{fmt.plural(again, 'duplicate')} left out"] if fmt.known(again) else []


def _arrival(rows: client.Rows) -> list[str]:
    """How fast calls come and how long they take to come, of the last hour."""
    try:
        lag = rows["lag"].iloc[0]
    except client.EndpointFailed as failure:
        return [str(failure)]
    said = [f"{fmt.count(lag['events_per_minute'])} events a minute now"]
    if fmt.known(lag["p95_lag"]):
        said.append(f"arrival lag p50 {fmt.seconds(lag['p50_lag'])}, p95 {fmt.seconds(lag['p95_lag'])}")
    if late := lag["late_events"]:
        said.append(f"{fmt.plural(late, 'event')} of the last hour over a day old")
    if early := lag["early_events"]:
        said.append(f"{fmt.plural(early, 'event')} of the last hour from a clock that is ahead")
    return said


def _order(told: pd.Series) -> str:
    """How the rows of closed days lie; a data source that has no time column tells nothing of it."""
    if told.get("overlapping"):
        return f"The store is sorting: {told['overlapping']:,} of {told['row_groups']:,} row groups overlap"
    until = told.get("sorted_until")
    return (
        "The store sorts a day when it is over: none is yet" if pd.isna(until) else f"The store is sorted up to {until}"
    )


def unpriced(rows: client.Rows, filters: Filters) -> None:
    """How many calls have no price, by model, and the lines that give them one."""
    held = rows["unpriced"]
    if held.empty:
        return states.calm("Every call of this view has a price.")
    requests, used = held["unpriced_requests"].sum(), held["unpriced_tokens"].sum()
    st.markdown(f"unpriced: **{fmt.plural(requests, 'request')}, {fmt.plural(used, 'token')}**")
    tables.show_unpriced(held, filters.timezone)
    keys = ["model_name", "provider"]
    lines = rows["prices"].rename(columns={"model": "model_name"})[[*keys, "add"]].dropna(subset="add")
    adding = held[keys].merge(lines, on=keys)["add"]
    if len(adding):
        st.caption("Add to `prices.toml` of the project with the prices filled in; `python -m metrics reprice` then "
                   "prices the calls that are stored.")  # fmt: skip
        st.code("\n\n".join(adding), language=None, height=220 if len(adding) > 1 else "content")
    return None


def outliers(rows: client.Rows, filters: Filters) -> None:
    """Single calls that cost far more than their model's calls do."""
    if rows["outliers"].empty:
        return states.calm("No call cost over $1 and over 20 times its model's median.")
    return tables.show_outliers(rows["outliers"], filters.timezone)


def calls_api(rows: client.Rows, filters: Filters, more: Mapping[str, str]) -> None:
    """The command that gives the calls of the Events page, to those who may read them. The token is a variable, never a
    value."""
    shown = fmt.plural(len(rows["events"]), "call")
    query = urlencode({**filters.period(), **more, "page_size": "10000", "page": "0"}, doseq=True)
    url = f"{viewer.api_url()}/v0/pipes/llm_recent_events.parquet?{query}"
    st.caption(
        f"All calls of this view, not only the {shown} above, 10,000 at most in one answer: the next with `page=1` "
        "and so on; also as `.csv`, `.ndjson` and `.json`. Whole months lie ready as Parquet files: see Data."
    )
    st.code(
        f"curl -H \"Authorization: Bearer $PERCH_TOKEN\" -o calls.parquet \\\n     '{url}'",
        language=None,
        wrap_lines=True,
    )


def api(rows: client.Rows, filters: Filters) -> None:
    """The address and the command that give the Overview's figures, to those who may read them. The token is a
    variable, never a value."""
    requests = fmt.plural(rows["totals"].iloc[0]["requests"], "request")
    url = viewer.api_url()
    query = urlencode(filters.period(), doseq=True)
    st.caption(
        f"API: `{url}` · every endpoint: `GET {url}/v0/pipes` · as `.json`, `.csv`, `.ndjson`, `.parquet` · "
        f"[try them in a page]({url}/docs) · the figures of this view, of {requests}:"
    )
    st.code(
        f"curl -H \"Authorization: Bearer $PERCH_TOKEN\" \\\n     '{url}/v0/pipes/llm_totals.json?{query}'",
        language=None,
        wrap_lines=True,
    )


def _nothing_here(totals: pd.Series, view: View) -> bool:
    if totals["requests"]:
        return False
    first, last = view.health["first_event_time"], view.health["last_event_time"]
    states.nothing_here(view.filters, (first.to_pydatetime(), last.to_pydatetime()))
    return True


def _series(rows: client.Rows, name: str, filters: Filters) -> Series:
    """Rows over time, waited for when they are called for. Whole buckets only: in a line as small as a card's, one that
    is not over yet would read as a fall."""

    @cache
    def whole() -> pd.DataFrame:
        course = timeline.complete(rows[name], timeline.buckets(filters))
        return course[~course["partial"]]

    return whole


def _column(series: Series, name: str) -> Callable[[], pd.Series]:
    return lambda: series()[name]


def _each_thousand(series: pd.DataFrame) -> pd.Series:
    return series["total_cost"] / (series["requests"] - series["unpriced_requests"]).replace(0, None)


def _spend(totals: pd.Series, series: Series) -> list[Kpi]:
    before = totals["previous_total_cost"], totals["previous_requests"], totals["previous_total_tokens"]
    return [
        Kpi("Spend", totals["total_cost"], before[0], _cost, course=_column(series, "total_cost")),
        Kpi("Requests", totals["requests"], before[1], fmt.count, course=_column(series, "requests")),
        Kpi("Tokens", totals["total_tokens"], before[2], fmt.count, course=_column(series, "total_tokens")),
        Kpi(
            "Cost / 1k requests",
            _thousand(totals["total_cost"], _priced(totals)),
            _thousand(before[0], _priced(totals, "previous_")),
            _cost,
            better="less",
            course=lambda: _each_thousand(series()),
            help="Per 1,000 calls that have a price",
        ),
    ]


def _quality(totals: pd.Series, series: Series, latency: Series) -> list[Kpi]:
    return [
        Kpi(
            "p95 latency",
            totals["p95_latency"],
            totals["previous_p95_latency"],
            fmt.seconds,
            better="less",
            course=_column(latency, "p95_latency"),
        ),
        _success(totals, series),
    ]


def _success(totals: pd.Series, series: Series) -> Kpi:
    return Kpi(
        "Success rate",
        totals["success_rate"],
        totals["previous_success_rate"],
        fmt.percent,
        better="more",
        course=_column(series, "success_rate"),
        points=True,
    )


def _unit_costs(rows: client.Rows, totals: pd.Series) -> list[Kpi]:
    """What a success and an active user cost, and what failed calls did."""
    return [
        Kpi(
            "Cost / success",
            ratio(totals["total_cost"], totals["priced_successes"]),
            ratio(totals["previous_total_cost"], totals["previous_priced_successes"]),
            _cost,
            better="less",
            help="The cost of all calls / those with a price that succeeded",
        ),
        Kpi("Wasted spend", _sum(rows, "wasted", "wasted_cost"), None, _cost, help="What the failed calls cost"),
        Kpi(
            "Cost / active user",
            ratio(_cost_of_users(rows), totals["users"]),
            None,
            _cost,
            help=f"The cost of the calls that name a user / their {fmt.plural(totals['users'], 'user')}",
        ),
    ]


def _priced(totals: pd.Series, when: str = "") -> float | None:
    """How many calls have a price; None where there is no period before."""
    requests: float | None = totals[f"{when}requests"]
    return requests - totals[f"{when}unpriced_requests"] if requests is not None and fmt.known(requests) else None


def _speed(totals: pd.Series, series: Series, latency: Series) -> list[Kpi]:
    percentiles = [
        Kpi(
            f"{name} latency",
            totals[f"{name}_latency"],
            totals[f"previous_{name}_latency"],
            fmt.seconds,
            better="less",
            course=_column(latency, f"{name}_latency"),
        )
        for name in ("p50", "p95", "p99")
    ]
    mean = Kpi(
        "Mean latency",
        totals["avg_latency"],
        totals["previous_avg_latency"],
        fmt.seconds,
        better="less",
        course=_column(series, "avg_latency"),
        help="Of all calls, those that failed too; the percentiles are of calls that succeeded",
    )
    return [*percentiles, mean, _success(totals, series), _failed(totals, series)]


def _failed(totals: pd.Series, series: Series) -> Kpi:
    return Kpi(
        "Failed requests",
        totals["failed_requests"],
        totals["previous_failed_requests"],
        fmt.count,
        better="less",
        course=_column(series, "failed_requests"),
    )


def _error_rate(totals: pd.Series, series: Series) -> Kpi:
    return Kpi(
        "Error rate",
        ratio(totals["failed_requests"], totals["requests"]),
        ratio(totals["previous_failed_requests"], totals["previous_requests"]),
        fmt.percent,
        better="less",
        course=lambda: 1 - series()["success_rate"],
        points=True,
    )


def _error_kinds(rows: client.Rows, view: View) -> list[Kpi]:
    """How many errors there are, how many of them never before, when one was last, and what they cost."""
    errors, filters = rows["errors"], view.filters
    new = (rows["compared"]["status"] == "new").sum() if filters.compare else None
    last = errors["last_seen"].max()
    age = fmt.age(None if pd.isna(last) else filters.now - last.to_pydatetime())
    return [
        Kpi("Kinds of error", float(len(errors)), None, fmt.exact, help="Messages without ids, numbers, quoted texts"),
        Kpi(
            "New kinds", None if new is None else float(new), None, fmt.exact, help="Never seen before this time range"
        ),
        Kpi("Last failure", 0.0, None, lambda _: age),
        Kpi("Wasted spend", _sum(rows, "wasted", "wasted_cost"), None, _cost, help="What the failed calls cost"),
    ]


def _sum(rows: client.Rows, name: str, column: str) -> float | None:
    """The sum over all rows; unknown where no row knows it, or where the project has no such endpoint."""
    try:
        return float(rows[name][column].sum(min_count=1))
    except client.EndpointFailed as failure:
        states.remark([str(failure)])
        return None


def _cost_of_users(rows: client.Rows) -> float | None:
    """What the calls cost whose user is known; None where none has a price or the endpoint fails, which is said."""
    try:
        active = rows["active"]
    except client.EndpointFailed as failure:
        states.remark([str(failure)])
        return None
    return float((active["cost_per_active_user"] * active["active_users"]).sum(min_count=1))


def _cost(value: float | None) -> str:
    return fmt.dollars(value, unknown="unpriced")


def _thousand(cost: float | None, requests: float | None) -> float | None:
    each = ratio(cost, requests)
    return None if each is None else 1000 * each


def _plain(label: str, value: str, note: str) -> None:
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(label, value)
        st.caption(note)


def _day(moment: pd.Timestamp, filters: Filters) -> str:
    return fmt.UNKNOWN if pd.isna(moment) else f"{moment.tz_convert(filters.timezone):%d %b %Y %H:%M}"


def _remarks(held: pd.Series, filters: Filters) -> list[str]:
    said = []
    if not pd.isna(last := held["last_ingested_at"]):
        said.append(f"newest row written {last.tz_convert(filters.timezone):%d %b %Y %H:%M:%S}")
    if future := held["future_events"]:
        said.append(f"{fmt.plural(future, 'event')} dated in the future, in no range but All")
    return said
