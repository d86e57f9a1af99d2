"""`GET /v0/health`: the one route besides OPTIONS that answers without a token."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

blueprint = Blueprint("health", __name__)


@blueprint.get("/v0/health")
def health() -> Response:
    """Whether the server answers."""
    return jsonify(status="ok", service="perch")
