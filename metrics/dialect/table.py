"""The allow-list of functions: each has a name, how many arguments it takes, and what it becomes.

A module of functions registers its own with `@scalar` or `@aggregate`; a name that nobody registers does not compile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from metrics.dialect.rules import NOTHING, NoRule, plain
from metrics.dialect.types import Type, nullable
from metrics.dialect.values import Value


@dataclass(frozen=True)
class Call:
    """A call that is to be compiled; `tail` is the FILTER and OVER that an aggregate carries."""

    name: str
    args: tuple[Value, ...]
    params: tuple[Value, ...] = ()
    distinct: bool = False
    tail: str = ""
    filtered: bool = False
    or_null: bool = False
    levels: tuple[float, ...] = ()  # of all quantiles over the same argument in the same SELECT

    def __getitem__(self, position: int) -> Value:
        return self.args[position]

    def __len__(self) -> int:
        return len(self.args)

    def get(self, position: int) -> Value | None:
        return self.args[position] if position < len(self.args) else None

    def over(self, sql: str) -> str:
        """An aggregate's SQL with its FILTER and OVER."""
        return f"{sql}{self.tail}"

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
    summary: str = field(default="", compare=False)


FUNCTIONS: Final[dict[str, Function]] = {}
# ClickHouse's names are case-sensitive but for those it took from the SQL standard.
ANY_CASE: Final[dict[str, str]] = {}


def _register(function: Function, any_case: bool) -> None:
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
    stripped = tuple(replace(argument, type=plain(argument.type)) for argument in call.args)
    return function.build(replace(call, args=stripped))


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
