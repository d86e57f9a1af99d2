"""The endpoints that answer a product manager's questions, by HTTP, against sums done by hand or in plain Python.

Every test has an environment of its own in one store, so that none sees another's calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from tests.conftest import Json, Perch, make_settings, running

MARCH = date(2025, 3, 1)
PERIOD = {"start_date": "2025-03-08 00:00:00", "end_date": "2025-03-15 00:00:00"}
BEFORE, NOW = "2025-03-03 10:00:00", "2025-03-10 10:00:00"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    with running(make_settings(tmp_path_factory.mktemp("questions"))) as server:
        yield server


def call(environment: str, time: str, model: str = "a", **more: Any) -> Json:
    """A call of 100 tokens."""
    plain = {"prompt_tokens": 90, "completion_tokens": 10, "success": 1, "environment": environment}
    return {"event_time": time, "model_name": model, **plain, **more}


def failure(environment: str, time: str, message: str, **more: Any) -> Json:
    return call(environment, time, success=0, error_message=message, **more)


def post(store: Perch, events: list[Json]) -> None:
    assert store.post_events("llm_events", events).json()["successful_rows"] == len(events)


def day_cost(day: date) -> float:
    return 1.0 if day.weekday() >= 5 else 10.0


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


# what changed


def test_volume_mix_and_price_are_the_whole_change(store: Perch) -> None:
    post(store, [call("drivers", BEFORE, "a", cost=1)] * 10 + [call("drivers", BEFORE, "b", cost=2)] * 5)
    post(store, [call("drivers", NOW, "a", cost=1.5)] * 20 + [call("drivers", NOW, "c", cost=3)] * 4)
    rows = {row["value"]: row for row in store.pipe("llm_cost_drivers", environment="drivers", **PERIOD)}
    effects = {
        name: [rows[name][f"{effect}_effect"] for effect in ("volume", "mix", "price")] + [rows[name]["change"]]
        for name in rows
    }
    assert effects["a"] == pytest.approx([6, 4, 10, 20])  # 24 calls for 15 are 60 % more
    assert effects["b"] == pytest.approx([6, -16, 0, -10])
    assert effects["c"] == pytest.approx([0, 12, 0, 12])
    assert {name: row["status"] for name, row in rows.items()} == {"a": "kept", "b": "gone", "c": "new"}
    assert rows["c"]["change_share"] is None
    (total,) = store.pipe("llm_totals", environment="drivers", **PERIOD)
    change = total["total_cost"] - total["previous_total_cost"]
    assert sum(row["change"] for row in rows.values()) == pytest.approx(change)
    assert sum(effect[0] for effect in effects.values()) == pytest.approx(9 * 20 / 15)


@pytest.mark.parametrize("dimension", ["model", "provider", "environment", "user", "team", "feature"])
def test_groups_sum_to_the_total(store: Perch, dimension: str) -> None:
    post(store, [
        call(f"sums {dimension}", NOW, "a", cost=0.1, user="x", team="t", feature="f", provider="p"),
        call(f"sums {dimension}", "2025-03-09 23:59:59", "b", cost=0.2, user="y", team="u", feature="g"),
        failure(f"sums {dimension}", NOW, "broken", cost=0.05, user="x"),
        call(f"sums {dimension}", NOW, "unpriced"),
    ])  # fmt: skip
    asked = {"environment": f"sums {dimension}", "dimension": dimension, **PERIOD}
    for name in ("llm_heaviest", "llm_wasted_spend", "llm_cost_drivers"):
        rows = store.pipe(name, **asked)
        assert sum(row["total_cost"] or 0 for row in rows) == pytest.approx(0.35)
        assert sum(row["requests"] for row in rows) == 4
    assert sum(row["wasted_cost"] or 0 for row in store.pipe("llm_wasted_spend", **asked)) == pytest.approx(0.05)
    heaviest = store.pipe("llm_heaviest", **asked)
    assert heaviest[-1]["cumulative_share"] == pytest.approx(1)
    assert [row["rank"] for row in heaviest] == list(range(1, len(heaviest) + 1))
    assert store.pipe("llm_heaviest", limit=1, **asked) == heaviest[:1]


def test_the_trend_is_the_cost_of_each_day_of_the_answer(store: Perch) -> None:
    post(store, [
        call("trend", "2025-03-01 23:59:59", "a", cost=0.1, user="x"),
        call("trend", "2025-03-02 00:00:00", "a", cost=0.2, user="x"),
        call("trend", "2025-03-02 10:00:00", "a", cost=0.4, user="x"),
        call("trend", "2025-03-02 11:00:00", "b", user="x"),
        call("trend", "2025-03-04 00:00:00", "a", cost=0.3, user="y"),
        failure("trend", "2025-03-05 01:00:00", "b", user="z"),
        call("other trend", "2025-03-09 00:00:00", "a", cost=9, user="x"),
    ])  # fmt: skip
    asked = {"environment": "trend", "trend": 1}
    x, y, nothing = [0.1, pytest.approx(0.6), 0, 0, 0], [0, 0, 0, 0.3, 0], []
    assert [row["trend"] for row in store.pipe("llm_heaviest", **asked)] == [x, y, nothing]  # z has no price
    assert [row["trend"] for row in store.pipe("llm_heaviest", limit=1, **asked)] == [x]
    assert [row["trend"] for row in store.pipe("llm_heaviest", dimension="model", **asked)] == [
        [0.1, pytest.approx(0.6), 0, 0.3, 0], []
    ]  # fmt: skip
    cut = {"start_date": "2025-03-01 23:59:59", "end_date": "2025-03-02 10:00:00"}
    assert [row["trend"] for row in store.pipe("llm_heaviest", **asked, **cut)] == [[0.1, 0.2]]
    assert all("trend" not in row for row in store.pipe("llm_heaviest", environment="trend"))


# forecast and budget


def test_a_forecast_adds_the_weekdays_that_are_left(store: Perch) -> None:
    past, ahead = days(MARCH, date(2025, 3, 20)), days(date(2025, 3, 21), date(2025, 3, 31))
    post(store, [call("steady", f"{day} 12:00:00", cost=day_cost(day)) for day in past])
    asked = {"environment": "steady", "end_date": "2025-03-21 00:00:00"}
    (row,) = store.pipe("llm_forecast", **asked)
    spent = sum(map(day_cost, past))
    assert (row["month"], row["month_end"], row["days_of_data"], row["reason"]) == (
        "2025-03-01",
        "2025-03-31",
        19,
        None,
    )
    assert row["spent"] == pytest.approx(spent)
    assert row["forecast"] == pytest.approx(spent + sum(map(day_cost, ahead)))
    assert row["forecast_low"] == row["forecast_high"] == pytest.approx(row["forecast"])  # no day differs from its mean
    by_day = store.pipe("llm_forecast_days", **asked)
    assert [row["day"] for row in by_day] == [str(day) for day in [*past, *ahead]]
    assert by_day[-1]["cumulative_cost"] == pytest.approx(row["forecast"])
    assert [row["cost"] for row in by_day[20:]] == [None] * 11
    (later,) = store.pipe("llm_forecast", environment="steady", end_date="2025-04-01 00:00:00")
    assert later["spent"] == later["forecast"] == pytest.approx(spent)


def test_the_band_is_wider_where_days_differ(store: Perch) -> None:
    for n, day in enumerate(days(MARCH, date(2025, 3, 28))):
        post(store, [call("restless", f"{day} 01:00:00", cost=2 + n % 2 * 2 + n // 7 % 2)])
    (row,) = store.pipe("llm_forecast", environment="restless", end_date="2025-03-29 00:00:00")
    assert row["spent"] < row["forecast_low"] < row["forecast"] < row["forecast_high"]


def test_there_is_no_forecast_before_14_days(store: Perch) -> None:
    post(store, [call("young", f"{day} 12:00:00", cost=1) for day in days(MARCH, date(2025, 3, 14))])
    (row,) = store.pipe("llm_forecast", environment="young", end_date="2025-03-14 23:00:00")
    assert (row["spent"], row["days_of_data"], row["forecast"], row["forecast_low"]) == (14, 13, None, None)
    assert "14" in row["reason"]
    assert "13" in row["reason"]
    assert all(row["expected_cost"] is None for row in store.pipe(
        "llm_forecast_days", environment="young", end_date="2025-03-14 23:00:00"
    ))  # fmt: skip
    (row,) = store.pipe("llm_forecast", environment="young", end_date="2025-03-15 23:00:00")
    assert (row["days_of_data"], row["reason"]) == (14, None)


def test_a_month_begins_at_the_zones_midnight(store: Perch) -> None:
    post(store, [call("border", "2025-03-01 03:00:00", cost=7), call("border", "2025-03-02 03:00:00", cost=5)])
    asked = {"environment": "border", "end_date": "2025-03-03 00:00:00"}
    (row,) = store.pipe("llm_forecast", **asked)
    assert row["spent"] == 12
    (row,) = store.pipe("llm_forecast", timezone="America/Los_Angeles", **asked)
    assert (row["spent"], row["last_month_cost"], row["previous_spent"]) == (5, 7, None)


def test_the_latest_budget_holds_and_runs_out_on_a_day(store: Perch) -> None:
    past = days(MARCH, date(2025, 3, 20))
    post(store, [call("budget", f"{day} 12:00:00", cost=day_cost(day), team="t") for day in past])
    given = [
        {"amount": 1, "valid_from": "2025-01-01 00:00:00"},
        {"amount": 200, "valid_from": "2025-02-01 00:00:00"},
        {"amount": 5, "valid_from": "2025-06-01 00:00:00"},
        {"scope": "team", "value": "t", "amount": 100, "valid_from": "2025-01-01 00:00:00"},
        {"scope": "team", "value": "idle", "amount": 100, "valid_from": "2025-01-01 00:00:00"},
        {"scope": "feature", "value": "f", "amount": 100, "valid_from": "2025-01-01 00:00:00"},
        {"scope": "feature", "value": "f", "amount": 0, "valid_from": "2025-02-01 00:00:00"},
    ]
    assert store.post_events("budgets", given).json()["successful_rows"] == len(given)
    rows = {
        (row["scope"], row["value"]): row
        for row in store.pipe("llm_budgets", environment="budget", end_date="2025-03-21 00:00:00")
    }
    assert list(rows) == [("all", ""), ("team", "idle"), ("team", "t")]
    spent, until = sum(map(day_cost, past)), 0.0
    for day in days(MARCH, date(2025, 3, 31)):
        until += day_cost(day)
        if until >= 200:
            break
    whole = rows["all", ""]
    assert (whole["budget"], whole["spent"], whole["used_share"]) == (200, spent, spent / 200)
    assert (whole["status"], whole["runs_out_on"]) == ("at risk", str(day))
    assert whole["pace"] == pytest.approx(sum(map(day_cost, days(MARCH, date(2025, 3, 31)))) / 200)
    assert (rows["team", "t"]["status"], rows["team", "t"]["spent"]) == ("over", spent)
    assert rows["team", "t"]["runs_out_on"] <= "2025-03-20"
    idle = rows["team", "idle"]
    assert (idle["spent"], idle["forecast"], idle["runs_out_on"], idle["status"]) == (0, None, None, "ok")
    assert "No calls" in idle["reason"]


# models


def test_what_a_switch_would_have_cost(store: Perch) -> None:
    post(store, [call("switch", NOW, "dear", cost=0.3, latency=1.0, feature="f")] * 4)
    post(store, [call("switch", NOW, "cheap", cost=0.1, latency=2.0, feature="f", completion_tokens=110)] * 2)
    post(store, [failure("switch", NOW, "no", model="cheap", feature="f", cost=0.2, completion_tokens=0)])
    post(store, [call("switch", NOW, "cheap", cost=9, feature="g"), call("switch", NOW, "free", feature="f")])
    rows = store.pipe("llm_model_switches", environment="switch", min_requests=3)
    assert [(row["feature"], row["model_name"], row["alternative"]) for row in rows] == [
        ("f", "dear", "cheap"), ("f", "cheap", "dear")
    ]  # fmt: skip
    saved = rows[0]
    assert saved["total_cost"] == pytest.approx(1.2)
    assert saved["switched_cost"] == pytest.approx(400 * 0.4 / 490)
    assert saved["saving"] == pytest.approx(1.2 - saved["switched_cost"])
    assert saved["saving_share"] == pytest.approx(saved["saving"] / 1.2)
    assert saved["p95_latency"] == pytest.approx(1.0, rel=0.01)
    assert saved["alternative_p95_latency"] == pytest.approx(2.0, rel=0.01)
    assert saved["alternative_success_rate"] == pytest.approx(2 / 3)
    assert store.pipe("llm_model_switches", environment="switch") == []  # none has 30 calls
    assert len(store.pipe("llm_model_switches", environment="switch", min_requests=3, baseline="dear")) == 1


def test_a_model_costs_what_its_successes_cost(store: Perch) -> None:
    post(store, [call("costs", NOW, cost=0.1, latency=1.0)] * 8 + [failure("costs", NOW, "no", cost=0.05)] * 2)
    post(store, [call("costs", NOW)])  # nobody knows what it cost
    (row,) = store.pipe("llm_models_compared", environment="costs")
    assert row["total_cost"] == pytest.approx(0.9)
    assert row["cost_per_successful_request"] == pytest.approx(0.9 / 8)
    assert row["cost_per_1000_requests"] == pytest.approx(90)
    assert row["cost_per_million_tokens"] == pytest.approx(900)
    assert (row["requests"], row["unpriced_requests"], row["success_rate"]) == (11, 1, pytest.approx(9 / 11))
    (row,) = store.pipe("llm_wasted_spend", environment="costs")
    assert (row["wasted_cost"], row["wasted_share"]) == (pytest.approx(0.1), pytest.approx(0.1 / 0.9))


def test_the_interval_of_few_calls_is_wide(store: Perch) -> None:
    post(store, [call("rates", NOW, "some")] * 8 + [failure("rates", NOW, "no", model="some")] * 2)
    post(store, [call("rates", NOW, "one"), failure("rates", NOW, "no", model="none")])
    rows = {row["model_name"]: row for row in store.pipe("llm_models_compared", environment="rates")}
    intervals = {name: (row["success_rate_low"], row["success_rate_high"]) for name, row in rows.items()}
    assert intervals["some"] == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert intervals["one"] == (pytest.approx(0.206549, abs=1e-6), 1)
    assert intervals["none"] == (0, pytest.approx(0.793451, abs=1e-6))


def test_what_the_apps_own_cache_saved(store: Perch) -> None:
    post(store, [
        call("cache", NOW, "gpt-4o", prompt_tokens=1000, cached_tokens=400),
        call("cache", NOW, "gpt-4o", prompt_tokens=1000, cache_hit=1),
    ])  # fmt: skip
    (row,) = store.pipe("llm_cache", environment="cache")
    (sources,) = store.pipe("llm_cost_sources", environment="cache")
    assert (row["cached_tokens"], row["cached_share"]) == (400, 0.2)
    assert (row["cache_hit_requests"], row["cache_hit_share"]) == (1, 0.5)
    assert row["saved_cost"] == sources["saved_cost"] > 0


# speed


def test_a_histogram_has_each_successful_call_in_its_bin(store: Perch) -> None:
    times = [0, 0.0000005, 0.5, 1.0, 1.1, 1.2, 2.0, 90]
    others = [failure("bins", NOW, "no", latency=1), call("bins", NOW), call("bins", NOW, latency=4000, ttft=0.3)]
    post(store, [call("bins", NOW, latency=seconds, user="ann") for seconds in times] + others)
    rows = store.pipe("llm_latency_histogram", environment="bins")
    counted = [sum(row["from_seconds"] <= seconds < row["to_seconds"] for seconds in times) for row in rows]
    assert [row["requests"] for row in rows] == counted
    assert sum(counted) == len(times)
    assert [row["requests"] for row in rows if row["from_seconds"] == 1] == [2]
    assert rows[0]["from_seconds"] == 0
    assert [row["to_seconds"] / row["from_seconds"] for row in rows[1:]] == pytest.approx([2**0.2] * (len(rows) - 1))
    assert [row["share"] for row in rows] == [count / len(times) for count in counted]
    assert rows[-1]["cumulative_share"] == 1
    for more in ({"user": "ann"}, PERIOD, {**PERIOD, "start_date": "2025-03-10 09:30:00"}):
        assert store.pipe("llm_latency_histogram", environment="bins", **more) == rows
    (first,) = store.pipe("llm_latency_histogram", environment="bins", measure="ttft")
    assert first["from_seconds"] <= 0.3 < first["to_seconds"]
    assert store.get("/v0/pipes/llm_latency_histogram.json", measure="age").status_code == 400


def test_percentiles_of_prompts_and_of_the_time_between_tokens(store: Perch) -> None:
    prompts = list(range(10, 1010, 10))
    streamed = [call("sizes", NOW, prompt_tokens=n, completion_tokens=21, ttft=1, latency=1 + n / 50) for n in prompts]
    others = [
        # One token has no other after it.
        call("sizes", NOW, "b", prompt_tokens=7, completion_tokens=1, ttft=1, latency=2),
        call("sizes", NOW, "b", prompt_tokens=7, completion_tokens=50, latency=2),
        call("sizes", NOW, "b", prompt_tokens=7, completion_tokens=50, ttft=3, latency=2),
        failure("sizes", NOW, "no", model_name="b", prompt_tokens=7, completion_tokens=50, ttft=1, latency=2),
    ]
    post(store, streamed + others)
    many, few = store.pipe("llm_token_percentiles", environment="sizes", dimension="model")
    tokens, seconds = pd.Series(prompts), pd.Series([n / 50 / 20 for n in prompts])
    assert (many["requests"], many["timed_requests"], many["avg_prompt_tokens"]) == (100, 100, tokens.mean())
    for level in (50, 95):
        assert many[f"p{level}_prompt_tokens"] == pytest.approx(tokens.quantile(level / 100))
        assert many[f"p{level}_inter_token_latency"] == pytest.approx(seconds.quantile(level / 100), rel=0.01)
    assert (few["value"], few["timed_requests"], few["p50_inter_token_latency"]) == ("b", 0, None)
    (whole,) = store.pipe("llm_token_percentiles", environment="sizes")
    assert (whole["requests"], whole["timed_requests"]) == (104, 100)


# traffic


def test_the_busiest_minute(store: Perch) -> None:
    times = ["2025-03-10 09:30:00", "2025-03-10 09:30:59", "2025-03-10 09:31:00"]
    post(store, [call("peak", time) for time in times] + [failure("peak", "2025-03-10 09:30:30", "no")])
    first, second = store.pipe("llm_busiest_minutes", environment="peak")
    assert (first["minute_utc"], first["requests"], first["failed_requests"]) == ("2025-03-10 09:30:00", 3, 1)
    assert (second["minute_utc"], second["requests"]) == ("2025-03-10 09:31:00", 1)
    assert store.pipe("llm_busiest_minutes", environment="peak", limit="1") == [first]


# errors


def test_a_spike_stands_out_of_the_days_before(store: Perch) -> None:
    for day in days(MARCH, date(2025, 3, 9)):
        bad = 6 if day.day == 9 else 1
        time = f"{day} 12:00:00"
        post(store, [call("spikes", time)] * (20 - bad) + [failure("spikes", time, "no")] * bad)
    rows = store.pipe("llm_reliability", environment="spikes")
    assert [row["spike"] for row in rows] == [None] * 7 + [0, 1]
    assert [row["usual_error_rate"] for row in rows] == [None] * 7 + [pytest.approx(0.05)] * 2
    assert rows[-1]["success_rate"] == pytest.approx(0.7)
    assert rows[-1]["success_rate_low"] < 0.7 < rows[-1]["success_rate_high"]


@pytest.mark.parametrize("asked", [{}, {"timezone": "Asia/Tokyo"}, {"dimension": "model"}, {"dimension": "user"}])
def test_an_hour_is_held_against_the_same_hour_of_the_weeks_before(store: Perch, asked: Json) -> None:
    """On Mondays at nine half of the calls fail, as always; a Tuesday at nine when half fail is a spike."""
    environment = f"weeks {asked}"
    for week in range(5):
        monday = date(2025, 2, 3) + timedelta(weeks=week)
        for day, bad in ((monday, 6), (monday + timedelta(days=1), 6 if week == 4 else 1)):
            time = f"{day} 09:10:00"
            post(store, [call(environment, time)] * (12 - bad) + [failure(environment, time, "no")] * bad)
    period = {"start_date": "2025-03-03 00:00:00", "end_date": "2025-03-05 00:00:00"}
    rows = store.pipe("llm_reliability", environment=environment, granularity="hour", **asked, **period)
    assert [row["bucket_utc"] for row in rows] == ["2025-03-03 09:00:00", "2025-03-04 09:00:00"]
    assert [row["usual_error_rate"] for row in rows] == [0.5, pytest.approx(1 / 12)]
    assert [row["spike"] for row in rows] == [0, 1]


def test_errors_are_new_back_gone_or_kept(store: Perch) -> None:
    long_ago = "2025-01-01 00:00:00"
    post(
        store,
        [failure("errors", long_ago, "back"), failure("errors", BEFORE, "gone"), failure("errors", BEFORE, "kept")],
    )
    post(store, [failure("errors", NOW, name) for name in ("kept", "kept", "kept", "new", "back")])
    rows = {row["error"]: row for row in store.pipe("llm_errors_compared", environment="errors", **PERIOD)}
    assert {name: row["status"] for name, row in rows.items()} == {
        name: name for name in ("kept", "new", "back", "gone")
    }
    counts = [rows["kept"][name] for name in ("failed_requests", "previous_failed_requests", "change_share", "share")]
    assert counts == [3, 1, 2, 0.6]
    assert rows["new"]["change_share"] is None
    assert rows["back"]["first_seen_ever"] == long_ago
    whole = store.pipe("llm_errors_compared", environment="errors")
    assert {row["status"] for row in whole} == {None}
    assert sum(row["failed_requests"] for row in whole) == 8


# people and times


def test_users_are_new_once(store: Perch) -> None:
    post(store, [
        call("users", "2025-03-03 10:00:00", user="ann", cost=1),
        call("users", "2025-03-10 10:00:00", user="ann", cost=2),
        call("users", "2025-03-10 11:00:00", user="bob", cost=4),
        call("users", "2025-03-10 12:00:00", cost=8),
    ])  # fmt: skip
    names = ("active_users", "new_users", "returning_users", "unknown_user_requests", "cost_per_active_user")
    for zone in ("UTC", "Asia/Kolkata"):
        rows = store.pipe("llm_adoption", environment="users", granularity="week", timezone=zone)
        assert [[row[name] for name in names] for row in rows] == [[1, 1, 0, 0, 1], [2, 1, 1, 1, 3]]
    (row,) = store.pipe("llm_adoption", environment="users", granularity="week", **PERIOD)
    assert (row["new_users"], row["total_cost"]) == (1, 14)  # ann came before the range


def test_a_model_is_new_in_the_range_it_came_in(store: Perch) -> None:
    post(store, [call("models", BEFORE, "old"), call("models", NOW, "old"), call("models", NOW, "young", feature="f")])
    rows = store.pipe("llm_first_seen", environment="models", **PERIOD)
    assert {row["value"]: (row["is_new"], row["first_seen"]) for row in rows} == {
        "young": (1, NOW), "f": (1, NOW), "old": (0, BEFORE), "models": (0, BEFORE)
    }  # fmt: skip
    assert [row["is_new"] for row in store.pipe("llm_first_seen", environment="models")] == [None] * 4


def test_hours_are_those_of_the_zones_clocks(store: Perch) -> None:
    time = datetime(2025, 3, 3, 2, 10)  # a Monday
    post(store, [call("hours", str(time + timedelta(weeks=n)), latency=n + 1.0, cost=1) for n in range(2)])
    for zone, weekday, hour in (("UTC", 1, 2), ("America/Los_Angeles", 7, 18), ("Asia/Kathmandu", 1, 7)):
        rows = store.pipe("llm_activity", environment="hours", timezone=zone, end_date="2025-03-09 00:00:00")
        assert [(row["weekday"], row["hour"], row["requests"], row["total_cost"]) for row in rows] == [
            (weekday, hour, 1, 1)
        ]
    (row,) = store.pipe("llm_activity", environment="hours")
    assert row["p95_latency"] == pytest.approx(1.95, rel=0.01)
