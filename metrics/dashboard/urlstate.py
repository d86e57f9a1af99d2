"""The address bar and the filters, kept equal: `pull()` before the widgets, `push()` after them.

A value lives in `st.session_state` under the name it has in the address. Defaults stay out of the address.
Streamlit's own `bind="query-params"` is not used: it forbids `st.switch_page` while a bound parameter is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

DIMENSIONS = ("model", "provider", "environment", "user", "team", "feature")

DEFAULTS: dict[str, str | list[str]] = {
    "range": "30d",
    "calendar": "dates",
    "from": "",
    "to": "",
    **{dimension: [] for dimension in DIMENSIONS},
    "granularity": "auto",
    "timezone": "",
    "compare": "on",
    "refresh": "off",
    "measure": "total_cost",
    "dimension": "model",
    "heat": "relative",
    "failed": "off",
    "search": "",
    "page": "1",
    "tail": "off",
}

IN_PANELS = ("measure", "dimension", "heat", "failed", "search", "page", "tail")
"""Switches inside a panel: the links of the navigation do not carry them, for a panel is redrawn without the links."""

Values = Mapping[str, str | list[str]]


def pull(page: str, options: Mapping[str, Sequence[str]]) -> None:
    """Take over the address into the session where it changed by a link, Back or Forward.

    A value that is not among its `options` falls back to the default.
    """
    state, address = st.session_state, _read()
    first, moved = "_address" not in state, state.get("_page") != page
    state["_page"] = page
    if _is_back() and state.get("_drilled", ())[:2] == (page, address):
        address = state["_drilled"][2]  # see drill()
    if first or address != state["_address"]:
        for name, default in DEFAULTS.items():
            if first or not moved or name in address or name not in IN_PANELS:
                state[name] = _checked(address.get(name, default), default, options.get(name))
    for name, default in DEFAULTS.items():
        # Streamlit forgets the value of a widget that another page does not draw
        state[name] = state.get(name, _copy(default))


def push() -> None:
    """Write the session's values into the address."""
    address = encode(current())
    if address != _read():
        st.query_params.from_dict(address)
    st.session_state["_address"] = address


def current() -> dict[str, str | list[str]]:
    """The values in use."""
    return {name: st.session_state.get(name, default) for name, default in DEFAULTS.items()}


def encode(values: Values) -> dict[str, str | list[str]]:
    """The query parameters of a view: only what differs from the defaults."""
    return {name: value for name, value in values.items() if value != DEFAULTS[name]}


def drill(page: Path, changes: Values) -> NoReturn:
    """Go to another page with filters changed; Back returns to this one as it is now.

    Streamlit makes two steps of it in the browser's history, and the one in between is this page with the changed
    filters. `pull` meets it on the way back and puts the address of before in its place.
    """
    before = encode(current())
    after = encode({**current(), **changes})
    st.session_state["_drilled"] = st.session_state["_page"], after, before
    st.switch_page(page, query_params=after)


def decode(query: str) -> dict[str, str | list[str]]:
    """The query parameters of a saved address, those that this dashboard knows."""
    found = parse_qs(query)
    known = ((name, default) for name, default in DEFAULTS.items() if name in found)
    return {name: found[name] if isinstance(default, list) else found[name][-1] for name, default in known}


def link() -> dict[str, str | list[str]]:
    """The query parameters that carry the filters to another page."""
    return {name: value for name, value in encode(current()).items() if name not in IN_PANELS}


def reset() -> None:
    """Back to the defaults (a callback: widgets take the values on the run that follows)."""
    st.session_state.update({name: _copy(default) for name, default in DEFAULTS.items()})


def _is_back() -> bool:
    """Whether this run comes of Back or Forward."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _read() -> dict[str, str | list[str]]:
    query = st.query_params
    present = ((name, default) for name, default in DEFAULTS.items() if name in query)
    return {name: query.get_all(name) if isinstance(default, list) else query[name] for name, default in present}


def _checked(value: str | list[str], default: str | list[str], allowed: Sequence[str] | None) -> str | list[str]:
    return _copy(default) if allowed is not None and value not in allowed else _copy(value)


def _copy(value: str | list[str]) -> str | list[str]:
    return list(value) if isinstance(value, list) else value
