"""Calls with a syntax of their own, read as the ordinary calls that ClickHouse makes of them.

`EXTRACT(YEAR FROM t)` is `toYear(t)`, `date_add(DAY, 3, t)` is `t + toIntervalDay(3)`, and the columns are named so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

_EXTRACTED: Final = {
    "YEAR": "toYear",
    "QUARTER": "toQuarter",
    "MONTH": "toMonth",
    "WEEK": "toISOWeek",
    "DAY": "toDayOfMonth",
    "DOY": "toDayOfYear",
    "HOUR": "toHour",
    "MINUTE": "toMinute",
    "SECOND": "toSecond",
}
_TRIMS: Final = {"BOTH": "trimBoth", "LEADING": "trimLeft", "TRAILING": "trimRight"}


def _call(name: str, arguments: Sequence[Any]) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _written(parser: Any) -> str:
    """The name of the call whose arguments are being read."""
    return str(parser._tokens[parser._index - 2].text)


def _arguments(parser: Any) -> list[Any]:
    return list(parser._parse_csv(parser._parse_lambda))


def _extract(parser: Any) -> exp.Expr:
    name = _written(parser)
    unit = parser._curr.text.upper() if parser._curr else ""
    if unit in _EXTRACTED and parser._next and parser._next.token_type == TokenType.FROM:
        parser._advance(2)
        return _call(_EXTRACTED[unit], [parser._parse_bitwise()])
    return _call(name, _arguments(parser))


def _trim(parser: Any) -> exp.Expr:
    name = _written(parser)
    side = parser._curr.text.upper() if parser._curr else ""
    if side not in _TRIMS:
        return _call(name, _arguments(parser))
    parser._advance()
    characters = parser._parse_bitwise()
    parser._match(TokenType.FROM)
    return _call(_TRIMS[side], [parser._parse_bitwise(), characters])


def _substring(parser: Any) -> exp.Expr:
    name = _written(parser)
    arguments = _arguments(parser)
    for word in (TokenType.FROM, TokenType.FOR):
        if parser._match(word):
            arguments.append(parser._parse_bitwise())
    return _call(name, arguments)


def _position(parser: Any) -> exp.Expr:
    name = _written(parser)
    first = parser._parse_bitwise()
    if parser._match(TokenType.IN):
        return _call(name, [parser._parse_bitwise(), first])
    if parser._match(TokenType.COMMA):
        return _call(name, [first, *_arguments(parser)])
    return _call(name, [first])


_UNITS: Final = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


def _unit_argument(parser: Any) -> exp.Literal | None:
    """`DAY` as the first argument of a call is a unit, not a column; so is `SQL_TSI_DAY`."""
    word = str(parser._curr.text).upper().removeprefix("SQL_TSI_") if parser._curr else ""
    plain = parser._curr is not None and parser._curr.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
    if word not in _UNITS or not plain or parser._next is None or parser._next.token_type != TokenType.COMMA:
        return None
    parser._advance(2)
    return exp.Literal.string(word.lower())


def _moved(operator: type[exp.Binary]) -> Callable[[Any], exp.Expr]:
    """`date_add(DAY, n, t)` and `date_add(t, INTERVAL n DAY)` are `t + INTERVAL n DAY`; date_sub is likewise `-`."""

    def parse(parser: Any) -> exp.Expr:
        unit = _unit_argument(parser)
        arguments = parser._parse_csv(parser._parse_assignment)
        if len(arguments) != 2:
            parser.raise_error("expected a unit, a number and a time, or a time and an INTERVAL")
        if unit is None:
            return operator(this=arguments[0], expression=arguments[1])
        step = exp.Anonymous(this=f"toInterval{unit.name.capitalize()}", expressions=[arguments[0]])
        return operator(this=arguments[1], expression=step)

    return parse


def _difference(parser: Any) -> exp.Expr:
    """`date_diff(DAY, a, b)` is `dateDiff('day', a, b)`."""
    unit = _unit_argument(parser)
    arguments = parser._parse_csv(parser._parse_assignment)
    return exp.Anonymous(this="dateDiff", expressions=[unit, *arguments] if unit else arguments)


CALLS: Final[Mapping[str, Callable[[Any], exp.Expr]]] = {
    "EXTRACT": _extract,
    "TRIM": _trim,
    "SUBSTRING": _substring,
    "POSITION": _position,
    **dict.fromkeys(("DATEADD", "DATE_ADD", "TIMESTAMPADD", "TIMESTAMP_ADD"), _moved(exp.Add)),
    **dict.fromkeys(("DATESUB", "DATE_SUB", "TIMESTAMPSUB", "TIMESTAMP_SUB"), _moved(exp.Sub)),
    **dict.fromkeys(("DATEDIFF", "DATE_DIFF", "TIMESTAMPDIFF", "TIMESTAMP_DIFF"), _difference),
}
