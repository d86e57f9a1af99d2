"""Rules of types: what ClickHouse makes of two types, and how each type and literal is written for DuckDB.

`UInt8 + UInt8` is a `UInt16`, `if(c, UInt8, Int32)` an `Int32`, the sum of no `UInt32` is 0: the rules hold whatever
function asks. A pair of types that ClickHouse itself cannot join, or joins to a Variant, is refused by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

from metrics.dialect.types import Type, array, decimal, elements, not_nullable, nullable

UINT8: Final = Type("UInt8")
UINT16: Final = Type("UInt16")
UINT32: Final = Type("UInt32")
UINT64: Final = Type("UInt64")
INT8: Final = Type("Int8")
INT16: Final = Type("Int16")
INT32: Final = Type("Int32")
INT64: Final = Type("Int64")
FLOAT32: Final = Type("Float32")
FLOAT64: Final = Type("Float64")
STRING: Final = Type("String")
BOOL: Final = Type("Bool")
DATE: Final = Type("Date")
DATETIME: Final = Type("DateTime")
UUID: Final = Type("UUID")
NOTHING: Final = Type("Nothing")

_DUCK: Final = {
    "UInt8": "UTINYINT",
    "UInt16": "USMALLINT",
    "UInt32": "UINTEGER",
    "UInt64": "UBIGINT",
    "UInt128": "UHUGEINT",
    "Int8": "TINYINT",
    "Int16": "SMALLINT",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "Int128": "HUGEINT",
    "Float32": "FLOAT",
    "Float64": "DOUBLE",
    "String": "VARCHAR",
    "FixedString": "VARCHAR",
    "Enum8": "VARCHAR",
    "Enum16": "VARCHAR",
    "JSON": "VARCHAR",
    "IPv4": "VARCHAR",
    "IPv6": "VARCHAR",
    "Bool": "BOOLEAN",
    "Date": "DATE",
    "Date32": "DATE",
    "DateTime": "TIMESTAMP",
    "DateTime64": "TIMESTAMP",
    "UUID": "UUID",
    "Nothing": "INTEGER",
}


class NoRule(Exception):
    """ClickHouse has no type for this, or one that DuckDB cannot hold; the message is the reason."""


def duck_type(type_: Type) -> str:
    """The DuckDB type that holds values of a ClickHouse type.

    Raises:
        NoRule: DuckDB has none.
    """
    bare = type_.bare
    if bare.name == "AggregateFunction":
        return state_duck_type(bare)
    if bare.name == "Array":
        return f"{duck_type(bare.inner)}[]"
    if bare.name == "Map":
        key, value = (argument for argument in bare.args if isinstance(argument, Type))
        return f"MAP({duck_type(key)}, {duck_type(value)})"
    if bare.name == "Tuple":
        return f"STRUCT({', '.join(f'{quoted(name)} {duck_type(each)}' for name, each in elements(bare))})"
    if bare.is_decimal and bare.precision <= 38:
        return f"DECIMAL({bare.precision}, {bare.scale})"
    if bare.name in _DUCK:
        return _DUCK[bare.name]
    raise NoRule(f"the type {bare} needs the ClickHouse engine")


# What a state keeps, by function; every other function's state is the list of its arguments' values.
STATE_KINDS: Final = {
    "count": "count",
    **dict.fromkeys(("sum", "sumWithOverflow", "sumKahan", "min", "max", "any", "anyLast"), "value"),
    **dict.fromkeys(("groupBitAnd", "groupBitOr", "groupBitXor"), "value"),
    "avg": "mean",
    **dict.fromkeys(("argMin", "argMax"), "pair"),
    **dict.fromkeys(("uniq", "uniqExact", "uniqCombined", "uniqCombined64", "uniqHLL12", "uniqTheta"), "set"),
    **dict.fromkeys(("countDistinct", "groupUniqArray"), "set"),
}


def state_function(type_: Type) -> tuple[str, str]:
    """The function of an AggregateFunction type without combinators, and the text of its parameters."""
    name, _, parameters = str(type_.bare.args[0]).partition("(")
    name = name.removesuffix("If")
    # countDistinct is a function of its own: its state is a set, that of count a number
    return name if name in STATE_KINDS else name.removesuffix("Distinct"), parameters.removesuffix(")")


def state_arguments(type_: Type) -> list[Type]:
    """The types of the values that a state is made of; the condition of -If is not among them."""
    types = [plain(argument) for argument in type_.bare.args if isinstance(argument, Type)]
    return types[:-1] if str(type_.bare.args[0]).partition("(")[0].endswith("If") else types


def state_duck_type(type_: Type) -> str:
    """The DuckDB type that holds an AggregateFunction's state.

    A state is an ordinary value, so that it can be a declared column of a table or of a Parquet file, and outlives
    versions of DuckDB: a count, a sum, {total, rows} of an average, {value, place} of argMax, a list of values else.
    """
    name, _ = state_function(type_)
    types = state_arguments(type_)
    kind = STATE_KINDS.get(name, "list")
    if kind == "count":
        return "UBIGINT"
    if kind == "mean":
        return f"STRUCT(total {duck_type(mean_total(types[0].bare))}, rows UBIGINT)"
    if kind == "pair":
        return f"STRUCT(value {duck_type(types[0])}, place {duck_type(types[1])})"
    if kind == "value":
        if name == "sum" or (name == "sumKahan" and types[0].is_decimal):
            return duck_type(sum_type(types[0].bare))
        if name == "sumWithOverflow" and types[0].bare == BOOL:
            return duck_type(UINT8)
        return duck_type(FLOAT64 if name == "sumKahan" else types[0])
    if len(types) == 1:
        return f"{duck_type(types[0])}[]"
    return f"STRUCT({', '.join(f'v{place} {duck_type(each)}' for place, each in enumerate(types, 1))})[]"


def mean_total(type_: Type) -> Type:
    """The type of the total that an average is computed from."""
    if type_.is_decimal:
        return decimal(38, type_.scale)
    return Type("Int128") if type_.is_integer else FLOAT64


def default_sql(type_: Type) -> str:
    """The value that ClickHouse gives where there is none: 0, '', 1970-01-01, []; NULL for a Nullable."""
    if type_.nullable:
        return f"CAST(NULL AS {duck_type(type_)})"
    bare = type_.bare
    if bare.is_array:
        return f"CAST([] AS {duck_type(bare)})"
    if bare.name == "Tuple":
        return f"CAST(ROW({', '.join(default_sql(each) for _, each in elements(bare))}) AS {duck_type(bare)})"
    if bare.name == "Map":
        return f"CAST(MAP {{}} AS {duck_type(bare)})"
    if bare.is_number and bare.name != "Bool":
        return f"CAST(0 AS {duck_type(bare)})"
    texts = {
        "Bool": "FALSE",
        "Date": "DATE '1970-01-01'",
        "DateTime": "TIMESTAMP '1970-01-01 00:00:00'",
        "DateTime64": "TIMESTAMP '1970-01-01 00:00:00'",
        "UUID": "CAST('00000000-0000-0000-0000-000000000000' AS UUID)",
    }
    if bare.name in texts:
        return texts[bare.name]
    if bare.name in ("String", "FixedString", "JSON"):
        return "''"
    raise NoRule(f"the default of the type {bare} needs the ClickHouse engine")


def quoted(name: str) -> str:
    """An identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def text_sql(text: str) -> str:
    """A string literal of DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def literal_type(value: object) -> Type:
    """The type that ClickHouse gives a number or text written in SQL."""
    if value is None:
        return nullable(NOTHING)
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return _integer_type(value)
    return FLOAT64 if isinstance(value, float) else STRING


def _integer_type(value: int) -> Type:
    if value >= 0:
        return next((Type(f"UInt{bits}") for bits in (8, 16, 32, 64, 128) if value < 2**bits), FLOAT64)
    return next((Type(f"Int{bits}") for bits in (8, 16, 32, 64, 128) if value >= -(2 ** (bits - 1))), FLOAT64)


def _int(bits: int, signed: bool) -> Type:
    return Type(f"{'' if signed else 'U'}Int{bits}")


def _next_bits(*types: Type) -> int:
    """The next size above the largest of the operands, 64 at most."""
    return min(64, 2 * max(type_.bits for type_ in types))


def arithmetic(operator: str, left: Type, right: Type) -> Type:
    """The type of `left operator right` for two bare numbers; `operator` is ClickHouse's function name.

    Raises:
        NoRule: ClickHouse has no such operation, or its result is outside what DuckDB can hold exactly.
    """
    if left.is_decimal or right.is_decimal:
        return _decimal_arithmetic(operator, left, right)
    if max(left.bits, right.bits) > 64:
        raise NoRule(f"{operator} of {left} and {right} needs the ClickHouse engine")
    floats = left.is_float or right.is_float
    if operator == "divide" or (floats and operator in ("plus", "minus", "multiply", "modulo")):
        return FLOAT64
    if operator in ("plus", "multiply"):
        return _int(_next_bits(left, right), left.signed or right.signed)
    if operator == "minus":
        return _int(_next_bits(left, right), True)
    if operator == "intDiv":
        return _int(left.bits, left.signed or right.signed or floats)
    if operator == "positiveModulo":
        return FLOAT64 if floats else _int(right.bits, False)
    if operator == "modulo":
        return _int(right.bits if not left.signed else min(64, 2 * right.bits), left.signed)
    raise NoRule(f"{operator} of {left} and {right} needs the ClickHouse engine")


def _decimal_arithmetic(operator: str, left: Type, right: Type) -> Type:
    if left.is_float or right.is_float:
        if operator in ("plus", "minus", "multiply", "divide"):
            return FLOAT64
        raise NoRule(f"{operator} of {left} and {right} needs the ClickHouse engine")
    precision = max(_decimal_precision(left), _decimal_precision(right))
    scales = (left.scale, right.scale)
    if operator in ("plus", "minus"):
        return decimal(precision, max(scales))
    if operator == "multiply" and sum(scales) <= precision:
        return decimal(precision, sum(scales))
    if operator == "divide":
        scale = left.scale if left.is_decimal else right.scale
        if scale < right.scale:
            raise NoRule(f"{left} divided by {right}: the divisor has more places than the result")
        return decimal(precision, scale)
    raise NoRule(f"{operator} of {left} and {right} needs the ClickHouse engine; toFloat64() of one of them does not")


def _decimal_precision(type_: Type) -> int:
    """The widest Decimal of the same storage: 9, 18 or 38 digits."""
    if not type_.is_decimal:
        return 0
    return next(digits for digits in (9, 18, 38, 76) if type_.precision <= digits)


def supertype(types: Sequence[Type]) -> Type:
    """The least type that holds values of all `types`, as `if`, arrays and UNION have it.

    Raises:
        NoRule: there is none, or only a Variant.
    """
    some = [type_ for type_ in types if type_.bare != NOTHING]
    if not some:
        return nullable(NOTHING)
    joined = reduce(_join, (type_.bare for type_ in some))
    return nullable(joined) if any(type_.nullable for type_ in types) else joined


def _join(left: Type, right: Type) -> Type:
    if left == right:
        return left
    if left.is_array and right.is_array:
        return array(supertype([left.inner, right.inner]))
    if left.is_tuple and right.is_tuple and len(left.args) == len(right.args):
        pairs = zip(elements(left), elements(right), strict=True)
        return Type("Tuple", tuple(supertype([one, other]) for (_, one), (_, other) in pairs))
    if left.is_map and right.is_map:
        pairs_of_types = zip(left.key_and_value, right.key_and_value, strict=True)
        return Type("Map", tuple(supertype(pair) for pair in pairs_of_types))
    if left.is_number and right.is_number:
        return _join_numbers(left, right)
    if left.is_text and right.is_text:
        return STRING
    if (left.is_date or left.is_time) and (right.is_date or right.is_time):
        return _join_times(left, right)
    raise NoRule(f"there is no common type of {left} and {right}")


def _join_numbers(left: Type, right: Type) -> Type:
    if left.is_decimal or right.is_decimal:
        return _join_decimals(left, right)
    if "Bool" in (left.name, right.name):
        raise NoRule(f"there is no common type of {left} and {right}")
    if left.is_float or right.is_float:
        widest = max(_mantissa(left), _mantissa(right))
        if widest > 53:
            raise NoRule(f"there is no common type of {left} and {right}")
        return FLOAT32 if widest <= 24 else FLOAT64
    if left.signed == right.signed:
        return left if left.bits >= right.bits else right
    signed, unsigned = (left, right) if left.signed else (right, left)
    bits = max(signed.bits, 2 * unsigned.bits)
    if bits > 64:
        raise NoRule(f"there is no common type of {left} and {right}")
    return _int(bits, True)


def _mantissa(type_: Type) -> int:
    """The bits that a floating type needs to hold every value of a type exactly."""
    if type_.is_float:
        return 24 if type_.bits == 32 else 53
    return type_.bits


def _join_decimals(left: Type, right: Type) -> Type:
    if left.is_float or right.is_float:
        raise NoRule(f"there is no common type of {left} and {right}")
    scale = max(left.scale, right.scale)
    digits = max(_whole_digits(left), _whole_digits(right)) + scale
    fits = next((limit for limit in (9, 18, 38) if digits <= limit), 0)
    if not fits:
        raise NoRule(f"there is no common type of {left} and {right}")
    return decimal(max(fits, _decimal_precision(left), _decimal_precision(right)), scale)


def _whole_digits(type_: Type) -> int:
    if type_.is_decimal:
        return type_.precision - type_.scale
    return {8: 3, 16: 5, 32: 10, 64: 19 + (not type_.signed)}[type_.bits]


def _join_times(left: Type, right: Type) -> Type:
    if left.is_date and right.is_date:
        return Type("Date32")
    times = [type_ for type_ in (left, right) if type_.is_time]
    precise = max(times, key=lambda type_: type_.scale)
    return precise if all(time.zone == precise.zone for time in times) else Type(precise.name, times[0].args)


def sum_type(type_: Type) -> Type:
    """The type of `sum` over a bare type: the widest of its kind."""
    if type_.is_decimal:
        return decimal(38, type_.scale)
    if type_.is_float:
        return FLOAT64
    if type_.is_integer and type_.bits <= 64:
        return INT64 if type_.signed else UINT64
    raise NoRule(f"sum of {type_} needs the ClickHouse engine")


def propagate(result: Type, arguments: Sequence[Type]) -> Type:
    """`result`, Nullable if any argument is: how ClickHouse's ordinary functions treat NULL."""
    return nullable(result) if any(argument.nullable for argument in arguments) else result


def plain(type_: Type) -> Type:
    """A type without LowCardinality, which says how values are kept and nothing about them."""
    inner = not_nullable(type_).bare
    return nullable(inner) if type_.nullable else inner
