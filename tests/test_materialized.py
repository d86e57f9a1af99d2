"""Materialized pipes of a project's own: their rollups after any change of the rows, and what is refused."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from metrics.errors import DefinitionError, StartError
from tests.conftest import ROOT, Json, Perch, make_settings, running
from tests.test_rollup_answers import SEED, differences, draw_time, percentile


@pytest.fixture
def rng() -> random.Random:
    return random.Random(SEED)


CALLS = """\
SCHEMA >
    `at` DateTime `json:$.at`,
    `model` LowCardinality(String) `json:$.model`,
    `user` Nullable(String) `json:$.user`,
    `tokens` UInt32 `json:$.tokens`,
    `seconds` Nullable(Float64) `json:$.seconds`

ENGINE MergeTree
ENGINE_SORTING_KEY "at, model"
"""
HOURLY = """\
SCHEMA >
    `hour` DateTime,
    `model` String,
    `calls` AggregateFunction(count),
    `users` AggregateFunction(uniq, Nullable(String)),
    `mean` AggregateFunction(avg, Nullable(Float64)),
    `spread` AggregateFunction(quantiles(0.5, 0.9), Nullable(Float64)),
    `last` AggregateFunction(argMax, UInt32, Tuple(DateTime, UInt32))

ENGINE AggregatingMergeTree
ENGINE_SORTING_KEY "hour, model"
"""
FILL_HOURLY = """\
NODE made
SQL >
    SELECT toStartOfHour(at) AS hour, model, countState() AS calls, uniqState(user) AS users, avgState(seconds) AS mean,
        quantilesState(0.5, 0.9)(seconds) AS spread, argMaxState(tokens, tuple(at, tokens)) AS last
    FROM calls GROUP BY hour, model
TYPE materialized
DATASOURCE hourly
"""
DAILY = """\
SCHEMA >
    `day` Date,
    `model` String,
    `calls` UInt64,
    `tokens` UInt64

ENGINE SummingMergeTree
ENGINE_SORTING_KEY "day, model"
"""
FILL_DAILY = """\
NODE long
SQL >
    SELECT * FROM calls WHERE tokens >= 10
NODE made
SQL >
    SELECT toDate(at, 'Asia/Kolkata') AS day, model, count() AS calls, sum(tokens) AS tokens
    FROM long GROUP BY day, model
TYPE materialized
DATASOURCE daily
"""
MONTHLY = """\
SCHEMA >
    `month` Date,
    `calls` AggregateFunction(count),
    `users` AggregateFunction(uniq, Nullable(String))

ENGINE AggregatingMergeTree
ENGINE_SORTING_KEY "month"
"""
FILL_MONTHLY = """\
NODE made
SQL >
    SELECT toStartOfMonth(h.hour) AS month, countMergeState(h.calls) AS calls, uniqMergeState(h.users) AS users
    FROM hourly AS h GROUP BY month
TYPE materialized
DATASOURCE monthly
"""
LARGE = """\
SCHEMA >
    `at` DateTime,
    `month` Date,
    `tokens` UInt32

ENGINE MergeTree
ENGINE_SORTING_KEY "month"
"""
FILL_LARGE = """\
NODE started
SQL >
    SELECT toStartOfDay(at) AS month, tokens FROM calls WHERE tokens > 900
NODE made
SQL >
    SELECT toDateTime(s.month) AS at, toStartOfMonth(s.month) AS month, tokens FROM started AS s
TYPE materialized
DATASOURCE large
"""
PROJECT = {
    "calls.datasource": CALLS,
    "hourly.datasource": HOURLY, "fill_hourly.pipe": FILL_HOURLY,
    "daily.datasource": DAILY, "fill_daily.pipe": FILL_DAILY,
    "monthly.datasource": MONTHLY, "fill_monthly.pipe": FILL_MONTHLY,
    "large.datasource": LARGE, "fill_large.pipe": FILL_LARGE,
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def draw_calls(rng: random.Random, count: int) -> list[Json]:
    return [
        {
            "at": str(draw_time(rng)), "model": rng.choice(["a", "b"]), "user": rng.choice([None, "", "ann", "cy"]),
            "tokens": rng.choice([0, 9, 10, rng.randrange(1000)]), "seconds": rng.choice([None, rng.uniform(0, 9)]),
        }
        for _ in range(count)
    ]  # fmt: skip


def expected_hourly(calls: list[Json]) -> list[Json]:
    rows = []
    for (hour, model), some in sorted(_by(calls, lambda call: (call["at"][:13], call["model"])).items()):
        seconds = [call["seconds"] for call in some if call["seconds"] is not None]
        rows.append({
            "hour": f"{hour}:00:00", "model": model, "calls": len(some),
            "users": len({call["user"] for call in some if call["user"] is not None}),
            "mean": math.fsum(seconds) / len(seconds) if seconds else None,
            "median": percentile(seconds, 0.5),
            "last": max((call["at"], call["tokens"]) for call in some)[1],
        })  # fmt: skip
    return rows


def expected_daily(calls: list[Json], least: int = 10) -> list[Json]:
    def key(call: Json) -> tuple[str, str]:
        return str((datetime.fromisoformat(call["at"]) + timedelta(hours=5.5)).date()), call["model"]

    groups = _by([call for call in calls if call["tokens"] >= least], key)
    return [
        {"day": day, "model": model, "calls": len(some), "tokens": sum(call["tokens"] for call in some)}
        for (day, model), some in sorted(groups.items())
    ]


def expected_monthly(calls: list[Json]) -> list[Json]:
    groups = _by(calls, lambda call: call["at"][:7])
    return [
        {"month": f"{month}-01", "calls": len(some), "users": len({call["user"] for call in some} - {None})}
        for month, some in sorted(groups.items())
    ]


def expected_large(calls: list[Json]) -> list[Json]:
    some = [call for call in calls if call["tokens"] > 900]
    rows = [
        {"at": f"{call['at'][:10]} 00:00:00", "month": f"{call['at'][:7]}-01", "tokens": call["tokens"]}
        for call in some
    ]
    return sorted(rows, key=lambda row: (row["at"], row["tokens"]))


def _by(calls: list[Json], key: Callable[[Json], Any]) -> dict[Any, list[Json]]:
    groups: dict[Any, list[Json]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups


def check_project(perch: Perch, calls: list[Json], state: str, least: int = 10) -> None:
    read = {
        "SELECT hour, model, countMerge(calls) AS calls, uniqMerge(users) AS users, avgMerge(mean) AS mean, "
        "quantilesMerge(0.5, 0.9)(spread)[1] AS median, argMaxMerge(last) AS last FROM hourly GROUP BY hour, model "
        "ORDER BY hour, model": expected_hourly(calls),
        "SELECT day, model, sum(d.calls) AS calls, sum(d.tokens) AS tokens FROM daily AS d GROUP BY day, model "
        "ORDER BY day, model": expected_daily(calls, least),
        "SELECT month, countMerge(m.calls) AS calls, uniqMerge(m.users) AS users FROM monthly AS m GROUP BY month "
        "ORDER BY month": expected_monthly(calls),
        "SELECT at, month, tokens FROM large ORDER BY at, tokens": expected_large(calls),
    }  # fmt: skip
    for sql, expected in read.items():
        wrong = differences(perch.sql(sql), expected)
        assert not wrong, f"{state}: {sql}: {wrong[:5]}"


def test_materialized_pipes_of_a_users_own(tmp_path: Path, rng: random.Random) -> None:
    project = write(tmp_path / "project", PROJECT)
    settings = make_settings(tmp_path, project=project)
    calls: list[Json] = []
    with running(settings) as perch:
        for state in ("first", "second", "third"):
            calls += (some := draw_calls(rng, 150))
            assert perch.post_events("calls", some).json()["successful_rows"] == len(some)
            check_project(perch, calls, f"{state} rows, not rolled up")
            perch.request("POST", "/v0/rollups")
            check_project(perch, calls, f"{state} rows, rolled up")
        for condition, gone in DELETIONS:
            answer = perch.request("POST", "/v0/datasources/calls/delete", data={"delete_condition": condition})
            left = [call for call in calls if not gone(call)]
            assert answer.json()["rows_deleted"] == len(calls) - len(left) > 0, answer.text
            calls = left
            check_project(perch, calls, f"deleted where {condition}")
            calls += (some := draw_calls(rng, 20))
            perch.post_events("calls", some)
            perch.request("POST", "/v0/rollups")
            check_project(perch, calls, f"deleted where {condition}, and rolled up")

    write(project, {"fill_daily.pipe": FILL_DAILY.replace("tokens >= 10", "tokens >= 500")})
    with running(settings) as perch:
        check_project(perch, calls, "a changed pipe", least=500)
        perch.request("POST", "/v0/rollups")
        check_project(perch, calls, "a changed pipe, rolled up", least=500)


DELETIONS: list[tuple[str, Callable[[Json], bool]]] = [
    ("model = 'a' AND at < '2025-03-30 12:00:00'", lambda call: call["model"] == "a" and call["at"] < "2025-03-30 12"),
    ("tokens > 950", lambda call: call["tokens"] > 950),
    ("at >= '2025-11-02 09:00:00' AND at < '2025-11-02 12:30:00'",
     lambda call: "2025-11-02 09:00:00" <= call["at"] < "2025-11-02 12:30:00"),
    ("user IS NULL", lambda call: call["user"] is None),
]  # fmt: skip


def test_a_pipe_that_reads_another_data_source_at_the_next_start(tmp_path: Path, rng: random.Random) -> None:
    """Both ways: the rollup of the second name in the alphabet becomes one of the first, and back."""
    others = draw_calls(rng, 50)
    daily = {name: PROJECT[name] for name in ("calls.datasource", "daily.datasource", "fill_daily.pipe")}
    project = write(tmp_path / "project", {**daily, "another.datasource": CALLS})
    settings = make_settings(tmp_path, project=project)
    calls = draw_calls(rng, 50)
    with running(settings) as perch:
        perch.post_events("calls", calls)
        perch.post_events("another", others)
        perch.request("POST", "/v0/rollups")
    for name, rows in (("another", others), ("calls", calls)):
        write(project, {"fill_daily.pipe": FILL_DAILY.replace("FROM calls", f"FROM {name}")})
        with running(settings) as perch:
            for _ in range(2):
                answered = perch.sql("SELECT day, model, sum(calls) AS calls, sum(d.tokens) AS tokens FROM daily AS d "
                                     "GROUP BY day, model ORDER BY day, model")  # fmt: skip
                assert not differences(answered, expected_daily(rows))
                perch.request("POST", "/v0/rollups")


def test_errors_of_a_store_from_before_are_named_anew(tmp_path: Path) -> None:
    """What the name of an error is stands in a pipe that the rollup's own reads."""
    ours = {
        file.name: file.read_text() for kind in ("datasource", "pipe") for file in (ROOT / "metrics").rglob(f"*.{kind}")
    }
    before = {"failed_calls.pipe": ours["failed_calls.pipe"].replace("lowerUTF8(error_message)", "error_message")}
    settings = make_settings(tmp_path, project=write(tmp_path / "project", {**ours, **before}))
    messages = ["Overloaded", "overloaded", "OVERLOADED"]
    call = {
        "event_time": "2025-01-02 03:00:00",
        "model_name": "a",
        "prompt_tokens": 1,
        "completion_tokens": 0,
        "success": 0,
    }
    for files, errors in ((before, set(messages)), (ours, {"overloaded"})):
        write(settings.project, files)
        with running(settings) as perch:
            if files is before:
                perch.post_events("llm_events", [{**call, "error_message": message} for message in messages])
            for _ in range(2):
                assert {row["error"] for row in perch.sql("SELECT error FROM llm_errors_15min")} == errors
                perch.request("POST", "/v0/rollups")


def test_a_pipe_that_comes_and_goes(tmp_path: Path, rng: random.Random) -> None:
    project = write(tmp_path / "project", {"calls.datasource": CALLS, "daily.datasource": DAILY})
    settings = make_settings(tmp_path, project=project)
    calls = draw_calls(rng, 50)
    total = "SELECT sum(calls) AS n FROM daily"
    with running(settings) as perch:
        perch.post_events("calls", calls)
    write(project, {"fill_daily.pipe": FILL_DAILY})
    with running(settings) as perch:
        perch.request("POST", "/v0/rollups")
        assert perch.sql(total) == [{"n": sum(call["tokens"] >= 10 for call in calls)}]
    (project / "fill_daily.pipe").unlink()
    with running(settings) as perch:
        assert perch.sql(total) == [{"n": 0}]
        perch.post_events("calls", draw_calls(rng, 5))
        perch.request("POST", "/v0/rollups")
        assert perch.sql(total) == [{"n": 0}]


def test_rows_of_a_users_own_are_not_lost_to_a_new_pipe(tmp_path: Path) -> None:
    own = re.sub(r"`(\w+)` (\w+)", r"`\1` \2 `json:$.\1`", DAILY)
    project = write(tmp_path / "project", {"calls.datasource": CALLS, "daily.datasource": own})
    settings = make_settings(tmp_path, project=project)
    with running(settings) as perch:
        assert (
            perch.post_events("daily", {"day": "2026-01-01", "model": "a", "calls": 1, "tokens": 1}).status_code == 200
        )
    write(project, {"fill_daily.pipe": FILL_DAILY})
    with pytest.raises(StartError, match="daily has rows that no pipe made"), running(settings):
        pass
    (project / "fill_daily.pipe").unlink()
    with running(settings) as perch:
        assert perch.sql("SELECT count() AS n FROM daily") == [{"n": 1}]


def test_a_rollup_takes_no_rows_from_callers(tmp_path: Path, start_perch: Callable[..., Perch]) -> None:
    perch = start_perch(project=write(tmp_path / "project", PROJECT))
    file = {"name": "daily", "mode": "append", "format": "ndjson"}
    for method, path, params in [
        ("POST", "/v0/events", {"name": "daily"}),
        ("POST", "/v0/datasources", file),
        ("POST", "/v0/datasources", {**file, "mode": "replace"}),
        ("POST", "/v0/datasources/daily/truncate", {}),
        ("POST", "/v0/datasources/daily/delete", {"delete_condition": "1"}),
    ]:
        answer = perch.request(method, path, params=params, data=b'{"day": "2026-01-01"}')
        assert answer.status_code == 400, (path, answer.text)
        assert "'daily' is filled by the pipe fill_daily" in answer.json()["error"]


def filling(old: str, new: str) -> dict[str, str]:
    """The pipe of `daily` with another text in it."""
    assert old in FILL_DAILY
    return {"fill_daily.pipe": FILL_DAILY.replace(old, new)}


def copying(source: str, target: str) -> str:
    return f"NODE a\nSQL >\n    SELECT * FROM {source}\nTYPE materialized\nDATASOURCE {target}\n"


CIRCLE = {
    "one.datasource": DAILY, "fill_one.pipe": copying("two", "one"),
    "two.datasource": DAILY, "fill_two.pipe": copying("one", "two"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"again.pipe": FILL_DAILY}, "fills daily already"),
        (filling("SELECT * FROM calls", "%SELECT * FROM calls WHERE tokens > {{Int32(n, 1)}} --"), "no parameters"),
        (filling("tokens >= 10", "model IN (SELECT model FROM hourly)"), "this one: calls, hourly"),
        (filling("FROM calls WHERE tokens >= 10", "FROM numbers(9)"), "."),
        ({"fill_daily.pipe": copying("daily", "daily")}, "the data source that it reads"),
        (CIRCLE, "the data source that it reads"),
        (filling("count() AS calls", "'' AS calls"), "calls is String here and UInt64"),
        ({"daily.datasource": DAILY.replace("`calls`", "`more` UInt8,\n    `calls`")}, "needs the column more"),
        ({"daily.datasource": DAILY.replace("`tokens`", "`other`")}, "has no column tokens"),
        (filling("DATASOURCE daily", "DATASOURCE none"), "names none"),
    ],
)  # fmt: skip
def test_materialized_pipes_that_are_refused(
    tmp_path: Path, start_perch: Callable[..., Perch], files: dict[str, str], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message) as refused:
        start_perch(project=write(tmp_path / "project", {**PROJECT, **files}))
    assert ".pipe" in str(refused.value)


def test_columns_that_a_pipe_does_not_give_are_null_or_their_default(
    tmp_path: Path, start_perch: Callable[..., Perch]
) -> None:
    wide = DAILY.replace(
        "`tokens` UInt64", "`tokens` UInt64,\n    `note` Nullable(String),\n    `each` UInt64 DEFAULT calls + 1"
    )
    perch = start_perch(project=write(tmp_path / "project", {**PROJECT, "daily.datasource": wide}))
    perch.post_events("calls", {"at": "2026-01-01 00:00:00", "model": "a", "tokens": 10})
    for _ in range(2):
        assert perch.sql("SELECT * FROM daily") == [
            {"day": "2026-01-01", "model": "a", "calls": 1, "tokens": 10, "note": None, "each": 2}
        ]
        perch.request("POST", "/v0/rollups")
