"""Colours of both schemes.

Searched for the largest smallest distance over usual sight and its three deficiencies, each at 3:1 or more against the
background; `tests/colours.py` measures it. Good and bad differ in lightness, and never by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from metrics.dashboard.timeline import OTHER


@dataclass(frozen=True)
class Theme:
    """Colours as hex codes. `cool`, `calm`, `warm` are the ends and the middle of a diverging scale."""

    name: str
    series: tuple[str, ...]
    background: str
    text: str
    ink: str
    good: str
    bad: str
    cool: str
    calm: str
    warm: str
    ramp: Literal["purples", "inferno"]
    other: str = "#7C8089"


LIGHT = Theme(
    name="light",
    series=("#4F46E5", "#F65C22", "#B1354E", "#B176DF", "#3F4D7C", "#02A75D", "#614D10", "#9A31AC"),
    background="#FFFFFF",
    text="#18181B",
    ink="#71717A",
    good="#0E9F6E",
    bad="#B91C1C",
    cool="#0369A1",
    calm="#F4F4F5",
    warm="#EA580C",
    ramp="purples",
)
DARK = Theme(
    name="dark",
    series=("#97BBF5", "#E8D846", "#D73E3D", "#4159D4", "#F5929D", "#7EAF32", "#BE76F5", "#A52E94"),
    background="#0B0B0F",
    text="#EDEDEF",
    ink="#A1A1AA",
    good="#6EE7B7",
    bad="#F87171",
    cool="#38BDF8",
    calm="#17171F",
    warm="#F97316",
    ramp="inferno",
)


def theme() -> Theme:
    """The scheme the viewer looks at."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def colours(series: Sequence[str], ranked: Sequence[str], look: Theme) -> tuple[str, ...]:
    """A colour for each series. It follows the rank over all time, so a name looks the same on every page and range."""
    held = {name: look.series[place] for place, name in enumerate(ranked[: len(look.series)]) if name in series}
    free = iter([colour for colour in look.series if colour not in held.values()])
    given = {name: held[name] if name in held else look.other if name == OTHER else next(free) for name in series}
    return tuple(given[name] for name in series)
