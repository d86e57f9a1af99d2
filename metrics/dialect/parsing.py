"""ClickHouse SQL text to a syntax tree that keeps each function under the name it was written with.

sqlglot does the reading. Its own parser turns `toStartOfHour(t, 'UTC')` or `uniq(x)` into general nodes made to be
translated; here they stay calls, so that the compiler's table of functions decides on each by ClickHouse's own name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.clickhouse import ClickHouseParser
from sqlglot.tokenizer_core import TokenType

from metrics.dialect.syntax import CALLS
from metrics.errors import DefinitionError

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # else the text of what it cannot read goes into the log

_MAX_SQL: Final = 1_000_000
_PARAMETERS: Final = re.compile("quantile|median|group|top|approx_top|uniq|any|first_value|last_value|histogram")


def _limit(parser: Any) -> tuple[str, exp.Expr | None]:
    """`LIMIT n BY keys` may stand before an ordinary LIMIT: it gets a place of its own in the tree."""
    limit = parser._parse_limit()
    return ("limit_by" if limit and limit.expressions else "limit"), limit


class _Parser(ClickHouseParser):
    """ClickHouse's grammar without any function that has a node of its own, but CAST and CASE."""

    QUERY_MODIFIER_PARSERS: ClassVar[Any] = {**ClickHouseParser.QUERY_MODIFIER_PARSERS, TokenType.LIMIT: _limit}

    def _parse_expression(self) -> exp.Expr | None:
        """`APPLY(...)` after an expression takes any function, a lambda and parameters too."""
        this = super(ClickHouseParser, self)._parse_expression()
        while self._match_pair(TokenType.APPLY, TokenType.L_PAREN):
            this = exp.Apply(this=this, expression=self._parse_lambda())
            self._match_r_paren()
        return this

    def _parse_interpolate(self) -> list[exp.Expr] | None:
        """INTERPOLATE alone stands for all columns: a star here."""
        if not self._match_text_seq("INTERPOLATE"):
            return None
        if self._curr is None or self._curr.token_type != TokenType.L_PAREN:
            return [exp.Star()]
        return list(self._parse_wrapped_csv(self._parse_name_as_expression))

    TYPE_LITERAL_PARSERS: ClassVar[Any] = {
        exp.DType.DATE: lambda _, text, __: exp.Anonymous(this="toDate", expressions=[text]),
        exp.DType.TIMESTAMP: lambda _, text, __: exp.Anonymous(this="toDateTime", expressions=[text]),
    }
    FUNCTIONS: ClassVar[Any] = {}
    FUNCTION_PARSERS: ClassVar[Any] = {"CAST": ClickHouseParser.FUNCTION_PARSERS["CAST"], **CALLS}
    NO_PAREN_FUNCTIONS: ClassVar[Any] = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {"CASE": ClickHouseParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}

    @classmethod
    def _resolve_clickhouse_agg(cls, name: str) -> tuple[str, Sequence[str]] | None:
        """Aggregates that sqlglot does not list may have parameters, in parentheses of their own, too."""
        return super()._resolve_clickhouse_agg(name) or ((name, []) if _PARAMETERS.match(name) else None)

    def _parse_interval(self, require_interval: bool = True, parse_function_unit: bool = True) -> Any:
        """`interval + x` is a column of that name: an INTERVAL has a unit."""
        start = self._index
        found = super()._parse_interval(require_interval, parse_function_unit)
        unitless = isinstance(found, exp.Interval) and found.args.get("unit") is None
        if unitless and self._tokens[start + 1].token_type != TokenType.STRING:
            self._retreat(start)
            return None
        return found

    def _parse_group(self, skip_group_by_token: bool = False) -> exp.Group | None:
        """A key may be named where it stands: `GROUP BY toYear(t) AS year, model`."""
        group = super()._parse_group(skip_group_by_token)
        if group is None or not group.expressions or not self._match(TokenType.ALIAS):
            return group
        keys = group.expressions
        keys[-1] = exp.Alias(this=keys[-1], alias=self._parse_id_var())
        if self._match(TokenType.COMMA):
            following = self._parse_group(skip_group_by_token=True)
            group.args.update({name: value for name, value in following.args.items() if value} if following else {})
            keys += following.expressions if following else []
        group.set("expressions", keys)
        return group


class _Dialect(ClickHouse):
    """`arr[1]` stays 1: other dialects count from 0, and sqlglot shifts the index for them."""

    INDEX_OFFSET = 0
    Parser = _Parser


def parse_select(sql: str, *, file: str = "", line: int = 1) -> exp.Query:
    """Read one SELECT (with UNIONs, CTEs and so on).

    Raises:
        DefinitionError: the text does not parse, or is no single SELECT; names file and line.
    """
    statements = [statement for statement in _parse(sql, file, line) if statement is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise DefinitionError("expected one SELECT statement", file=file, line=line)
    return statements[0]


def parse_expression(sql: str, *, file: str = "", line: int = 1) -> exp.Expr:
    """Read one expression, such as that of a DEFAULT.

    Raises:
        DefinitionError: the text is no expression.
    """
    query = parse_select(f"SELECT {sql}", file=file, line=line)
    if not isinstance(query, exp.Select) or len(query.expressions) != 1 or len(_parts(query)) != 1:
        raise DefinitionError(f"expected one expression, found {sql!r}", file=file, line=line)
    expression: exp.Expr = query.expressions[0]
    return expression


def _parts(query: exp.Select) -> list[str]:
    return [name for name, value in query.args.items() if value]


def _parse(sql: str, file: str, line: int) -> list[exp.Expr | None]:
    if len(sql) > _MAX_SQL:
        raise DefinitionError(f"a query has at most {_MAX_SQL:,} characters", file=file, line=line)
    try:
        return _Dialect().parse(sql)
    except ParseError as error:
        place = error.errors[0] if error.errors else {}
        at = place.get("highlight") or "the end"
        described = str(place.get("description") or error).rstrip(".")
        if "<class" in described:  # sqlglot names its own classes where half an expression is missing
            described = "an expression is not complete"
        reason = f"SQL syntax: {described} (at {at!r})"
        column = max(1, int(place.get("col") or 1) - len(str(place.get("highlight") or " ")) + 1)
        first = line + int(place.get("line") or 1) - 1
        raise DefinitionError(reason, file=file, line=first, column=column) from None
    except TokenError as error:
        raise DefinitionError(f"SQL syntax: {error}", file=file, line=line) from None
    except RecursionError:
        raise DefinitionError("SQL syntax: the query is nested too deeply", file=file, line=line) from None


def place_of(node: exp.Expr) -> tuple[int, int]:
    """The line and the column of the SQL, both from 1, at which a node stands, as well as the tree tells it.

    The first of its own words stands for it. Where only what is around it has a place, the column is 0: unknown.
    """
    marked = [each.meta for each in node.walk() if "line" in each.meta]
    if marked:
        first = marked[0] if marked[0] is node.meta else min(marked, key=lambda meta: int(meta["start"]))
        # sqlglot's `col` is the column of a token's last character.
        return int(first["line"]), max(1, int(first["col"]) - int(first["end"]) + int(first["start"]))
    parent = node.parent
    while parent is not None:
        if "line" in parent.meta:
            return int(parent.meta["line"]), 0
        parent = parent.parent
    return 1, 0
