"""`reprice`: the costs of stored calls computed anew, shown first, all or none, with what was sent kept."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import requests

from metrics.settings import Settings
from tests.conftest import ROOT, Json, Perch, make_settings, running
from tests.serving import start
from tests.test_commands import Result, environment, invoke, run_command
from tests.test_prices import CALL, copied, stored

NEW = '[[price]]\nmodel = "gpt-4o"\ninput = 5\noutput = 20\n\n[[price]]\nmodel = "ours"\ninput = 1\noutput = 1\n'
CALLS: list[Json] = [
    {**CALL, "session": "1"},
    {**CALL, "session": "2", "cost": 0.5},
    {**CALL, "session": "3", "model_name": "ours"},
    {**CALL, "session": "4", "event_time": "2026-02-03 00:00:00"},
    {**CALL, "session": "5", "event_time": "2026-03-03 00:00:00", "model_name": "o3"},
    {**CALL, "session": "6", "event_time": "2026-03-03 00:00:00", "model_name": "ours", "cache_hit": 1},
]
OLD_COSTS = ["0.0035", "0.5", None, "0.0035", "0.0028", "0"]
NEW_COSTS = ["0.007", "0.5", "0.0011", "0.007", "0.0028", "0"]
NEW_COMPUTED = ["0.007", "0.007", "0.0011", "0.007", "0.0028", "0.0011"]
SEQ = "SELECT session, _seq FROM rows.llm_events ORDER BY session"


@pytest.fixture
def before(tmp_path: Path) -> Settings:
    """The settings of a store whose calls were priced before the project had prices of its own."""
    settings = make_settings(tmp_path, project=copied(tmp_path / "own"))
    with running(settings) as perch:
        for call in CALLS:
            assert perch.post_events("llm_events", call).status_code == 200
        assert costs(perch) == OLD_COSTS
        assert perch.request("POST", "/v0/exports").status_code == 200
    (settings.project / "prices.toml").write_text(NEW)
    return settings


def costs(perch: Perch) -> list[str | None]:
    return [row["cost"] for row in stored(perch)]


def env(settings: Settings) -> dict[str, str]:
    return environment(settings, PERCH_PROJECT=str(settings.project))


@pytest.mark.parametrize("served", [True, False])
def test_the_difference_is_shown_and_then_made(before: Settings, served: bool) -> None:
    def both(command: Callable[..., Result]) -> None:
        dry = command("reprice", "--dry-run")
        assert dry.code == 0, dry.err
        lines = [[cell.strip() for cell in line.split("|")] for line in dry.out.splitlines()]
        assert ["gpt-4o", "3", "0.507000", "0.514000", "+0.007000", "0.010500", "0.021000", "+0.010500"] in lines
        assert ["ours", "2", "0.000000", "0.001100", "+0.001100", "unknown", "0.002200", "+0.002200"] in lines
        assert ["all", "5", "0.507000", "0.515100", "+0.008100", "0.010500", "0.023200", "+0.012700"] in lines
        assert "1 calls get a cost that had none." in dry.out
        again = command("reprice", "--dry-run")
        assert again.out == dry.out
        done = command("reprice")
        assert done.out == dry.out + "Repriced 5 calls.\n"
        assert "Nothing changes" in command("reprice").out

    if served:
        with running(before) as perch:
            both(lambda *arguments: run_command(env(before), *arguments))
            assert costs(perch) == NEW_COSTS
    else:
        both(lambda *arguments: invoke(env(before), *arguments))
    with running(before) as perch:
        rows = stored(perch)
    assert [row["cost"] for row in rows] == NEW_COSTS
    assert [row["computed_cost"] for row in rows] == NEW_COMPUTED
    assert [row["sent_cost"] for row in rows] == [None, "0.5", None, None, None, None]


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--model", "ours"], {2}),
        (["--model", "gpt-4o", "--model", "ours"], {0, 2, 3}),
        (["--from", "2026-02-03"], {3}),
        (["--to", "2026-02-03 00:00:00"], {0, 2}),
        (["--from", "2026-01-02 03:04:05", "--to", "2026-02-04", "--model", "gpt-4o"], {0, 3}),
        (["--from", "2027-01-01"], set()),
    ],
)
def test_only_the_rows_that_are_meant(before: Settings, options: list[str], changed: set[int]) -> None:
    assert invoke(env(before), "reprice", *options).code == 0
    with running(before) as perch:
        assert costs(perch) == [
            new if at in changed else old for at, (old, new) in enumerate(zip(OLD_COSTS, NEW_COSTS, strict=True))
        ]


def test_rows_keep_their_place_and_their_commit(before: Settings) -> None:
    from metrics.store import Store

    def numbers() -> list[tuple[object, ...]]:
        store = Store(before.store_path, memory=before.memory)
        try:
            return store.connection.execute(SEQ).fetchall()
        finally:
            store.close()

    earlier = numbers()
    assert len({seq for _, seq in earlier}) == len(CALLS)
    assert invoke(env(before), "reprice").code == 0
    assert numbers() == earlier


def test_the_months_that_changed_are_exported_again(before: Settings) -> None:
    with running(before) as perch:
        assert perch.request("POST", "/v0/exports").json()["exports"] == []
        perch.request("POST", "/v0/reprice", params={"model": "gpt-4o"})
        exports = perch.request("POST", "/v0/exports").json()["exports"]
        assert [month["month"] for month in exports] == ["2026-01", "2026-02"]
    file = before.exports_dir / "llm_events/year=2026/month=02/llm_events.parquet"
    assert pq.read_table(file).column("cost").to_pylist() == [Decimal("0.007")]


def test_the_setting_decides_what_is_shown_of_what_is_stored(before: Settings) -> None:
    with running(before.model_copy(update={"cost": "computed-first"})) as perch:
        perch.request("POST", "/v0/reprice")
        assert costs(perch) == ["0.007", "0.007", *NEW_COSTS[2:]]
    with running(before.model_copy(update={"cost": "sent-only"})) as perch:
        perch.request("POST", "/v0/reprice")
        assert costs(perch) == [None, "0.5", None, None, None, "0"]
    with running(before) as perch:
        perch.request("POST", "/v0/reprice")
        assert costs(perch) == NEW_COSTS


def test_readers_see_all_of_it_or_nothing(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, project=copied(tmp_path / "own"))
    body = b"\n".join([json.dumps(CALL).encode()] * 10_000)
    with running(settings) as perch:
        for _ in range(6):
            perch.post_events("llm_events", body)
    (settings.project / "prices.toml").write_text(NEW)
    with running(settings) as perch:
        seen, done = set[float](), threading.Event()
        query = {"q": "SELECT sum(cost) AS n FROM llm_events FORMAT JSON", "token": perch.admin_token}

        def look() -> None:
            while not done.is_set():
                seen.add(requests.get(f"{perch.url}/v0/sql", params=query, timeout=60).json()["data"][0]["n"])

        looking = threading.Thread(target=look)
        looking.start()
        try:
            answer = perch.request("POST", "/v0/reprice").json()["models"]
        finally:
            done.set()
            looking.join()
        assert [(each["requests"], each["old_cost"], each["new_cost"]) for each in answer] == [(60_000, 210.0, 420.0)]
        assert seen <= {210.0, 420.0}
        assert perch.sql("SELECT sum(cost) AS n FROM llm_events") == [{"n": 420.0}]


def test_a_wrong_time_is_one_sentence(before: Settings) -> None:
    result = invoke(env(before), "reprice", "--from", "yesterday")
    assert result.code == 1
    assert "start_date=yesterday is not a time; write it as 2026-01-31" in result.err


def sums(perch: Perch, source: str, cost: str) -> dict[str, str]:
    """What each model costs, by the calls or by a rollup."""
    asked = f"SELECT model_name, toString(sum(s.{cost})) AS cost FROM {source} AS s GROUP BY model_name"
    return {row["model_name"]: row["cost"] for row in perch.sql(asked)}


def with_rollups(project: Path) -> None:
    for folder in ("parts", "materializations"):
        shutil.copytree(ROOT / "metrics" / folder, project / folder)


def test_without_work_there_is_no_progress_and_it_is_the_admins_to_see(perch: Perch) -> None:
    assert perch.get("/v0/progress").json() == {"work": None}
    reader = perch.create_token("reader", "DATASOURCES:READ:llm_events")
    assert perch.get("/v0/progress", token=reader).status_code == 403


def test_rollups_have_the_new_costs(before: Settings) -> None:
    with_rollups(before.project)
    with running(before) as perch:
        assert perch.request("POST", "/v0/rollups").json()["rows"] == len(CALLS)
        old = sums(perch, "llm_events", "cost")
        assert sums(perch, "llm_usage_daily", "total_cost") == old
        assert run_command(env(before), "reprice").code == 0
        new = sums(perch, "llm_events", "cost")
        assert new != old
        assert perch.get("/v0/datasources/llm_events").json()["rollup"]["waiting_rows"] == 0
        for source in ("llm_usage_15min", "llm_usage_daily"):
            assert sums(perch, source, "total_cost") == new


def test_kill_9_leaves_all_of_the_old_costs_or_all_of_the_new(tmp_path: Path) -> None:
    """At four moments. What a kill leaves are the files, so they are copied while the process stands still."""
    settings = make_settings(tmp_path, project=copied(tmp_path / "own", price(1)))
    with_rollups(settings.project)
    with running(settings) as perch:
        for month in range(1, 5):
            calls = [{**CALL, "event_time": f"2026-0{month}-02 {hour:02}:04:05", "model_name": f"own-{hour % 3}"}
                     for hour in range(20)]  # fmt: skip
            assert perch.post_events("llm_events", calls * 500).json()["successful_rows"] == 10_000
        assert perch.request("POST", "/v0/rollups").status_code == 200
    (settings.project / "prices.toml").write_text(price(2))
    killed, shown = killed_while_repricing(settings, tmp_path / "killed")
    assert "Writing costs" in shown
    found = []
    for left in killed:
        with running(left) as perch:
            found.append(in_force(perch))
            if len(found) == 1:
                assert perch.request("POST", "/v0/reprice").status_code == 200
                assert in_force(perch) == 2
    assert found in ([1, 1, 1, 1], [1, 1, 1, 2], [1, 1, 2, 2], [1, 2, 2, 2])


def price(dollars: int) -> str:
    """Three models at so many dollars for a million tokens of the prompt."""
    return "".join(f'[[price]]\nmodel = "own-{each}"\ninput = {dollars}\noutput = 0\n\n' for each in range(3))


def in_force(perch: Perch) -> int:
    """The price that every call has its cost of, and the rollups too."""
    (found,) = perch.sql("SELECT toString(cost) AS cost, toString(computed_cost) AS computed, count() AS n "
                         "FROM llm_events GROUP BY cost, computed_cost")  # fmt: skip
    assert (found["cost"], found["n"]) == (found["computed"], 40_000)
    by_calls = sums(perch, "llm_events", "cost")
    for rollup in ("llm_usage_15min", "llm_usage_daily"):
        assert sums(perch, rollup, "total_cost") == by_calls
    return round(float(found["cost"]) * 1000)


def killed_while_repricing(settings: Settings, folder: Path) -> tuple[list[Settings], str]:
    """The settings of stores as kill -9 leaves them: three times while it writes, and at the end.

    Beside them what the command has shown on a terminal.
    """
    served, left = start(settings), []
    with ThreadPoolExecutor(1) as other:
        try:
            shown = other.submit(reprice_on_a_terminal, settings)
            while (served.perch.get("/v0/progress").json()["work"] or {}).get("what") != "Writing costs":
                assert not shown.done()
            for moment in range(3):
                served.process.send_signal(signal.SIGSTOP)
                shutil.copytree(settings.data_dir, folder / str(moment) / "data")
                left.append(make_settings(folder / str(moment), project=settings.project))
                time.sleep(0.1)  # until the command looks again: it is answered next
                served.process.send_signal(signal.SIGCONT)
                time.sleep(0.04)
        finally:
            served.kill()
    return [*left, settings], shown.result()


def reprice_on_a_terminal(settings: Settings) -> str:
    """All that the command writes, which finds a terminal to write to."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    argv = [sys.executable, "-m", "metrics", "reprice"]
    with subprocess.Popen(argv, env=env(settings), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs):
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # which tells that it has ended
            while some := os.read(ours, 4096):
                shown += some
    os.close(ours)
    return shown.decode()
