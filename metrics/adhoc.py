"""One SELECT from the command line: what `sql` sends to the API, and the table that it prints.

Beside the river, over the API as every command (metrics/client.py).
"""

from __future__ import annotations

import json
import re
from typing import Final

from tabulate import tabulate

from metrics.checking import pointed
from metrics.client import Api
from metrics.errors import BadRequest
from metrics.formats import split_format

FORMATS: Final = {
    "table": "JSON",
    "json": "JSON",
    "ndjson": "JSONEachRow",
    "csv": "CSVWithNames",
    "parquet": "Parquet",
}
"""What `--format` takes, and the FORMAT clause that asks the API for it."""

_PLACE: Final = re.compile(r"line (\d+)(?:, column (\d+))?: ")


def ask(perch: Api, sql: str, form: str) -> bytes:
    """The answer of one SELECT in a form of `FORMATS`, or in that of its own FORMAT clause.

    Raises:
        BadRequest: it cannot be run; with the line of the statement and a caret where the place is known.
    """
    select, own = split_format(sql)
    text = sql if own else f"{select.rstrip().rstrip(';')}\nFORMAT {FORMATS[form]}"
    answer = perch.fetch("/v0/sql", [("q", text)])
    if answer.status >= 400:
        raise BadRequest(_with_caret(str(answer.json()["error"]), sql))
    return table(answer.body) if form == "table" and not own else answer.body


def _with_caret(sentence: str, sql: str) -> str:
    place, lines = _PLACE.search(sentence), sql.splitlines()
    if not place or int(place[1]) > len(lines):
        return sentence
    return f"{sentence}\n{pointed(lines[int(place[1]) - 1], int(place[2] or 0))}"


def table(body: bytes) -> bytes:
    """A JSON answer as an aligned table for a reader: NULL is empty, numbers stand to the right."""
    answer = json.loads(body)
    columns = answer["meta"]
    rows = [[_text(row[column["name"]]) for column in columns] for row in answer["data"]]
    aligned = ["right" if _is_number(column["type"]) else "left" for column in columns]
    # tabulate takes an alignment for each column of a table that has rows
    drawn = tabulate(
        rows,
        [column["name"] for column in columns],
        tablefmt="presto",
        colalign=aligned if rows else None,
        disable_numparse=True,
    )
    seconds, read = answer["statistics"]["elapsed"], answer["statistics"]["rows_read"]
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    return f"{drawn}\n{count} in {seconds:.3f} s; {read:,} rows were read.\n".encode()


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_number(kind: str) -> bool:
    plain = re.sub(r"(?:Nullable|LowCardinality)\(", "", kind)
    return plain.startswith(("Int", "UInt", "Float", "Decimal"))
