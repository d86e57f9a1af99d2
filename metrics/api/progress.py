"""`GET /v0/progress`: how far an export, a backup or a repricing is that goes on now."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from metrics.api.auth import perch, require_admin

blueprint = Blueprint("progress", __name__)


@blueprint.get("/v0/progress")
def progress() -> Response:
    """The long work that began last and goes on: what it is, how much is done of how much; null if there is none."""
    require_admin()
    work = perch().store.progress.latest()
    return jsonify(work=work.told() if work else None)
