"""The tutorial's own definitions, as printed: they load, take its event and answer its two calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Perch
from tests.test_ingest import EVENT


def test_the_definitions_load_and_serve_unchanged(start_perch: Callable[..., Perch], project: Path) -> None:
    perch = start_perch(project=project)
    answer = perch.post_events("llm_events", {**EVENT, "id": "dropped: no such column"})
    assert answer.json() == {"successful_rows": 1, "quarantined_rows": 0}
    usage = perch.get("/v0/pipes/llm_usage_by_model.json").json()
    assert {column["name"]: column["type"] for column in usage["meta"]} == {
        "model_name": "String",
        "total_prompt_tokens": "UInt64",
        "total_completion_tokens": "UInt64",
        "total_tokens": "UInt64",
        "total_cost": "Float64",
    }
    assert usage["data"][0]["total_tokens"] == EVENT["total_tokens"]
    assert usage["data"][0]["total_cost"] == pytest.approx(EVENT["cost"])
    speed = perch.get("/v0/pipes/llm_performance.json").json()
    assert speed["data"][0]["avg_latency"] == pytest.approx(EVENT["latency"])
    assert (speed["data"][0]["success_rate"], speed["rows"]) == (1.0, 1)


def test_its_sample_row_is_stored_as_sent(start_perch: Callable[..., Perch], project: Path) -> None:
    perch = start_perch(project=project)
    perch.post_events("llm_events", {**EVENT, "latency": 2738839277.5, "cost": 0.1328})
    row = perch.sql("SELECT cost, latency FROM llm_events")[0]
    assert row == {"cost": 0.1328, "latency": pytest.approx(2738839277.5, rel=1e-7)}
