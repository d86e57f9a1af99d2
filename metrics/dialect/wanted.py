"""Which columns of a query somebody reads: the others are left out of its SQL, since the engine plans all it is told.

Names are counted generously: whatever is an identifier anywhere in a SELECT, or in a WITH around it, may be a column.
"""

from __future__ import annotations

from sqlglot import exp

from metrics.dialect.grouping import has_aggregate
from metrics.dialect.scope import Scope, Wanted


def read_names(node: exp.Select, scope: Scope, wanted: Wanted) -> Wanted:
    """The names that a SELECT, of which `wanted` are wanted, may read of what stands in its FROM."""
    if any(str(call.this).upper() == "COLUMNS" for call in node.find_all(exp.Anonymous)) or node.find(exp.Columns):
        return None
    starred = any(not isinstance(star.parent, exp.Count) for star in node.find_all(exp.Star))
    if starred and wanted is None:
        return None
    return _identifiers(node) | _of_aliases_around(scope) | ((wanted or frozenset()) if starred else frozenset())


def may_leave_out(node: exp.Select, scope: Scope) -> bool:
    """Whether a SELECT has the same rows without some of its columns."""
    if any(
        node.args.get(clause) for clause in ("distinct", "order", "limit", "offset", "limit_by", "having", "qualify")
    ):
        return False
    # without keys it is the aggregates that make one row of all
    return node.args.get("group") is not None or not any(has_aggregate(item, scope) for item in node.expressions)


def _identifiers(node: exp.Expr) -> frozenset[str]:
    names = {identifier.name for identifier in node.find_all(exp.Identifier)}
    names |= {column.name for column in node.find_all(exp.Column)}
    return frozenset(names | {f"{column.table}.{column.name}" for column in node.find_all(exp.Column) if column.table})


def _of_aliases_around(scope: Scope) -> frozenset[str]:
    """The names in the expressions of every WITH whose aliases a SELECT may use."""
    found: frozenset[str] = frozenset()
    around: Scope | None = scope
    while around is not None:
        for expression in around.with_aliases.values():
            found |= _identifiers(expression)
        around = around.parent
    return found
