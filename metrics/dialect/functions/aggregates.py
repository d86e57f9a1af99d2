"""Counts, sums, averages, extremes: over no rows what cannot be NULL has its type's default, an average is nan."""

from __future__ import annotations

from dataclasses import replace

from metrics.dialect.rules import FLOAT64, UINT8, UINT64, NoRule, duck_type, sum_type
from metrics.dialect.states import all_bits
from metrics.dialect.table import Call, aggregate
from metrics.dialect.types import Type, decimal, not_nullable, nullable
from metrics.dialect.values import Value, cast, defaulted, wrapped

NAN = "CAST('nan' AS DOUBLE)"


def result(call: Call, sql: str, type_: Type, empty: str | None = None) -> Value:
    """An aggregate's value: Nullable where an argument is (or with -OrNull), else with a default for no rows."""
    nulls = any(each.type.nullable for each in call.args)
    if nulls and type_.name == "Tuple":
        raise NoRule(f"{call.name} would give a Nullable(Tuple), which needs the ClickHouse engine")
    if call.or_null or (nulls and nullable(type_).nullable):
        return Value(f"CAST({sql} AS {duck_type(type_)})", nullable(type_))
    if empty is not None:
        return Value(f"coalesce({sql}, {empty})", type_)
    return Value(defaulted(f"CAST({sql} AS {duck_type(type_)})", type_), type_)


# counts


@aggregate("count", least=0, most=None, any_case=True)
def count(call: Call) -> Value:
    if call.distinct:
        return distinct_rows(call)
    if len(call) > 1:
        raise NoRule(f"count expects 0 to 1 arguments, found {len(call)}")
    counted = call.over("count", call[0].number) if len(call) and call[0].type.nullable else call.rows()
    return Value(f"CAST({counted} AS UBIGINT)", UINT64)


@aggregate("countDistinct", most=None, any_case=True)
@aggregate(
    *("uniq", "uniqExact", "uniqCombined", "uniqCombined64", "uniqHLL12", "uniqTheta"),
    most=None,
    params=(0, 1),
)
def distinct_rows(call: Call) -> Value:
    """How many distinct values, or rows of several values, there are; exact, which ClickHouse's uniq is not."""
    row = call[0].number if len(call) == 1 else f"ROW({', '.join(each.number for each in call.args)})"
    known = call.known() if len(call) > 1 else call  # one argument's NULL is passed over by the count itself
    counted = f"CAST({replace(known, distinct=True).over('count', row)} AS UBIGINT)"
    if call.name.startswith("uniqCombined") and any(each.type.nullable for each in call.args):
        return Value(f"nullif({counted}, 0)", nullable(UINT64))
    return Value(counted, UINT64)


# sums and averages


def _number(call: Call, position: int = 0) -> Value:
    value = call[position]
    if not value.type.is_number:
        raise NoRule(f"{call.name} expects a number, found {value.type}")
    return value


@aggregate("sum", any_case=True)
def total(call: Call) -> Value:
    """The sum in the widest type of its kind; whole numbers wrap around at 64 bits."""
    type_ = sum_type(_number(call).type.bare)
    return result(call, _summed(call, type_), type_)


@aggregate("sumWithOverflow")
def total_of_same_type(call: Call) -> Value:
    """The sum in the type of its argument, in which it wraps around."""
    type_ = _number(call).type.bare
    if type_.is_float and type_.bits == 32:
        raise NoRule("sumWithOverflow of Float32 needs the ClickHouse engine; sum does not")
    if type_.name == "Bool":
        type_ = UINT8
    if type_.is_decimal:
        type_ = decimal(next(digits for digits in (9, 18, 38) if type_.precision <= digits), type_.scale)
    return result(call, _summed(call, type_), type_)


def _summed(call: Call, type_: Type) -> str:
    sql = call.over("sum", _addend(call[0]))
    return wrapped(sql, type_) if type_.is_integer else sql


def _addend(value: Value) -> str:
    if value.type.bare.name == "Bool":
        return cast(value, UINT64)
    return cast(value, FLOAT64) if value.type.is_float else value.number


@aggregate("sumCount")
def total_and_count(call: Call) -> Value:
    """The sum of the values that are not NULL, and how many they are."""
    one = replace(call, args=(replace(call[0], type=not_nullable(call[0].type)),), or_null=False)
    summed, counted = total(one), count(call)
    return Value(f"ROW({summed.sql}, {counted.sql})", Type("Tuple", (summed.type, counted.type)))


@aggregate("sumKahan")
def compensated_total(call: Call) -> Value:
    if _number(call).type.is_decimal:
        return total(call)
    return result(call, call.over("kahan_sum", cast(call[0], FLOAT64)), FLOAT64)


@aggregate("avg", any_case=True)
def average(call: Call) -> Value:
    argument = _number(call)
    written = cast(argument, UINT64) if argument.type.bare.name == "Bool" else argument.number
    return result(call, f"CAST({call.over('avg', written)} AS DOUBLE)", FLOAT64, NAN)


@aggregate("avgWeighted", least=2)
def weighted_average(call: Call) -> Value:
    if any(_number(call, place).type.is_decimal for place in (0, 1)):
        raise NoRule("avgWeighted of a Decimal needs the ClickHouse engine; avgWeighted of toFloat64() of it does not")
    if call[1].type.is_integer and (not call[0].type.is_integer or call[0].type.bare.signed):
        # ClickHouse multiplies in the weight's whole numbers, which cuts fractions off and wraps below 0
        raise NoRule("avgWeighted by whole weights needs the ClickHouse engine; by toFloat64() of them it does not")
    value, weight, known = cast(call[0], FLOAT64), cast(call[1], FLOAT64), call.known()
    sums = known.over("sum", f"({value} * {weight})"), known.over("sum", weight)
    return result(call, f"ch_divide({sums[0]}, {sums[1]})", FLOAT64, NAN)


@aggregate("groupBitAnd", "groupBitOr", "groupBitXor", "BIT_AND", "BIT_OR", "BIT_XOR")
def bits(call: Call) -> Value:
    type_ = _number(call).type.bare
    if not type_.is_integer or type_.name == "Bool":
        raise NoRule(f"{call.name} expects a whole number, found {call[0].type}")
    operation = call.name.lower().removeprefix("groupbit").removeprefix("bit_")
    return result(
        call, call.over(f"bit_{operation}", call[0].number), type_, all_bits(type_) if operation == "and" else None
    )


# extremes


@aggregate("min", "max", any_case=True)
def extreme(call: Call) -> Value:
    """The least or greatest value; a NaN, which DuckDB takes for the greatest, is passed over."""
    name, value = call.name.lower(), call[0]
    sql = call.over(name, value.number)
    if value.type.is_float and name == "max":
        some = call.where(f"NOT isnan({value.number})").over(name, value.number)
        sql = f"coalesce({some}, {sql})"
    return result(call, sql, value.type.bare)


@aggregate("argMin", "argMax", least=2)
def argument_of_extreme(call: Call) -> Value:
    """The first value among those at the least or greatest place; rows with a NULL in either do not count."""
    name = "arg_min" if call.name == "argMin" else "arg_max"
    type_ = call[0].type.bare
    if call.source:
        order = "ASC" if call.name == "argMin" else "DESC"
        rows = call.known().values(f"{{'place': {call[1].number}, 'value': {call[0].number}}}")
        grades = f"list_grade_up(list_transform(ch_p, lambda p: p.place), '{order}')"
        first = f"list_extract(list_transform([{rows}], lambda ch_p: ch_p[{grades}[1]]), 1)"
        return result(call, f"struct_extract({first}, 'value')", type_)
    return result(call, call.over_pair(name, call[0].number, call[1].number), type_)


# any


@aggregate("any", "any_value", "first_value")
def first(call: Call) -> Value:
    """The first value that is not NULL; without an order, any."""
    return result(call, call.over("any_value", call[0].number), call[0].type.bare)


@aggregate("anyLast", "last_value")
def last(call: Call) -> Value:
    if call.window:
        known = replace(call, conditions=()).over("last_value", f"{_where_it_holds(call)} IGNORE NULLS")
        return result(call, known, call[0].type.bare)
    return result(call, call.known().over("last", call[0].number), call[0].type.bare)


def _where_it_holds(call: Call) -> str:
    """The argument, NULL in the rows that -If leaves out: DuckDB's own window functions have no FILTER."""
    return f"CASE WHEN {' AND '.join(call.conditions)} THEN {call[0].number} END" if call.conditions else call[0].number


@aggregate(
    *("any_respect_nulls", "any_value_respect_nulls", "first_value_respect_nulls"),
    *("anyLast_respect_nulls", "last_value_respect_nulls"),
)
def respecting_nulls(call: Call) -> Value:
    """The first or last value, NULL or not."""
    if call.window and call.conditions:
        raise NoRule(f"{call.name}If as a window function needs the ClickHouse engine")
    name = "last" if "ast" in call.name else "first"
    return result(call, call.over(f"{name}_value" if call.window else name, call[0].number), call[0].type.bare)


@aggregate("anyHeavy")
def heavy(call: Call) -> Value:
    raise NoRule("anyHeavy needs the ClickHouse engine; topK(1)(x) does not")
