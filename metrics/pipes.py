"""An endpoint call: parameters to a statement to rows.

Downstream of the store and the compiler. A call renders the pipe's templates with the request's values (which become
bound parameters), compiles what comes out once per rendered shape, and runs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from metrics.datafiles import Pipe
from metrics.dialect import Compiled, bind_values, compile_query
from metrics.errors import BadRequest, DefinitionError, NotFound
from metrics.formats import Answer
from metrics.store import Store
from metrics.templating import Parameter, Template
from metrics.workspace import Columns, Workspace, load_workspace

HOUSEKEEPING = frozenset(
    ("token", "from", "cli_version", "release_replacements", "__tb__client", "__tb__semver", "__tb__deployment",
     "__tb__csv_header", "debug_source_tables", "debug", "explain", "finalize_aggregations", "pipeline", "playground",
     "output_format_json_quote_64bit_integers", "output_format_json_quote_denormals",
     "output_format_parquet_string_as_string", "q", "query_id", "tag", "template_parameters", "job_timestamp")
)  # fmt: skip
"""Names that clients send along with any call and that are never parameters (contract 0.2)."""

Request = Mapping[str, object]
Statement = tuple[Compiled, dict[str, object]]


class Endpoint:
    """One published pipe: its templates, its parameters, and the statements compiled so far."""

    def __init__(self, pipe: Pipe, tables: Mapping[str, Columns]) -> None:
        self.pipe = pipe
        names = [node.name for node in pipe.nodes]
        last = names.index(pipe.published) if pipe.published else len(names) - 1
        self._nodes = pipe.nodes[: last + 1]
        self._templates = [Template(node, pipe.path.name) for node in self._nodes]
        self._tables = tables
        self._compiled = lru_cache(maxsize=256)(self._compile)
        self._compiled_over = lru_cache(maxsize=256)(self._compile_over)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of all nodes by name; a later node may mention one without telling its type again."""
        found: dict[str, Parameter] = {}
        for template in self._templates:
            for item in template.parameters:
                found.setdefault(item.name, item)
        return found

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
            template.render(asked, self._columns, self._tables, prefix=f"n{at}_")
            for at, template in enumerate(self._templates)
        ]
        nodes = tuple(item.sql for item in rendered)
        compiled = self._compiled(nodes)
        if sql:
            compiled = self._compiled_over(nodes, sql)
        return compiled, bind_values({key: item.values[key] for item in rendered for key in item.values})

    def check(self) -> None:
        """Compile the statement of a call without parameters; raises DefinitionError.

        A pipe that requires a parameter is compiled when it is called.
        """
        with contextlib.suppress(BadRequest):
            self.statement({})

    @property
    def _columns(self) -> frozenset[str]:
        return frozenset(name for columns in self._tables.values() for name, _ in columns)

    def _refuse_unknown(self, asked: Request) -> None:
        known = self.parameters
        for name in asked:
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise BadRequest(f"Pipe '{self.pipe.name}' has no parameter '{name}'; it has: {listed}.")

    def _compile(self, nodes: Sequence[str]) -> Compiled:
        *earlier, final = nodes
        before = {node.name: (sql, node.line) for node, sql in zip(self._nodes, earlier, strict=False)}
        last = self._nodes[-1]
        return compile_query(final, self._tables, nodes=before, file=self.pipe.path.name, line=last.line)

    def _compile_over(self, nodes: Sequence[str], sql: str) -> Compiled:
        """A SELECT over the rows of the endpoint: it sees them and the tables, but no node on the way to them."""
        named = zip(self._nodes, nodes, strict=True)
        steps = ", ".join(f"`{node.name}` AS (\n{text.rstrip().rstrip(';')}\n)" for node, text in named)
        rows = f"WITH {steps} SELECT * FROM `{self._nodes[-1].name}`"
        return _compile_asked(sql, self._tables, {"_": rows, self.pipe.name: rows})


def _compile_asked(sql: str, tables: Mapping[str, Columns], nodes: Mapping[str, str]) -> Compiled:
    """Compile the SELECT of a request; raises BadRequest for anything else."""
    try:
        return compile_query(sql, tables, nodes=nodes)
    except DefinitionError as error:
        raise BadRequest(f"The SQL cannot be run: {error.placed}") from None


class Endpoints:
    """The endpoints of a workspace over a store."""

    def __init__(self, workspace: Workspace, store: Store, timeout: float) -> None:
        published = [pipe for pipe in workspace.pipes.values() if pipe.kind == "endpoint"]
        self._endpoints = {pipe.name: Endpoint(pipe, workspace.tables) for pipe in published}
        for endpoint in self._endpoints.values():
            endpoint.check()
        self._tables = workspace.tables
        self._store = store
        self._timeout = timeout

    def all(self) -> list[Endpoint]:
        """Every endpoint, ordered by name."""
        return list(self._endpoints.values())

    def find(self, name: str) -> Endpoint:
        """The endpoint of this name; raises NotFound with the names that exist."""
        if name not in self._endpoints:
            known = ", ".join(self._endpoints) or "none"
            raise NotFound(f"Pipe '{name}' does not exist; there are: {known}.")
        return self._endpoints[name]

    def call(self, endpoint: Endpoint, request: Request, sql: str = "") -> Answer:
        """Run an endpoint with the request's parameters, or `sql` over its rows.

        Raises what `Endpoint.statement` and `Store.query` raise.
        """
        return self._run(endpoint.statement(request, sql))

    def query(self, sql: str) -> Answer:
        """Run one SELECT in ClickHouse SQL over data sources and quarantines; raises BadRequest for anything else."""
        return self._run((_compile_asked(sql, self._tables, {}), {}))

    def _run(self, statement: Statement) -> Answer:
        compiled, values = statement
        return Answer(compiled.described(values), self._store.query(compiled.sql, values, timeout=self._timeout))


def problems(folder: Path) -> list[str]:
    """What is wrong with the definitions below `folder`, a sentence each; empty when all is well."""
    try:
        workspace = load_workspace(folder)
    except DefinitionError as error:
        return [error.message]
    found = []
    for pipe in workspace.pipes.values():
        try:
            Endpoint(pipe, workspace.tables).check()
        except DefinitionError as error:
            found.append(error.message)
    return found
