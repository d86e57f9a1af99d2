"""Queries: SELECT with its clauses, joins, WITH and UNION, compiled one inside the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from metrics.dialect.expressions import Expressions, quantile_levels
from metrics.dialect.fill import Fill, read_fill
from metrics.dialect.functions import zones
from metrics.dialect.grouping import Grouped, Grouping, has_aggregate
from metrics.dialect.parsing import place_of
from metrics.dialect.rules import NoRule, duck_type, quoted, supertype
from metrics.dialect.scope import Relation, Scope, Wanted
from metrics.dialect.sources import Sources
from metrics.dialect.stars import Stars
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast
from metrics.dialect.wanted import may_leave_out, read_names
from metrics.dialect.windows import Windows
from metrics.errors import DefinitionError

# Clauses that change what a query answers and that DuckDB has no counterpart for.
_REFUSED: Final = {
    "sample": "SAMPLE",
    "laterals": "LATERAL",
    "connect": "CONNECT BY",
    "cluster": "CLUSTER BY",
    "distribute": "DISTRIBUTE BY",
    "sort": "SORT BY",
    "match": "MATCH_RECOGNIZE",
    "into": "INTO",
    "locks": "FOR UPDATE",
    "kind": "SELECT AS",
    "hint": "a hint",
    "format": "FORMAT",
    "pivots": "PIVOT",
    "operation_modifiers": "a modifier of SELECT",
}
# Settings that change how a query runs and never what it answers.
_HARMLESS_SETTINGS: Final = frozenset(
    (
        *("max_threads", "max_execution_time", "max_memory_usage", "max_block_size", "max_insert_threads", "priority"),
        *("optimize_read_in_order", "optimize_aggregation_in_order", "optimize_move_to_prewhere", "join_algorithm"),
        *(
            "max_bytes_before_external_group_by",
            "max_bytes_before_external_sort",
            "use_uncompressed_cache",
            "log_queries",
        ),
    )
)


@dataclass(frozen=True)
class Limited:
    """The SQL of a SELECT without its ORDER BY, LIMIT and OFFSET, and the SQL of these two; "" for one it lacks."""

    sql: str
    limit: str = ""
    offset: str = ""


MAX_STATEMENT: Final = 2_000_000
"""Characters of the SQL that a statement becomes."""

MAX_EXPRESSIONS: Final = 50_000
"""Expressions that are compiled for a statement."""


@dataclass(frozen=True)
class Output:
    """A compiled SELECT: its SQL, the columns it gives, and where it has a LIMIT what stands before that."""

    sql: str
    columns: tuple[tuple[str, Type], ...]
    limited: Limited | None = None
    named: tuple[str, ...] = ()  # the columns that it has as it is written, where some that nobody reads were left out


class Queries:
    """Compiles the queries of one statement over the given tables."""

    def __init__(self, tables: Mapping[str, Relation], file: str, line: int) -> None:
        self.tables = tables
        self.parameters = True  # whether the SQL may name values that are bound
        self.latest: Mapping[str, str] = {}  # of tables that FINAL may read, the SQL of the rows that it leaves
        self.offered: Sequence[str] = ()  # names to tell of, where one is not there
        self.file = file
        self.first_line = line
        self.used: set[str] = set()
        self.aliases = 0
        self.subqueries = 0
        self.use_nulls = False
        self.expressions = 0
        self.wanted: Wanted = None  # of the query that is compiled next, for who asked for it

    def refuse(self, message: str, node: exp.Expr) -> DefinitionError:
        line, column = place_of(node)
        return DefinitionError(message, file=self.file, line=self.first_line + line - 1, column=column)

    def spend(self, node: exp.Expr) -> None:
        """Count an expression; an alias of two aliases of two aliases doubles with each, and so do lambdas."""
        self.expressions += 1
        if self.expressions > MAX_EXPRESSIONS:
            raise self.refuse(f"the query has over {MAX_EXPRESSIONS:,} expressions, its aliases written out", node)

    def bounded(self, sql: str, node: exp.Expr) -> str:
        """SQL that is not too long: each reading of a query is a copy of it, and copies of copies are many."""
        if len(sql) > MAX_STATEMENT:
            reason = f"the query has over {MAX_STATEMENT:,} characters with the queries that it reads written out"
            raise self.refuse(reason, node)
        return sql

    def query(self, node: exp.Expr, parent: Scope | None, outermost: bool = False) -> Output:
        """Compile a SELECT, a UNION or one of them in parentheses, under its SETTINGS; the columns `wanted` of it."""
        wanted, self.wanted = self.wanted, None
        before, self.use_nulls = self.use_nulls, self.settings(node)
        try:
            return self.compiled(node, parent, outermost, wanted)
        finally:
            self.use_nulls = before

    def settings(self, node: exp.Expr) -> bool:
        """Whether a row that a JOIN does not find is NULL here; no other setting changes what a query answers."""
        nulls = self.use_nulls
        for setting in node.args.get("settings") or []:
            name = setting.this.name if setting.this is not None else ""
            if name == "join_use_nulls" and setting.expression.name in ("0", "1"):
                nulls = setting.expression.name == "1"
            elif name not in _HARMLESS_SETTINGS:
                raise self.refuse(f"SETTINGS {name} needs the ClickHouse engine", node)
        return nulls

    def compiled(self, node: exp.Expr, parent: Scope | None, outermost: bool, wanted: Wanted) -> Output:
        if isinstance(node, exp.Subquery):
            return self.parenthesised(node, parent, outermost, wanted)
        if isinstance(node, exp.SetOperation):
            return self.set_operation(node, parent, outermost, wanted)
        if isinstance(node, exp.Select):
            return self.select(node, parent, outermost, wanted)
        raise self.refuse(f"expected a SELECT, found {node.sql('clickhouse')[:60]}", node)

    def subquery(self, query: exp.Expr, scope: Scope, wanted: Wanted = None) -> Relation:
        """A query in an expression or in FROM, as something to select from."""
        self.wanted = wanted
        output = self.query(query, scope)
        return Relation(f"({output.sql})", output.columns)

    def subquery_name(self) -> str:
        """What ClickHouse calls the next subquery in an expression."""
        self.subqueries += 1
        return f"_subquery_{self.subqueries}"

    def parenthesised(self, node: exp.Subquery, parent: Scope | None, outermost: bool, wanted: Wanted) -> Output:
        extra = [name for name, value in node.args.items() if value and name not in ("this", "alias", "with_")]
        if extra:
            raise self.refuse(f"{extra[0].strip('_').upper()} after a query in parentheses is not supported", node)
        scope = self.with_scope(node, parent)
        self.wanted = wanted
        return self.query(node.this, scope, outermost)

    # WITH

    def with_scope(self, node: exp.Expr, parent: Scope | None) -> Scope:
        """A scope with the WITH of a query: its queries compiled, its expressions kept for where they are used."""
        scope = Scope(parent=parent, outer=parent.outer if parent else None)
        clause = node.args.get("with_")
        if clause is None:
            return scope
        if clause.args.get("recursive"):
            raise self.refuse("WITH RECURSIVE needs the ClickHouse engine", clause)
        for cte in clause.expressions:
            name = cte.args["alias"].name
            if cte.args.get("scalar"):
                scope.with_aliases[name] = cte.this
                continue
            relation = self.subquery(cte.this, scope)
            names = [each.name for each in cte.args["alias"].args.get("columns") or []]
            scope.ctes[name] = self.renamed(relation, names, cte)
        return scope

    def renamed(self, relation: Relation, names: Sequence[str], node: exp.Expr) -> Relation:
        """A relation with the names that `WITH x(a, b) AS` or `AS t(a, b)` gives to its columns."""
        if not names:
            return relation
        if len(names) != len(relation.columns):
            raise self.refuse(f"{len(names)} names for {len(relation.columns)} columns", node)
        columns = tuple((name, type_) for name, (_, type_) in zip(names, relation.columns, strict=True))
        return Relation(f"(SELECT * FROM {relation.sql} AS q({', '.join(map(quoted, names))}))", columns)

    # UNION and its kind

    def set_operation(self, node: exp.SetOperation, parent: Scope | None, outermost: bool, wanted: Wanted) -> Output:
        scope = self.with_scope(node, parent)
        word = self.set_word(node)
        extra = [name for name in ("order", "limit", "offset", "format") if node.args.get(name)]
        if extra:
            raise self.refuse(f"{extra[0].upper()} after {word}: put the {word} into a subquery in FROM", node)
        sides = self.sides(node, scope, wanted if word == "UNION ALL" and not outermost else None)
        if len({len(side.columns) for side in sides}) != 1:
            raise self.refuse(
                f"{word} of queries with {len(sides[0].columns)} and {len(sides[1].columns)} columns", node
            )
        columns = self.united(sides, node)
        written = [_as_columns(side, columns, outermost) for side in sides]
        return Output(f"{written[0]} {word} {written[1]}", columns, named=sides[0].named)

    def sides(self, node: exp.SetOperation, scope: Scope, wanted: Wanted) -> list[Output]:
        """Both sides; with their wanted columns alone where these are the same ones, since they go by their places."""
        sides = []
        for side in (node.this, node.expression):
            self.wanted = wanted
            sides.append(self.query(side, scope))
        names = [(side.named, [name for name, _ in side.columns]) for side in sides]
        return sides if wanted is None or names[0] == names[1] else self.sides(node, scope, None)

    def set_word(self, node: exp.SetOperation) -> str:
        name = type(node).__name__.upper()
        distinct = node.args.get("distinct")
        if name == "UNION":
            return "UNION" if distinct else "UNION ALL"
        if name in ("INTERSECT", "EXCEPT"):
            return name if distinct else f"{name} ALL"
        raise self.refuse(f"{name} needs the ClickHouse engine", node)

    def united(self, sides: Sequence[Output], node: exp.Expr) -> tuple[tuple[str, Type], ...]:
        columns = []
        for (name, left), (_, right) in zip(sides[0].columns, sides[1].columns, strict=True):
            try:
                columns.append((name, _joined(left, right)))
            except NoRule as error:
                raise self.refuse(f"the column {name} of this UNION: {error}", node) from None
        return tuple(columns)

    # SELECT

    def select(self, node: exp.Select, parent: Scope | None, outermost: bool, wanted: Wanted) -> Output:
        self.check_clauses(node)
        scope = self.with_scope(node, parent)
        scope.aliases.update(self.aliases_of(node))
        scope.reads = read_names(node, scope, wanted)
        source = Sources(self, scope).from_clause(node)
        scope.levels = quantile_levels(node.expressions)
        scope.windows = {window.this.name: window for window in node.args.get("windows") or []}
        expressions = Expressions(scope, self)
        source += self.array_joins(node, scope, expressions, bool(source))
        group, keys = self.group(node, expressions)
        items = self.items(node, expressions)
        self.check_names(items, node)
        self.check_grouped(node, keys, expressions)
        named = tuple(value.name for value in items)
        if wanted is not None and may_leave_out(node, scope):
            items = [value for value in items if value.name in wanted] or items[:1]
        fill = self.fill(node, items, expressions)
        shown = [self.shown(value, outermost and fill is None, node) for value in items]
        parts = [f"SELECT {'DISTINCT ' if self.is_distinct(node) else ''}"]
        parts[0] += ", ".join(f"{sql} AS {quoted(value.name)}" for value, sql in zip(items, shown, strict=True))
        if source:
            parts.append(f"FROM {source}")
        parts += self.filters(node, expressions, group)
        columns = tuple((value.name, value.type) for value in items)
        limit, offset = self.limits(node, expressions)
        if fill is not None:
            body, order = self.filled(node, fill, " ".join(parts), items, expressions, outermost)
            parts = [body]
        else:
            order = self.order(node, expressions, items, shown)
        parts += self.limit_by(node, order, expressions)
        limited = Limited(" ".join(parts), limit, offset) if limit or offset else None
        if self.with_ties(node):
            parts.append(self.tied(node, limit, offset, order))
            limit = offset = ""
        parts += [f"ORDER BY {', '.join(order)}"] if order else []
        parts += [f"{word} {count}" for word, count in (("LIMIT", limit), ("OFFSET", offset)) if count]
        return Output(" ".join(parts), columns, limited, named)

    def check_clauses(self, node: exp.Select) -> None:
        if not node.expressions:
            raise self.refuse("SELECT needs at least one column", node)
        for key, word in _REFUSED.items():
            if node.args.get(key):
                raise self.refuse(f"{word} needs the ClickHouse engine", node)

    def check_names(self, items: Sequence[Value], node: exp.Expr) -> None:
        seen: set[str] = set()
        for value in items:
            if value.name in seen:
                raise self.refuse(f"two columns are named {value.name}; give one of them another alias", node)
            seen.add(value.name)

    def aliases_of(self, node: exp.Select) -> dict[str, exp.Expr]:
        """Every alias that the SELECT list, expressions in it, and the keys of GROUP BY make."""
        found: dict[str, exp.Expr] = {}
        keys = node.args["group"].expressions if node.args.get("group") is not None else []
        for item in [*node.expressions, *keys]:
            for each in item.walk(prune=lambda inner: isinstance(inner, exp.Query)):
                if isinstance(each, exp.Alias):
                    found.setdefault(each.args["alias"].name, each.this)
        return found

    def shown(self, value: Value, outermost: bool, node: exp.Expr) -> str:
        """A column as DuckDB gives it: of its type exactly, and in its own zone where it leaves the compiler."""
        if value.type.bare.name.startswith("Interval") or value.function is not None:
            raise self.refuse(f"a column of type {value.type} needs the ClickHouse engine", node)
        if outermost and value.type.bare.name == "AggregateFunction":
            raise self.refuse(
                f"the column {value.name} of type {value.type} is a state and no value; read it with "
                "finalizeAggregation() or a -Merge function",
                node,
            )
        if outermost and value.type.is_time:
            return zones.local(value.sql, value.type.zone)
        duck = duck_type(value.type)
        return value.sql if value.plain_column or _is_cast(value.sql, duck) else f"CAST({value.sql} AS {duck})"

    def items(self, node: exp.Select, expressions: Expressions) -> list[Value]:
        found: list[Value] = []
        stars = Stars(expressions)
        for item in node.expressions:
            try:
                columns = stars.expand(item)
            except NoRule as error:
                raise self.refuse(str(error), item) from None
            found += [expressions.value(item)] if columns is None else columns
        return found

    # arrays as rows

    def array_joins(self, node: exp.Select, scope: Scope, expressions: Expressions, has_source: bool) -> str:
        """Each distinct arrayJoin() of a SELECT becomes a source of its own, beside the tables."""
        sql = ""
        for call in self.array_join_calls(node, scope):
            text = call.sql("clickhouse")
            if text in scope.array_joins:
                continue
            self.check_array_join(call, node, scope)
            array = expressions.value(call.expressions[0])
            joined, value = self.unnested(array, call)
            scope.array_joins[text] = value.named(f"arrayJoin({array.name})")
            sql += f" CROSS JOIN {joined}" if has_source or sql else joined
        return sql

    def array_join_calls(self, node: exp.Select, scope: Scope) -> list[exp.Anonymous]:
        """The calls of arrayJoin that belong to this SELECT, or to the WITH aliases it names, and not to one inside."""
        parts = [*node.expressions, *(node.args.get(key) for key in ("prewhere", "where", "group", "having", "order"))]
        found: list[exp.Anonymous] = []
        seen: set[str] = set()
        while parts:
            part = parts.pop(0)
            for each in part.walk(prune=lambda inner: isinstance(inner, exp.Query)) if part is not None else ():
                if isinstance(each, exp.Anonymous) and str(each.this) == "arrayJoin" and len(each.expressions) == 1:
                    found.append(each)
                if isinstance(each, exp.Column) and not each.table and each.name not in {*seen, *scope.aliases}:
                    seen.add(each.name)
                    parts.append(scope.outer_alias(each.name))
        return found

    def check_array_join(self, call: exp.Anonymous, node: exp.Select, scope: Scope) -> None:
        """An array may be spread before rows are grouped, not after: in WHERE, a key or an aggregate's argument."""
        grouped = node.args.get("group") is not None or any(has_aggregate(each, scope) for each in node.expressions)
        inside = has_aggregate(call.expressions[0], scope)
        keys = node.args["group"].expressions if node.args.get("group") is not None else []
        named = [scope.alias(key.name) or key if isinstance(key, exp.Column) else key for key in keys]
        before = any(call.sql() in key.sql() for key in named) or self.is_aggregated(call)
        before = before or call.find_ancestor(exp.Where, exp.PreWhere) is not None
        if inside or (grouped and not before):
            raise self.refuse("arrayJoin after GROUP BY needs the ClickHouse engine; a subquery does not", call)

    def is_aggregated(self, call: exp.Anonymous) -> bool:
        around = call.parent
        while around is not None and not isinstance(around, exp.Query):
            if isinstance(around, exp.Func) and has_aggregate(around, Scope()):
                return True
            around = around.parent
        return False

    def unnested(self, array: Value, node: exp.Expr) -> tuple[str, Value]:
        if not array.type.is_array:
            raise self.refuse(f"arrayJoin expects an array, found {array.name} of type {array.type}", node)
        alias = self.fresh()
        column = f"{quoted(alias)}.v"
        return f"(SELECT unnest({array.sql}) AS v) AS {quoted(alias)}", Value(column, array.type.bare.inner, "v")

    # names of FROM

    def fresh(self) -> str:
        self.aliases += 1
        return f"_t{self.aliases}"

    def named_table(self, node: exp.Expr, scope: Scope) -> Relation:
        """The WITH query or the table of a name."""
        cte = scope.cte(node.name)
        if cte is not None:
            return cte
        if node.name not in self.tables:
            raise self.refuse(f"there is no data source or pipe {node.name}{self.known()}", node)
        self.used.add(node.name)
        return self.tables[node.name]

    def latest_rows(self, node: exp.Final, scope: Scope) -> Relation:
        """`t FINAL`: the rows that the engine of the table leaves in the end."""
        table = node.this
        relation = self.named_table(table, scope) if isinstance(table, exp.Table) and not table.db else None
        if relation is None or relation is not self.tables.get(table.name) or table.name not in self.latest:
            reason = f"FINAL on {table.name or 'a subquery'} needs the ClickHouse engine"
            raise self.refuse(f"{reason}; on a data source of the engine ReplacingMergeTree it does not", node)
        return Relation(self.latest[table.name], relation.columns)

    def known(self) -> str:
        """What a request may read."""
        return f"; there are: {', '.join(self.offered)}" if self.offered else ""

    # WHERE, GROUP BY, HAVING, ORDER BY, LIMIT

    def truth(self, expressions: Expressions, node: exp.Expr) -> str:
        try:
            return expressions.value(node).truth
        except NoRule as error:
            raise self.refuse(str(error), node) from None

    def group(self, node: exp.Select, expressions: Expressions) -> tuple[str, list[str]]:
        """The clause, and the SQL of its keys."""
        if node.args.get("group") is None:
            return "", []
        grouping = Grouping(node, expressions, lambda key: self.positional(key, node))
        try:
            return grouping.sql(), grouping.found
        except NoRule as error:
            raise self.refuse(str(error), node.args["group"]) from None

    def check_grouped(self, node: exp.Select, keys: Sequence[str], expressions: Expressions) -> None:
        """Refuse what has one value for each row where rows are grouped."""
        having, order = node.args.get("having"), node.args.get("order")
        sorted_by = [each.this for each in order.expressions] if order is not None else []
        parts = [*node.expressions, *(each for each in sorted_by if each.name.upper() != "ALL")]
        parts += [having.this] if having is not None else []
        if node.args.get("group") is None and not any(has_aggregate(each, expressions.scope) for each in parts):
            return
        grouped = Grouped(keys, expressions)
        for part in parts:
            stray = grouped.stray(part)
            if stray is not None:
                name = stray.sql("clickhouse")
                raise self.refuse(f"the column {name} is neither a key of GROUP BY nor in an aggregate function", stray)

    def filters(self, node: exp.Select, expressions: Expressions, group: str) -> list[str]:
        parts = []
        wheres = [node.args[key].this for key in ("prewhere", "where") if node.args.get(key) is not None]
        having = node.args.get("having")
        grouped = group or any(has_aggregate(each, expressions.scope) for each in (*node.expressions, having) if each)
        for each in wheres:
            if has_aggregate(each, expressions.scope):
                raise self.refuse("an aggregate cannot stand in WHERE, which comes before GROUP BY; HAVING can", each)
        if having is not None and not grouped:
            wheres.append(having.this)
        summed, expressions.scope.summed = expressions.scope.summed, {}
        if wheres:
            parts.append(f"WHERE {' AND '.join(self.truth(expressions, each) for each in wheres)}")
        expressions.scope.summed = summed
        parts += [group] if group else []
        if having is not None and grouped:
            parts.append(f"HAVING {self.truth(expressions, having.this)}")
        if node.args.get("qualify") is not None:
            parts.append(f"QUALIFY {self.truth(expressions, node.args['qualify'].this)}")
        return parts

    def positional(self, key: exp.Expr, node: exp.Select) -> exp.Expr:
        """`GROUP BY 1` is the first expression of the SELECT list."""
        if not isinstance(key, exp.Literal) or key.args.get("is_string"):
            return key
        position = int(key.name) if key.name.isdigit() else 0
        if not 1 <= position <= len(node.expressions):
            raise self.refuse(f"there is no column {key.name} in the SELECT list", key)
        found: exp.Expr = node.expressions[position - 1]
        return found

    def order(
        self, node: exp.Select, expressions: Expressions, items: Sequence[Value], shown: Sequence[str]
    ) -> list[str]:
        clause = node.args.get("order")
        if clause is None:
            return []
        keys: list[str] = []
        for ordered in clause.expressions:
            for each in self.every_column(ordered, items) or [ordered]:
                keys += self.order_key(each, node, expressions, items, shown)
        return keys

    def every_column(self, ordered: exp.Expr, items: Sequence[Value]) -> list[exp.Expr]:
        """`ORDER BY ALL`: every column of the SELECT list in turn; [] for any other key."""
        key = ordered.this
        if not isinstance(key, exp.Column) or key.name.upper() != "ALL" or key.table or key.this.args.get("quoted"):
            return []
        found = []
        for position in range(1, len(items) + 1):
            each = ordered.copy()
            each.set("this", exp.Literal.number(position))
            found.append(each)
        return found

    def order_key(
        self,
        ordered: exp.Expr,
        node: exp.Select,
        expressions: Expressions,
        items: Sequence[Value],
        shown: Sequence[str],
    ) -> list[str]:
        """NULL and NaN come last whichever way, as ClickHouse has it, unless NULLS FIRST asks otherwise."""
        if isinstance(ordered.this, exp.Collate):
            raise self.refuse("ORDER BY with COLLATE needs the ClickHouse engine", ordered)
        value = self.order_value(ordered.this, node, expressions, items)
        direction = "DESC" if ordered.args.get("desc") else "ASC"
        nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
        distinct = self.is_distinct(node)
        sql = value.number
        if distinct:
            position = next((n for n, item in enumerate(items) if item.sql == value.sql), None)
            sql = str(position + 1) if position is not None else sql
        keys = [f"{sql} {direction} NULLS {nulls}"]
        if value.type.is_float and not distinct and (direction == "DESC" or nulls == "FIRST"):
            keys.insert(0, f"isnan({sql}) {'DESC' if nulls == 'FIRST' else 'ASC'} NULLS {nulls}")
        return keys

    def order_value(self, key: exp.Expr, node: exp.Select, expressions: Expressions, items: Sequence[Value]) -> Value:
        """What ORDER BY sorts by: a position is that column of the SELECT list, with `*` spread out."""
        if isinstance(key, exp.Literal) and not key.is_string and key.name.isdigit():
            if not 1 <= int(key.name) <= len(items):
                raise self.refuse(f"there is no column {key.name} in the SELECT list", key)
            return items[int(key.name) - 1]
        return expressions.value(key)

    def is_distinct(self, node: exp.Select) -> bool:
        distinct = node.args.get("distinct")
        return distinct is not None and not distinct.args.get("on")

    def limits(self, node: exp.Select, expressions: Expressions) -> tuple[str, str]:
        """The SQL of LIMIT (or FETCH FIRST) and of OFFSET; "" for one that is not there."""
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if offset is not None and offset.expressions:  # LIMIT n OFFSET m BY keys
            return "", ""
        count = limit.args.get("count") or limit.expression if limit is not None else None
        counts = (count, offset.expression if offset is not None else None)
        written = [self.count(each, expressions) if each is not None else "" for each in counts]
        return written[0], written[1]

    def with_ties(self, node: exp.Select) -> bool:
        limit = node.args.get("limit")
        options = limit.args.get("limit_options") if limit is not None else None
        if options is None:
            return False
        if options.args.get("percent"):
            raise self.refuse("LIMIT PERCENT needs the ClickHouse engine", node)
        return bool(options.args.get("with_ties"))

    def tied(self, node: exp.Select, limit: str, offset: str, order: list[str]) -> str:
        """`LIMIT n WITH TIES`: also the rows that are equal to the last one in the query's order."""
        if self.is_distinct(node) or node.args.get("qualify") or not order:
            message = "WITH TIES without ORDER BY, or with DISTINCT or QUALIFY, needs the ClickHouse engine"
            raise self.refuse(message, node)
        keys = ", ".join(order)
        first = f"row_number() OVER (ORDER BY {keys}) > {offset or 0}"
        return f"QUALIFY {first} AND rank() OVER (ORDER BY {keys}) <= {offset or 0} + {limit}"

    def count(self, node: exp.Expr, expressions: Expressions) -> str:
        value = expressions.value(node)
        if not value.constant or not value.type.is_integer:
            raise self.refuse(f"LIMIT and OFFSET expect a whole number, found {value.name}", node)
        if isinstance(value.literal, int):
            return str(value.literal)
        return f"CAST({value.sql} AS BIGINT)"

    def limit_by_keys(self, node: exp.Select) -> tuple[exp.Expr, exp.Expr | None, Sequence[exp.Expr]] | None:
        """The count, the offset and the keys of LIMIT BY, or of DISTINCT ON, which is LIMIT 1 BY."""
        distinct, offset, clause = (node.args.get(key) for key in ("distinct", "offset", "limit_by"))
        on = distinct.args.get("on") if distinct is not None else None
        by_offset = offset is not None and bool(offset.expressions)
        if sum((on is not None, by_offset, clause is not None)) > 1:
            raise self.refuse("two of LIMIT BY and DISTINCT ON need the ClickHouse engine", node)
        if on is not None:
            return exp.Literal.number(1), None, on.expressions if isinstance(on, exp.Tuple) else [on.unnest()]
        if offset is not None and by_offset:
            if node.args.get("limit") is None:
                raise self.refuse("OFFSET BY without LIMIT needs the ClickHouse engine", node)
            return node.args["limit"].expression, offset.expression, offset.expressions
        if clause is not None:
            return clause.expression, clause.args.get("offset"), clause.expressions
        return None

    def limit_by(self, node: exp.Select, order: list[str], expressions: Expressions) -> list[str]:
        """`LIMIT n OFFSET m BY keys`: n rows of each key in the query's order, after the first m."""
        found = self.limit_by_keys(node)
        if found is None:
            return []
        if self.is_distinct(node) or node.args.get("qualify") or self.with_ties(node):
            raise self.refuse("LIMIT BY with DISTINCT, QUALIFY or WITH TIES needs the ClickHouse engine", node)
        limit, offset, by = found
        keys = [expressions.value(self.positional(each, node)).number for each in by]
        window = f"PARTITION BY {', '.join(keys)}" + (f" ORDER BY {', '.join(order)}" if order else "")
        first = self.count(offset, expressions) if offset is not None else "0"
        last = f"{first} + {self.count(limit, expressions)}"
        return [f"QUALIFY row_number() OVER ({window}) BETWEEN {first} + 1 AND {last}"]

    # WITH FILL

    def fill(self, node: exp.Select, items: Sequence[Value], expressions: Expressions) -> Fill | None:
        """The WITH FILL of ORDER BY; its column and those before it stand in the SELECT list."""
        ordered = node.args["order"].expressions if node.args.get("order") is not None else []
        positions = [position for position, each in enumerate(ordered) if each.args.get("with_fill") is not None]
        if not positions:
            return None
        clause = ordered[positions[-1]].args["with_fill"]
        if len(positions) > 1 or self.limit_by_keys(node) is not None or self.with_ties(node):
            raise self.refuse("WITH FILL of two columns, or with LIMIT BY or TIES, needs the ClickHouse engine", clause)
        names = [self.listed(each.this, node, items, expressions).name for each in ordered]
        columns = tuple((value.name, value.type) for value in items)
        value = self.listed(ordered[positions[0]].this, node, items, expressions)
        try:
            fill = read_fill(clause, bool(ordered[positions[0]].args.get("desc")), value, columns, expressions)
            fill.prefix = names[: positions[0]]
            fill.carried = self.interpolated(clause, names, items)
        except NoRule as error:
            raise self.refuse(str(error), clause) from None
        if fill.carried and len(names) > 1:
            raise self.refuse("INTERPOLATE with more than one column in ORDER BY needs the ClickHouse engine", clause)
        return fill

    def listed(self, key: exp.Expr, node: exp.Select, items: Sequence[Value], expressions: Expressions) -> Value:
        """The column of the SELECT list that a key of ORDER BY is."""
        value = self.order_value(key, node, expressions, items)
        for item in items:
            if item.sql == value.sql:
                return item
        raise self.refuse("with WITH FILL, ORDER BY names columns of the SELECT list", key)

    def interpolated(self, clause: exp.Expr, ordered: Sequence[str], items: Sequence[Value]) -> set[str]:
        """The columns that a new row takes from the row before it.

        Raises:
            NoRule: INTERPOLATE computes them.
        """
        targets = clause.args.get("interpolate") or []
        if any(isinstance(each, exp.Star) for each in targets):
            return {item.name for item in items} - set(ordered)
        for each in targets:
            plain = not isinstance(each, exp.Alias) or (
                isinstance(each.this, exp.Column) and each.this.name == each.alias
            )
            if not plain or each.alias_or_name not in {item.name for item in items}:
                raise NoRule(
                    "INTERPOLATE with an expression needs the ClickHouse engine; INTERPOLATE (column) does not"
                )
        return {str(each.alias_or_name) for each in targets}

    def filled(
        self,
        node: exp.Select,
        fill: Fill,
        query: str,
        items: Sequence[Value],
        expressions: Expressions,
        outermost: bool,
    ) -> tuple[str, list[str]]:
        """The query with its filled rows, and the order of them."""
        columns = [Value(quoted(item.name), item.type, item.name, plain_column=True) for item in items]
        shown = ", ".join(f"{self.shown(each, outermost, node)} AS {quoted(each.name)}" for each in columns)
        keys = []
        for ordered in node.args["order"].expressions:
            key = quoted(self.listed(ordered.this, node, items, expressions).name)
            nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
            keys.append(f"q.{key} {'DESC' if ordered.args.get('desc') else 'ASC'} NULLS {nulls}")
        return f"SELECT {shown} FROM ({fill.sql(query)}) AS q", keys

    # windows

    def frame(self, window: exp.Expr, scope: Scope) -> str:
        """What stands in OVER (...)."""
        return Windows(self, scope).frame(window)

    def frame_name(self, window: exp.Expr, scope: Scope) -> str:
        """What ClickHouse writes in OVER (...) when it names the column."""
        return Windows(self, scope).name(window)


def _joined(left: Type, right: Type) -> Type:
    """The type of a column of both sides of a UNION.

    A SimpleAggregateFunction of the first side stays one, as ClickHouse takes it and what it is of for equal.
    """
    if left == right:
        return left
    joined = supertype([left, right])
    return left if left.name == "SimpleAggregateFunction" and left.inner == joined else joined


def _is_cast(sql: str, duck: str) -> bool:
    """Whether SQL is one CAST to a type as a whole: a second one would only take time to plan."""
    start, end = "CAST(", f" AS {duck})"
    if not sql.startswith(start) or not sql.endswith(end):
        return False
    depth = 0
    for part in re.finditer(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]", sql[len(start) : -len(end)]):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if depth < 0:
            return False
    return True


def _as_columns(output: Output, columns: Sequence[tuple[str, Type]], outermost: bool) -> str:
    """A side of a UNION with the columns' common types."""
    if output.columns == tuple(columns) and not (outermost and any(type_.is_time for _, type_ in columns)):
        return f"({output.sql})"
    items = []
    for (name, type_), (target, wanted) in zip(output.columns, columns, strict=True):
        sql = cast(Value(quoted(name), type_), wanted)
        if outermost and wanted.is_time:
            sql = zones.local(sql, wanted.zone)
        items.append(f"{sql} AS {quoted(target)}")
    return f"(SELECT {', '.join(items)} FROM ({output.sql}) AS q)"
