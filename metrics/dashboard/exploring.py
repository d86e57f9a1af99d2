"""Explore: the calls themselves, a page at a time, and the tail that follows them as they come."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from metrics.dashboard import client, filters, states, tables, urlstate
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import stacked
from metrics.dashboard.frame import View

PAGE = 200
"""Calls of one page."""

TAIL, FOLLOWED, EVERY = 50, timedelta(hours=1), 2
"""The tail shows at most so many calls of so long a time before now, and asks again after so many seconds."""

DEAR, FAR = 1, 20
"""A call is marked that costs more US dollars than this, and more times its model's median, as in llm_cost_outliers."""

WHICH = {"off": "All calls", "on": "Failed only"}
OUTCOMES = ("Succeeded", "Failed")

Params = Mapping[str, str | Sequence[str]]


def chosen() -> dict[str, str]:
    """The parameters of `llm_recent_events` that the switches of the Events page mean."""
    values = urlstate.current()
    params = {"only_failed": "1" if values["failed"] == "on" else "", "search": str(values["search"]).strip()}
    return {name: value for name, value in params.items() if value}


def page() -> int:
    """The page asked for, from 0; the first where the address holds no number that can be one."""
    asked = str(urlstate.current()["page"])
    return min(max(int(asked), 1), 50_000) - 1 if asked.isdecimal() and len(asked) < 6 else 0


def switches() -> bool:
    """Which calls, the text to look for in their errors, and the tail; whether it is on."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Which calls", list(WHICH), format_func=lambda name: WHICH[name], required=True, key="failed",
            label_visibility="collapsed", on_change=_first_page,
        )  # fmt: skip
        st.text_input(
            "Search in errors", key="search", placeholder="Search in errors: message, class or HTTP 504", width=330,
            label_visibility="collapsed", icon=":material/search:", on_change=_first_page,
        )  # fmt: skip
        st.session_state["_tail"] = st.session_state["tail"] == "on"
        return st.toggle("Live tail", key="_tail", on_change=_tail_changed, help=f"Asks again every {EVERY} s")


def over_time(rows: client.Rows, view: View) -> None:
    """Calls over time, those that failed apart."""
    series = rows["series"]
    counts = series.assign(Failed=series["failed_requests"], Succeeded=series["requests"] - series["failed_requests"])
    long = counts.melt("bucket_utc", list(OUTCOMES), "outcome", "calls")
    stacked.draw(
        long,
        view.filters,
        key="outcomes",
        column="outcome",
        measure="calls",
        ranked=list(OUTCOMES),
        alternative="Calls over time, those that failed apart",
        height=90,
        act=_only,
    )


def _only(outcome: str) -> None:
    """Only the failed calls, or again all of them: those that succeeded have no switch of their own."""
    if outcome == "Failed":
        urlstate.change({"failed": "off" if urlstate.current()["failed"] == "on" else "on", "page": "1"})


def listed(rows: client.Rows, view: View) -> None:
    """The calls of one page, the way to the next ones, and all that is known of the call whose row was chosen."""
    events, first = rows["events"], page() * PAGE
    if events.empty and not first:
        st.caption("No call of this view is like that.")
        return
    view.offer(events, "llm_events")
    events = marked(events, view)
    _pages(len(events), first, _whole(rows))
    if events.empty:
        st.caption("No further call.")
        return
    place = tables.choose_event(events, view.filters.timezone, key="events_table")
    if place is None:
        st.caption("Select a row to see all that is known of the call.")
    else:
        call(events.iloc[place], view)


def follow(view: View) -> None:
    """The newest calls, asked for again every `EVERY` seconds."""

    @st.fragment(run_every=EVERY)
    def tail() -> None:
        now = filters.rounded_now(EVERY)
        span = {"start_date": f"{now - FOLLOWED:%Y-%m-%d %H:%M:%S}", "end_date": f"{now:%Y-%m-%d %H:%M:%S}"}
        asked = client.pipe("llm_recent_events", {**dict(view.filters.chosen), **span, **chosen()}, limit=str(TAIL))
        st.caption(f"The newest {TAIL} calls of the last hour at most, asked for every {EVERY} s · "
                   f"{pd.Timestamp.now(view.filters.zone):%H:%M:%S}")  # fmt: skip
        try:
            events = client.fetch(events=asked)["events"]
        except client.ApiError as failure:
            states.unreadable(failure)
            return
        if events.empty:
            st.caption("No call came within the last hour. The next one appears here by itself.")
        else:
            tables.show_events(marked(events, view), view.filters.timezone)

    tail()


def call(event: pd.Series, view: View) -> None:
    """Every field of one call that is known."""
    held = event[[name for name in event.index if _known(event[name])]]
    pairs = [(str(name).replace("_", " "), _written(value, view)) for name, value in held.items()]
    st.markdown("**The chosen call**")
    st.dataframe(
        pd.DataFrame(pairs, columns=["Field", "Value"]),
        hide_index=True,
        height="content",
        alt="Every field of the chosen call",
        column_config={"Field": st.column_config.TextColumn(width=160)},
    )
    missing = [str(name) for name in event.index if not _known(event[name])]
    if missing:
        st.caption(f"Not known of it: {', '.join(missing)}")


def marked(events: pd.DataFrame, view: View) -> pd.DataFrame:
    """Calls with `cost_mark`: how many times its model's median in this view a call costs that is far above it.

    The medians are asked for only where a call is dear: they take reading every call of the view.
    """
    dear = events["cost"] > DEAR
    if not dear.any():
        return events
    asked = client.pipe("llm_cost_outliers", view.filters.period(), order="cost", limit="10000")
    try:
        outliers = client.fetch(outliers=asked)["outliers"]
    except client.EndpointFailed as failure:
        states.remark([f"which calls cost far more than usual is not known: {failure}"])
        return events
    medians = outliers.drop_duplicates("model_name").set_index("model_name")["median_cost"]
    times = events["cost"] / events["model_name"].map(medians)
    if not (odd := int((dear & (times > FAR)).sum())):
        return events
    states.remark([f":orange[{fmt.plural(odd, 'call')} below far above the median cost of the model: see Odd cost]"])
    return events.assign(cost_mark=times.map("{:,.0f}× median".format).where(dear & (times > FAR)))


def error_text(error: str) -> str:
    """The longest piece of an error that all its messages share but for capitals: what to search them by."""
    pieces = re.split("<url>|<id>|<text>|#", error)
    return max((piece.strip() for piece in pieces), key=len)


def _pages(shown: int, first: int, whole: int | None) -> None:
    last = first + shown
    of = "and more" if whole is None and shown == PAGE else f"of {last if whole is None else whole:,}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Newer", icon=":material/chevron_left:", on_click=_turn, args=(-1,), disabled=not first, key="newer")
        more = shown == PAGE and (whole is None or last < whole)
        st.button("Older", icon=":material/chevron_right:", on_click=_turn, args=(1,), disabled=not more, key="older")
        st.caption(f"{first + 1:,} to {last:,} {of}" if shown else "", width="content")


def _whole(rows: client.Rows) -> int | None:
    """How many calls there are, where the totals of the view tell it: a search they know nothing of."""
    if "search" in chosen():
        return None
    totals = rows["totals"].iloc[0]
    return int(totals["failed_requests"] if "only_failed" in chosen() else totals["requests"])


def _turn(pages: int) -> None:
    st.session_state["page"] = str(page() + 1 + pages)


def _first_page() -> None:
    st.session_state["page"] = "1"


def _tail_changed() -> None:
    st.session_state["tail"] = "on" if st.session_state["_tail"] else "off"


def _known(value: Any) -> bool:
    return not pd.isna(value) and value != ""


def _written(value: object, view: View) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value.tz_convert(view.filters.timezone):%d %b %Y %H:%M:%S} {view.filters.timezone}"
    if isinstance(value, float):
        return fmt.exact(value) if value.is_integer() else f"{value:,.9f}".rstrip("0")
    return str(value)
