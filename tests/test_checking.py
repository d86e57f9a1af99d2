"""`check`: everything that is wrong with a folder of definitions, at once and in its place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from metrics.__main__ import cli

EVENTS = "SCHEMA >\n    `at` DateTime,\n    `model` String,\n    `tokens` UInt32\nENGINE_SORTING_KEY at\n"


def check(folder: Path, files: dict[str, str], *options: str) -> tuple[int, str, str]:
    """The exit code, what is printed and what is told on stderr for a project of these files and a data source."""
    for name, text in {"events.datasource": EVENTS, **files}.items():
        (folder / name).write_text(text)
    done = CliRunner().invoke(cli, ["check", str(folder), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.stdout, done.stderr


def pipe(*nodes: str) -> str:
    """A pipe of these queries, in nodes called one, two and three; the last is its endpoint."""
    names = zip(("one", "two", "three"), nodes, strict=False)
    return "".join(f"NODE {name}\nSQL >\n    %\n    {sql}\n" for name, sql in names) + "TYPE endpoint\n"


def pointed_at(told: str) -> list[tuple[str, str]]:
    """Each `file:line` that was told, and the word of the source above the caret."""
    found = []
    for head, source, mark in re.findall(r"^(.*)\n    (.*)\n    ( *[\^~]+)$", told, re.MULTILINE):
        word = re.match(r"\w+", source[len(mark) - len(mark.lstrip()) :])
        assert head.count(":") >= 3, head
        found.append((Path(head.split(":")[0]).name + ":" + head.split(":")[1], word[0] if word else ""))
    return found


def test_what_we_ship_has_nothing_to_tell() -> None:
    done = CliRunner().invoke(cli, ["check"])
    assert done.exit_code == 0
    assert done.stderr == ""
    assert re.search(r"^\d+ pipes, \d+ data sources?: all can run$", done.stdout, re.MULTILINE)


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    files = {
        "a.pipe": pipe("SELECT nope FROM events", "SELECT neverAFunction(at) FROM events", "SELECT * FROM one"),
        "b.pipe": pipe("SELECT model FROM elsewhere"),
        "reader.pipe": pipe("SELECT a FROM other"),
        "c.pipe": "NODE one\nSQL >\n    SELECT model,,\nTYPE endpont\n",
        "d.pipe": pipe("SELECT {{ Strin(x) }} AS a FROM events"),
        "other.datasource": "SCHEMA >\n    `a` String,\n    `b` Strin\n",
        "more.datasource": "SCHEMA >\n    `a` String DEFAULT missing(1)\nENGINE_SORTING_KEY a\n",
    }
    code, printed, told = check(tmp_path, files)
    assert code == 1
    expected = [
        ("a.pipe:4", "nope"), ("a.pipe:8", "neverAFunction"), ("b.pipe:4", "elsewhere"), ("c.pipe:4", "TYPE"),
        ("d.pipe:4", "Strin"), ("more.datasource:2", "missing"), ("other.datasource:3", "Strin"),
    ]  # fmt: skip
    assert sorted(pointed_at(told)) == expected
    assert "5 pipes, 3 data sources: 6 files cannot be used; 7 errors" in printed


@pytest.mark.parametrize(
    "condition", ["defined(x)", "x == 'week'", "Int32(n, 1) > 5", "not defined(x) and defined(when)"]
)
def test_what_only_a_parameter_opens_is_compiled_too(tmp_path: Path, condition: str) -> None:
    declared = "{{String(x, enum=['day', 'week'])}} {{Int32(n, 1, example=7)}} {{DateTime(when)}}"
    sql = f"SELECT model FROM events WHERE 1 {{% if {condition} %}} AND nope = 1 {{% end %}}"
    hidden = f"{{% if False %}} {declared} {{% end %}}"
    code, _, told = check(tmp_path, {"a.pipe": pipe(f"{sql} {hidden}")})
    assert code == 1
    assert ("a.pipe:4", "nope") in pointed_at(told)


def test_parameters_that_are_unused_untyped_or_undescribed(tmp_path: Path) -> None:
    sql = (
        "{% set limit = Int32(idle, 3) %} SELECT model FROM events WHERE 1 {% if defined(flag) %} AND 1 {% end %} "
        "AND model = {{String(x)}}"
    )
    code, printed, told = check(tmp_path, {"a.pipe": pipe(sql)})
    assert code == 0
    assert sorted(word for _, word in pointed_at(told)) == ["flag", "idle", "x"]
    assert "all can run; 2 warnings, 1 hint" in printed


def test_a_pipe_that_refuses_every_value_is_named(tmp_path: Path) -> None:
    code, _, told = check(tmp_path, {"a.pipe": pipe("SELECT 1 {{ error('never') }}")})
    assert code == 0
    assert "never" in told


def test_settings_of_a_data_source_that_only_clickhouse_obeys(tmp_path: Path) -> None:
    more = "ENGINE ReplacingMergeTree\nKAFKA_TOPIC x\n"
    code, _, told = check(tmp_path, {"events.datasource": EVENTS + more})
    assert code == 0
    assert [word for _, word in pointed_at(told)] == ["ENGINE", "KAFKA_TOPIC"]


def test_the_report_as_json(tmp_path: Path) -> None:
    files = {"a.pipe": pipe("SELECT model, sum(tokens) AS n FROM events GROUP BY model"), "b.pipe": pipe("SELECT x")}
    code, printed, told = check(tmp_path, files, "--json")
    report = json.loads(printed)
    assert (code, told, report["ok"]) == (1, "", False)
    assert report["pipes"][0]["columns"] == [{"name": "model", "type": "String"}, {"name": "n", "type": "UInt64"}]
    (problem,) = report["problems"]
    assert (Path(problem["path"]).name, problem["line"], problem["column"], problem["severity"]) == (
        "b.pipe", 4, 12, "error",
    )  # fmt: skip


def test_every_column_of_a_data_source_is_judged(tmp_path: Path) -> None:
    types = "SCHEMA >\n    `a` Strin,\n    `b` Boolean `json:$.b`,\n    `c` String,\n    `d` Int DEFAULT 1\n"
    defaults = "SCHEMA >\n    `a` String DEFAULT missing(1),\n    `b` UInt8 DEFAULT absent(2)\nENGINE_SORTING_KEY b\n"
    code, _, told = check(tmp_path, {"types.datasource": types, "defaults.datasource": defaults})
    assert code == 1
    assert pointed_at(told) == [
        ("defaults.datasource:2", "missing"), ("defaults.datasource:3", "absent"),
        ("types.datasource:2", "Strin"), ("types.datasource:3", "Boolean"), ("types.datasource:5", "Int"),
    ]  # fmt: skip


def test_one_name_in_two_folders(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    code, printed, told = check(tmp_path, {"a.pipe": pipe("SELECT 1 AS n"), "more/a.pipe": pipe("SELECT 2 AS n")})
    assert code == 1
    assert re.search(r"^\S*/more/a\.pipe: error: the name a is already that of ", told, re.MULTILINE)
    assert "2 pipes, 1 data source: 1 file cannot be used; 1 error" in printed


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["check", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert "does not exist" in done.stderr


def test_what_has_no_effect_is_a_warning(tmp_path: Path) -> None:
    files = {
        "old.datasource": "VERSION 2\nSHARED_WITH other\n" + EVENTS,
        "old_answers.pipe": "VERSION 1\n" + pipe("SELECT count() AS calls FROM old"),
    }
    code, _, told = check(tmp_path, files)
    assert code == 0
    wanted = (("old.datasource:1", "VERSION"), ("old.datasource:2", "SHARED_WITH"), ("old_answers.pipe:1", "VERSION"))
    for place, says in wanted:
        assert re.search(rf"{place}:1: warning: {says} .*has no effect", told), told
