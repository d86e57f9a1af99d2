"""`/v0/backup`: a copy of the store in a folder of the server's machine."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, jsonify, request

from metrics.api.auth import perch, require_admin
from metrics.backup import back_up
from metrics.errors import BadRequest

blueprint = Blueprint("backup", __name__)


@blueprint.post("/v0/backup")
def backup() -> Response:
    """Copy the store into the empty or new folder `folder`, an absolute path; answers when the copy is whole."""
    require_admin()
    folder = Path(request.values.get("folder", ""))
    if not folder.is_absolute() or "\0" in str(folder):
        raise BadRequest("folder must be an absolute path on the server's machine: an empty folder, or one to be made.")
    copied = back_up(perch().store, perch().exporter, folder)
    return jsonify(folder=str(folder), commit=copied.commit, bytes=copied.bytes)
