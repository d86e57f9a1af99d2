"""An endpoint call: parameters to a statement to rows.

Downstream of the store and the compiler. A call renders the templates of a pipe, and of the pipes that it reads, with
the request's values (which become bound parameters), compiles what comes out once per rendered shape, and runs it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Final, Protocol

from metrics.datafiles import Node, Pipe
from metrics.dialect import Compiled, PipeQuery, compile_query
from metrics.errors import BadRequest, DefinitionError, Forbidden, NotFound
from metrics.formats import Answer, Count, Unchanged
from metrics.limits import Strangers
from metrics.store import Query, QueryResult, Store
from metrics.templating import Parameter, Template, merged_parameters
from metrics.workspace import Columns, Workspace

HOUSEKEEPING = frozenset(
    ("token", "from", "cli_version", "release_replacements", "__tb__client", "__tb__semver", "__tb__deployment",
     "__tb__csv_header", "debug_source_tables", "debug", "explain", "finalize_aggregations", "pipeline", "playground",
     "output_format_json_quote_64bit_integers", "output_format_json_quote_denormals",
     "output_format_parquet_string_as_string", "q", "query_id", "tag", "template_parameters", "job_timestamp")
)  # fmt: skip
"""Names that clients send along with any call and that are never parameters (contract 0.2)."""

_SAMPLES = {"Date": "2026-01-01", "DateTime": "2026-01-01 00:00:00", "DateTime64": "2026-01-01 00:00:00.000",
            "String": "a", "UUID": "00000000-0000-0000-0000-000000000000"}  # fmt: skip

STRANGERS_SQL: Final = 262_144
"""Characters of a stranger's query, as many as ClickHouse reads by default: to compile it takes processor time."""

Request = Mapping[str, object]
Known = Callable[[str], bool]
"""Whether the caller has the answer of this version."""


@dataclass(frozen=True)
class Statement:
    """A compiled SELECT with its values."""

    compiled: Compiled
    values: Mapping[str, object]


@dataclass(frozen=True)
class _Step:
    """One node of a statement: of which pipe, and its template."""

    pipe: Pipe
    node: Node
    template: Template


class Endpoint:
    """One pipe with those that it reads: their templates, their parameters, and the statements compiled so far."""

    def __init__(self, pipe: Pipe, workspace: Workspace, only: frozenset[str] | None = None) -> None:
        """Parse the templates of a pipe; with `only` its own SQL reads nothing but the tables and pipes of these names.

        Raises:
            DefinitionError: a template is wrong, or a parameter has a name that clients send for other purposes.
        """
        self.pipe = pipe
        self._workspace = workspace
        self._only = only
        self._steps = tuple(_steps(pipe, workspace.pipes, only))
        self._tables = workspace.tables
        self._columns = frozenset(name for columns in self._tables.values() for name, _ in columns)
        self._compiled = lru_cache(maxsize=256)(self._compile)
        self._compiled_over = lru_cache(maxsize=256)(self._compile)  # of others' SQL, which pushes out none of its own
        for name in self.parameters:
            if name in HOUSEKEEPING or name == "format":
                raise DefinitionError(f"a parameter cannot be named {name}, which clients send for other purposes",
                                      file=pipe.path.name)  # fmt: skip

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of all nodes by name, those of the pipes that it reads included."""
        return merged_parameters(step.template for step in self._steps)

    @cached_property
    def untyped(self) -> frozenset[str]:
        """The parameters for which neither a node of its own nor one of the pipes that it reads says a type."""
        templates = [step.template for step in self._steps]
        typed = {item.name for each in templates for item in each.parameters if item.name not in each.untyped}
        return frozenset(self.parameters.keys() - typed)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The other pipes whose nodes are part of a call."""
        return tuple(dict.fromkeys(step.pipe.name for step in self._steps if step.pipe is not self.pipe))

    @cached_property
    def nodes(self) -> tuple[Endpoint, ...]:
        """Each node of the pipe, in its order, as the pipe that answers with that one."""
        return tuple(Endpoint(replace(self.pipe, published=node.name), self._workspace) for node in self.pipe.nodes)

    @property
    def answering(self) -> Node:
        """The node whose rows are the answer."""
        return self._last.node

    @property
    def mentioned(self) -> tuple[Parameter, ...]:
        """The parameters that the answering node itself mentions."""
        return tuple(self.parameters[item.name] for item in self._last.template.parameters)

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The data sources, pipes and earlier nodes that the answering node itself reads, by name."""
        earlier = {step.node.name for step in self._steps if step.pipe is self.pipe} - {self.answering.name}
        return tuple(sorted(self._last.template.words & (self._tables.keys() | self._workspace.pipes.keys() | earlier)))

    @cached_property
    def columns(self) -> Columns:
        """The columns of the answer with their ClickHouse types; none where only certain values get one."""
        with contextlib.suppress(BadRequest):
            statement = self.sample()
            return statement.compiled.described(statement.values)
        return ()

    @property
    def _last(self) -> _Step:
        return [step for step in self._steps if step.pipe is self.pipe][-1]

    def statement(self, request: Request, sql: str = "") -> Statement:
        """The compiled statement and its values for this request.

        With `sql` it is that SELECT, which reads the endpoint's rows as `_` or under the pipe's name.

        Raises:
            BadRequest: a parameter is unknown, missing or of the wrong type; the sentence names it. Or `sql` is wrong.
            DefinitionError: the pipe's SQL does not compile.
        """
        asked = {name: value for name, value in request.items() if name not in HOUSEKEEPING}
        self._refuse_unknown(asked)
        rendered = [
            step.template.render(asked, self._columns, self._tables, prefix=f"n{at}_")
            for at, step in enumerate(self._steps)
        ]
        nodes = tuple(item.sql for item in rendered)
        compiled = self._compiled(nodes)
        if sql:
            compiled = self._compiled_over(nodes, sql)
        values = compiled.bound({key: item.values[key] for item in rendered for key in item.values})
        return Statement(compiled, values)

    def sample(self) -> Statement:
        """The statement of a call without parameters, or with a value for each that has no default if it needs some.

        Raises:
            BadRequest: the pipe refuses such values too.
            DefinitionError: the pipe's SQL does not compile.
        """
        with contextlib.suppress(BadRequest):
            return self.statement({})
        return self.statement({name: sample(item) for name, item in self.parameters.items() if item.default is None})

    def stored(self, standing: Mapping[str, str]) -> Compiled:
        """What a materialized pipe makes of rows, as a table keeps it; `standing` has the SQL of the rows it reads.

        Raises:
            DefinitionError: the pipe's SQL does not compile.
        """
        rendered = [step.template.render({}, self._columns, self._tables, prefix="") for step in self._steps]
        if any(item.values for item in rendered):
            raise _unfit(self.pipe, "a materialized pipe takes no parameters: it runs when rows arrive, not when asked")
        pipes = self._queries(tuple(item.sql for item in rendered))
        return _kept(pipes[self.pipe.name], self._tables, pipes, standing=tuple(standing.items()), stored=True)

    def check(self) -> None:
        """Compile every node, and hold the columns of what is written to where they go; raises DefinitionError.

        A pipe that refuses each value that could be tried is compiled when it is called.
        """
        with contextlib.suppress(BadRequest):
            compiled = self.stored({}) if self.pipe.kind == "materialized" else self.sample().compiled
            _check_target(self.pipe, compiled, self._workspace)
        needed = {step.node.name for step in self._steps if step.pipe is self.pipe}
        for node in self.pipe.nodes:
            if node.name not in needed:
                with contextlib.suppress(BadRequest):
                    Endpoint(replace(self.pipe, published=node.name), self._workspace).sample()

    def _refuse_unknown(self, asked: Request) -> None:
        known = self.parameters
        for name in asked:
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise BadRequest(f"Pipe '{self.pipe.name}' has no parameter '{name}'; it has: {listed}.")

    def _compile(self, texts: tuple[str, ...], over: str = "") -> Compiled:
        """The rows of the endpoint, or a SELECT over them and nothing else: a token for them is a token for no more."""
        pipes = self._queries(texts)
        asked, only = pipes[self.pipe.name], self._only
        if over:
            pipes["_"], asked, only = asked, PipeQuery(over), frozenset(("_", self.pipe.name))
        latest, rollups = self._workspace.latest, self._workspace.filled_by
        if self.pipe.name in self._workspace.pipes and not over:
            return _kept(asked, self._tables, pipes, latest=tuple(latest.items()), rollups=tuple(rollups))
        return compile_query(asked, self._tables, pipes=pipes, only=only, latest=latest, rollups=rollups)

    def _queries(self, texts: tuple[str, ...]) -> dict[str, PipeQuery]:
        """This pipe and those that it reads as the compiler takes them, with the rendered texts of their nodes."""
        nodes: dict[str, list[tuple[_Step, str]]] = {}
        for step, text in zip(self._steps, texts, strict=True):
            nodes.setdefault(step.pipe.name, []).append((step, text))
        return {name: _query(own) for name, own in nodes.items()}


Pairs = tuple[tuple[str, str], ...]


def _kept(
    asked: PipeQuery,
    tables: Mapping[str, Columns],
    pipes: Mapping[str, PipeQuery],
    *,
    latest: Pairs = (),
    standing: Pairs = (),
    rollups: tuple[str, ...] = (),
    stored: bool = False,
) -> Compiled:
    """`compile_query` for the pipes of files: what did not change is known after a reload, which mostly changes one."""
    return _compiled(asked, tuple(tables.items()), tuple(pipes.items()), latest, standing, rollups, stored)


@lru_cache(maxsize=1024)
def _compiled(
    asked: PipeQuery,
    tables: tuple[tuple[str, Columns], ...],
    pipes: tuple[tuple[str, PipeQuery], ...],
    latest: Pairs,
    standing: Pairs,
    rollups: tuple[str, ...],
    stored: bool,
) -> Compiled:
    return compile_query(
        asked, dict(tables), pipes=dict(pipes), latest=dict(latest), standing=dict(standing), rollups=rollups,
        stored=stored,
    )  # fmt: skip


def _steps(pipe: Pipe, pipes: Mapping[str, Pipe], only: frozenset[str] | None) -> Iterator[_Step]:
    """The nodes that a call of a pipe may need: its own, and those of every pipe that they name, however far away.

    With `only` the pipe itself names no others than these.
    """
    pending = {pipe.name: pipe}
    seen: set[str] = set()
    while pending:
        name, current = pending.popitem()
        seen.add(name)
        own = {node.name for node in current.nodes}
        for step in _needed(current):
            named = step.template.words & pipes.keys() - own
            if only is not None and current is pipe:
                named &= only
            pending |= {other: pipes[other] for other in sorted(named - seen) if pipes[other].kind in _READABLE}
            yield step


_template = lru_cache(maxsize=1024)(Template)
"""Of a node of a file; what is asked once is parsed and forgotten."""


def _needed(pipe: Pipe) -> list[_Step]:
    """The published node, last, and those before it that it names, itself or by way of others."""
    names = [node.name for node in pipe.nodes]
    last = names.index(pipe.published) if pipe.published else len(names) - 1
    found: list[_Step] = []
    for node in reversed(pipe.nodes[: last + 1]):
        if not found or any(node.name in step.template.words for step in found):
            parsed = _template if pipe.name else Template
            found.append(_Step(pipe, node, parsed(node, pipe.path.name)))
    return found[::-1]


def _query(nodes: list[tuple[_Step, str]]) -> PipeQuery:
    *earlier, (last, sql) = nodes
    before = {step.node.name: (text, step.node.line) for step, text in earlier}
    return PipeQuery(sql, before, last.pipe.path.name, last.node.line)


def _refused(error: DefinitionError) -> BadRequest:
    """What the sender of a SELECT is told that does not compile."""
    sentence = " ".join(error.placed.split())  # a name in it may hold line ends
    return BadRequest(f"The SQL cannot be run: {sentence}")


def sample(parameter: Parameter) -> object:
    """A value that a parameter could have."""
    if parameter.example is not None:
        return parameter.example
    if parameter.enum:
        return parameter.enum[0]
    return _SAMPLES.get(parameter.type.removeprefix("Array(").removesuffix(")"), "1")


# The kinds of a pipe.

_READABLE = ("endpoint", "standard")
_UNPUBLISHED = {
    "standard": "is not published; add TYPE endpoint to the node that it should answer.",
    "materialized": "is a materialized pipe, which fills the data source {DATASOURCE}; read that one.",
    "copy": "is a copy pipe, which fills the data source {TARGET_DATASOURCE}; this version does not run it.",
    "sink": "is a sink, which writes elsewhere; this version does not run it.",
}


def _check_target(pipe: Pipe, compiled: Compiled, workspace: Workspace) -> None:
    """Hold the columns of a materialized or copy pipe to the data source that they go to."""
    command = {"materialized": "DATASOURCE", "copy": "TARGET_DATASOURCE"}.get(pipe.kind)
    if command is None:
        return
    name = pipe.options[command]
    if name not in workspace.sources:
        raise _unfit(pipe, f"{command} names {name}, which is no data source of this project")
    target = dict(workspace.sources[name].columns)
    for column, kind in compiled.columns:
        if column not in target:
            raise _unfit(pipe, f"the data source {name} has no column {column}")
        if not _fits(kind, target[column]):
            raise _unfit(pipe, f"the column {column} is {kind} here and {target[column]} in the data source {name}")
    given = dict(compiled.columns)
    for item in workspace.sources[name].definition.columns:
        if item.name not in given and item.default is None and "Nullable(" not in item.type:
            raise _unfit(pipe, f"the data source {name} needs the column {item.name}, {item.type} without a DEFAULT")


def _unfit(pipe: Pipe, reason: str) -> DefinitionError:
    line = next(node.line for node in pipe.nodes if node.name == pipe.published)
    return DefinitionError(reason, file=pipe.path.name, line=line)


def _fits(kind: str, target: str) -> bool:
    """Whether a column of type `kind` goes into one of type `target` as it is; LowCardinality is a way of storing."""
    given, wanted = (_bare(text) for text in (kind, target))
    return wanted in (given, f"Nullable({given})")


def _bare(kind: str) -> str:
    """A type without what is only a way of storing or of merging it."""
    kind = re.sub(r"LowCardinality\((.*)\)", r"\1", kind.replace(" ", ""))
    return re.sub(r"^SimpleAggregateFunction\(\w+,(.*)\)$", r"\1", kind)


class Reader(Protocol):
    """Who asks: what a token tells of itself."""

    @property
    def is_admin(self) -> bool: ...

    def may(self, action: str, resource: str) -> bool: ...


class Endpoints:
    """The pipes of a workspace over a store; those with a TYPE endpoint answer calls."""

    def __init__(self, workspace: Workspace, store: Store, timeout: float) -> None:
        """Parse and compile every pipe; raises DefinitionError for one that is wrong."""
        self._endpoints = {pipe.name: Endpoint(pipe, workspace) for pipe in workspace.pipes.values()}
        for endpoint in self._endpoints.values():
            endpoint.check()
        self._workspace = workspace
        self._store = store
        self._timeout = timeout
        self._strangers = Strangers()
        self._started = secrets.token_hex(8)  # of these definitions over this store: `version` holds for no other

    def all(self) -> list[Endpoint]:
        """Every pipe of whatever kind, ordered by name."""
        return list(self._endpoints.values())

    def find(self, name: str) -> Endpoint:
        """The pipe of this name; raises NotFound with the names that exist."""
        if name not in self._endpoints:
            known = ", ".join(self._endpoints) or "none"
            raise NotFound(f"Pipe '{name}' does not exist; there are: {known}.")
        return self._endpoints[name]

    def published(self, name: str) -> Endpoint:
        """The pipe of this name, which is an endpoint; raises NotFound for none and for one of another type."""
        endpoint = self.find(name)
        pipe = endpoint.pipe
        if pipe.kind != "endpoint":
            raise NotFound(f"Pipe '{pipe.name}' {_UNPUBLISHED[pipe.kind].format(**pipe.options)}")
        return endpoint

    def call(self, endpoint: Endpoint, request: Request, known: Known) -> Answer | Unchanged:
        """Run an endpoint with the request's parameters, unless what it answers is known.

        Raises what `Endpoint.statement` and `Store.query` raise.
        """
        return self._run(endpoint.statement(request), known)

    def call_over(
        self, endpoint: Endpoint, request: Request, sql: str, reader: Reader, known: Known
    ) -> Answer | Unchanged:
        """Run `sql` over the rows of an endpoint; raises what `call` and `query` raise."""
        return self._ask(sql, reader, lambda: endpoint.statement(request, sql), known)

    def query(self, sql: str, reader: Reader, request: Request, known: Known) -> Answer | Unchanged:
        """Run one SELECT in ClickHouse SQL over what `reader` may read: data sources, their quarantines and pipes.

        A pipe that it reads has the request's parameters, or their defaults.

        Raises:
            Forbidden: the reader may read nothing at all.
            BadRequest: it does not compile, is something else, names what is not there for this reader, or reads a
                pipe that needs a parameter.
        """
        readable = self._readable(reader)
        if not readable:
            raise Forbidden("The token may read nothing; it lacks a scope DATASOURCES:READ:NAME or PIPES:READ:NAME.")

        def statement() -> Statement:
            asked = Endpoint(_pipe_of(sql), self._workspace, None if reader.is_admin else readable)
            return asked.statement({name: value for name, value in request.items() if name in asked.parameters})

        return self._ask(sql, reader, statement, known)

    def admitted(self, reader: Reader) -> contextlib.AbstractContextManager[None]:
        """Around a query and the writing of its answer, which takes processor time as well: a place for it.

        Raises:
            TooManyQueries: the reader is not the admin, and as many run as may for such.
        """
        return contextlib.nullcontext() if reader.is_admin else self._strangers.admitted()

    def _readable(self, reader: Reader) -> frozenset[str]:
        """The names that a reader's SQL may have in FROM."""
        sources = [each for each in self._workspace.sources.values() if reader.may("DATASOURCES:READ", each.name)]
        pipes = [name for name in self._endpoints if reader.may("PIPES:READ", name)]
        return frozenset([*(each.name for each in sources), *(each.quarantine for each in sources), *pipes])

    def _ask(self, sql: str, reader: Reader, statement: Callable[[], Statement], known: Known) -> Answer | Unchanged:
        try:
            if reader.is_admin:
                return self._run(statement(), known)
            _refuse_excess(sql)
            compiled = statement()
            return self._strangers.run(lambda: self._run(compiled, known, stranger=True))
        except DefinitionError as error:
            raise _refused(error) from None

    def _run(self, statement: Statement, known: Known, *, stranger: bool = False) -> Answer | Unchanged:
        version = self._version(statement)
        if version and known(version):
            return Unchanged(version)
        compiled, values = statement.compiled, statement.values
        result = self._store.query(_query_of(compiled, values), timeout=self._timeout, stranger=stranger)
        rows_before_limit = partial(self._rows_before_limit, statement, result, stranger)
        sources = tuple(sorted(compiled.tables))
        return Answer(compiled.described(values), result, rows_before_limit, version, sources)

    def _version(self, statement: Statement) -> str:
        """A text that stays the same while the statement's answer does; "" where nothing but running it tells.

        It is made before the statement runs: a commit in between makes it too old, never too new.
        """
        if statement.compiled.volatile:
            return ""
        about = (self._started, self._store.acknowledged, statement.compiled, sorted(statement.values.items()))
        return hashlib.blake2b(repr(about).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def _rows_before_limit(self, statement: Statement, result: QueryResult, stranger: bool) -> Count:
        """The rows of a statement without its LIMIT; asks the store where the rows and the profile do not tell."""
        found = statement.compiled.rows_before_limit(statement.values, len(result.table))
        if found is not None:
            return Count(found)
        if result.rows_sorted is not None:
            return Count(result.rows_sorted)
        counting = statement.compiled.counting()
        query = partial(
            self._store.query, _query_of(counting, statement.values), timeout=self._timeout, stranger=stranger
        )
        counted = self._strangers.run(query) if stranger else query()
        rows = int(counted.table.column(0)[0].as_py())
        return Count(rows, counted.elapsed, counted.rows_read, counted.bytes_read)


def _query_of(compiled: Compiled, values: Mapping[str, object]) -> Query:
    sql, settled, given = compiled.run(values)
    return Query(sql, given, settled)


def _refuse_excess(sql: str) -> None:
    """Raise BadRequest for SQL that would cost the server much before it even runs."""
    if len(sql) > STRANGERS_SQL:
        raise BadRequest(f"The SQL is longer than {STRANGERS_SQL:,} characters; send a shorter query.")
    if sql.lstrip().startswith("%"):  # a template may loop
        raise BadRequest("A template, SQL that begins with %, needs the admin token; send plain SQL.")


def _pipe_of(sql: str) -> Pipe:
    """One SELECT as a pipe of its own, without a name or a file."""
    return Pipe("", "", (Node("", sql, "", 1),), "standard", (), {}, {}, Path(), sql)
