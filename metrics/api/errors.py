"""The one error shape: `{"error": "sentence", "status": 404}`, for everything that can go wrong on any route."""

from __future__ import annotations

import json
import logging

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from metrics.errors import Busy, PerchError, TooManyQueries
from metrics.templating import CustomError

log = logging.getLogger(__name__)

_SENTENCES = {404: "This route does not exist.", 405: "This route does not take this method."}


def register(app: Flask) -> None:
    """Make every error of `app` answer in the one shape."""
    app.register_error_handler(PerchError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def described(error: PerchError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and JSON body of an error."""
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, TooManyQueries):  # all of them, and integers: one client sleeps by each of them
        headers |= {"Retry-After": "1", "X-RateLimit-Limit": str(error.limit)}
        headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    if error.code:
        headers["X-DB-Exception-Code"] = error.code
    # a pipe's custom_error() chooses its own body
    body = error.body if isinstance(error, CustomError) else {"error": error.message, "status": error.status}
    return error.status, headers, json.dumps(body, default=str).encode()


def _known(error: PerchError) -> Response:
    status, headers, body = described(error)
    return Response(body, status, headers, content_type="application/json")


def _http(error: HTTPException) -> Response:
    sentence = _SENTENCES.get(error.code or 500, f"{error.name}: {error.description}")
    response = _plain(sentence, error.code or 500)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def unknown(error: Exception) -> PerchError:
    """Log an error that nobody expected; returns what its caller is told."""
    log.error("a request failed", exc_info=error)
    return PerchError("Something went wrong in the server; its log tells what.")


def _unknown(error: Exception) -> Response:
    return _known(unknown(error))


def _plain(sentence: str, status: int) -> Response:
    failure = PerchError(sentence)
    failure.status = status
    return _known(failure)
