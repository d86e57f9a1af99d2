"""Addresses: the parts of a URL, the values of its query, and what is written of it as %41.

ClickHouse reads them leniently and each function in its own way; the macros of the same names hold how.
"""

from __future__ import annotations

from metrics.dialect.rules import STRING, NoRule
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import array
from metrics.dialect.values import Value

_PARTS = (
    *("protocol", "domain", "domainWithoutWWW", "path", "pathFull"),
    *("queryString", "fragment", "queryStringAndFragment"),
    *("cutWWW", "cutQueryString", "cutFragment", "cutQueryStringAndFragment"),
    *("encodeURLComponent", "encodeURLFormComponent", "decodeURLComponent", "decodeURLFormComponent"),
)


def _text(call: Call, position: int = 0) -> str:
    if not call[position].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[position].type}")
    return call[position].sql


@scalar(*_PARTS)
def part(call: Call) -> Value:
    return Value(f"ch_url_{call.name.lower()}({_text(call)})", STRING)


@scalar("extractURLParameter", least=2)
def parameter(call: Call) -> Value:
    """The first value of that name in the query or the fragment, as it is written; '' without one."""
    return Value(f"ch_url_parameter({_text(call)}, {_text(call, 1)})", STRING)


@scalar("URLHierarchy")
def hierarchy(call: Call) -> Value:
    """The address up to each of its slashes, question marks and hashes, the shortest first."""
    return Value(f"ch_url_hierarchy({_text(call)})", array(STRING))
