"""One body of events from the token check to the queue: what every door does with it, whatever carries it.

Joins the first stages of the river (events, validation, writer). The two doors, the ASGI one that a running server
has and the Flask route that a command calls in its own process, differ only in how they read bytes and how they wait.
"""

from __future__ import annotations

import uuid
from concurrent.futures import Future
from dataclasses import dataclass

from metrics import events
from metrics.errors import BadRequest, Forbidden
from metrics.instance import Perch
from metrics.validation import Rows
from metrics.workspace import Source


@dataclass(frozen=True)
class Body:
    """The bytes of a request as they were sent, their Content-Encoding, and whether an array of events is allowed."""

    data: bytes
    encoding: str
    array: bool


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a body."""

    successful_rows: int
    quarantined_rows: int


def target(perch: Perch, secret: str, name: str) -> Source:
    """The data source that a request may append to.

    Raises:
        Forbidden: the token is unknown or lacks DATASOURCES:APPEND on it.
        BadRequest, NotFound: no data source is named, or one that does not exist.
    """
    token = perch.tokens.find(secret)
    if not name:
        raise BadRequest("The parameter 'name' is missing: it names the data source, as in /v0/events?name=llm_events.")
    if not token.may("DATASOURCES:APPEND", name):
        raise Forbidden(f"The token '{token.name}' lacks the scope DATASOURCES:APPEND:{name}.")
    return perch.workspace.source(name)


def check(source: Source, body: Body, limit: int) -> Rows:
    """The rows of a body, checked; raises BadRequest when there is no event in it, BodyTooLarge over `limit` bytes."""
    plain = events.decompress(body.data, body.encoding, limit)
    lines = events.split(plain, array=body.array)
    rows = source.validator.decode(lines.numbered, long_fractions=lines.long_fractions)
    if not rows.good and not any(row.columns for row in rows.bad):
        raise BadRequest(f"No event was found in the body: {rows.bad[0].reasons[0]}")
    return rows


def commit(perch: Perch, source: Source, rows: Rows, size: int) -> Future[Counts]:
    """Queue the rows; the future has the counts once they are durable. Raises Busy when the queue is full."""
    counts = Counts(rows.good, len(rows.bad))
    return perch.writer.write(source, rows, counts, size=size, import_id=str(uuid.uuid4()))
