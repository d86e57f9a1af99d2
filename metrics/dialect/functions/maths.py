"""Functions of floats: roots, logarithms, angles, constants; outside their domain they are NaN or infinite."""

from __future__ import annotations

import math
from typing import Final

from metrics.dialect.rules import FLOAT64, INT64, UINT64, NoRule
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast, condition

_FLOATS: Final = {
    "sqrt": "ch_sqrt",
    "cbrt": "cbrt",
    "exp": "exp",
    "log": "ch_log",
    "ln": "ch_log",
    "log2": "ch_log2",
    "log10": "ch_log10",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "ch_asin",
    "acos": "ch_acos",
    "atan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "ch_acosh",
    "atanh": "ch_atanh",
    "log1p": "ch_log1p",
    "exp10": "ch_exp10",
    "sigmoid": "ch_sigmoid",
    "tgamma": "ch_tgamma",
    "degrees": "degrees",
    "radians": "radians",
}


def _of_float(call: Call) -> Value:
    name = _FLOATS[call.name.lower()]
    return Value(f"{name}({cast(call[0], FLOAT64)})", FLOAT64)


scalar(*_FLOATS, any_case=True)(_of_float)


@scalar("pow", "power", least=2, any_case=True)
def power(call: Call) -> Value:
    return Value(f"pow({cast(call[0], FLOAT64)}, {cast(call[1], FLOAT64)})", FLOAT64)


@scalar("exp2")
def power_of_two(call: Call) -> Value:
    return Value(f"pow(2e0, {cast(call[0], FLOAT64)})", FLOAT64)


@scalar("pi", "e", least=0)
def constant(call: Call) -> Value:
    value = math.pi if call.name == "pi" else math.e
    return Value(f"CAST({value!r} AS DOUBLE)", FLOAT64, constant=True)


@scalar("isNaN", "isFinite", "isInfinite")
def float_class(call: Call) -> Value:
    if not call[0].type.is_number or call[0].type.is_decimal:
        raise NoRule(f"{call.name} expects a float or a whole number, found {call[0].type}")
    name = {"isNaN": "isnan", "isFinite": "isfinite", "isInfinite": "isinf"}[call.name]
    return condition(f"{name}({cast(call[0], FLOAT64)})", call[0])


@scalar("atan2", "hypot", least=2)
def of_two_floats(call: Call) -> Value:
    name = "atan2" if call.name == "atan2" else "ch_hypot"
    return Value(f"{name}({cast(call[0], FLOAT64)}, {cast(call[1], FLOAT64)})", FLOAT64)


@scalar("intExp2", "intExp10")
def whole_power(call: Call) -> Value:
    """2 or 10 to a power, as a UInt64."""
    if not call[0].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number, found {call[0].type}")
    name = f"ch_{call.name.lower()}"
    return Value(f"{name}({cast(call[0], INT64)})", UINT64)


@scalar("factorial")
def factorial(call: Call) -> Value:
    if not call[0].type.is_integer:
        raise NoRule(f"factorial expects a whole number, found {call[0].type}")
    return Value(f"CAST(factorial(CAST(greatest({call[0].number}, 0) AS INTEGER)) AS UBIGINT)", UINT64)


@scalar("rand", "rand32", "rand64", "randCanonical", least=0, most=1)
def random(call: Call) -> Value:
    """A random number; an argument only tells calls apart."""
    if call.name == "randCanonical":
        return Value("random()", FLOAT64)
    bits = 64 if call.name == "rand64" else 32
    return Value(
        f"CAST(floor(random() * {2**bits}e0) AS {'UBIGINT' if bits == 64 else 'UINTEGER'})", Type(f"UInt{bits}")
    )
