"""The one error shape: `{"error": "sentence", "status": 404}`, for everything that can go wrong on any route."""

from __future__ import annotations

import json
import logging

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from metrics.errors import Busy, PerchError, QueryTimeout
from metrics.templating import CustomError

log = logging.getLogger(__name__)

_TIMEOUT_CODE = "159"  # ClickHouse's TIMEOUT_EXCEEDED, which clients look for


def register(app: Flask) -> None:
    """Make every error of `app` answer in the one shape."""
    app.register_error_handler(PerchError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def _answer(sentence: str, status: int) -> Response:
    response = jsonify(error=sentence, status=status)
    response.status_code = status
    return response


def _known(error: PerchError) -> Response:
    response = _answer(error.message, error.status)
    if isinstance(error, CustomError):  # a pipe's custom_error() chooses its own body
        response.data = json.dumps(error.body, default=str)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, QueryTimeout):
        response.headers["X-DB-Exception-Code"] = _TIMEOUT_CODE
    return response


def _http(error: HTTPException) -> Response:
    sentences = {404: "This route does not exist.", 405: "This route does not take this method."}
    status = error.code or 500
    return _answer(sentences.get(status, f"{error.name}: {error.description}"), status)


def _unknown(error: Exception) -> Response:
    log.error("a request failed", exc_info=error)
    return _answer("Something went wrong in the server; its log tells what.", 500)
