"""Arrays: positions count from 1, what is outside is the type's default, NULL elements keep their place."""

from __future__ import annotations

from collections.abc import Sequence

from metrics.dialect.functions.comparison import comparable
from metrics.dialect.functions.conversion import to_text
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
    if call[1].type.bare == NOTHING:
        return condition(f"(len(list_filter({_array(call).sql}, lambda x: x IS NULL)) > 0)")
    if call[1].type.nullable and _element(_array(call)).nullable:
        raise NoRule("has(array, value) where both may be NULL needs the ClickHouse engine")
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
    """Without what equals the element before it."""
    return Value(f"ch_array_compact({_array(call).sql})", call[0].type.bare)


@scalar("arrayStringConcat", most=2)
def string_concat(call: Call) -> Value:
    element = Value("x", not_nullable(_element(_array(call))), "x")
    separator = call[1].sql if len(call) > 1 else "''"
    texts = f"list_transform({call[0].sql}, lambda x: {to_text(element)})"
    return Value(f"coalesce(array_to_string({texts}, {separator}), '')", STRING)


@scalar("arrayConcat", least=1, most=None)
def concatenated(call: Call) -> Value:
    type_ = array(supertype([_element(_array(call, position)) for position in range(len(call))]))
    sql = _as(call[0], type_)
    for value in call.args[1:]:
        sql = f"list_concat({sql}, {_as(value, type_)})"
    return Value(sql, type_)


@scalar("arrayPushBack", "arrayPushFront", least=2, keeps_null=True)
def pushed(call: Call) -> Value:
    type_ = array(supertype([_element(_array(call)), call[1].type]))
    one = f"[{cast(call[1], type_.inner)}]"
    sides = (_as(call[0], type_), one) if call.name.endswith("Back") else (one, _as(call[0], type_))
    return Value(f"list_concat({sides[0]}, {sides[1]})", type_)


@scalar("arrayPopBack", "arrayPopFront")
def popped(call: Call) -> Value:
    bounds = "2, NULL" if call.name.endswith("Front") else f"1, len({_array(call).sql}) - 1"
    bounds = bounds.replace("NULL", f"len({_array(call).sql})")
    return Value(f"list_slice({call[0].sql}, {bounds})", call[0].type.bare)


@scalar("arraySlice", least=2, most=3)
def sliced(call: Call) -> Value:
    """From a place, counted from the end below 0; a length below 0 leaves out as many at the end."""
    start = cast(call[1], INT64)
    size = cast(call[2], INT64) if len(call) > 2 and call[2].type.bare != NOTHING else "NULL"
    if call[1].literal == 0:
        raise NoRule("arraySlice counts from 1")
    return Value(f"ch_array_slice({_array(call).sql}, {start}, {size})", call[0].type.bare)


@scalar("arrayResize", least=2, most=3)
def resized(call: Call) -> Value:
    """To a literal length, filled with a value or the default; below 0 at the front."""
    size = call[1].literal
    if not isinstance(size, int):
        raise NoRule("arrayResize expects a literal length")
    element = _element(_array(call))
    element = supertype([element, call[2].type]) if len(call) > 2 else element
    filler = cast(call[2], element) if len(call) > 2 else default_sql(element)
    source = _as(call[0], array(element))
    missing = f"list_transform(range({abs(size)} - len({source})), lambda i: {filler})"
    if size >= 0:
        return Value(f"list_concat(list_slice({source}, 1, {size}), {missing})", array(element))
    return Value(f"list_concat({missing}, list_slice({source}, {size}, len({source})))", array(element))


@scalar("arrayFlatten", "flatten")
def flattened(call: Call) -> Value:
    sql, type_ = _array(call).sql, call[0].type.bare
    while type_.inner.is_array:
        sql, type_ = f"flatten({sql})", type_.inner.bare
    return Value(sql, type_)


@scalar("arrayZip", least=1, most=None)
def zipped(call: Call) -> Value:
    arrays = [_array(call, position) for position in range(len(call))]
    type_ = array(Type("Tuple", tuple(_element(each) for each in arrays)))
    return Value(f"CAST({same_lengths(arrays)} AS {duck_type(type_)})", type_)


def same_lengths(arrays: Sequence[Value]) -> str:
    """Arrays as one array of rows; they are of one length in ClickHouse, or the query fails."""
    rows = f"list_zip({', '.join(each.sql for each in arrays)})"
    unequal = " OR ".join(f"len({each.sql}) <> len({arrays[0].sql})" for each in arrays[1:])
    return f"CASE WHEN {unequal} THEN error('the arrays have different lengths') ELSE {rows} END" if unequal else rows


@scalar("arrayIntersect", "arrayExcept", least=2)
def filtered_by_other(call: Call) -> Value:
    """Of the first array, what is, or is not, in the second."""
    left, right = _array(call), _array(call, 1)
    kept = f"list_contains({_as(right, array(supertype([_element(left), _element(right)])))}, x)"
    if call.name == "arrayExcept":
        return Value(f"list_filter({left.sql}, lambda x: NOT {kept})", left.type.bare)
    return Value(f"ch_array_distinct(list_filter({left.sql}, lambda x: {kept}))", left.type.bare)


@scalar("arrayUnion", least=2)
def united(call: Call) -> Value:
    type_ = array(supertype([_element(_array(call)), _element(_array(call, 1))]))
    return Value(f"ch_array_distinct(list_concat({_as(call[0], type_)}, {_as(call[1], type_)}))", type_)


@scalar("arrayJaccardIndex", least=2)
def jaccard(call: Call) -> Value:
    """How many elements both arrays have, as a share of all."""
    type_ = array(supertype([_element(_array(call)), _element(_array(call, 1))]))
    return Value(f"ch_array_jaccard({_as(call[0], type_)}, {_as(call[1], type_)})", FLOAT64)


@scalar("countEqual", least=2, keeps_null=True)
def count_equal(call: Call) -> Value:
    sought = "NULL" if call[1].type.bare == NOTHING else _same(call, call[1])
    kept = f"list_filter({_array(call).sql}, lambda x: x IS NOT DISTINCT FROM {sought})"
    return Value(f"CAST(len({kept}) AS UBIGINT)", UINT64)


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


@scalar("arrayEnumerateUniq", "arrayEnumerateDense")
def enumerated(call: Call) -> Value:
    """The how-manieth of its kind each element is; or the number of its kind."""
    name = "ch_array_ordinals" if call.name.endswith("Uniq") else "ch_array_kinds"
    return Value(f"CAST({name}({_array(call).sql}) AS UINTEGER[])", array(UINT32))
