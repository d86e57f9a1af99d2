"""ClickHouse types as values: read from their text, written back as ClickHouse spells them, and compared.

`Nullable(Decimal(18, 9))` is `Type("Nullable", (Type("Decimal", (18, 9)),))`. Every expression that the compiler reads
has one of these; the rules that combine them stand in `rules.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

INTEGERS: Final = tuple(f"{sign}Int{bits}" for bits in (8, 16, 32, 64, 128, 256) for sign in ("", "U"))
FLOATS: Final = ("Float32", "Float64")
_PLAIN: Final = frozenset(
    (*INTEGERS, *FLOATS, "String", "UUID", "Date", "Date32", "Bool", "JSON", "IPv4", "IPv6", "DateTime", "Nothing")
)
_ALIASES: Final = {"BOOL": "Bool", "bool": "Bool"}
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<sign>[(),=]))"
)


class TypeTextError(ValueError):
    """A type's text does not parse. `column` is the offset, from 0, where it went wrong."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class Type:
    """One ClickHouse type: a name and its arguments (types, numbers, quoted texts)."""

    name: str
    args: tuple[Type | int | str, ...] = ()

    def __str__(self) -> str:
        if not self.args:
            return self.name
        return f"{self.name}({', '.join(str(argument) for argument in self.args)})"

    @property
    def inner(self) -> Type:
        """The first type among the arguments: of an Array its elements', of a Nullable the type without NULL."""
        return next(argument for argument in self.args if isinstance(argument, Type))

    @property
    def bare(self) -> Type:
        """This type without LowCardinality, Nullable and SimpleAggregateFunction around it."""
        return self.inner.bare if self.name in ("LowCardinality", "Nullable", "SimpleAggregateFunction") else self

    @property
    def nullable(self) -> bool:
        """Whether a value of this type may be NULL."""
        return self.name == "Nullable" or (
            self.name in ("LowCardinality", "SimpleAggregateFunction") and self.inner.nullable
        )

    @property
    def is_integer(self) -> bool:
        return self.bare.name in INTEGERS or self.bare.name == "Bool"

    @property
    def is_float(self) -> bool:
        return self.bare.name in FLOATS

    @property
    def is_decimal(self) -> bool:
        return self.bare.name == "Decimal"

    @property
    def is_number(self) -> bool:
        return self.is_integer or self.is_float or self.is_decimal

    @property
    def is_text(self) -> bool:
        return self.bare.name in ("String", "FixedString", "Enum8", "Enum16")

    @property
    def is_date(self) -> bool:
        return self.bare.name in ("Date", "Date32")

    @property
    def is_time(self) -> bool:
        return self.bare.name in ("DateTime", "DateTime64")

    @property
    def is_array(self) -> bool:
        return self.bare.name == "Array"

    @property
    def is_tuple(self) -> bool:
        return self.bare.name == "Tuple"

    @property
    def is_map(self) -> bool:
        return self.bare.name == "Map"

    @property
    def key_and_value(self) -> tuple[Type, Type]:
        """The types of a Map's keys and values."""
        key, value = (each for each in self.bare.args if isinstance(each, Type))
        return key, value

    @property
    def bits(self) -> int:
        """The width of an integer or float type, in bits."""
        return 8 if self.bare.name == "Bool" else int(self.bare.name.lstrip("UIntFloa"))

    @property
    def signed(self) -> bool:
        """Whether an integer type has negative values."""
        return self.bare.name.startswith("Int")

    @property
    def precision(self) -> int:
        """The digits of a Decimal."""
        return int(str(self.bare.args[0]))

    @property
    def scale(self) -> int:
        """The places of a Decimal, or the fractional digits of a DateTime64."""
        position = 1 if self.is_decimal else 0
        return int(str(self.bare.args[position])) if self.bare.name in ("Decimal", "DateTime64") else 0

    @property
    def zone(self) -> str | None:
        """The time zone that a DateTime type carries, None for the server's (UTC)."""
        texts = [argument for argument in self.bare.args if isinstance(argument, str)]
        return texts[0].strip("'") if self.is_time and texts else None


def nullable(inner: Type) -> Type:
    """`inner` that may also be NULL; arrays, maps and tuples have no such form in ClickHouse and stay as they are."""
    if inner.nullable or inner.name in ("Array", "Map", "Tuple", "AggregateFunction"):
        return inner
    if inner.name == "LowCardinality":
        return Type("LowCardinality", (nullable(inner.inner),))
    return Type("Nullable", (inner,))


def without_low_cardinality(type_: Type) -> Type:
    """`type_` without LowCardinality, inside arrays, maps and tuples too."""
    if type_.name == "LowCardinality":
        return without_low_cardinality(type_.inner)
    return Type(type_.name, tuple(without_low_cardinality(a) if isinstance(a, Type) else a for a in type_.args))


def not_nullable(type_: Type) -> Type:
    """`type_` without NULL."""
    if type_.name == "LowCardinality":
        return Type("LowCardinality", (not_nullable(type_.inner),))
    if type_.name == "SimpleAggregateFunction":
        return not_nullable(type_.inner)
    return type_.inner if type_.name == "Nullable" else type_


def array(inner: Type) -> Type:
    """The type of arrays of `inner`."""
    return Type("Array", (inner,))


def decimal(precision: int, scale: int) -> Type:
    """`Decimal(precision, scale)`."""
    return Type("Decimal", (precision, scale))


def elements(type_: Type) -> list[tuple[str, Type]]:
    """The elements of a Tuple, each with its name: "1", "2", ... where it has none."""
    found: list[tuple[str, Type]] = []
    for place, argument in enumerate(type_.bare.args, 1):
        if isinstance(argument, Type):
            found.append((str(place), argument))
        else:
            name, _, text = str(argument).partition(" ")
            found.append((name, parse_type(text)))
    return found


def parse_type(text: str) -> Type:
    """Read a type's text.

    Raises:
        TypeTextError: the text is no ClickHouse type; the message says what was expected.
    """
    reader = _Reader(text)
    type_ = reader.type()
    if reader.peek() is not None:
        rest = text[reader.position :].strip()
        raise TypeTextError(f"expected nothing after the type {type_}, found {rest!r}", reader.position)
    return type_


class _Reader:
    """Reads a type's text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text.rstrip()
        self.position = 0

    def peek(self) -> re.Match[str] | None:
        if self.position >= len(self.text):
            return None
        match = _TOKEN.match(self.text, self.position)
        if not match:
            raise TypeTextError(f"expected a type, found {self.text[self.position :]!r}", self.position)
        return match

    def take(self, sign: str) -> bool:
        match = self.peek()
        if match and match["sign"] == sign:
            self.position = match.end()
            return True
        return False

    def type(self) -> Type:
        match = self.peek()
        if not match or not match["word"]:
            raise TypeTextError("expected a type name", self.position)
        start, self.position = self.position, match.end()
        name = _ALIASES.get(match["word"], match["word"])
        return _checked(name, self.arguments(name), start)

    def arguments(self, name: str) -> tuple[Type | int | str, ...] | None:
        if not self.take("("):
            return None
        found: list[Type | int | str] = []
        while not self.take(")"):
            if found and not self.take(","):
                raise TypeTextError(f"expected ',' or ')' in the arguments of {name}", self.position)
            found.append(self.argument(name))
        return tuple(found)

    def argument(self, name: str) -> Type | int | str:
        match = self.peek()
        if match is None:
            raise TypeTextError(f"expected ')' after the arguments of {name}", self.position)
        if match["number"]:
            self.position = match.end()
            return match["number"] if "." in match["number"] else int(match["number"])
        if match["text"]:
            self.position = match.end()
            return self.enum_value(match["text"])
        return self.named(match) if name in ("Tuple", "Nested") else self.function_or_type(name, match)

    def enum_value(self, text: str) -> str:
        if not self.take("="):
            return text
        match = self.peek()
        if not match or not match["number"]:
            raise TypeTextError("expected a number after '=' in an Enum", self.position)
        self.position = match.end()
        return f"{text} = {match['number']}"

    def named(self, match: re.Match[str]) -> Type | str:
        following = _TOKEN.match(self.text, match.end())
        if match["word"] and following and following["word"]:
            self.position = match.end()
            return f"{match['word']} {self.type()}"
        return self.type()

    def function_or_type(self, name: str, match: re.Match[str]) -> Type | str:
        if name in ("AggregateFunction", "SimpleAggregateFunction") and self.text[self.position - 1] == "(":
            self.position = match.end()
            arguments = self.arguments(match["word"])
            return match["word"] + (f"({', '.join(map(str, arguments))})" if arguments else "")
        return self.type()


_DECIMALS: Final = {"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}
_EXPECTED: Final = {
    "Boolean": "Boolean is not supported, use Bool or UInt8",
    "DateTime64": "DateTime64 needs a precision, such as DateTime64(3)",
    "Int": "Int needs a width, such as Int32",
    "UInt": "UInt needs a width, such as UInt32",
}


def _checked(name: str, arguments: tuple[Type | int | str, ...] | None, column: int) -> Type:
    kinds = "".join("t" if isinstance(a, Type) else "n" if isinstance(a, int) else "s" for a in arguments or ())
    if name in _DECIMALS and kinds == "n" and arguments:
        return Type("Decimal", (_DECIMALS[name], arguments[0]))
    if name == "Decimal" and kinds in ("", "n"):
        return Type("Decimal", (arguments[0] if arguments else 10, 0))
    if name in _SHAPES and re.fullmatch(_SHAPES[name], kinds):
        return Type(name, arguments or ())
    raise TypeTextError(_EXPECTED.get(name, _what_was_expected(name)), column)


_SHAPES: Final = {
    **dict.fromkeys(_PLAIN, ""),
    "DateTime": "s?",
    "DateTime64": "ns?",
    "Decimal": "nn",
    "FixedString": "n",
    "Array": "t",
    "Nullable": "t",
    "LowCardinality": "t",
    "Map": "tt",
    "Tuple": "[ts]+",
    "Enum8": "s+",
    "Enum16": "s+",
    "AggregateFunction": "s.*",
    "SimpleAggregateFunction": "st",
}


def _what_was_expected(name: str) -> str:
    if name in _SHAPES or name in _DECIMALS:
        return f"the arguments of the type {name} are wrong"
    return f"expected a type such as String, UInt32 or Nullable(Float64), found {name}"
