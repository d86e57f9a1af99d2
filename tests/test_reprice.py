"""`reprice`: the costs of stored calls computed anew, shown first, all or none, with what was sent kept."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import requests

from metrics.settings import Settings
from tests.conftest import ROOT, Json, Perch, make_settings, running
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


def test_rollups_have_the_new_costs(before: Settings) -> None:
    def sums(perch: Perch, source: str, cost: str) -> dict[str, str]:
        asked = f"SELECT model_name, toString(sum(s.{cost})) AS cost FROM {source} AS s GROUP BY model_name"
        return {row["model_name"]: row["cost"] for row in perch.sql(asked)}

    for folder in ("parts", "materializations"):
        shutil.copytree(ROOT / "metrics" / folder, before.project / folder)
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
