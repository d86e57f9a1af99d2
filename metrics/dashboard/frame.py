"""What every page has around its panels: title, view in words, refresh, download, and the states without rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from metrics.dashboard import clicks, client, filters, sidebar, source, states, urlstate, views, zoom
from metrics.dashboard import format as fmt


@dataclass(frozen=True)
class View:
    """What a page draws from."""

    filters: filters.Filters
    health: pd.Series
    values: pd.DataFrame
    _downloads: DeltaGenerator | None = None

    def ranked(self, dimension: str) -> list[str]:
        """The values of a dimension, largest spend over all time first: it decides place and colour everywhere."""
        rows = self.values[self.values["dimension"] == dimension]
        ranked = rows.sort_values(["total_cost", "requests"], ascending=False, kind="stable", na_position="last")
        return ranked["value"].tolist()

    def offer(self, rows: pd.DataFrame, name: str) -> None:
        """Let the reader download exactly these rows."""
        assert self._downloads is not None  # there is one when a page is drawn
        with self._downloads.container(horizontal=True):
            source.files(rows, name, "page", "The rows of the table below")

    def earlier(self, name: str) -> dict[str, client.Call]:
        """The call of an endpoint with a time axis for the period before, if its buckets fall on those of this one."""
        if not self.filters.overlays():
            return {}
        return {"earlier": client.pipe(name, self.filters.earlier_series())}

    def if_comparing(self, **calls: client.Call) -> dict[str, client.Call]:
        """These calls where the period is compared with another one, else none."""
        return calls if self.filters.compare else {}

    def totals(self) -> client.Call:
        """The call of `llm_totals` for this view, beside the period that it is compared with."""
        return client.pipe("llm_totals", self.filters.compared())


HEALTH = ("events", "demo_events", "quarantined_events", "first_event_time", "last_event_time")
"""What every page needs to know of the store, whatever the filters."""


@dataclass(frozen=True)
class _Top:
    """What a page's header has to be filled in later."""

    caption: DeltaGenerator
    store: DeltaGenerator
    status: DeltaGenerator
    downloads: DeltaGenerator


Calls = Callable[[View], Mapping[str, client.Call]]
Body = Callable[[View, client.Rows], None]


def page(title: str, calls: Calls, body: Body, *, needs_events: bool = True) -> None:
    """Draw the filters and a page: `body` draws the panels of what `calls` asks.

    It is drawn again by itself where the viewer asked for refresh. A page that needs events shows how to send the first
    one until there are any.
    """
    try:
        with states.waiting("health"):
            health = _health()
    except client.ApiError as failure:  # there is nothing to filter
        st.title(title, anchor=False)
        states.unreadable(failure)
        return
    view = View(filters_now(_extent(health)), health, _values())
    sidebar.fit(view.filters)
    if needs_events and not _extent(health):
        sidebar.draw(view.values, view.filters)
        st.title(title, anchor=False)
        _wait_for_the_first_event()
        return
    client.begin(calls(view))  # the API works while the rest is drawn
    # The browser draws what it gets first before it looks at the rest: where filters stand already, that is the page.
    standing = "_filters_stand" in st.session_state
    st.session_state["_filters_stand"] = True
    if not standing:
        sidebar.draw(view.values, view.filters)
    _live(title, calls, body, view.filters.refresh)
    if standing:
        sidebar.draw(view.values, view.filters)


def filters_now(extent: tuple[datetime, datetime] | None, now: datetime | None = None) -> filters.Filters:
    """The filters of the session at this moment, or at another."""
    values = urlstate.current()
    step = filters.REFRESH[str(values["refresh"])] or client.FRESH
    return filters.resolve(values, now or filters.rounded_now(min(step, client.FRESH)), extent, sidebar.home_zone())


def prepare(page_name: str, pages: Sequence[Page]) -> None:
    """Bring address and session together and draw the links to the pages, before the page draws its filters below."""
    urlstate.pull(page_name, sidebar.options())
    sidebar.links(st.sidebar.container(gap="xsmall"), pages)


def _live(title: str, calls: Calls, body: Body, every: int | None) -> None:
    @st.fragment(run_every=every)
    def live() -> None:
        if urlstate.changed():
            st.rerun()  # the filters beside the page show it too
        urlstate.drill_now()
        try:
            with states.waiting("page"):
                _draw(title, calls, body)
        except client.ApiError as failure:
            states.unreadable(failure)
        urlstate.push()  # a widget inside the fragment changes the address too

    live()


def _draw(title: str, calls: Calls, body: Body) -> None:
    health = _health()
    extent = _extent(health)
    view = filters_now(extent)
    zoom.within(view)
    top = _header(title, view, health)
    if health["demo_events"]:
        states.demo(int(health["demo_events"]))
    try:
        _ask_and_draw(View(view, health, _values(), top.downloads), calls, body)
    except client.ApiAway as failure:  # a page asks before it draws: nothing stands there twice
        _draw_again(calls, body, health, top, failure)
        return
    st.session_state["_answered"] = view.now
    now = pd.Timestamp.now(view.zone)
    if view.refresh:
        top.status.badge(f"Live {now:%H:%M:%S}", icon=":material/sensors:", color="green")
    else:
        top.status.badge(f"Updated {now:%H:%M:%S}", icon=":material/schedule:", color="gray")


def _ask_and_draw(view: View, calls: Calls, body: Body) -> None:
    body(view, client.fetch(**calls(view)))


def _draw_again(calls: Calls, body: Body, health: pd.Series, top: _Top, failure: client.ApiAway) -> None:
    """The page as it was when the API last answered this session, if it had the same filters then."""
    if "_answered" not in st.session_state:
        raise failure
    view = filters_now(_extent(health), st.session_state["_answered"])
    with client.recalling(failure) as answered:
        bar = st.container()
        _ask_and_draw(View(view, health, _values(), top.downloads), calls, body)
    when = min(answered, default=view.now).astimezone(view.zone)
    top.caption.caption(view.caption())
    top.store.caption(f":material/cloud_off: API away, last answer {when:%H:%M:%S} · {stored(health)}")
    top.status.badge(f"As of {when:%H:%M:%S}", icon=":material/cloud_off:", color="orange")
    with bar:
        states.old_numbers(failure, when)


def _header(title: str, view: filters.Filters, health: pd.Series) -> _Top:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content", gap="xxsmall"):
            st.title(title, anchor=False)
            caption = st.empty()
            caption.caption(view.caption())
            store = st.empty()
            store.caption(stored(health))
            clicks.chosen(view.chosen)
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            status = st.container(width="content")
            st.button("Refresh", icon=":material/refresh:", key="again", on_click=client.forget, help="Ask again now")
            views.control()
            downloads = st.container(width="content")
    return _Top(caption, store, status, downloads)


def stored(health: pd.Series) -> str:
    """What the store holds, in one line: it is over all events, whatever the filters."""
    last, refused = health["last_event_time"], health.get("quarantined_last_day")
    newest = fmt.age(None if pd.isna(last) else pd.Timestamp.now("UTC") - last)
    said = [f"{fmt.plural(health['events'], 'event')} stored", f"newest {newest}"]
    if refused:
        said.append(f":orange[{fmt.plural(refused, 'row')} refused within 24 h]")
    return " · ".join(said)


@st.fragment(run_every=5)
def _wait_for_the_first_event() -> None:
    client.forget()
    try:
        health = _health(client.fetch)
    except client.ApiError as failure:
        return states.unreadable(failure)
    if _extent(health):
        st.rerun()
    return states.first_run(int(health["quarantined_events"]))


VALUES = replace(client.pipe("llm_dimensions"), fresh=client.SELDOM)
"""The values to choose from: a new one may take a minute to be offered, and no page waits for them each time."""


def _health(ask: Callable[..., client.Rows] = client.latest) -> pd.Series:
    rows = ask(health=client.pipe("ingest_health"), values=VALUES)["health"]
    if rows.empty or not set(HEALTH) <= set(rows):
        raise client.EndpointFailed(f"ingest_health has to answer with one row of {', '.join(HEALTH)}.")
    return rows.iloc[0]


def _values() -> pd.DataFrame:
    columns = ["dimension", "value", "requests", "total_cost"]
    try:
        return client.latest(values=VALUES)["values"].reindex(columns=columns)
    except client.EndpointFailed:  # no values to choose from, and colours by the order of the view
        return pd.DataFrame(columns=columns)


def _extent(health: pd.Series) -> tuple[datetime, datetime] | None:
    first, last = health["first_event_time"], health["last_event_time"]
    return None if pd.isna(first) or pd.isna(last) else (first.to_pydatetime(), last.to_pydatetime())
