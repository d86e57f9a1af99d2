"""The ingest server: a Flask app over one Perch, served until it is told to stop.

`python ingest_server.py` serves with the settings of the environment. The app's routes are the blueprints of
`metrics/api/`; this file only puts them together.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from flask import Flask, Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from metrics import instance
from metrics.api import backup, datasources, docs_page, errors, events, health, pipes, prices, progress, sql, tokens
from metrics.api.asgi import FrontDoor
from metrics.api.cors import CORS
from metrics.errors import PerchError, StartError
from metrics.instance import Perch
from metrics.settings import Settings, load_settings
from metrics.tokens import admin_token
from metrics.watching import watching

BACKLOG = 2048
"""Connections that may wait to be accepted."""


@dataclass(frozen=True)
class OpenPerch:
    """An app over an open store, and the admin token it knows."""

    perch: Perch
    app: Flask
    admin_token: str


@contextlib.contextmanager
def open_perch(settings: Settings) -> Iterator[OpenPerch]:
    """Open the store and make the app over it; raises what `metrics.instance.open_perch` raises."""
    with instance.open_perch(settings) as perch:
        yield OpenPerch(perch, create_app(perch), admin_token(settings))


def create_app(perch: Perch) -> Flask:
    """The WSGI app that serves `perch`."""
    app = Flask(__name__)
    app.extensions["perch"] = perch
    app.url_map.strict_slashes = False  # clients call /v0/pipes/ as well, and a POST must never be redirected
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for module in (events, pipes, datasources, backup, prices, progress, sql, tokens, health, docs_page):
        app.register_blueprint(module.blueprint)
    errors.register(app)
    app.after_request(_allow_browsers)
    return app


def _allow_browsers(response: Response) -> Response:
    response.headers.update(CORS)
    return response


class _Protocol(HttpToolsProtocol):
    """uvicorn's, but that a request which is under way is answered before what follows it is refused.

    uvicorn answers a broken second request at once and hangs up: the first, whose rows are stored, would look refused.
    """

    def send_400_response(self, msg: str) -> None:
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:
            super().send_400_response(msg)
        else:
            cycle.keep_alive = False  # hangs up after the answer


class _Uvicorn(uvicorn.Server):
    """uvicorn's, but that it ends what may go on for minutes before it waits for the requests under way."""

    def __init__(self, config: uvicorn.Config, perch: Perch) -> None:
        super().__init__(config)
        self._perch = perch

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._perch.orderer.stop()
        await super().shutdown(sockets)


class Server:
    """Serves an app on a port that it holds from the start; `run` blocks until `close`, SIGTERM or SIGINT."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        """Take the port; raises StartError when another process has it."""
        self._socket = _listen(settings)
        config = uvicorn.Config(
            FrontDoor(app),
            loop="uvloop",
            http=_Protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=math.ceil(settings.body_timeout.total_seconds()),
        )
        logging.getLogger("uvicorn.access").disabled = True  # whatever else logs here: a URL may carry a token
        self._server = _Uvicorn(config, app.extensions["perch"])

    def run(self) -> None:
        """Serve; what has arrived when it ends is answered first."""
        with contextlib.closing(self._socket):
            self._server.run(sockets=[self._socket])

    def close(self) -> None:
        """Tell `run` to end, from another thread."""
        self._server.should_exit = True


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    # Not SO_REUSEPORT, with which two servers would share the port and its requests without a word.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        where = f"{settings.host}:{settings.port}"
        raise StartError(f"Cannot listen on {where}: {error.strerror}; stop what uses it or set PERCH_PORT.") from None
    return listening


def serve(settings: Settings, *, watch: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered, the changed months exported, the store closed.

    With `watch` the definitions are served anew whenever one is saved, and stderr tells what becomes of it.

    Raises:
        PerchError: the server cannot start; one sentence.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # While the store is opened, and when uvicorn has ended and sends itself the signal again: it must not kill.
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    with open_perch(settings) as opened, contextlib.suppress(KeyboardInterrupt):
        server = Server(opened.app, settings)
        signal.signal(signal.SIGTERM, lambda number, frame: server.close())
        if stopping.is_set():
            server.close()
        with watching(opened.perch, _say) if watch else contextlib.nullcontext(), _frozen_heap():
            print(f"Perch API on http://{settings.host}:{settings.port}", flush=True)
            server.run()


@contextlib.contextmanager
def _frozen_heap() -> Iterator[None]:
    """Python's collector passes over all that is there by now: it lasts, and to walk through it takes a while."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _say(told: str) -> None:
    print(told, file=sys.stderr, flush=True)


def main() -> int:
    """Serve with the environment's settings; a start that fails is one sentence and exit 1."""
    try:
        serve(load_settings())
    except PerchError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
