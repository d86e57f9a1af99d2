"""The SELECT list's shorthands: `*` and `t.*` with EXCEPT, REPLACE and APPLY, and COLUMNS('pattern')."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import re2
from sqlglot import exp

from metrics.dialect.expressions import Expressions
from metrics.dialect.rules import NoRule
from metrics.dialect.scope import Source
from metrics.dialect.values import Value

Columns = Sequence[tuple[str, Value]]
"""Columns under their own names, with the names that they are shown by in their values."""


class Stars:
    """Expands what stands for several columns in one SELECT list."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions = expressions
        self.scope = expressions.scope

    def expand(self, item: exp.Expr) -> list[Value] | None:
        """The columns that an item of the SELECT list stands for; None if it is an expression.

        Raises:
            NoRule: there is no FROM, or the pattern or the applied function cannot be used.
        """
        if isinstance(item, exp.Apply):
            columns = self.expand(item.this)
            if columns is None:
                raise NoRule("APPLY follows *, t.* or COLUMNS(...)")
            return [self.applied(item.expression, column) for column in columns]
        if isinstance(item, exp.Star):
            return self.changed(item, self.all())
        if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            return self.changed(item.this, self.of(item.table))
        if isinstance(item, exp.Anonymous) and str(item.this).upper() == "COLUMNS":
            return self.matching(item)
        return None

    def all(self) -> Columns:
        """`*`: the keys of USING first, then each source's other columns."""
        if not self.scope.sources:
            raise NoRule("* needs a FROM")
        found = [(name, key.value(name)) for name, key in self.scope.keys.items()]
        for source in self.scope.sources:
            found += [
                (name, self.column(source, name))
                for name in source.columns
                if not (name in self.scope.keys and name in source.widened)
            ]
        return found

    def column(self, source: Source, name: str) -> Value:
        """One column of `*`; ARRAY JOIN without an alias puts the element in place of the array."""
        if name in self.scope.locals:
            return self.scope.locals[name]
        return source.value(name).named(self.scope.shown_name(name, source.alias))

    def of(self, table: str) -> Columns:
        for source in self.scope.sources:
            if source.alias == table:
                shown = self.scope.shown_name
                return [(name, source.value(name).named(shown(name, table))) for name in source.columns]
        raise NoRule(f"there is nothing named {table} in FROM")

    def changed(self, star: exp.Star, columns: Columns) -> list[Value]:
        """EXCEPT leaves columns out, by name or by pattern; REPLACE puts expressions in their place."""
        if star.args.get("rename"):
            raise NoRule("* RENAME needs the ClickHouse engine")
        out = star.args.get("except_") or []
        names = {each.name for each in out if not isinstance(each, exp.Literal)}
        patterns = [_pattern(each) for each in out if isinstance(each, exp.Literal)]
        replaced = {each.alias: each.this for each in star.args.get("replace") or []}
        unknown = [name for name in replaced if name not in {known for known, _ in columns}]
        if unknown:
            raise NoRule(f"REPLACE: there is no column {unknown[0]}")
        return [
            self.expressions.aliased(name, replaced[name]) if name in replaced else column
            for name, column in columns
            if name not in names and not any(pattern.search(name) for pattern in patterns)
        ]

    def matching(self, call: exp.Anonymous) -> list[Value]:
        """`COLUMNS('pattern')`, or `COLUMNS(a, b)`."""
        if len(call.expressions) == 1 and isinstance(call.expressions[0], exp.Literal):
            pattern = _pattern(call.expressions[0])
            return [column for name, column in self.all() if pattern.search(name)]
        return [self.expressions.value(each) for each in call.expressions]

    def applied(self, function: exp.Expr, column: Value) -> Value:
        """`APPLY(f)`, `APPLY(quantile(0.9))` with its parameters, `APPLY(x -> ...)`."""
        if isinstance(function, exp.Lambda) and len(function.expressions) == 1:
            outer = self.scope.locals
            self.scope.locals = outer | {function.expressions[0].name: column}
            try:
                return self.expressions.value(function.this)
            finally:
                self.scope.locals = outer
        if isinstance(function, (exp.Var, exp.Identifier, exp.Column)):
            return self.expressions.call(function.name, [column])
        if isinstance(function, (exp.Anonymous, exp.AnonymousAggFunc, exp.CombinedAggFunc)):
            return self.expressions.call(str(function.this), [column], self.expressions.values(function.expressions))
        raise NoRule(f"APPLY expects a function, found {function.sql('clickhouse')[:60]}")


def _pattern(literal: exp.Expr) -> Any:
    """A pattern of RE2, as ClickHouse has them: its time is linear in the name's length, whoever wrote the pattern."""
    if not literal.is_string:
        raise NoRule(f"expected a pattern as a text, found {literal.sql('clickhouse')}")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(literal.name, options)
    except re2.error:
        raise NoRule(f"the pattern {literal.name!r} is not valid") from None
