"""`/v0/pipes`: endpoints called, listed and described."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from metrics.api.answers import answered
from metrics.api.auth import perch, require, token
from metrics.api.parameters import parameters, sent_sql
from metrics.formats import split_format
from metrics.pipes import Endpoint

blueprint = Blueprint("pipes", __name__)


@blueprint.get("/v0/pipes")
def list_pipes() -> Response:
    """The pipes that the token may read, of every type."""
    seen = token()
    pipes = perch().endpoints.all()
    return jsonify(pipes=[_described(item) for item in pipes if seen.may("PIPES:READ", item.pipe.name)])


@blueprint.get("/v0/pipes/<name>")
def describe_pipe(name: str) -> Response:
    """One pipe: its nodes, parameters and text."""
    require("PIPES:READ", name)
    return jsonify(_described(perch().endpoints.find(name)))


@blueprint.route("/v0/pipes/<name>.<extension>", methods=["GET", "POST"])
def call_pipe(name: str, extension: str) -> Response:
    """Call an endpoint, or run the SQL of `q` over its rows, whose FORMAT clause goes before the extension."""
    reader = require("PIPES:READ", name)
    endpoints = perch().endpoints
    endpoint = endpoints.find(name)
    sql, wanted = split_format(sent_sql())
    asked = parameters()
    if sql:
        return answered(lambda known: endpoints.call_over(endpoint, asked, sql, reader, known), wanted or extension)
    return answered(lambda known: endpoints.call(endpoint, asked, known), extension)


def _described(endpoint: Endpoint) -> dict[str, Any]:
    pipe = endpoint.pipe
    return {
        "id": pipe.name,
        "name": pipe.name,
        "description": pipe.description,
        "type": "default" if pipe.kind == "standard" else pipe.kind,
        "endpoint": pipe.published if pipe.kind == "endpoint" else None,
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
