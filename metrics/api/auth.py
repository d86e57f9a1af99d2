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


def secret() -> str:
    """What the request sends as its token, as `Authorization: Bearer` or `?token=`; "" for none."""
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return sent.strip() if scheme.lower() == "bearer" else request.args.get("token", "")


def token() -> Token:
    """The request's token; raises Forbidden for none and for an unknown one."""
    return perch().tokens.find(secret())


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
