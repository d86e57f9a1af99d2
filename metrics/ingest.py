"""One body of events from the token check to the queue: what every door does with it, whatever carries it.

Joins the first stages of the river (events, validation, writer). The two doors, the ASGI one that a running server
has and the Flask route that a command calls in its own process, differ only in how they read bytes and how they wait.
"""

from __future__ import annotations

import uuid
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from metrics import events
from metrics.errors import BadRequest, Forbidden
from metrics.idempotency import Claim, Counts
from metrics.instance import Perch
from metrics.tokens import Token
from metrics.validation import Rows
from metrics.workspace import Source


@dataclass(frozen=True)
class Body:
    """The bytes of a request as they were sent, their Content-Encoding, and whether an array of events is allowed."""

    data: bytes
    encoding: str
    array: bool


def target(perch: Perch, secret: str, name: str) -> tuple[Token, Source]:
    """The token of a request and the data source that it may append to.

    Raises:
        Forbidden: the token is unknown or lacks DATASOURCES:APPEND on it.
        BadRequest, NotFound: no data source is named, or one that does not exist, or that a materialized pipe fills.
    """
    token = perch.tokens.find(secret)
    if not name:
        raise BadRequest("The parameter 'name' is missing: it names the data source, as in /v0/events?name=llm_events.")
    if not token.may("DATASOURCES:APPEND", name):
        raise Forbidden(f"The token '{token.name}' lacks the scope DATASOURCES:APPEND:{name}.")
    return token, perch.workspace.writable(name)


def claim(
    perch: Perch, token: Token, source: Source, key: str, body: Body
) -> tuple[Claim | None, Future[Counts] | None]:
    """The claim of a request's Idempotency-Key, or the counts of the earlier request with it; neither without a key.

    Raises:
        KeyReused: the key came before with another body.
    """
    if not key:
        return None, None
    claim, first = perch.keys.claim(token.id, source.name, key, body.data)
    return (claim, None) if first else (None, claim.counts)


def take_in(perch: Perch, source: Source, body: Body, claim: Claim | None) -> Future[Counts]:
    """Check a body and queue its rows; the future has the counts once they are durable.

    Raises:
        BadRequest: there is no event in the body.
        BodyTooLarge: it is larger than PERCH_MAX_BODY, as sent or decompressed.
        Busy: the queue is full.
    """
    try:
        plain = events.decompress(body.data, body.encoding, perch.settings.max_body)
        lines = events.split(plain, array=body.array)
        perch.writer.check_room(len(lines.texts), len(plain))  # before the work of checking rows that find no room
        rows = _checked(source, lines)
        written = perch.writer.write(source, rows, size=len(plain), import_id=str(uuid.uuid4()), claim=claim)
    except BaseException as error:
        if claim is not None:
            perch.keys.abandon(claim, error)
        raise
    if claim is not None:
        written.add_done_callback(partial(perch.keys.settle, claim))
    return written


def _checked(source: Source, lines: events.Lines) -> Rows:
    rows = source.validator.decode(lines.texts, long_fractions=lines.long_fractions)
    if not rows.good and not any(row.columns for row in rows.bad):
        raise BadRequest(f"No event was found in the body: {rows.bad[0].reasons[0]}")
    return rows


def answer(source: Source, counts: Counts) -> dict[str, int]:
    """The counts as they are answered; duplicates are told where the data source has row ids."""
    told = {"successful_rows": counts.successful_rows, "quarantined_rows": counts.quarantined_rows}
    return {**told, "duplicate_rows": counts.duplicate_rows} if source.unique_key else told
