"""`POST /v0/events` as a Flask route: for commands that call the app in their own process.

A running server answers the same route in `metrics/api/asgi.py`, without a thread for each request that waits.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from metrics import events, ingest
from metrics.api.auth import perch, secret

blueprint = Blueprint("events", __name__)


@blueprint.post("/v0/events")
def post_events() -> tuple[Response, int]:
    """Append events; 200 with `wait=true` and 202 without mean the same here: they are durable and visible."""
    source = ingest.target(perch(), secret(), request.args.get("name", ""))
    limit = perch().settings.max_body
    data = request.stream.read(limit + 1)  # before anything touches request.form, which would swallow it
    if len(data) > limit:
        raise events.too_large(limit)
    encoding = request.headers.get("Content-Encoding", "")
    rows = ingest.check(source, ingest.Body(data, encoding, request.args.get("format") == "json"), limit)
    counts = ingest.commit(perch(), source, rows, len(data)).result()
    return jsonify(counts), 200 if waits(request.args.get("wait", "")) else 202


def waits(value: str) -> bool:
    """Whether the parameter `wait` asks for a 200 instead of a 202."""
    return value.lower() in ("true", "1")
