"""Names: what the tables, subqueries and aliases of one SELECT make visible, and to which SELECT inside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from metrics.dialect.rules import default_sql, duck_type, quoted
from metrics.dialect.types import Type, nullable
from metrics.dialect.values import Value

Wanted = frozenset[str] | None
"""Names of the columns that somebody reads of a query; None for all of them."""


@dataclass(frozen=True)
class Relation:
    """Something to select from: the SQL that stands in FROM, and its columns with their ClickHouse types."""

    sql: str
    columns: tuple[tuple[str, Type], ...]


@dataclass
class Source:
    """A relation under its alias in one FROM ("": none); `defaults` where an outer JOIN may find no row of it."""

    alias: str
    columns: Mapping[str, Type]
    defaults: bool = False
    absent: bool = False  # the side of an ANTI JOIN that never has a row: all of its columns are defaults
    nulls: bool = False  # under join_use_nulls = 1 a row that is not found is NULL and not defaults
    widened: dict[str, Type] = field(default_factory=dict)  # of the keys of USING, whose sides have one type
    table: str = ""  # what it was called before the alias, by which ClickHouse knows it too

    def raw(self, name: str) -> str:
        """The column's SQL; NULL where the JOIN found no row."""
        return f"{quoted(self.alias)}.{quoted(name)}" if self.alias else quoted(name)

    def value(self, name: str) -> Value:
        """The column as an expression; a row that the JOIN did not find has the type's default, not NULL."""
        type_ = self.widened.get(name, self.columns[name])
        if self.nulls and (self.defaults or self.absent):
            type_ = nullable(type_)
        if self.absent:
            return Value(default_sql(type_), type_, name)
        if type_ == self.columns[name] and (not self.defaults or type_.nullable):
            return Value(self.raw(name), type_, name, plain_column=True)
        sql = f"CAST({self.raw(name)} AS {duck_type(type_)})"
        found = self.defaults and not type_.nullable
        return Value(f"coalesce({sql}, {default_sql(type_)})" if found else sql, type_, name)


@dataclass
class Key:
    """A column that USING made of two: its name alone means this, of their common type."""

    sql: str
    type: Type
    defaults: bool = False
    nulls: bool = False

    def value(self, name: str) -> Value:
        if self.nulls and self.defaults:
            return Value(self.sql, nullable(self.type), name)
        if self.defaults and not self.type.nullable:
            return Value(f"coalesce({self.sql}, {default_sql(self.type)})", self.type, name)
        return Value(self.sql, self.type, name)


@dataclass
class Scope:
    """The names of one SELECT. `parent` is the SELECT around it, whose WITH it sees; `outer` one whose rows it sees."""

    parent: Scope | None = None
    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    keys: dict[str, Key] = field(default_factory=dict)
    joins: int = 0
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    with_aliases: dict[str, exp.Expr] = field(default_factory=dict)
    ctes: dict[str, Relation] = field(default_factory=dict)
    locals: dict[str, Value] = field(default_factory=dict)
    resolving: list[str] = field(default_factory=list)
    windows: dict[str, exp.Expr] = field(default_factory=dict)
    array_joins: dict[str, Value] = field(default_factory=dict)
    summed: dict[str, str] = field(default_factory=dict)  # keys of ROLLUP and its kind -> what they are in its sums
    levels: dict[str, list[float]] = field(default_factory=dict)  # of the quantiles over each argument
    reads: Wanted = None  # the names that it may read of its sources
    outside: Callable[[str], Relation | None] = lambda _: None  # what an outermost SELECT may read beside tables

    def cte(self, name: str) -> Relation | None:
        """The WITH query of that name, here or around, or else the node or pipe."""
        if name in self.ctes:
            return self.ctes[name]
        return self.parent.cte(name) if self.parent else self.outside(name)

    def alias(self, name: str) -> exp.Expr | None:
        """The expression that an alias stands for, of this SELECT or its WITH. It goes before a column of the name."""
        if name in self.resolving:
            return None
        found = self.aliases.get(name)
        return self.with_aliases.get(name) if found is None else found

    def alias_around(self, name: str) -> exp.Expr | None:
        """The same of a WITH around this SELECT: a column of the name goes before it."""
        return self.parent.outer_alias(name) if self.parent and name not in self.resolving else None

    def outer_alias(self, name: str) -> exp.Expr | None:
        """An alias that a SELECT inside this one may see."""
        if name in self.with_aliases:
            return self.with_aliases[name]
        return self.parent.outer_alias(name) if self.parent else None

    def column(self, name: str, table: str = "") -> Value | None:
        """The column of that name, of the first source that has it; None if none has."""
        if not table and name in self.keys:
            return self.keys[name].value(name)
        for source in self.sources:
            if name in source.columns and table in ("", source.alias):
                return source.value(name)
        # a subquery's column may be named with the table that it had there
        return self.column(f"{table}.{name}") if table else None

    def alias_of(self, table: str) -> str:
        """The alias of what is called `table` in FROM, by its alias or, where none has that, by its own name."""
        if any(source.alias == table for source in self.sources):
            return table
        return next((source.alias for source in self.sources if source.table == table), table)

    def outer_column(self, name: str, table: str = "") -> Value | None:
        """The column of the query around EXISTS (...) that this one, inside it, may read."""
        if self.outer is None:
            return None
        found = self.outer.column(name, table)
        return found if found is not None else self.outer.outer_column(name, table)

    def around(self, table: str) -> bool:
        """Whether a query around this one has a source of that name."""
        scope = self.parent
        while scope is not None and not any(source.alias == table for source in scope.sources):
            scope = scope.parent
        return scope is not None

    def shown_name(self, name: str, table: str) -> str:
        """What ClickHouse calls `table.name`: `name`, unless that alone would or could mean another column or an alias.

        With one JOIN the left side's columns keep their names; with more, every column that two sources have is
        called by both names.
        """
        owners = [source.alias for source in self.sources if name in source.columns]
        clear = owners[:1] == [table] if self.joins < 2 else owners == [table]
        nameless = re.fullmatch(r"_t\d+", table) is not None  # a subquery without an alias
        return name if nameless or (clear and self.alias(name) is None) else f"{table}.{name}"
