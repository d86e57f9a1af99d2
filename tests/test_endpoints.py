"""Our own endpoints by HTTP: columns, filters, numbers, time buckets, pages. test_parity.py asks ClickHouse too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from metrics.demo import ndjson
from metrics.pipes import Endpoint
from metrics.workspace import load_workspace
from tests.conftest import ROOT, Json, Perch, make_settings, running

WORKSPACE = load_workspace(ROOT / "metrics")
ENDPOINTS = {
    name: Endpoint(pipe, WORKSPACE)
    for name, pipe in WORKSPACE.pipes.items()
    if pipe.kind == "endpoint" and name != "dashboard_views"  # is not about calls
}
OVER_TIME = ("llm_usage_timeseries", "llm_latency_percentiles", "llm_errors_timeseries")
OF_THE_CLOCK = ("ingest_health", "ingest_lag", "llm_budgets", "llm_forecast", "llm_forecast_days")
OF_ONE_ROW = ("ingest_health", "ingest_lag", "llm_totals")
NOTHING_TO_SAY = ("llm_cost_outliers", "llm_model_switches", "llm_budgets", "llm_forecast", "llm_forecast_days")
"""Endpoints without rows for those of `small`: no call costs a dollar, models are seldom called, all is long ago."""
FILTERS = ("start_date", "end_date", "model", "provider", "environment", "user", "team", "feature", "timezone")


def event(time: str, model: str = "a", **more: object) -> Json:
    """A call; what is not given is plain or unknown."""
    plain = {"event_time": time, "model_name": model, "prompt_tokens": 100, "completion_tokens": 10, "success": 1}
    return {**plain, **more}


def failed(time: str, message: str, model: str = "a", **more: object) -> Json:
    return event(time, model, success=0, error_message=message, completion_tokens=0, **more)


EVENTS = [
    event("2025-01-01 00:00:00", cost=0.1, latency=1.0, user="u1", provider="p", cached_tokens=50),
    event("2025-01-01 10:00:00", cost=0.2, latency=2.0, ttft=0.5, user="u2", provider="p"),
    event("2025-01-01 20:00:00", latency=3.0, user="u1", provider=""),
    event("2025-01-02 00:00:00", latency=2738839277.5, cost=0.0000000005),
    event("2025-01-02 01:00:00", "b", cost=1.5, latency=4.0, team="t", feature="f,g", environment="prod"),
    event("2025-01-02 02:00:00", "b", latency=-1, cost=0.0000000015),
    failed("2025-01-02 03:00:00", "Timed out after 60 s at https://api.test/v1?x=1", "b", cost=0, latency=60.0),
    failed("2025-01-02 04:00:00", "Timed out after 61 s at https://api.test/v2", "a"),
    failed("2025-01-03 05:00:00", "", "b", error_class="RateLimitError"),
    failed("2025-01-03 06:00:00", "", "b", status_code=529),
    failed("2025-01-03 07:00:00", "", "c"),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with the few rows above and two quarantined ones."""
    with running(make_settings(tmp_path_factory.mktemp("small"))) as server:
        bad = event("2025-01-01 00:00:00", prompt_tokens=-1)
        body = "\n".join(json.dumps(row) for row in [*EVENTS, bad]) + "\nnot json\n"
        assert server.post_events("llm_events", body).json()["quarantined_rows"] == 2
        yield server


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with a year of demo rows."""
    with running(make_settings(tmp_path_factory.mktemp("demo"))) as server:
        for _, body in ndjson(8_000, 3, datetime(2026, 11, 24, tzinfo=UTC)):
            server.post_events("llm_events", body)
        yield server


def by(rows: list[Json], key: str) -> dict[str, Json]:
    return {row[key]: row for row in rows}


# what each takes and answers


def test_there_are_the_endpoints_that_pages_and_scripts_rely_on() -> None:
    assert set(ENDPOINTS) == {
        "ingest_health", "ingest_lag", "ingest_quarantine", "llm_activity", "llm_adoption", "llm_budgets",
        "llm_busiest_minutes", "llm_cache", "llm_cost_drivers", "llm_cost_outliers", "llm_cost_sources",
        "llm_dimensions", "llm_errors", "llm_errors_by_model", "llm_errors_compared", "llm_errors_timeseries",
        "llm_first_seen", "llm_forecast", "llm_forecast_days", "llm_heaviest", "llm_latency_histogram",
        "llm_latency_percentiles", "llm_model_switches", "llm_models_compared", "llm_performance",
        "llm_recent_events", "llm_reliability", "llm_token_percentiles", "llm_totals", "llm_unpriced",
        "llm_usage_by_model", "llm_usage_timeseries", "llm_wasted_spend",
    }  # fmt: skip


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_takes_the_common_parameters(name: str) -> None:
    parameters = ENDPOINTS[name].parameters
    assert set(FILTERS) <= set(parameters)
    types = {item: parameters[item].type for item in FILTERS}
    wanted = {"start_date": "DateTime", "end_date": "DateTime", "timezone": "String"}
    assert types == {item: wanted.get(item, "Array(String)") for item in FILTERS}
    assert all(item.description for item in parameters.values())


def test_the_text_of_the_filters_is_the_same_everywhere() -> None:
    """The format has no include, so the text stands in each file; this keeps the copies copies."""
    texts = [pipe.text for pipe in WORKSPACE.pipes.values()]
    filters = [
        found for text in texts for found in re.findall(r"\bAND (\S.*IN \{\{Array\(.*?\)\}\}) \{% end %\}", text)
    ]
    plain = {re.sub(r"^(?:ifNull\((?:c\.)?(\w+), ''\)|(\w+)) IN", r"\1\2 IN", found) for found in filters}
    assert sorted(found.split(" IN")[0] for found in plain) == [
        "environment", "feature", "model_name", "provider", "team", "user"
    ]  # fmt: skip
    declared = {
        found
        for text in texts
        for found in re.findall(r"Array\((?:model|provider|environment|user|team|feature)\b[^}]*", text)
    }
    assert len(declared) == 6
    assert (
        len({found for text in texts for found in re.findall(r"DateTime\((?:start_date|end_date), [^}]*?'\)", text)})
        == 2
    )
    assert sum("NODE failures\n" in text for text in texts) == 1
    held = [
        found for text in texts for found in re.findall(r"\{% if defined\(earlier_start\) or .*?(?=SELECT)", text, re.S)
    ]
    assert (len(held), len(set(held))) == (3, 1)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_filter_is_a_list_or_a_repeated_key(small: Perch, name: str) -> None:
    """Also where some of its nodes only ask whether there is one."""
    repeated = {item: ["", "p"] for item in FILTERS if ENDPOINTS[name].parameters[item].type == "Array(String)"}
    assert small.pipe(name, **repeated) == small.pipe(name, **dict.fromkeys(repeated, ",p"))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        (
            "llm_usage_by_model",
            ["model_name", "total_prompt_tokens", "total_completion_tokens", "total_tokens", "total_cost"],
        ),
        ("llm_performance", ["model_name", "avg_latency", "success_rate"]),
    ],
)
def test_the_tutorials_columns_come_first(small: Perch, name: str, first: list[str]) -> None:
    meta = small.get(f"/v0/pipes/{name}.json").json()["meta"]
    assert [column["name"] for column in meta][: len(first)] == first


@pytest.mark.parametrize("name", ENDPOINTS)
def test_rows_have_the_columns_that_the_meta_names(small: Perch, name: str) -> None:
    body = small.get(f"/v0/pipes/{name}.json").json()
    names = [column["name"] for column in body["meta"]]
    assert body["rows"] == len(body["data"])
    assert body["data"] or name in NOTHING_TO_SAY
    assert all(list(row) == names for row in body["data"])


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_empty_period_is_an_empty_answer_not_an_error(small: Perch, name: str) -> None:
    rows = small.pipe(name, start_date="2030-01-01 00:00:00", end_date="2030-02-01 00:00:00")
    if name not in OF_ONE_ROW:
        assert rows == []
        return
    (row,) = rows
    counts = {key: value for key, value in row.items() if value is not None}
    assert counts
    assert set(counts.values()) == {0}
    assert name == "ingest_lag" or {"first_event_time", "last_event_time"} <= set(row) - set(counts)


def test_an_empty_store_answers(perch: Perch) -> None:
    for name in ENDPOINTS:
        assert len(perch.pipe(name)) == (1 if name in OF_ONE_ROW else 0)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_that_does_not_ask_the_clock_has_an_etag(small: Perch, name: str) -> None:
    answer = small.get(f"/v0/pipes/{name}.json")
    assert ("ETag" in answer.headers) == (name not in OF_THE_CLOCK)


# filters


@pytest.mark.parametrize(
    ("filters", "requests"),
    [
        ({}, 11),
        ({"model": "a"}, 5),
        ({"model": "a,c"}, 6),
        ({"model": ["a", "c"]}, 6),
        ({"model": ""}, 0),
        ({"user": "u1"}, 2),
        ({"user": "u1,"}, 10),
        ({"provider": ""}, 9),
        ({"team": "t", "environment": "prod"}, 1),
        ({"feature": "f"}, 0),
        ({"model": "a' OR 1 = 1 --"}, 0),
        ({"start_date": "2025-01-02 00:00:00"}, 8),
        ({"end_date": "2025-01-02 00:00:00"}, 3),
        ({"start_date": "2025-01-02 00:00:00", "end_date": "2025-01-03T00:00:00Z"}, 5),
        ({"start_date": "2025-01-02T01:00:00+01:00", "end_date": "2025-01-02 00:00:01"}, 1),
    ],
)
def test_filters(small: Perch, filters: dict[str, Any], requests: int) -> None:
    assert small.pipe("llm_totals", **filters)[0]["requests"] == requests
    assert sum(row["requests"] for row in small.pipe("llm_usage_by_model", **filters)) == requests
    assert sum(row["requests"] for row in small.pipe("llm_usage_timeseries", **filters)) == requests
    assert len(small.pipe("llm_recent_events", **filters)) == requests


@pytest.mark.parametrize(
    ("name", "parameters", "named"),
    [
        ("llm_totals", {"start_date": "yesterday"}, "start_date"),
        ("llm_totals", {"end_date": "2025-13-01 00:00:00"}, "end_date"),
        ("llm_totals", {"start_date": ["2025-01-01 00:00:00", "2025-01-02 00:00:00"]}, "start_date"),
        ("llm_totals", {"colour": "red"}, "colour"),
        ("llm_usage_timeseries", {"granularity": "fortnight"}, "granularity"),
        ("llm_usage_timeseries", {"granularity": "fortnight"}, "minute, hour, day, week or month"),
        ("llm_usage_timeseries", {"dimension": "error_message"}, "dimension"),
        ("llm_latency_percentiles", {"timezone": "Mars/Olympus"}, "timezone"),
        ("llm_usage_by_model", {"timezone": "'"}, "timezone"),
        ("llm_errors", {"limit": "many"}, "limit"),
        ("llm_errors", {"limit": "0"}, "limit"),
        ("llm_cost_outliers", {"limit": "-1"}, "1 to 10000"),
        ("llm_recent_events", {"limit": "10001"}, "limit"),
        ("llm_recent_events", {"page_size": "10001"}, "page_size"),
        ("llm_recent_events", {"page": "-1"}, "page"),
        ("ingest_quarantine", {"page": "many"}, "page"),
        ("llm_recent_events", {"only_failed": "perhaps"}, "only_failed"),
        ("llm_heaviest", {"trend": "1", "limit": "1001"}, "1 to 1000"),
    ],
)
def test_a_bad_parameter_is_a_400_that_names_it(
    small: Perch, name: str, parameters: dict[str, Any], named: str
) -> None:
    answer = small.get(f"/v0/pipes/{name}.json", **parameters)
    assert answer.status_code == 400
    assert named in answer.json()["error"]


# numbers


def test_money_is_exact_and_unknown_is_not_zero(small: Perch) -> None:
    rows = by(small.pipe("llm_usage_by_model"), "model_name")
    assert list(rows) == ["b", "a", "c"]
    # half-even: 0.5e-9 is 0 and 1.5e-9 is 2e-9
    assert (rows["a"]["total_cost"], rows["a"]["unpriced_requests"], rows["a"]["unpriced_tokens"]) == (0.3, 2, 210)
    assert (rows["b"]["total_cost"], rows["b"]["unpriced_requests"]) == (1.500000002, 2)
    assert (rows["c"]["total_cost"], rows["c"]["cached_tokens"]) == (None, None)
    assert (rows["a"]["cached_tokens"], rows["a"]["failed_requests"]) == (50, 1)
    assert rows["b"]["first_event_time"] == "2025-01-02 01:00:00"


def test_latencies_leave_out_what_cannot_be_and_percentiles_also_failures(small: Perch) -> None:
    rows = by(small.pipe("llm_performance", exact_percentiles=1), "model_name")
    a, b = rows["a"], rows["b"]
    assert (a["avg_latency"], a["p50_latency"], a["p90_latency"]) == (2.0, 2.0, pytest.approx(2.8))
    assert (a["implausible_latencies"], a["unknown_latencies"]) == (1, 1)
    assert (b["avg_latency"], b["p50_latency"], b["p99_latency"], b["implausible_latencies"]) == (32.0, 4.0, 4.0, 1)
    assert (a["success_rate"], a["failed_requests"]) == (0.8, 1)
    assert (a["p50_ttft"], b["p50_ttft"]) == (0.5, None)
    assert a["output_tokens_per_second"] == pytest.approx(10 / 1.5)  # of 10, 10 / 1.5 and 10 / 3
    assert (rows["c"]["avg_latency"], rows["c"]["success_rate"]) == (None, 0)


def test_the_previous_period_is_as_long_and_ends_where_this_one_starts(small: Perch) -> None:
    (row,) = small.pipe("llm_totals", start_date="2025-01-02 00:00:00", end_date="2025-01-03 00:00:00")
    (before,) = small.pipe("llm_totals", start_date="2025-01-01 00:00:00", end_date="2025-01-02 00:00:00")
    assert (row["requests"], before["requests"]) == (5, 3)
    assert (row["models"], row["users"], row["first_event_time"]) == (2, 0, "2025-01-02 00:00:00")
    for key in [key for key in row if key.startswith("previous_")]:
        assert row[key] == before[key.removeprefix("previous_")], key
    (one_date,) = small.pipe("llm_totals", start_date="2025-01-02 00:00:00")
    assert {value for key, value in one_date.items() if key.startswith("previous_")} == {None}


PERIOD = {"start_date": "2025-01-02 00:00:00", "end_date": "2025-01-03 00:00:00"}
EARLIER: list[tuple[dict[str, str], str]] = [
    ({**PERIOD, "earlier_start": "2025-01-02T00:00:00Z"}, "earlier_start is not before start_date"),
    ({**PERIOD, "earlier_start": "2025-01-01T23:30:00-01:00"}, "earlier_start is not before start_date"),
    ({**PERIOD, "earlier_start": "2025-01-01T01:00:00+01:00", "earlier_end": "2025-01-01 00:00:00"}, "not after"),
    ({**PERIOD, "earlier_end": "2025-01-01 00:00:00"}, "give earlier_start too"),
    ({"earlier_start": "2025-01-01 00:00:00"}, "need start_date and end_date"),
    ({"start_date": "2025-01-02 00:00:00", "earlier_end": "2025-01-01 12:00:00"}, "need start_date and end_date"),
    ({**PERIOD, "earlier_start": "the day before"}, "in the parameter earlier_start"),
]  # fmt: skip
COMPARED = ("llm_totals", "llm_cost_drivers", "llm_errors_compared")


@pytest.mark.parametrize("name", COMPARED)
def test_an_earlier_period_that_is_none_is_a_400(small: Perch, name: str) -> None:
    for parameters, said in EARLIER:
        answer = small.get(f"/v0/pipes/{name}.json", **parameters)
        assert answer.status_code == 400, parameters
        assert said in answer.json()["error"]
    for earlier in (
        {"earlier_start": "2025-01-02T01:00:00+02:00"},
        {"earlier_end": "2025-01-01 00:00:01"},
        {"earlier_end": "2026-01-01 00:00:00"},  # start_date at the latest, as its description says
    ):
        small.pipe(name, **PERIOD, **earlier)


def test_errors_that_differ_in_a_number_or_an_address_are_one(small: Perch) -> None:
    rows = small.pipe("llm_errors")
    assert rows[0] == {
        "error": "timed out after # s at <url>",
        "error_class": None,
        "model_count": 2,
        "failed_requests": 2,
        "share": 0.4,
        "models": "a, b",
        "first_seen": "2025-01-02 03:00:00",
        "last_seen": "2025-01-02 04:00:00",
        "example": "Timed out after 61 s at https://api.test/v2",
    }
    assert [row["error"] for row in rows[1:]] == ["no message", "HTTP 529", "RateLimitError"]
    assert [row["failed_requests"] for row in small.pipe("llm_errors", limit=1)] == [2]
    over_time = small.pipe("llm_errors_timeseries", granularity="day")
    assert [(row["bucket_utc"][:10], row["failed_requests"]) for row in over_time] == [
        ("2025-01-02", 2), ("2025-01-03", 1), ("2025-01-03", 1), ("2025-01-03", 1)
    ]  # fmt: skip


ERRORS: list[tuple[str, list[str]]] = [
    ("model <text> not found", ["Model 'a' not found", 'model "gpt-4o" not found', "MODEL `x y` not  found"]),
    ("can't find <text> or model's <text>", ["Can't find 'a' or model's 'it's b'", "can't find '' or model's '2'"]),
    ("[<text>,<text>] isn't 'right", ["['a','b'] isn't 'right", "['c',\"d\"] isn't 'right"]),
    ("the models' size is #\" x #\"", ["The models' size is 5\" x 7\"", "the models' size is 12\" x 3\""]),
    ("not here", ["'Not here'", '"not here"', '{"detail": "Not here"}']),
    ("the model <text> doesn't exist", [
        """Error code: 404 - {'error': {'message': "The model `gpt-9` doesn't exist", 'param': None}}""",
        """{"error":{"code":404,"message":"The model 'gpt-8' doesn't exist"}}""",
        """{"error": "The model \\"llama\\" doesn't exist"}""",
        """{"type": "error", "message": "The model 'gpt-8' doesn't exist""",  # as a log has cut it off
    ]),
    ("request <id> by <id> timed out", [
        "Request 550E8400-e29b-41d4-a716-446655440000 by sk-ab****wxyz timed out",
        "Request req_011CSHoEeqs5C35K2UUqR7Fy by 0xDEADbeef timed out",
    ]),
]  # fmt: skip
"""Errors, each with messages that are it."""


def test_errors_are_one_but_for_capitals_quoted_texts_and_ids(perch: Perch) -> None:
    messages = [message for _, some in ERRORS for message in some]
    classes = ["openai.RateLimitError", "RateLimitError", "litellm.exceptions.RateLimitError", "Failed. Why?"]
    perch.post_events("llm_events", [
        *(failed("2025-01-02 03:00:00", message) for message in messages),
        *(failed("2025-01-02 03:00:00", "", error_class=name) for name in classes),
    ])  # fmt: skip
    rows = by(perch.pipe("llm_errors"), "error")
    expected = {error: len(some) for error, some in ERRORS} | {"RateLimitError": 3, "Failed. Why?": 1}
    assert {error: row["failed_requests"] for error, row in rows.items()} == expected
    assert all(rows[error]["example"] in some for error, some in ERRORS)


def test_recent_events_are_whole_and_newest_first(small: Perch) -> None:
    rows = small.pipe("llm_recent_events", limit=3)
    assert [row["event_time"][:13] for row in rows] == ["2025-01-03 07", "2025-01-03 06", "2025-01-03 05"]
    assert list(rows[0]) == [name for name, _ in WORKSPACE.sources["llm_events"].columns]
    assert len(small.pipe("llm_recent_events", only_failed="true")) == 5
    assert len(small.pipe("llm_recent_events", only_failed="false")) == 11


@pytest.mark.parametrize("name", ["llm_recent_events", "llm_errors", "ingest_quarantine"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_pages_of_a_list_are_its_rows_once_each(small: Perch, name: str, size: int) -> None:
    rows, pages = small.pipe(name), []
    for page in range(len(rows) // size + 1):
        answer = small.get(f"/v0/pipes/{name}.json", page=page, page_size=size).json()
        assert answer["rows_before_limit_at_least"] == len(rows)
        pages += answer["data"]
    assert pages == rows


def test_dimensions_offer_what_is_known(small: Perch) -> None:
    rows = [
        (row["dimension"], row["value"], row["requests"], row["total_cost"]) for row in small.pipe("llm_dimensions")
    ]
    assert rows == [
        ("environment", "prod", 1, 1.5),
        ("feature", "f,g", 1, 1.5),
        ("model", "a", 5, 0.3),
        ("model", "b", 5, 1.500000002),
        ("model", "c", 1, None),
        ("provider", "p", 2, 0.3),
        ("team", "t", 1, 1.5),
        ("user", "u1", 2, 0.1),
        ("user", "u2", 1, 0.2),
    ]


def test_health_and_quarantine(small: Perch) -> None:
    (health,) = small.pipe("ingest_health")
    assert (health["events"], health["quarantined_events"], health["demo_events"]) == (11, 2, 0)
    assert (health["events_last_hour"], health["future_events"]) == (11, 0)
    assert (health["implausible_latencies"], health["unpriced_requests"]) == (2, 5)
    reasons = [(row["error"], row["column"], row["quarantined_events"]) for row in small.pipe("ingest_quarantine")]
    assert reasons == [("the line is not a JSON object", "", 1), ("the value is not UInt32", "prompt_tokens", 1)]


def test_the_groups_sum_to_the_total(demo: Perch) -> None:
    (total,) = demo.pipe("llm_totals")
    sums = ("requests", "failed_requests", "total_prompt_tokens", "total_completion_tokens", "total_tokens",
            "unpriced_requests", "cached_tokens")  # fmt: skip
    answers = [demo.pipe("llm_usage_by_model")]
    for dimension in ("none", "model", "provider", "environment", "user", "team", "feature"):
        series = demo.pipe("llm_usage_timeseries", dimension=dimension, granularity="week", timezone="Asia/Kolkata")
        answers.append(series)
    answers.append(demo.pipe("llm_usage_timeseries", granularity="hour", timezone="America/St_Johns"))
    for rows in answers:
        assert {name: sum(row[name] or 0 for row in rows) for name in sums} == {name: total[name] for name in sums}
        assert sum(row["total_cost"] or 0 for row in rows) == pytest.approx(total["total_cost"], abs=1e-6)
    assert sum(row["failed_requests"] for row in demo.pipe("llm_errors")) == total["failed_requests"]
    assert sum(row["share"] for row in demo.pipe("llm_errors")) == pytest.approx(1)


@pytest.mark.parametrize("name", ["llm_recent_events", "llm_errors"])
def test_a_full_page_tells_how_many_rows_there_are(demo: Perch, name: str) -> None:
    rows = len(demo.pipe(name, limit=10_000))
    for page in (0, rows // 7 - 1):
        assert demo.get(f"/v0/pipes/{name}.json", page_size=7, page=page).json()["rows_before_limit_at_least"] == rows


# time


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with two calls of one second."""
    with running(make_settings(tmp_path_factory.mktemp("moment"))) as server:
        time = "2025-03-31 20:44:59"
        server.post_events("llm_events", [event(time, latency=1.0), failed(time, "x")])
        yield server


def test_the_repeated_hour_of_autumn_is_two_buckets(perch: Perch) -> None:
    times = ["2025-11-02 07:30:00", "2025-11-02 08:30:00", "2025-11-02 09:30:00", "2025-11-02 09:59:59"]
    perch.post_events("llm_events", [event(time) for time in times])
    rows = perch.pipe("llm_usage_timeseries", granularity="hour", timezone="America/Los_Angeles")
    shown = ("bucket_utc", "bucket_local", "utc_offset_minutes", "requests")
    assert [tuple(row[key] for key in shown) for row in rows] == [
        ("2025-11-02 07:00:00", "2025-11-02 00:00:00", -420, 1),
        ("2025-11-02 08:00:00", "2025-11-02 01:00:00", -420, 1),
        ("2025-11-02 09:00:00", "2025-11-02 01:00:00", -480, 2),
    ]
    (day,) = perch.pipe("llm_usage_timeseries", granularity="day", timezone="America/Los_Angeles")
    assert (day["bucket_utc"], day["utc_offset_minutes"], day["requests"]) == ("2025-11-02 07:00:00", -420, 4)


@pytest.mark.parametrize(
    ("step", "zone", "utc", "local", "offset"),
    [
        ("minute", "UTC", "2025-03-31 20:44:00", "2025-03-31 20:44:00", 0),
        ("hour", "Asia/Kolkata", "2025-03-31 20:30:00", "2025-04-01 02:00:00", 330),
        ("hour", "Asia/Kathmandu", "2025-03-31 20:15:00", "2025-04-01 02:00:00", 345),
        ("day", "Asia/Kolkata", "2025-03-31 18:30:00", "2025-04-01 00:00:00", 330),
        ("week", "Asia/Kolkata", "2025-03-30 18:30:00", "2025-03-31 00:00:00", 330),
        ("month", "Asia/Kolkata", "2025-03-31 18:30:00", "2025-04-01 00:00:00", 330),
        ("week", "America/Los_Angeles", "2025-03-31 07:00:00", "2025-03-31 00:00:00", -420),
        ("month", "America/Los_Angeles", "2025-03-01 08:00:00", "2025-03-01 00:00:00", -480),
    ],
)
def test_buckets_start_where_the_clocks_of_the_zone_say(
    moment: Perch, step: str, zone: str, utc: str, local: str, offset: int
) -> None:
    for name in OVER_TIME:
        for row in moment.pipe(name, granularity=step, timezone=zone):
            assert (row["bucket_utc"], row["bucket_local"], row["utc_offset_minutes"]) == (utc, local, offset)


def test_percentiles_are_those_of_the_calls_of_a_bucket(demo: Perch) -> None:
    calls = pd.DataFrame(json.loads(line) for _, body in ndjson(8_000, 3, datetime(2026, 11, 24, tzinfo=UTC))
                         for line in body.splitlines())  # fmt: skip
    good = calls[calls["success"] == 1]
    asked = {"granularity": "month", "dimension": "provider"}
    answers = [
        (demo.pipe("llm_latency_percentiles", **asked), 0.01),
        (demo.pipe("llm_latency_percentiles", exact_percentiles=1, **asked), 1e-12),
    ]
    for (month, provider), group in good.groupby([good["event_time"].str[:7], "provider"]):
        latencies = group["latency"].dropna().to_numpy(float)
        for rows, tolerance in answers:
            (row,) = [each for each in rows if (each["bucket_utc"][:7], each["dimension"]) == (month, provider)]
            for percent in (50, 90, 95, 99):
                wanted = pd.Series(latencies).quantile(percent / 100)
                assert row[f"p{percent}_latency"] == pytest.approx(wanted, rel=tolerance)
