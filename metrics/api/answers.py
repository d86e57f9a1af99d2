"""What a query answers as a response: the format, and the ETag with which a caller asks whether they changed."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from metrics.formats import Answer, Options, Unchanged, find_format
from metrics.pipes import Known

PRIVATE = "private, no-cache"  # each use asks again, and no cache between here and the caller keeps it


def answered(ask: Callable[[Known], Answer | Unchanged], extension: str) -> Response:
    """What `ask` answers, in this format; 304 without running a query when the caller has what it would answer."""
    writing, options = find_format(extension), _options()
    reading, sent = request.method in ("GET", "HEAD"), request.if_none_match
    suffix = f"-{extension}{options.letters}"
    answer = ask(lambda version: reading and sent.contains_weak(version + suffix))
    if isinstance(answer, Unchanged):
        response = Response(status=304)
    else:
        response = Response(writing.write(answer, options), content_type=writing.content_type)
    if answer.version and reading:
        response.set_etag(answer.version + suffix, weak=True)  # weak: the statistics of the same rows differ
    response.headers["Cache-Control"] = PRIVATE
    return response


def plain(text: str) -> Response:
    """A text; the Content-Type is exactly text/plain, since clients compare it."""
    response = Response(text)
    response.headers["Content-Type"] = "text/plain"
    response.headers["Cache-Control"] = PRIVATE
    return response


def datafile(text: str) -> Response:
    """The text of a definition's file, with an ETag of what it holds."""
    response = plain(text)
    response.add_etag()
    response.make_conditional(request)
    return response


def _options() -> Options:
    return Options(
        quote_64bit_integers=_is_set("output_format_json_quote_64bit_integers"),
        quote_denormals=_is_set("output_format_json_quote_denormals"),
    )


def _is_set(name: str) -> bool:
    return request.values.get(name, "").lower() in ("1", "true")
