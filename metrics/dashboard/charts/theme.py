"""Colours of both schemes.

The categorical colours were searched for the largest smallest distance over normal, deutan, protan and tritan sight.
Amber and green are below 3:1 on white, so colour never stands alone: order, labels, tooltips and tables say it too.
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
    other: str = "#9CA3AF"


LIGHT = Theme(
    name="light",
    series=("#4F46E5", "#F59E0B", "#6C8FF0", "#D55E00", "#4FC163", "#882255", "#9C6B4E", "#64748B"),
    background="#FFFFFF",
    text="#18181B",
    ink="#71717A",
    good="#0E9F6E",
    bad="#DC2626",
    cool="#0D9488",
    calm="#F4F4F5",
    warm="#EA580C",
    ramp="purples",
)
DARK = Theme(
    name="dark",
    series=("#97BBF5", "#EFB118", "#A463F2", "#D55E00", "#5EEAD4", "#DDCC77", "#4477AA", "#9C6B4E"),
    background="#0B0B0F",
    text="#EDEDEF",
    ink="#A1A1AA",
    good="#34D399",
    bad="#F87171",
    cool="#2DD4BF",
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
