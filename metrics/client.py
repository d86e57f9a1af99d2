"""The commands' way into Perch: the HTTP API, answered by the running server or by the same app in this process.

One process owns the store. So a command first tries to open the store itself and calls the app without a socket; when
a server holds the store, the same calls go to that server. The commands cannot tell the two apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from metrics.errors import DefinitionError, PerchError, StartError, StoreHeld
from metrics.settings import Settings

PATIENCE = 120.0  # seconds for which a full server (503) is asked again
ANSWER_WITHIN = (3.0, 600.0)  # seconds to connect, seconds to answer

HEALTH = "/v0/health"

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, wherever it came from."""

    status: int
    retry_after: float
    body: bytes

    def json(self) -> Any:
        """The decoded body. Raises PerchError when it is not JSON, as when something else listens on the port."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise PerchError(
                f"The answer (status {self.status}) is not JSON, so it does not come from Perch."
            ) from None


Send = Callable[[str, str, Pairs, bytes], Answer]


class Api:
    """Calls the API and raises the sentence of any error answer as a PerchError."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def get(self, path: str, **params: object) -> Any:
        """GET a path and return the decoded JSON."""
        return self._call("GET", path, params, b"")

    def post(self, path: str, body: bytes = b"", **params: object) -> Any:
        """POST a body and return the decoded JSON; a full server (503) is asked again for up to two minutes."""
        return self._call("POST", path, params, body)

    def delete(self, path: str) -> Any:
        """DELETE a path and return the decoded JSON, or None when the answer has no body."""
        return self._call("DELETE", path, {}, b"")

    def fetch(self, path: str, pairs: Pairs) -> Answer:
        """GET a path; the answer as it came, an error too."""
        return self._patiently("GET", path, pairs, b"")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of one SELECT, as dictionaries."""
        data: list[dict[str, Any]] = self.get("/v0/sql", q=f"{sql} FORMAT JSON")["data"]
        return data

    def _call(self, method: str, path: str, params: dict[str, object], body: bytes) -> Any:
        answer = self._patiently(method, path, _pairs(params), body)
        if answer.status >= 400:
            raise PerchError(str(answer.json().get("error") or f"{method} {path} failed with status {answer.status}."))
        return answer.json() if answer.body else None

    def _patiently(self, method: str, path: str, pairs: Pairs, body: bytes) -> Answer:
        give_up = time.monotonic() + PATIENCE
        while True:
            answer = self._send(method, path, pairs, body)
            # 503 says that nothing was taken, so the same request may be sent again.
            if answer.status != 503 or time.monotonic() > give_up:
                return answer
            time.sleep(answer.retry_after)


@contextmanager
def api(settings: Settings) -> Iterator[Api]:
    """The API of the store that the settings name.

    Raises:
        StartError: the store cannot be opened, or another process holds it and no API answers where it should.
    """
    if settings.api_url:
        yield Api(over_http(settings.url, settings.local_token()))
        return
    from ingest_server import open_perch  # here: it loads Flask and DuckDB

    with ExitStack() as stack:
        try:
            perch = stack.enter_context(open_perch(settings))
        except (StoreHeld, DefinitionError) as error:
            # Definitions that are wrong by now need not stop a server that has loaded them earlier.
            send = _to_the_holder(settings, error)
        else:
            send = _in_process(perch.app, perch.admin_token)
        yield Api(send)


@contextmanager
def own_api(settings: Settings) -> Iterator[Api]:
    """The API of a store that this process opens itself, whatever runs beside it.

    Raises:
        StartError, DefinitionError: it cannot be opened.
    """
    from ingest_server import open_perch  # here: it loads Flask and DuckDB

    with open_perch(settings) as perch:
        yield Api(_in_process(perch.app, perch.admin_token))


def over_http(url: str, token: str) -> Send:
    """Send to a server at `url` with `token`. The returned function raises StartError when nothing answers there."""
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc between this machine and itself
    session.headers["Authorization"] = f"Bearer {token}"

    def send(method: str, path: str, pairs: Pairs, body: bytes) -> Answer:
        try:
            got = session.request(method, url + path, params=pairs, data=body, timeout=ANSWER_WITHIN)
        except requests.RequestException as error:
            raise StartError(f"The Perch API at {url} does not answer ({type(error).__name__}).") from None
        return Answer(got.status_code, _seconds(got.headers.get("Retry-After")), got.content)

    return send


def is_up(url: str) -> bool:
    """Whether a GET of `url` is answered with 200 now."""
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _to_the_holder(settings: Settings, error: PerchError) -> Send:
    if is_up(settings.url + HEALTH):
        return over_http(settings.url, settings.local_token())
    if isinstance(error, StoreHeld):
        hint = f"No Perch API answers at {settings.url}: set PERCH_PORT or PERCH_API_URL to where that one does."
        raise StartError(f"{error.message} {hint}")
    raise error


def _in_process(app: Any, token: str) -> Send:
    client = app.test_client()

    def send(method: str, path: str, pairs: Pairs, body: bytes) -> Answer:
        got = client.open(
            path, method=method, query_string=pairs, data=body, headers={"Authorization": f"Bearer {token}"}
        )
        return Answer(got.status_code, _seconds(got.headers.get("Retry-After")), got.data)

    return send


def _pairs(params: dict[str, object]) -> Pairs:
    """Query parameters; a list or tuple repeats its key."""
    lists = {name: value if isinstance(value, list | tuple) else [value] for name, value in params.items()}
    return [(name, str(value)) for name, values in lists.items() for value in values]


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else 1.0
