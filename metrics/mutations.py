"""Deleting rows by a condition, in one transaction that readers see wholly or not at all.

Runs in the writer's thread; the months it touches are marked for the next export.
"""

from __future__ import annotations

from metrics.dialect import compile_expression
from metrics.errors import BadRequest, DefinitionError
from metrics.exports import mark_changed
from metrics.store import Connection, quoted
from metrics.workspace import Source
from metrics.writer import Writer


def delete_rows(writer: Writer, source: Source, condition: str) -> int:
    """Delete the rows for which `condition` (ClickHouse SQL over the declared columns) holds; returns how many.

    Raises:
        BadRequest: the condition cannot be understood.
    """
    try:
        compiled = compile_expression(condition, source.columns)
    except DefinitionError as error:
        raise BadRequest(f"delete_condition: {error.reason}") from None

    def delete(connection: Connection) -> int:
        mark_changed(connection, source, compiled, writer.seq)
        deleted = connection.execute(f"DELETE FROM rows.{quoted(source.name)} WHERE {compiled}").fetchone()
        return int(deleted[0]) if deleted else 0

    return writer.run(delete)
