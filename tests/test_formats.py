"""What an answer looks like: every format, the JSON body's numbers and counts, ETags, and the headers of failures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Perch, make_settings, running

SOURCE = """
SCHEMA >
    `at` DateTime `json:$.at`,
    `name` String `json:$.name`,
    `big` UInt64 `json:$.big`,
    `ratio` Nullable(Float64) `json:$.ratio`,
    `tags` Array(Int64) `json:$.tags[:]`

ENGINE "MergeTree"
ENGINE_SORTING_KEY "at"
"""
PIPES = {
    "everything": "SELECT *, big / 0 AS endless, toInt64(big) + 1 AS more FROM things ORDER BY at",
    "listed": """%
    SELECT name, big FROM things
    WHERE 1 {% if defined(names) %} AND name IN {{Array(names)}} {% end %}
    {% if Boolean(large, 0) %} AND big > 9007199254740992 {% end %}
    ORDER BY name DESC LIMIT {{Int32(page_size, 2)}} OFFSET {{Int32(page, 0) * Int32(page_size, 2)}}""",
    "latest": "SELECT count() AS n, now() AS time FROM things",
    "metrics": "SELECT * EXCEPT (rank) FROM samples WHERE name != 'bad' ORDER BY rank",
}
SAMPLES_SOURCE = """
SCHEMA >
    `rank` UInt8 `json:$.rank`,
    `name` String `json:$.name`,
    `value` Nullable(Float64) `json:$.value`,
    `help` String `json:$.help` DEFAULT '',
    `type` String `json:$.type` DEFAULT '',
    `labels` Map(String, String) `json:$.labels`,
    `timestamp` Nullable(Int64) `json:$.timestamp`

ENGINE "MergeTree"
ENGINE_SORTING_KEY "rank"
"""
SAMPLES = [
    {"name": "things_total", "value": 3, "help": "Things,\nall", "type": "counter", "labels": {"kind": 'a"b\\c\nd'},
     "timestamp": 1_700_000_000_000},
    *({"name": "seconds", "value": count, "type": "histogram", "labels": {"le": bound}}
      for bound, count in (("10", 5), ("5", 3), ("+Inf", 7))),
    {"name": "seconds", "value": 7, "type": "histogram", "labels": {"count": ""}},
    {"name": "seconds", "value": 40.5, "type": "histogram", "labels": {"sum": ""}},
    {"name": "unknown", "value": None, "type": "gauge", "labels": {}},
    {"name": "bad", "value": 1, "labels": {"b c": "d"}},
]  # fmt: skip
BIG = 2**63 - 2
THINGS = [
    {"at": "2025-01-01 00:00:00", "name": "a", "big": BIG, "ratio": 0.1, "tags": [1, 2**60]},
    {"at": "2025-01-01 00:00:01", "name": "b, \"c\"\n'd'", "big": 2, "ratio": None, "tags": []},
    {"at": "2025-01-01 00:00:02", "name": "é", "big": 0, "ratio": -0.5, "tags": [3]},
]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("definitions")
    (folder / "things.datasource").write_text(SOURCE)
    (folder / "samples.datasource").write_text(SAMPLES_SOURCE)
    for name, sql in PIPES.items():
        (folder / f"{name}.pipe").write_text(f"NODE {name}_node\nSQL >\n    {sql}\n\nTYPE endpoint\n")
    return folder


@pytest.fixture(scope="module")
def things(definitions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    with running(make_settings(tmp_path_factory.mktemp("things"), project=definitions)) as server:
        assert server.post_events("things", THINGS).json()["successful_rows"] == len(THINGS)
        ranked = [{"rank": rank, **sample} for rank, sample in enumerate(SAMPLES)]
        assert server.post_events("samples", ranked).json()["successful_rows"] == len(SAMPLES)
        yield server


def call(perch: Perch, name: str, **parameters: Any) -> requests.Response:
    return perch.get(f"/v0/pipes/{name}", **parameters)


# formats


def test_json_is_clickhouses_body(things: Perch) -> None:
    answer = call(things, "everything.json")
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert list(body) == ["meta", "data", "rows", "rows_before_limit_at_least", "statistics"]
    assert [column["type"] for column in body["meta"]][:5] == [
        "DateTime", "String", "UInt64", "Nullable(Float64)", "Array(Int64)"
    ]  # fmt: skip
    assert [{key: row[key] for key in THINGS[0]} for row in body["data"]] == THINGS
    assert [row["endless"] for row in body["data"]] == [None, None, None]
    assert body["statistics"]["rows_read"] == len(THINGS)


def test_json_quotes_what_is_asked_for(things: Perch) -> None:
    quoted = call(things, "everything.json", output_format_json_quote_64bit_integers=1).json()["data"]
    assert (quoted[0]["big"], quoted[0]["more"], quoted[0]["tags"]) == (str(BIG), str(BIG + 1), ["1", str(2**60)])
    assert (quoted[0]["ratio"], quoted[0]["endless"]) == (0.1, None)
    denormal = call(things, "everything.ndjson", output_format_json_quote_denormals=1).text.splitlines()
    assert [json.loads(line)["endless"] for line in denormal] == ["inf", "inf", "nan"]
    assert json.loads(denormal[0])["big"] == BIG
    plain = call(things, "everything.json", output_format_json_quote_64bit_integers=0, __tb__csv_header=1).json()
    assert plain["data"][0]["big"] == BIG


def test_the_same_rows_in_every_format(things: Perch) -> None:
    rows = call(things, "everything.json").json()["data"]
    assert [json.loads(line) for line in call(things, "everything.ndjson").text.splitlines()] == rows
    table = pq.read_table(
        io.BytesIO(call(things, "everything.parquet", output_format_parquet_string_as_string=1).content)
    )
    assert table.select(["name", "big", "ratio", "tags"]).to_pylist() == [
        {key: row[key] for key in ("name", "big", "ratio", "tags")} for row in rows
    ]
    assert pa.types.is_string(table.schema.field("name").type)
    for extension in ("csv", "csvwithnames"):
        answer = call(things, f"everything.{extension}")
        assert answer.headers["Content-Type"].startswith("text/csv")
        lines = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
        assert [list(line) for line in lines] == [list(row) for row in rows]
        assert [(line["name"], int(line["big"]), line["at"]) for line in lines] == [
            (row["name"], row["big"], row["at"]) for row in rows
        ]


def test_an_empty_answer_in_every_format(things: Perch) -> None:
    none = {"names": "nobody"}
    body = call(things, "listed.json", **none).json()
    assert (body["data"], body["rows"], body["rows_before_limit_at_least"]) == ([], 0, 0)
    assert call(things, "listed.ndjson", **none).content == b""
    assert call(things, "listed.csv", **none).text.split() == ['"name","big"']
    assert pq.read_table(io.BytesIO(call(things, "listed.parquet", **none).content)).num_rows == 0


def test_prometheus_reads_what_we_write(things: Perch) -> None:
    answer = call(things, "metrics.prometheus")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.splitlines() == [
        "# TYPE seconds histogram",
        'seconds_bucket{le="5"} 3.0',
        'seconds_bucket{le="10"} 5.0',
        'seconds_bucket{le="+Inf"} 7.0',
        "seconds_count 7.0",
        "seconds_sum 40.5",
        "",
        r"# HELP things_total Things,\nall",
        "# TYPE things_total counter",
        r'things_total{kind="a\"b\\c\nd"} 3.0 1700000000000',
        "",
        "# TYPE unknown gauge",
    ]
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {name: family.type for name, family in families.items()} == {
        "seconds": "histogram", "things": "counter", "unknown": "gauge"
    }  # fmt: skip
    (sample,) = families["things"].samples
    assert (sample.labels, sample.value) == (SAMPLES[0]["labels"], SAMPLES[0]["value"])
    assert families["things"].documentation == SAMPLES[0]["help"]


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT name, big FROM things", "'value'"),
        ("SELECT big AS value FROM things", "'name'"),
        ("SELECT 'a b' AS name, 1 AS value", "'a b'"),
        ("SELECT 'a' AS name, 'x' AS value", "'x'"),
        ("SELECT 'a' AS name, 1 AS value, 'speed' AS type", "speed"),
        ("SELECT * FROM samples WHERE name = 'bad'", "b c"),
        ("SELECT 'a' AS name, 1 AS value, 'now' AS timestamp", "timestamp"),
        ("SELECT 'a' AS name, 1 AS value, 'b' AS labels", "labels"),
    ],
)
def test_what_prometheus_cannot_take_is_a_400_that_names_it(things: Perch, sql: str, named: str) -> None:
    answer = things.get("/v0/sql", q=f"{sql} FORMAT Prometheus")
    assert answer.status_code == 400
    assert named in answer.json()["error"]


def test_a_format_that_does_not_exist_is_a_404_that_lists_them(things: Perch) -> None:
    answer = call(things, "listed.xlsx")
    assert answer.status_code == 404
    assert "json, csv, csvwithnames, ndjson, parquet, prometheus" in answer.json()["error"]


# parameters


@pytest.mark.parametrize(
    "send",
    [
        lambda perch, values: call(perch, "listed.json", **values),
        lambda perch, values: perch.request("POST", "/v0/pipes/listed.json", data=values),
        lambda perch, values: perch.request("POST", "/v0/pipes/listed.json", json=values),
        lambda perch, values: perch.request("POST", "/v0/pipes/listed.json", params=values),
        lambda perch, values: perch.request("GET", "/v0/pipes/listed.json?&from=x", params=values),
    ],
    ids=["query", "form", "json", "post-query", "empty-pair"],
)
@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"names": "a,é"}, ["é", "a"]),
        ({"names": ["a", "é"]}, ["é", "a"]),
        ({"names": ["a,é", "nobody"]}, ["é", "a"]),
        ({"large": True}, ["a"]),
        ({"large": "true"}, ["a"]),
        ({"large": "False", "names": "a"}, ["a"]),
        ({"large": 0, "names": "é"}, ["é"]),
    ],
)
def test_parameters_in_every_form(
    things: Perch, send: Callable[[Perch, Any], requests.Response], values: dict[str, Any], names: list[str]
) -> None:
    answer = send(things, values)
    assert answer.status_code == 200, answer.text
    assert [row["name"] for row in answer.json()["data"]] == names


# counts


@pytest.mark.parametrize(
    ("parameters", "rows", "before"),
    [
        ({}, 2, 3),
        ({"page": 1}, 1, 3),
        ({"page": 2}, 0, 3),
        ({"page_size": 3}, 3, 3),
        ({"page_size": 100}, 3, 3),
        ({"page_size": 1, "page": 2}, 1, 3),
        ({"names": "a"}, 1, 1),
    ],
)
def test_rows_before_limit_is_the_count_without_the_limit(
    things: Perch, parameters: dict[str, Any], rows: int, before: int
) -> None:
    body = call(things, "listed.json", **parameters).json()
    assert (body["rows"], body["rows_before_limit_at_least"]) == (rows, before)


@pytest.mark.parametrize(
    ("sql", "before"),
    [
        ("SELECT name FROM things LIMIT 1", 3),
        ("SELECT name FROM things LIMIT 0", 3),
        ("SELECT DISTINCT big > 1 AS b FROM things LIMIT 1", 2),
        ("SELECT big > 1 AS b, count() FROM things GROUP BY b LIMIT 1", 2),
        ("SELECT big > 1 AS b, count() FROM things GROUP BY b ORDER BY b LIMIT 1", 2),
        ("SELECT big > 1 AS b, count() AS n FROM things GROUP BY b HAVING n > 1 ORDER BY b LIMIT 1", 1),
        ("SELECT name, sum(big) OVER () AS s FROM things ORDER BY name LIMIT 2", 3),
        ("SELECT name FROM things LIMIT 5 OFFSET 1", 3),
        ("SELECT name FROM things ORDER BY at LIMIT 1 BY name LIMIT 1", 3),
        ("SELECT * FROM (SELECT name FROM things LIMIT 2)", 2),
        ("SELECT count() FROM things LIMIT 1", 1),
    ],
)
def test_rows_before_limit_of_a_query(things: Perch, sql: str, before: int) -> None:
    assert things.get("/v0/sql", q=sql).json()["rows_before_limit_at_least"] == before


@pytest.mark.parametrize(
    ("sql", "scanned"),
    [
        ("SELECT count() FROM things WHERE big > 0", 3),
        ("SELECT * FROM things AS a JOIN things AS b ON a.at = b.at", 6),
        ("WITH x AS (SELECT at, big FROM things) SELECT count() FROM x WHERE big IN (SELECT max(big) FROM x)", 6),
        ("SELECT 1", 0),
    ],
)  # fmt: skip
def test_rows_read_are_those_of_every_scan(things: Perch, sql: str, scanned: int) -> None:
    statistics = things.get("/v0/sql", q=sql).json()["statistics"]
    assert statistics["rows_read"] == scanned
    assert (statistics["bytes_read"] > 0) == (scanned > 0)


# ETags


def test_an_unchanged_answer_is_304_and_an_event_changes_it(things: Perch) -> None:
    first = call(things, "listed.json")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"

    def again(path: str = "listed.json", **parameters: Any) -> requests.Response:
        headers = {"If-None-Match": tag}
        return things.request("GET", f"/v0/pipes/{path}", params=parameters, headers=headers)

    unchanged = again()
    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", tag)
    assert "Access-Control-Allow-Origin" in unchanged.headers
    for other in (
        again(page=1), again(names="a"), again("listed.csv"), again(output_format_json_quote_64bit_integers=1),
        again(q="SELECT 1 FROM _"), again("everything.json"),
    ):  # fmt: skip
        assert other.status_code == 200
    things.post_events("things", {**THINGS[0], "name": "z"})
    changed = again()
    assert changed.status_code == 200
    assert changed.json()["data"][0]["name"] == "é"
    things.request("POST", "/v0/datasources/things/delete", data={"delete_condition": "name = 'z'"})
    assert call(things, "listed.json").headers["ETag"] not in (tag, changed.headers["ETag"])


def test_an_etag_is_no_way_around_the_token(things: Perch) -> None:
    headers = {"If-None-Match": call(things, "listed.json").headers["ETag"]}
    answer = things.request("GET", "/v0/pipes/listed.json", token="wrong", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/v0/pipes/latest.json", "/v0/sql?q=SELECT today()", "/v0/sql?q=SELECT NOW ()", "/v0/sql?q=SELECT now64(3)",
        "/v0/pipes/listed.json?q=SELECT yesterday() FROM _", "/v0/sql?q=SELECT curdate()", "/v0/sql?q=SELECT rand()",
        "/v0/sql?q=SELECT toHour(UTCTimestamp())",
    ],
)  # fmt: skip
def test_what_the_clock_changes_has_no_etag(things: Perch, path: str) -> None:
    answer = things.get(path)
    assert answer.status_code == 200
    assert "ETag" not in answer.headers


# failures


def test_a_query_that_takes_too_long_or_too_much_says_so(start_perch: Callable[..., Perch], definitions: Path) -> None:
    perch = start_perch(project=definitions, query_timeout="1s", memory="128MiB")
    pairs = "numbers(1000000) AS a JOIN numbers(1000000) AS b ON a.number != b.number + 1"
    slow = perch.get("/v0/sql", q=f"SELECT sum(a.number * b.number) FROM {pairs}")
    assert (slow.status_code, slow.headers["X-DB-Exception-Code"]) == (408, "159")
    assert "1 s" in slow.json()["error"]
    large = perch.get("/v0/sql", q="SELECT length(groupArray(number)) FROM numbers(30000000)")
    assert (large.status_code, large.headers["X-DB-Exception-Code"]) == (400, "241")
    assert "memory" in large.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/v0/pipes/listed.json", 405),
        ("PUT", "/v0/sql", 405),
        ("GET", "/v0/nothing", 404),
        ("GET", "/v0/pipes/nothing.json", 404),
        ("GET", "/v0/pipes/nothing", 404),
        ("GET", "/v0/pipes/nothing.pipe", 404),
        ("GET", "/v0/pipes/listed.json?colour=red", 400),
        ("GET", "/v0/pipes/listed.json?page=x", 400),
        ("GET", "/v0/sql", 400),
        ("GET", "/v0/sql?q=SELECT", 400),
    ],
)
def test_every_failure_has_the_one_shape(things: Perch, method: str, path: str, status: int) -> None:
    answer = things.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error", "status"]
    assert body["status"] == status
    assert body["error"]
    if status == 405:
        assert "GET" in answer.headers["Allow"]
