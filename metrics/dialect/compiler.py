"""The compiler's door: ClickHouse SQL over known tables in, DuckDB SQL and the columns' ClickHouse types out.

What cannot be translated is refused by name and line; nothing is passed through unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from metrics.dialect.expressions import Expressions
from metrics.dialect.functions import convert
from metrics.dialect.parsing import parse_expression, parse_select
from metrics.dialect.queries import Queries
from metrics.dialect.rules import NoRule
from metrics.dialect.scope import Relation, Scope, Source, quoted
from metrics.dialect.types import Type, TypeTextError, parse_type
from metrics.errors import DefinitionError

MACROS: Final = (Path(__file__).parent / "macros.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Compiled:
    """DuckDB SQL with values as $p0, $p1; the columns it gives with their ClickHouse types; the tables it reads."""

    sql: str
    columns: tuple[tuple[str, str], ...]
    tables: frozenset[str]

    def described(self, values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """The columns, with a time zone that a parameter gives put into the type that carries it."""
        return tuple((name, _with_zone(type_, values)) for name, type_ in self.columns)


def compile_query(
    sql: str,
    tables: Mapping[str, Sequence[tuple[str, str]]],
    *,
    nodes: Mapping[str, str | tuple[str, int]] | None = None,
    file: str = "",
    line: int = 1,
) -> Compiled:
    """Compile one SELECT over `tables` (name -> columns and their ClickHouse types).

    `nodes` are earlier queries of the same pipe, or other pipes, by name, each with the line it starts on if that is
    known: each may read the tables and those before it.

    Raises:
        DefinitionError: the SQL does not parse, names what is not there, or uses what DuckDB cannot do alike.
    """
    queries = Queries({name: _relation(name, columns, file) for name, columns in tables.items()}, file, line)
    scope = Scope()
    try:
        for name, node in (nodes or {}).items():
            text, start = (node, line) if isinstance(node, str) else node
            queries.first_line = start
            output = queries.query(parse_select(text, file=file, line=start), scope)
            scope.ctes[name] = Relation(f"({output.sql})", output.columns)
        queries.first_line = line
        found = queries.query(parse_select(sql, file=file, line=line), scope, outermost=True)
    except NoRule as error:
        raise DefinitionError(str(error), file=file, line=line) from None
    except RecursionError:
        raise DefinitionError("the query is nested too deeply", file=file, line=line) from None
    columns = tuple((name, str(type_)) for name, type_ in found.columns)
    return Compiled(found.sql, columns, frozenset(queries.used))


def compile_expression(sql: str, columns: Sequence[tuple[str, str]], type_: str = "", *, file: str = "") -> str:
    """Compile one expression over columns, such as a DEFAULT; with `type_`, cast to that ClickHouse type.

    Raises:
        DefinitionError: as for `compile_query`.
    """
    queries = Queries({}, file, 1)
    relation = _relation("columns", columns, file)
    scope = Scope(sources=[Source("", dict(relation.columns))])
    value = Expressions(scope, queries).value(parse_expression(sql, file=file))
    try:
        written = convert(value, _parsed(type_, file)).sql if type_ else value.number
    except NoRule as error:
        raise DefinitionError(str(error), file=file) from None
    return written


def bind_values(values: Mapping[str, object]) -> dict[str, object]:
    """The values of a Rendered as DuckDB takes them for $p0, $p1."""
    return dict(values)


def _relation(name: str, columns: Sequence[tuple[str, str]], file: str) -> Relation:
    return Relation(f"main.{quoted(name)}", tuple((column, _parsed(type_, file)) for column, type_ in columns))


def _parsed(type_: str, file: str) -> Type:
    try:
        return parse_type(type_)
    except TypeTextError as error:
        raise DefinitionError(str(error), file=file) from None


def _with_zone(type_: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        if f"{{{name}}}" in type_:
            return type_.replace(f"{{{name}}}", f"'{value}'")
    return type_
