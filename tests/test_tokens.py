"""Tokens that definitions declare, and what can be done to a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import Perch, make_settings, running

SOURCE = "SCHEMA >\n    `at` DateTime,\n    `n` UInt32\nENGINE_SORTING_KEY at\n"
PIPE = "NODE only\nSQL >\n    SELECT count() AS calls FROM calls\nTYPE endpoint\n"


def scopes(server: Perch) -> Mapping[str, set[str]]:
    """Every token with its scopes."""
    tokens = server.get("/v0/tokens").json()["tokens"]
    return {each["name"]: {f"{scope['type']}:{scope['resource']}" for scope in each["scopes"]} for each in tokens}


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., None]:
    """A function that runs a server on the same store with these declarations, and gives it to a check."""

    def served(check: Callable[[Perch], None], source: str = "", pipe: str = "") -> None:
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "calls.datasource").write_text(source + SOURCE)
        (project / "total.pipe").write_text(pipe + PIPE)
        with running(make_settings(tmp_path, project=project)) as server:
            check(server)

    return served


def test_a_declared_token_is_made_and_works_once_it_is_refreshed(serve: Callable[..., None]) -> None:
    secrets: list[str] = []

    def first(server: Perch) -> None:
        assert scopes(server) == {
            "app one": {"DATASOURCES:APPEND:calls"},
            "reader": {"DATASOURCES:READ:calls", "PIPES:READ:total"},
        }
        assert "token" not in server.get("/v0/tokens/reader").json()
        made = server.request("POST", "/v0/tokens/reader/refresh").json()
        assert made["name"] == "reader"
        secrets.append(made["token"])
        again = server.request("POST", f"/v0/tokens/{made['id']}/refresh").json()
        assert server.get("/v0/pipes/total.json", token=made["token"]).status_code == 403
        secrets.append(again["token"])
        assert server.get("/v0/pipes/total.json", token=again["token"]).json()["data"] == [{"calls": 0}]
        assert server.request("PUT", "/v0/tokens/reader", params={"scope": ["PIPES:READ:total", "PIPES:READ:other"]}).ok

    def second(server: Perch) -> None:
        assert scopes(server) == {"app one": set(), "reader": {"PIPES:READ:total", "PIPES:READ:other"}}
        assert server.get("/v0/pipes/total.json", token=secrets[-1]).status_code == 200

    def third(server: Perch) -> None:
        assert scopes(server)["reader"] == {"PIPES:READ:other"}
        assert server.get("/v0/pipes/total.json", token=secrets[-1]).status_code == 403

    serve(first, source="TOKEN 'app one' APPEND\nTOKEN reader READ\n", pipe='TOKEN "reader" READ\n')
    serve(second, pipe="TOKEN reader READ\n")
    serve(third)


def test_a_scope_given_by_hand_stays_when_a_file_no_longer_declares_it(serve: Callable[..., None]) -> None:
    def by_hand(server: Perch) -> None:
        server.create_token("report", "PIPES:READ:total")

    def declared(server: Perch) -> None:
        assert scopes(server)["report"] == {"PIPES:READ:total", "DATASOURCES:READ:calls"}

    def no_longer(server: Perch) -> None:
        assert scopes(server)["report"] == {"PIPES:READ:total"}

    serve(by_hand)
    serve(declared, source="TOKEN report READ\n", pipe="TOKEN report READ\n")
    serve(no_longer)


def test_one_token(perch: Perch) -> None:
    secret = perch.create_token("app", "DATASOURCES:APPEND:llm_events")
    described = perch.get("/v0/tokens/app").json()
    assert described["scopes"] == [{"type": "DATASOURCES:APPEND", "resource": "llm_events"}]
    assert perch.get(f"/v0/tokens/{described['id']}").json() == described
    for method, path, status, says in (
        ("GET", "/v0/tokens/none", 404, "There is no token named 'none'."),
        ("POST", "/v0/tokens/none/refresh", 404, "There is no token named 'none'."),
        ("PUT", "/v0/tokens/app", 400, "A token needs at least one scope"),
        ("PUT", "/v0/tokens/app?scope=EVERYTHING", 400, "Scope 'EVERYTHING' does not exist"),
    ):
        answer = perch.request(method, path)
        assert (answer.status_code, says in answer.json()["error"]) == (status, True), answer.text
        assert perch.request(method, path, token=secret).status_code == 403
