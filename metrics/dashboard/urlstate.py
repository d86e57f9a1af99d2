"""The address bar and the filters, kept equal: `pull()` before the widgets, `push()` after them.

A value lives in `st.session_state` under the name it has in the address. Defaults stay out of the address.
Streamlit's own `bind="query-params"` is not used: it forbids `st.switch_page` while a bound parameter is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs

import streamlit as st

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
    """Take over the address into the session where it or the page changed by a link, Back or Forward.

    A value that is not among its `options` falls back to the default.
    """
    state, address = st.session_state, _read()
    first, moved = "_page" not in state, state.get("_page") != page
    state["_page"] = page
    if moved or address != state["_address"]:
        for name, default in DEFAULTS.items():
            if first or not moved or name in address or name not in IN_PANELS:
                state[name] = _checked(address.get(name, default), default, options.get(name))
        state["_address"] = address  # a run that is interrupted does not come to `push`
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


def change(changes: Values) -> None:
    """Other filters, in a callback of what stands in a page: the run that follows draws the widgets of them too."""
    st.session_state.update({**{name: _copy(value) for name, value in changes.items()}, "_changed": True})


def changed() -> bool:
    """Whether a part of the page has changed filters and the widgets beside it do not show them yet."""
    return bool(st.session_state.pop("_changed", False))


def drill(page: Path, changes: Values) -> None:
    """Go to another page with filters changed; Back returns to this one as it is now.

    `st.switch_page` with parameters makes two steps of it in the browser's history: this page with the changed filters,
    then the other one. A link makes one, so it is a link that is clicked.
    """
    with st.container(key="drill"):
        st.page_link(page, label="Go there", query_params=encode({**current(), **changes}))
        st.html(f"<script>{_FOLLOW}</script>", unsafe_allow_javascript=True)


def drill_next(page: Path, changes: Values) -> None:
    """As `drill`, in a callback, which can draw nothing: the run that follows goes."""
    st.session_state["_drill"] = page, changes


def drill_now() -> None:
    """Go where a callback has said."""
    if (where := st.session_state.pop("_drill", None)) is not None:
        drill(*where)


_FOLLOW = """
const follow = () => {
  const link = document.querySelector('.st-key-drill a');
  link ? link.click() : requestAnimationFrame(follow);
};
follow();
"""


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


def _read() -> dict[str, str | list[str]]:
    query = st.query_params
    present = ((name, default) for name, default in DEFAULTS.items() if name in query)
    return {name: query.get_all(name) if isinstance(default, list) else query[name] for name, default in present}


def _checked(value: str | list[str], default: str | list[str], allowed: Sequence[str] | None) -> str | list[str]:
    return _copy(default) if allowed is not None and value not in allowed else _copy(value)


def _copy(value: str | list[str]) -> str | list[str]:
    return list(value) if isinstance(value, list) else value
