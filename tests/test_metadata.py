"""What is told of pipes and data sources: fields, the texts of their files, routes with odd URLs, other origins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT, Perch, make_settings, running

PIPE = ROOT / "metrics" / "endpoints" / "llm_errors.pipe"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with our own definitions and no rows, which these tests do not change."""
    with running(make_settings(tmp_path_factory.mktemp("metadata"))) as perch:
        yield perch


def pipe(server: Perch, name: str = "llm_errors", **parameters: Any) -> dict[str, Any]:
    answer = server.get(f"/v0/pipes/{name}", **parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# pipes


def test_a_pipe_is_told_whole(server: Perch) -> None:
    told = pipe(server)
    assert {key: told[key] for key in ("id", "name", "type", "endpoint", "parent", "tags", "url")} == {
        "id": "llm_errors", "name": "llm_errors", "type": "endpoint", "endpoint": "ranked", "parent": None, "tags": {},
        "url": f"{server.url}/v0/pipes/llm_errors.json",
    }  # fmt: skip
    assert told["content"] == PIPE.read_text()
    assert told["description"]
    assert len(told["updated_at"]) == len("2026-01-01 00:00:00.000000")
    assert [node["name"] for node in told["nodes"]] == ["by_error", "ranked"]


def test_a_node_tells_what_it_takes_reads_and_gives(server: Perch) -> None:
    filtered, newest = pipe(server, "llm_recent_events")["nodes"]
    assert (filtered["dependencies"], newest["dependencies"]) == (["llm_events"], ["filtered"])
    assert (filtered["node_type"], newest["node_type"]) == ("standard", "endpoint")
    assert newest["sql"].startswith("%")
    limit = next(item for item in newest["params"] if item["name"] == "limit")
    assert limit == {
        "name": "limit", "type": "Int32", "default": 100, "required": False,
        "description": "Most rows to answer, 1 to 10000",
    }  # fmt: skip
    assert {item["name"] for item in newest["params"]} == {"limit", "only_failed", "page", "page_size", "search"}
    assert {item["name"]: item["type"] for item in filtered["params"]}["model"] == "Array(String)"
    assert newest["columns"] == server.get("/v0/pipes/llm_recent_events.json").json()["meta"]
    assert [column["name"] for column in filtered["columns"]] == [
        column["name"] for column in server.get("/v0/datasources/llm_events").json()["columns"]
    ]
    assert [node["dependencies"] for node in pipe(server)["nodes"]] == [["failures_by_quarter"], ["by_error"]]


@pytest.mark.parametrize(
    ("parameters", "fields", "node_fields"),
    [
        ({"attrs": "id,name,description,type,endpoint"},
         {"id", "name", "description", "type", "endpoint", "url"}, None),
        ({"attrs": "name,updated_at,endpoint,url", "node_attrs": "name", "dependencies": "false"},
         {"name", "updated_at", "endpoint", "url", "nodes"}, {"name"}),
        ({"attrs": "name,updated_at,type"}, {"name", "updated_at", "type", "url"}, None),
        ({"attrs": "name,nodes", "node_attrs": "name,params"}, {"name", "url", "nodes"}, {"name", "params"}),
        ({"attrs": "nothing"}, {"url"}, None),
    ],
)  # fmt: skip
def test_attrs_choose_the_fields(
    server: Perch, parameters: dict[str, str], fields: set[str], node_fields: set[str] | None
) -> None:
    for path in ("/v0/pipes", "/v1/pipes", "/v0/pipes/"):
        listed = server.get(path, **parameters).json()["pipes"]
        assert len(listed) == len(list((ROOT / "metrics").rglob("*.pipe")))
        for told in (*listed, pipe(server, **parameters)):
            assert set(told) == fields
            assert all(set(node) == node_fields for node in told.get("nodes", []))


def test_dependencies_can_be_left_out(server: Perch) -> None:
    assert [node["dependencies"] for node in pipe(server, dependencies="false")["nodes"]] == [[], []]


def test_a_token_sees_only_its_pipes(server: Perch) -> None:
    token = server.create_token("one-pipe", "PIPES:READ:llm_errors")
    assert [told["name"] for told in server.get("/v0/pipes", token=token).json()["pipes"]] == ["llm_errors"]
    for path in ("/v0/pipes/llm_totals", "/v0/pipes/llm_totals.pipe", "/examples/query.http?pipe=llm_totals"):
        assert server.get(path, token=token).status_code == 403
    assert server.get("/v0/pipes/llm_errors.pipe", token=token).status_code == 200


# files and addresses as text


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/v0/pipes/llm_errors.pipe", PIPE),
        ("/v1/pipes/llm_errors.pipe", PIPE),
        ("/v0/datasources/llm_events.datasource", ROOT / "metrics/datasources/llm_events.datasource"),
        ("/v1/datasources/llm_events.datasource?include_all_shared_with=false",
         ROOT / "metrics/datasources/llm_events.datasource"),
    ],
)  # fmt: skip
def test_a_definition_is_its_file_as_plain_text(server: Perch, path: str, file: Any) -> None:
    answer = server.get(path)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.content == file.read_bytes()
    again = server.request("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_example_is_the_address_of_an_endpoint_without_a_token(server: Perch) -> None:
    answer = server.get(f"/examples/query.http?format=json&pipe=llm_errors&q=&token={server.admin_token}", token="")
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.text == f"{server.url}/v0/pipes/llm_errors.json"
    assert server.get(answer.text.removeprefix(server.url)).status_code == 200
    asked = server.get("/examples/query.http", format="csv", pipe="llm_errors", q="SELECT count() FROM _")
    assert asked.text == f"{server.url}/v0/pipes/llm_errors.csv?q=SELECT+count%28%29+FROM+_"
    assert server.get(asked.text.removeprefix(server.url)).text.split() == ['"count()"', "0"]
    assert server.get("/examples/query.http", pipe="nothing").status_code == 404
    assert server.get("/examples/query.http", pipe="llm_errors", format="xlsx").status_code == 404


def test_columns_of_a_data_source_bring_what_is_read_with_them(server: Perch) -> None:
    listed = server.get("/v0/datasources", attrs="id,name,description,columns").json()["datasources"]
    assert len(listed) == len(list((ROOT / "metrics").rglob("*.datasource")))
    assert all(set(told) == {
        "id", "name", "description", "columns", "engine", "indexes", "new_columns_detected", "quarantine_rows"
    } for told in listed)  # fmt: skip
    told = next(each for each in listed if each["name"] == "llm_events")
    assert set(told["engine"]) == {"engine", "engine_sorting_key", "engine_partition_key", "engine_primary_key"}


# addresses


@pytest.mark.parametrize(
    "path",
    [
        "/v0/pipes?&token=TOKEN",
        "/v0/pipes/?token=TOKEN&from=cli&cli_version=5.0.3 (rev ef090149)",
        "/v0/pipes/llm_totals.json?&token=TOKEN",
        "/v0/pipes/llm_totals.json?&&token=TOKEN&__tb__semver=&release_replacements=true",
        "/v0/pipes/llm_totals.json/?token=TOKEN",
        "/v0/datasources/?token=TOKEN&",
        "/v0/sql/?token=TOKEN&q=SELECT 1",
        "/v0/tokens/?token=TOKEN",
    ],
)
def test_slashes_and_empty_pairs_do_not_matter(server: Perch, path: str) -> None:
    answer = server.request("GET", path.replace("TOKEN", server.admin_token), token="", allow_redirects=False)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/v0/events", "/v0/pipes", "/v0/pipes/llm_totals", "/v0/pipes/llm_totals.json", "/v0/sql", "/v0/datasources",
        "/v0/datasources/llm_events", "/v0/tokens", "/v0/health", "/v1/pipes/llm_totals.pipe", "/examples/query.http",
    ],
)  # fmt: skip
def test_a_page_of_another_origin_may_ask_without_a_token(server: Perch, path: str) -> None:
    asked = {
        "Origin": "https://shop.test",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,content-type,if-none-match",
    }
    answer = server.request("OPTIONS", path, token="", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "content-encoding", "if-none-match"} <= set(allowed)
    assert {"GET", "POST", "OPTIONS"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Retry-After", "X-DB-Exception-Code", "X-RateLimit-Reset", "ETag"} <= set(exposed)


def test_a_refusal_can_be_read_from_another_origin(server: Perch) -> None:
    for path in ("/v0/pipes/llm_totals.json", "/v0/nothing"):
        answer = server.get(path, token="")
        assert answer.status_code in (403, 404)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
