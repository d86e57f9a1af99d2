"""`sql`: one SELECT, by the API that is there, in the form that is asked for."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from metrics.__main__ import cli
from metrics.settings import Settings
from tests.conftest import Perch
from tests.test_commands import EVENT, environment, run_command

ROWS = "SELECT model_name, cost, prompt_tokens AS n FROM llm_events ORDER BY n"


def ask(settings: Settings, *arguments: str, typed: str = "") -> tuple[int, bytes, str]:
    done = CliRunner().invoke(cli, ["sql", *arguments], input=typed, env=environment(settings))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.stdout_bytes, done.stderr


@pytest.fixture
def filled(perch: Perch) -> Settings:
    """The settings of a server with two rows."""
    perch.post_events("llm_events", [EVENT, {**EVENT, "model_name": "größer", "cost": None, "prompt_tokens": 2_000}])
    return perch.settings


def test_every_form_of_an_answer(filled: Settings) -> None:
    code, table, _ = ask(filled, "--format", "table", ROWS)
    assert code == 0
    assert table.decode().splitlines()[:4] == [
        " model_name   |   cost |    n",
        "--------------+--------+------",
        " gpt-4        |   0.25 |   10",
        " größer       |        | 2000",
    ]
    assert "2 rows in" in table.decode()
    rows = [{"model_name": "gpt-4", "cost": 0.25, "n": 10}, {"model_name": "größer", "cost": None, "n": 2000}]
    assert json.loads(ask(filled, "--format", "json", ROWS)[1])["data"] == rows
    assert [json.loads(line) for line in ask(filled, ROWS)[1].splitlines()] == rows
    read = list(csv.DictReader(io.StringIO(ask(filled, "--format", "csv", ROWS)[1].decode())))
    assert [row["model_name"] for row in read] == ["gpt-4", "größer"]
    parquet = ask(filled, "--format", "parquet", ROWS)[1]
    assert pq.read_table(io.BytesIO(parquet)).column("n").to_pylist() == [10, 2000]
    assert json.loads(ask(filled, f"{ROWS} FORMAT JSON")[1])["rows"] == 2


def test_a_statement_from_the_standard_input(settings: Settings) -> None:
    assert ask(settings, typed="SELECT 1 AS one,\n  'a' AS b;\n")[1] == b'{"one":1,"b":"a"}\n'


def test_a_table_without_rows(settings: Settings) -> None:
    code, table, _ = ask(settings, "--format", "table", ROWS)
    assert code == 0
    assert "model_name" in table.decode()
    assert "0 rows in" in table.decode()


def test_a_mistake_has_a_caret(settings: Settings) -> None:
    code, _, told = ask(settings, "SELECT model_name,\n  nope\nFROM llm_events")
    assert code == 1
    lines = told.splitlines()
    assert "line 2, column 3: there is no column nope" in lines[0]
    assert lines[1:] == ["      nope", "      ^"]


def test_a_process_of_its_own_beside_a_server(filled: Settings) -> None:
    result = run_command(environment(filled), "sql", "SELECT count() AS n FROM llm_events")
    assert (result.code, result.out) == (0, '{"n":2}\n')
