"""The way back to the address that was asked for, after a sign-in by OIDC: beside Streamlit's routes, before the pages.

Streamlit's callback always leads to the first page (its issue 10162), and the session that knew the address is over by
then. So the browser keeps the address for as long as it is away, in a cookie of that one sign-in. Nothing of it is
trusted: what comes back is a page of ours with filters of ours, or the first page.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metrics.dashboard import urlstate
from metrics.settings import ROOT

PAGES = frozenset(path.stem for path in (ROOT / "pages").glob("*.py"))

AWAY = 600
"""Seconds that a sign-in may take; after them it ends on the first page."""

LONGEST = 2000
"""Characters of an address that is kept: a browser takes cookies of 4,096 bytes."""

COOKIE = "perch_asked_"
"""The start of a cookie's name; what follows is the `state` of its sign-in, so that two windows do not mix theirs."""

Step = Callable[[Request, MutableHeaders], None]


class Returning:
    """ASGI middleware around Streamlit's app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through, with other headers on the way to the provider and back from it."""
        step = _step(scope["path"]) if scope["type"] == "http" else None
        if step is None:
            return await self._app(scope, receive, send)

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                step(Request(scope), MutableHeaders(raw=message["headers"]))
            await send(message)

        return await self._app(scope, receive, answered)


def _step(path: str) -> Step | None:
    if path.endswith("/auth/login"):
        return _remember
    return _return if path.endswith("/oauth2callback") else None


def _remember(request: Request, answer: MutableHeaders) -> None:
    """On the way out: the page that sent the browser here is the one that was asked for."""
    asked = quote(ours(request.headers.get("referer", "")), safe="")
    state = _state(urlsplit(answer.get("location", "")).query)
    if asked and state and len(asked) <= LONGEST:
        _set(answer, COOKIE + state, asked, AWAY)


def _return(request: Request, answer: MutableHeaders) -> None:
    """On the way back, whether the sign-in went well or not: who is still to sign in is asked there again."""
    name = COOKIE + _state(request.url.query)
    if name in request.cookies and "location" in answer:
        answer["location"] = answer["location"].rstrip("/") + "/" + ours(unquote(request.cookies[name]))
        _set(answer, name, "", 0)


def ours(address: str) -> str:
    """A page of ours and the filters that differ from the defaults, as `usage?model=o1`; all else is left out."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    page = parts.path.rpartition("/")[2]
    query = urlencode(urlstate.encode(urlstate.decode(parts.query)), doseq=True)
    return (page if page in PAGES else "") + (f"?{query}" if query else "")


def _state(query: str) -> str:
    return parse_qs(query).get("state", [""])[0]


def _set(answer: MutableHeaders, name: str, value: str, seconds: int) -> None:
    answer.append("set-cookie", f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
