"""Fixtures that enter by the front door: a real server on a free port, with rows or without.

`perch` is an empty one for each test. `loaded` is one for the whole run, with real traffic where the data folder lies
beside the repository and demo rows where it does not; it is for tests that only read.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from metrics.settings import Settings

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"
TUTORIAL = ROOT.parent / "shared" / "tutorial.md"
ADMIN_TOKEN = "admin-token-of-the-tests"

Json = dict[str, Any]


@dataclass
class Perch:
    """A running server as its clients see it: an address and tokens."""

    url: str
    settings: Settings
    admin_token: str = ADMIN_TOKEN
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def request(
        self, method: str, path: str, *, token: str | None = None, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> requests.Response:
        """One request with the admin token, or with another, or with none (`token=""`)."""
        token = self.admin_token if token is None else token
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        return self.session.request(method, self.url + path, headers=sent, timeout=60, **rest)

    def get(self, path: str, *, token: str | None = None, **params: object) -> requests.Response:
        """GET a path with query parameters."""
        return self.request("GET", path, token=token, params=params)

    def post_events(self, name: str, body: bytes | str | Json | Iterable[Json], **params: object) -> requests.Response:
        """POST one event, several (sent as NDJSON), or a body exactly as given."""
        params = {"name": name, "wait": "true", **params}
        return self.request("POST", "/v0/events", params=params, data=as_body(body))

    def sql(self, query: str) -> list[Json]:
        """The rows of one SELECT."""
        answer = self.get("/v0/sql", q=f"{query} FORMAT JSON")
        assert answer.status_code == 200, answer.text
        data: list[Json] = answer.json()["data"]
        return data

    def pipe(self, name: str, **params: object) -> list[Json]:
        """The rows of one endpoint."""
        answer = self.get(f"/v0/pipes/{name}.json", **params)
        assert answer.status_code == 200, answer.text
        data: list[Json] = answer.json()["data"]
        return data

    def create_token(self, name: str, *scopes: str) -> str:
        """A new token with these scopes."""
        answer = self.request("POST", "/v0/tokens", params={"name": name, "scope": scopes})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])


Open = Callable[..., "AppTest"]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a page as a viewer does: `open_page(perch.url, perch.admin_token, "usage", range="all", model=["o1"])`."""
    return opener(monkeypatch)


def opener(monkeypatch: pytest.MonkeyPatch) -> Open:
    """What `open_page` is, for pages that are kept for longer than one test."""
    from streamlit.testing.v1 import AppTest

    from metrics.dashboard import client

    def opened(url: str, token: str, page: str = "overview", **query: Any) -> AppTest:
        monkeypatch.setenv("PERCH_API_URL", url)
        monkeypatch.setenv("PERCH_TOKEN", token)
        client.forget()
        app = AppTest.from_file(str(ROOT / "metrics" / "dashboard" / "main.py"), default_timeout=180)
        for name, value in query.items():
            app.query_params[name.rstrip("_")] = value
        app.run()
        if page != "overview":
            kept = dict(app.query_params)
            app.switch_page(f"../../pages/{page}.py")
            app.query_params.update(kept)
            app.run()
        assert not app.exception, [error.message for error in app.exception]
        return app

    return opened


def as_body(events: bytes | str | Json | Iterable[Json]) -> bytes:
    """Events as the bytes of a request: bytes and text as they are, one event as JSON, several as NDJSON."""
    if isinstance(events, bytes | str):
        return events if isinstance(events, bytes) else events.encode()
    rows = [events] if isinstance(events, dict) else list(events)
    return "\n".join(json.dumps(row) for row in rows).encode()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(settings: Settings) -> Iterator[Perch]:
    """The real server on `settings.port`, in a thread of this process."""
    from ingest_server import Server, open_perch

    with open_perch(settings) as opened:
        server = Server(opened.app, settings)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            with requests.Session() as session:
                yield Perch(f"http://127.0.0.1:{settings.port}", settings, session=session)
        finally:
            server.close()
            thread.join()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests see the defaults, whatever the shell that starts them has set."""
    for name in list(os.environ):
        if name.startswith("PERCH_") and name != "PERCH_REQUIRE_BROWSER":
            monkeypatch.delenv(name)


def make_settings(folder: Path, **overrides: Any) -> Settings:
    """Settings for a server of a test: its own data folder, a free port, a known admin token, small limits."""
    given = {"data_dir": folder / "data", "port": free_port(), "admin_token": ADMIN_TOKEN, "memory": "1GB"}
    return Settings(**{**given, **overrides})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of `perch`."""
    return make_settings(tmp_path)


@pytest.fixture
def perch(settings: Settings) -> Iterator[Perch]:
    """A server with our own definitions and an empty store."""
    with running(settings) as server:
        yield server


@pytest.fixture
def start_perch(tmp_path: Path) -> Iterator[Callable[..., Perch]]:
    """A function that starts a server with settings of the test's own: `start_perch(project=folder, max_body=1000)`."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **overrides: stack.enter_context(running(make_settings(tmp_path, **overrides)))


def tutorial_definitions() -> dict[str, str]:
    """The tutorial's three definitions as printed, by file name; skips the test where the tutorial is not there."""
    if not TUTORIAL.exists():
        pytest.skip("the tutorial does not lie beside the repository")
    blocks = re.findall(r"^```\w*\n(DESCRIPTION >.*?)^```", TUTORIAL.read_text(), re.DOTALL | re.MULTILINE)
    source, *pipes = blocks
    names = [re.findall(r"NODE (\w+)_node", pipe)[0] for pipe in pipes]
    named = {f"endpoints/{name}.pipe": pipe for name, pipe in zip(names, pipes, strict=True)}
    return {"datasources/llm_events.datasource": source, **named}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of its own with the tutorial's three definitions, as printed."""
    folder = tmp_path / "project"
    for name, text in tutorial_definitions().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with rows, shared by all tests that only read."""
    with running(make_settings(tmp_path_factory.mktemp("loaded"))) as server:
        for body in bodies():
            answer = server.post_events("llm_events", body)
            assert answer.status_code == 200, answer.text
        yield server


def bodies() -> Iterator[bytes]:
    """Real traffic in bodies of 1,000 rows, else demo rows."""
    real = REAL_DATA / "aider_llm_events.ndjson"
    if real.exists():
        lines = real.read_bytes().splitlines()
        yield from (b"\n".join(lines[start : start + 1000]) for start in range(0, len(lines), 1000))
    else:
        from datetime import UTC, datetime

        from metrics.demo import ndjson

        yield from (body for _, body in ndjson(20_000, 7, datetime.now(UTC)))
