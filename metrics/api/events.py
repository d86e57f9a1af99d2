"""`POST /v0/events` as a Flask route: for commands that call the app in their own process.

A running server answers the same route in `metrics/api/asgi.py`, without a thread for each request that waits.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from metrics import events, ingest
from metrics.api.auth import perch, secret

REPLAYED = {"Idempotent-Replayed": "true"}

blueprint = Blueprint("events", __name__)


@blueprint.post("/v0/events")
def post_events() -> tuple[Response, int]:
    """Append events; 200 with `wait=true` and 202 without mean the same here: they are durable and visible."""
    token, source = ingest.target(perch(), secret(), request.args.get("name", ""))
    limit = perch().settings.max_body
    data = request.stream.read(limit + 1)  # before anything touches request.form, which would swallow it
    if len(data) > limit:
        raise events.too_large(limit)
    body = ingest.Body(data, request.headers.get("Content-Encoding", ""), request.args.get("format") == "json")
    claim, earlier = ingest.claim(perch(), token, source, request.headers.get("Idempotency-Key", ""), body)
    counts = (earlier or ingest.take_in(perch(), source, body, claim)).result()
    answer = jsonify(ingest.answer(source, counts))
    answer.headers.update(REPLAYED if earlier else {})
    return answer, 200 if waits(request.args.get("wait", "")) else 202


def waits(value: str) -> bool:
    """Whether the parameter `wait` asks for a 200 instead of a 202."""
    return value.lower() in ("true", "1")
