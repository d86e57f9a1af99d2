"""`POST /v0/events`: a body of events in, counts out, after the commit."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, jsonify, request

from metrics import events
from metrics.api.auth import perch, require
from metrics.errors import BadRequest
from metrics.validation import Rows
from metrics.workspace import Source

blueprint = Blueprint("events", __name__)


@blueprint.post("/v0/events")
def post_events() -> tuple[Response, int]:
    """Append events; 200 with `wait=true` and 202 without mean the same here: they are durable and visible."""
    name = request.args.get("name", "")
    require("DATASOURCES:APPEND", name)
    source = _source(name)
    body = read_body()
    perch().writer.check_room(len(body))
    rows = _checked(source, body)
    perch().writer.write(source, rows, size=len(body), import_id=str(uuid.uuid4()))
    answer = jsonify(successful_rows=rows.good, quarantined_rows=len(rows.bad))
    return answer, 200 if request.args.get("wait", "").lower() in ("true", "1") else 202


def _source(name: str) -> Source:
    if not name:
        raise BadRequest("The parameter 'name' is missing: it names the data source, as in /v0/events?name=llm_events.")
    return perch().workspace.source(name)


def read_body() -> bytes:
    """The request's body, decompressed, at most PERCH_MAX_BODY before and after; raises BodyTooLarge."""
    limit = perch().settings.max_body
    if (request.content_length or 0) > limit:
        raise events.too_large(limit)
    body = request.stream.read(limit + 1)  # before anything touches request.form, which would swallow it
    if len(body) > limit:
        raise events.too_large(limit)
    return events.decompress(body, request.headers.get("Content-Encoding", ""), limit)


def _checked(source: Source, body: bytes) -> Rows:
    lines = events.split(body, array=request.args.get("format") == "json")
    rows = source.validator.decode(lines.numbered, long_fractions=lines.long_fractions)
    if not rows.good and not any(row.columns for row in rows.bad):
        raise BadRequest(f"No event was found in the body: {rows.bad[0].reasons[0]}")
    return rows
