"""A click on a mark, an entry of a legend or a name in a table: filter by it, or go where its calls are told.

A second click on what the view is filtered by takes the filter away, and so does the button with its name below the
title. Back undoes each of them: a filter is in the address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import streamlit as st

from metrics.dashboard import format as fmt
from metrics.dashboard import urlstate, zoom

NAME = "pick"
"""The selection of a chart that a click makes."""


MOST = 8
"""So many filters have a button below the title; the widgets beside the page have all."""


@dataclass(frozen=True)
class Click:
    """What a click in a chart means: `names` are the values behind the names that are drawn, `act` is told one."""

    names: Mapping[str, Any]
    act: Callable[[Any], None]


def filtering(dimension: str, names: Mapping[str, str]) -> Click:
    """A click filters by a dimension. `names`: value -> the name that is drawn."""
    return Click({drawn: value for value, drawn in names.items()}, filter_by(dimension))


def filter_by(dimension: str) -> Callable[[str], None]:
    """What a click does that filters by a value of this dimension."""
    return partial(toggle, dimension)


def toggle(dimension: str, value: str) -> None:
    """Filter by this value alone; where the view is filtered by it alone already, no more."""
    urlstate.change({dimension: [] if urlstate.current()[dimension] == [value] else [value]})


def drop(dimension: str, value: str) -> None:
    """Take one value out of the filter."""
    urlstate.change({dimension: [one for one in urlstate.current()[dimension] if one != value]})


def chosen(held: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    """A button for each value that the view is filtered by, which takes it away."""
    pairs = [(dimension, value) for dimension, values in held for value in values]
    if not pairs:
        return
    with st.container(horizontal=True, gap="xsmall", key="chosen"):
        for dimension, value in pairs[:MOST]:
            st.button(
                f"{dimension}: {fmt.plain(value) or '(none)'}",
                icon=":material/close:",
                key=f"drop-{dimension}-{value}",
                help="Take this filter away",
                on_click=drop,
                args=(dimension, value),
            )
        if len(pairs) > MOST:
            st.caption(f"and {len(pairs) - MOST} more", width="content")


def parameter(field: str, *, legend: bool = False) -> alt.Parameter:
    """The selection for a layer whose marks carry a name in `field`; `legend`: for the entries of the legend too."""
    on = f"click[event.item && event.item.datum && isDefined(event.item.datum.{field})]"
    if legend:
        return alt.selection_point(name=NAME, fields=[field], on=on, clear=False, bind="legend")
    return alt.selection_point(name=NAME, fields=[field], on=on, clear=False)


def watched(key: str, spec: Mapping[str, Any], click: Click | None) -> dict[str, Any]:
    """What a chart is given beside its spec: its key, and what happens on a click or a drag."""
    modes = [zoom.NAME] if any(one["name"] == zoom.NAME for one in spec.get("params", [])) else []
    modes += [NAME] if click else []
    if not modes:
        return {"key": key}
    # A chart keeps its selection as long as it has its key: after each one it gets another, and nothing is selected.
    key = f"{key}-{_turn()}"
    return {"key": key, "selection_mode": modes, "on_select": partial(_selected, key, click)}


def cell(key: str, names: Iterable[str], column: str, dimension: str) -> dict[str, Any]:
    """What a table is given for a click in `column` to filter by the name that its row is of."""
    key = f"{key}-{_turn()}"
    return {
        "key": key,
        "selection_mode": "single-cell",
        "on_select": partial(_cell, key, list(names), column, dimension),
    }


def _turn() -> int:
    return int(st.session_state.get("_clicks", 0))


def _selected(key: str, click: Click | None) -> None:
    if not key.endswith(f"-{_turn()}"):
        return  # the rest of a gesture that has been answered
    selection = st.session_state[key]["selection"]
    marked = selection.get(NAME)
    if zoom.apply(selection):
        _answered()
    elif click and marked:
        _answered()
        drawn = next(iter(marked[-1].values()), "")
        if drawn in click.names:
            click.act(click.names[drawn])


def _cell(key: str, names: Sequence[str], column: str, dimension: str) -> None:
    chosen = [place for place, clicked in st.session_state[key]["selection"]["cells"] if clicked == column]
    if chosen and chosen[0] < len(names):
        _answered()
        toggle(dimension, names[chosen[0]])


def _answered() -> None:
    st.session_state["_clicks"] = _turn() + 1
