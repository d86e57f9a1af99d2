"""The short form of tests/fuzz.py."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import run


def test_mutated_requests_never_make_the_server_stumble(tmp_path: Path) -> None:
    figures = run(1500, tmp_path, seed=3, seconds=20, tell=lambda line: None)
    assert figures.rows > 0
    assert figures.quarantined > 0
    assert figures.statuses[400] > 0
