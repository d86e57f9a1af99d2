"""Saved views: an address under a name, for everyone who reads this Perch.

They are rows of the data source `saved_views`, posted like any event and read from the endpoint `dashboard_views`. A
later row of a name replaces the earlier one; deleting is a row that says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from metrics.dashboard import client, urlstate

PAGES = Path(__file__).resolve().parents[2] / "pages"
LONGEST = 60
"""Characters of a name."""

VIEWS = client.pipe("dashboard_views")


def control() -> None:
    """Save this view, open or delete another."""
    opened = st.popover("Views", icon=":material/bookmark:", key="views", on_change="rerun", help="Saved views")
    if not opened.open:
        return
    with opened:
        try:
            _list(client.fetch(views=VIEWS)["views"])
        except (client.EndpointFailed, LookupError) as failure:
            st.caption(f"Saved views cannot be read: {failure}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Name of this view", key="_view_name", max_chars=LONGEST, placeholder="Spend of search")
            st.button("Save", icon=":material/bookmark_add:", key="_view_save", on_click=_save)
        if said := st.session_state.pop("_view_said", ""):
            st.error(said, icon=":material/error:")


def _list(views: pd.DataFrame) -> None:
    if views.empty:
        st.caption("No view is saved yet. A saved view is open to all who read this dashboard.")
    for view in views.itertuples(index=False):
        page = _page(str(view.page))
        if page:
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.page_link(page, label=str(view.name), query_params=urlstate.decode(str(view.query)))
                st.button(
                    "Delete",
                    icon=":material/delete:",
                    type="tertiary",
                    key=f"_view_delete_{view.name}",
                    on_click=_delete,
                    args=[view.name],
                )


def _page(name: str) -> Path | None:
    """The page of a saved address; none for a name that is no page here."""
    file = PAGES / f"{name or 'overview'}.py"
    return file if re.fullmatch(r"\w*", name) and file.exists() else None


def _save() -> None:
    name = st.session_state["_view_name"].strip()
    if not name:
        st.session_state["_view_said"] = "Give the view a name."
        return
    query = urlencode(urlstate.encode(urlstate.current()), doseq=True)
    if _post({"name": name, "page": st.session_state["_page"], "query": query}):
        st.session_state["_view_name"] = ""


def _delete(name: str) -> None:
    _post({"name": name, "page": "", "query": "", "deleted": 1})


def _post(row: dict[str, object]) -> bool:
    try:
        client.append("saved_views", row)
    except client.ApiError as failure:
        st.session_state["_view_said"] = str(failure)
        return False
    client.forget(VIEWS)
    return True
