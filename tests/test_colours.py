"""The colours of the charts: told apart by colour-blind eyes, seen against the background, the same ones everywhere."""

from __future__ import annotations

import tomllib

import pytest

from metrics.dashboard.charts.theme import DARK, LIGHT, Theme
from tests import colours
from tests.conftest import ROOT

SCHEMES = pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])


@SCHEMES
def test_every_eye_tells_the_colours_apart(look: Theme) -> None:
    assert colours.unreadable(look) == []


@SCHEMES
def test_streamlit_draws_with_the_same_colours(look: Theme) -> None:
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][look.name]
    assert tuple(told["chartCategoricalColors"]) == look.series
    ours = (look.background, look.text, look.good, look.bad)
    assert (told["backgroundColor"], told["textColor"], told["greenColor"], told["redColor"]) == ours


def test_red_and_green_of_one_lightness_would_be_noticed() -> None:
    far, sight = colours.distance("#D33F3F", "#5C8F2E")
    assert far < colours.OPPOSED
    assert sight in ("protanopia", "deuteranopia")
    assert colours.contrast("#FFFFFF", "#000000") == pytest.approx(21)
