"""Distances between arrays of numbers, and their lengths."""

from __future__ import annotations

from typing import Final

from metrics.dialect.rules import FLOAT32, FLOAT64, NoRule, arithmetic, duck_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, array
from metrics.dialect.values import Value

_DISTANCES: Final = {
    "cosineDistance": "list_cosine_distance({0}, {1})",
    "L2Distance": "list_distance({0}, {1})",
    "L2SquaredDistance": "pow(list_distance({0}, {1}), 2)",
    "L1Distance": "coalesce(list_sum(list_transform(list_zip({0}, {1}), lambda p: abs(p[1] - p[2]))), 0)",
    "LinfDistance": "coalesce(list_max(list_transform(list_zip({0}, {1}), lambda p: abs(p[1] - p[2]))), 0)",
}
_NORMS: Final = {
    "L1Norm": "coalesce(list_sum(list_transform({0}, lambda x: abs(x))), 0)",
    "L2Norm": "sqrt(coalesce(list_sum(list_transform({0}, lambda x: x * x)), 0))",
    "LinfNorm": "coalesce(list_max(list_transform({0}, lambda x: abs(x))), 0)",
}


def _numbers(call: Call, position: int) -> Type:
    type_ = call[position].type
    if not type_.is_array or not type_.bare.inner.is_number or type_.bare.inner.nullable or type_.bare.inner.is_decimal:
        raise NoRule(f"{call.name} expects arrays of numbers, found {type_}")
    return type_.bare.inner.bare


def _floats(call: Call, template: str) -> Value:
    narrow = all(_numbers(call, position) == FLOAT32 for position in range(len(call)))
    type_ = FLOAT32 if narrow else FLOAT64
    sides = (f"CAST({each.sql} AS DOUBLE[])" for each in call.args)
    return Value(f"CAST({template.format(*sides)} AS {duck_type(type_)})", type_)


def _distance(call: Call) -> Value:
    return _floats(call, _DISTANCES[call.name])


def _norm(call: Call) -> Value:
    return _floats(call, _NORMS[call.name])


scalar(*_DISTANCES, least=2)(_distance)
scalar(*_NORMS)(_norm)


@scalar("dotProduct", "scalarProduct", least=2)
def product(call: Call) -> Value:
    left, right = _numbers(call, 0), _numbers(call, 1)
    if left.is_float or right.is_float:
        return _floats(call, "list_inner_product({0}, {1})")
    type_ = arithmetic("multiply", left, right)
    sides = ", ".join(f"CAST({each.sql} AS {duck_type(array(Type('Int128')))})" for each in call.args)
    total = f"list_sum(list_transform(list_zip({sides}), lambda p: p[1] * p[2]))"
    return Value(f"CAST(coalesce({total}, 0) AS {duck_type(type_)})", type_)
