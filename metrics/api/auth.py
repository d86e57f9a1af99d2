"""The token of a request, and the Perch that the app serves."""

from __future__ import annotations

from typing import cast

from flask import current_app, request

from metrics.errors import Forbidden
from metrics.instance import Perch
from metrics.tokens import Token


def perch() -> Perch:
    """The Perch behind this app."""
    return cast(Perch, current_app.extensions["perch"])


def token() -> Token:
    """The token that the request sends, as `Authorization: Bearer` or `?token=`; raises Forbidden."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    sent = secret.strip() if scheme.lower() == "bearer" else request.args.get("token", "")
    return perch().tokens.find(sent)


def require(action: str, resource: str) -> Token:
    """The request's token, which must hold `action` on `resource`; raises Forbidden naming the scope."""
    found = token()
    if not found.may(action, resource):
        raise Forbidden(f"The token '{found.name}' lacks the scope {action}:{resource}.")
    return found


def require_admin() -> Token:
    """The request's token, which must be an admin's; raises Forbidden."""
    found = token()
    if not found.is_admin:
        raise Forbidden(f"The token '{found.name}' lacks the scope ADMIN.")
    return found
