"""How far apart two colours look, to eyes that tell three kinds of light apart and to those that tell two."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from metrics.dashboard.charts.theme import Theme

Array = npt.NDArray[np.float64]

SIGHTS: dict[str, Array] = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""What each sight makes of linear sRGB, at full severity: Machado, Oliveira and Fernandes, "A Physiologically-based
Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009. Browsers simulate with these matrices too."""

APART = 0.08
"""The least distance in OKLab between colours that stand side by side; 0.02 is about what can just be seen."""

OPPOSED = 0.12
"""The same between two colours that mean opposite things."""

GRAPHIC, WORDS = 3.0, 4.5
"""The least contrast of WCAG 2 for parts of a picture and for text."""


def distance(one: str, other: str) -> tuple[float, str]:
    """The distance in OKLab to the eye that sees it smallest, and that eye's name."""
    return min(
        (float(np.linalg.norm(_oklab(matrix @ _linear(one)) - _oklab(matrix @ _linear(other)))), sight)
        for sight, matrix in SIGHTS.items()
    )


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG 2, from 1 to 21."""
    dark, light = sorted(float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def unreadable(look: Theme) -> list[str]:
    """What in a scheme an eye may not tell apart: one sentence each."""
    series = (*look.series, look.other)
    pairs = [(one, other, APART) for one, other in combinations(series, 2)]
    pairs += [(look.good, look.bad, OPPOSED), (look.cool, look.warm, OPPOSED), (look.series[0], look.bad, OPPOSED)]
    pairs += [(look.series[1], look.bad, APART), (look.other, look.cool, APART), (look.other, look.warm, APART)]
    said = [
        f"{look.name}: {one} and {other} are {far:.3f} apart to {sight}, not {least}"
        for one, other, least in pairs
        for far, sight in [distance(one, other)]
        if far < least
    ]
    drawn = [(colour, GRAPHIC) for colour in (*series, look.good, look.bad, look.cool, look.warm)]
    written = [(colour, WORDS) for colour in (look.text, look.ink)]
    return said + [
        f"{look.name}: {colour} has a contrast of {held:.2f} with the background, not {least}"
        for colour, least in [*drawn, *written]
        for held in [contrast(colour, look.background)]
        if held < least
    ]


def _linear(colour: str) -> Array:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _oklab(linear: Array) -> Array:
    """OKLab (Björn Ottosson, 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    mixed = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.asarray(mixed @ np.cbrt(cones @ np.clip(linear, 0, 1)))
