"""A store made anew from its exports, and a copy of a store that runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from metrics.__main__ import cli
from metrics.settings import Settings
from tests.conftest import ROOT, Perch, free_port, make_settings, running
from tests.serving import serving
from tests.test_commands import EVENT, Result, environment, sentence
from tests.test_exports import EVERYTHING, ROWS, assert_whole, at, export, manifest_of, project_of
from tests.test_ingest import count
from tests.test_safety import mounted

START = Callable[..., Perch]


def command(settings: Settings, *arguments: str) -> Result:
    """A command in this process, on the store that the settings name."""
    env = environment(settings, PERCH_PROJECT=str(settings.project))
    done = CliRunner().invoke(cli, arguments, env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return Result(done.exit_code, done.stdout, done.stderr)


def refusal(settings: Settings, *arguments: str) -> str:
    return sentence(command(settings, *arguments))


def differences(one: Settings, other: Settings, name: str) -> list[tuple[object, ...]]:
    """Rows of a data source that only one of two stores has; neither may run."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{one.store_path}' AS one (READ_ONLY)")
        connection.execute(f"ATTACH '{other.store_path}' AS other (READ_ONLY)")
        found: list[tuple[object, ...]] = []
        for left, right in (("one", "other"), ("other", "one")):
            rows = [f"SELECT * EXCLUDE (_seq) FROM {side}.rows.{name}" for side in (left, right)]
            found += connection.execute(" EXCEPT ALL ".join(rows)).fetchall()
        return found


def copied_exports(settings: Settings, folder: Path) -> Settings:
    """Settings of an empty store whose folder has these exports."""
    fresh = make_settings(folder, project=settings.project)
    shutil.copytree(settings.exports_dir, fresh.exports_dir)
    return fresh


@pytest.fixture
def stopped(tmp_path: Path) -> Settings:
    """The settings of a Perch that has stopped, with 300 rows in three months, exported."""
    settings = make_settings(tmp_path)
    with running(settings) as perch:
        days = [f"2026-0{1 + number % 3}-{1 + number % 28:02} 10:00:00" for number in range(300)]
        perch.post_events("llm_events", [at(day, prompt_tokens=number) for number, day in enumerate(days)])
    return settings


# --- restore -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["toYYYYMM(at)", "tuple()"])
def test_every_type_comes_back_as_it_was(tmp_path: Path, key: str) -> None:
    project = project_of(tmp_path / "project", everything=EVERYTHING.replace("{key}", key))
    settings = make_settings(tmp_path, project=project)
    with running(settings) as perch:
        for _ in range(2):  # rows that are equal are rows
            perch.post_events("everything", ROWS)
    fresh = copied_exports(settings, tmp_path / "fresh")
    result = command(fresh, "restore")
    assert result.code == 0, result.err
    assert "everything: 4 rows" in result.out
    assert differences(settings, fresh, "everything") == []


def test_what_was_restored_is_exported_already_and_goes_on(stopped: Settings, tmp_path: Path) -> None:
    fresh = make_settings(tmp_path / "fresh")
    result = command(fresh, "restore", str(stopped.exports_dir))
    assert (result.code, result.out) == (0, "llm_events: 300 rows of 3 months\n"), result.err
    assert differences(stopped, fresh, "llm_events") == []
    assert assert_whole(fresh)["months"] == manifest_of(stopped)["months"]
    with running(fresh) as perch:
        assert export(perch) == []
        perch.post_events("llm_events", at("2026-03-30 00:00:00"))
        assert [(month["month"], month["rows"]) for month in export(perch)] == [("2026-03", 101)]
    assert_whole(fresh)
    assert_whole(stopped)


def test_a_column_that_is_younger_than_the_exports_gets_its_default(stopped: Settings, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "metrics" / "datasources", project)
    file = project / "llm_events.datasource"
    text = file.read_text().replace("    `provider`", "    `added` UInt8 DEFAULT success + 4,\n    `provider`", 1)
    file.write_text(text)
    assert "added" in text
    fresh = make_settings(tmp_path / "fresh", project=project)
    assert command(fresh, "restore", str(stopped.exports_dir)).code == 0
    with running(fresh) as perch:
        assert perch.sql("SELECT added, count() AS n FROM llm_events GROUP BY added") == [{"added": 5, "n": 300}]


def test_a_restore_is_refused_into_a_store_with_rows_or_under_a_server(stopped: Settings, tmp_path: Path) -> None:
    assert f"The store {stopped.store_path} is not empty: llm_events has rows" in refusal(stopped, "restore")
    fresh = make_settings(tmp_path / "fresh")
    with serving(fresh):
        assert "is held by another process" in refusal(fresh, "restore", str(stopped.exports_dir))
    assert command(fresh, "restore", str(stopped.exports_dir)).code == 0


def test_exports_that_are_not_whole_are_refused_before_anything_is_loaded(stopped: Settings, tmp_path: Path) -> None:
    fresh = copied_exports(stopped, tmp_path / "fresh")
    last = fresh.exports_dir / manifest_of(stopped)["months"][-1]["path"]
    whole = last.read_bytes()
    last.write_bytes(whole[:-100] + bytes(100))
    assert f"{last} is not the file that the manifest lists" in refusal(fresh, "restore")
    last.unlink()
    assert f"{last} is missing" in refusal(fresh, "restore")
    last.write_bytes(whole)
    manifest = fresh.exports_dir / "llm_events.manifest.json"
    said = manifest.read_text()
    manifest.write_text(said.replace('"rows": 100', '"rows": 99'))
    assert "has 100 rows and the manifest says 99" in refusal(fresh, "restore")
    manifest.write_text(said.replace('"path": "llm_events/', '"path": "../llm_events/'))
    assert "is not a manifest that Perch has written" in refusal(fresh, "restore")
    manifest.unlink()
    assert f"There is no {manifest}" in refusal(fresh, "restore")
    manifest.write_text(said)
    assert command(fresh, "restore").code == 0
    assert differences(stopped, fresh, "llm_events") == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("`prompt_tokens` UInt32", "`prompt_tokens` UInt64", "column prompt_tokens is UInt32 in the exports and UInt64"),
     ("`stream` Nullable(UInt8)", "`streams` Nullable(UInt8)", "column stream is Nullable(UInt8) in the exports")],
)  # fmt: skip
def test_exports_that_do_not_fit_the_definitions_are_refused(
    stopped: Settings, tmp_path: Path, before: str, after: str, told: str
) -> None:
    text = (ROOT / "metrics" / "datasources" / "llm_events.datasource").read_text()
    assert before in text
    project = project_of(tmp_path / "project", llm_events=text.replace(before, after))
    fresh = make_settings(tmp_path / "fresh", project=project)
    assert told in refusal(fresh, "restore", str(stopped.exports_dir))
    other = project_of(tmp_path / "other", other="SCHEMA >\n    `n` UInt8\n")
    fresh = make_settings(tmp_path / "fresher", project=other)
    assert "llm_events, which the definitions do not have" in refusal(fresh, "restore", str(stopped.exports_dir))


def test_a_restore_that_was_killed_goes_on_and_doubles_nothing(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    months = 120
    with running(settings) as perch:
        days = [f"{2010 + number // 12 % 10}-{1 + number % 12:02}-01 00:00:00" for number in range(6 * months)]
        perch.post_events("llm_events", [at(day, prompt_tokens=number) for number, day in enumerate(days)])
    fresh = make_settings(tmp_path / "fresh")
    argv = [sys.executable, "-m", "metrics", "restore", str(settings.exports_dir)]
    killed = subprocess.Popen(argv, env=environment(fresh), cwd=ROOT, stderr=subprocess.DEVNULL)
    while len(list(fresh.exports_dir.rglob("*.parquet"))) < 5:
        assert killed.poll() is None
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    with duckdb.connect(str(fresh.store_path)) as connection:
        row = connection.execute("SELECT count(*) FROM internal.restored_months").fetchone()
        assert row
        assert 0 < row[0] < months
    assert "run 'python -m metrics restore' again" in refusal(fresh, "export")
    result = command(fresh, "restore", str(settings.exports_dir))
    assert result.code == 0, result.err
    assert f"{6 * months:,} rows of {months} months" in result.out
    assert differences(settings, fresh, "llm_events") == []
    assert "up to date" in command(fresh, "export").out
    assert "is not empty" in refusal(fresh, "restore", str(settings.exports_dir))


# --- backup ------------------------------------------------------------------------------------------------------


def on_copy(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"data_dir": folder, "port": free_port()})


def back_up(perch: Perch, folder: Path) -> None:
    answer = perch.request("POST", "/v0/backup", params={"folder": str(folder)})
    assert answer.status_code == 200, answer.text


@contextmanager
def posting(perch: Perch) -> Iterator[list[int]]:
    """Posts bodies of 50 rows, one after the other; the list has the rows of each that was answered."""
    stopping = threading.Event()
    posted: list[int] = []

    def post() -> None:
        client = Perch(perch.url, perch.settings)
        while not stopping.is_set():
            posted.append(client.post_events("llm_events", [EVENT] * 50).json()["successful_rows"])

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield posted
    finally:
        stopping.set()
        thread.join()


def test_a_copy_made_while_rows_come_in_is_a_whole_perch(perch: Perch, tmp_path: Path) -> None:
    token = perch.create_token("reader", "DATASOURCES:READ:llm_events")
    perch.post_events("llm_events", [at("2026-02-01 00:00:00"), {**EVENT, "prompt_tokens": -1}])
    export(perch)
    with posting(perch) as posted:
        while len(posted) < 5:
            time.sleep(0.01)
        before = sum(posted)
        back_up(perch, tmp_path / "copy")
        after = sum(posted) + 50  # the one under way
        while sum(posted) < after + 100:  # ingest goes on
            time.sleep(0.01)
    with running(on_copy(perch.settings, tmp_path / "copy")) as copy:
        rows = count(copy)
        assert before + 1 <= rows <= after + 1
        assert (rows - 1) % 50 == 0, "never half of a body"
        assert copy.sql("SELECT count() AS n FROM llm_events_quarantine") == [{"n": 1}]
        assert copy.get("/v0/sql", token=token, q="SELECT count() FROM llm_events").status_code == 200
        told = copy.get("/v0/datasources/llm_events").json()["exports"]
        assert [month["month"] for month in told] == ["2026-02"]
        copy.post_events("llm_events", EVENT)
        export(copy)  # its own exports are whole, though none were copied
        assert_whole(copy.settings)
        assert count(copy) == rows + 1
    assert not (tmp_path / "copy" / "admin.token").exists()


def test_a_copy_misses_what_it_acknowledged_as_any_store_does(perch: Perch, tmp_path: Path) -> None:
    perch.post_events("llm_events", EVENT)
    back_up(perch, tmp_path / "old")
    perch.post_events("llm_events", EVENT)
    back_up(perch, tmp_path / "copy")
    shutil.copy(tmp_path / "old" / "perch.duckdb", tmp_path / "copy" / "perch.duckdb")
    assert "was acknowledged" in refusal(on_copy(perch.settings, tmp_path / "copy"), "export")


def test_the_command_copies_a_running_and_a_stopped_store(stopped: Settings, tmp_path: Path) -> None:
    with serving(stopped):
        result = command(stopped, "backup", str(tmp_path / "first"))
        assert result.code == 0, result.err
    result = command(stopped, "backup", str(tmp_path / "second"))
    assert result.out.startswith(f"{tmp_path}/second: "), result.err
    for name in ("first", "second"):
        assert differences(stopped, on_copy(stopped, tmp_path / name), "llm_events") == []
    left = {path.name for path in (tmp_path / "second").iterdir()}
    assert left == {"perch.duckdb", "perch.duckdb.acknowledged"}


def test_what_a_backup_refuses(perch: Perch, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    reader = perch.create_token("reader", "DATASOURCES:READ:llm_events")
    for folder, status, told in (
        (str(tmp_path / "full"), 409, "is not empty"),
        ("relative", 400, "absolute path"),
        ("", 400, "absolute path"),
        (str(tmp_path / "full" / "file"), 507, "cannot be used"),
    ):
        answer = perch.request("POST", "/v0/backup", params={"folder": folder})
        assert (answer.status_code, told in answer.json()["error"]) == (status, True), answer.text
    answer = perch.request("POST", "/v0/backup", token=reader, params={"folder": str(tmp_path / "none")})
    assert answer.status_code == 403
    assert not (tmp_path / "none").exists()


def test_a_backup_that_finds_no_room_says_so_and_the_server_goes_on(perch: Perch, tmp_path: Path) -> None:
    noise = [{**EVENT, "user": f"user {number}", "session": str(number * 104_729)} for number in range(20_000)]
    for _ in range(5):
        perch.post_events("llm_events", noise)
    small = tmp_path / "small"
    with mounted(small, "size=1m"):
        answer = perch.request("POST", "/v0/backup", params={"folder": str(small / "copy")})
        assert (answer.status_code, "could not be written" in answer.json()["error"]) == (507, True), answer.text
        assert list((small / "copy").iterdir()) == []
    assert perch.post_events("llm_events", EVENT).status_code == 200
    back_up(perch, tmp_path / "copy")
    assert count(perch) == 100_001


def test_a_killed_backup_leaves_no_file_that_looks_whole(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as served:
        noise = [{**EVENT, "user": f"user {number}", "session": str(number * 7919)} for number in range(20_000)]
        for _ in range(5):
            served.perch.post_events("llm_events", noise)
        copy = tmp_path / "copy"
        answers: list[object] = []

        def ask() -> None:
            try:
                answers.append(served.perch.request("POST", "/v0/backup", params={"folder": str(copy)}))
            except OSError as error:
                answers.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while not (copy / "perch.duckdb.part").exists():
            time.sleep(0.0005)
        served.kill()
        asking.join()
        assert isinstance(answers[0], OSError)
    assert not (copy / "perch.duckdb").exists()
    with serving(served.perch.settings) as again:
        assert count(again.perch) == 100_000
        assert "is not empty" in again.perch.request("POST", "/v0/backup", params={"folder": str(copy)}).text
        back_up(again.perch, tmp_path / "other")
