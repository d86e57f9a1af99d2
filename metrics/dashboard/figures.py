"""The figures of each page and the panels that need more than one line."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from metrics.dashboard import client, kpis, states, tables, timeline
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import stacked
from metrics.dashboard.filters import Filters
from metrics.dashboard.frame import View
from metrics.dashboard.kpis import Kpi, ratio
from metrics.settings import load_settings


def overview(rows: client.Rows, view: View) -> bool:
    """The six figures of the Overview. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        series, latency = _series(rows, "series", view.filters), _series(rows, "latency", view.filters)
        kpis.draw([*_spend(totals, series), *_quality(totals, series, latency)], view.filters)
        states.left_out(totals)
    return False


def usage(rows: client.Rows, view: View) -> bool:
    """The six figures of the Usage page. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        series = _series(rows, "series", view.filters)
        kpis.draw([*_spend(totals, series), *_tokens(totals, series)], view.filters)
        states.left_out(totals)
    return False


def performance(rows: client.Rows, view: View) -> bool:
    """The six figures of the Performance page. True: the view holds no events, and that has been said."""
    with states.panel(border=False):
        totals = rows["totals"].iloc[0]
        if _nothing_here(totals, view):
            return True
        series, latency = _series(rows, "series", view.filters), _series(rows, "latency", view.filters)
        kpis.draw(_speed(totals, series, latency), view.filters)
        states.left_out(totals)
    return False


def errors(rows: client.Rows, filters: Filters) -> None:
    """Failures over time by message. A message keeps its colour: it follows its rank over all time."""
    failures = rows["errors"]
    if failures.empty:
        return states.calm("No call failed in this view.")
    stacked.draw(
        failures,
        filters,
        key="errors",
        column="error",
        measure="failed_requests",
        ranked=rows["all_errors"]["error"].tolist(),
        alternative="Failed calls over time by error",
        most=5,
        width=32,
        height=170,
    )
    return None


def tokens(series: pd.DataFrame, filters: Filters) -> None:
    """Prompt against completion tokens over time."""
    names = {"total_prompt_tokens": "Prompt", "total_completion_tokens": "Completion"}
    long = series.melt("bucket_utc", list(names), "kind", "tokens").replace({"kind": names})
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


def health(held: pd.Series, rows: client.Rows, filters: Filters) -> None:
    """The figures of the Data page: over all events, whatever the filters."""
    with states.panel(border=False):
        store = rows["store"].iloc[0]
        age = None if pd.isna(held["last_event_time"]) else filters.now - held["last_event_time"].to_pydatetime()
        with st.grid(6, min_column_width=148, gap="small"):
            _plain("Events", fmt.exact(held["events"]), f"first {_day(held['first_event_time'], filters)}")
            _plain("Newest event", _age(age), f"{_day(held['last_event_time'], filters)}")
            _plain("Last hour", fmt.exact(held["events_last_hour"]), "events arrived")
            _plain("Quarantined", fmt.exact(held["quarantined_events"]), "rows refused")
            _plain("Unpriced", fmt.exact(held["unpriced_requests"]), f"{fmt.count(held['unpriced_tokens'])} tokens")
            _plain("Store", fmt.bytes_(store["bytes"]), f"{fmt.exact(store['row_count'])} rows")
        states.remark([*_remarks(held, filters), *states.odd_latencies(held)])
        st.caption(_order(rows["order"].iloc[0]))


def _order(told: pd.Series) -> str:
    """How the rows of closed days lie; a data source that has no time column tells nothing of it."""
    if told.get("overlapping"):
        return f"Order: sorting: {told['overlapping']:,} of {told['row_groups']:,} row groups overlap"
    until = told.get("sorted_until")
    return "Order: no day is closed yet" if pd.isna(until) else f"Order: sorted up to {until}"


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
        st.code("\n\n".join(adding), language="toml", height=min(220, 40 + 120 * len(adding)))
    return None


def outliers(rows: client.Rows, filters: Filters) -> None:
    """Single calls that cost far more than their model's calls do."""
    if rows["outliers"].empty:
        return states.calm("No call cost over $1 and over 20 times its model's median.")
    return tables.show_outliers(rows["outliers"], filters.timezone)


def api(filters: Filters) -> None:
    """The address and the command that give the Overview's figures. The token is a variable, never a value."""
    url = load_settings().url
    query = urlencode(filters.period(), doseq=True)
    st.caption(
        f"API: `{url}` · every endpoint: `GET {url}/v0/pipes` · as `.json`, `.csv`, `.ndjson`, `.parquet` · "
        f"[try them in a page]({url}/docs)"
    )
    st.code(
        f"curl -H \"Authorization: Bearer $PERCH_TOKEN\" \\\n     '{url}/v0/pipes/llm_totals.json?{query}'",
        language="bash",
        wrap_lines=True,
    )


def _nothing_here(totals: pd.Series, view: View) -> bool:
    if totals["requests"]:
        return False
    first, last = view.health["first_event_time"], view.health["last_event_time"]
    states.nothing_here(view.filters, (first.to_pydatetime(), last.to_pydatetime()))
    return True


def _series(rows: client.Rows, name: str, filters: Filters) -> pd.DataFrame:
    """Whole buckets only: in a line this small, one that is not over yet would read as a fall."""
    course = timeline.complete(rows[name], timeline.buckets(filters))
    return course[~course["partial"]]


def _spend(totals: pd.Series, series: pd.DataFrame) -> list[Kpi]:
    before = totals["previous_total_cost"], totals["previous_requests"], totals["previous_total_tokens"]
    return [
        Kpi("Spend", totals["total_cost"], before[0], _cost, course=series["total_cost"]),
        Kpi("Requests", totals["requests"], before[1], fmt.count, course=series["requests"]),
        Kpi("Tokens", totals["total_tokens"], before[2], fmt.count, course=series["total_tokens"]),
        Kpi(
            "Cost / 1k requests",
            _thousand(totals["total_cost"], totals["requests"]),
            _thousand(before[0], before[1]),
            _cost,
            better="less",
            course=series["total_cost"] / series["requests"].where(series["requests"] > 0),
        ),
    ]


def _quality(totals: pd.Series, series: pd.DataFrame, latency: pd.DataFrame) -> list[Kpi]:
    return [
        Kpi(
            "p95 latency",
            totals["p95_latency"],
            totals["previous_p95_latency"],
            fmt.seconds,
            better="less",
            course=latency["p95_latency"],
        ),
        _success(totals, series),
    ]


def _success(totals: pd.Series, series: pd.DataFrame) -> Kpi:
    return Kpi(
        "Success rate",
        totals["success_rate"],
        totals["previous_success_rate"],
        fmt.percent,
        better="more",
        course=series["success_rate"],
        points=True,
    )


def _tokens(totals: pd.Series, series: pd.DataFrame) -> list[Kpi]:
    prompt, completion = totals["total_prompt_tokens"], totals["total_completion_tokens"]
    before = totals["previous_total_prompt_tokens"], totals["previous_total_completion_tokens"]
    return [
        Kpi(
            "Cost / 1M tokens",
            _million(totals["total_cost"], totals["total_tokens"]),
            _million(totals["previous_total_cost"], totals["previous_total_tokens"]),
            _cost,
            better="less",
            course=series["total_cost"] / series["total_tokens"].where(series["total_tokens"] > 0),
        ),
        Kpi(
            "Prompt : completion",
            ratio(prompt, completion),
            ratio(*before),
            lambda value: f"{value:,.1f} : 1" if value is not None and fmt.known(value) else fmt.UNKNOWN,
            course=series["total_prompt_tokens"]
            / series["total_completion_tokens"].where(series["total_completion_tokens"] > 0),
        ),
    ]


def _speed(totals: pd.Series, series: pd.DataFrame, latency: pd.DataFrame) -> list[Kpi]:
    percentiles = [
        Kpi(
            f"{name} latency",
            totals[f"{name}_latency"],
            totals[f"previous_{name}_latency"],
            fmt.seconds,
            better="less",
            course=latency[f"{name}_latency"],
        )
        for name in ("p50", "p95", "p99")
    ]
    mean = Kpi(
        "Mean latency",
        totals["avg_latency"],
        totals["previous_avg_latency"],
        fmt.seconds,
        better="less",
        course=series["avg_latency"],
    )
    failed = Kpi(
        "Failed requests",
        totals["failed_requests"],
        totals["previous_failed_requests"],
        fmt.count,
        better="less",
        course=series["failed_requests"],
    )
    return [*percentiles, mean, _success(totals, series), failed]


def _cost(value: float | None) -> str:
    return fmt.dollars(value, unknown="unpriced")


def _thousand(cost: float | None, requests: float | None) -> float | None:
    each = ratio(cost, requests)
    return None if each is None else 1000 * each


def _million(cost: float | None, tokens: float | None) -> float | None:
    each = ratio(cost, tokens)
    return None if each is None else 1e6 * each


def _plain(label: str, value: str, note: str) -> None:
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(label, value)
        st.caption(note)


def _day(moment: pd.Timestamp, filters: Filters) -> str:
    return fmt.UNKNOWN if pd.isna(moment) else f"{moment.tz_convert(filters.timezone):%d %b %Y %H:%M}"


def _age(age: timedelta | None) -> str:
    if age is None:
        return fmt.UNKNOWN
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if age.total_seconds() >= size:
            return f"{age.total_seconds() / size:,.0f} {unit} ago"
    return "now"


def _remarks(held: pd.Series, filters: Filters) -> list[str]:
    said = []
    if not pd.isna(last := held["last_ingested_at"]):
        said.append(f"newest row written {last.tz_convert(filters.timezone):%d %b %Y %H:%M:%S}")
    if future := held["future_events"]:
        said.append(f"{fmt.plural(future, 'event')} dated in the future, in no range but All")
    return said
