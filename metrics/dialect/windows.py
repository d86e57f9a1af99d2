"""What stands in OVER (...): partitions, order and frame, in DuckDB's SQL and as ClickHouse names the column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from metrics.dialect.expressions import Expressions, Subqueries
from metrics.dialect.scope import Scope
from metrics.dialect.values import Value


@dataclass
class Window:
    """The parts of one window, with those it takes over from the named one that it starts from."""

    partition: list[exp.Expr] = field(default_factory=list)
    order: list[exp.Expr] = field(default_factory=list)
    spec: exp.Expr | None = None


class Windows:
    """Compiles the windows of one SELECT."""

    def __init__(self, queries: Subqueries, scope: Scope) -> None:
        self.queries = queries
        self.windows: Mapping[str, exp.Expr] = scope.windows
        self.expressions = Expressions(scope, queries)

    def frame(self, node: exp.Expr) -> str:
        window = self.window(node)
        parts = []
        if window.partition:
            parts.append(f"PARTITION BY {', '.join(self.expressions.value(each).number for each in window.partition)}")
        if window.order:
            parts.append(f"ORDER BY {', '.join(self.key(each, window.spec) for each in window.order)}")
        if window.spec is not None:
            parts.append(self.rows(window.spec, self.unit(window)))
        return " ".join(parts)

    def window(self, node: exp.Expr) -> Window:
        """`OVER w`, `OVER (...)` and `OVER (w ...)`."""
        named = node.args.get("alias")
        base = Window()
        if named is not None:
            if named.name not in self.windows:
                raise self.queries.refuse(f"there is no window {named.name}", node)
            base = self.window(self.windows[named.name])
        order = node.args.get("order")
        return Window(
            list(node.args.get("partition_by") or base.partition),
            list(order.expressions) if order is not None else base.order,
            node.args.get("spec") or base.spec,
        )

    def key(self, ordered: exp.Expr, spec: exp.Expr | None) -> str:
        value = self.expressions.value(ordered.this)
        direction = "DESC" if ordered.args.get("desc") else "ASC"
        nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
        # DuckDB takes an offset from the key itself: below 0 an unsigned key would not do.
        wide = spec is not None and self.by_value(spec) and value.type.is_integer
        sql = f"CAST({value.number} AS HUGEINT)" if wide else value.number
        return f"{sql} {direction} NULLS {nulls}"

    def by_value(self, spec: exp.Expr) -> bool:
        """Whether a frame is RANGE with an offset."""
        return spec.args.get("kind") == "RANGE" and any(isinstance(spec.args.get(end), exp.Literal) for end in _ENDS)

    def unit(self, window: Window) -> str:
        """What a number of a RANGE offset counts: days of a Date, seconds of a DateTime, "" of a number."""
        if window.spec is None or not self.by_value(window.spec):
            return ""
        keys = [self.expressions.value(each.this) for each in window.order]
        if len(keys) != 1 or not _takes_offset(keys[0]):
            raise self.queries.refuse("RANGE with an offset expects ORDER BY one number or time", window.spec)
        return "DAY" if keys[0].type.is_date else "SECOND" if keys[0].type.is_time else ""

    def name(self, node: exp.Expr) -> str:
        """What ClickHouse writes in OVER (...) when it names the column."""
        parts = [node.args["alias"].name] if node.args.get("alias") is not None else []
        if node.args.get("partition_by"):
            keys = ", ".join(self.expressions.value(each).name for each in node.args["partition_by"])
            parts.append(f"PARTITION BY {keys}")
        if node.args.get("order") is not None:
            parts.append(f"ORDER BY {', '.join(map(self.key_name, node.args['order'].expressions))}")
        if node.args.get("spec") is not None:
            parts.append(self.rows(node.args["spec"]))
        return " ".join(parts)

    def key_name(self, ordered: exp.Expr) -> str:
        return f"{self.expressions.value(ordered.this).name} {'DESC' if ordered.args.get('desc') else 'ASC'}"

    def rows(self, spec: exp.Expr, unit: str = "") -> str:
        if spec.args.get("kind") not in ("ROWS", "RANGE") or spec.args.get("exclude"):
            raise self.queries.refuse("this window frame needs the ClickHouse engine", spec)
        ends = []
        for end in _ENDS:
            value, side = spec.args.get(end), spec.args.get(f"{end}_side") or ""
            text = value.name if isinstance(value, exp.Literal) else str(value or "CURRENT ROW")
            if not text.isdigit() and text not in ("UNBOUNDED", "CURRENT ROW"):
                raise self.queries.refuse("a window frame has literal bounds", spec)
            text = f"INTERVAL {text} {unit}" if unit and text.isdigit() else text
            ends.append(f"{text} {side}".strip())
        return f"{spec.args['kind']} BETWEEN {ends[0]} AND {ends[1]}"


_ENDS = ("start", "end")


def _takes_offset(key: Value) -> bool:
    type_ = key.type
    return type_.is_integer or type_.is_float or type_.is_date or type_.bare.name == "DateTime"
