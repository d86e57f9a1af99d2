"""GROUP BY: keys by alias, position or ALL, and the sums over fewer of them: ROLLUP, CUBE and GROUPING SETS.

Where a row is the sum over a key, the key has the default of its type as in ClickHouse, not NULL as in DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sqlglot import exp

from metrics.dialect.combinators import is_aggregate
from metrics.dialect.expressions import Expressions
from metrics.dialect.rules import NoRule, default_sql
from metrics.dialect.scope import Scope
from metrics.errors import DefinitionError

_SETS: Final = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE"}


class Grouping:
    """Compiles the GROUP BY of one SELECT."""

    def __init__(self, node: exp.Select, expressions: Expressions, positional: Callable[[exp.Expr], exp.Expr]) -> None:
        self.node = node
        self.clause = node.args["group"]
        self.expressions = expressions
        self.scope = expressions.scope
        self.positional = positional
        self.found: list[str] = []  # the SQL of every key
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
        keys = [
            key
            for each in self.clause.expressions
            for key in (each.expressions if isinstance(each, exp.Tuple) else [each])
        ]
        if self.clause.args.get("all"):
            keys = [
                item
                for item in self.node.expressions
                if not has_aggregate(item, self.scope) and item.find(exp.Window) is None
            ]
        return ", ".join(dict.fromkeys(self.key(each) for each in keys)) or "()"

    def key(self, node: exp.Expr) -> str:
        value = self.expressions.value(self.positional(node))
        # a tuple as it stands, not as a column: DuckDB groups by each of its parts then
        row = f"ROW({', '.join(part.number for part in value.parts)})"
        self.found.append(row if value.parts else value.number)
        return self.found[-1]

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
        self.found.append(value.number)
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


class Grouped:
    """What a SELECT with groups may name outside of aggregates: its keys, and nothing else of its rows."""

    def __init__(self, keys: Iterable[str], expressions: Expressions) -> None:
        self.keys = frozenset(keys)
        self.expressions = expressions
        self.scope = expressions.scope

    def stray(self, node: exp.Expr, seen: frozenset[str] = frozenset()) -> exp.Expr | None:
        """The first column that is in no key and in no aggregate; None where all is well."""
        if isinstance(node, (exp.Query, exp.Star)) or self.is_aggregate(node) or self.is_key(node):
            return None
        if isinstance(node, exp.Column):
            alias = None if node.table or node.name in seen else self.scope.alias(node.name)
            if alias is not None:
                return self.stray(alias, seen | {node.name})
            source = self.scope.column(node.name, node.table)
            return node if source is not None and node.name not in seen else None
        if isinstance(node, exp.Lambda):
            return self.stray(node.this, seen | {name.name for name in node.expressions})
        parts = _within_window(node) if isinstance(node, exp.Window) else node.iter_expressions()
        found = (self.stray(each, seen) for each in parts)
        return next((each for each in found if each is not None), None)

    def is_aggregate(self, node: exp.Expr) -> bool:
        parametric = isinstance(
            node, (exp.ParameterizedAgg, exp.CombinedAggFunc, exp.CombinedParameterizedAgg, exp.Filter)
        )
        if parametric or not isinstance(node, (exp.AnonymousAggFunc, exp.Anonymous)):
            return parametric
        return is_aggregate(str(node.this)) or str(node.this).lower() == "grouping"

    def is_key(self, node: exp.Expr) -> bool:
        """Whether an expression compiles to a key's SQL."""
        if not isinstance(node, (exp.Column, exp.Func, exp.Binary, exp.Unary, exp.Cast, exp.Case, exp.Paren, exp.In)):
            return False
        if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
            return False  # a branch of CASE, which is no expression by itself
        if node.find(exp.Query, exp.Lambda, exp.Window) is not None or any(map(self.is_aggregate, node.walk())):
            return False
        try:
            return self.expressions.rows_of_group([node])[0].number in self.keys
        except DefinitionError:  # such as a lambda's variable or grouping(), which are no keys
            return False
