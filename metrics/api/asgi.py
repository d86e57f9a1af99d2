"""The server's front door: reads bodies without holding a thread, takes events in itself, hands the rest to Flask.

A body arrives on the event loop, under PERCH_MAX_BODY and PERCH_BODY_TIMEOUT, so that any number of slow callers cost
no thread; only a whole request reaches Flask's workers. `POST /v0/events` is answered here by the functions of
`metrics/ingest.py`: it waits for the writer without a thread, which is what lets one group commit gather many requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec
from a2wsgi import WSGIMiddleware
from flask import Flask

from metrics import events, ingest
from metrics.api.cors import CORS
from metrics.api.errors import described, unknown
from metrics.api.events import REPLAYED, waits
from metrics.errors import Busy, PerchError, SlowBody
from metrics.idempotency import Claim, Counts
from metrics.instance import Perch
from metrics.workspace import Source

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Headers = Mapping[bytes, bytes]
Send = Callable[[dict[str, Any]], Awaitable[None]]

WORKERS = 16
"""Threads of Flask: queries that run side by side."""

SMALL = 32_000
"""Bytes of a body that is parsed on the event loop itself; a larger one would hold up the others."""

_CORS = [(name.lower().encode(), value.encode()) for name, value in CORS.items()]


class FrontDoor:
    """The ASGI app over a Flask app."""

    def __init__(self, app: Flask) -> None:
        self._perch: Perch = app.extensions["perch"]
        self._flask = WSGIMiddleware(cast(Any, app), workers=WORKERS)
        self._parsers = ThreadPoolExecutor(2, "parser")
        self._arriving = 0  # bytes of bodies under way, which count against the queue's limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        body = _Arriving(self)
        started = False

        async def sending(message: dict[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await body.read(headers, receive)
            if scope["method"] == "POST" and scope["path"].rstrip("/") == "/v0/events":
                await _answer(sending, *await self._take_in(scope, headers, bytes(body.data)))
            else:
                await self._flask(cast(Any, scope), cast(Any, _replay(bytes(body.data), receive)), cast(Any, sending))
        except _Gone:
            return
        except Exception as error:
            status, extra, answer = described(error if isinstance(error, PerchError) else unknown(error))
            if not started:
                await _answer(send, status, answer, extra if body.complete else {**extra, "Connection": "close"})
        finally:
            self._arriving -= len(body.data)

    async def _take_in(self, scope: Scope, headers: Headers, data: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        query = _query(scope["query_string"])
        token, source = ingest.target(self._perch, _secret(headers, query), query.get("name", ""))
        body = ingest.Body(data, _text(headers, b"content-encoding"), query.get("format") == "json")
        claim, earlier = ingest.claim(self._perch, token, source, _text(headers, b"idempotency-key"), body)
        counts = await asyncio.wrap_future(earlier or await self._written(source, body, claim))
        status = 200 if waits(query.get("wait", "")) else 202
        return status, msgspec.json.encode(ingest.answer(source, counts)), REPLAYED if earlier else {}

    async def _written(self, source: Source, body: ingest.Body, claim: Claim | None) -> Future[Counts]:
        if len(body.data) <= SMALL and not body.encoding:
            return ingest.take_in(self._perch, source, body, claim)
        run = asyncio.get_running_loop().run_in_executor
        return await run(self._parsers, ingest.take_in, self._perch, source, body, claim)

    def reserve(self, size: int) -> None:
        """Count `size` arriving bytes; raises Busy where memory for them would go beyond the queue's limit."""
        if self._arriving + size > self._perch.settings.queue_bytes:
            raise Busy("The server is receiving as many bytes as it may hold; send the same request again in a moment.")
        self._arriving += size


class _Gone(Exception):
    """The caller hung up."""


class _Arriving:
    """One request's body while it arrives."""

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self._limit = door._perch.settings.max_body
        self._seconds = door._perch.settings.body_timeout.total_seconds()
        self.data = bytearray()
        self.complete = False

    async def read(self, headers: Headers, receive: Receive) -> None:
        """Read it whole; raises BodyTooLarge as soon as it is, SlowBody after PERCH_BODY_TIMEOUT."""
        length = headers.get(b"content-length", b"")
        if length in (b"", b"0") and b"transfer-encoding" not in headers:
            self.complete = True
            return
        if length.isdigit() and int(length) > self._limit:
            raise events.too_large(self._limit)
        try:
            async with asyncio.timeout(self._seconds):
                await self._read_chunks(receive)
        except TimeoutError:
            raise SlowBody(
                f"The body did not arrive within {self._seconds:g} s (PERCH_BODY_TIMEOUT); send the request again."
            ) from None

    async def _read_chunks(self, receive: Receive) -> None:
        while not self.complete:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunk = message.get("body", b"")
            if len(self.data) + len(chunk) > self._limit:
                raise events.too_large(self._limit)
            self._door.reserve(len(chunk))
            self.data += chunk
            self.complete = not message.get("more_body", False)


def _replay(data: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole body at once, and then what the connection says."""
    parts = [{"type": "http.request", "body": data, "more_body": False}]

    async def replayed() -> Mapping[str, Any]:
        return parts.pop() if parts else await receive()

    return replayed


@lru_cache(maxsize=1024)
def _query(query_string: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))


def _secret(headers: Headers, query: Mapping[str, str]) -> str:
    scheme, _, secret = _text(headers, b"authorization").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else query.get("token", "")


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


async def _answer(send: Send, status: int, body: bytes, extra: Mapping[str, str]) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_CORS]
    headers += [(name.lower().encode(), value.encode()) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
