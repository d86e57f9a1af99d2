"""Dragging over a chart of time sets the range to what was dragged over, in whole buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from metrics.dashboard import urlstate
from metrics.dashboard.filters import Filters

NAME = "zoom"

LEAST = 0.01
"""A drag over a smaller share of the view is a click."""

_UNIT = {"minute": "1min", "hour": "1h"}


def brush(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """The selection by dragging for a chart with time along the bottom, which is one that knows the bucket under the
    pointer. A finger on a phone scrolls the page, so it does not count."""
    for parameter in spec.get("params", []):
        select = parameter.get("select")
        if isinstance(select, Mapping) and parameter["name"] == "hover" and select.get("fields") == ["t"]:
            drag = "[pointerdown[event.pointerType !== 'touch'], window:pointerup] > window:pointermove!"
            interval = {"type": "interval", "encodings": ["x"], "on": drag, "translate": False, "zoom": False}
            return {"name": NAME, "select": interval, "views": parameter["views"]}
    return None


def within(view: Filters) -> None:
    """Tell which period the page shows, in which buckets."""
    st.session_state["_drawn"] = view.granularity, (view.end - view.start).total_seconds() * 1000


def span(first: float, last: float, granularity: str) -> tuple[str, str]:
    """`from` and `to` of the address for a drag between two wall times (ms), in whole minutes, hours or days."""
    unit = _UNIT.get(granularity, "1D")
    start, end = (pd.Timestamp(moment, unit="ms") for moment in sorted((first, last)))
    start, end = start.floor(unit), max(end.ceil(unit), start.floor(unit) + pd.Timedelta(unit))
    if unit == "1D":
        return f"{start:%Y-%m-%d}", f"{end - pd.Timedelta(unit):%Y-%m-%d}"
    return f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}"


def apply(selection: Mapping[str, Any]) -> bool:
    """Set the range to what was dragged over; whether anything was: a click whose pointer trembled is no drag."""
    dragged = selection.get(NAME, {}).get("t")
    if not dragged or len(dragged) != 2:
        return False
    granularity, whole = st.session_state["_drawn"]
    if abs(dragged[1] - dragged[0]) < LEAST * whole:
        return False
    start, end = span(dragged[0], dragged[1], granularity)
    urlstate.change({"range": "custom", "calendar": "dates", "from": start, "to": end, "granularity": "auto"})
    return True
