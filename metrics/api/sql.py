"""`GET|POST /v0/sql`: one read-only SELECT in ClickHouse SQL; for the admin token."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request

from metrics.api.auth import perch, require_admin
from metrics.errors import BadRequest
from metrics.formats import find_format

blueprint = Blueprint("sql", __name__)

_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_NAMES = {
    "json": "json",
    "jsoneachrow": "ndjson",
    "csv": "csv",
    "csvwithnames": "csvwithnames",
    "parquet": "parquet",
}


@blueprint.route("/v0/sql", methods=["GET", "POST"])
def query() -> Response:
    """Run `q`, or the body, over data sources and their quarantines; JSON unless a FORMAT clause says otherwise."""
    require_admin()
    sql = request.args.get("q") or request.get_data(as_text=True, parse_form_data=False)
    if not sql.strip():
        raise BadRequest(
            "The parameter 'q' is missing: it holds a SELECT, as in /v0/sql?q=SELECT count() FROM llm_events."
        )
    clause = _FORMAT.search(sql)
    if clause and clause[1].lower() not in _NAMES:
        raise BadRequest(f"FORMAT {clause[1]} is not supported; there are: {', '.join(_NAMES)}.")
    writing = find_format(_NAMES[clause[1].lower()] if clause else "json")
    answer = perch().endpoints.query(sql[: clause.start()] if clause else sql)
    return Response(writing.write(answer), content_type=writing.content_type)
