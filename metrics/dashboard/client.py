"""HTTP -> frames: the dashboard's one door to the API.

Requests share a pool of connections, run side by side, and their answers are kept for `FRESH` seconds, so that all
viewers of one view cost one request. One endpoint that fails is kept as its failure and raised where it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import requests
import streamlit as st

from metrics.settings import load_settings

FRESH = 15
"""Seconds an answer is kept; filters round "now" to the same step, so that viewers share answers."""

TIMEOUT = (1.5, 20)
"""Seconds to connect and to wait for an answer (the API itself stops a query after PERCH_QUERY_TIMEOUT)."""

Params = Mapping[str, str | Sequence[str]]


class ApiError(Exception):
    """An answer that is not rows. `str()` of it is one sentence to show."""


class ApiAway(ApiError):
    """Nothing answers at the API's address."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"No answer from {url}: {cause}.")
        self.url = url
        self.cause = cause


class EndpointFailed(ApiError):
    """The API answered, but not with rows."""


class TokenRefused(EndpointFailed):
    """The API does not accept the token, or the token may not read this endpoint."""


@dataclass(frozen=True)
class Call:
    """One GET. `part` is the key of the answer that holds the rows (a list of objects, or one object)."""

    path: str
    params: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    part: str = "data"


def pipe(name: str, params: Params | None = None, **more: str) -> Call:
    """The call of an endpoint. A parameter with several values is sent repeated."""
    given = {**(params or {}), **more}
    pairs = ((key, value if isinstance(value, str) else tuple(value)) for key, value in sorted(given.items()) if value)
    return Call(f"/v0/pipes/{name}.json", tuple(pairs))


def datasource(name: str, part: str) -> Call:
    """One part of what the API tells about a data source: its `exports`, its `statistics`, its `order`."""
    return Call(f"/v0/datasources/{name}", (), part)


def prices() -> Call:
    """The models of all stored calls, with their prices and with what those lack that have none."""
    return Call("/v0/prices", (), "models")


class Rows:
    """Answers by the names they were asked for under; reading one that failed raises its `EndpointFailed`."""

    def __init__(self, answers: Mapping[str, Future[pd.DataFrame]]) -> None:
        self._answers = answers

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._answers[name].result()


def fetch(**calls: Call) -> Rows:
    """Make all calls side by side.

    Raises:
        ApiAway: the API does not answer at all, so that no part of the page can be drawn.
    """
    settings = load_settings()
    url, token = settings.url, settings.local_token()
    answers = {name: _pool().submit(_frame, url, token, call) for name, call in calls.items()}
    for answer in answers.values():
        if isinstance(failure := answer.exception(), ApiAway):
            raise failure
    return Rows(answers)


def forget() -> None:
    """Drop every kept answer: the next run asks again."""
    _frame.clear()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8, thread_name_prefix="perch-client")


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment may see a call to this machine
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))
    return session


@st.cache_data(ttl=FRESH, max_entries=512, show_spinner=False)
def _frame(url: str, token: str, call: Call) -> pd.DataFrame:
    body = _get(url, token, call)
    try:
        found = body[call.part]
        frame = pd.DataFrame(found if isinstance(found, list) else [found])
        return _typed(frame, body.get("meta", []))
    except (KeyError, TypeError, ValueError) as error:
        raise EndpointFailed(f"{call.path} does not answer with rows as Perch does.") from error


def _get(url: str, token: str, call: Call) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = _session().get(url + call.path, params=list(_pairs(call)), headers=headers, timeout=TIMEOUT)
    except requests.ReadTimeout:
        raise EndpointFailed(f"{call.path} did not answer within {TIMEOUT[1]} seconds.") from None
    except requests.RequestException as error:
        raise ApiAway(url, _cause(error)) from None
    body = _json(answer)
    if answer.status_code in (401, 403):
        raise TokenRefused(body.get("error", "The token was refused."))
    if not answer.ok:
        raise EndpointFailed(body.get("error", f"{call.path} answered {answer.status_code}."))
    return body


def _pairs(call: Call) -> list[tuple[str, str]]:
    return [(key, one) for key, value in call.params for one in ([value] if isinstance(value, str) else value)]


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _cause(error: requests.RequestException) -> str:
    found = re.search(r"\[Errno -?\d+\] ([^'\")]+)", str(error))
    if found:
        return found[1].strip().lower()
    return "no connection in time" if isinstance(error, requests.Timeout) else "the connection failed"


def _typed(frame: pd.DataFrame, meta: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Columns as `meta` types them, also where every value is null: times in UTC, numbers as numbers."""
    for column in meta:
        name, kind = column["name"], re.sub(r"^(?:Nullable|LowCardinality)\((.*)\)$", r"\1", column["type"])
        if name not in frame:
            frame[name] = pd.Series(dtype="object")
        if kind.startswith("Date"):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        elif re.match(r"U?Int|Float|Decimal", kind):
            frame[name] = pd.to_numeric(frame[name])
    return frame
