"""`/v0/tokens`: make, list, change, refresh and revoke tokens; for the admin token."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from metrics.api.auth import perch, require_admin
from metrics.tokens import Token

blueprint = Blueprint("tokens", __name__)


@blueprint.get("/v0/tokens")
def list_tokens() -> Response:
    """Every token's name and scopes; secrets are kept nowhere and shown nowhere."""
    require_admin()
    return jsonify(tokens=[_described(token) for token in perch().tokens.all()])


@blueprint.post("/v0/tokens")
def create_token() -> Response:
    """Make a token from `name` and one or more `scope`, in the query or a form; the only time its secret is shown."""
    require_admin()
    name = request.values.get("name", "")
    token, secret = perch().tokens.create(name, request.values.getlist("scope"))
    return jsonify({**_described(token), "token": secret})


@blueprint.get("/v0/tokens/<name>")
def describe_token(name: str) -> Response:
    """The name and scopes of the token of this name or id."""
    require_admin()
    return jsonify(_described(perch().tokens.named(name)))


@blueprint.put("/v0/tokens/<name>")
def change_token(name: str) -> Response:
    """Give a token one or more `scope` in place of those it has."""
    require_admin()
    return jsonify(_described(perch().tokens.change(name, request.values.getlist("scope"))))


@blueprint.post("/v0/tokens/<name>/refresh")
def refresh_token(name: str) -> Response:
    """Give a token a new secret, which is shown this once; the one it had is refused from now on."""
    require_admin()
    token, secret = perch().tokens.refresh(name)
    return jsonify({**_described(token), "token": secret})


@blueprint.delete("/v0/tokens/<name>")
def revoke_token(name: str) -> Response:
    """Revoke the token of this name or id."""
    require_admin()
    return jsonify({**_described(perch().tokens.revoke(name)), "ok": True})


def _described(token: Token) -> dict[str, Any]:
    return {"id": token.id, "name": token.name, "scopes": [_scope(scope) for scope in sorted(token.scopes)]}


def _scope(scope: str) -> dict[str, str]:
    action, _, resource = scope.rpartition(":")
    return {"type": action, "resource": resource} if action else {"type": scope}
