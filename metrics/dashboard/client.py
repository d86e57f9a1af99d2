"""HTTP -> frames: the dashboard's one door to the API.

Requests share a pool of connections and run side by side, in the order in which a page names them. An answer is shared
by all who ask the same with the same token, while it is under way and for `FRESH` seconds, so that all viewers of one
view cost one request. A page does not wait for all of its answers but, panel by panel, for what the panel reads; one
endpoint that fails is raised there. The last answers are kept longer: while the API is away a page may show them once
more, marked as old; that it is away is found out once for all that a page asks.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlencode

import pandas as pd
import requests
import streamlit as st

from metrics.dashboard import viewer
from metrics.settings import load_settings

FRESH = 15
"""Seconds an answer is kept; filters round "now" to the same step, so that viewers share answers."""

SELDOM = 60
"""Seconds an answer is kept that changes seldom and is asked on every page, or is dear."""

TIMEOUT = (1.5, 20)
"""Seconds to connect and to wait for an answer (the API itself stops a query after PERCH_QUERY_TIMEOUT)."""

AWAY = 2
"""Seconds for which an API that could not be reached is not tried again: what a page asks of it fails at once."""

KEPT = 512
"""Answers that are shared, and answers that are kept for the time when the API is away."""

SIDE_BY_SIDE = max(2, min(4, os.cpu_count() or 2))
"""Requests that run at once. More would have all answers late, where these few have those that a page draws first
early: most of what the API does for one is planned on one core."""

Params = Mapping[str, str | Sequence[str]]

Answer = Future[pd.DataFrame]
Value = TypeVar("Value")


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
    """One GET. `part` is the key of the answer that holds the rows (a list of objects, or one object).

    Its answer is kept for `fresh` seconds.
    """

    path: str
    params: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    part: str = "data"
    fresh: int = FRESH

    def address(self) -> str:
        """Its URL as the viewer can reach it, without a token."""
        query = urlencode(_pairs(self))
        return viewer.api_url() + self.path + (f"?{query}" if query else "")


Key = tuple[str, str, Call]
"""What an answer is shared by: the API's address, the token, the call."""


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
    return Call("/v0/prices", (), "models", fresh=SELDOM)


class Rows:
    """Answers by the names they were asked for under.

    To read one is to wait for it, and raises its `EndpointFailed` where it failed.
    """

    def __init__(self, calls: Mapping[str, Call], answers: Mapping[Call, Answer]) -> None:
        self._calls = calls
        self._answers = answers

    def awaits(self, *names: str) -> bool:
        """Whether to read one of these would be to wait."""
        return not all(self._answers[self._calls[name]].done() for name in names)

    def __getitem__(self, name: str) -> pd.DataFrame:
        call = self._calls[name]
        try:
            rows = self._answers[call].result().copy(deep=False)  # a frame of their own, for the answer is shared
        except ApiAway as failure:  # it went away while the page was being drawn: the next time all of the page says so
            raise EndpointFailed(str(failure)) from failure
        if (noted := _noted.get()) is not None and all(name != read.name for read in noted):
            noted.append(Read(name, call, rows))
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


def begin(calls: Mapping[str, Call]) -> None:
    """Ask all calls, those that are named first first, and wait for none: `fetch` finds them under way."""
    url, token = load_settings().url, viewer.token()
    for call in calls.values():
        _ask((url, token, call))


def fetch(**calls: Call) -> Rows:
    """Ask all calls side by side, those that are named first first; returns once the API has answered one of them.

    Raises:
        ApiAway: the API does not answer at all, so that no part of the page can be drawn.
    """
    url, token = load_settings().url, viewer.token()
    answers = {call: _ask((url, token, call)) for call in calls.values()}
    asked = [answer for answer in answers.values() if not answer.done()]
    first = wait(asked, return_when=FIRST_COMPLETED).done if asked else answers.values()
    for answer in first:
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
    """Drop one shared answer, or every one: the next run asks again, also an API that was away a moment ago."""
    with _sharing:
        if call:
            _shared.pop((load_settings().url, viewer.token(), call), None)
        else:
            _shared.clear()
            _gone.clear()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="perch-client")


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment may see a call to this machine
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))
    return session


_TYPE = re.compile(r"^(?:Nullable|LowCardinality)\((.*)\)$")
_NUMBER = re.compile(r"U?Int|Float|Decimal")

_shared: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()
_memory: OrderedDict[Key, tuple[pd.DataFrame, datetime]] = OrderedDict()
_gone: dict[str, tuple[float, str]] = {}
"""Until when an API's address is not tried again, and what its last try ended in."""
_sharing = threading.Lock()


def _ask(key: Key) -> Answer:
    """The answer of one request, which may be under way; the token is part of what it is shared by."""
    if away := _away.get():
        return _recalled(key, *away)
    with _sharing:
        until, answer = _shared.get(key, (0.0, None))
        if answer and monotonic() < until:
            return answer
        answer = _pool().submit(_frame, *key)
        _keep(_shared, key, (monotonic() + key[2].fresh, answer))
    answer.add_done_callback(partial(_settled, key))  # outside of the lock: it runs at once where all is over
    return answer


def _settled(key: Key, answer: Answer) -> None:
    """Remember what was answered; share no failure."""
    with _sharing:
        if answer.exception() is None:
            _keep(_memory, key, (answer.result(), datetime.now(UTC)))
        elif key in _shared and _shared[key][1] is answer:
            del _shared[key]


def _recalled(key: Key, failure: ApiAway, answered: list[datetime]) -> Answer:
    answer: Answer = Future()
    if known := _memory.get(key):
        answered.append(known[1])
        answer.set_result(known[0])
    else:
        answer.set_exception(failure)
    return answer


def _keep(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)


def _frame(url: str, token: str, call: Call) -> pd.DataFrame:
    until, cause = _gone.get(url, (0.0, ""))
    if monotonic() < until:  # one page asks some fifteen questions, each of which could wait for a connection
        raise ApiAway(url, cause)
    try:
        body = _get(url, token, call)
    except ApiAway as failure:
        _gone[url] = monotonic() + AWAY, failure.cause
        raise
    try:
        found = body[call.part]
        return _typed(found if isinstance(found, list) else [found], body.get("meta", []))
    except (KeyError, TypeError, ValueError) as error:
        raise EndpointFailed(f"{call.path} does not answer with rows as Perch does.") from error


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


def _typed(rows: Sequence[Mapping[str, Any]], meta: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Columns as `meta` types them, also where every value is null: times in UTC, numbers as numbers."""
    if not meta:
        return pd.DataFrame(rows)
    kinds = {column["name"]: _TYPE.sub(r"\1", column["type"]) for column in meta}
    return pd.DataFrame({name: _column([row[name] for row in rows], kind) for name, kind in kinds.items()})


def _column(values: list[Any], kind: str) -> Any:
    if kind.startswith("Date"):
        return pd.to_datetime(values, utc=True, format="ISO8601")
    return pd.to_numeric(values) if _NUMBER.match(kind) else values
