"""How long a statement becomes when the engine writes out the macros it calls.

A macro names an argument several times, so that calls in calls grow like powers: `toString` ten deep would be
gigabytes, and the engine cannot be interrupted while it writes them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

MACROS: Final = (Path(__file__).parent / "macros.sql").read_text(encoding="utf-8")

_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|\w+|[^\s\w]")
_MACRO: Final = re.compile(r"CREATE OR REPLACE MACRO (\w+)\(([^)]*)\) AS(.*?);\n", re.DOTALL)
_DEFINITIONS: Final = {name: (parameters, body) for name, parameters, body in _MACRO.findall(MACROS + "\n")}


def expansion(sql: str) -> int:
    """Words and signs that a statement gets when the macros that it calls, and those they call, are written out."""
    return sum(times - 1 for _, times in _counted(sql)) if "ch_" in sql else 0


def _counted(sql: str) -> Iterator[tuple[str, int]]:
    """Every word and sign, and how many times it stands there in the end."""
    times: Callable[[int], int] = _once
    around: list[tuple[Callable[[int], int], int, int]] = []  # of each open bracket: what counts outside of it
    position, factor, before = 0, 1, ""
    for token in _TOKEN.findall(sql):
        if token == "(":
            around.append((times, position, factor))
            times, position, factor = _uses(before), 0, factor * times(position)
        elif token == ")" and around:
            times, position, factor = around.pop()
        elif token == "," and around:
            position += 1
        if token == "(" and before in _DEFINITIONS:
            yield token, factor * _length(before)
        yield token, factor * times(position)
        before = token


def _once(_: int) -> int:
    return 1


def _uses(name: str) -> Callable[[int], int]:
    """How many times a macro writes out each of its arguments; once for what is no macro."""
    if name not in _DEFINITIONS:
        return _once
    uses = list(_profile(name).values())
    return lambda position: uses[position] if position < len(uses) else 1


@cache
def _profile(name: str) -> Mapping[str, int]:
    parameters, body = _DEFINITIONS[name]
    names = [each.strip() for each in parameters.split(",") if each.strip()]
    found = dict.fromkeys(names, 0)
    for token, times in _counted(body):
        if token in found:
            found[token] += times
    return found


@cache
def _length(name: str) -> int:
    return sum(times for _, times in _counted(_DEFINITIONS[name][1]))
