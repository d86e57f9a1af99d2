"""Expressions: each node of the syntax tree becomes DuckDB SQL with a ClickHouse type, or is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, Protocol

from sqlglot import exp

from metrics.dialect import functions
from metrics.dialect.combinators import combined, is_aggregate, resolve
from metrics.dialect.rules import FLOAT64, NOTHING, UINT64, NoRule, duck_type, literal_type, supertype, text_sql
from metrics.dialect.scope import Relation, Scope, Wanted
from metrics.dialect.table import Call, build
from metrics.dialect.types import Type, TypeTextError, array, elements, nullable, parse_type
from metrics.dialect.values import Value, cast, condition, defaulted, literal_sql
from metrics.errors import DefinitionError

assert functions  # importing it fills the table

_BINARY: Final[Mapping[type[exp.Expr], str]] = {
    exp.Add: "plus",
    exp.Sub: "minus",
    exp.Mul: "multiply",
    exp.Div: "divide",
    exp.Mod: "modulo",
    exp.IntDiv: "intDiv",
    exp.EQ: "equals",
    exp.NEQ: "notEquals",
    exp.GT: "greater",
    exp.GTE: "greaterOrEquals",
    exp.LT: "less",
    exp.LTE: "lessOrEquals",
    exp.Like: "like",
    exp.ILike: "ilike",
    exp.RegexpLike: "match",
    exp.NullSafeEQ: "isNotDistinctFrom",
    exp.NullSafeNEQ: "isDistinctFrom",
}
_RENAMED: Final = {"trim": "trimBoth", "ltrim": "trimLeft", "rtrim": "trimRight"}


class Subqueries(Protocol):
    """What expressions ask of the compiler of queries."""

    use_nulls: bool

    parameters: bool

    wanted: Wanted

    def subquery(self, query: exp.Expr, scope: Scope, wanted: Wanted = None) -> Relation: ...

    def subquery_name(self) -> str: ...

    def named_table(self, node: exp.Expr, scope: Scope) -> Relation: ...

    def latest_rows(self, node: exp.Final, scope: Scope) -> Relation: ...

    def renamed(self, relation: Relation, names: Sequence[str], node: exp.Expr) -> Relation: ...

    def fresh(self) -> str: ...

    def truth(self, expressions: Expressions, node: exp.Expr) -> str: ...

    def frame(self, window: exp.Expr, scope: Scope) -> str: ...

    def frame_name(self, window: exp.Expr, scope: Scope) -> str: ...

    def refuse(self, message: str, node: exp.Expr) -> DefinitionError: ...

    def spend(self, node: exp.Expr) -> None: ...

    def bounded(self, sql: str, node: exp.Expr) -> str: ...


class Expressions:
    """Compiles the expressions of one scope."""

    def __init__(self, scope: Scope, queries: Subqueries) -> None:
        self.scope = scope
        self.queries = queries

    def value(self, node: exp.Expr) -> Value:
        """Compile one expression.

        Raises:
            DefinitionError: it uses what is not supported; names it and its line.
        """
        self.queries.spend(node)
        value = self.written(node)
        self.queries.bounded(value.sql, node)
        return value

    def written(self, node: exp.Expr) -> Value:
        method: Callable[[exp.Expr], Value] | None = getattr(self, f"on_{type(node).__name__.lower()}", None)
        try:
            if method is not None:
                return self.summed(method(node))
            if type(node) in _BINARY:
                return self.summed(self.binary(node))
        except NoRule as error:
            raise self.queries.refuse(str(error), node) from None
        raise self.queries.refuse(f"{node.sql('clickhouse')[:80]} needs the ClickHouse engine", node)

    def summed(self, value: Value) -> Value:
        """A key of ROLLUP and its kind, as it is where its rows are summed."""
        sql = self.scope.summed.get(value.number)
        return replace(value, sql=sql, condition=False, plain_column=False) if sql else value

    def values(self, nodes: Sequence[exp.Expr]) -> tuple[Value, ...]:
        return tuple(self.value(node) for node in nodes)

    # literals, parameters, names

    def on_literal(self, node: exp.Expr) -> Value:
        text = str(node.this)
        if node.args.get("is_string"):
            return _literal(text, _text_name(text))
        number: int | float = int(text) if text.isdigit() and len(text) < 78 else float(text)
        return _literal(number, str(number) if isinstance(number, int) else _float_name(number))

    def on_hexstring(self, node: exp.Expr) -> Value:
        return self.whole(node, 16)

    def on_bitstring(self, node: exp.Expr) -> Value:
        return self.whole(node, 2)

    def whole(self, node: exp.Expr, base: int) -> Value:
        """`0x1F` and `0b101`, by whose value the column is named."""
        number = int(str(node.this), base)
        return _literal(number, str(number))

    def on_rawstring(self, node: exp.Expr) -> Value:
        """A heredoc: `$$text$$`."""
        return _literal(str(node.this), _text_name(str(node.this)))

    def on_neg(self, node: exp.Expr) -> Value:
        inner = self.value(node.this)
        if isinstance(node.this, exp.Literal) and isinstance(inner.literal, (int, float)):
            return _literal(-inner.literal, f"-{inner.name}")
        if isinstance(node.this, exp.Column) and inner.name == "inf":
            return replace(inner, sql="CAST('-inf' AS DOUBLE)", name="-inf")
        return self.call("negate", [inner])

    def on_boolean(self, node: exp.Expr) -> Value:
        return _literal(bool(node.this), "true" if node.this else "false")

    def on_null(self, _: exp.Expr) -> Value:
        return Value("NULL", nullable(NOTHING), "NULL", literal=None, constant=True)

    def on_placeholder(self, node: exp.Expr) -> Value:
        """A query parameter `{p0:Type}`."""
        name, kind = node.name, node.args.get("kind")
        if not self.queries.parameters:
            raise NoRule(f"there is no parameter {name}; send its value in the SQL")
        if not name.isidentifier() or not name.isascii() or not isinstance(kind, exp.DataType):
            raise NoRule(f"expected a parameter such as {{p0:String}}, found {node.sql('clickhouse')}")
        type_ = _type(kind.sql("clickhouse"))
        return Value(f"CAST(${name} AS {duck_type(type_)})", type_, f"{{{name}:{type_}}}", constant=True)

    def on_column(self, node: exp.Expr) -> Value:
        assert isinstance(node, exp.Column)
        if node.args.get("db") is not None:
            raise NoRule(f"the column {node.sql('clickhouse')} names a database; there is only one")
        if isinstance(node.this, exp.Literal):
            return self.on_dot(exp.Dot(this=exp.column(node.args["table"]), expression=node.this))
        return self.name(node.name, self.scope.alias_of(node.table) if node.table else "")

    def on_identifier(self, node: exp.Expr) -> Value:
        return self.name(node.name, "")

    def name(self, name: str, table: str) -> Value:
        if not table and name in self.scope.locals:
            return self.scope.locals[name]
        alias = None if table else self.scope.alias(name)
        if alias is not None:
            return self.aliased(name, alias)
        if table and name in self.scope.locals and self.scope.column(name, table) is not None:
            return self.scope.locals[name].named(f"{table}.{name}")
        found = self.scope.column(name, table)
        outer = self.scope.outer_column(name, table) if found is None else None
        if outer is not None:
            return outer
        around = self.scope.alias_around(name) if found is None and not table else None
        if around is not None:
            return self.aliased(name, around)
        if found is None and table and table not in [source.alias for source in self.scope.sources]:
            whole = self.scope.locals.get(table) or self.scope.column(table, "")
            if whole is not None and whole.type.is_tuple:
                return functions.tuple_element(whole, name).named(f"{table}.{name}")
        if found is None and not table and name in ("nan", "inf", "NaN", "Inf"):
            return Value(f"CAST('{name.lower()}' AS DOUBLE)", FLOAT64, name.lower(), constant=True)
        if found is None:
            raise NoRule(f"there is no column {f'{table}.{name}' if table else name}{self.known(table)}")
        return found.named(self.scope.shown_name(name, table)) if table else found

    def known(self, table: str) -> str:
        """The columns there are, for the message about one that is not."""
        names = [name for source in self.scope.sources if not table or source.alias == table for name in source.columns]
        if table and self.scope.around(table):
            return ": a subquery reads no columns of the query around it, unless in EXISTS (...)"
        if table and table not in [source.alias for source in self.scope.sources]:
            return f": FROM has no {table}"
        return f"; there are {', '.join(names[:40])}" if names else ""

    def aliased(self, name: str, expression: exp.Expr) -> Value:
        """What an alias stands for; inside its own expression the name is a column again."""
        self.scope.resolving.append(name)
        try:
            return self.value(expression).named(name)
        finally:
            self.scope.resolving.pop()

    def on_alias(self, node: exp.Expr) -> Value:
        name = node.args["alias"].name
        return self.aliased(name, node.this) if name not in self.scope.resolving else self.value(node.this).named(name)

    def on_paren(self, node: exp.Expr) -> Value:
        return self.value(node.this)

    # operators

    def binary(self, node: exp.Expr) -> Value:
        left, right = node.this, node.expression
        name = _BINARY[type(node)]
        if node.args.get("negate"):
            name = {"like": "notLike", "ilike": "notILike"}[name]
        if name in ("equals", "notEquals") and isinstance(right, (exp.Any, exp.All)):
            raise NoRule("= ANY (subquery) needs the ClickHouse engine; IN (subquery) does not")
        return self.call(name, [self.value(left), self.value(right)])

    def on_dpipe(self, node: exp.Expr) -> Value:
        return self.call("concat", self.values(flat(node, exp.DPipe)))

    def on_and(self, node: exp.Expr) -> Value:
        return self.call("and", self.values(flat(node, exp.And)))

    def on_or(self, node: exp.Expr) -> Value:
        return self.call("or", self.values(flat(node, exp.Or)))

    def on_not(self, node: exp.Expr) -> Value:
        inner = node.this
        if isinstance(inner, exp.In):
            return self.membership(inner, negated=True)
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            return self.call("isNotNull", [self.value(inner.this)])
        if isinstance(inner, (exp.Like, exp.ILike)) and not inner.args.get("negate"):
            name = "notLike" if isinstance(inner, exp.Like) else "notILike"
            return self.call(name, [self.value(inner.this), self.value(inner.expression)])
        if isinstance(inner, exp.Between):
            operand, low, high = self.values([inner.this, inner.args["low"], inner.args["high"]])
            return self.call("or", [self.call("less", [operand, low]), self.call("greater", [operand, high])])
        return self.call("not", [self.value(inner)])

    def on_is(self, node: exp.Expr) -> Value:
        if isinstance(node.expression, exp.Boolean):
            return self.call("isNotDistinctFrom", self.values([node.this, node.expression]))
        if not isinstance(node.expression, exp.Null):
            raise NoRule(f"{node.sql('clickhouse')} needs the ClickHouse engine")
        return self.call("isNull", [self.value(node.this)])

    def on_between(self, node: exp.Expr) -> Value:
        operand, low, high = self.values([node.this, node.args["low"], node.args["high"]])
        bounds = [self.call("greaterOrEquals", [operand, low]), self.call("lessOrEquals", [operand, high])]
        return self.call("and", bounds)

    def on_in(self, node: exp.Expr) -> Value:
        return self.membership(node, negated=False)

    def membership(self, node: exp.Expr, negated: bool) -> Value:
        """`x IN (...)`: a list, an array, a parameter or a subquery. NULLs among the elements match nothing."""
        operand = self.value(node.this)
        query, field = node.args.get("query"), node.args.get("field")
        table = self.table_named(field)
        if table is not None and field is not None:
            found, name = self.in_relation(operand, table), field.name
        elif query is not None:
            found, name = self.in_subquery(operand, query), self.queries.subquery_name()
        elif field is not None:
            collection = self.value(field)
            found, name = _in_array(operand, collection), collection.name
        else:
            elements = self.values(node.expressions)
            if len(elements) == 1 and elements[0].type.is_array:
                found, name = _in_array(operand, elements[0]), elements[0].name
            else:
                found, name = self.in_list(operand, elements), _list_name(elements)
        sql = f"(NOT {found})" if negated else found
        function = "notIn" if negated else "in"
        return replace(condition(sql, operand), name=f"{function}({operand.name}, {name})")

    def in_list(self, operand: Value, elements: Sequence[Value]) -> str:
        present = [element for element in elements if element.type.bare != NOTHING]
        if operand.parts:
            if present and not any(element.parts for element in present):
                present = [functions.make_tuple(present)]
            rows = ", ".join(_row(operand, element) for element in present)
            return f"({_row_of(operand)} IN ({rows}))"
        written = ", ".join(functions.element(operand, element) for element in present)
        if not written:
            return f"CASE WHEN {operand.number} IS NULL THEN NULL ELSE FALSE END"
        return f"({operand.number} IN ({written}))"

    def in_subquery(self, operand: Value, query: exp.Expr) -> str:
        return self.in_relation(operand, self.queries.subquery(query, Scope(parent=self.scope)))

    def table_named(self, field: exp.Expr | None) -> Relation | None:
        """The table or WITH query that `IN name` means, where no column or alias has that name."""
        if not isinstance(field, exp.Column) or field.table or field.name in self.scope.locals:
            return None
        if self.scope.alias(field.name) is not None or self.scope.column(field.name) is not None:
            return None
        return self.queries.named_table(field, self.scope)

    def in_relation(self, operand: Value, relation: Relation) -> str:
        if operand.parts:
            if len(relation.columns) != len(operand.parts):
                raise NoRule(f"IN expects {len(operand.parts)} columns, the subquery has {len(relation.columns)}")
            names = ", ".join(f"c{position}" for position in range(len(relation.columns)))
            return f"({_row_of(operand)} IN (SELECT ({names}) FROM {relation.sql} AS q({names})))"
        if len(relation.columns) != 1:
            raise NoRule(f"IN expects a subquery with one column, this one has {len(relation.columns)}")
        functions.comparable(operand, Value("c", relation.columns[0][1], "the subquery"))
        return f"({operand.number} IN (SELECT c FROM {relation.sql} AS q(c) WHERE c IS NOT NULL))"

    def on_case(self, node: exp.Expr) -> Value:
        branches = node.args["ifs"]
        default = self.value(node.args["default"]) if node.args.get("default") is not None else self.on_null(node)
        if node.this is None:
            flat = [each for branch in branches for each in self.values([branch.this, branch.args["true"]])]
            return self.call("multiIf", [*flat, default])
        operand = self.value(node.this)
        pairs = [self.values([branch.this, branch.args["true"]]) for branch in branches]
        value = self.call("multiIf", [x for case, then in pairs for x in (self.case(operand, case), then)] + [default])
        names = ", ".join(each.name for each in (operand, *(each for pair in pairs for each in pair), default))
        return value.named(f"caseWithExpression({names})")

    def case(self, operand: Value, case: Value) -> Value:
        if case.type.bare == NOTHING:
            return self.call("isNull", [operand])
        return self.call("equals", [operand, case])

    def on_if(self, node: exp.Expr) -> Value:
        return self.call("if", self.values([node.this, node.args["true"], node.args["false"]]))

    def on_cast(self, node: exp.Expr) -> Value:
        type_text = node.args["to"].sql("clickhouse")
        return self.converted(self.value(node.this), type_text)

    def on_casttostrtype(self, node: exp.Expr) -> Value:
        return self.converted(self.value(node.this), node.args["to"].name)

    def converted(self, value: Value, type_text: str) -> Value:
        type_ = _type(type_text)
        result = functions.convert(value, type_)
        return replace(result, name=f"CAST({value.name}, '{type_}')", constant=value.constant)

    def on_interval(self, node: exp.Expr) -> Value:
        unit = str(node.args["unit"].name if node.args.get("unit") else "").capitalize().removesuffix("s")
        amount = self.value(node.this)
        if isinstance(amount.literal, str) and amount.literal.lstrip("-").isdigit():
            amount = _literal(int(amount.literal), amount.literal)
        return self.call(f"toInterval{unit}", [amount])

    def on_bracket(self, node: exp.Expr) -> Value:
        if len(node.expressions) != 1:
            raise NoRule(f"expected one index in {node.sql('clickhouse')}")
        return self.call("arrayElement", [self.value(node.this), self.value(node.expressions[0])])

    def on_array(self, node: exp.Expr) -> Value:
        return self.array(self.values(node.expressions))

    def array(self, elements: Sequence[Value]) -> Value:
        value = self.call("array", elements)
        floats = value.type.inner.is_float
        names = [f"{each.name}." if floats and isinstance(each.literal, int) else each.name for each in elements]
        return value.named(f"[{', '.join(names)}]")

    def on_tuple(self, node: exp.Expr) -> Value:
        parts = self.values(node.expressions)
        return functions.make_tuple(parts).named(f"({', '.join(part.name for part in parts)})")

    def on_dot(self, node: exp.Expr) -> Value:
        value = self.value(node.this)
        for position in node.expression.name.split("."):  # `t.1.2` is read as t and the number 1.2
            value = functions.tuple_element(value, _position(position))
        return value

    def on_lambda(self, node: exp.Expr) -> Value:
        names = [name.name for name in node.expressions]

        def body(types: Sequence[Type]) -> tuple[Sequence[str], Value]:
            places = [f"[{at}]" for at in range(1, len(names) + 1)]
            if len(types) == 1 and len(names) > 1 and types[0].is_tuple:
                places = [f"[{text_sql(name)}]" for name, _ in elements(types[0])]
                types = [type_ for _, type_ in elements(types[0])]
            if len(types) != len(names):
                raise NoRule(f"expected a lambda of {len(types)} arguments, found {len(names)}")
            inner = dict(self.scope.locals)
            row = f"ch_{'_'.join(names)}"
            written = [f'"{row}"'] if len(names) == 1 else [f'"{row}"{each}' for each in places]
            self.scope.locals = inner | {
                name: Value(sql, type_, name) for name, sql, type_ in zip(names, written, types, strict=True)
            }
            try:
                value = self.value(node.this)
            finally:
                self.scope.locals = inner
            told[:] = [f"lambda(tuple({', '.join(names)}), {value.name})"]
            return [row], value

        told: list[str] = []
        return Value("", nullable(NOTHING), "lambda", function=body, told=told)

    # subqueries

    def on_subquery(self, node: exp.Expr) -> Value:
        """A scalar subquery: at most one row, none is NULL; several columns are a tuple."""
        query = node.unnest()
        items = query.expressions if isinstance(query, exp.Select) else []
        as_tuple = len(items) == 1 and isinstance(items[0], exp.Tuple)
        if as_tuple:
            query = query.copy()
            query.set("expressions", items[0].expressions)
        relation = self.queries.subquery(query if as_tuple else node, Scope(parent=self.scope))
        name = self.queries.subquery_name()
        names = ", ".join(f"c{position}" for position in range(len(relation.columns)))
        parts = []
        for position, (_, type_) in enumerate(relation.columns):
            sql = f"(SELECT c{position} FROM {relation.sql} AS q({names}))"
            alone = as_tuple or len(relation.columns) == 1
            kept = nullable(type_.bare) if alone else type_
            parts.append(Value(defaulted(sql, kept), kept, name, constant=True))
        return parts[0] if len(parts) == 1 else functions.make_tuple(parts).named(name)

    def on_select(self, node: exp.Expr) -> Value:
        return self.on_subquery(node)

    def on_exists(self, node: exp.Expr) -> Value:
        """EXISTS may read columns of the query around it."""
        relation = self.queries.subquery(node.this, Scope(parent=self.scope, outer=self.scope))
        name = f"exists({self.queries.subquery_name()})"
        return condition(f"EXISTS (SELECT 1 FROM {relation.sql} AS q)").named(name)

    # functions

    def on_anonymous(self, node: exp.Expr) -> Value:
        return self.function(node, node.expressions, [])

    on_anonymousaggfunc = on_combinedaggfunc = on_anonymous

    def on_parameterizedagg(self, node: exp.Expr) -> Value:
        return self.function(node, node.args["params"], node.expressions)

    on_combinedparameterizedagg = on_parameterizedagg

    def on_filter(self, node: exp.Expr) -> Value:
        """`sum(x) FILTER (WHERE c)` is `sumIf(x, c)`."""
        return self.value(_filtered(node))

    def on_respectnulls(self, node: exp.Expr) -> Value:
        return self.function(_respecting(node), node.this.expressions, [])

    def on_ignorenulls(self, node: exp.Expr) -> Value:
        """What `any` and its kind do anyway."""
        return self.value(node.this)

    def on_window(self, node: exp.Expr) -> Value:
        inner = _respecting(_filtered(node.this))
        params = inner.expressions if inner.args.get("params") else []
        arguments = inner.args.get("params") or inner.expressions
        over = f" OVER ({self.queries.frame(node, self.scope)})"
        value = self.function(inner, arguments, params, over=over)
        alias = node.args.get("alias")
        named = not any(node.args.get(part) for part in ("partition_by", "order", "spec"))
        shown = alias.name if alias is not None and named else f"({self.queries.frame_name(node, self.scope)})"
        return value.named(f"{value.name} OVER {shown}")

    def function(
        self,
        node: exp.Expr,
        arguments: Sequence[exp.Expr],
        params: Sequence[exp.Expr],
        over: str = "",
    ) -> Value:
        name = str(node.this)
        distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
        if distinct:
            arguments = arguments[0].expressions
        every = len(arguments) == 1 and isinstance(arguments[0], exp.Star)
        if every and name.lower() == "count" and not distinct:
            arguments, every = [], False
        if name in ("array", "tuple"):
            values = self.values(arguments)
            return self.array(values) if name == "array" else functions.named_tuple(values)
        if name == "arrayJoin":
            return self.joined_array(node)
        if name.lower() == "grouping":
            return self.grouping(arguments)
        levels = self.scope.levels.get(quantile_key(node) or "", ())
        grouped = is_aggregate(name) and not over
        read = self.rows_of_group if grouped else self.values
        values = self.every_column() if every else read(arguments)
        return self.call(name, values, self.values(params), distinct, over, levels)

    def every_column(self) -> tuple[Value, ...]:
        """What `*` stands for among the arguments of a function, such as `uniq(*)`: columns, never aliases."""
        return tuple(
            source.value(name).named(self.scope.shown_name(name, source.alias))
            for source in self.scope.sources
            for name in source.columns
        )

    def rows_of_group(self, arguments: Sequence[exp.Expr]) -> tuple[Value, ...]:
        """What an aggregate runs over: a key of ROLLUP is there the value of each row."""
        summed, self.scope.summed = self.scope.summed, {}
        try:
            return self.values(arguments)
        finally:
            self.scope.summed = summed

    def grouping(self, arguments: Sequence[exp.Expr]) -> Value:
        """`grouping(a, b)`: a bit for each key, 1 where the row is a sum over it."""
        keys = self.rows_of_group(arguments)
        if not keys or any(key.number not in self.scope.summed for key in keys):
            raise NoRule("grouping expects keys of ROLLUP, CUBE or GROUPING SETS")
        sql = f"CAST(GROUPING({', '.join(key.number for key in keys)}) AS UBIGINT)"
        return Value(sql, UINT64, f"grouping({', '.join(key.name for key in keys)})")

    def joined_array(self, node: exp.Expr) -> Value:
        """`arrayJoin(a)`: one row for each element; the array is a source in FROM, the call its column."""
        text = node.sql("clickhouse")
        if text not in self.scope.array_joins:
            raise NoRule("arrayJoin is not supported here; ARRAY JOIN after FROM is")
        return self.scope.array_joins[text]

    def call(
        self,
        name: str,
        arguments: Sequence[Value],
        params: Sequence[Value] = (),
        distinct: bool = False,
        over: str = "",
        levels: Sequence[float] = (),
    ) -> Value:
        """Compile a call by the table of functions; an aggregate's combinators are read off the end of its name."""
        function, base, combinators = resolve(name)
        shown = f"{_RENAMED.get(name, name)}{'Distinct' if distinct else ''}"
        if params:
            shown += f"({', '.join(param.name for param in params)})"
        arguments = tuple(arguments)
        if not function.aggregate:
            if over or distinct or params:
                raise NoRule(f"{name} is no aggregate function")
            value = build(function, Call(name, arguments))
        else:
            call = Call(base, arguments, tuple(params), distinct, window=over, levels=tuple(levels))
            value = combined(function, call, combinators)
        return value.named(f"{shown}({', '.join(''.join(each.told) or each.name for each in arguments)})")


def _filtered(node: exp.Expr) -> exp.Expr:
    """`sum(x) FILTER (WHERE c)` as the call `sumIf(x, c)`."""
    if not isinstance(node, exp.Filter):
        return node
    call = node.this.copy()
    key = "params" if call.args.get("params") else "expressions"
    arguments = [each for each in call.args[key] if not isinstance(each, exp.Star)]
    distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
    call.set("this", f"{call.this}{'Distinct' if distinct else ''}If")
    call.set(key, [*(arguments[0].expressions if distinct else arguments), node.expression.this.copy()])
    filtered: exp.Expr = call
    return filtered


def _respecting(node: exp.Expr) -> exp.Expr:
    """`any(x) RESPECT NULLS` is a function of its own; `any(x) IGNORE NULLS` is `any(x)`."""
    if isinstance(node, exp.IgnoreNulls):
        inner: exp.Expr = node.this
        return inner
    if isinstance(node, exp.RespectNulls):
        return exp.Anonymous(this=f"{node.this.this}_respect_nulls", expressions=node.this.expressions)
    return node


def _literal(value: object, name: str) -> Value:
    type_ = literal_type(value)
    return Value(literal_sql(value, type_), type_, name, literal=value, constant=True)


def _text_name(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{escaped}'"


def _float_name(number: float) -> str:
    if number.is_integer() and abs(number) < 1e21:
        return f"{number:.0f}."
    if 1e-6 <= abs(number) < 1:
        return f"{Decimal(repr(number)):f}"
    return repr(number).replace("e-0", "e-").replace("e+", "e")


def _type(text: str) -> Type:
    try:
        return parse_type(re.sub(r"\bDATE(32)?\b", r"Date\1", text))  # as sqlglot writes it
    except TypeTextError as error:
        raise NoRule(str(error)) from None


def flat(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of a chain such as `a AND b AND c`, without recursion into its depth."""
    operands: list[exp.Expr] = []
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, kind):
            stack += [each.expression, each.this]
        elif isinstance(each, exp.Paren) and isinstance(each.this, kind):
            stack.append(each.this)
        else:
            operands.append(each)
    return operands


def _list_name(elements: Sequence[Value]) -> str:
    if len(elements) == 1:
        return elements[0].name
    return f"({', '.join(element.name for element in elements)})"


def _in_array(operand: Value, collection: Value) -> str:
    if not collection.type.is_array:
        return f"({operand.number} = {functions.comparable(operand, collection)[1]})"
    element = Value("", collection.type.bare.inner, "an element")
    if operand.type.is_number and collection.constant and element.type.is_text:
        collection = functions.convert(collection, array(operand.type.bare))
        element = Value("", operand.type.bare, "an element")
    common = operand.type.bare if operand.type.bare.name != "FixedString" else element.type
    if element.type.bare != common:
        functions.comparable(operand, element)
        if common.is_number:
            common = supertype([common, element.type.bare])
    list_sql = f"CAST({collection.sql} AS {duck_type(array(common))})"
    return f"list_contains({list_sql}, {cast(operand, common)})"


def _position(name: str) -> int | str:
    return int(name) if name.isdigit() else name


def _row_of(operand: Value) -> str:
    return f"({', '.join(part.number for part in operand.parts)})"


def _row(operand: Value, element: Value) -> str:
    if len(element.parts) != len(operand.parts):
        raise NoRule(f"IN expects tuples of {len(operand.parts)}, found {element.name}")
    pairs = zip(operand.parts, element.parts, strict=True)
    return f"({', '.join(functions.comparable(left, right)[1] for left, right in pairs)})"


def quantile_key(node: exp.Expr) -> str | None:
    """What tells the quantiles of one argument from those of another; None for any other function."""
    if not isinstance(node, (exp.ParameterizedAgg, exp.CombinedParameterizedAgg)) or len(node.expressions) != 1:
        return None
    if str(node.this).removesuffix("If") not in ("quantile", "quantileExactInclusive", "quantileTDigest"):
        return None
    return f"{node.this}({', '.join(each.sql('clickhouse') for each in node.args['params'])})"


def quantile_levels(nodes: Sequence[exp.Expr]) -> dict[str, list[float]]:
    """The distinct levels of the quantiles over each argument, in order."""
    found: dict[str, list[float]] = {}
    for node in nodes:
        for each in node.walk(prune=lambda inner: isinstance(inner, exp.Query)):
            key = quantile_key(each)
            level = each.expressions[0] if key else None
            if key and isinstance(level, exp.Literal) and not level.is_string:
                found.setdefault(key, []).append(float(level.name))
    return {key: sorted(set(levels)) for key, levels in found.items()}
