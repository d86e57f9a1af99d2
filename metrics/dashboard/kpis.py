"""The row of figures on top of a page: value, change against the period before, and its course."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from metrics.dashboard import client
from metrics.dashboard import format as fmt
from metrics.dashboard.filters import Filters

Better = Literal["more", "less", "neither"]

SLIGHT = 0.02
"""A relative change below this is shown, but not as good or bad."""


@dataclass(frozen=True)
class Kpi:
    """One figure. `better` says which direction is good; `points` shows the change of a share in percentage points."""

    label: str
    now: float | None
    before: float | None
    text: Callable[[float | None], str]
    better: Better = "neither"
    course: Callable[[], pd.Series] | None = None
    points: bool = False
    help: str | None = None


Courses = dict[str, list[float]]
"""The points of the courses that cards have, by their labels."""


def draw(figures: Sequence[Kpi], filters: Filters, *, early: bool) -> None:
    """The figures as cards, six abreast, two on a phone.

    Early: first with the courses that stood there until now. A figure is looked for before its course, which would hold
    it up.
    """
    place: DeltaGenerator = st.empty()
    courses: Courses = st.session_state.setdefault("_courses", {})
    if early and courses:
        _cards(place, figures, courses, filters)
    try:
        courses.update({figure.label: _points(figure.course()) for figure in figures if figure.course})
    except client.EndpointFailed:
        _cards(place, figures, {}, filters)
        raise
    _cards(place, figures, courses, filters)


def ratio(top: float | None, bottom: float | None) -> float | None:
    """top / bottom, unknown where either is or the bottom is 0."""
    if top is None or bottom is None or not fmt.known(top) or not fmt.known(bottom) or not bottom:
        return None
    return top / bottom


def _cards(place: DeltaGenerator, figures: Sequence[Kpi], courses: Courses, filters: Filters) -> None:
    with place.container(), st.grid(6, min_column_width=148, gap="small"):
        for figure in figures:
            _card(figure, courses.get(figure.label, []) if figure.course else [], filters)


def _points(course: pd.Series) -> list[float]:
    return [float(value) for value in course.dropna()]


def _card(figure: Kpi, course: list[float], filters: Filters) -> None:
    delta = _delta(figure) if filters.compare else None
    st.metric(
        figure.label,
        figure.text(figure.now),
        delta=delta,
        delta_color=_colour(figure, delta),
        delta_arrow="off" if delta == "new" else "auto",
        delta_description=filters.against() if delta is not None else None,
        chart_data=course if len(course) > 1 else None,
        chart_type="line" if figure.points else "area",
        border=True,
        height="stretch",
        help=figure.help,
    )


def _delta(figure: Kpi) -> str | int | None:
    return (fmt.points if figure.points else fmt.change)(figure.now, figure.before)


def _colour(figure: Kpi, delta: str | int | None) -> Literal["normal", "inverse", "gray"]:
    if figure.better == "neither" or not isinstance(delta, str) or delta == "new" or _slight(figure):
        return "gray"
    return "normal" if figure.better == "more" else "inverse"


def _slight(figure: Kpi) -> bool:
    if figure.points or not figure.now or not figure.before:
        return False
    return abs(figure.now / figure.before - 1) < SLIGHT
