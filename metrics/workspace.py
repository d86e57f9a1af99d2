"""The loaded, checked definitions, and bringing a store up to them.

Stands between the definition files and everything that serves them: a data source here has its validator and the
statements that write it, so that the writer, the exports and the routes need not look at the schema again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from metrics.columns import parse_type
from metrics.datafiles import Column, DataSource, Pipe, load_folder
from metrics.dialect import MACROS, compile_expression
from metrics.errors import BadRequest, DefinitionError, NotFound, StartError
from metrics.partitions import Lifetime, lifetime, month_column
from metrics.prices import Prices, load_prices
from metrics.pricing import NEEDED
from metrics.store import Connection, quoted
from metrics.validation import QUARANTINE_EXTRA, Validator

Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Source:
    """A data source as the rest of the river uses it."""

    definition: DataSource
    validator: Validator

    @property
    def name(self) -> str:
        """Its name, which is its table's."""
        return self.definition.name

    @property
    def quarantine(self) -> str:
        """The name of its quarantine table."""
        return f"{self.name}_quarantine"

    @cached_property
    def columns(self) -> Columns:
        """Declared columns and their ClickHouse types."""
        return tuple((column.name, column.type) for column in self.definition.columns)

    @cached_property
    def quarantine_columns(self) -> Columns:
        """The columns of the quarantine: the raw values as text, then what was wrong."""
        return (*((name, "Nullable(String)") for name, _ in self.columns), *QUARANTINE_EXTRA)

    @cached_property
    def sort_columns(self) -> tuple[str, ...]:
        """The columns of the sorting key."""
        return tuple(name for name in self.definition.engine.sorting_key if name in dict(self.columns))

    @property
    def sorting(self) -> str:
        """The sorting key as an ORDER BY list; "" without one."""
        return ", ".join(quoted(name) for name in self.sort_columns)

    @cached_property
    def month_column(self) -> str:
        """The time column whose months the exports are cut by; "" where they are not."""
        return month_column(self.definition)

    @cached_property
    def lifetime(self) -> Lifetime | None:
        """How long its rows are kept; None for ever."""
        return lifetime(self.definition)

    @property
    def month(self) -> str:
        """The SQL that gives a row's month as YYYY-MM; '' for a table that is not partitioned by month."""
        return f"strftime({quoted(self.month_column)}, '%Y-%m')" if self.month_column else "''"

    @cached_property
    def time_column(self) -> str:
        """The column that says when a row happened: the first time in the sorting key; "" without one."""
        kinds = dict(self.columns)
        keys = self.definition.engine.sorting_key
        return next((name for name in keys if kinds.get(name, "").startswith(("DateTime", "Date"))), "")

    @cached_property
    def latest(self) -> str:
        """What FINAL reads of a ReplacingMergeTree: the last row of each sorting key, by its version first.

        "" for the other engines, and where a key cannot be computed here.
        """
        engine = self.definition.engine
        version, deleted = engine.options.get("ENGINE_VER", ""), engine.options.get("ENGINE_IS_DELETED", "")
        known = {"", *dict(self.columns)}
        if engine.name != "ReplacingMergeTree" or not engine.sorting_key or not {version, deleted} <= known:
            return ""
        try:
            keys = ", ".join(compile_expression(key, self.columns) for key in engine.sorting_key)
        except DefinitionError:
            return ""
        order = [f"{quoted(version)} DESC"] if version else []
        window = f"PARTITION BY {keys} ORDER BY {', '.join([*order, '_seq DESC', 'rowid DESC'])}"
        last = f"SELECT * FROM rows.{quoted(self.name)} QUALIFY row_number() OVER ({window}) = 1"
        kept = f" WHERE {quoted(deleted)} = 0" if deleted else ""
        return f"(SELECT {', '.join(quoted(name) for name, _ in self.columns)} FROM ({last}){kept})"

    @cached_property
    def is_priced(self) -> bool:
        """Whether its rows have a sent and a computed cost beside the one that is shown."""
        return NEEDED.items() <= {name: plain_type(kind) for name, kind in self.columns}.items()

    @property
    def unique_key(self) -> str:
        """The column of row ids that `TAGS "unique_key=..."` declares; "" without one."""
        return self.definition.tags.get("unique_key", "")

    def completed(self, table: pa.Table) -> pa.Table:
        """A table of good rows with every column that a DEFAULT looks at."""
        for name, kind in self._looked_at:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table), parse_type(kind).arrow))
        return table

    def order(self, table: pa.Table) -> pa.Array | None:
        """The numbers of a table's rows in the order of the sorting key; None for the one that they are in."""
        keys = [(name, "ascending") for name in self.sort_columns if name in table.column_names]
        return pc.sort_indices(table, sort_keys=keys) if keys and len(table) > 1 else None

    def insert(self, table: pa.Table) -> str:
        """The statement that writes `table`, under the name `batch`, with the commit number `$seq`.

        In a column that the table lacks every row gets the DEFAULT, or NULL; so does a null in one that it has.
        """
        present = frozenset(table.column_names)
        with_nulls = frozenset(name for name in self._with_default & present if table.column(name).null_count)
        key = present, with_nulls
        if key not in self._inserts:
            self._inserts[key] = self._insert(present, with_nulls)
        return self._inserts[key]

    @cached_property
    def _inserts(self) -> dict[tuple[frozenset[str], frozenset[str]], str]:
        return {}

    @cached_property
    def _with_default(self) -> frozenset[str]:
        return frozenset(column.name for column in self.definition.columns if column.default is not None)

    @cached_property
    def _looked_at(self) -> Columns:
        expressions = [self.default(column) for column in self.definition.columns if column.default is not None]
        return tuple((name, kind) for name, kind in self.columns if any(quoted(name) in sql for sql in expressions))

    def _insert(self, present: frozenset[str], with_nulls: frozenset[str]) -> str:
        written = [item for item in self.definition.columns if item.name in present or item.default is not None]
        names = ", ".join(quoted(column.name) for column in written)
        values = ", ".join(self._value(column, present, with_nulls) for column in written)
        return f"INSERT INTO rows.{quoted(self.name)} ({names}, _seq) SELECT {values}, $seq FROM batch"

    def computed(self, present: frozenset[str]) -> list[tuple[str, str]]:
        """The columns that have a DEFAULT, each with the expression of what `insert` writes into it."""
        declared = [column for column in self.definition.columns if column.default is not None]
        return [(column.name, self._value(column, present, present)) for column in declared]

    def _value(self, column: Column, present: frozenset[str], with_nulls: frozenset[str]) -> str:
        kind, name = parse_type(column.type), quoted(column.name)
        if column.name not in present:
            return self.default(column)
        value = f"CAST({name} AS {kind.duckdb})" if kind.duckdb in _CAST_FROM_TEXT else name
        return f"coalesce({value}, {self.default(column)})" if column.name in with_nulls else value

    def default(self, column: Column) -> str:
        """The DEFAULT of a column as DuckDB SQL; raises DefinitionError naming the line of an expression that fails."""
        assert column.default is not None
        others = [(name, kind) for name, kind in self.columns if name != column.name]
        try:
            return compile_expression(column.default, others, column.type)
        except DefinitionError as error:
            where = self.definition.path.name
            raise DefinitionError(f"DEFAULT of {column.name}: {error.reason}", file=where, line=column.line) from None


_CAST_FROM_TEXT = {"UUID", "HUGEINT", "UHUGEINT"}


@dataclass(frozen=True)
class Workspace:
    """Every definition of a project, checked, and its prices."""

    sources: Mapping[str, Source]
    pipes: Mapping[str, Pipe]
    prices: Prices = field(default_factory=Prices)

    def source(self, name: str) -> Source:
        """The data source `name`; raises NotFound with the names that exist."""
        if name not in self.sources:
            known = ", ".join(sorted(self.sources)) or "none"
            raise NotFound(f"Data source '{name}' does not exist; there are: {known}.")
        return self.sources[name]

    def writable(self, name: str) -> Source:
        """The data source `name`, whose rows callers may add and remove.

        Raises:
            NotFound: there is none of that name.
            BadRequest: a materialized pipe fills it.
        """
        source = self.source(name)
        if name in self.filled_by:
            pipe = self.filled_by[name]
            raise BadRequest(f"Data source '{name}' is filled by the pipe {pipe}; change the rows that the pipe reads.")
        return source

    @property
    def raw(self) -> list[Source]:
        """The data sources that no materialized pipe fills."""
        return [source for name, source in self.sources.items() if name not in self.filled_by]

    @cached_property
    def filled_by(self) -> Mapping[str, str]:
        """The data sources that a materialized pipe fills, each with the pipe's name."""
        filling = [pipe for pipe in self.pipes.values() if pipe.kind == "materialized"]
        return {name: pipe.name for pipe in filling if (name := pipe.options["DATASOURCE"]) in self.sources}

    @cached_property
    def tables(self) -> Mapping[str, Columns]:
        """What SQL may read: data sources and their quarantines, with columns and types."""
        tables: dict[str, Columns] = {}
        for source in self.sources.values():
            tables[source.name] = source.columns
            tables[source.quarantine] = source.quarantine_columns
        return tables

    @cached_property
    def latest(self) -> Mapping[str, str]:
        """The SQL of what FINAL reads, for the data sources that it may stand behind."""
        return {name: source.latest for name, source in self.sources.items() if source.latest}

    @cached_property
    def scopes(self) -> Mapping[str, frozenset[str]]:
        """The tokens that files declare by name, each with its scopes: `TOKEN name READ` gives PIPES:READ:pipe."""
        found: dict[str, set[str]] = {}
        definitions: list[DataSource | Pipe] = [source.definition for source in self.sources.values()]
        for definition in [*definitions, *self.pipes.values()]:
            kind = "PIPES" if isinstance(definition, Pipe) else "DATASOURCES"
            for grant in definition.tokens:
                found.setdefault(grant.name, set()).add(f"{kind}:{grant.permission}:{definition.name}")
        return {name: frozenset(scopes) for name, scopes in found.items()}


def load_workspace(folder: Path) -> Workspace:
    """Read and check the definitions below `folder`.

    Raises:
        DefinitionError: the first thing that is wrong, with file, line and what was expected.
        StartError: the folder does not exist.
    """
    if not folder.is_dir():
        raise StartError(f"PERCH_PROJECT: the folder {folder} does not exist.")
    project = load_folder(folder)
    sources = {name: checked_source(definition) for name, definition in sorted(project.datasources.items())}
    return Workspace(sources, dict(sorted(project.pipes.items())), load_prices(folder))


def checked_source(definition: DataSource) -> Source:
    """A data source with its validator.

    Raises:
        DefinitionError: a type, a DEFAULT, a tag, a partition key or a TTL that cannot be.
    """
    for column in definition.columns:
        try:
            parse_type(column.type)
        except DefinitionError as error:
            reason = f"column {column.name}: {error.reason}"
            raise DefinitionError(reason, file=definition.path.name, line=column.line) from None
    lifetime(definition)  # reads the partition key too
    source = Source(definition, Validator(definition))
    _check_unique_key(source)
    for column in definition.columns:
        if column.default is not None:
            source.default(column)  # compiles it, so that a wrong one stops the load
    return source


def _check_unique_key(source: Source) -> None:
    if not source.unique_key:
        return
    kind = dict(source.columns).get(source.unique_key, "")
    if "String" not in kind or not source.time_column:
        reason = f"unique_key={source.unique_key} needs a String column of that name and a time in the sorting key"
        raise DefinitionError(reason, file=source.definition.path.name)


def bring_up(connection: Connection, workspace: Workspace) -> None:
    """Create what is missing in the store and add new columns, inside a transaction; drop and change nothing.

    Raises:
        StartError: a table cannot become what its file now says; names the column, the old and the new type.
    """
    connection.execute(MACROS)
    for source in workspace.sources.values():
        _bring_up(connection, source)


def _bring_up(connection: Connection, source: Source) -> None:
    old = _stored_columns(connection, source.name)
    if not old:
        _create(connection, source)
    else:
        _refuse_changes(connection, source, old)
        if _add_columns(connection, source, old):
            _mark_all_months(connection, source)
    for name, columns in ((source.name, source.columns), (source.quarantine, source.quarantine_columns)):
        listed = ", ".join(quoted(column) for column, _ in columns)
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS SELECT {listed} FROM rows.{quoted(name)}")


def _stored_columns(connection: Connection, name: str) -> dict[str, str]:
    found = connection.execute("SELECT name, type FROM internal.columns WHERE datasource = ?", [name]).fetchall()
    return {str(column): str(kind) for column, kind in found}


def _create(connection: Connection, source: Source) -> None:
    declared = [f"{quoted(name)} {parse_type(kind).duckdb}" for name, kind in source.columns]
    kept = [f"{quoted(name)} {parse_type(kind).duckdb}" for name, kind in source.quarantine_columns]
    connection.execute(f"CREATE TABLE rows.{quoted(source.name)} ({', '.join(declared)}, _seq UBIGINT)")
    connection.execute(f"CREATE TABLE rows.{quoted(source.quarantine)} ({', '.join(kept)}, _seq UBIGINT)")
    for name, kind in source.columns:
        connection.execute("INSERT INTO internal.columns VALUES (?, ?, ?)", [source.name, name, kind])
    engine = source.definition.engine
    values = [source.name, engine.partition_key, ", ".join(engine.sorting_key)]
    connection.execute("INSERT INTO internal.engines VALUES (?, ?, ?)", values)


def _refuse_changes(connection: Connection, source: Source, old: Mapping[str, str]) -> None:
    new = dict(source.columns)
    where = source.definition.path.name
    for name, kind in old.items():
        if name not in new:
            raise StartError(f"{where}: column {name} is {kind} in the store and missing in the file; put it back.")
        if plain_type(new[name]) != plain_type(kind):
            raise StartError(f"{where}: column {name} is {kind} in the store and {new[name]} in the file; undo that.")
    for column in source.definition.columns:
        if column.name not in old and column.default is None and not parse_type(column.type).nullable:
            reason = f"column {column.name} is not in the store and is {column.type} in the file"
            raise StartError(f"{where}: {reason}; make the new column Nullable or give it a DEFAULT.")
    _refuse_new_engine(connection, source)


def plain_type(kind: str) -> str:
    """A type without LowCardinality, which is a way of storing, not another type; DuckDB chooses its own."""
    return re.sub(r"LowCardinality\((.*)\)", r"\1", kind).replace(" ", "")


def _refuse_new_engine(connection: Connection, source: Source) -> None:
    found = connection.execute(
        "SELECT partition_key, sorting_key FROM internal.engines WHERE datasource = ?", [source.name]
    ).fetchone()
    engine = source.definition.engine
    new = (engine.partition_key, ", ".join(engine.sorting_key))
    for option, was, now in zip(("ENGINE_PARTITION_KEY", "ENGINE_SORTING_KEY"), found or new, new, strict=True):
        if was != now:
            where = source.definition.path.name
            raise StartError(f"{where}: {option} is '{was}' in the store and '{now}' in the file; undo that.")


def _mark_all_months(connection: Connection, source: Source) -> None:
    """Have every month exported again: their files lack the new columns."""
    connection.execute(
        "INSERT INTO internal.changed_months SELECT datasource, month, last.seq + 1 "
        "FROM internal.exports, internal.last_change AS last WHERE datasource = ?",
        [source.name],
    )


def _add_columns(connection: Connection, source: Source, old: Mapping[str, str]) -> bool:
    """Add the columns that are new; whether there were any."""
    added = [column for column in source.definition.columns if column.name not in old]
    for column in added:
        table, name = quoted(source.name), quoted(column.name)
        connection.execute(f"ALTER TABLE rows.{table} ADD COLUMN {name} {parse_type(column.type).duckdb}")
        connection.execute(f"ALTER TABLE rows.{quoted(source.quarantine)} ADD COLUMN {name} VARCHAR")
        if column.default is not None:
            connection.execute(f"UPDATE rows.{table} SET {name} = {source.default(column)}")
        elif column.name == "sent_cost" and source.is_priced:  # until then each cost was what an app had sent
            connection.execute(f"UPDATE rows.{table} SET sent_cost = cost")
        values = [source.name, column.name, column.type]
        connection.execute("INSERT INTO internal.columns VALUES (?, ?, ?)", values)
    return bool(added)
