"""GROUP BY: keys by alias, position or ALL, and the sums over fewer of them: ROLLUP, CUBE and GROUPING SETS.

Where a row is the sum over a key, the key has the default of its type as in ClickHouse, not NULL as in DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from metrics.dialect.combinators import is_aggregate
from metrics.dialect.expressions import Expressions
from metrics.dialect.rules import NoRule, default_sql
from metrics.dialect.scope import Scope

_SETS: Final = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE"}


class Grouping:
    """Compiles the GROUP BY of one SELECT."""

    def __init__(self, node: exp.Select, expressions: Expressions, positional: Callable[[exp.Expr], exp.Expr]) -> None:
        self.node = node
        self.clause = node.args["group"]
        self.expressions = expressions
        self.scope = expressions.scope
        self.positional = positional
        self.keys: dict[str, str] = {}  # the SQL of each key -> what stands for it where its rows are summed

    def sql(self) -> str:
        """The clause; afterwards the scope knows which keys may be summed over.

        Raises:
            NoRule: the totals of WITH TOTALS have no place in DuckDB's answer.
        """
        if self.clause.args.get("totals"):
            raise NoRule("GROUP BY with TOTALS needs the ClickHouse engine; ROLLUP does not")
        written = self.sets() or self.plain()
        self.scope.summed = self.keys
        return f"GROUP BY {written}"

    def plain(self) -> str:
        keys = list(self.clause.expressions)
        if self.clause.args.get("all"):
            keys = [
                item
                for item in self.node.expressions
                if not has_aggregate(item, self.scope) and item.find(exp.Window) is None
            ]
        return ", ".join(dict.fromkeys(self.key(each) for each in keys)) or "()"

    def key(self, node: exp.Expr) -> str:
        return self.expressions.value(self.positional(node)).number

    def sets(self) -> str:
        """`k WITH ROLLUP`, `ROLLUP(k)`, `GROUPING SETS ((k), ())` and so on; "" for keys alone."""
        for kind, word in _SETS.items():
            if self.clause.args.get(word.lower()):
                return f"{word} ({', '.join(self.summed(each) for each in self.clause.expressions)})"
            if len(self.clause.expressions) == 1 and isinstance(self.clause.expressions[0], kind):
                return f"{word} ({', '.join(self.summed(each) for each in self.clause.expressions[0].expressions)})"
        if len(self.clause.expressions) == 1 and isinstance(self.clause.expressions[0], exp.GroupingSets):
            return f"GROUPING SETS ({', '.join(self.set(each) for each in self.clause.expressions[0].expressions)})"
        return ""

    def set(self, node: exp.Expr) -> str:
        keys = node.expressions if isinstance(node, exp.Tuple) else [node.unnest()]
        return f"({', '.join(self.summed(each) for each in keys)})"

    def summed(self, node: exp.Expr) -> str:
        value = self.expressions.value(self.positional(node))
        default = default_sql(value.type)
        self.keys[value.number] = f"CASE WHEN GROUPING({value.number}) = 0 THEN {value.number} ELSE {default} END"
        return value.number


def has_aggregate(node: exp.Expr, scope: Scope, seen: frozenset[str] = frozenset()) -> bool:
    """Whether an expression, or an alias that it names, has an aggregate in it (a window function is none)."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        return any(has_aggregate(each, scope, seen) for each in _within_window(node))
    if isinstance(node, (exp.ParameterizedAgg, exp.CombinedAggFunc, exp.CombinedParameterizedAgg)):
        return True
    if isinstance(node, (exp.AnonymousAggFunc, exp.Anonymous)) and is_aggregate(str(node.this)):
        return True
    if isinstance(node, exp.Column) and not node.table and node.name not in seen:
        alias = scope.alias(node.name)
        return alias is not None and has_aggregate(alias, scope, seen | {node.name})
    return any(has_aggregate(each, scope, seen) for each in node.iter_expressions())


def _within_window(node: exp.Expr) -> list[exp.Expr]:
    """What of a window function's parts may itself be an aggregate: its arguments, partitions and order."""
    inner = node.this
    arguments = [*inner.expressions, *(inner.args.get("params") or [])]
    order = node.args["order"].expressions if node.args.get("order") is not None else []
    return [*arguments, *(node.args.get("partition_by") or []), *order]
