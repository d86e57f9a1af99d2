"""Arrays and functions over them: arrayMap, arrayFilter, arraySum and their kind, over one array or several."""

from __future__ import annotations

from typing import Final

from metrics.dialect.functions.arrays import same_lengths
from metrics.dialect.rules import FLOAT64, UINT32, UINT64, NoRule, default_sql, duck_type, plain, sum_type
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, array, nullable
from metrics.dialect.values import Value, condition


def _array(call: Call, position: int = 0) -> Value:
    value = call[position]
    if not value.type.is_array:
        raise NoRule(f"{call.name} expects an array, found {value.type}")
    return value


def _element(value: Value) -> Type:
    return value.type.bare.inner


def _applied(call: Call) -> tuple[str, str, Value]:
    """A lambda over arrays: the array (of rows, if they are several), the variable, the body."""
    function = call[0].function
    if function is None or len(call) < 2:
        raise NoRule(f"{call.name} expects a lambda and an array for each of its arguments")
    arrays = [_array(call, position) for position in range(1, len(call))]
    names, body = function([_element(each) for each in arrays])
    source = arrays[0].sql if len(arrays) == 1 else same_lengths(arrays)
    return source, f'"{names[0]}"', body


def _firsts(call: Call, rows: str) -> str:
    """The elements of the first array again, after its rows were filtered or sorted."""
    return rows if len(call) == 2 else f"list_transform({rows}, lambda r: r[1])"


def _mapped(call: Call) -> tuple[str, Type]:
    """The array itself, or what a lambda makes of its elements."""
    if call[0].function is None:
        return _array(call).sql, _element(call[0])
    source, name, body = _applied(call)
    return f"list_transform({source}, lambda {name}: {body.number})", plain(body.type)


@scalar("arrayMap", least=2, most=None, keeps_null=True)
def mapped(call: Call) -> Value:
    sql, type_ = _mapped(call)
    return Value(sql, array(type_), constant=call[1].constant)


@scalar("arrayFilter", least=2, most=None, keeps_null=True)
def filtered(call: Call) -> Value:
    source, name, body = _applied(call)
    truth = "FALSE" if body.type.bare.name == "Nothing" else body.truth
    return Value(_firsts(call, f"list_filter({source}, lambda {name}: {truth})"), call[1].type.bare)


@scalar("arrayCount", "arrayExists", "arrayAll", least=1, most=None, keeps_null=True)
def counted(call: Call) -> Value:
    if call[0].function is None:
        kept = f"list_filter({_array(call).sql}, lambda x: x <> 0)"
        total = _array(call).sql
    else:
        total, name, body = _applied(call)
        kept = f"list_filter({total}, lambda {name}: {body.truth})"
    if call.name == "arrayCount":
        return Value(f"CAST(len({kept}) AS UINTEGER)", UINT32)
    return condition(f"(len({kept}) > 0)" if call.name == "arrayExists" else f"(len({kept}) = len({total}))")


_ENDS: Final = ("arrayFirst", "arrayLast", "arrayFirstOrNull", "arrayLastOrNull")


@scalar(*_ENDS, least=2, most=None, keeps_null=True)
def first(call: Call) -> Value:
    """The first or last element that a lambda holds for; without one the default, or NULL."""
    source, name, body = _applied(call)
    kept = _firsts(call, f"list_filter({source}, lambda {name}: {body.truth})")
    sql, type_ = f"list_extract({kept}, {1 if 'First' in call.name else -1})", _element(call[1])
    if call.name.endswith("OrNull"):
        return Value(sql, nullable(type_))
    return Value(sql if type_.nullable else f"coalesce({sql}, {default_sql(type_)})", type_)


@scalar("arrayFirstIndex", "arrayLastIndex", least=2, most=None, keeps_null=True)
def first_index(call: Call) -> Value:
    source, name, body = _applied(call)
    flags = f"list_transform({source}, lambda {name}: coalesce({body.truth}, FALSE))"
    name = "ch_first_true" if call.name == "arrayFirstIndex" else "ch_last_true"
    return Value(f"CAST({name}({flags}) AS UINTEGER)", UINT32)


@scalar("arrayFill", "arrayReverseFill", least=2, most=None, keeps_null=True)
def filled(call: Call) -> Value:
    """What the lambda does not hold for is replaced by the element before it, or after it, that it holds for."""
    source, name, body = _applied(call)
    flags = f"list_transform({source}, lambda {name}: coalesce({body.truth}, FALSE))"
    macro = "ch_array_fill" if call.name == "arrayFill" else "ch_array_reverse_fill"
    return Value(f"{macro}({call[1].sql}, {flags})", call[1].type.bare)


@scalar("arraySort", "arrayReverseSort", least=1, most=None, keeps_null=True)
def sort(call: Call) -> Value:
    """By the elements or by what a lambda makes of them; equal ones keep their order, NULL is last."""
    order = "'ASC'" if call.name == "arraySort" else "'DESC'"
    if call[0].function is None:
        return Value(f"list_sort({_array(call).sql}, {order}, 'NULLS LAST')", call[0].type.bare)
    source, name, body = _applied(call)
    if body.type.nullable:
        raise NoRule(f"{call.name} by a key that may be NULL needs the ClickHouse engine")
    place = "i" if call.name == "arraySort" else "- i"
    rows = f"list_transform({source}, lambda {name}, i: ROW({body.number}, {place}, {name}))"
    return Value(_firsts(call, f"list_transform(list_sort({rows}, {order}), lambda s: s[3])"), call[1].type.bare)


@scalar("arraySum", "arrayAvg", "arrayMin", "arrayMax", "arrayProduct", least=1, most=None, keeps_null=True)
def reduced(call: Call) -> Value:
    sql, element = _mapped(call)
    kind = call.name.removeprefix("array").lower()
    whole = kind in ("min", "max") and (element.is_text or element.is_date or element.is_time)
    if element.nullable or not (element.is_number or whole):
        if element.bare.name != "Nothing" or kind not in ("sum", "avg", "product"):
            raise NoRule(f"{call.name} of {element} needs the ClickHouse engine")
        return Value(f"CAST({1 if kind == 'product' else 0} AS DOUBLE)", FLOAT64)
    return _aggregated(sql, kind, element)


def _aggregated(sql: str, kind: str, element: Type) -> Value:
    """An aggregate over the elements of an array; over none of them 0, or the default."""
    if kind in ("avg", "product"):
        return Value(f"coalesce(list_{kind}({sql}), 0)", FLOAT64)
    type_ = sum_type(element.bare) if kind == "sum" else element
    return Value(f"coalesce(CAST(list_{kind}({sql}) AS {duck_type(type_)}), {default_sql(type_)})", type_)


_REDUCERS: Final = {"sum": "sum", "avg": "avg", "min": "min", "max": "max", "any": "first", "anyLast": "last"}


@scalar("arrayReduce", least=2)
def reduce(call: Call) -> Value:
    """`arrayReduce('sum', a)`: an aggregate over the elements of an array."""
    name, element = call.text(0, "the name of an aggregate"), _element(_array(call, 1))
    sql = call[1].sql
    if element.nullable:
        raise NoRule(f"arrayReduce of {call[1].type} needs the ClickHouse engine")
    if name == "count":
        return Value(f"CAST(len({sql}) AS UBIGINT)", UINT64)
    if name in ("uniq", "uniqExact"):
        return Value(f"CAST(len(list_distinct({sql})) AS UBIGINT)", UINT64)
    if name == "groupArray":
        return Value(sql, call[1].type.bare)
    if name == "median" and element.is_number:
        return Value(f"coalesce(list_median({sql}), CAST('nan' AS DOUBLE))", FLOAT64)
    if name not in _REDUCERS:
        raise NoRule(f"arrayReduce with {name} needs the ClickHouse engine")
    return _aggregated(sql, _REDUCERS[name], element)


@scalar("arrayCumSum", least=1, most=None, keeps_null=True)
def cumulated(call: Call) -> Value:
    sql, element = _mapped(call)
    type_ = sum_type(element.bare)
    return Value(f"CAST(ch_array_running({sql}) AS {duck_type(array(type_))})", array(type_))


@scalar("arrayDifference", least=1, most=None, keeps_null=True)
def differences(call: Call) -> Value:
    """Each element less the one before it; the first is 0."""
    sql, element = _mapped(call)
    if not element.is_number or element.is_decimal or element.nullable:
        raise NoRule(f"arrayDifference of {element} needs the ClickHouse engine")
    type_ = FLOAT64 if element.is_float else Type(f"Int{min(64, 2 * element.bits)}")
    wide = f"CAST({sql} AS {duck_type(array(FLOAT64 if element.is_float else Type('Int128')))})"
    return Value(f"CAST(ch_array_difference({wide}) AS {duck_type(array(type_))})", array(type_))
