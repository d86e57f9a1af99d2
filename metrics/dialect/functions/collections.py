"""Aggregates that give arrays, maps or texts: the values themselves, the most frequent, running sums."""

from __future__ import annotations

from dataclasses import replace

from metrics.dialect.functions.aggregates import result
from metrics.dialect.functions.conversion import convert
from metrics.dialect.rules import FLOAT64, INT64, STRING, NoRule, default_sql, duck_type, sum_type, text_sql
from metrics.dialect.table import Call, aggregate
from metrics.dialect.types import Type, array, not_nullable
from metrics.dialect.values import Value, cast, let


def _size(call: Call, position: int = 0) -> str:
    """A parameter that says how many, as SQL; "" where it is not given."""
    if position >= len(call.params):
        return ""
    param = call.params[position]
    if param.constant and not param.is_literal and param.type.is_integer:
        return cast(param, INT64)
    if isinstance(param.literal, bool) or not isinstance(param.literal, int) or param.literal < 1:
        raise NoRule(f"{call.name} expects a size of 1 or more, found {param.name}")
    return str(param.literal)


def _known(call: Call) -> tuple[str, Type]:
    """The list of the values that are not NULL, and the type of one."""
    return call.known().values(call[0].number), not_nullable(call[0].type).bare


def _array(sql: str, element: Type) -> Value:
    return Value(f"CAST({sql} AS {duck_type(array(element))})", array(element))


@aggregate("groupArray", "array_agg", params=(0, 1))
def collect(call: Call) -> Value:
    """The values that are not NULL, in the order they come."""
    sql, element = _known(call)
    size = _size(call)
    return _array(f"list_slice({sql}, 1, {size})" if size else sql, element)


@aggregate("groupArrayLast", params=(1, 1))
def collect_last(call: Call) -> Value:
    """The last values, in the ring that ClickHouse keeps them in: the nth value stands at the place n modulo size."""
    sql, element = _known(call)
    size = _size(call)
    turned = f"ch_v[len(ch_v) - (len(ch_v) - 1 - i) % {size}]"
    ring = f"list_transform(range(least(len(ch_v), {size})), lambda i: {turned})"
    return _array(let(sql, "ch_v", ring), element)


@aggregate("groupUniqArray", params=(0, 1))
def collect_distinct(call: Call) -> Value:
    return collect(replace(call, distinct=True))


@aggregate("groupArraySorted", params=(1, 1))
def collect_sorted(call: Call) -> Value:
    sql, element = _known(call)
    return _array(f"list_slice(list_sort({sql}), 1, {_size(call)})", element)


@aggregate("groupArrayInsertAt", least=2, params=(0, 2))
def collect_at(call: Call) -> Value:
    """An array with each value at its place, counted from 0; the first that comes for a place has it."""
    element = not_nullable(call[0].type).bare
    size = _size(call, 1)
    pairs = call.known().values(f"{{'v': {call[0].number}, 'i': CAST({call[1].number} AS BIGINT)}}")
    other = cast(call.params[0], element) if call.params else default_sql(element)
    length = size or "coalesce(list_max(list_transform(ch_v, lambda p: p.i)), -1) + 1"
    at = "list_extract(list_filter(ch_v, lambda p: p.i = i), 1).v"
    return _array(let(pairs, "ch_v", f"list_transform(range({length}), lambda i: coalesce({at}, {other}))"), element)


@aggregate("groupArrayMovingSum", "groupArrayMovingAvg", params=(0, 1))
def moving(call: Call) -> Value:
    """For each value the sum (or a size-th part of it) of it and those before it, `size` at most."""
    values, element = _known(call)
    if not element.is_number or element.is_decimal:
        raise NoRule(f"{call.name} of {element} needs the ClickHouse engine")
    size = _size(call)
    start = f"greatest(i - {size} + 1, 1)" if size else "1"
    summed = f"list_sum(list_slice(ch_v, {start}, i))"
    if call.name.endswith("Avg"):
        part = f"CAST({summed} AS DOUBLE) / {size or 'len(ch_v)'}"
        return _array(let(values, "ch_v", f"list_transform(ch_v, lambda x, i: {part})"), FLOAT64)
    return _array(let(values, "ch_v", f"list_transform(ch_v, lambda x, i: {summed})"), sum_type(element))


@aggregate("groupConcat", "group_concat", least=1, most=2, params=(0, 2))
def joined(call: Call) -> Value:
    """The values as text, one behind the other with the separator between."""
    separator = call.params[0] if call.params else call.get(1)
    if separator is not None and not isinstance(separator.literal, str):
        raise NoRule(f"{call.name} expects the separator as a literal text")
    call = replace(call, args=call.args[:1])
    size = _size(call, 1)
    text = convert(replace(call[0], type=not_nullable(call[0].type)), STRING).sql
    listed = call.known().values(text)
    kept = f"list_slice({listed}, 1, {size})" if size else listed
    sql = f"array_to_string({kept}, {text_sql(str(separator.literal)) if separator else text_sql('')})"
    return result(call, f"CASE WHEN {call.known().rows()} > 0 THEN {sql} END", STRING)


# the most frequent


@aggregate("topK", params=(1, 3))
def top(call: Call) -> Value:
    counts = f"map_entries({replace(call, distinct=False).over('histogram', call[0].number)})"
    return _top(call, f"list_transform({counts}, lambda e: {{'n': e.value, 'v': e.key}})")


@aggregate("topKWeighted", least=2, params=(1, 3))
def top_weighted(call: Call) -> Value:
    if not call[1].type.is_integer:
        raise NoRule(f"topKWeighted expects whole weights, found {call[1].type}")
    pairs = call.known().values(f"{{'key': {call[0].number}, 'value': {call[1].number}}}")
    sums = _folded(call, pairs, "sum", Type("Int128"))
    return _top(call, f"list_transform({sums}, lambda e: {{'n': e.value, 'v': e.key}})")


def _top(call: Call, counted: str) -> Value:
    """The most frequent values, the most frequent first; which of equally frequent ones ClickHouse takes is its own."""
    element = not_nullable(call[0].type).bare
    body = f"list_slice(list_transform(list_reverse_sort({counted}), lambda r: r.v), 1, {_size(call)})"
    return _array(f"coalesce({body}, [])", element)


# differences


@aggregate("deltaSum")
def rises(call: Call) -> Value:
    """The sum of the differences from one value to the next, of those that rise."""
    values, element = _known(call)
    if not element.is_number or element.is_decimal or element.name == "Bool":
        raise NoRule(f"{call.name} of {element} needs the ClickHouse engine")
    step = "CASE WHEN i > 1 AND x > ch_v[i - 1] THEN x - ch_v[i - 1] ELSE 0 END"
    sql = let(values, "ch_v", f"list_sum(list_transform(ch_v, lambda x, i: {step}))")
    return Value(f"CAST(coalesce({sql}, 0) AS {duck_type(element)})", element)


@aggregate("deltaSumTimestamp", least=2)
def rises_in_time(call: Call) -> Value:
    """The same: the times order only what ClickHouse adds up on several threads or servers."""
    return rises(replace(call.known(), args=call.args[:1]))


@aggregate("groupArrayIntersect")
def common(call: Call) -> Value:
    """The elements that every array has."""
    if not call[0].type.is_array or call[0].type.bare.inner.nullable:
        raise NoRule(f"groupArrayIntersect expects arrays without NULL, found {call[0].type}")
    rows = call.values(call[0].number)
    sql = "list_filter(list_distinct(ch_v[1]), lambda x: len(list_filter(ch_v, lambda a: NOT list_contains(a, x))) = 0)"
    return _array(let(rows, "ch_v", f"coalesce({sql}, [])"), call[0].type.bare.inner)


@aggregate("exponentialMovingAverage", least=2, params=(1, 1))
def exponential(call: Call) -> Value:
    """The average in which a value that lies one half-decay back, in units of time, weighs half."""
    decay = call.params[0].literal
    if not isinstance(decay, (int, float)) or decay <= 0:
        raise NoRule("exponentialMovingAverage expects a literal half-decay above 0")
    if not call[0].type.is_number or not call[1].type.is_integer:
        raise NoRule("exponentialMovingAverage expects a number and a whole number of time")
    pairs = call.known().values(f"{{'v': {cast(call[0], FLOAT64)}, 't': {cast(call[1], INT64)}}}")
    weight = f"pow(2e0, CAST(p.t - ch_last AS DOUBLE) / {float(decay)!r})"
    summed = f"list_sum(list_transform(ch_v, lambda p: p.v * {weight})) * (1 - pow(2e0, {-1 / decay!r}))"
    averaged = let("list_max(list_transform(ch_v, lambda p: p.t))", "ch_last", summed)
    return result(call, let(pairs, "ch_v", averaged), FLOAT64)


# sums by key


@aggregate("sumMap", "minMap", "maxMap", "sumMappedArrays", "minMappedArrays", "maxMappedArrays", least=1, most=2)
def by_key(call: Call) -> Value:
    """The sum, least or greatest value of each key; of arrays of keys and values, or of Maps."""
    kind = call.name[:3]
    key, value = _key_and_value(call)
    type_ = sum_type(value) if kind == "sum" else value
    if len(call) == 1:
        pairs = f"flatten({call.known().values(f'map_entries({call[0].number})')})"
    else:
        keys, values = call[0].number, call[1].number
        zipped = f"list_transform({keys}, lambda k, i: {{'key': k, 'value': {values}[i]}})"
        pairs = f"flatten({call.known().values(zipped)})"
    entries = _folded(call, pairs, kind, type_)
    if kind == "sum" and len(call) == 2:
        entries = f"list_filter({entries}, lambda p: p.value <> 0)"
    if len(call) == 1:
        return Value(f"map_from_entries({entries})", Type("Map", (key, type_)))
    split = let(entries, "ch_m", "ROW(list_transform(ch_m, lambda p: p.key), list_transform(ch_m, lambda p: p.value))")
    return Value(split, Type("Tuple", (array(key), array(type_))))


def _folded(call: Call, pairs: str, kind: str, type_: Type) -> str:
    """Of a list of {key, value} the sum, least or greatest value of each key, by key, as such a list again."""
    if not call.source and not call.window:
        folded = f"CAST({kind}(p.value) AS {duck_type(type_)})"
        grouped = f"SELECT p.key AS k, {folded} AS v FROM unnest({pairs}) AS u(p) GROUP BY k"
        return f"coalesce((SELECT list({{'key': k, 'value': v}} ORDER BY k) FROM ({grouped})), [])"
    keys = "list_sort(list_distinct(list_transform(ch_v, lambda p: p.key)))"
    each = "list_transform(list_filter(ch_v, lambda p: p.key = k), lambda p: p.value)"
    entry = f"{{'key': k, 'value': CAST(list_{kind}({each}) AS {duck_type(type_)})}}"
    return let(pairs, "ch_v", f"list_transform({keys}, lambda k: {entry})")


def _key_and_value(call: Call) -> tuple[Type, Type]:
    types = [each.type.bare for each in call.args]
    if len(types) == 1 and types[0].name == "Map":
        key, value = (each for each in types[0].args if isinstance(each, Type))
    elif len(types) == 2 and all(each.is_array for each in types):
        key, value = types[0].inner, types[1].inner
    else:
        raise NoRule(f"{call.name} expects a Map, or an array of keys and one of values")
    if key.nullable or value.nullable or (call.name.startswith("sum") and not value.is_number):
        raise NoRule(f"{call.name} of {key} and {value} needs the ClickHouse engine")
    return key, value
