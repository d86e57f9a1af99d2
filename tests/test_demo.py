"""The demo rows: reproducible, marked as such, and plausible enough to look at."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from metrics.demo import BODY_ROWS, ndjson
from tests.conftest import Perch

UNTIL = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        json.loads(line) for _, body in ndjson(40_000, 7, UNTIL) for line in body.splitlines()
    ]
    return pd.DataFrame(rows).assign(event_time=lambda table: pd.to_datetime(table["event_time"], utc=True))


@pytest.mark.parametrize("rows", [0, 1, 2, BODY_ROWS + 1])
def test_makes_as_many_rows_as_asked_for(rows: int) -> None:
    bodies = list(ndjson(rows, 1, UNTIL))
    assert sum(count for count, _ in bodies) == rows
    assert [count for count, _ in bodies] == [len(body.splitlines()) for _, body in bodies]


def test_the_same_seed_makes_the_same_bytes() -> None:
    assert list(ndjson(3_000, 7, UNTIL)) == list(ndjson(3_000, 7, UNTIL))
    assert list(ndjson(3_000, 7, UNTIL)) != list(ndjson(3_000, 8, UNTIL))


def test_covers_the_year_before_and_nothing_after(frame: pd.DataFrame) -> None:
    assert frame["event_time"].is_monotonic_increasing
    assert frame["event_time"].iloc[0] >= UNTIL - timedelta(days=365)
    assert frame["event_time"].iloc[0] < UNTIL - timedelta(days=363)
    assert UNTIL - timedelta(days=1) < frame["event_time"].iloc[-1] <= UNTIL


def test_every_row_is_marked(frame: pd.DataFrame) -> None:
    assert set(frame["environment"]) == {"demo"}
    assert frame["id"].is_unique


def test_is_plausible(frame: pd.DataFrame) -> None:
    assert frame["model_name"].nunique() == 20
    assert 0.01 <= 1 - frame["success"].mean() <= 0.02
    assert 0.01 <= frame["cost"].isna().mean() <= 0.06
    assert 0 < frame["latency"].isna().mean() < 0.01
    assert (frame["total_tokens"] == frame["prompt_tokens"] + frame["completion_tokens"]).all()
    assert (frame["cached_tokens"].fillna(0) <= frame["prompt_tokens"]).all()
    assert (frame["ttft"].dropna() <= frame.loc[frame["ttft"].notna(), "latency"].fillna(float("inf"))).all()
    assert (frame["error_message"] != "").equals(frame["success"] == 0)


def test_has_a_weekly_rhythm_growth_and_one_absurd_call(frame: pd.DataFrame) -> None:
    weekend = frame["event_time"].dt.day_of_week >= 5
    assert weekend.mean() < 0.15
    halves = frame["event_time"] < UNTIL - timedelta(days=182)
    assert halves.mean() < 0.4
    dearest, next_to_it = frame["cost"].nlargest(2)
    assert dearest > 100 > 10 * next_to_it


def test_loads_without_quarantine(perch: Perch) -> None:
    for count, body in ndjson(6_000, 3):
        answer = perch.post_events("llm_events", body).json()
        assert (answer["successful_rows"], answer["quarantined_rows"]) == (count, 0)
    assert perch.pipe("ingest_health")[0]["demo_events"] == 6_000
