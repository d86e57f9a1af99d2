"""Arrays: positions count from 1, what is outside is the type's default, NULL elements keep their place."""

from __future__ import annotations

from metrics.dialect.functions.comparison import comparable
from metrics.dialect.functions.logic import branches, joined
from metrics.dialect.rules import (
    FLOAT64,
    INT64,
    NOTHING,
    STRING,
    UINT32,
    UINT64,
    NoRule,
    default_sql,
    duck_type,
    plain,
    sum_type,
    supertype,
)
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, array, not_nullable
from metrics.dialect.values import Value, cast, condition


def _array(call: Call, position: int = 0) -> Value:
    value = call[position]
    if not value.type.is_array:
        raise NoRule(f"{call.name} expects an array, found {value.type}")
    return value


def _element(value: Value) -> Type:
    return value.type.bare.inner


@scalar("array", least=0, most=None, keeps_null=True)
def make(call: Call) -> Value:
    if not call.args:
        return Value("CAST([] AS INTEGER[])", array(NOTHING), constant=True)
    element = branches(list(call.args))
    duck = duck_type(array(element))
    elements = ", ".join(joined(each, element) for each in call.args)
    return Value(f"CAST([{elements}] AS {duck})", array(element), constant=all(each.constant for each in call.args))


@scalar("emptyArrayString")
def empty_array(_: Call) -> Value:
    return Value("CAST([] AS VARCHAR[])", array(STRING), constant=True)


@scalar("arrayElement", least=2)
def element_at(call: Call) -> Value:
    value = _array(call)
    if not call[1].type.is_integer:
        raise NoRule(f"an index is a whole number, found {call[1].type}")
    type_ = _element(value)
    sql = f"list_extract({value.sql}, {cast(call[1], INT64)})"
    return Value(sql if type_.nullable else f"coalesce({sql}, {default_sql(type_)})", type_)


def _same(call: Call, element: Value) -> str:
    """The other argument as an element of the array."""
    value = _array(call)
    comparable(Value("x", _element(value), "an element"), element)
    if _element(value).bare == element.type.bare:
        return element.number
    common = supertype([_element(value).bare, element.type.bare])
    return cast(element, common)


@scalar("has", least=2, keeps_null=True)
def has(call: Call) -> Value:
    if call[1].type.nullable and (_element(_array(call)).nullable or call[1].type.bare == NOTHING):
        raise NoRule("has(array, NULL) needs the ClickHouse engine")
    sql = f"list_contains({_array(call).sql}, {_same(call, call[1])})"
    return condition(f"coalesce({sql}, FALSE)")


@scalar("indexOf", least=2)
def index_of(call: Call) -> Value:
    position = f"list_position({_array(call).sql}, {_same(call, call[1])})"
    return Value(f"CAST(coalesce({position}, 0) AS UBIGINT)", UINT64)


@scalar("hasAny", "hasAll", least=2)
def has_several(call: Call) -> Value:
    left, right = _array(call), _array(call, 1)
    common = array(supertype([_element(left), _element(right)]))
    name = "list_has_any" if call.name == "hasAny" else "list_has_all"
    return condition(f"{name}({_as(left, common)}, {_as(right, common)})")


def _as(value: Value, type_: Type) -> str:
    return f"CAST({value.sql} AS {duck_type(type_)})"


@scalar("arraySort", "arrayReverseSort", least=1, most=2)
def sort(call: Call) -> Value:
    if call[0].function is not None:
        raise NoRule(f"{call.name} with a lambda needs the ClickHouse engine")
    direction = "'ASC'" if call.name == "arraySort" else "'DESC'"
    return Value(f"list_sort({_array(call).sql}, {direction}, 'NULLS LAST')", call[0].type.bare)


@scalar("arrayReverse")
def reverse(call: Call) -> Value:
    return Value(f"list_reverse({_array(call).sql})", call[0].type.bare)


@scalar("arrayDistinct")
def distinct(call: Call) -> Value:
    type_ = array(not_nullable(_element(_array(call))).bare)
    return Value(f"ch_array_distinct({call[0].sql})", type_)


@scalar("arrayUniq")
def count_distinct(call: Call) -> Value:
    known = f"len(list_distinct({_array(call).sql}))"
    null = f"CASE WHEN len(list_filter({call[0].sql}, lambda x: x IS NULL)) > 0 THEN 1 ELSE 0 END"
    return Value(f"CAST({known} + {null} AS UINTEGER)", UINT32)


@scalar("arrayCompact")
def compact(call: Call) -> Value:
    raise NoRule("arrayCompact needs the ClickHouse engine")


@scalar("arrayStringConcat", most=2)
def string_concat(call: Call) -> Value:
    if not _element(_array(call)).is_text:
        raise NoRule("arrayStringConcat expects an array of strings")
    separator = call[1].sql if len(call) > 1 else "''"
    return Value(f"coalesce(array_to_string({call[0].sql}, {separator}), '')", STRING)


@scalar("arrayConcat", least=1, most=None)
def concatenated(call: Call) -> Value:
    type_ = array(supertype([_element(_array(call, position)) for position in range(len(call))]))
    sql = _as(call[0], type_)
    for value in call.args[1:]:
        sql = f"list_concat({sql}, {_as(value, type_)})"
    return Value(sql, type_)


@scalar("arrayPushBack", "arrayPushFront", least=2)
def pushed(call: Call) -> Value:
    type_ = array(supertype([_element(_array(call)), call[1].type]))
    one = f"[{cast(call[1], type_.inner)}]"
    sides = (_as(call[0], type_), one) if call.name.endswith("Back") else (one, _as(call[0], type_))
    return Value(f"list_concat({sides[0]}, {sides[1]})", type_)


@scalar("arraySlice", least=2, most=3)
def sliced(call: Call) -> Value:
    start = call[1].literal
    if not isinstance(start, int) or start < 1:
        raise NoRule("arraySlice expects a literal start of 1 or more")
    end = f"{start - 1} + {cast(call[2], INT64)}" if len(call) > 2 else f"len({_array(call).sql})"
    if len(call) > 2 and not (isinstance(call[2].literal, int) and call[2].literal >= 0):
        raise NoRule("arraySlice expects a literal length of 0 or more")
    return Value(f"list_slice({_array(call).sql}, {start}, {end})", call[0].type.bare)


@scalar("range", least=1, most=3)
def number_range(call: Call) -> Value:
    if not all(each.type.is_integer for each in call.args):
        raise NoRule("range expects whole numbers")
    type_ = supertype([each.type.bare for each in call.args]) if len(call) > 1 else call[0].type.bare
    bounds = [cast(each, INT64) for each in call.args]
    start, end, step = ("0", *bounds, "1") if len(call) == 1 else (*bounds, "1")[:3]
    return Value(f"CAST(ch_range({start}, {end}, {step}) AS {duck_type(array(type_))})", array(type_))


@scalar("arrayEnumerate")
def enumerate_array(call: Call) -> Value:
    return Value(f"CAST(range(1, len({_array(call).sql}) + 1) AS UINTEGER[])", array(UINT32))


@scalar("arrayWithConstant", least=2)
def constant_array(call: Call) -> Value:
    type_ = array(plain(call[1].type))
    return Value(f"list_transform(ch_range(0, {cast(call[0], INT64)}, 1), lambda i: {call[1].number})", type_)


# higher-order functions


def _applied(call: Call) -> tuple[str, str, Value]:
    """A lambda over one array: the array, the name of its element, the body."""
    function = call[0].function
    if function is None or len(call) != 2:
        raise NoRule(f"{call.name} expects a lambda of one argument and one array")
    source = _array(call, 1)
    names, body = function([_element(source)])
    return source.sql, f'"{names[0]}"', body


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
    return Value(f"list_filter({source}, lambda {name}: {body.truth})", call[1].type.bare)


@scalar("arrayCount", "arrayExists", "arrayAll", most=2, keeps_null=True)
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


@scalar("arrayFirst", "arrayFirstIndex", least=2, keeps_null=True)
def first(call: Call) -> Value:
    source, name, body = _applied(call)
    if call.name == "arrayFirst":
        type_ = _element(call[1])
        sql = f"list_extract(list_filter({source}, lambda {name}: {body.truth}), 1)"
        return Value(sql if type_.nullable else f"coalesce({sql}, {default_sql(type_)})", type_)
    flags = f"list_transform({source}, lambda {name}: coalesce({body.truth}, FALSE))"
    return Value(f"CAST(coalesce(list_position({flags}, TRUE), 0) AS UINTEGER)", UINT32)


@scalar("arraySum", "arrayAvg", "arrayMin", "arrayMax", most=2, keeps_null=True)
def reduced(call: Call) -> Value:
    sql, element = _mapped(call)
    if not element.is_number or element.nullable:
        raise NoRule(f"{call.name} of {element} needs the ClickHouse engine")
    kind = call.name.removeprefix("array").lower()
    if kind == "avg":
        return Value(f"coalesce(list_avg({sql}), 0)", FLOAT64)
    type_ = sum_type(element) if kind == "sum" else element
    return Value(f"CAST(coalesce(list_{kind}({sql}), 0) AS {duck_type(type_)})", type_)


@scalar("arrayCumSum", keeps_null=True)
def cumulated(call: Call) -> Value:
    element = _element(_array(call))
    type_ = sum_type(element)
    sql = f"list_transform({call[0].sql}, lambda x, i: list_sum(list_slice({call[0].sql}, 1, i)))"
    return Value(f"CAST({sql} AS {duck_type(array(type_))})", array(type_))


@scalar("cosineDistance", "L2Distance", "dotProduct", least=2)
def distance(call: Call) -> Value:
    left, right = _array(call), _array(call, 1)
    if not all(_element(each).is_float and not _element(each).nullable for each in (left, right)):
        raise NoRule(f"{call.name} expects arrays of floats, found {left.type} and {right.type}")
    floats = array(FLOAT64)
    sides = f"{_as(left, floats)}, {_as(right, floats)}"
    name = {
        "cosineDistance": "list_cosine_distance",
        "L2Distance": "list_distance",
        "dotProduct": "list_inner_product",
    }[call.name]
    narrow = all(_element(each).bare.name == "Float32" for each in (left, right))
    type_ = Type("Float32") if narrow else FLOAT64
    return Value(f"CAST({name}({sides}) AS {duck_type(type_)})", type_)
