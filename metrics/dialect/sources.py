"""FROM: tables, subqueries and table functions, the JOINs between them, and ARRAY JOIN.

A row that an outer JOIN does not find has the defaults of its columns' types and not NULL: ClickHouse's
`join_use_nulls = 0`. The sources and the keys of USING that a FROM makes are left in the scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from metrics.dialect.expressions import Expressions, Subqueries, flat
from metrics.dialect.functions import convert
from metrics.dialect.rules import UINT8, UINT64, NoRule, default_sql, duck_type, quoted, supertype
from metrics.dialect.scope import Key, Relation, Scope, Source, Wanted
from metrics.dialect.types import Type, TypeTextError, nullable, parse_type
from metrics.dialect.values import Value, cast

_DIRECTIONS: Final = ("LEFT", "RIGHT", "FULL")
_STRICTNESS: Final = ("ANY", "SEMI", "ANTI", "ASOF")
_NEUTRAL: Final = ("INNER", "OUTER", "CROSS", "ALL")
_MIRRORED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
_COMPARISONS: Final[dict[type[exp.Expr], str]] = {exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}


@dataclass(frozen=True)
class Condition:
    """ON or USING: its SQL, and where it is nothing but equalities of the two sides, each side's expressions."""

    sql: str
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()


class Sources:
    """Compiles the FROM of one SELECT into its scope."""

    def __init__(self, queries: Subqueries, scope: Scope) -> None:
        self.queries = queries
        self.scope = scope
        self.sql = ""

    def from_clause(self, node: exp.Select) -> str:
        """The SQL after FROM, "" without any."""
        clause = node.args.get("from_")
        joins = node.args.get("joins") or []
        if clause is not None:
            relation, source = self.source(clause.this)
            self.sql = _as(relation, source)
            self.scope.sources.append(source)
        elif joins and not all(join.args.get("kind") == "ARRAY" for join in joins):
            raise self.queries.refuse("JOIN without FROM", node)
        for join in joins:
            if str(join.args.get("kind") or "") == "ARRAY":
                self.array_join(join)
            else:
                self.join(join)
            self.queries.bounded(self.sql, join)
        return self.queries.bounded(self.sql, node)

    # what stands in FROM

    def source(self, node: exp.Expr) -> tuple[Relation, Source]:
        """A table, a WITH query, a subquery or a table function, under its alias."""
        alias = node.args.get("alias")
        if isinstance(node, exp.Subquery):
            self.check_subquery(node)
            relation = self.queries.subquery(node.this, self.scope, self.wanted(alias))
            name = node.alias or self.queries.fresh()
        elif isinstance(node, exp.Values):
            relation, name = self.values(node), node.alias or self.queries.fresh()
        elif isinstance(node, exp.Table):
            self.queries.wanted = self.wanted(alias)
            relation, name = self.table(node)
            self.queries.wanted = None
            name = node.alias or name
        elif isinstance(node, exp.Final):
            relation = self.queries.latest_rows(node, self.scope)
            name = node.this.alias or node.this.name
        else:
            raise self.queries.refuse(f"{node.sql('clickhouse')[:60]} in FROM needs the ClickHouse engine", node)
        if alias is not None and alias.args.get("columns"):
            relation = self.queries.renamed(relation, [each.name for each in alias.args["columns"]], node)
        table = node.name if isinstance(node, exp.Table) else ""
        return relation, Source(name, dict(relation.columns), nulls=self.queries.use_nulls, table=table)

    def wanted(self, alias: exp.Expr | None) -> Wanted:
        """The columns that this SELECT may read of one of its sources; all where an alias gives them other names."""
        return None if alias is not None and alias.args.get("columns") else self.scope.reads

    def check_subquery(self, node: exp.Subquery) -> None:
        extra = [key for key, value in node.args.items() if value and key not in ("this", "alias")]
        if extra:
            word = extra[0].strip("_").upper()
            raise self.queries.refuse(f"{word} on a subquery in FROM needs the ClickHouse engine", node)

    def table(self, node: exp.Table) -> tuple[Relation, str]:
        if node.args.get("db") is not None or node.args.get("catalog") is not None:
            if node.sql("clickhouse") == "system.one":
                return Relation("(SELECT CAST(0 AS UTINYINT) AS dummy)", (("dummy", UINT8),)), "one"
            raise self.queries.refuse(f"there is no data source {node.sql('clickhouse')}", node)
        extra = [key for key, value in node.args.items() if value and key not in ("this", "alias", "db", "catalog")]
        if extra:
            word = extra[0].strip("_").upper()
            raise self.queries.refuse(f"{word} on {node.name} needs the ClickHouse engine", node)
        if not isinstance(node.this, exp.Identifier):
            return self.table_function(node), self.queries.fresh()
        return self.queries.named_table(node, self.scope), node.name

    # table functions

    def table_function(self, node: exp.Table) -> Relation:
        call = node.this
        name = str(call.this) if isinstance(call, exp.Anonymous) else call.sql("clickhouse")[:40]
        if not isinstance(call, exp.Anonymous) or name not in ("numbers", "zeros", "generate_series", "generateSeries"):
            raise self.queries.refuse(f"the table function {name} needs the ClickHouse engine", node)
        bounds = [Expressions(self.scope, self.queries).value(each) for each in call.expressions]
        least, most = {"numbers": (1, 3), "zeros": (1, 1)}.get(name, (2, 3))
        if not least <= len(bounds) <= most or not all(bound.type.is_integer for bound in bounds):
            expected = {"numbers": "a count, or a start and a count", "zeros": "a count"}.get(
                name, "a start and an end"
            )
            raise self.queries.refuse(f"{name} expects {expected}", node)
        numbers = [f"CAST({bound.sql} AS BIGINT)" for bound in bounds]
        if name == "zeros":
            return Relation(f"(SELECT CAST(0 AS UTINYINT) AS zero FROM range({numbers[0]}))", (("zero", UINT8),))
        start = "0" if len(numbers) == 1 else numbers[0]
        step = numbers[2] if len(numbers) == 3 else "1"
        count = numbers[0] if len(numbers) == 1 else numbers[1]
        column, end = (
            ("number", f"{start} + {count}") if name == "numbers" else ("generate_series", f"{numbers[1]} + 1")
        )
        sql = f"(SELECT CAST(range AS UBIGINT) AS {column} FROM range({start}, {end}, {step}))"
        return Relation(sql, ((column, UINT64),))

    def values(self, node: exp.Values) -> Relation:
        """`values('a UInt8, b String', (1, 'x'), ...)`; without the structure the columns are c1, c2 and so on."""
        given = [
            each for row in node.expressions for each in (row.expressions if isinstance(row, exp.Tuple) else [row])
        ]
        rows = [each.expressions if isinstance(each, exp.Tuple) else [each] for each in given]
        expressions = Expressions(self.scope, self.queries)
        structure = rows[0][0] if rows and len(rows[0]) == 1 and rows[0][0].is_string and len(rows) > 1 else None
        found = [expressions.values(row) for row in (rows[1:] if structure is not None else rows)]
        if not found or any(len(row) != len(found[0]) for row in found):
            raise self.queries.refuse("values expects rows of equally many values", node)
        try:
            columns = _structure(structure.name) if structure is not None else _unnamed(found)
            if len(columns) != len(found[0]):
                raise NoRule(f"values expects rows of {len(columns)} values, found {len(found[0])}")
            written = [
                f"({', '.join(_converted(value, type_) for value, (_, type_) in zip(row, columns, strict=True))})"
                for row in found
            ]
        except (NoRule, TypeTextError) as error:
            raise self.queries.refuse(str(error), node) from None
        names = ", ".join(quoted(name) for name, _ in columns)
        return Relation(f"(SELECT * FROM (VALUES {', '.join(written)}) AS v({names}))", tuple(columns))

    # JOIN

    def join(self, node: exp.Join) -> None:
        direction, strictness = self.kind(node)
        relation, source = self.source(node.this)
        left = list(self.scope.sources)
        if any(source.alias == other.alias for other in left):
            raise self.queries.refuse(f"two tables in FROM are named {source.alias}; give one of them an alias", node)
        self.scope.sources.append(source)
        self.scope.joins += 1
        condition = self.condition(node, left, source, direction, strictness)
        if (direction or strictness) and not condition.sql:
            raise self.queries.refuse(f"{direction or strictness} JOIN needs ON or USING", node)
        method = {"ANY": self.any_join, "SEMI": self.semi_join, "ANTI": self.anti_join}.get(strictness)
        if method is not None:
            method(node, relation, source, condition, direction)
            return
        if direction in ("LEFT", "FULL"):
            source.defaults = True
        if direction in ("RIGHT", "FULL"):
            for each in left:
                each.defaults = True
        word = " ".join(filter(None, (strictness, direction or ("" if condition.sql else "CROSS"), "JOIN")))
        on = f" ON {condition.sql}" if condition.sql else ""
        self.sql += f" {word} {_as(relation, source)}{on}"

    def kind(self, node: exp.Join) -> tuple[str, str]:
        """The direction (LEFT, RIGHT, FULL or "") and the strictness (ANY, SEMI, ANTI, ASOF or "")."""
        text = " ".join(str(node.args.get(key) or "") for key in ("method", "side", "kind"))
        words = text.upper().split()
        directions = [word for word in words if word in _DIRECTIONS]
        strictness = [word for word in words if word in _STRICTNESS]
        unknown = [word for word in words if word not in (*_DIRECTIONS, *_STRICTNESS, *_NEUTRAL)]
        direction = directions[0] if directions else ""
        if strictness in (["SEMI"], ["ANTI"]):
            direction = direction or "LEFT"
        refused = ("ASOF", "RIGHT"), ("ASOF", "FULL"), ("ANY", "FULL"), ("SEMI", "FULL"), ("ANTI", "FULL")
        if unknown or len(strictness) > 1 or (strictness and (strictness[0], direction) in refused):
            raise self.queries.refuse(f"{' '.join(words)} JOIN needs the ClickHouse engine", node)
        return direction, strictness[0] if strictness else ""

    def condition(
        self, node: exp.Join, left: Sequence[Source], right: Source, direction: str, strictness: str
    ) -> Condition:
        if node.args.get("using"):
            return self.using(node, left, right, direction, strictness)
        if node.args.get("on") is None:
            if direction in ("RIGHT", "FULL"):
                self.keys_may_be_absent([])
            return Condition("")
        parts = flat(node.args["on"], exp.And)
        found = self.sided(parts, left, right, strictness)
        if found is None:
            if strictness in ("ANY", "ASOF"):
                raise self.queries.refuse(f"{strictness} JOIN expects equalities of the two sides in ON", node)
            found = Condition(self.queries.truth(Expressions(self.scope, self.queries), node.args["on"]))
        if direction in ("RIGHT", "FULL"):
            self.keys_may_be_absent([])
        return found

    def sided(
        self, parts: Sequence[exp.Expr], left: Sequence[Source], right: Source, strictness: str
    ) -> Condition | None:
        """ON as equalities between the two sides (for ASOF with one inequality last), None where it is more."""
        if not strictness:
            return None
        expressions = Expressions(self.scope, self.queries)
        written: list[str] = []
        sides: list[tuple[str, str]] = []
        for part in sorted(parts, key=lambda each: not isinstance(each, exp.EQ)):
            of_left, of_right = self.halves(part, left, right)
            if of_left is None or of_right is None:
                return None
            kind: type[exp.Expr] = type(part) if part.this is of_left else _MIRRORED.get(type(part), type(part))
            if kind is not exp.EQ and (strictness != "ASOF" or len(written) != len(parts) - 1):
                return None
            values = expressions.value(of_left), expressions.value(of_right)
            compared = exp.EQ(this=of_left.copy(), expression=of_right.copy())
            if kind is exp.EQ:
                written.append(self.queries.truth(expressions, compared))
                sides.append((values[0].number, values[1].number))
            else:
                written.append(f"{values[0].number} {_COMPARISONS[kind]} {values[1].number}")
        if strictness == "ASOF" and len(sides) == len(parts):
            return None
        return Condition(" AND ".join(written), tuple(each for each, _ in sides), tuple(each for _, each in sides))

    def halves(
        self, part: exp.Expr, left: Sequence[Source], right: Source
    ) -> tuple[exp.Expr, exp.Expr] | tuple[None, None]:
        """The operands of a comparison as the one over the left side and the one over the right."""
        if not isinstance(part, (exp.EQ, *_COMPARISONS)):
            return None, None
        first, second = self.owners(part.this, left, right), self.owners(part.expression, left, right)
        if first == {False} and second == {True}:
            return part.this, part.expression
        if first == {True} and second == {False}:
            return part.expression, part.this
        return None, None

    def owners(self, node: exp.Expr, left: Sequence[Source], right: Source) -> set[bool]:
        """Of which sides an expression has columns: True is the right one's."""
        found = set()
        for column in node.find_all(exp.Column):
            known = any(column.name in source.columns for source in left if column.table in ("", source.alias))
            found.add(not known and column.name in right.columns)
        return found

    def using(
        self, node: exp.Join, left: Sequence[Source], right: Source, direction: str, strictness: str
    ) -> Condition:
        """`USING (k)`: both sides' `k` as their common type; `k` alone is whichever side has the row."""
        sides: list[tuple[str, str]] = []
        merged: dict[str, Key] = {}
        for each in node.args["using"]:
            name = each.name
            if name not in right.columns or not any(name in source.columns for source in left):
                raise self.queries.refuse(f"USING ({name}): expected a column of that name on each side", node)
            key = self.scope.keys.get(name) or self.left_key(name, left)
            if key.defaults and direction == "FULL":
                raise self.queries.refuse(
                    f"FULL JOIN with USING ({name}) of an outer JOIN needs the ClickHouse engine", node
                )
            try:
                common = key.type if key.type == right.columns[name] else supertype([key.type, right.columns[name]])
            except NoRule as error:
                raise self.queries.refuse(f"USING ({name}): {error}", node) from None
            ours = cast(Value(key.value(name).sql, key.type), common)
            theirs = cast(Value(right.raw(name), right.columns[name]), common)
            sides.append((ours, theirs))
            for source in (*left, right):
                if name in source.columns and (
                    source is right or name in source.widened or name not in self.scope.keys
                ):
                    source.widened[name] = common
            whole = {"RIGHT": theirs, "FULL": f"coalesce({ours}, {theirs})"}.get(direction, ours)
            merged[name] = self.merged(whole, common, direction)
        if direction in ("RIGHT", "FULL"):
            self.keys_may_be_absent(merged)
        self.scope.keys = merged | {name: key for name, key in self.scope.keys.items() if name not in merged}
        equal = [f"{ours} {'>=' if strictness == 'ASOF' and pair == len(sides) - 1 else '='} {theirs}"
                 for pair, (ours, theirs) in enumerate(sides)]  # fmt: skip
        return Condition(" AND ".join(equal), tuple(each for each, _ in sides), tuple(each for _, each in sides))

    def merged(self, sql: str, type_: Type, direction: str) -> Key:
        """The key of a USING; under join_use_nulls that of a FULL JOIN is Nullable, though it has a value."""
        nulls = self.queries.use_nulls
        return Key(sql, nullable(type_) if nulls and direction == "FULL" else type_, nulls=nulls)

    def left_key(self, name: str, left: Sequence[Source]) -> Key:
        source = next(source for source in left if name in source.columns)
        return Key(source.raw(name), source.columns[name], source.defaults, source.nulls)

    def keys_may_be_absent(self, merged: object) -> None:
        """After a RIGHT or FULL JOIN the keys of the USING clauses before it may have no row."""
        for name, key in self.scope.keys.items():
            if not isinstance(merged, dict) or name not in merged:
                key.defaults = True

    def any_join(
        self, node: exp.Join, relation: Relation, source: Source, condition: Condition, direction: str
    ) -> None:
        """ANY takes one row of the other side for each: which one is open, here as there. INNER takes one of both."""
        if direction in ("", "RIGHT"):
            self.one_left_row(node, condition)
        right = _as(relation, source) if direction == "RIGHT" else _one_row(relation, source, condition.right)
        if direction == "LEFT":
            source.defaults = True
        if direction == "RIGHT":
            self.scope.sources[0].defaults = True
        self.sql += f" {direction} JOIN {right} ON {condition.sql}"

    def semi_join(
        self, node: exp.Join, relation: Relation, source: Source, condition: Condition, direction: str
    ) -> None:
        """SEMI: the rows of one side that the other has; the other's columns are those of any row of its."""
        if not condition.left:
            if direction == "RIGHT":
                raise self.queries.refuse("RIGHT SEMI JOIN expects equalities of the two sides in ON", node)
            self.scope.sources.pop()
            self.sql += f" SEMI JOIN {_as(relation, source)} ON {condition.sql}"
            return
        if direction == "RIGHT":
            self.one_left_row(node, condition)
        right = _as(relation, source) if direction == "RIGHT" else _one_row(relation, source, condition.right)
        self.sql += f" JOIN {right} ON {condition.sql}"

    def anti_join(
        self, node: exp.Join, relation: Relation, source: Source, condition: Condition, direction: str
    ) -> None:
        """ANTI: the rows of one side that the other does not have; the other's columns are defaults."""
        if direction == "LEFT":
            source.absent = True
            self.sql += f" ANTI JOIN {_as(relation, source)} ON {condition.sql}"
            return
        if len(self.scope.sources) != 2:
            raise self.queries.refuse("RIGHT ANTI JOIN after another JOIN needs the ClickHouse engine", node)
        self.scope.sources[0].absent = True
        self.sql = f"{_as(relation, source)} ANTI JOIN {self.sql} ON {condition.sql}"

    def one_left_row(self, node: exp.Join, condition: Condition) -> None:
        """Keep one row of the left side for each of its keys."""
        if len(self.scope.sources) != 2:
            raise self.queries.refuse("this JOIN after another JOIN needs the ClickHouse engine", node)
        name = quoted(self.scope.sources[0].alias)
        self.sql = f"(SELECT DISTINCT ON ({', '.join(condition.left)}) * FROM {self.sql}) AS {name}"

    # ARRAY JOIN

    def array_join(self, node: exp.Join) -> None:
        """`ARRAY JOIN a AS x, b AS y`: x and y are the elements at one position; LEFT keeps rows without any."""
        left = str(node.args.get("side") or "") == "LEFT"
        expressions = Expressions(self.scope, self.queries)
        targets = [node.this, *node.expressions]
        arrays = [expressions.value(each.this if isinstance(each, exp.Alias) else each) for each in targets]
        for array in arrays:
            if not array.type.is_array:
                raise self.queries.refuse(f"ARRAY JOIN expects an array, found {array.name} of type {array.type}", node)
        alias = self.queries.fresh()
        spread = [_filled(array, arrays[0], left) for array in arrays]
        for sql, target, array in zip(self.spread(alias, spread), targets, arrays, strict=True):
            name = target.alias_or_name or array.name
            self.scope.locals[name] = Value(sql, array.type.bare.inner, name)

    def spread(self, alias: str, arrays: Sequence[str]) -> list[str]:
        """Make a row of each element, of all arrays at once; returns the SQL of the elements.

        One array of one table is spread beside its columns: DuckDB groups the rows of a join by their lists, and
        reads all of the table for that, whatever a condition says.
        """
        if len(arrays) == len(self.scope.sources) == 1 and not self.scope.locals:
            table, element = quoted(self.scope.sources[0].alias), quoted(f"{alias}.v")
            self.sql = f"(SELECT {table}.*, unnest({arrays[0]}) AS {element} FROM {self.sql}) AS {table}"
            return [f"{table}.{element}"]
        columns = ", ".join(f"unnest({sql}) AS v{n}" for n, sql in enumerate(arrays))
        joined = f"(SELECT {columns}) AS {quoted(alias)}"
        self.sql += f" CROSS JOIN {joined}" if self.sql else joined
        return [f"{quoted(alias)}.v{n}" for n in range(len(arrays))]


def _filled(array: Value, first: Value, left: bool) -> str:
    """An array as ARRAY JOIN takes it: as long as the first one, and not empty where the row is to stay."""
    duck = duck_type(array.type)
    sql = array.sql
    if array is not first:
        failure = "error('the arrays of an ARRAY JOIN are not of one length')"
        sql = f"CASE WHEN len({sql}) = len({first.sql}) THEN {sql} ELSE CAST({failure} AS {duck}) END"
    if left:
        sql = f"CASE WHEN len({sql}) = 0 THEN CAST([{default_sql(array.type.bare.inner)}] AS {duck}) ELSE {sql} END"
    return sql


def _as(relation: Relation, source: Source) -> str:
    return f"{relation.sql} AS {quoted(source.alias)}"


def _one_row(relation: Relation, source: Source, keys: Sequence[str]) -> str:
    """A relation with one row for each of its keys."""
    inner = f"SELECT DISTINCT ON ({', '.join(keys)}) * FROM {_as(relation, source)}"
    return f"({inner}) AS {quoted(source.alias)}"


def _converted(value: Value, type_: Type) -> str:
    return convert(value, type_).sql


def _structure(text: str) -> list[tuple[str, Type]]:
    """The columns of a text such as `a UInt8, b String`."""
    parts = [str(argument).partition(" ") for argument in parse_type(f"Tuple({text})").args]
    if not all(type_ for _, _, type_ in parts):
        raise NoRule(f"expected names with their types, such as 'a UInt8, b String', found {text!r}")
    return [(name, parse_type(type_)) for name, _, type_ in parts]


def _unnamed(rows: Sequence[Sequence[Value]]) -> list[tuple[str, Type]]:
    types = [supertype([row[n].type for row in rows]) for n in range(len(rows[0]))]
    return [(f"c{n}", type_) for n, type_ in enumerate(types, 1)]
