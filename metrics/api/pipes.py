"""`/v0/pipes`: endpoints called, listed and described."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from metrics.api.answers import answered, datafile, plain
from metrics.api.auth import perch, require, token
from metrics.api.descriptions import describe_pipe
from metrics.api.parameters import parameters, sent_sql
from metrics.formats import find_format, split_format
from metrics.openapi import document

blueprint = Blueprint("pipes", __name__)


@blueprint.get("/v0/pipes")
@blueprint.get("/v1/pipes")
def list_pipes() -> Response:
    """The pipes that the token may read, of every type."""
    seen = token()
    pipes = perch().endpoints.all()
    return jsonify(pipes=[describe_pipe(item) for item in pipes if seen.may("PIPES:READ", item.pipe.name)])


@blueprint.get("/v0/pipes/<name>")
@blueprint.get("/v1/pipes/<name>")
def one_pipe(name: str) -> Response:
    """One pipe: its nodes, parameters and text."""
    require("PIPES:READ", name)
    return jsonify(describe_pipe(perch().endpoints.find(name)))


@blueprint.get("/v0/pipes/<name>.pipe")
@blueprint.get("/v1/pipes/<name>.pipe")
def pipe_file(name: str) -> Response:
    """The text of its file."""
    require("PIPES:READ", name)
    return datafile(perch().endpoints.find(name).pipe.text)


@blueprint.get("/v0/pipes/openapi.json")
def openapi() -> Response:
    """The endpoints that the token may read, as an OpenAPI document."""
    seen = token()
    pipes = perch().endpoints.all()
    readable = [item for item in pipes if item.pipe.kind == "endpoint" and seen.may("PIPES:READ", item.pipe.name)]
    return jsonify(document(readable, request.host_url.rstrip("/")))


@blueprint.get("/examples/query.http")
def example() -> Response:
    """The URL of an endpoint as text, for the parameters `pipe`, `format` and `q`; the token is left to the caller."""
    name, extension = request.args.get("pipe", ""), request.args.get("format", "json")
    require("PIPES:READ", name)
    perch().endpoints.published(name)
    find_format(extension)
    sql = request.args.get("q", "")
    return plain(f"{request.host_url}v0/pipes/{name}.{extension}" + (f"?{urlencode({'q': sql})}" if sql else ""))


@blueprint.route("/v0/pipes/<name>.<extension>", methods=["GET", "POST"])
def call_pipe(name: str, extension: str) -> Response:
    """Call an endpoint, or run the SQL of `q` over its rows, whose FORMAT clause goes before the extension."""
    reader = require("PIPES:READ", name)
    endpoints = perch().endpoints
    endpoint = endpoints.published(name)
    sql, wanted = split_format(sent_sql())
    asked = parameters()
    if sql:
        with endpoints.admitted(reader):
            return answered(lambda known: endpoints.call_over(endpoint, asked, sql, reader, known), wanted or extension)
    return answered(lambda known: endpoints.call(endpoint, asked, known), extension)
