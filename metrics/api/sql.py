"""`GET|POST /v0/sql`: one read-only SELECT in ClickHouse SQL, over what the token may read."""

from __future__ import annotations

from flask import Blueprint, Response, request

from metrics.api.answers import answered
from metrics.api.auth import perch, require, token
from metrics.api.parameters import parameters, sent_sql
from metrics.errors import BadRequest
from metrics.formats import split_format

blueprint = Blueprint("sql", __name__)


@blueprint.route("/v0/sql", methods=["GET", "POST"])
def query() -> Response:
    """Run `q`, or the body, over data sources, quarantines and endpoints; JSON unless a FORMAT clause says otherwise.

    A token needs DATASOURCES:READ for each data source that is named, and PIPES:READ for each endpoint. With `pipeline`
    it reads the rows of that endpoint as `_`, called with the request's other parameters.
    """
    reader = token()
    sql, wanted = split_format(sent_sql() or request.get_data(as_text=True))
    if not sql.strip():
        raise BadRequest(
            "The parameter 'q' is missing: it holds a SELECT, as in /v0/sql?q=SELECT count() FROM llm_events."
        )
    endpoints = perch().endpoints
    pipeline = request.args.get("pipeline", "")
    asked = parameters()
    if pipeline:
        require("PIPES:READ", pipeline)
        endpoint = endpoints.published(pipeline)
        with endpoints.admitted(reader):
            return answered(lambda known: endpoints.call_over(endpoint, asked, sql, reader, known), wanted or "json")
    with endpoints.admitted(reader):
        return answered(lambda known: endpoints.query(sql, reader, asked, known), wanted or "json")
