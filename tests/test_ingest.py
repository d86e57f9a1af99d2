"""The way in: bodies of every form, tokens, quarantine, limits, a full queue."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import zstandard

from tests.conftest import Perch

EVENT = {
    "event_time": "2026-01-02 03:04:05",
    "model_name": "gpt-4",
    "prompt_tokens": 150,
    "completion_tokens": 50,
    "total_tokens": 200,
    "cost": 0.023,
    "latency": 1.45,
    "success": 1,
    "error_message": "",
}
LINE = json.dumps(EVENT).encode()
BAD = json.dumps({**EVENT, "prompt_tokens": -1, "success": "yes"}).encode()

START = Callable[..., Perch]


def counts(good: int, bad: int, again: int = 0) -> dict[str, int]:
    """What a request of this many good, quarantined and duplicate rows is answered."""
    return {"successful_rows": good, "quarantined_rows": bad, "duplicate_rows": again}


def count(perch: Perch, table: str = "llm_events") -> int:
    return int(perch.sql(f"SELECT count() AS n FROM {table}")[0]["n"])


@pytest.mark.parametrize(
    "body",
    [LINE, json.dumps(EVENT, indent=3).encode(), b"\n\n" + LINE + b"\r\n"],
    ids=["one line", "pretty-printed", "blank lines and CRLF"],
)
def test_one_object_is_one_event_whatever_its_layout(perch: Perch, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = perch.request("POST", "/v0/events", params={"name": "llm_events"}, data=body, headers=headers)
    assert (answer.status_code, answer.json()) == (202, counts(1, 0))
    row = perch.sql("SELECT * FROM llm_events")[0]
    assert {name: row[name] for name in EVENT} == EVENT
    assert row["ingested_at"] is not None
    assert row["provider"] is None


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "two gzip members"])
def test_compressed_ndjson(perch: Perch, encoding: str) -> None:
    body = LINE + b"\r\n\r\n" + LINE + b"\n"
    packed = {
        "gzip": gzip.compress(body),
        "zstd": zstandard.compress(body),
        "two gzip members": gzip.compress(LINE + b"\n") + gzip.compress(LINE),
    }[encoding]
    headers = {"Content-Encoding": "zstd" if encoding == "zstd" else "gzip"}
    params = {"name": "llm_events", "wait": "true"}
    answer = perch.request("POST", "/v0/events", params=params, data=packed, headers=headers)
    assert (answer.status_code, answer.json()) == (200, counts(2, 0))
    assert count(perch) == 2


def test_an_array_with_format_json(perch: Perch) -> None:
    answer = perch.post_events("llm_events", json.dumps([EVENT, EVENT, {"model_name": "x"}], indent=1), format="json")
    assert answer.json() == counts(2, 1)


def test_good_rows_stay_and_bad_ones_are_kept_with_their_reasons(perch: Perch) -> None:
    answer = perch.post_events("llm_events", b"\n".join([LINE, BAD, b"", b"not json", LINE]))
    assert answer.json() == counts(2, 2)
    values, text = perch.sql("SELECT * FROM llm_events_quarantine ORDER BY model_name NULLS LAST")
    assert values["c__error_column"] == ["prompt_tokens", "success"]
    assert values["c__error"] == [
        "value '-1' on column 'prompt_tokens' is not UInt32",
        "value 'yes' on column 'success' is not UInt8",
    ]
    assert (values["prompt_tokens"], values["cost"]) == ("-1", "0.023")
    assert text["c__error"][0].startswith("line 4 is not a JSON object")
    assert text["c__import_id"] == values["c__import_id"]


def test_a_missing_value_takes_the_default_or_quarantines(perch: Perch) -> None:
    without = {name: value for name, value in EVENT.items() if name not in ("total_tokens", "error_message", "cost")}
    without["model_name"] = "nobody-knows"
    perch.post_events("llm_events", [without, {**EVENT, "total_tokens": None, "unknown": 1}])
    rows = perch.sql("SELECT total_tokens, error_message, cost FROM llm_events ORDER BY cost NULLS FIRST")
    assert rows[0] == {"total_tokens": 200, "error_message": "", "cost": None}
    assert rows[1]["total_tokens"] == 200
    answer = perch.post_events("llm_events", {"event_time": "2026-01-01 00:00:00"}).json()
    assert answer == counts(0, 1)
    reasons = perch.sql("SELECT c__error FROM llm_events_quarantine")[0]["c__error"]
    assert reasons[0] == "column 'model_name' has no value, is not Nullable and has no DEFAULT"


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "empty"), (b"nope", "line 1"), (b"\n\n5\n6", "line 3"), (b"[1", "line 1"), (b"[" * 100_000, "line 1")],
)
def test_a_body_without_one_event_is_refused_naming_the_first_line(perch: Perch, body: bytes, said: str) -> None:
    answer = perch.post_events("llm_events", body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert count(perch, "llm_events_quarantine") == 0


def test_what_is_wrong_with_the_request_is_named(perch: Perch) -> None:
    for params, status, said in [({}, 400, "name"), ({"name": "nope"}, 404, "'nope'")]:
        answer = perch.request("POST", "/v0/events", params=params, data=LINE)
        assert answer.status_code == status
        assert said in answer.json()["error"]
    answer = perch.request("POST", "/v0/events?name=llm_events", data=LINE, headers={"Content-Encoding": "br"})
    assert (answer.status_code, "br" in answer.json()["error"]) == (400, True)
    answer = perch.request("POST", "/v0/events?name=llm_events", data=LINE, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, "gzip" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("way", ["plain", "chunked", "gzip bomb", "zstd bomb"])
def test_a_body_over_the_limit_is_refused_and_never_cut(start_perch: START, way: str) -> None:
    perch = start_perch(max_body=10_000)
    body = (LINE + b"\n") * 100
    headers = {}
    if way != "plain" and way != "chunked":
        headers["Content-Encoding"] = way.split()[0]
        body = gzip.compress(body * 1000) if way == "gzip bomb" else zstandard.compress(body * 1000)
    data = iter([body[:5000], body[5000:]]) if way == "chunked" else body
    answer = perch.request("POST", "/v0/events?name=llm_events", data=data, headers=headers)
    assert answer.status_code == 413
    assert "PERCH_MAX_BODY" in answer.json()["error"]
    assert count(perch) == 0


def test_a_chunked_body_arrives_whole(perch: Perch) -> None:
    lines = [LINE + b"\n"] * 500
    answer = perch.request("POST", "/v0/events?name=llm_events", data=iter(lines))
    assert answer.json()["successful_rows"] == 500


def test_without_a_token_only_health_and_options_answer(perch: Perch) -> None:
    assert perch.get("/v0/health", token="").status_code == 200
    assert perch.request("OPTIONS", "/v0/events", token="").headers["Access-Control-Allow-Origin"] == "*"
    paths = ["/v0/pipes", "/v0/pipes/llm_errors.json", "/v0/datasources", "/v0/sql?q=SELECT 1", "/v0/tokens"]
    for token in ("", "wrong"):
        for path in paths:
            answer = perch.get(path, token=token)
            assert (answer.status_code, list(answer.json())) == (403, ["error", "status"])
        assert perch.request("POST", "/v0/events?name=llm_events", token=token, data=LINE).status_code == 403


def test_a_token_may_do_what_its_scopes_say_until_it_is_revoked(perch: Perch) -> None:
    writes = perch.create_token("app", "DATASOURCES:APPEND:llm_events")
    reads = perch.create_token("pm", "PIPES:READ:llm_usage_by_model", "DATASOURCES:READ:llm_events")
    post = perch.url + "/v0/events?name=llm_events&token="
    read = perch.url + "/v0/pipes/llm_usage_by_model.json?token="
    assert requests.post(post + writes, data=LINE, timeout=30).status_code == 202
    assert requests.post(post + reads, data=LINE, timeout=30).status_code == 403
    assert requests.get(read + reads, timeout=30).json()["rows"] == 1
    assert requests.get(read + writes, timeout=30).status_code == 403
    assert perch.get("/v0/sql", token=reads, q="SELECT count() FROM llm_events").status_code == 200
    assert perch.get("/v0/sql", token=writes, q="SELECT count() FROM llm_events").status_code == 403
    listed = perch.get("/v0/tokens").text
    assert writes not in listed
    assert reads not in listed
    perch.request("DELETE", "/v0/tokens/pm")
    assert requests.get(read + reads, timeout=30).status_code == 403


def test_a_full_queue_answers_503_and_loses_nothing(start_perch: START) -> None:
    perch = start_perch(queue_rows=50)
    body = (LINE + b"\n") * 40
    answers: list[requests.Response] = []

    def post() -> None:
        for _ in range(5):
            answers.append(requests.post(perch.url + "/v0/events?name=llm_events", data=body, timeout=60, headers=head))

    head = {"Authorization": f"Bearer {perch.admin_token}"}
    threads = [threading.Thread(target=post) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code == 503]
    taken = sum(answer.json()["successful_rows"] for answer in answers if answer.status_code == 202)
    assert {answer.status_code for answer in answers} == {202, 503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert count(perch) == taken


def test_one_commit_is_sorted_and_numbered(perch: Perch) -> None:
    times = ["2026-03-01 00:00:00", "2026-01-01 00:00:00", "2026-02-01 00:00:00"]
    perch.post_events("llm_events", [{**EVENT, "event_time": moment} for moment in times])
    assert [row["event_time"] for row in perch.sql("SELECT event_time FROM llm_events")] == sorted(times)


def test_each_of_many_bodies_side_by_side_is_told_its_own_rows(perch: Perch) -> None:
    """Groups are made ready while others are committed: with ids and without, with bad rows and with none but these."""

    def post(number: int) -> None:
        good, bad = number % 7, number % 3 if number % 7 else 2
        own = {**EVENT, "team": f"body {number}"}
        events = [{**own, "id": f"{number}/{row}"} if number % 2 else own for row in range(good)]
        told = perch.post_events("llm_events", [*events, *[{**own, "prompt_tokens": -1}] * bad])
        assert told.json() == counts(good, bad)

    with ThreadPoolExecutor(16) as clients:
        list(clients.map(post, range(210)))
    stored = perch.sql("SELECT team, count() AS n, count(computed_cost) AS priced FROM llm_events GROUP BY team")
    expected = {f"body {number}": number % 7 for number in range(210) if number % 7}
    assert {row["team"]: int(row["n"]) for row in stored} == expected
    assert {row["team"]: int(row["priced"]) for row in stored} == expected


def test_a_default_may_look_at_a_column_that_nobody_sent(start_perch: START, tmp_path: Path) -> None:
    columns = (
        "`n` UInt8 `json:$.n`,\n    `a` Nullable(UInt8) `json:$.a`,\n    `b` UInt8 `json:$.b` DEFAULT ifNull(a, 7)"
    )
    (tmp_path / "t.datasource").write_text(f"SCHEMA >\n    {columns}\n\nENGINE MergeTree\nENGINE_SORTING_KEY n\n")
    perch = start_perch(project=tmp_path)
    perch.post_events("t", [{"n": 1}, {"n": 2, "b": None}])
    perch.post_events("t", [{"n": 3, "a": 4}, {"n": 4, "a": 4, "b": 5}])
    assert [row["b"] for row in perch.sql("SELECT b FROM t ORDER BY n")] == [7, 7, 4, 5]
