"""Queries: SELECT with its clauses, joins, WITH and UNION, compiled one inside the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from metrics.dialect.combinators import is_aggregate
from metrics.dialect.expressions import Expressions, quantile_levels
from metrics.dialect.functions import zones
from metrics.dialect.parsing import place_of
from metrics.dialect.rules import UINT64, NoRule, duck_type, supertype
from metrics.dialect.scope import Relation, Scope, Source, quoted
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast
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
    ("max_threads", "max_execution_time", "max_memory_usage", "max_block_size", "optimize_read_in_order")
)


@dataclass(frozen=True)
class Limited:
    """The SQL of a SELECT without its ORDER BY, LIMIT and OFFSET, and the SQL of these two; "" for one it lacks."""

    sql: str
    limit: str = ""
    offset: str = ""


@dataclass(frozen=True)
class Output:
    """A compiled SELECT: its SQL, the columns it gives, and where it has a LIMIT what stands before that."""

    sql: str
    columns: tuple[tuple[str, Type], ...]
    limited: Limited | None = None


class Queries:
    """Compiles the queries of one statement over the given tables."""

    def __init__(self, tables: Mapping[str, Relation], file: str, line: int) -> None:
        self.tables = tables
        self.offered: Sequence[str] = ()  # names to tell of, where one is not there
        self.file = file
        self.first_line = line
        self.used: set[str] = set()
        self.aliases = 0
        self.subqueries = 0

    def refuse(self, message: str, node: exp.Expr) -> DefinitionError:
        line, column = place_of(node)
        return DefinitionError(message, file=self.file, line=self.first_line + line - 1, column=column)

    def query(self, node: exp.Expr, parent: Scope | None, outermost: bool = False) -> Output:
        """Compile a SELECT, a UNION or one of them in parentheses."""
        if isinstance(node, exp.Subquery):
            return self.parenthesised(node, parent, outermost)
        if isinstance(node, exp.SetOperation):
            return self.set_operation(node, parent, outermost)
        if isinstance(node, exp.Select):
            return self.select(node, parent, outermost)
        raise self.refuse(f"expected a SELECT, found {node.sql('clickhouse')[:60]}", node)

    def subquery(self, query: exp.Expr, scope: Scope) -> Relation:
        """A query in an expression or in FROM, as something to select from."""
        output = self.query(query, scope)
        return Relation(f"({output.sql})", output.columns)

    def subquery_name(self) -> str:
        """What ClickHouse calls the next subquery in an expression."""
        self.subqueries += 1
        return f"_subquery_{self.subqueries}"

    def parenthesised(self, node: exp.Subquery, parent: Scope | None, outermost: bool) -> Output:
        extra = [name for name, value in node.args.items() if value and name not in ("this", "alias", "with_")]
        if extra:
            raise self.refuse(f"{extra[0].strip('_').upper()} after a query in parentheses is not supported", node)
        scope = self.with_scope(node, parent)
        return self.query(node.this, scope, outermost)

    # WITH

    def with_scope(self, node: exp.Expr, parent: Scope | None) -> Scope:
        """A scope with the WITH of a query: its queries compiled, its expressions kept for where they are used."""
        scope = Scope(parent=parent)
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
            if cte.args["alias"].args.get("columns"):
                raise self.refuse(f"column names after WITH {name} are not supported", cte)
            output = self.query(cte.this, scope)
            scope.ctes[name] = Relation(f"({output.sql})", output.columns)
        return scope

    # UNION and its kind

    def set_operation(self, node: exp.SetOperation, parent: Scope | None, outermost: bool) -> Output:
        scope = self.with_scope(node, parent)
        word = self.set_word(node)
        extra = [name for name in ("order", "limit", "offset", "format") if node.args.get(name)]
        if extra:
            raise self.refuse(f"{extra[0].upper()} after {word}: put the {word} into a subquery in FROM", node)
        sides = [self.query(node.this, scope), self.query(node.expression, scope)]
        if len({len(side.columns) for side in sides}) != 1:
            raise self.refuse(
                f"{word} of queries with {len(sides[0].columns)} and {len(sides[1].columns)} columns", node
            )
        columns = self.united(sides, node)
        written = [_as_columns(side, columns, outermost) for side in sides]
        return Output(f"{written[0]} {word} {written[1]}", columns)

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
                columns.append((name, left if left == right else supertype([left, right])))
            except NoRule as error:
                raise self.refuse(f"the column {name} of this UNION: {error}", node) from None
        return tuple(columns)

    # SELECT

    def select(self, node: exp.Select, parent: Scope | None, outermost: bool) -> Output:
        self.check_clauses(node)
        scope = self.with_scope(node, parent)
        source = self.from_clause(node, scope)
        scope.aliases.update(self.aliases_of(node))
        scope.levels = quantile_levels(node.expressions)
        scope.windows = {window.this.name: window for window in node.args.get("windows") or []}
        expressions = Expressions(scope, self)
        source += self.array_joins(node, scope, expressions, bool(source))
        items = self.items(node, scope, expressions)
        self.check_names(items, node)
        shown = [self.shown(value, outermost, node) for value in items]
        parts = [f"SELECT {'DISTINCT ' if node.args.get('distinct') else ''}"]
        parts[0] += ", ".join(f"{sql} AS {quoted(value.name)}" for value, sql in zip(items, shown, strict=True))
        if source:
            parts.append(f"FROM {source}")
        parts += self.filters(node, expressions)
        order = self.order(node, expressions, items, shown)
        columns = tuple((value.name, value.type) for value in items)
        if node.args.get("limit_by") is not None:
            parts.append(self.limit_by(node, order, expressions))
        limit, offset = self.limits(node, expressions)
        limited = Limited(" ".join(parts), limit, offset) if limit or offset else None
        parts += [f"ORDER BY {', '.join(order)}"] if order else []
        parts += [f"{word} {count}" for word, count in (("LIMIT", limit), ("OFFSET", offset)) if count]
        return Output(" ".join(parts), columns, limited)

    def check_clauses(self, node: exp.Select) -> None:
        for key, word in _REFUSED.items():
            if node.args.get(key):
                raise self.refuse(f"{word} needs the ClickHouse engine", node)
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            raise self.refuse("DISTINCT ON needs the ClickHouse engine; LIMIT 1 BY does not", node)
        for setting in node.args.get("settings") or []:
            name = setting.this.name if setting.this is not None else ""
            if name not in _HARMLESS_SETTINGS:
                raise self.refuse(f"SETTINGS {name} needs the ClickHouse engine", node)

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
        if value.parts or value.type.bare.name.startswith("Interval") or value.function is not None:
            raise self.refuse(f"a column of type {value.type} needs the ClickHouse engine", node)
        if outermost and value.type.bare.name == "AggregateFunction":
            raise self.refuse(
                f"the column {value.name} of type {value.type} is a state and no value; read it with "
                "finalizeAggregation() or a -Merge function",
                node,
            )
        if outermost and value.type.is_time:
            return zones.local(value.sql, value.type.zone)
        if value.plain_column:
            return value.sql
        return f"CAST({value.sql} AS {duck_type(value.type)})"

    def items(self, node: exp.Select, scope: Scope, expressions: Expressions) -> list[Value]:
        found: list[Value] = []
        for item in node.expressions:
            if isinstance(item, exp.Star):
                found += self.star(item, scope.sources, scope)
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                found += self.star(item.this, [each for each in scope.sources if each.alias == item.table], scope)
            else:
                found.append(expressions.value(item))
        return found

    def star(self, star: exp.Star, sources: Sequence[Source], scope: Scope) -> list[Value]:
        if not sources:
            raise self.refuse("* needs a FROM", star)
        if scope.locals:
            raise self.refuse("* with ARRAY JOIN needs the ClickHouse engine; name the columns", star)
        if star.args.get("replace") or star.args.get("rename"):
            raise self.refuse("* REPLACE needs the ClickHouse engine", star)
        left_out = {column.name for column in star.args.get("except_") or []}
        found: list[Value] = []
        for source in sources:
            for name in source.columns:
                if name in left_out or name in source.hidden:
                    continue
                found.append(source.value(name).named(scope.shown_name(name, source.alias)))
        return found

    # arrays as rows

    def array_joins(self, node: exp.Select, scope: Scope, expressions: Expressions, has_source: bool) -> str:
        """Each distinct arrayJoin() of a SELECT becomes a source of its own, beside the tables."""
        sql = ""
        for call in self.array_join_calls(node):
            text = call.sql("clickhouse")
            if text in scope.array_joins:
                continue
            self.check_array_join(call, node, scope)
            array = expressions.value(call.expressions[0])
            joined, value = self.unnested(array, call)
            scope.array_joins[text] = value.named(f"arrayJoin({array.name})")
            sql += f" CROSS JOIN {joined}" if has_source or sql else joined
        return sql

    def array_join_calls(self, node: exp.Select) -> list[exp.Anonymous]:
        """The calls of arrayJoin that belong to this SELECT and not to one inside it."""
        parts = [*node.expressions, *(node.args.get(key) for key in ("prewhere", "where", "group", "having", "order"))]
        return [
            each
            for part in parts
            if part is not None
            for each in part.walk(prune=lambda inner: isinstance(inner, exp.Query))
            if isinstance(each, exp.Anonymous) and str(each.this) == "arrayJoin" and len(each.expressions) == 1
        ]

    def check_array_join(self, call: exp.Anonymous, node: exp.Select, scope: Scope) -> None:
        grouped = node.args.get("group") is not None or any(self.aggregates(each, scope) for each in node.expressions)
        inside = self.aggregates(call.expressions[0], scope)
        keys = node.args["group"].expressions if node.args.get("group") is not None else []
        named = [scope.aliases.get(key.name, key) if isinstance(key, exp.Column) else key for key in keys]
        is_key = any(call.sql() in key.sql() for key in named)
        if inside or (grouped and not is_key):
            raise self.refuse("arrayJoin after GROUP BY needs the ClickHouse engine; a subquery does not", call)

    def unnested(self, array: Value, node: exp.Expr) -> tuple[str, Value]:
        if not array.type.is_array:
            raise self.refuse(f"ARRAY JOIN expects an array, found {array.name} of type {array.type}", node)
        alias = self.fresh()
        column = f"{quoted(alias)}.v"
        return f"(SELECT unnest({array.sql}) AS v) AS {quoted(alias)}", Value(column, array.type.bare.inner, "v")

    def array_join(self, node: exp.Join, scope: Scope) -> str:
        """`ARRAY JOIN a AS x`: x is an element; without an alias the array's own name is."""
        if node.args.get("side"):
            raise self.refuse("LEFT ARRAY JOIN needs the ClickHouse engine", node)
        target = node.this
        name = target.alias if isinstance(target, exp.Alias) else target.name
        array = Expressions(scope, self).value(target.this if isinstance(target, exp.Alias) else target)
        sql, value = self.unnested(array, node)
        for source in scope.sources:
            source.hidden.add(name)
        scope.locals[name] = value.named(name)
        return f" CROSS JOIN {sql}"

    # FROM

    def from_clause(self, node: exp.Select, scope: Scope) -> str:
        clause = node.args.get("from_")
        if clause is None:
            if node.args.get("joins"):
                raise self.refuse("JOIN without FROM", node)
            return ""
        sql, source = self.source(clause.this, scope)
        scope.sources.append(source)
        for join in node.args.get("joins") or []:
            sql += self.join(join, scope)
        return sql

    def source(self, node: exp.Expr, scope: Scope) -> tuple[str, Source]:
        """A table, a WITH query, a subquery or numbers(), under its alias."""
        alias = node.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise self.refuse("column names after a table's alias are not supported", node)
        if isinstance(node, exp.Subquery):
            relation = self.subquery(node.this, scope)
            self.check_subquery(node)
            name = node.alias or self.fresh()
        elif isinstance(node, exp.Table):
            relation, name = self.table(node, scope)
            name = node.alias or name
        else:
            word = "FINAL" if isinstance(node, exp.Final) else node.sql("clickhouse")[:60]
            raise self.refuse(f"{word} in FROM needs the ClickHouse engine", node)
        return f"{relation.sql} AS {quoted(name)}", Source(name, dict(relation.columns))

    def check_subquery(self, node: exp.Subquery) -> None:
        extra = [key for key, value in node.args.items() if value and key not in ("this", "alias")]
        if extra:
            raise self.refuse(f"{extra[0].strip('_').upper()} on a subquery in FROM needs the ClickHouse engine", node)

    def fresh(self) -> str:
        self.aliases += 1
        return f"_t{self.aliases}"

    def table(self, node: exp.Table, scope: Scope) -> tuple[Relation, str]:
        if node.args.get("db") is not None or node.args.get("catalog") is not None:
            raise self.refuse(f"there is no data source {node.sql('clickhouse')}", node)
        extra = [key for key, value in node.args.items() if value and key not in ("this", "alias", "db", "catalog")]
        if extra:
            raise self.refuse(f"{extra[0].strip('_').upper()} on {node.name} needs the ClickHouse engine", node)
        if not isinstance(node.this, exp.Identifier):
            return self.table_function(node, scope)
        cte = scope.cte(node.name)
        if cte is not None:
            return cte, node.name
        if node.name not in self.tables:
            raise self.refuse(f"there is no data source or pipe {node.name}{self.known()}", node)
        self.used.add(node.name)
        return self.tables[node.name], node.name

    def known(self) -> str:
        """What a request may read."""
        return f"; there are: {', '.join(self.offered)}" if self.offered else ""

    def table_function(self, node: exp.Table, scope: Scope) -> tuple[Relation, str]:
        call = node.this
        name = str(call.this) if isinstance(call, exp.Anonymous) else call.sql("clickhouse")[:40]
        if name not in ("numbers", "zeros", "one") or not isinstance(call, exp.Anonymous):
            raise self.refuse(f"the table function {name} needs the ClickHouse engine", node)
        bounds = [Expressions(scope, self).value(each) for each in call.expressions]
        if not 1 <= len(bounds) <= 2 or not all(bound.type.is_integer for bound in bounds) or name != "numbers":
            raise self.refuse("numbers expects a count, or a start and a count", node)
        start = f"CAST({bounds[0].sql} AS BIGINT)" if len(bounds) == 2 else "0"
        end = f"{start} + CAST({bounds[-1].sql} AS BIGINT)"
        sql = f"(SELECT CAST(range AS UBIGINT) AS number FROM range({start}, {end}))"
        return Relation(sql, (("number", UINT64),)), self.fresh()

    # JOIN

    def join(self, node: exp.Join, scope: Scope) -> str:
        kind, side = str(node.args.get("kind") or ""), str(node.args.get("side") or "")
        if kind == "ARRAY":
            return self.array_join(node, scope)
        if node.args.get("method") or kind not in ("", "INNER", "OUTER", "CROSS", "SEMI", "ANTI", "ALL"):
            word = " ".join(filter(None, (str(node.args.get("method") or ""), kind, side)))
            raise self.refuse(f"{word} JOIN needs the ClickHouse engine", node)
        if kind in ("SEMI", "ANTI") and side != "LEFT":
            raise self.refuse(f"{side} {kind} JOIN needs the ClickHouse engine", node)
        sql, source = self.source(node.this, scope)
        if any(source.alias == other.alias for other in scope.sources):
            raise self.refuse(f"two tables in FROM are named {source.alias}; give one of them an alias", node)
        left = list(scope.sources)
        scope.sources.append(source)
        condition = self.join_condition(node, scope, left, source)
        self.mark_defaults(side, left, source)
        if kind in ("SEMI", "ANTI"):
            scope.sources.pop()
            return f" {kind} JOIN {sql}{condition}"
        if not condition and side:
            raise self.refuse(f"{side} JOIN needs ON or USING", node)
        word = f"{side} JOIN" if side else "JOIN" if condition else "CROSS JOIN"
        return f" {word} {sql}{condition}"

    def mark_defaults(self, side: str, left: Sequence[Source], right: Source) -> None:
        if side in ("LEFT", "FULL"):
            right.defaults = True
        if side in ("RIGHT", "FULL"):
            for each in left:
                each.defaults = True

    def join_condition(self, node: exp.Join, scope: Scope, left: Sequence[Source], right: Source) -> str:
        if node.args.get("on") is not None:
            return f" ON {self.truth(Expressions(scope, self), node.args['on'])}"
        using = node.args.get("using") or []
        if not using:
            return ""
        if str(node.args.get("side") or "") in ("RIGHT", "FULL"):
            raise self.refuse("RIGHT and FULL JOIN with USING need the ClickHouse engine; ON does not", node)
        parts = []
        for key in using:
            owners = [each for each in left if key.name in each.columns and key.name not in each.hidden]
            if len(owners) != 1 or key.name not in right.columns:
                raise self.refuse(f"USING ({key.name}): expected one column of that name on each side", node)
            parts.append(f"{quoted(owners[0].alias)}.{quoted(key.name)} = {quoted(right.alias)}.{quoted(key.name)}")
            right.hidden.add(key.name)
        return f" ON {' AND '.join(parts)}"

    # WHERE, GROUP BY, HAVING, ORDER BY, LIMIT

    def truth(self, expressions: Expressions, node: exp.Expr) -> str:
        try:
            return expressions.value(node).truth
        except NoRule as error:
            raise self.refuse(str(error), node) from None

    def filters(self, node: exp.Select, expressions: Expressions) -> list[str]:
        parts = []
        wheres = [node.args[key].this for key in ("prewhere", "where") if node.args.get(key) is not None]
        if wheres:
            parts.append(f"WHERE {' AND '.join(self.truth(expressions, each) for each in wheres)}")
        if node.args.get("group") is not None:
            parts.append(self.group(node, expressions))
        for key in ("having", "qualify"):
            if node.args.get(key) is not None:
                parts.append(f"{key.upper()} {self.truth(expressions, node.args[key].this)}")
        return parts

    def group(self, node: exp.Select, expressions: Expressions) -> str:
        group = node.args["group"]
        for key in ("totals", "rollup", "cube", "grouping_sets"):
            if group.args.get(key):
                raise self.refuse(f"GROUP BY with {key.upper().replace('_', ' ')} needs the ClickHouse engine", group)
        keys = list(group.expressions)
        if group.args.get("all"):
            keys = [item for item in node.expressions if not self.aggregates(item, expressions.scope)]
        written = [expressions.value(self.positional(key, node)).number for key in keys]
        return f"GROUP BY {', '.join(dict.fromkeys(written))}" if written else "GROUP BY ()"

    def aggregates(self, node: exp.Expr, scope: Scope) -> bool:
        """Whether an expression, or an alias that it names, has an aggregate in it."""
        for each in node.walk(prune=lambda inner: isinstance(inner, exp.Query)):
            if isinstance(each, (exp.ParameterizedAgg, exp.CombinedAggFunc, exp.CombinedParameterizedAgg)):
                return True
            if isinstance(each, (exp.AnonymousAggFunc, exp.Anonymous)) and is_aggregate(str(each.this)):
                return True
            if isinstance(each, exp.Column) and not each.table:
                alias = scope.aliases.get(each.name)
                if alias is not None and alias is not node and self.aggregates(alias, replace(scope, aliases={})):
                    return True
        return False

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
            keys += self.order_key(ordered, node, expressions, items, shown)
        return keys

    def order_key(
        self,
        ordered: exp.Expr,
        node: exp.Select,
        expressions: Expressions,
        items: Sequence[Value],
        shown: Sequence[str],
    ) -> list[str]:
        """NULL and NaN come last whichever way, as ClickHouse has it, unless NULLS FIRST asks otherwise."""
        if ordered.args.get("with_fill"):
            raise self.refuse("WITH FILL needs the ClickHouse engine", ordered)
        if isinstance(ordered.this, exp.Collate) or type(ordered.this).__name__ == "All":
            raise self.refuse("ORDER BY with COLLATE or ALL needs the ClickHouse engine", ordered)
        value = expressions.value(self.positional(ordered.this, node))
        direction = "DESC" if ordered.args.get("desc") else "ASC"
        nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
        position = next((n for n, item in enumerate(items) if item.sql == value.sql and item.sql == shown[n]), None)
        distinct = node.args.get("distinct") is not None
        sql = value.number
        if distinct:
            position = next((n for n, item in enumerate(items) if item.sql == value.sql), None)
            sql = str(position + 1) if position is not None else sql
        keys = [f"{sql} {direction} NULLS {nulls}"]
        if value.type.is_float and not distinct and (direction == "DESC" or nulls == "FIRST"):
            keys.insert(0, f"isnan({sql}) {'DESC' if nulls == 'FIRST' else 'ASC'} NULLS {nulls}")
        return keys

    def limits(self, node: exp.Select, expressions: Expressions) -> tuple[str, str]:
        """The SQL of LIMIT and of OFFSET; "" for one that is not there."""
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None and (not isinstance(limit, exp.Limit) or limit.args.get("limit_options") is not None):
            raise self.refuse("LIMIT WITH TIES and FETCH need the ClickHouse engine", node)
        counts = [self.count(each.expression, expressions) if each is not None else "" for each in (limit, offset)]
        return counts[0], counts[1]

    def count(self, node: exp.Expr, expressions: Expressions) -> str:
        value = expressions.value(node)
        if not value.constant or not value.type.is_integer:
            raise self.refuse(f"LIMIT and OFFSET expect a whole number, found {value.name}", node)
        if isinstance(value.literal, int):
            return str(value.literal)
        return f"CAST({value.sql} AS BIGINT)"

    def limit_by(self, node: exp.Select, order: list[str], expressions: Expressions) -> str:
        """`LIMIT n BY keys`: the first rows of each key in the query's order."""
        limit = node.args["limit_by"]
        if node.args.get("distinct") or node.args.get("qualify") or limit.args.get("offset") is not None:
            raise self.refuse("LIMIT BY with DISTINCT, QUALIFY or an OFFSET needs the ClickHouse engine", node)
        keys = [expressions.value(self.positional(each, node)).number for each in limit.expressions]
        window = f"PARTITION BY {', '.join(keys)}" + (f" ORDER BY {', '.join(order)}" if order else "")
        return f"QUALIFY row_number() OVER ({window}) <= {self.count(limit.expression, expressions)}"

    # windows

    def frame(self, window: exp.Expr, scope: Scope) -> str:
        """What stands in OVER (...)."""
        named = window.args.get("alias")
        if named is not None:
            definition = scope.windows.get(named.name)
            if definition is None:
                raise self.refuse(f"there is no window {named.name}", window)
            return self.frame(definition, scope)
        expressions = Expressions(scope, self)
        parts = []
        if window.args.get("partition_by"):
            keys = ", ".join(expressions.value(each).number for each in window.args["partition_by"])
            parts.append(f"PARTITION BY {keys}")
        if window.args.get("order") is not None:
            keys = ", ".join(self.window_key(each, expressions) for each in window.args["order"].expressions)
            parts.append(f"ORDER BY {keys}")
        spec = window.args.get("spec")
        if spec is not None:
            parts.append(self.window_rows(spec))
        return " ".join(parts)

    def window_key(self, ordered: exp.Expr, expressions: Expressions) -> str:
        direction = "DESC" if ordered.args.get("desc") else "ASC"
        nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
        return f"{expressions.value(ordered.this).number} {direction} NULLS {nulls}"

    def frame_name(self, window: exp.Expr, scope: Scope) -> str:
        """What ClickHouse writes in OVER (...) when it names the column."""
        expressions = Expressions(scope, self)
        parts = []
        if window.args.get("partition_by"):
            keys = ", ".join(expressions.value(each).name for each in window.args["partition_by"])
            parts.append(f"PARTITION BY {keys}")
        if window.args.get("order") is not None:
            parts.append(f"ORDER BY {', '.join(map(self.key_name(expressions), window.args['order'].expressions))}")
        if window.args.get("spec") is not None:
            parts.append(self.window_rows(window.args["spec"]))
        return " ".join(parts)

    def key_name(self, expressions: Expressions) -> Callable[[exp.Expr], str]:
        return lambda each: f"{expressions.value(each.this).name} {'DESC' if each.args.get('desc') else 'ASC'}"

    def window_rows(self, spec: exp.Expr) -> str:
        if spec.args.get("kind") not in ("ROWS", "RANGE") or spec.args.get("exclude"):
            raise self.refuse("this window frame needs the ClickHouse engine", spec)
        ends = []
        for end in ("start", "end"):
            value, side = spec.args.get(end), spec.args.get(f"{end}_side") or ""
            text = value.name if isinstance(value, exp.Literal) else str(value or "CURRENT ROW")
            if not text.isdigit() and text not in ("UNBOUNDED", "CURRENT ROW"):
                raise self.refuse("a window frame has literal bounds", spec)
            if text.isdigit() and spec.args["kind"] == "RANGE":
                raise self.refuse("RANGE with an offset needs the ClickHouse engine; ROWS does not", spec)
            ends.append(f"{text} {side}".strip())
        return f"{spec.args['kind']} BETWEEN {ends[0]} AND {ends[1]}"


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
