"""The allow-list of functions: each has a name, how many arguments it takes, and what it becomes.

A module of functions registers its own with `@scalar` or `@aggregate`; a name that nobody registers does not compile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from metrics.dialect.rules import NOTHING, NoRule, plain, text_sql
from metrics.dialect.types import Type, nullable, without_low_cardinality
from metrics.dialect.values import Value


@dataclass(frozen=True)
class Call:
    """A call that is to be compiled.

    An aggregate is over the rows of a group (those for which all `conditions` hold, in a `window` if there is one), or,
    under a combinator such as -Array, over the elements of one list: then `source` is its SQL and the arguments read
    `element`.
    """

    name: str
    args: tuple[Value, ...]
    params: tuple[Value, ...] = ()
    distinct: bool = False
    conditions: tuple[str, ...] = ()
    window: str = ""
    source: str = ""
    element: str = ""
    or_null: bool = False  # no rows give NULL, not the type's default
    levels: tuple[float, ...] = ()  # of all quantiles over the same argument in the same SELECT

    def __getitem__(self, position: int) -> Value:
        return self.args[position]

    def __len__(self) -> int:
        return len(self.args)

    def get(self, position: int) -> Value | None:
        return self.args[position] if position < len(self.args) else None

    def where(self, *conditions: str) -> Call:
        """The same call over the rows for which these conditions hold too."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def known(self) -> Call:
        """The same call without the rows in which an argument is NULL, as ClickHouse's aggregates leave them out."""
        return self.where(*(f"{each.number} IS NOT NULL" for each in self.args if each.type.nullable))

    def over(self, function: str, expression: str, *parameters: str) -> str:
        """A DuckDB aggregate (or window function) of an expression, over what the call is over."""
        if self.source:
            return f"list_aggregate({', '.join((self.values(expression), text_sql(function), *parameters))})"
        distinct = "DISTINCT " if self.distinct else ""
        return f"{function}({distinct}{', '.join((expression, *parameters))}){self.tail}"

    def over_pair(self, function: str, left: str, right: str) -> str:
        """A DuckDB aggregate of two expressions.

        Raises:
            NoRule: the call is over elements, for which DuckDB has none.
        """
        if self.source:
            raise NoRule(f"{self.name} of arrays or of states needs the ClickHouse engine")
        if self.distinct:
            raise NoRule(f"{self.name}(DISTINCT ...) needs the ClickHouse engine")
        return f"{function}({left}, {right}){self.tail}"

    def rows(self) -> str:
        """How many rows or elements the call is over."""
        return f"len({self.kept})" if self.source else f"count(*){self.tail}"

    def values(self, expression: str) -> str:
        """The list of an expression's values, in the order of the rows; [] for no rows."""
        if not self.source:
            return f"coalesce(list({'DISTINCT ' if self.distinct else ''}{expression}){self.tail}, [])"
        listed = f"list_transform({self.kept}, lambda {self.element}: {expression})"
        return f"list_distinct({listed})" if self.distinct else listed

    @property
    def kept(self) -> str:
        """The elements for which the conditions hold."""
        if not self.conditions:
            return self.source
        return f"list_filter({self.source}, lambda {self.element}: {' AND '.join(self.conditions)})"

    @property
    def tail(self) -> str:
        """What follows the call of an aggregate over rows: FILTER and OVER."""
        condition = f" FILTER (WHERE {' AND '.join(self.conditions)})" if self.conditions else ""
        return f"{condition}{self.window}"

    def text(self, position: int, what: str) -> str:
        """A literal text among the arguments."""
        value = self.get(position)
        if value is None or not isinstance(value.literal, str):
            raise NoRule(f"{self.name} expects {what} as a literal text")
        return value.literal

    def types(self) -> list[Type]:
        return [argument.type for argument in self.args]


Build = Callable[[Call], Value]


@dataclass(frozen=True)
class Function:
    """An entry of the allow-list."""

    names: tuple[str, ...]
    least: int
    most: int | None
    build: Build
    aggregate: bool = False
    params: tuple[int, int] = (0, 0)
    window_only: bool = False
    keeps_null: bool = False
    summary: str = field(default="", compare=False)  # the first paragraph of the builder's docstring
    subject: str = field(default="", compare=False)  # the module that registered it


# Aggregates for which a written NULL is no row; any other gives NULL.
_COUNTING: Final = frozenset(("count", "uniq"))
# Aggregates that give a value of their argument, of its very type.
_KEEP_SIMPLE: Final = ("min", "max", "any", "anyLast", "argMin", "argMax")
FUNCTIONS: Final[dict[str, Function]] = {}
# ClickHouse's names are case-sensitive but for those it took from the SQL standard.
ANY_CASE: Final[dict[str, str]] = {}


def _register(function: Function, any_case: bool) -> None:
    build = function.build.func if isinstance(function.build, partial) else function.build
    summary = " ".join((build.__doc__ or "").partition("\n\n")[0].split())
    function = replace(function, summary=summary, subject=build.__module__)
    for name in function.names:
        FUNCTIONS[name] = function
        if any_case:
            ANY_CASE[name.lower()] = name


def scalar(
    *names: str, least: int = 1, most: int | None = -1, keeps_null: bool = False, any_case: bool = False
) -> Callable[[Build], Build]:
    """Register an ordinary function. Unless it `keeps_null`, NULL in is NULL out, as its type then says."""

    def register(build: Build) -> Build:
        limit = least if most == -1 else most
        _register(Function(names, least, limit, build, keeps_null=keeps_null), any_case)
        return build

    return register


def aggregate(
    *names: str,
    least: int = 1,
    most: int | None = -1,
    params: tuple[int, int] = (0, 0),
    any_case: bool = False,
    window_only: bool = False,
) -> Callable[[Build], Build]:
    """Register an aggregate (or window) function; `params` is how many stand in the first of two parentheses."""

    def register(build: Build) -> Build:
        limit = least if most == -1 else most
        _register(
            Function(names, least, limit, build, aggregate=True, params=params, window_only=window_only), any_case
        )
        return build

    return register


def find(name: str) -> Function | None:
    """The entry for a name as it is written, None if the list does not have it."""
    return FUNCTIONS.get(name) or FUNCTIONS.get(ANY_CASE.get(name.lower(), ""))


def build(function: Function, call: Call) -> Value:
    """Compile a call after checking how many arguments it has.

    Raises:
        NoRule: the arguments do not fit the function.
    """
    if len(call) < function.least or (function.most is not None and len(call) > function.most):
        raise NoRule(f"{call.name} expects {_count(function.least, function.most)}, found {len(call)}")
    if function.aggregate:
        return _built_aggregate(function, call)
    if not function.keeps_null and any(argument.type.bare == NOTHING for argument in call.args):
        return Value("NULL", nullable(NOTHING), constant=True)
    value = function.build(call)
    if not function.keeps_null and any(argument.type.nullable for argument in call.args):
        value = replace(value, type=nullable(value.type))
    value = replace(value, type=_low_cardinality(value.type, call.args) if not function.keeps_null else value.type)
    return replace(value, constant=value.constant or all(argument.constant for argument in call.args))


def _built_aggregate(function: Function, call: Call) -> Value:
    low, high = function.params
    if not low <= len(call.params) <= high:
        raise NoRule(f"{call.name} expects {_count(low, high, 'parameter')}, found {len(call.params)}")
    stripped = tuple(replace(argument, type=plain(without_low_cardinality(argument.type))) for argument in call.args)
    if not _COUNTING & {*function.names} and any(argument.literal is None for argument in call.args):
        return Value("NULL", nullable(NOTHING))
    value = function.build(replace(call, args=stripped))
    first = call.args[0].type if call.args else None
    if call.name in _KEEP_SIMPLE and first and first.name == "SimpleAggregateFunction" and value.type == first.bare:
        return replace(value, type=first)
    return value


def _low_cardinality(type_: Type, arguments: Sequence[Value]) -> Type:
    """ClickHouse computes over the dictionary when all but one argument are constants, and keeps it in the type."""
    varying = [argument for argument in arguments if not argument.constant]
    one = len(varying) == 1 and varying[0].type.name == "LowCardinality"
    allowed = type_.bare.name in ("String", "FixedString", "Date", "DateTime", "UUID") or type_.is_number
    if one and allowed and not type_.is_decimal and type_.name != "LowCardinality":
        return Type("LowCardinality", (type_,))
    return type_


def _count(least: int, most: int | None, what: str = "argument") -> str:
    if most is None:
        return f"at least {least} {what}s"
    if least == most:
        return f"{least} {what}{'' if least == 1 else 's'}"
    return f"{least} to {most} {what}s"


def reading(values: Sequence[Value]) -> str:
    """The SQL of values, comma-joined."""
    return ", ".join(value.number for value in values)
