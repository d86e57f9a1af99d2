"""`test`: the cases of a project run against its fixtures, and never against the store of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics.cases import find_cases
from metrics.datafiles import load_folder
from metrics.settings import ROOT, Settings
from tests.test_commands import Result, environment, invoke

SOURCE = "SCHEMA >\n    `at` DateTime,\n    `model` String,\n    `tokens` Nullable(UInt32)\nENGINE_SORTING_KEY at\n"
TOTALS = """NODE by_model
SQL >
    %
    SELECT model, sum(tokens) AS total, avg(tokens) AS mean FROM calls
    WHERE 1 {% if defined(model) %} AND model = {{String(model)}} {% end %}
    GROUP BY model ORDER BY model
TYPE endpoint
"""
CSV = "at,model,tokens\n2026-01-02 03:04:05,a,1\n2026-01-02 03:04:06,a,2\n2026-01-02 03:04:07,b,\n"
CASES = """# All of them, by hand.
- name: all
  parameters: ''
  expected_result: |
    {"model":"a","total":3,"mean":1.5}
    {"model":"b","total":null,"mean":null}
- name: one  # the second
  description: One model
  parameters: model=b
  expected_result: |
    {"model":"b","total":null,"mean":null}
- name: none
  parameters: model=c
  expected_result: ''
- name: refused
  parameters: size=3
  expected_http_status: 400
  expected_result: ''
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one data source, one endpoint, a fixture and cases."""
    files = {
        "calls.datasource": SOURCE.replace("Nullable(UInt32)", "Nullable(UInt32) `json:$.tokens`"),
        "totals.pipe": TOTALS,
        "fixtures/calls.csv": CSV,
        "tests/totals.yaml": CASES,
    }
    for name, text in files.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


def run(settings: Settings, folder: Path, *arguments: str) -> Result:
    return invoke(environment(settings, PERCH_PROJECT=str(folder)), "test", *arguments)


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_cases_of_what_we_ship_pass_and_each_endpoint_has_one(settings: Settings) -> None:
    result = run(settings, ROOT / "metrics")
    assert result.code == 0, result.out
    tested = {case.pipe for case in find_cases(ROOT / "metrics")}
    assert tested == {pipe.name for pipe in load_folder(ROOT / "metrics").pipes.values() if pipe.kind == "endpoint"}


def test_cases_pass_and_leave_the_store_alone(settings: Settings, folder: Path) -> None:
    result = run(settings, folder)
    assert result.code == 0, result.out
    assert "4 cases: 4 passed, 0 failed." in result.out
    assert not settings.data_dir.exists()


def test_a_failed_case_says_what_differs(settings: Settings, folder: Path) -> None:
    cases = folder / "tests" / "totals.yaml"
    replace(cases, '"total":3,', '"total":4,')
    replace(cases, "model=c\n  expected_result: ''", 'model=c\n  expected_result: |\n    {"model":"c"}')
    replace(cases, "expected_http_status: 400", "expected_http_status: 404")
    result = run(settings, folder)
    assert result.code == 1
    assert "row 1, total: expected 4, got 3" in result.out
    assert 'expected 1 rows, got 0 (- expected, + got):\n        -{"model": "c"}' in result.out
    assert "expected the status 404, got 400: Pipe 'totals' has no parameter 'size'" in result.out
    assert "4 cases: 1 passed, 3 failed." in result.out


def test_a_failed_case_says_which_columns_are_others(settings: Settings, folder: Path) -> None:
    replace(folder / "totals.pipe", "AS mean", "AS middle")
    result = run(settings, folder, "one")
    assert "columns: expected model, total, mean\n                      got model, total, middle" in result.out


def test_update_writes_what_is_answered_and_keeps_the_rest(settings: Settings, folder: Path) -> None:
    cases = folder / "tests" / "totals.yaml"
    before = cases.read_text()
    replace(cases, '"total":3,', '"total":4,')
    replace(cases, "  expected_http_status: 400\n", "")
    assert "2 of them changed" in run(settings, folder, "--update").out
    assert cases.read_text().replace("  expected_http_status: 400\n", "") == before.replace(
        "  expected_http_status: 400\n", ""
    )
    assert run(settings, folder).code == 0


@pytest.mark.parametrize(("name", "count"), [("totals", 4), ("totals.yaml", 4), ("one", 1)])
def test_some_cases_by_name(settings: Settings, folder: Path, name: str, count: int) -> None:
    assert f"{count} cases: {count} passed" in run(settings, folder, name).out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- name: a\n  expected: ''\n", "totals.yaml:1: a case has no expected"),
        ("- parameters: a=1\n", "totals.yaml:1: expected a case with a name"),
        ("name: a\n", "expected a list of cases"),
        ("- name: 'a\n", "totals.yaml:"),
    ],
)
def test_a_file_that_holds_no_cases(settings: Settings, folder: Path, text: str, said: str) -> None:
    (folder / "tests" / "totals.yaml").write_text(text)
    result = run(settings, folder)
    assert result.code == 1
    assert said in result.err


def test_a_name_of_nothing_and_a_fixture_of_nothing(settings: Settings, folder: Path) -> None:
    assert "no test case of an endpoint 'nobody'" in run(settings, folder, "nobody").err
    (folder / "fixtures" / "nothing.csv").write_text(CSV)
    result = run(settings, folder)
    assert result.code == 1
    assert "nothing" in result.err
