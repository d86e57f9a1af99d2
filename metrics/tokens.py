"""Who may do what: tokens, kept as hashes, and the check of a scope.

The admin token lies in its file or in `PERCH_ADMIN_TOKEN`; all others are made by `POST /v0/tokens` and shown once.
A token looks as Tinybird's do, `p.<base64url JSON>.<secret>`, because some clients look inside.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metrics.errors import BadRequest, Forbidden, NotFound, StartError
from metrics.settings import Settings
from metrics.store import Connection, Store
from metrics.writer import Writer

ADMIN = "ADMIN"
SCOPES_OF_A_RESOURCE = ("DATASOURCES:APPEND", "DATASOURCES:READ", "PIPES:READ")


@dataclass(frozen=True)
class Token:
    """A known token, without its secret; `scopes` are texts such as PIPES:READ:llm_errors."""

    id: str
    name: str
    scopes: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything."""
        return ADMIN in self.scopes

    def may(self, action: str, resource: str) -> bool:
        """Whether it holds `action` (such as DATASOURCES:READ) on `resource`."""
        return self.is_admin or f"{action}:{resource}" in self.scopes


class Tokens:
    """The tokens of a store, looked up by hash in memory and kept in `internal.tokens`."""

    def __init__(self, store: Store, writer: Writer, admin_token: str) -> None:
        self._writer = writer
        self._admin_hash = _hash(admin_token)
        self._by_hash: dict[str, Token] = {}
        for row in store.connection.execute("SELECT hash, id, name, scopes FROM internal.tokens").fetchall():
            self._by_hash[row[0]] = Token(row[1], row[2], frozenset(row[3]))

    def find(self, secret: str) -> Token:
        """The token of this secret; raises Forbidden for none and for an unknown one."""
        if not secret:
            raise Forbidden("No token was sent; send 'Authorization: Bearer TOKEN' or '?token=TOKEN'.")
        digest = _hash(secret)
        if secrets.compare_digest(digest, self._admin_hash):
            return Token("admin", "admin", frozenset({ADMIN}))
        token = self._by_hash.get(digest)
        if token is None:
            raise Forbidden("The token is not valid; it is wrong or was revoked.")
        return token

    def create(self, name: str, scopes: Iterable[str]) -> tuple[Token, str]:
        """Make a token and return it with its secret, which is kept nowhere."""
        wanted = frozenset(_checked_scope(scope) for scope in scopes)
        if not re.fullmatch(r"[\w.@ -]{1,100}", name) or not wanted:
            raise BadRequest("A token needs a name (letters, digits, . _ @ - or blanks) and at least one scope.")
        if any(token.name == name for token in self.all()):
            raise BadRequest(f"A token named '{name}' exists; choose another name or revoke that one.")
        token = Token(str(uuid.uuid4()), name, wanted)
        secret = new_secret(token.id)
        now = datetime.now(UTC).replace(tzinfo=None)
        values = [token.id, name, _hash(secret), sorted(wanted), now]

        def insert(connection: Connection) -> None:
            connection.execute("INSERT INTO internal.tokens VALUES (?, ?, ?, ?, ?)", values)

        self._writer.run(insert)
        self._by_hash = {**self._by_hash, _hash(secret): token}
        return token, secret

    def revoke(self, name_or_id: str) -> Token:
        """Delete a token; it is refused from now on."""
        token = next((token for token in self.all() if name_or_id in (token.name, token.id)), None)
        if token is None:
            raise NotFound(f"There is no token named '{name_or_id}'.")
        self._writer.run(lambda connection: _delete(connection, token.id))
        self._by_hash = {digest: kept for digest, kept in self._by_hash.items() if kept.id != token.id}
        return token

    def all(self) -> list[Token]:
        """Every token that was made, by name; the admin token is not among them."""
        return sorted(self._by_hash.values(), key=lambda token: token.name)


def admin_token(settings: Settings) -> str:
    """The admin token: `PERCH_ADMIN_TOKEN`, or the one in its file, which is made at the first start, mode 0600.

    Raises:
        StartError: the file cannot be written or read, or is empty.
    """
    if settings.admin_token:
        return settings.admin_token
    path = settings.admin_token_path
    try:
        if not path.exists():
            _write_private(path, new_secret("admin") + "\n")
        secret = path.read_text().strip()
    except OSError as error:
        raise StartError(f"The admin token's file {path} cannot be used: {error.strerror}.") from None
    if not secret:
        raise StartError(f"The admin token's file {path} is empty; delete it and a new token is made.")
    return secret


def _write_private(path: Path, text: str) -> None:
    beside = path.with_suffix(".part")  # a full disk must not leave an empty token
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def new_secret(token_id: str) -> str:
    """A new random token: `p.`, base64url of a JSON object with u, id and host, a dot, 256 random bits."""
    about = json.dumps({"u": "perch", "id": token_id, "host": "perch"}).encode()
    return f"p.{base64.urlsafe_b64encode(about).decode().rstrip('=')}.{secrets.token_urlsafe(32)}"


def _hash(secret: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _checked_scope(scope: str) -> str:
    action, _, resource = scope.rpartition(":")
    if scope != ADMIN and (action not in SCOPES_OF_A_RESOURCE or not resource):
        known = ", ".join([ADMIN, *(f"{action}:NAME" for action in SCOPES_OF_A_RESOURCE)])
        raise BadRequest(f"Scope '{scope}' does not exist; there are: {known}.")
    return scope


def _delete(connection: Connection, token_id: str) -> None:
    connection.execute("DELETE FROM internal.tokens WHERE id = ?", [token_id])
