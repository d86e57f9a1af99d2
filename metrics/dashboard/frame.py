"""What every page has around its panels: title, view in words, refresh, download, and the states without rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from metrics.dashboard import client, filters, sidebar, states, urlstate


@dataclass(frozen=True)
class View:
    """What a page draws from."""

    filters: filters.Filters
    health: pd.Series
    values: pd.DataFrame
    _downloads: DeltaGenerator

    def ranked(self, dimension: str) -> list[str]:
        """The values of a dimension, largest spend over all time first: it decides place and colour everywhere."""
        rows = self.values[self.values["dimension"] == dimension]
        ranked = rows.sort_values(["total_cost", "requests"], ascending=False, kind="stable", na_position="last")
        return ranked["value"].tolist()

    def offer(self, rows: pd.DataFrame, name: str) -> None:
        """Let the reader download exactly these rows."""
        self._downloads.download_button(
            "CSV",
            data=lambda: rows.to_csv(index=False),
            file_name=f"{name}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="csv",
            help="The rows of the table below",
        )


HEALTH = ("events", "demo_events", "quarantined_events", "first_event_time", "last_event_time")
"""What every page needs to know of the store, whatever the filters."""

Body = Callable[[View], None]


def page(title: str, body: Body, *, needs_events: bool = True) -> None:
    """Draw a page: `body` draws the panels. It is drawn again by itself where the viewer asked for refresh.

    A page that needs events shows how to send the first one until there are any.
    """
    try:
        extent = _extent(_health())
        if needs_events and not extent:
            st.title(title, anchor=False)
            _wait_for_the_first_event()
        else:
            _live(title, body, filters_now(extent).refresh)
    except client.ApiError as failure:
        st.title(title, anchor=False)
        states.unreadable(failure)


def filters_now(extent: tuple[datetime, datetime] | None) -> filters.Filters:
    """The filters of the session at this moment."""
    values = urlstate.current()
    step = filters.REFRESH[str(values["refresh"])] or client.FRESH
    return filters.resolve(values, filters.rounded_now(min(step, client.FRESH)), extent, sidebar.home_zone())


def prepare(page_name: str, pages: Sequence[Page]) -> None:
    """Bring address, session and filter widgets together, before the page is drawn."""
    urlstate.pull(page_name, sidebar.options())
    links = st.sidebar.container(gap="xsmall")
    try:
        extent = _extent(_health())
        sidebar.draw(_values(), filters_now(extent))
    except client.ApiError:
        pass  # the page says it; without the API there is nothing to filter
    sidebar.links(links, pages)


def _live(title: str, body: Body, every: int | None) -> None:
    @st.fragment(run_every=every)
    def live() -> None:
        try:
            _draw(title, body)
        except client.ApiError as failure:
            states.unreadable(failure)
        urlstate.push()  # a widget inside the fragment changes the address too

    live()


def _draw(title: str, body: Body) -> None:
    health = _health()
    extent = _extent(health)
    view = filters_now(extent)
    status, downloads = _header(title, view)
    if health["demo_events"]:
        states.demo(int(health["demo_events"]))
    body(View(view, health, _values(), downloads))
    now = pd.Timestamp.now(view.zone)
    if view.refresh:
        status.badge(f"Live {now:%H:%M:%S}", icon=":material/sensors:", color="green")
    else:
        status.badge(f"Updated {now:%H:%M:%S}", icon=":material/schedule:", color="gray")


def _header(title: str, view: filters.Filters) -> tuple[DeltaGenerator, DeltaGenerator]:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content", gap="xxsmall"):
            st.title(title, anchor=False)
            st.caption(view.caption())
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            status = st.container(width="content")
            st.button("Refresh", icon=":material/refresh:", key="again", on_click=client.forget, help="Ask again now")
            downloads = st.container(width="content")
    return status, downloads


@st.fragment(run_every=5)
def _wait_for_the_first_event() -> None:
    client.forget()
    try:
        health = _health()
    except client.ApiError as failure:
        return states.unreadable(failure)
    if _extent(health):
        st.rerun()
    return states.first_run(int(health["quarantined_events"]))


def _health() -> pd.Series:
    rows = client.fetch(health=client.pipe("ingest_health"))["health"]
    if rows.empty or not set(HEALTH) <= set(rows):
        raise client.EndpointFailed(f"ingest_health has to answer with one row of {', '.join(HEALTH)}.")
    return rows.iloc[0]


def _values() -> pd.DataFrame:
    columns = ["dimension", "value", "requests", "total_cost"]
    try:
        return client.fetch(values=client.pipe("llm_dimensions"))["values"].reindex(columns=columns)
    except client.EndpointFailed:  # no values to choose from, and colours by the order of the view
        return pd.DataFrame(columns=columns)


def _extent(health: pd.Series) -> tuple[datetime, datetime] | None:
    first, last = health["first_event_time"], health["last_event_time"]
    return None if pd.isna(first) or pd.isna(last) else (first.to_pydatetime(), last.to_pydatetime())
