"""SQL by HTTP: `q=` over the rows of an endpoint, `/v0/sql` with and without `pipeline=`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.conftest import Perch, make_settings, running

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CALLS = [
    {"event_time": f"2025-01-0{day} 00:00:00", "model_name": model, "prompt_tokens": 10 * day, "completion_tokens": 1,
     "success": 1}
    for day, model in ((1, "a"), (2, "a"), (3, "b"))
]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    with running(make_settings(tmp_path_factory.mktemp("query"))) as server:
        server.post_events("llm_events", CALLS)
        yield server


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


BY_MODEL = "/v0/pipes/llm_usage_by_model.json"


@pytest.mark.parametrize(
    ("sql", "parameters", "answered"),
    [
        ("select count() from _", {}, [{"count()": 2}]),
        ("select count() as n from llm_usage_by_model", {}, [{"n": 2}]),
        ("SELECT model_name FROM _ ORDER BY model_name DESC LIMIT 1", {}, [{"model_name": "b"}]),
        ("SELECT sum(total_prompt_tokens) AS tokens FROM _", {"model": "a"}, [{"tokens": 30}]),
        ("SELECT sum(requests) AS n FROM _", {"start_date": "2025-01-02 00:00:00", "model": ["a", "b"]}, [{"n": 2}]),
        ("WITH a AS (SELECT * FROM _) SELECT count() AS n FROM a", {}, [{"n": 2}]),
        ("-- how many?\nSELECT count() AS n FROM _;", {}, [{"n": 2}]),
    ],
)
def test_q_runs_over_the_rows_of_an_endpoint(
    small: Perch, sql: str, parameters: dict[str, Any], answered: list[dict[str, Any]]
) -> None:
    assert rows(small.get(BY_MODEL, q=sql, **parameters)) == answered
    posted = small.request("POST", BY_MODEL, params=parameters, data=sql, headers=FORM)  # as curl -d does
    assert rows(posted) == answered
    assert rows(small.request("POST", BY_MODEL, data={"q": sql, **parameters})) == answered
    assert rows(small.request("POST", BY_MODEL, json={"q": sql, **parameters})) == answered
    name = "llm_usage_by_model"
    assert rows(small.get("/v0/sql", q=sql, pipeline=name, **parameters)) == answered


def test_a_format_clause_of_q_goes_before_the_extension(small: Perch) -> None:
    answer = small.get(BY_MODEL, q="SELECT model_name FROM _ ORDER BY model_name FORMAT CSVWithNames")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.split() == ['"model_name"', '"a"', '"b"']


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT count() FROM filtered", "filtered"),  # a node on the way is nobody's business
        ("SELECT nothing FROM _", "nothing"),
        ("DROP TABLE llm_events", "SELECT"),
        ("SELECT 1 FROM _; SELECT 2", "one SELECT"),
        ("SELECT * FROM _ FORMAT Excel", "FORMAT Excel"),
    ],
)
def test_a_wrong_q_is_a_400_that_says_what_is_wrong(small: Perch, sql: str, named: str) -> None:
    for answer in (small.get(BY_MODEL, q=sql), small.get("/v0/sql", q=sql, pipeline="llm_usage_by_model")):
        assert answer.status_code == 400
        assert named in answer.json()["error"]


def test_a_pipeline_that_does_not_exist_is_a_404_that_names_it(small: Perch) -> None:
    answer = small.get("/v0/sql", q="SELECT 1 FROM _", pipeline="nothing")
    assert (answer.status_code, "nothing" in answer.json()["error"]) == (404, True)


def test_sql_in_a_body_of_any_type(small: Perch) -> None:
    for headers in (FORM, {"Content-Type": "text/plain"}, {}):
        answer = small.request("POST", "/v0/sql", data="SELECT count() AS n FROM llm_events", headers=headers)
        assert rows(answer) == [{"n": len(CALLS)}]
    answer = small.request("POST", "/v0/sql", data="DROP TABLE llm_events", headers=FORM)
    assert (answer.status_code, "SELECT" in answer.json()["error"]) == (400, True)


def test_a_query_that_takes_too_long_stops_no_other(start_perch: Callable[..., Perch]) -> None:
    server = start_perch(query_timeout="300ms")
    slow = "SELECT sum(sin(number) * cos(number)) FROM numbers(4000000000)"

    def ask(number: int) -> tuple[int, object]:
        sql = slow if number % 5 == 0 else f"SELECT {number} AS n, count() AS c FROM llm_events"
        answer = requests.get(f"{server.url}/v0/sql", params={"q": sql, "token": server.admin_token}, timeout=60)
        return answer.status_code, answer.json().get("data", answer.json().get("error"))

    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(ask, range(40)))
    for number, answer in enumerate(answers):
        if number % 5:
            assert answer == (200, [{"n": number, "c": 0}])
        else:
            assert answer == (408, "The query took longer than 0.3 s; ask for a shorter range.")


@pytest.mark.parametrize(
    "body",
    [
        b"[1]", b"{", b'{"model": NaN}', b'{"model": "\\ud800"}', b'{"q": "SELECT \'\\ud800\' FROM _"}', b"\xff",
        b'{"model":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["list", "half", "nan", "surrogate", "surrogate-in-q", "not-utf-8", "deep"],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_a_400(small: Perch, body: bytes) -> None:
    answer = small.request("POST", BY_MODEL, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "The body is not a JSON object of parameters.")


def test_an_empty_body_of_any_type_has_no_parameters(small: Perch) -> None:
    for headers in (FORM, {"Content-Type": "application/json"}, {}):
        assert len(rows(small.request("POST", BY_MODEL, data=b"", headers=headers))) == 2
