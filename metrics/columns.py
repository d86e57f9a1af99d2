"""ClickHouse types and what they are to DuckDB, to Arrow and to a JSON value: the one table of types.

Every other stage asks here: the store for the DuckDB type, validation for the decoder and the coercion, the writer for
the Arrow array, the formats for the JSON form. The names are ClickHouse's own, as `system.data_type_families` lists
them. `docs/ingest.md` holds the coercion rules that `coerce` implements.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from metrics.dialect import storage_type
from metrics.errors import DefinitionError

Coerce = Callable[[object], object]

_json = msgspec.json.Encoder(decimal_format="number")
_wide = Context(prec=100)


@dataclass(frozen=True)
class ColumnType:
    """One ClickHouse type.

    `text` is the type as ClickHouse prints it. `coerce` takes a decoded JSON value that is not null (floats arrive as
    Decimal, so that no digit is lost) and raises ValueError when it is not of this type. `decode` is the annotation
    with which msgspec reads the same value at once, or None where only `coerce` may look at it: whatever `decode`
    accepts, `coerce` turns into the same value (validation.py tells the two exceptions: times and Decimals).
    """

    text: str
    nullable: bool
    duckdb: str
    arrow: pa.DataType
    coerce: Coerce
    decode: Any = None
    array: Callable[[Sequence[object]], pa.Array] | None = None

    def to_arrow(self, values: Sequence[object]) -> pa.Array:
        """The values of one column, None for unknown, as an Arrow array of `arrow`."""
        return self.array(values) if self.array else pa.array(values, self.arrow)


@lru_cache(maxsize=4096)
def parse_type(text: str) -> ColumnType:
    """The type that `text` names.

    Raises:
        DefinitionError: the type is unknown, needs arguments, or cannot be held by DuckDB.
    """
    name, arguments = _split(text.strip())
    if name == "Nullable":
        inner = parse_type(_one(name, arguments))
        if inner.text.startswith(("Array(", "Map(", "Tuple(", "Nullable(")):
            raise DefinitionError(f"the type {text} is not supported: {inner.text} cannot be inside Nullable")
        return _replaced(inner, f"Nullable({inner.text})", nullable=True)
    if name == "LowCardinality":
        inner = parse_type(_one(name, arguments))
        return _replaced(inner, f"LowCardinality({inner.text})", nullable=inner.nullable)
    if name == "SimpleAggregateFunction" and len(arguments) == 2:
        inner = parse_type(arguments[1])
        return _replaced(inner, f"SimpleAggregateFunction({arguments[0]}, {inner.text})", nullable=inner.nullable)
    maker = _MAKERS.get(name)
    if maker is None:
        raise DefinitionError(f"the type {text} is not supported{_HINTS.get(name, '')}")
    return maker(name, arguments)


def _replaced(inner: ColumnType, text: str, *, nullable: bool) -> ColumnType:
    return ColumnType(text, nullable, inner.duckdb, inner.arrow, inner.coerce, inner.decode, inner.array)


def _split(text: str) -> tuple[str, list[str]]:
    """`Map(String, Array(UInt8))` -> ("Map", ["String", "Array(UInt8)"])."""
    match = re.fullmatch(r"(\w+)\s*(?:\((.*)\))?", text, re.DOTALL)
    if not match:
        raise DefinitionError(f"{text!r} is not a type")
    return match[1], split_commas(match[2] or "")


def split_commas(text: str) -> list[str]:
    """Split at the commas that stand outside brackets and quotes; the parts are stripped, an empty text has none."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def _one(name: str, arguments: list[str]) -> str:
    if len(arguments) != 1:
        raise DefinitionError(f"{name} takes one type, such as {name}(String)")
    return arguments[0]


# --- numbers -----------------------------------------------------------------------------------------------------


def _integer(name: str, arguments: list[str]) -> ColumnType:
    if arguments:
        raise DefinitionError(f"{name} takes no arguments")
    bits = int(name.lstrip("UInt"))
    signed = not name.startswith("U")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)

    def coerce(value: object) -> int:
        if isinstance(value, str) and bits >= 64 and re.fullmatch(r"-?[0-9]{1,40}", value):
            value = int(value)
        if not isinstance(value, int) or (isinstance(value, bool) and bits > 8) or not low <= value <= high:
            raise ValueError
        return int(value)

    if bits <= 64:
        decode = Annotated[int, msgspec.Meta(ge=low, le=min(high, 2**63 - 1))]
        return ColumnType(name, False, _INTEGERS[name], getattr(pa, name.lower())(), coerce, decode)
    return ColumnType(name, False, _INTEGERS[name], pa.string(), coerce, None, _as_text)


_INTEGERS = {
    "Int8": "TINYINT", "Int16": "SMALLINT", "Int32": "INTEGER", "Int64": "BIGINT", "Int128": "HUGEINT",
    "UInt8": "UTINYINT", "UInt16": "USMALLINT", "UInt32": "UINTEGER", "UInt64": "UBIGINT", "UInt128": "UHUGEINT",
}  # fmt: skip


def _as_text(values: Sequence[object]) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _float(name: str, arguments: list[str]) -> ColumnType:
    bound = 3.4028234663852886e38 if name == "Float32" else 1.7976931348623157e308

    def coerce(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise ValueError
        number = float(value)
        if not -bound <= number <= bound:
            raise ValueError
        return number

    duckdb, arrow = ("FLOAT", pa.float32()) if name == "Float32" else ("DOUBLE", pa.float64())
    return ColumnType(name, False, duckdb, arrow, coerce, Annotated[float, msgspec.Meta(ge=-bound, le=bound)])


def _decimal(name: str, arguments: list[str]) -> ColumnType:
    if name == "Decimal":
        if len(arguments) not in (1, 2) or not all(part.isdigit() for part in arguments):
            raise DefinitionError("Decimal takes a precision and a scale, such as Decimal(18, 9)")
        precision, scale = int(arguments[0]), int([*arguments, "0"][1])
    else:
        precision, scale = {"32": 9, "64": 18, "128": 38}[name.removeprefix("Decimal")], int(_one(name, arguments))
    if not 1 <= precision <= 38 or scale > precision:
        raise DefinitionError(f"Decimal({precision}, {scale}) cannot be held: at most 38 digits, scale not above them")
    unit, bound = Decimal(1).scaleb(-scale), Decimal(10) ** (precision - scale)

    def coerce(value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            raise ValueError
        try:
            rounded = Decimal(str(value)).quantize(unit, rounding=ROUND_HALF_EVEN, context=_wide)
        except InvalidOperation:
            raise ValueError from None
        if not rounded.is_finite() or not -bound < rounded < bound:
            raise ValueError
        return rounded

    text, arrow = f"Decimal({precision}, {scale})", pa.decimal128(precision, scale)
    half = float(bound) / 2  # well inside the bound, so that no rounding of the float can cross it
    decode = Annotated[float, msgspec.Meta(ge=-half, le=half)] if precision <= 18 else None
    return ColumnType(text, False, f"DECIMAL({precision},{scale})", arrow, coerce, decode)


def _boolean(name: str, arguments: list[str]) -> ColumnType:
    def coerce(value: object) -> bool:
        if not isinstance(value, int) or value not in (0, 1):
            raise ValueError
        return bool(value)

    return ColumnType("Bool", False, "BOOLEAN", pa.bool_(), coerce, bool)


# --- text --------------------------------------------------------------------------------------------------------


def json_text(value: object) -> str:
    """The JSON text of a decoded value; a string is itself."""
    return value if isinstance(value, str) else _json.encode(value).decode()


def _string(name: str, arguments: list[str]) -> ColumnType:
    return ColumnType("String", False, "VARCHAR", pa.string(), json_text, str)


def _fixed_string(name: str, arguments: list[str]) -> ColumnType:
    length = int(_one(name, arguments))

    def coerce(value: object) -> str:
        text = json_text(value)
        if len(text.encode()) > length:
            raise ValueError
        return text

    return ColumnType(f"FixedString({length})", False, "VARCHAR", pa.string(), coerce)


def _json_column(name: str, arguments: list[str]) -> ColumnType:
    def coerce(value: object) -> str:
        if not isinstance(value, dict):
            raise ValueError
        return json_text(value)

    return ColumnType("JSON", False, "VARCHAR", pa.string(), coerce)


def _uuid(name: str, arguments: list[str]) -> ColumnType:
    def coerce(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        return str(uuid.UUID(value))

    return ColumnType("UUID", False, "UUID", pa.string(), coerce)


def _address(name: str, arguments: list[str]) -> ColumnType:
    parse: Callable[[str], object] = ipaddress.IPv4Address if name == "IPv4" else ipaddress.IPv6Address

    def coerce(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        return str(parse(value))

    return ColumnType(name, False, "VARCHAR", pa.string(), coerce)


def _enum(name: str, arguments: list[str]) -> ColumnType:
    members: dict[int, str] = {}
    for position, argument in enumerate(arguments, start=1):
        match = re.fullmatch(r"'((?:[^'\\]|\\.)*)'(?:\s*=\s*(-?\d+))?", argument)
        if not match:
            raise DefinitionError(f"{name} takes members such as 'a' = 1, not {argument}")
        members[int(match[2] or position)] = match[1]
    names = set(members.values())

    def coerce(value: object) -> str:
        if isinstance(value, int) and value in members:
            return members[value]
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    text = ", ".join(f"'{member}' = {number}" for number, member in members.items())
    return ColumnType(f"{name}({text})", False, "VARCHAR", pa.string(), coerce)


# --- time --------------------------------------------------------------------------------------------------------

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:?\d\d)?")


def parse_time(value: object, zone: tzinfo = UTC) -> datetime:
    """A JSON time as an aware UTC datetime, cut (not rounded) to microseconds.

    Accepted: `2026-01-02 03:04:05`, the same with a `T`, with a fraction of any length, with `Z` or an offset; a
    number of seconds, milliseconds, microseconds or nanoseconds since 1970 (told apart by size). A time without an
    offset is in `zone`. Raises ValueError for anything else.
    """
    if isinstance(value, str):
        match = _TIME.fullmatch(value)
        if not match:
            raise ValueError
        day, clock, fraction, offset = match.groups()
        parsed = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{(offset or '').upper()}")
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError
    return _from_epoch(Decimal(str(value)))


def _from_epoch(number: Decimal) -> datetime:
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if abs(number) < 100_000_000_000 * unit:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(number * 1_000_000 / unit))
    raise ValueError


def _zone(argument: str) -> tzinfo:
    name = argument.strip("'\"")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise DefinitionError(f"{name!r} is not a time zone of the IANA database") from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = _EPOCH + timedelta(seconds=2**32 - 1)


def _datetime(name: str, arguments: list[str]) -> ColumnType:
    zone = _zone(arguments[0]) if arguments else UTC

    def coerce(value: object) -> datetime:
        moment = _in_range(lambda: parse_time(value, zone)).replace(microsecond=0)
        if not _EPOCH <= moment <= _LAST_SECOND:
            raise ValueError
        return moment

    text = f"DateTime({arguments[0]})" if arguments else "DateTime"
    decode = None if arguments else datetime
    return ColumnType(text, False, "TIMESTAMP", pa.timestamp("us"), coerce, decode, _whole_seconds)


def _in_range(parse: Callable[[], datetime]) -> datetime:
    try:
        return parse()
    except OverflowError:
        raise ValueError from None


def _whole_seconds(values: Sequence[object]) -> pa.Array:
    # Arrow takes an aware time as its UTC instant and a naive one as UTC already; casting to seconds cuts the fraction.
    return pc.cast(pa.array(values, pa.timestamp("s")), pa.timestamp("us"))


def _datetime64(name: str, arguments: list[str]) -> ColumnType:
    if not arguments or not arguments[0].isdigit() or int(arguments[0]) > 9:
        raise DefinitionError("DateTime64 needs a precision, such as DateTime64(3)")
    precision = int(arguments[0])
    zone = _zone(arguments[1]) if len(arguments) > 1 else UTC
    step = 10 ** max(0, 6 - precision)

    def coerce(value: object) -> datetime:
        moment = _in_range(lambda: parse_time(value, zone))
        if not 1900 <= moment.year <= 2299:
            raise ValueError
        return moment.replace(microsecond=moment.microsecond // step * step, tzinfo=None)

    text = f"DateTime64({', '.join(arguments)})"
    return ColumnType(text, False, "TIMESTAMP", pa.timestamp("us"), coerce)


def _date(name: str, arguments: list[str]) -> ColumnType:
    first, last = (date(1970, 1, 1), date(2149, 6, 6)) if name == "Date" else (date(1900, 1, 1), date(2299, 12, 31))

    def coerce(value: object) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise ValueError
        day = date.fromisoformat(value)
        if not first <= day <= last:
            raise ValueError
        return day

    return ColumnType(name, False, "DATE", pa.date32(), coerce)


# --- nested ------------------------------------------------------------------------------------------------------


def _array(name: str, arguments: list[str]) -> ColumnType:
    item = parse_type(_one(name, arguments))

    def coerce(value: object) -> list[object]:
        if not isinstance(value, list):
            raise ValueError
        return [_element(item, element) for element in value]

    return ColumnType(f"Array({item.text})", False, f"{item.duckdb}[]", pa.list_(item.arrow), coerce)


def _element(item: ColumnType, value: object) -> object:
    if value is None:
        if not item.nullable:
            raise ValueError
        return None
    return item.coerce(value)


def _map(name: str, arguments: list[str]) -> ColumnType:
    if len(arguments) != 2:
        raise DefinitionError("Map takes a key type and a value type, such as Map(String, String)")
    key, item = parse_type(arguments[0]), parse_type(arguments[1])

    def coerce(value: object) -> list[tuple[object, object]]:
        if not isinstance(value, dict):
            raise ValueError
        return [(key.coerce(name), _element(item, element)) for name, element in value.items()]

    text = f"Map({key.text}, {item.text})"
    return ColumnType(text, False, f"MAP({key.duckdb}, {item.duckdb})", pa.map_(key.arrow, item.arrow), coerce)


def _tuple(name: str, arguments: list[str]) -> ColumnType:
    named = [argument.split(None, 1) if re.match(r"\w+\s+\w", argument) else ["", argument] for argument in arguments]
    items = [parse_type(text) for _, text in named]
    names = [label or str(position) for position, (label, _) in enumerate(named, start=1)]

    def coerce(value: object) -> dict[str, object]:
        values = [value.get(label) for label in names] if isinstance(value, dict) else value
        if not isinstance(values, list) or len(values) != len(items):
            raise ValueError
        return {label: _element(item, element) for label, item, element in zip(names, items, values, strict=True)}

    text = ", ".join(f"{label} {item.text}".strip() for (label, _), item in zip(named, items, strict=True))
    duckdb = ", ".join(f'"{label}" {item.duckdb}' for label, item in zip(names, items, strict=True))
    arrow = pa.struct([(label, item.arrow) for label, item in zip(names, items, strict=True)])
    return ColumnType(f"Tuple({text})", False, f"STRUCT({duckdb})", arrow, coerce)


def _state(name: str, arguments: list[str]) -> ColumnType:
    """A state of an aggregate, which a materialized pipe makes and no event has."""
    text = f"{name}({', '.join(arguments)})"

    def coerce(value: object) -> object:
        raise ValueError

    try:
        return ColumnType(text, False, storage_type(text), pa.string(), coerce)
    except DefinitionError as error:
        raise DefinitionError(f"the type {text} is not supported: {error.reason}") from None


_MAKERS: dict[str, Callable[[str, list[str]], ColumnType]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    "Float32": _float, "Float64": _float, "Bool": _boolean,
    "Decimal": _decimal, "Decimal32": _decimal, "Decimal64": _decimal, "Decimal128": _decimal,
    "String": _string, "FixedString": _fixed_string, "JSON": _json_column, "UUID": _uuid,
    "IPv4": _address, "IPv6": _address, "Enum8": _enum, "Enum16": _enum,
    "DateTime": _datetime, "DateTime64": _datetime64, "Date": _date, "Date32": _date,
    "Array": _array, "Map": _map, "Tuple": _tuple, "AggregateFunction": _state,
}  # fmt: skip

_HINTS = {
    "Boolean": "; use Bool or UInt8",
    "Int": "; give its width, such as Int32",
    "UInt": "; give its width, such as UInt32",
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), ": DuckDB holds at most 128 bits"),
    "SimpleAggregateFunction": "; give its function and its type, such as SimpleAggregateFunction(sum, UInt64)",
}
