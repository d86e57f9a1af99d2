"""Names: what the tables, subqueries and aliases of one SELECT make visible, and to which SELECT inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from metrics.dialect.rules import NoRule, default_sql
from metrics.dialect.types import Type
from metrics.dialect.values import Value


@dataclass(frozen=True)
class Relation:
    """Something to select from: the SQL that stands in FROM, and its columns with their ClickHouse types."""

    sql: str
    columns: tuple[tuple[str, Type], ...]


@dataclass
class Source:
    """A relation under its alias in one FROM ("": none); `defaults` where a LEFT JOIN may find no row of it."""

    alias: str
    columns: Mapping[str, Type]
    defaults: bool = False
    hidden: set[str] = field(default_factory=set)  # columns that USING shows once, from the other side

    def value(self, name: str) -> Value:
        """The column as an expression; a row that the JOIN did not find has the type's default, not NULL."""
        type_ = self.columns[name]
        sql = f"{quoted(self.alias)}.{quoted(name)}" if self.alias else quoted(name)
        if self.defaults and not type_.nullable:
            return Value(f"coalesce({sql}, {default_sql(type_)})", type_, name)
        return Value(sql, type_, name, plain_column=True)


@dataclass
class Scope:
    """The names of one SELECT. `parent` is the SELECT around it, whose WITH it sees."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    with_aliases: dict[str, exp.Expr] = field(default_factory=dict)
    ctes: dict[str, Relation] = field(default_factory=dict)
    locals: dict[str, Value] = field(default_factory=dict)
    resolving: list[str] = field(default_factory=list)
    windows: dict[str, exp.Expr] = field(default_factory=dict)
    array_joins: dict[str, Value] = field(default_factory=dict)
    levels: dict[str, list[float]] = field(default_factory=dict)  # of the quantiles over each argument
    outside: Callable[[str], Relation | None] = lambda _: None  # what an outermost SELECT may read beside tables

    def cte(self, name: str) -> Relation | None:
        """The WITH query of that name, here or around, or else the node or pipe."""
        if name in self.ctes:
            return self.ctes[name]
        return self.parent.cte(name) if self.parent else self.outside(name)

    def alias(self, name: str) -> exp.Expr | None:
        """The expression that an alias stands for: of this SELECT, or of a WITH here or around."""
        if name in self.resolving:
            return None
        found = self.aliases.get(name)
        if found is None:
            found = self.with_aliases.get(name)
        if found is None and self.parent:
            found = self.parent.outer_alias(name)
        return found

    def outer_alias(self, name: str) -> exp.Expr | None:
        """An alias that a SELECT inside this one may see."""
        if name in self.with_aliases:
            return self.with_aliases[name]
        return self.parent.outer_alias(name) if self.parent else None

    def column(self, name: str, table: str = "") -> Value | None:
        """The column of that name, None if no source has it.

        Raises:
            NoRule: two sources have it.
        """
        found = [
            source
            for source in self.sources
            if name in source.columns and (source.alias == table if table else name not in source.hidden)
        ]
        if len(found) > 1:
            raise NoRule(f"the column {name} is in {' and '.join(source.alias for source in found)}; say which")
        return found[0].value(name) if found else None

    def shown_name(self, name: str, table: str) -> str:
        """`name`, or `table.name` where another source has such a column; the first of two keeps the plain name."""
        owners = [source.alias for source in self.sources if name in source.columns]
        plain = len(owners) < 2 or (len(self.sources) == 2 and owners[0] == table)
        return name if plain else f"{table}.{name}"


def quoted(name: str) -> str:
    """An identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'
