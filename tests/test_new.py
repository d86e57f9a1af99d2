"""`new`: what it writes works at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics.settings import Settings
from tests.test_commands import Result, environment, invoke, sentence

DATES = "SCHEMA >\n    `day` Date `json:$.day`,\n    `n` UInt8 `json:$.n`\nENGINE_SORTING_KEY day\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def run(settings: Settings, folder: Path, *arguments: str) -> Result:
    return invoke(environment(settings, PERCH_PROJECT=str(folder)), *arguments)


def test_a_data_source_and_an_endpoint_from_nothing(settings: Settings, folder: Path) -> None:
    made = run(settings, folder, "new", "datasource", "clicks")
    assert made.code == 0, made.err
    assert str(folder / "datasources" / "clicks.datasource") in made.out
    assert f"{settings.url}/v0/events?name=clicks" in made.out
    made = run(settings, folder, "new", "endpoint", "clicks_by_kind")
    assert made.code == 0, made.err
    assert f"{settings.url}/v0/pipes/clicks_by_kind.json" in made.out
    checked = run(settings, folder, "check")
    assert (checked.code, checked.err) == (0, "")
    assert "1 pipe, 1 data source: all can run\n" in checked.out
    assert '{"kind":"first","rows":1}' in (folder / "tests" / "clicks_by_kind.yaml").read_text()
    tested = run(settings, folder, "test")
    assert tested.code == 0
    assert "3 cases: 3 passed" in tested.out


def test_an_endpoint_over_a_date_and_nothing_to_group_by(settings: Settings, folder: Path) -> None:
    (folder / "days.datasource").write_text(DATES)
    assert run(settings, folder, "new", "endpoint", "counted", "--datasource", "days").code == 0
    assert run(settings, folder, "check").err == ""
    assert run(settings, folder, "test", "counted").code == 0


def test_what_new_refuses(settings: Settings, folder: Path) -> None:
    assert "no data source to read" in sentence(run(settings, folder, "new", "endpoint", "first"))
    (folder / "days.datasource").write_text(DATES)
    assert "The name days is taken by" in sentence(run(settings, folder, "new", "endpoint", "days"))
    assert "cannot be a name" in sentence(run(settings, folder, "new", "datasource", "No-Name"))
    assert "'nights' does not exist" in sentence(
        run(settings, folder, "new", "endpoint", "a", "--datasource", "nights")
    )
    (folder / "tests").mkdir()
    (folder / "tests" / "first.yaml").write_text("- name: mine\n")
    assert "first.yaml exists; nothing was written" in sentence(run(settings, folder, "new", "endpoint", "first"))
    assert not (folder / "endpoints").exists()
