"""`/v0/pipes`: endpoints called, listed and described."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import MultiDict

from metrics.api.auth import perch, require, token
from metrics.errors import BadRequest
from metrics.formats import find_format
from metrics.pipes import Endpoint

blueprint = Blueprint("pipes", __name__)


@blueprint.get("/v0/pipes")
def list_pipes() -> Response:
    """The endpoints that the token may read."""
    seen = token()
    endpoints = perch().endpoints.all()
    return jsonify(pipes=[_described(item) for item in endpoints if seen.may("PIPES:READ", item.pipe.name)])


@blueprint.get("/v0/pipes/<name>")
def describe_pipe(name: str) -> Response:
    """One endpoint: its nodes, parameters and text."""
    require("PIPES:READ", name)
    return jsonify(_described(perch().endpoints.find(name)))


@blueprint.route("/v0/pipes/<name>.<extension>", methods=["GET", "POST"])
def call_pipe(name: str, extension: str) -> Response:
    """Call an endpoint; parameters come from the query string, a form or a JSON object."""
    require("PIPES:READ", name)
    endpoint = perch().endpoints.find(name)
    writing = find_format(extension)
    answer = perch().endpoints.call(endpoint, _parameters())
    return Response(writing.write(answer), content_type=writing.content_type)


def _parameters() -> dict[str, object]:
    parameters = _merged(request.args)
    if request.method == "POST":
        parameters |= _json_parameters() if request.is_json else _merged(request.form)
    return parameters


def _merged(values: MultiDict[str, str]) -> dict[str, object]:
    """One text by name, or a list where a key is repeated; an empty name (as in `?&a=1`) is nothing."""
    lists = ((name, values.getlist(name)) for name in values if name)
    return {name: found[0] if len(found) == 1 else found for name, found in lists}


def _json_parameters() -> dict[str, object]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadRequest("The body is not a JSON object of parameters.")
    return body


def _described(endpoint: Endpoint) -> dict[str, Any]:
    pipe = endpoint.pipe
    return {
        "id": pipe.name,
        "name": pipe.name,
        "description": pipe.description,
        "type": pipe.kind,
        "endpoint": pipe.published or pipe.nodes[-1].name,
        "url": f"{request.host_url}v0/pipes/{pipe.name}.json",
        "parameters": [
            {
                "name": item.name,
                "type": item.type,
                "default": item.default,
                "required": item.required,
                "description": item.description,
            }
            for item in endpoint.parameters.values()
        ],
        "nodes": [{"name": node.name, "sql": node.sql, "description": node.description} for node in pipe.nodes],
        "content": pipe.text,
    }
