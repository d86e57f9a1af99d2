"""Retries: Idempotency-Key for requests, ids for rows, one after another, at once and across restarts."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.conftest import Perch, make_settings, running
from tests.test_ingest import EVENT, LINE, count

START = Callable[..., Perch]


def post(perch: Perch, body: bytes, key: str = "", token: str | None = None) -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return perch.request("POST", "/v0/events?name=llm_events", data=body, headers=headers, token=token)


def row(**changes: object) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def test_the_same_key_and_body_are_answered_from_the_first(perch: Perch) -> None:
    body = LINE + b"\n" + row(prompt_tokens=-1)
    first, again = post(perch, body, "k"), post(perch, body, "k")
    assert first.json() == again.json() == {"successful_rows": 1, "quarantined_rows": 1, "duplicate_rows": 0}
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (count(perch), count(perch, "llm_events_quarantine")) == (1, 1)


def test_the_same_key_with_another_body_is_refused(perch: Perch) -> None:
    post(perch, LINE, "k")
    answer = post(perch, LINE + b" ", "k")
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["error"]
    assert count(perch) == 1


def test_a_key_belongs_to_its_token(perch: Perch) -> None:
    other = perch.create_token("other", "DATASOURCES:APPEND:llm_events")
    post(perch, LINE, "k")
    assert "Idempotent-Replayed" not in post(perch, LINE, "k", token=other).headers
    assert count(perch) == 2


def test_a_refused_body_leaves_its_key_free(perch: Perch) -> None:
    assert post(perch, b"nope", "k").status_code == 400
    assert post(perch, LINE, "k").status_code == 202


def test_copies_in_flight_wait_for_the_first(perch: Perch) -> None:
    body = (LINE + b"\n") * 2000
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(perch, body, "k"), range(16)))
    assert {answer.json()["successful_rows"] for answer in answers} == {2000}
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 15
    assert count(perch) == 2000


def test_keys_and_ids_hold_across_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = make_settings(tmp_path_factory.mktemp("restart"))
    with running(settings) as perch:
        post(perch, LINE, "k")
        post(perch, row(id="a"))
    with running(settings) as perch:
        assert post(perch, LINE, "k").headers["Idempotent-Replayed"] == "true"
        assert post(perch, row(id="a")).json()["duplicate_rows"] == 1
        assert count(perch) == 2


def test_keys_are_forgotten_after_their_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = make_settings(tmp_path_factory.mktemp("old"), idempotency_keep="1ms")
    with running(settings) as perch:
        post(perch, LINE, "k")
    with running(settings) as perch:
        assert "Idempotent-Replayed" not in post(perch, LINE, "k").headers


def test_a_row_is_a_duplicate_by_id_and_time_together(perch: Perch) -> None:
    lines = [
        row(id="a"),
        row(id="a"),
        row(id="a", event_time="2026-01-02 03:04:06"),
        row(id="b"),
        row(id=""),
        row(id=""),
    ]
    answer = post(perch, b"\n".join([*lines, LINE, LINE])).json()
    assert answer == {"successful_rows": 7, "quarantined_rows": 0, "duplicate_rows": 1}
    later = post(
        perch, b"\n".join([row(id="b", cost=99), row(id="b", event_time="2026-01-02T03:04:05.7Z"), row(id="c")])
    )
    assert later.json() == {"successful_rows": 1, "quarantined_rows": 0, "duplicate_rows": 2}
    assert count(perch) == 8
    assert had_duplicates(perch) == 3


def had_duplicates(perch: Perch, source: str = "llm_events") -> int | None:
    statistics: dict[str, int | None] = perch.get(f"/v0/datasources/{source}").json()["statistics"]
    return statistics["duplicate_rows"]


def test_without_row_ids_no_number_of_duplicates_is_known(perch: Perch) -> None:
    assert (had_duplicates(perch), had_duplicates(perch, "budgets")) == (0, None)


def test_each_of_several_concurrent_bodies_is_told_its_own_duplicates(perch: Perch) -> None:
    body = b"\n".join(row(id=f"r{number}") for number in range(500))
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: post(perch, body), range(8))]
    assert sorted(answer["successful_rows"] for answer in answers) == [0] * 7 + [500]
    assert all(answer["successful_rows"] + answer["duplicate_rows"] == 500 for answer in answers)
    assert count(perch) == 500


def test_of_rows_with_one_id_the_one_that_came_first_stays_wherever_it_is_sorted(perch: Perch) -> None:
    models = ["m", "z", "a", "b"]
    rows = [row(id="r1", model_name=name) for name in models] + [row(id="r2", model_name="c")]
    answer = post(perch, b"\n".join([*rows, row(id="r3", event_time="2025-01-01 00:00:00"), rows[1]])).json()
    assert (answer["successful_rows"], answer["duplicate_rows"]) == (3, 4)
    stored = perch.sql("SELECT id, model_name FROM llm_events WHERE id != 'r3' ORDER BY id")
    assert stored == [{"id": "r1", "model_name": "m"}, {"id": "r2", "model_name": "c"}]


def test_a_data_source_without_row_ids_never_merges(start_perch: START, project: object) -> None:
    perch = start_perch(project=project)
    answer = post(perch, row(id="a") + b"\n" + row(id="a")).json()
    assert answer == {"successful_rows": 2, "quarantined_rows": 0}
