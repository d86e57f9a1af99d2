"""HTTP -> frames: the dashboard's one door to the API.

Requests share a pool of connections, run side by side, and their answers are kept for `FRESH` seconds, so that all
viewers of one view cost one request. One endpoint that fails is kept as its failure and raised where it is read. The
last answers are kept longer: while the API is away a page may show them once more, marked as old.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import requests
import streamlit as st

from metrics.dashboard import viewer
from metrics.settings import load_settings

FRESH = 15
"""Seconds an answer is kept; filters round "now" to the same step, so that viewers share answers."""

TIMEOUT = (1.5, 20)
"""Seconds to connect and to wait for an answer (the API itself stops a query after PERCH_QUERY_TIMEOUT)."""

REMEMBERED = 512
"""Answers that are kept for the time when the API is away."""

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


class AdminToken(ApiError):
    """A token may do everything, where one that only reads is asked for."""


@dataclass(frozen=True)
class Call:
    """One GET. `part` is the key of the answer that holds the rows (a list of objects, or one object)."""

    path: str
    params: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    part: str = "data"

    def address(self) -> str:
        """Its URL as the viewer can reach it, without a token."""
        query = urlencode(_pairs(self))
        return viewer.api_url() + self.path + (f"?{query}" if query else "")


@dataclass(frozen=True)
class Read:
    """What a panel has read: the name it has on the page, the call behind it and its rows."""

    name: str
    call: Call
    rows: pd.DataFrame


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

    def __init__(self, calls: Mapping[str, Call], answers: Mapping[str, Future[pd.DataFrame]]) -> None:
        self._calls = calls
        self._answers = answers

    def __getitem__(self, name: str) -> pd.DataFrame:
        rows = self._answers[name].result()
        if (noted := _noted.get()) is not None and all(name != read.name for read in noted):
            noted.append(Read(name, self._calls[name], rows))
        return rows


_noted: ContextVar[list[Read] | None] = ContextVar("noted", default=None)
_away: ContextVar[tuple[ApiAway, list[datetime]] | None] = ContextVar("away", default=None)


@contextmanager
def noting() -> Iterator[list[Read]]:
    """Note what is read within: a panel offers the addresses and the rows of it."""
    read: list[Read] = []
    outer = _noted.set(read)
    try:
        yield read
    finally:
        _noted.reset(outer)


@contextmanager
def recalling(failure: ApiAway) -> Iterator[list[datetime]]:
    """Within, answer from memory and ask nothing; raise `failure` for what was never asked before.

    Gives the times (UTC) at which the API had answered.
    """
    answered: list[datetime] = []
    outer = _away.set((failure, answered))
    try:
        yield answered
    finally:
        _away.reset(outer)


def fetch(**calls: Call) -> Rows:
    """Make all calls side by side.

    Raises:
        ApiAway: the API does not answer at all, so that no part of the page can be drawn.
    """
    url, token = load_settings().url, viewer.token()
    ask = _frame if (away := _away.get()) is None else _recall(*away)
    answers = {name: _pool().submit(ask, url, token, call) for name, call in calls.items()}
    for answer in answers.values():
        if isinstance(failure := answer.exception(), ApiAway):
            raise failure
    return Rows(calls, answers)


def latest(**calls: Call) -> Rows:
    """As `fetch`, but with the last answers where the API is away."""
    try:
        return fetch(**calls)
    except ApiAway as failure:
        with recalling(failure):
            return fetch(**calls)


def readable(token: str) -> set[str]:
    """The pipes that a token may read.

    Raises:
        TokenRefused: the API does not know the token.
        ApiAway, EndpointFailed: it could not be asked.
    """
    pipes = _get(load_settings().url, token, Call("/v0/pipes")).get("pipes", [])
    return {str(one.get("name")) for one in pipes}


def refuse_admin(token: str) -> None:
    """Make sure that a token is one to lend to others.

    Raises:
        AdminToken: it has the scope ADMIN.
        ApiAway, EndpointFailed: the API could not be asked.
    """
    _reads_only(load_settings().url, token)


def append(source: str, row: Mapping[str, object]) -> None:
    """Post one row to a data source; it is stored when this returns.

    Raises:
        TokenRefused: the viewer's token may not append to it.
        ApiAway, EndpointFailed: it was not stored.
    """
    url = load_settings().url
    params = {"name": source, "wait": "true"}
    body = _sent("POST", url, viewer.token(), "/v0/events", list(params.items()), json.dumps(row).encode())
    if body.get("quarantined_rows"):
        raise EndpointFailed(f"A row of {source} was refused: its columns are others than this dashboard's.")


def forget(call: Call | None = None) -> None:
    """Drop one kept answer, or every one: the next run asks again."""
    if call:
        _frame.clear(load_settings().url, viewer.token(), call)
    else:
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


_memory: OrderedDict[tuple[str, str, Call], tuple[pd.DataFrame, datetime]] = OrderedDict()
_memorising = threading.Lock()


def _recall(failure: ApiAway, answered: list[datetime]) -> Callable[[str, str, Call], pd.DataFrame]:
    def ask(url: str, token: str, call: Call) -> pd.DataFrame:
        known = _memory.get((url, token, call))
        if known is None:
            raise failure
        answered.append(known[1])
        return known[0]

    return ask


@st.cache_data(ttl=FRESH, max_entries=512, show_spinner=False)
def _frame(url: str, token: str, call: Call) -> pd.DataFrame:
    body = _get(url, token, call)
    try:
        found = body[call.part]
        frame = _typed(pd.DataFrame(found if isinstance(found, list) else [found]), body.get("meta", []))
    except (KeyError, TypeError, ValueError) as error:
        raise EndpointFailed(f"{call.path} does not answer with rows as Perch does.") from error
    with _memorising:
        _memory[url, token, call] = frame, datetime.now(UTC)
        _memory.move_to_end((url, token, call))
        while len(_memory) > REMEMBERED:
            _memory.popitem(last=False)
    return frame


@st.cache_data(ttl=3600, show_spinner=False)
def _reads_only(url: str, token: str) -> bool:
    try:
        _get(url, token, Call("/v0/tokens"))
    except TokenRefused:  # the list of tokens is for the admin's alone
        return True
    raise AdminToken("The token has the scope ADMIN.")  # which is not kept, as an answer would be


def _get(url: str, token: str, call: Call) -> dict[str, Any]:
    return _sent("GET", url, token, call.path, _pairs(call))


def _sent(
    method: str, url: str, token: str, path: str, params: list[tuple[str, str]], data: bytes | None = None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = _session().request(method, url + path, params=params, data=data, headers=headers, timeout=TIMEOUT)
    except requests.ReadTimeout:
        raise EndpointFailed(f"{path} did not answer within {TIMEOUT[1]} seconds.") from None
    except requests.RequestException as error:
        raise ApiAway(url, _cause(error)) from None
    body = _json(answer)
    if answer.status_code in (401, 403):
        raise TokenRefused(body.get("error", "The token was refused."))
    if not answer.ok:
        raise EndpointFailed(body.get("error", f"{path} answered {answer.status_code}."))
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
