"""The OpenAPI document: valid, complete, and true: schemathesis calls what it describes and compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from openapi_spec_validator import validate
from schemathesis import checks

from tests.conftest import Perch, make_settings, running
from tests.test_endpoints import ENDPOINTS, EVENTS, FILTERS

CALLS_EACH = 4
FORMATS = ("json", "csv", "csvwithnames", "ndjson", "parquet")
checks.load_all_checks()
HELD = [
    checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"
    )
]  # fmt: skip
TYPED = """
DESCRIPTION >
    Every type of parameter.

NODE typed_node
SQL >
    %
    SELECT
        {{Int32(whole, 7, description='A whole number', example=12)}} AS whole,
        {{UInt64(large, required=True)}} AS large,
        {{Float64(ratio, 0.5)}} AS ratio,
        {{Boolean(flag, 1)}} AS flag,
        {{Date(day, '2026-01-31')}} AS day,
        {{DateTime(moment, '2026-01-31 00:00:00')}} AS moment,
        {{String(word, 'a', enum=['a', 'b'])}} AS word,
        {{Array(numbers, 'Int32', '1,2')}} AS numbers,
        'x' AS name,
        toFloat64(1) AS value

TYPE endpoint
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with our own definitions and a few rows."""
    with running(make_settings(tmp_path_factory.mktemp("openapi"))) as server:
        server.post_events("llm_events", EVENTS)
        yield server


@pytest.fixture(scope="module")
def document(filled: Perch) -> dict[str, Any]:
    found: dict[str, Any] = filled.get("/v0/pipes/openapi.json").json()
    return found


@pytest.fixture
def typed(start_perch: Any, tmp_path: Path) -> tuple[Perch, dict[str, Any]]:
    """A server with one endpoint, of every type of parameter, and its document."""
    folder = tmp_path / "typed"
    folder.mkdir()
    (folder / "typed.pipe").write_text(TYPED)
    server = start_perch(project=folder)
    return server, server.get("/v0/pipes/openapi.json").json()


def test_the_document_is_valid_and_has_every_endpoint_in_every_format(filled: Perch, document: dict[str, Any]) -> None:
    validate(document)
    pipes = filled.get("/v0/pipes", attrs="name,type").json()["pipes"]
    names = [pipe["name"] for pipe in pipes if pipe["type"] == "endpoint"]
    assert list(document["paths"]) == [f"/v0/pipes/{name}.{extension}" for name in names for extension in FORMATS]
    for name, path in document["paths"].items():
        taken = {item["name"]: item for item in path["get"]["parameters"]}
        assert set(FILTERS) <= set(taken) or "/dashboard_views." in name  # which is not about calls
        assert all(item["description"] for item in taken.values())
    assert document["servers"] == [{"url": filled.url}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "token"}


def test_parameters_are_typed(typed: tuple[Perch, dict[str, Any]]) -> None:
    _, document = typed
    validate(document)
    taken = document["paths"]["/v0/pipes/typed.json"]["get"]["parameters"]
    schemas = {item["name"]: item["schema"] for item in taken}
    assert schemas["whole"] == {
        "type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1, "default": 7
    }  # fmt: skip
    assert schemas["large"] == {"type": "integer", "minimum": 0, "maximum": 2**64 - 1} | (
        {"format": schemas["large"]["format"]} if "format" in schemas["large"] else {}
    )
    assert schemas["ratio"] == {"type": "number", "format": "double", "default": 0.5}
    assert schemas["flag"] == {"type": "boolean", "default": True}
    assert schemas["day"] == {"type": "string", "format": "date", "default": "2026-01-31"}
    assert schemas["moment"] == {"type": "string", "format": "date-time", "default": "2026-01-31T00:00:00Z"}
    assert schemas["word"] == {"type": "string", "enum": ["a", "b"], "default": "a"}
    assert schemas["numbers"]["items"]["type"] == "integer"
    assert schemas["numbers"]["default"] == [1, 2]
    assert [item["name"] for item in taken if item["required"]] == ["large"]
    whole = next(item for item in taken if item["name"] == "whole")
    assert (whole["description"], whole["example"]) == ("A whole number", 12)


def test_the_columns_are_told_and_what_prometheus_can_read_is_offered_to_it(
    typed: tuple[Perch, dict[str, Any]],
) -> None:
    server, document = typed
    row = document["components"]["schemas"]["typed"]
    body = server.get("/v0/pipes/typed.json", large=2**64 - 1).json()
    assert {name: column["description"] for name, column in row["properties"].items()} == {
        column["name"]: column["type"] for column in body["meta"]
    }
    assert "/v0/pipes/typed.prometheus" in document["paths"]
    assert server.get("/v0/pipes/typed.prometheus", large=1).text == "x 1.0\n"


def test_a_token_sees_its_endpoints_only(filled: Perch) -> None:
    token = filled.create_token("one", "PIPES:READ:llm_totals")
    document = filled.get("/v0/pipes/openapi.json", token=token).json()
    assert {path.partition(".")[0] for path in document["paths"]} == {"/v0/pipes/llm_totals"}
    nothing = filled.get("/v0/pipes/openapi.json", token=filled.create_token("none", "DATASOURCES:READ:llm_events"))
    validate(nothing.json())
    assert nothing.json()["paths"] == {}
    assert filled.get("/v0/pipes/openapi.json", token="").status_code == 403


@pytest.fixture(scope="module")
def described(document: dict[str, Any]) -> Any:
    return schemathesis.openapi.from_dict(document)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_call_answers_as_the_document_says(filled: Perch, described: Any, name: str, extension: str) -> None:
    headers = {"Authorization": f"Bearer {filled.admin_token}"}
    calls = described[f"/v0/pipes/{name}.{extension}"]["GET"].as_strategy()

    @settings(max_examples=CALLS_EACH, derandomize=True, deadline=None, database=None)
    @given(case=calls)
    def call(case: Any) -> None:
        case.call_and_validate(base_url=filled.url, headers=headers, session=filled.session, checks=HELD)

    call()
