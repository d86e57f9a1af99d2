"""The filter widgets and the links to the pages: what stands beside every page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from metrics.dashboard import filters, urlstate
from metrics.dashboard.controls import HEAT, MEASURES

COMMON_ZONES = ("UTC", "America/Los_Angeles", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo")


def options() -> dict[str, list[str]]:
    """The values that an address may carry; dimensions take any, for a link may name what is no longer there."""
    return {
        "range": list(filters.RANGES),
        "granularity": ["auto", *filters.STEPS],
        "timezone": ["", *_zones()],
        "calendar": list(filters.CALENDAR),
        "compare": list(filters.COMPARE),
        "refresh": list(filters.REFRESH),
        "measure": list(MEASURES),
        "dimension": list(urlstate.DIMENSIONS),
        "heat": list(HEAT),
        "failed": ["off", "on"],
        "tail": ["off", "on"],
    }


def home_zone() -> str:
    """The browser's zone, where it tells one that exists."""
    zone = st.context.timezone or "UTC"
    return zone if zone in _zones() else "UTC"


def links(place: DeltaGenerator, pages: Sequence[Page]) -> None:
    """The navigation. Streamlit's own would lead to a bare address, whose filters had to be written into it
    afterwards: Back would then stop at the bare one."""
    for page in pages:
        place.page_link(page, query_params=urlstate.link(), width="stretch")
    place.space("xsmall")


def fit(view: filters.Filters) -> None:
    """Forget a granularity that the time range does not have, before anything is drawn of either."""
    if st.session_state["granularity"] not in filters.granularities(view.start, view.end):
        st.session_state["granularity"] = "auto"


def draw(values: pd.DataFrame, view: filters.Filters) -> None:
    """All filters. `values` are the rows of `llm_dimensions`; a dimension that no event has is not offered."""
    with st.sidebar:
        st.segmented_control(
            "Time range", filters.RANGES, format_func=_range_label, required=True, key="range", width="stretch"
        )
        if st.session_state["range"] == "custom":
            _calendar(view)
        for dimension in urlstate.DIMENSIONS:
            _values(dimension, values[values["dimension"] == dimension]["value"].tolist())
        allowed = ["auto", *filters.granularities(view.start, view.end)]
        automatic = f"Auto ({view.granularity})" if st.session_state["granularity"] == "auto" else "Auto"
        st.selectbox("Granularity", allowed, format_func=lambda g: automatic if g == "auto" else g, key="granularity")
        st.selectbox("Time zone", options()["timezone"], format_func=_zone_label, key="timezone")
        if st.session_state["range"] != "all":  # before it there is nothing to compare with
            _compare()
        st.segmented_control("Refresh", list(filters.REFRESH), required=True, key="refresh", width="stretch")


def _calendar(view: filters.Filters) -> None:
    st.selectbox("Period", list(filters.CALENDAR), format_func=filters.CALENDAR.__getitem__, key="calendar")
    if st.session_state["calendar"] != "dates":
        return
    today = view.now.astimezone(view.zone).date()
    chosen = filters.dates(urlstate.current(), view.now, ZoneInfo(view.timezone))
    st.session_state["_dates"] = chosen
    st.date_input("Dates", key="_dates", max_value=max(today, chosen[1]), on_change=_dates_changed)
    if "T" in str(st.session_state["from"]):
        st.caption(f"{view.start.astimezone(view.zone):%d %b %H:%M} – {view.end.astimezone(view.zone):%d %b %H:%M}")


def _dates_changed() -> None:
    picked: tuple[date, ...] = st.session_state["_dates"]
    if len(picked) == 2:
        st.session_state["from"], st.session_state["to"] = (day.isoformat() for day in picked)


def _values(dimension: str, known: list[str]) -> None:
    chosen = st.session_state[dimension]
    choices = [*known, *(value for value in chosen if value not in known)]
    if len(choices) > 1 or chosen:  # one value is no choice
        label = dimension.capitalize()
        st.multiselect(label, choices, key=dimension, placeholder=f"All {len(known)}" if known else "All")


def _compare() -> None:
    st.selectbox(
        "Compare with",
        list(filters.COMPARE),
        format_func=filters.COMPARE.__getitem__,
        key="compare",
    )


def _range_label(name: str) -> str:
    return {"all": "All", "custom": ":material/date_range:"}.get(name, name)


def _zone_label(zone: str) -> str:
    return zone.replace("_", " ") or f"{home_zone().replace('_', ' ')} (browser)"


@cache
def _zones() -> list[str]:
    return [*COMMON_ZONES, *sorted(available_timezones() - set(COMMON_ZONES))]
