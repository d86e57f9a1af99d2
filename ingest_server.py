"""The ingest server: a Flask app over one Perch, served until it is told to stop.

`python ingest_server.py` serves with the settings of the environment. The app's routes are the blueprints of
`metrics/api/`; this file only puts them together.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import waitress.server
from flask import Flask, Response

from metrics import instance
from metrics.api import datasources, errors, events, health, pipes, sql, tokens
from metrics.errors import PerchError, StartError
from metrics.instance import Perch
from metrics.settings import Settings, load_settings
from metrics.tokens import admin_token

THREADS = 32
"""Worker threads: also the most requests that one group commit can gather."""


@dataclass(frozen=True)
class OpenPerch:
    """An app over an open store, and the admin token it knows."""

    app: Flask
    admin_token: str


@contextlib.contextmanager
def open_perch(settings: Settings) -> Iterator[OpenPerch]:
    """Open the store and make the app over it; raises what `metrics.instance.open_perch` raises."""
    with instance.open_perch(settings) as perch:
        yield OpenPerch(create_app(perch), admin_token(settings))


def create_app(perch: Perch) -> Flask:
    """The WSGI app that serves `perch`."""
    app = Flask(__name__)
    app.extensions["perch"] = perch
    app.url_map.strict_slashes = False  # clients call /v0/pipes/ as well, and a POST must never be redirected
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for module in (events, pipes, datasources, sql, tokens, health):
        app.register_blueprint(module.blueprint)
    errors.register(app)
    app.after_request(_allow_browsers)
    return app


def _allow_browsers(response: Response) -> Response:
    """Let pages of any origin call the API: what guards it is the token, which no browser sends by itself."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Content-Encoding"
    response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-DB-Exception-Code"
    return response


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered, the changed months exported, the store closed.

    Raises:
        PerchError: the server cannot start; one sentence.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is how group commits come about
    with open_perch(settings) as opened:
        server = create_server(opened.app, settings)
        signal.signal(signal.SIGTERM, _stop)
        print(f"Perch API on http://{settings.host}:{settings.port}", flush=True)
        server.run()


def create_server(app: Flask, settings: Settings) -> waitress.server.BaseWSGIServer | waitress.server.MultiSocketServer:
    """A server of `app` that listens already; raises StartError when the port is taken."""
    try:
        return waitress.server.create_server(
            app,
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            ident="perch",
            # The app itself refuses a body over PERCH_MAX_BODY with a sentence; this only bounds what is buffered.
            max_request_body_size=settings.max_body + 1_000_000,
            channel_timeout=int(settings.body_timeout.total_seconds()),
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise StartError(f"Cannot listen on {where}: {error.strerror}; stop what uses it or set PERCH_PORT.") from None


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit


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
