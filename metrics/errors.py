"""The few exceptions that Perch raises on purpose, each with the HTTP status it becomes.

One handler (`metrics/api/errors.py`) turns any of them into the one JSON error shape; the command line prints the
same sentence and exits with 1. A message is one clear sentence: what was wrong, where, what to do.
"""

from __future__ import annotations


class PerchError(Exception):
    """Anything a caller can be told about. `status` is the HTTP status of the answer."""

    status = 500
    code = ""
    """ClickHouse's number of the error, which clients look for in X-DB-Exception-Code; "" without one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(PerchError):
    """The request cannot be understood: a bad parameter, a body that does not parse."""

    status = 400


class Forbidden(PerchError):
    """No token, an unknown token, or a token without the scope that the route needs."""

    status = 403


class NotFound(PerchError):
    """A data source, pipe or route that does not exist."""

    status = 404


class QueryTimeout(PerchError):
    """A query ran longer than `PERCH_QUERY_TIMEOUT`."""

    status = 408
    code = "159"


class QueryMemory(PerchError):
    """A query needed more memory than it may use."""

    status = 400
    code = "241"


class ResultTooLarge(PerchError):
    """A query would answer more rows or bytes than an answer has."""

    status = 400
    code = "396"


class TooManyQueries(PerchError):
    """`limit` queries of scoped tokens run, and none of them ended soon enough for one more."""

    status = 429

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} queries of scoped tokens run already; send the same request again in a second.")
        self.limit = limit


class Refused(PerchError):
    """What is there already forbids it: a folder that is not empty, exports that are not this store's."""

    status = 409


class CopyFailed(PerchError):
    """A backup could not be written, for want of space perhaps."""

    status = 507


class SlowBody(PerchError):
    """A body that did not arrive within `PERCH_BODY_TIMEOUT`."""

    status = 408


class BodyTooLarge(PerchError):
    """A body over `PERCH_MAX_BODY`, as sent or after decompression."""

    status = 413


class KeyReused(PerchError):
    """An Idempotency-Key that came before with another body."""

    status = 422


class Busy(PerchError):
    """The server cannot take more now; the same request may be sent again after `retry_after` seconds."""

    status = 503

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DefinitionError(PerchError):
    """A `.datasource` or `.pipe` file, or a statement, is wrong.

    The message names the file, the line, the column where it is known (both from 1; 0: unknown) and what was expected.
    """

    status = 400

    def __init__(self, message: str, *, file: str = "", line: int = 0, column: int = 0) -> None:
        place = ":".join(str(part) for part in (file, line, line and column) if part)
        super().__init__(f"{place}: {message}" if file else message)
        self.reason = message
        self.file = file
        self.line = line
        self.column = column

    @property
    def placed(self) -> str:
        """The reason behind its place in a text that has no file: "line 2, column 8: there is no column x"."""
        place = ", ".join(
            f"{word} {number}" for word, number in (("line", self.line), ("column", self.column)) if number
        )
        return f"{place}: {self.reason}" if place else self.reason


class StartError(PerchError):
    """The process cannot start: a bad setting, a port in use, a store that another process holds."""


class StoreHeld(StartError):
    """Another process has the store open; the commands then ask that one instead."""
