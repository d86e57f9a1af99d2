"""Texts as base64, and UUIDs."""

from __future__ import annotations

from metrics.dialect.functions.conversion import tried
from metrics.dialect.rules import STRING, UUID, NoRule, default_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import nullable
from metrics.dialect.values import Value


def _text(call: Call) -> str:
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    return call[0].sql


@scalar("base64Encode", "TO_BASE64")
def encode(call: Call) -> Value:
    return Value(f"to_base64(encode({_text(call)}))", STRING)


@scalar("base64Decode", "FROM_BASE64")
def decode(call: Call) -> Value:
    return Value(f"decode(from_base64({_text(call)}))", STRING)


@scalar("toUUIDOrNull", "toUUIDOrZero")
def try_uuid(call: Call) -> Value:
    sql = tried(Value(_text(call), STRING), UUID)
    if call.name.endswith("OrNull"):
        return Value(sql, nullable(UUID))
    return Value(f"coalesce({sql}, {default_sql(UUID)})", UUID)


@scalar("generateUUIDv4", least=0, most=1)
def random_uuid(_: Call) -> Value:
    """A random UUID; an argument only tells calls apart."""
    return Value("uuid()", UUID)
