"""The switches inside panels: which measure, which dimension, which colours. Their values are in the address too.

They stand on the left, beside the title: on the right the chart's own toolbar would cover them.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from metrics.dashboard import states, urlstate

MEASURES = {"total_cost": "Cost", "requests": "Requests", "total_tokens": "Tokens"}
HEAT = {"relative": "vs own median", "absolute": "Absolute"}


def measure(title: str) -> str:
    """A title with the switch of the measure beside it; the measure's column."""
    with states.heading(title):
        return _switch("Measure", MEASURES, "measure")


def measure_and_dimension(values: pd.DataFrame) -> str:
    """The two switches of the Usage page; the measure's column."""
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = _switch("Measure", MEASURES, "measure")
        _switch("Split by", {name: name.capitalize() for name in _dimensions(values)}, "dimension")
    return chosen


def dimension_in_use(values: pd.DataFrame) -> str:
    """The dimension of the address, or the first that any event has a value of."""
    held, asked = _dimensions(values), str(urlstate.current()["dimension"])
    st.session_state["dimension"] = asked if asked in held else held[0]
    return str(st.session_state["dimension"])


def heat(title: str) -> bool:
    """A title with the switch of the heat map's colours; whether they are relative."""
    with states.heading(title):
        return _switch("Colours", HEAT, "heat") == "relative"


def _dimensions(values: pd.DataFrame) -> list[str]:
    present = set(values["dimension"])
    return [name for name in urlstate.DIMENSIONS if name in present] or ["model"]


def _switch(label: str, choices: dict[str, str], key: str) -> str:
    chosen = st.segmented_control(
        label,
        list(choices),
        format_func=lambda name: choices[name],
        required=True,
        key=key,
        label_visibility="collapsed",
    )
    return str(chosen)
