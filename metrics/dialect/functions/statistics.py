"""Statistics: spread, correlation, shape; where there are too few rows for them, nan."""

from __future__ import annotations

from metrics.dialect.functions.aggregates import NAN, result
from metrics.dialect.rules import FLOAT32, FLOAT64, NoRule
from metrics.dialect.table import Call, aggregate
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast

_SPREADS = {
    "stddevPop": "stddev_pop",
    "stddevSamp": "stddev_samp",
    "varPop": "var_pop",
    "varSamp": "var_samp",
    "STDDEV_POP": "stddev_pop",
    "STDDEV_SAMP": "stddev_samp",
    "VAR_POP": "var_pop",
    "VAR_SAMP": "var_samp",
}


def _float(call: Call, position: int = 0) -> str:
    value = call[position]
    if not value.type.is_number or (value.type.is_decimal and len(call) > 1):
        raise NoRule(f"{call.name} of {value.type} needs the ClickHouse engine; of toFloat64() of it it does not")
    return cast(value, FLOAT64)


def _of_width(call: Call, sql: str, narrow: bool) -> Value:
    """A Float64, or a Float32 where all arguments are."""
    if narrow and all(each.type.bare == FLOAT32 for each in call.args):
        return result(call, f"CAST({sql} AS FLOAT)", FLOAT32, "CAST('nan' AS FLOAT)")
    return result(call, sql, FLOAT64, NAN)


def _spread(call: Call) -> Value:
    stable = call.name.endswith("Stable")
    return _of_width(call, call.over(_SPREADS[call.name.removesuffix("Stable")], _float(call)), not stable)


aggregate(*_SPREADS)(_spread)
aggregate(*(f"{name}Stable" for name in _SPREADS if name[0] != name[0].upper()))(_spread)

_PAIRS = {"corr": "corr", "covarPop": "covar_pop", "covarSamp": "covar_samp"}


def _pair(call: Call) -> Value:
    stable = call.name.endswith("Stable")
    sql = call.over_pair(_PAIRS[call.name.removesuffix("Stable")], _float(call), _float(call, 1))
    return _of_width(call, sql, not stable)


aggregate(*_PAIRS, *(f"{name}Stable" for name in _PAIRS), least=2)(_pair)


@aggregate("skewPop", "skewSamp", "kurtPop", "kurtSamp")
def shape(call: Call) -> Value:
    """The third or fourth standardised moment; of a sample with the sample's variance."""
    argument = _float(call)
    known = call.known()
    power = 3 if call.name.startswith("skew") else 4
    name = f"ch_{'skew' if power == 3 else 'kurt'}"
    sums = [known.over("sum", " * ".join([f"({argument})"] * degree)) for degree in range(1, power + 1)]
    sample = "1" if call.name.endswith("Samp") else "0"
    rows = known.over("count", argument)
    return _of_width(call, f"{name}({', '.join([rows, *sums, sample])})", True)


@aggregate("boundingRatio", least=2)
def slope(call: Call) -> Value:
    """The slope from the point of the least x to that of the greatest."""
    call, x, y = call.known(), _float(call), _float(call, 1)
    rise = f"({call.over_pair('arg_max', y, x)} - {call.over_pair('arg_min', y, x)})"
    return result(call, f"ch_divide({rise}, {call.over('max', x)} - {call.over('min', x)})", FLOAT64, NAN)


@aggregate("entropy", most=None)
def entropy(call: Call) -> Value:
    """Shannon's entropy of the distinct values, in bits."""
    if len(call) > 1:
        raise NoRule("entropy of several arguments needs the ClickHouse engine")
    known = call.known()
    return result(call, f"CASE WHEN {known.rows()} > 0 THEN {known.over('entropy', call[0].number)} END", FLOAT64)


@aggregate("simpleLinearRegression", least=2)
def line(call: Call) -> Value:
    """The line y = k * x + b of least squares, as a tuple of k and b."""
    x, y = _float(call), _float(call, 1)
    type_ = Type("Tuple", ("k Float64", "b Float64"))
    if any(each.type.nullable for each in call.args):
        raise NoRule("simpleLinearRegression would give a Nullable(Tuple), which needs the ClickHouse engine")
    parts = [call.over_pair(name, y, x) for name in ("regr_slope", "regr_intercept")]
    written = ", ".join(f"coalesce({sql}, {NAN})" for sql in parts)
    return Value(f"ROW({written})", type_)


@aggregate("histogram", "rankCorr", "maxIntersections", "maxIntersectionsPosition", most=None, params=(0, 3))
def other_engine(call: Call) -> Value:
    raise NoRule(f"{call.name} needs the ClickHouse engine")
