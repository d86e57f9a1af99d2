"""The command line, beside a running server and without one; every expected failure is one sentence."""

from __future__ import annotations

import gzip
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from click.testing import CliRunner

from metrics import __main__ as main
from metrics.client import api
from metrics.settings import Settings
from tests.conftest import ADMIN_TOKEN, ROOT, Perch, as_body, free_port, running

EVENT = {
    "event_time": "2026-01-02 03:04:05",
    "model_name": "gpt-4",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "cost": 0.25,
    "latency": 1.5,
    "success": 1,
}
BAD = {**EVENT, "prompt_tokens": -1}


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


def environment(settings: Settings, **extra: str) -> dict[str, str]:
    given = {
        "PERCH_DATA_DIR": str(settings.data_dir),
        "PERCH_PORT": str(settings.port),
        "PERCH_ADMIN_TOKEN": settings.admin_token,
        "PERCH_MEMORY": "1GB",
    }
    return {**os.environ, **given, **extra}


def run_command(env: Mapping[str, str], *arguments: str) -> Result:
    argv = [sys.executable, "-m", "metrics", *arguments]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    if arguments[:2] != ("token", "create"):
        assert ADMIN_TOKEN not in done.stdout + done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


def sentence(result: Result) -> str:
    """The one line of a command that failed as it should."""
    assert result.code == 1, result
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, result.err
    return lines[0]


@pytest.fixture(params=["beside a server", "without a server"])
def command(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Command]:
    """Runs a command on a store that a server holds, and (in this process, to be quick) on one that nobody holds."""
    env = environment(settings)
    if request.param == "without a server":
        yield lambda *arguments: invoke(env, *arguments)
        return
    with running(settings):
        yield lambda *arguments: run_command(env, *arguments)


def invoke(env: Mapping[str, str], *arguments: str) -> Result:
    done = CliRunner().invoke(main.cli, arguments, env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return Result(done.exit_code, done.stdout, done.stderr)


def count(settings: Settings, condition: str = "1") -> int:
    """Rows of llm_events, asked by the way that is open."""
    with api(settings) as perch:
        return int(perch.rows(f"SELECT count() AS n FROM llm_events WHERE {condition}")[0]["n"])


def test_load_reports_rows_and_the_first_reasons(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress(as_body([EVENT, EVENT, BAD]) + b"\nnot json\n"))
    result = command("load", str(file))
    assert result.code == 0, result.err
    assert "2 rows loaded, 2 quarantined" in result.out
    assert "prompt_tokens" in result.out
    assert "line 4" in result.out


def test_loading_a_file_with_ids_again_says_that_its_rows_are_there(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(as_body([{**EVENT, "id": "a"}, {**EVENT, "id": "b"}]))
    env = environment(settings)
    assert invoke(env, "load", str(file)).out.strip() == f"{file}: 2 rows loaded, 0 quarantined."
    again = invoke(env, "load", str(file)).out.strip()
    assert again == f"{file}: 0 rows loaded, 0 quarantined, 2 were there already."


def test_export_writes_a_file_a_month_and_only_what_changed(
    command: Command, tmp_path: Path, settings: Settings
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(as_body([EVENT, {**EVENT, "event_time": "2026-02-01 00:00:00"}]))
    assert command("load", str(file)).code == 0
    assert command("export").code == 0
    months = sorted(path.parent.name for path in settings.exports_dir.rglob("*.parquet"))
    assert months == ["month=01", "month=02"]
    assert "up to date" in command("export").out


def test_tokens_are_shown_once_and_revoked(command: Command) -> None:
    made = command(
        "token", "create", "reader", "--scope", "PIPES:READ:llm_totals", "--scope", "DATASOURCES:READ:llm_events"
    )
    secret = made.out.strip()
    assert made.code == 0
    assert len(secret.split()) == 1
    listed = command("token", "list").out
    assert "reader" in listed
    assert "PIPES:READ:llm_totals" in listed
    assert secret not in listed
    assert command("token", "revoke", "reader").code == 0
    assert "reader" in sentence(command("token", "revoke", "reader"))


def test_demo_rows_come_and_go_alone(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(as_body([{**EVENT, "environment": "production"}, EVENT]))
    assert command("load", str(file)).code == 0
    assert "Added 2,000 demo rows" in command("demo", "--rows", "2000").out
    assert "Removed 2,000 demo rows" in command("demo", "--remove").out
    assert "Removed 0 demo rows" in command("demo", "--remove").out


def test_a_running_server_obeys_a_token_command_at_once(perch: Perch) -> None:
    env = environment(perch.settings)
    secret = run_command(env, "token", "create", "reader", "--scope", "PIPES:READ:llm_totals").out.strip()
    assert perch.get("/v0/pipes/llm_totals.json", token=secret).status_code == 200
    assert perch.get("/v0/pipes/llm_performance.json", token=secret).status_code == 403
    renewed = run_command(env, "token", "refresh", "reader").out.strip()
    assert perch.get("/v0/pipes/llm_totals.json", token=secret).status_code == 403
    secret = renewed
    assert perch.get("/v0/pipes/llm_totals.json", token=secret).status_code == 200
    run_command(env, "token", "revoke", "reader")
    assert perch.get("/v0/pipes/llm_totals.json", token=secret).status_code == 403


def test_load_takes_csv_parquet_and_sqlite(settings: Settings, tmp_path: Path) -> None:
    env = environment(settings)
    theirs = {"when": "2026-01-02 03:04:05", "input": 7, "output": 3}
    csv = tmp_path / "rows.csv"
    csv.write_text("when,input,output\n" + ",".join(str(value) for value in theirs.values()) + "\n")
    parquet = tmp_path / "rows.parquet"
    pq.write_table(pa.table({name: [value] for name, value in theirs.items()}), parquet)
    lite = tmp_path / "rows.sqlite"
    with sqlite3.connect(lite) as connection:
        connection.execute('CREATE TABLE calls ("when" TEXT, input INTEGER, output INTEGER)')
        connection.execute("INSERT INTO calls VALUES (?, ?, ?)", list(theirs.values()))
    connection.close()
    mapping = ["--map", "event_time=when", "--map", "prompt_tokens=input", "--map", "completion_tokens=output"]
    fixed = ["--set", "model_name=m", "--set", "success=1"]
    result = run_command(env, "load", str(csv), str(parquet), str(lite), *mapping, *fixed)
    assert result.code == 0, result
    assert result.out.count("1 rows loaded, 0 quarantined") == 3
    assert count(settings, "model_name = 'm' AND prompt_tokens = 7 AND completion_tokens = 3 AND success = 1") == 3


def test_an_empty_store_gets_demo_rows_and_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "DEMO_ROWS", 500)
    with api(settings) as perch:
        for _ in range(2):
            main._fill_if_empty(perch)
        assert perch.rows("SELECT count() AS n FROM llm_events WHERE environment = 'demo'") == [{"n": 500}]


def test_the_tutorials_own_table_gets_no_demo_rows(settings: Settings, project: Path) -> None:
    with api(settings.model_copy(update={"project": project})) as perch:
        main._fill_if_empty(perch)
        assert perch.rows("SELECT count() AS n FROM llm_events") == [{"n": 0}]


def test_check_says_where_every_mistake_is(settings: Settings, project: Path) -> None:
    env = environment(settings, PERCH_PROJECT=str(project))
    assert run_command(env, "check").code == 0
    pipe = project / "endpoints" / "llm_performance.pipe"
    pipe.write_text(pipe.read_text().replace("avg(latency)", "no_such_function(latency)"))
    result = run_command(env, "check")
    assert result.code == 1
    assert re.search(r"llm_performance\.pipe:\d+:\d+: .*no_such_function", result.err)
    (project / "datasources" / "other.datasource").write_text("SCHEMA >\n    `a` Strinj `json:$.a`\n")
    assert re.search(r"other\.datasource:2:\d+: .*Strinj", run_command(env, "check").err)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["load", "no-such-file.ndjson"], "no-such-file.ndjson"),
        (["load", "README.md", "--datasource", "no_such_source"], "no_such_source"),
        (["token", "create", "x", "--scope", "NOT:A:SCOPE"], "NOT:A:SCOPE"),
    ],
)
def test_a_wrong_argument_is_one_sentence(settings: Settings, arguments: list[str], said: str) -> None:
    assert said in sentence(run_command(environment(settings), *arguments))


@pytest.mark.parametrize("arguments", [["serve"], ["run"], ["export"], ["check"]])
def test_a_bad_setting_is_one_sentence(settings: Settings, arguments: list[str]) -> None:
    said = sentence(run_command(environment(settings, PERCH_PORT="seven"), *arguments))
    assert "PERCH_PORT" in said
    assert "seven" in said


@pytest.mark.parametrize("arguments", [["serve"], ["run", "--no-demo"]])
def test_a_port_in_use_is_one_sentence(settings: Settings, tmp_path: Path, arguments: list[str]) -> None:
    with running(settings):
        elsewhere = environment(settings, PERCH_DATA_DIR=str(tmp_path / "else"), PERCH_DASHBOARD_PORT=str(free_port()))
        assert str(settings.port) in sentence(run_command(elsewhere, *arguments))


def test_the_dashboards_port_in_use_is_one_sentence(perch: Perch, tmp_path: Path) -> None:
    taken = str(perch.settings.port)
    env = environment(
        perch.settings, PERCH_DATA_DIR=str(tmp_path / "else"), PERCH_PORT=str(free_port()), PERCH_DASHBOARD_PORT=taken
    )
    said = sentence(run_command(env, "run", "--no-demo"))
    assert taken in said
    assert "PERCH_DASHBOARD_PORT" in said


@pytest.mark.parametrize("arguments", [["serve"], ["export"]])
def test_a_store_held_by_another_process_is_one_sentence(perch: Perch, arguments: list[str]) -> None:
    said = sentence(run_command(environment(perch.settings, PERCH_PORT=str(free_port())), *arguments))
    assert "held by another process" in said


def test_an_api_that_is_not_there_is_one_sentence(settings: Settings) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert nowhere in sentence(run_command(environment(settings, PERCH_API_URL=nowhere), "export"))


@dataclass
class Running:
    """A `python -m metrics run` whose pages answer."""

    process: subprocess.Popen[str]
    api_url: str
    dashboard_url: str
    said: str

    def children(self) -> list[int]:
        """Its child processes, asked of the kernel."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Signal it; its exit code and the last it said on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


@pytest.fixture
def run(settings: Settings) -> Iterator[Running]:
    """`python -m metrics run --no-demo`, started as a user would and stopped if the test has not."""
    port = free_port()
    env = environment(settings, PERCH_DASHBOARD_PORT=str(port), PYTHONUNBUFFERED="1")
    process = subprocess.Popen(
        [sys.executable, "-m", "metrics", "run", "--no-demo"],
        env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if "token" in line.lower():
            break
    try:
        yield Running(process, f"http://127.0.0.1:{settings.port}", f"http://127.0.0.1:{port}", said)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_starts_both_and_leaves_no_process(run: Running, number: signal.Signals) -> None:
    assert run.api_url in run.said
    assert run.dashboard_url in run.said
    assert ADMIN_TOKEN not in run.said
    assert requests.get(run.api_url + "/v0/health", timeout=5).json()["status"] == "ok"
    assert requests.get(run.dashboard_url, timeout=5).status_code == 200
    children = run.children()
    assert len(children) == 2
    code, err = run.end(number)
    assert code == 0, err
    assert err == ""
    assert all(gone(pid) for pid in children)


def test_when_one_part_dies_the_other_is_stopped(run: Running) -> None:
    server, dashboard = run.children()
    os.kill(dashboard, signal.SIGKILL)
    _, err = run.process.communicate(timeout=60)
    assert run.process.returncode == 1
    assert err.strip() == "Error: The dashboard ended by itself (exit code -9), so the API was stopped too."
    assert gone(server)


def test_the_token_file_is_named_and_private(settings: Settings) -> None:
    env = environment(settings)
    del env["PERCH_ADMIN_TOKEN"]
    assert run_command(env, "token", "list").code == 0
    assert settings.admin_token_path.stat().st_mode & 0o777 == 0o600


def test_help_is_quick_and_needs_no_valid_settings(settings: Settings) -> None:
    started = time.monotonic()
    result = run_command(environment(settings, PERCH_PORT="seven"), "--help")
    assert result.code == 0
    assert time.monotonic() - started < 5
    assert all(name in result.out for name in main.cli.commands if name != "docs")
