"""Dragging over a chart of time sets the range to what was dragged over, in whole buckets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

NAME = "zoom"

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


def watched(key: str) -> dict[str, Any]:
    """What such a chart is given beside its spec: its key, and what happens on a drag."""
    # A chart keeps its selection as long as it has its key: after a zoom it gets another, and nothing is selected.
    key = f"{key}-{st.session_state.get('_zooms', 0)}"
    return {"key": key, "selection_mode": NAME, "on_select": partial(_zoom, key)}


def within(granularity: str) -> None:
    """Tell which buckets the page is drawn in."""
    st.session_state["_granularity"] = granularity


def pending() -> bool:
    """Whether a drag has changed the range and the filters beside the page do not show it yet."""
    return bool(st.session_state.pop("_zoomed", False))


def span(first: float, last: float, granularity: str) -> tuple[str, str]:
    """`from` and `to` of the address for a drag between two wall times (ms), in whole minutes, hours or days."""
    unit = _UNIT.get(granularity, "1D")
    start, end = (pd.Timestamp(moment, unit="ms") for moment in sorted((first, last)))
    start, end = start.floor(unit), max(end.ceil(unit), start.floor(unit) + pd.Timedelta(unit))
    if unit == "1D":
        return f"{start:%Y-%m-%d}", f"{end - pd.Timedelta(unit):%Y-%m-%d}"
    return f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}"


def _zoom(key: str) -> None:
    dragged = st.session_state[key]["selection"].get(NAME, {}).get("t")
    if not dragged or len(dragged) != 2:
        return
    start, end = span(dragged[0], dragged[1], st.session_state["_granularity"])
    st.session_state.update({"range": "custom", "calendar": "dates", "from": start, "to": end, "granularity": "auto"})
    st.session_state.update({"_zooms": st.session_state.get("_zooms", 0) + 1, "_zoomed": True})
