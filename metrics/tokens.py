"""Who may do what: tokens, kept as hashes, and the check of a scope.

The admin token lies in its file or in `PERCH_ADMIN_TOKEN`; all others are made by `POST /v0/tokens` and shown once, or
declared in a definition (`TOKEN name READ`) and shown when they are refreshed.
A token looks as Tinybird's do, `p.<base64url JSON>.<secret>`, because some clients look inside.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metrics.datafiles import TOKEN_NAME
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
        self._store = store
        self._writer = writer
        self._admin_hash = _hash(admin_token)
        self._changing = threading.Lock()
        self._by_hash: dict[str, Token] = {}
        self.read()

    def read(self) -> None:
        """Take the tokens from the store, as they are now."""
        with self._changing, self._store.snapshot() as cursor:
            rows = cursor.execute("SELECT hash, id, name, scopes FROM internal.tokens").fetchall()
            self._by_hash = {row[0]: Token(row[1], row[2], frozenset(row[3])) for row in rows}

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
        wanted = _checked(scopes)
        if not TOKEN_NAME.fullmatch(name) or not wanted:
            raise BadRequest("A token needs a name (letters, digits, . _ @ - or blanks) and at least one scope.")
        if any(token.name == name for token in self.all()):
            raise BadRequest(f"A token named '{name}' exists; choose another name or revoke that one.")
        token = Token(str(uuid.uuid4()), name, wanted)
        secret = new_secret(token.id)
        self._writer.run(lambda connection: _insert(connection, token, secret))
        self.read()
        return token, secret

    def named(self, name_or_id: str) -> Token:
        """The token of this name or id; raises NotFound."""
        token = next((token for token in self.all() if name_or_id in (token.name, token.id)), None)
        if token is None:
            raise NotFound(f"There is no token named '{name_or_id}'.")
        return token

    def refresh(self, name_or_id: str) -> tuple[Token, str]:
        """Give a token a new secret, which is kept nowhere; the one it had is refused from now on."""
        token = self.named(name_or_id)
        secret = new_secret(token.id)
        self._update("hash", token, _hash(secret))
        return token, secret

    def change(self, name_or_id: str, scopes: Iterable[str]) -> Token:
        """Give a token these scopes in place of those it has."""
        token, wanted = self.named(name_or_id), _checked(scopes)
        if not wanted:
            raise BadRequest("A token needs at least one scope; DELETE revokes it.")
        self._update("scopes", token, sorted(wanted))
        return self.named(token.id)

    def _update(self, column: str, token: Token, value: object) -> None:
        sql = f"UPDATE internal.tokens SET {column} = ? WHERE id = ?"
        self._writer.run(lambda connection: connection.execute(sql, [value, token.id]))
        self.read()

    def revoke(self, name_or_id: str) -> Token:
        """Delete a token; it is refused from now on."""
        token = self.named(name_or_id)
        self._writer.run(lambda connection: _delete(connection, token.id))
        self.read()
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


def _checked(scopes: Iterable[str]) -> frozenset[str]:
    return frozenset(_checked_scope(scope) for scope in scopes)


def declare_tokens(connection: Connection, declared: Mapping[str, frozenset[str]]) -> None:
    """Give each token the scopes that files declare for it, and take back what they declared before and do not now.

    A token that is new has a secret that nobody knows, until it is refreshed. A scope that somebody gave it by hand
    stays, whatever the files say.
    """
    before: dict[str, set[str]] = {}
    for name, scope in connection.execute("SELECT token, scope FROM internal.declared_scopes").fetchall():
        before.setdefault(name, set()).add(scope)
    connection.execute("DELETE FROM internal.declared_scopes")
    for name in sorted(before.keys() | declared.keys()):
        now = declared.get(name, frozenset())
        row = connection.execute("SELECT id, scopes FROM internal.tokens WHERE name = ?", [name]).fetchone()
        by_hand = set(row[1]) - before.get(name, set()) if row else set()
        if row and set(row[1]) != by_hand | now:
            connection.execute("UPDATE internal.tokens SET scopes = ? WHERE id = ?", [sorted(by_hand | now), row[0]])
        elif not row and now:
            token = Token(str(uuid.uuid4()), name, now)
            _insert(connection, token, new_secret(token.id))
        for scope in sorted(now - by_hand):
            connection.execute("INSERT INTO internal.declared_scopes VALUES (?, ?)", [name, scope])


def _insert(connection: Connection, token: Token, secret: str) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    values = [token.id, token.name, _hash(secret), sorted(token.scopes), now]
    connection.execute("INSERT INTO internal.tokens VALUES (?, ?, ?, ?, ?)", values)


def _delete(connection: Connection, token_id: str) -> None:
    connection.execute("DELETE FROM internal.tokens WHERE id = ?", [token_id])
