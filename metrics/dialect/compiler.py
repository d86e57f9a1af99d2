"""The compiler's door: ClickHouse SQL over known tables in, DuckDB SQL and the columns' ClickHouse types out.

What cannot be translated is refused by name and line; nothing is passed through unread.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Final

from metrics.dialect.combinators import resolve
from metrics.dialect.expansion import expansion
from metrics.dialect.expressions import Expressions
from metrics.dialect.functions import convert
from metrics.dialect.parsing import parse_expression, parse_select
from metrics.dialect.queries import Limited, Output, Queries
from metrics.dialect.rules import NoRule, duck_type, quoted, state_function
from metrics.dialect.scope import Relation, Scope, Source, Wanted
from metrics.dialect.sharing import Key, PipeQuery, Read, shared, whole
from metrics.dialect.types import Type, TypeTextError, parse_type
from metrics.dialect.values import Value
from metrics.errors import DefinitionError

MAX_EXPANSION: Final = 450_000
"""Words that the macros which a statement calls may add to it: the engine takes up to three seconds for as many."""


_VOLATILE: Final = re.compile(
    r"\b(ch_)?(now|today|random|uuid|gen_random|current|get_current|transaction|txid)\w*\s*\("
)
"""The functions of DuckDB, and the macros over them, that give another value each time and that SQL here comes to."""


@dataclass(frozen=True)
class Compiled:
    """DuckDB SQL with values as $p0, $p1; the columns it gives with their ClickHouse types; the tables it reads."""

    sql: str
    columns: tuple[tuple[str, str], ...]
    tables: frozenset[str]
    limited: Limited | None = None

    def run(self, values: Mapping[str, object]) -> tuple[str, str, dict[str, object]]:
        """The SQL, the same without the rows that came since its rollups were filled ("" if it reads none), the values.

        A text that is compared with times is a time in it where it is a plain one: the macro that reads any text takes
        as long to plan as the rest of a small statement.
        """
        moments = {name: moment for name in self._moments if (moment := _moment(values.get(name))) is not None}
        sql = _MOMENT.sub(lambda each: f"$at_{each[1]}" if each[1] in moments else each[0], self.sql)
        given = {**values, **{f"at_{name}": moment for name, moment in moments.items()}}
        read = {name: given[name] for name in dict.fromkeys(_BOUND.findall(sql)) if name in given}
        schema = f"{ROLLUPS}."
        return sql.replace(schema, "main."), sql.replace(schema, "rows.") if schema in sql else "", read

    @cached_property
    def _moments(self) -> frozenset[str]:
        return frozenset(_MOMENT.findall(self.sql))

    def rows_before_limit(self, values: Mapping[str, object], rows: int) -> int | None:
        """How many rows there were before the LIMIT, if those that were answered tell it: a page that is not full does.

        None where only a count of `limited.sql` tells.
        """
        if self.limited is None:
            return rows
        limit, offset = _number(self.limited.limit, values), _number(self.limited.offset or "0", values)
        whole = not self.limited.limit or (limit is not None and rows < limit)
        return offset + rows if whole and offset is not None and (rows or not offset) else None

    def counting(self) -> Compiled:
        """The statement that counts the rows before the LIMIT of this one."""
        assert self.limited is not None
        return Compiled(f"SELECT count(*) FROM ({self.limited.sql}) AS q", (("count()", "UInt64"),), self.tables)

    def described(self, values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """The columns, with a time zone that a parameter gives put into the type that carries it."""
        return tuple((name, _with_zone(type_, values)) for name, type_ in self.columns)

    @cached_property
    def volatile(self) -> bool:
        """Whether the clock, chance or the connection has a part in the answer; perhaps also where it has none."""
        return _VOLATILE.search(self.sql) is not None

    def bound(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values that the SQL reads: DuckDB takes no others, such as those of a node that nothing selects from."""
        return {name: value for name, value in values.items() if name in self._bound}

    @cached_property
    def _bound(self) -> frozenset[str]:
        return frozenset(_BOUND.findall(self.sql))


ROLLUPS: Final = f"rollups_{secrets.token_hex(8)}"
"""Stands for the schema of a rollup: `main` has its view, `rows` its table. No text in a caller's SQL is this."""

_BOUND: Final = re.compile(r"\$([A-Za-z_]\w*)")
_MOMENT: Final = re.compile(
    r"ch_clamped_time\(date_trunc\('second', ch_time_text\(CAST\(\$(\w+) AS VARCHAR\), 'UTC'\)\)\)"
)
"""What a text becomes that is compared with a DateTime of UTC."""


def _moment(text: object) -> datetime | None:
    """The time that a text in the usual form tells, within what a DateTime holds; None for any other."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        return None
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    return moment if 1970 <= moment.year <= 2105 else None


def compile_query(
    asked: str | PipeQuery,
    tables: Mapping[str, Sequence[tuple[str, str]]],
    *,
    pipes: Mapping[str, PipeQuery] | None = None,
    only: Collection[str] | None = None,
    latest: Mapping[str, str] | None = None,
    standing: Mapping[str, str] | None = None,
    rollups: Collection[str] = (),
    stored: bool = False,
) -> Compiled:
    """Compile one SELECT over `tables` (name -> columns and their ClickHouse types).

    `pipes` are other pipes: a node may read the tables, the pipes and the nodes before it. Only what is read is
    compiled, and what several read and sums up rows is run once. With `only` the SQL itself reads the tables and pipes
    of these names and nothing else, whatever the pipes read. `latest` holds, for tables that FINAL may read, the DuckDB
    SQL of the rows that it leaves; `standing`, for tables of which not all rows are to be read, the DuckDB SQL of those
    that are; `rollups` are the tables in the schema ROLLUPS.
    With `stored` the rows go into a table instead of an answer: times stay UTC, and columns may be states of aggregates
    (`sumState(x)`), for which `storage_type` names the column's type.

    Raises:
        DefinitionError: the SQL does not parse, names what is not there, or uses what DuckDB cannot do alike; or a pipe
            reads itself, by way of others perhaps.
    """
    asked = PipeQuery(asked) if isinstance(asked, str) else asked
    relations = {name: _relation(name, tuple(columns), asked.file) for name, columns in tables.items()}
    for name in rollups:
        relations[name] = replace(relations[name], sql=f"{ROLLUPS}.{quoted(name)}")
    for name, rows in (standing or {}).items():
        relations[name] = replace(relations[name], sql=rows)
    queries = Queries(relations, asked.file, asked.line)
    queries.latest = latest or {}
    # what a table keeps is written out whole: the conditions for the rows to be made anew go down to the rows it reads
    once = frozenset[Key]() if stored else shared(asked, pipes or {})
    found = _Readable(queries, pipes or {}, once).outermost(asked, only, not stored)
    if expansion(found.sql) > MAX_EXPANSION:
        reason = "functions are nested too deeply; put the inner ones into a subquery"
        raise DefinitionError(reason, file=asked.file, line=asked.line)
    columns = tuple((name, str(type_)) for name, type_ in found.columns)
    return Compiled(found.sql, columns, frozenset(queries.used), found.limited)


class _Readable:
    """The nodes and pipes that a statement may read by name, each compiled when it is first read."""

    def __init__(self, queries: Queries, pipes: Mapping[str, PipeQuery], shared: Collection[Key]) -> None:
        self.queries = queries
        self.pipes = pipes
        self.tables = queries.tables
        self.shared = shared
        self.written: list[str] = []  # the shared ones, each after those that it reads
        self.compiled: dict[tuple[Key, Wanted], Relation] = {}
        self.reading: list[str] = []
        self.foreign = False  # whether the outermost SQL is that of a request: it stands in no file

    def outermost(self, pipe: PipeQuery, only: Collection[str] | None, shown: bool) -> Output:
        """The rows of the whole statement, as they are `shown` to a caller or as a table keeps them."""
        find = partial(self.find, whole(pipe))
        scope, tables = Scope(outside=find), self.tables
        if only is not None:
            self.foreign = True
            scope = Scope(outside=lambda name: _fenced(find(name)) if name in only else None)
            tables = {name: relation for name, relation in self.tables.items() if name in only}
            self.queries.offered = sorted({*tables, *only})
        output = self.query(pipe.sql, pipe.file, pipe.line, scope, tables, shown)
        if not self.written:
            return output
        before = f"WITH {', '.join(self.written)} "
        limited = output.limited and replace(output.limited, sql=before + output.limited.sql)
        return replace(output, sql=before + output.sql, limited=limited)

    def find(self, reader: Read, name: str) -> Relation | None:
        """What `name` is to a query: a node before it, or another pipe."""
        found = reader.find(name, self.pipes)
        if found is None:
            return None
        key, read = found
        if key in self.shared:
            self.queries.wanted = None  # its readers want this and that: the engine leaves out what none of them does
        wanted = self.queries.wanted
        if (key, wanted) not in self.compiled:
            output = self.pipe(name, read) if key[0] == 0 else self.node(name, read)
            self.compiled[key, wanted] = self.relation(key, output)
        return self.compiled[key, wanted]

    def relation(self, key: Key, output: Output) -> Relation:
        if key not in self.shared:
            return Relation(f"({output.sql})", output.columns)
        name = quoted(f"{key[1]} {len(self.written)}")
        self.written.append(f"{name} AS MATERIALIZED ({output.sql})")
        return Relation(name, output.columns)

    def node(self, name: str, read: Read) -> Output:
        node = read.pipe.nodes[name]
        line = read.pipe.line if isinstance(node, str) else node[1]
        return self.query(read.sql, read.pipe.file, line, Scope(outside=partial(self.find, read)), self.tables)

    def pipe(self, name: str, read: Read) -> Output:
        if name in self.reading:
            way = " reads ".join([*self.reading[self.reading.index(name) :], name])
            raise DefinitionError(f"a pipe cannot read itself: {way}", file=self.queries.file)
        self.reading.append(name)
        scope = Scope(outside=partial(self.find, read))
        output = self.query(read.sql, read.pipe.file, read.pipe.line, scope, self.tables)
        self.reading.pop()
        return output

    def query(
        self, sql: str, file: str, line: int, scope: Scope, tables: Mapping[str, Relation], outermost: bool = False
    ) -> Output:
        """Compile one query over these tables, with errors that name its own file and line."""
        queries = self.queries
        before = (queries.file, queries.first_line, queries.tables, queries.parameters)
        queries.file, queries.first_line, queries.tables = file, line, tables
        queries.parameters = bool(file) or not self.foreign  # the values are those of the pipes, not the request's
        try:
            output = queries.query(parse_select(sql, file=file, line=line), scope, outermost)
        except NoRule as error:
            raise DefinitionError(str(error), file=file, line=line) from None
        except RecursionError:
            raise DefinitionError("the query is nested too deeply", file=file, line=line) from None
        queries.file, queries.first_line, queries.tables, queries.parameters = before
        return output


def storage_type(type_: str) -> str:
    """The DuckDB type of the column that stores values of a ClickHouse type, AggregateFunction(f, T) included.

    A state that `compile_query(..., stored=True)` gives fits it, and `fMerge` reads it from a table that has the column
    under the ClickHouse type.

    Raises:
        DefinitionError: the text is no type, or DuckDB has none for it.
    """
    parsed = _parsed(type_, "")
    try:
        if parsed.name == "AggregateFunction":
            resolve(state_function(parsed)[0])
        return duck_type(parsed)
    except NoRule as error:
        raise DefinitionError(str(error)) from None


def compile_expression(sql: str, columns: Sequence[tuple[str, str]], type_: str = "", *, file: str = "") -> str:
    """Compile one expression over columns, such as a DEFAULT; with `type_`, cast to that ClickHouse type.

    A whole number that does not fit fails when it is computed: a row is not stored with what is left of it.

    Raises:
        DefinitionError: as for `compile_query`.
    """
    queries = Queries({}, file, 1)
    relation = _relation("columns", tuple(columns), file)
    scope = Scope(sources=[Source("", dict(relation.columns))])
    value = Expressions(scope, queries).value(parse_expression(sql, file=file))
    try:
        return _kept_as(value, _parsed(type_, file)) if type_ else value.number
    except NoRule as error:
        raise DefinitionError(str(error), file=file) from None


def _kept_as(value: Value, type_: Type) -> str:
    if value.type.is_integer and type_.is_integer and (type_.nullable or not value.type.nullable):
        return f"CAST({value.number} AS {duck_type(type_)})"
    return convert(value, type_).sql


@lru_cache(maxsize=4096)
def _relation(name: str, columns: tuple[tuple[str, str], ...], file: str) -> Relation:
    return Relation(f"main.{quoted(name)}", tuple((column, _parsed(type_, file)) for column, type_ in columns))


def _fenced(pipe: Relation | None) -> Relation | None:
    """A pipe as a table. No condition of its reader is moved below the window, to rows that the pipe leaves out.

    Nobody reads the number, so that it is not even computed; the wall stands.
    """
    if pipe is None:
        return None
    names = ", ".join(quoted(name) for name, _ in pipe.columns)
    numbered = f"SELECT *, row_number() OVER () AS _wall FROM {pipe.sql} AS q"
    return Relation(f"(SELECT {names} FROM ({numbered}) AS q)", pipe.columns)


def _parsed(type_: str, file: str) -> Type:
    try:
        return parse_type(type_)
    except TypeTextError as error:
        raise DefinitionError(str(error), file=file) from None


def _number(sql: str, values: Mapping[str, object]) -> int | None:
    """The whole number of a LIMIT: a literal or a parameter; None for anything else."""
    match = re.fullmatch(r"(\d+)|(?:CAST\()+\$(\w+)(?: AS \w+\))+", sql)
    if not match:
        return None
    value = int(match[1]) if match[1] else values.get(match[2])
    return value if isinstance(value, int) else None


def _with_zone(type_: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        if f"{{{name}}}" in type_:
            return type_.replace(f"{{{name}}}", f"'{value}'")
    return type_
