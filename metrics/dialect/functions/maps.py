"""Maps: a key that is missing has the default of the values' type."""

from __future__ import annotations

from metrics.dialect.functions.arrays import element_at
from metrics.dialect.functions.comparison import comparable
from metrics.dialect.functions.logic import branches, joined
from metrics.dialect.functions.tuples import tuple_element
from metrics.dialect.rules import NoRule, default_sql, duck_type, plain
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, array, elements
from metrics.dialect.values import Value, condition


def _map(call: Call, position: int = 0) -> Value:
    value = call[position]
    if not value.type.is_map:
        raise NoRule(f"{call.name} expects a map, found {value.type}")
    return value


@scalar("map", least=2, most=None, keeps_null=True)
def make(call: Call) -> Value:
    if len(call) % 2:
        raise NoRule("map expects pairs of a key and a value")
    keys, values = list(call.args[::2]), list(call.args[1::2])
    type_ = Type("Map", (branches(keys), branches(values)))
    lists = (
        f"[{', '.join(joined(each, inner) for each in side)}]"
        for side, inner in zip((keys, values), type_.key_and_value, strict=True)
    )
    return Value(f"CAST(map({', '.join(lists)}) AS {duck_type(type_)})", type_)


@scalar("mapFromArrays", least=2)
def from_arrays(call: Call) -> Value:
    if not (call[0].type.is_array and call[1].type.is_array):
        raise NoRule("mapFromArrays expects two arrays")
    type_ = Type("Map", (call[0].type.bare.inner, call[1].type.bare.inner))
    return Value(f"map({call[0].sql}, {call[1].sql})", type_)


@scalar("arrayElement", least=2)
def value_at(call: Call) -> Value:
    """`m['k']`, and `a[1]` of an array."""
    if not call[0].type.is_map:
        return element_at(call)
    key, type_ = call[0].type.key_and_value
    sought = comparable(Value("k", key, "a key"), call[1])[1]
    sql = f"map_extract_value({call[0].sql}, CAST({sought} AS {duck_type(key)}))"
    return Value(sql if type_.nullable else f"coalesce({sql}, {default_sql(type_)})", type_)


@scalar("mapKeys", "mapValues")
def side(call: Call) -> Value:
    key, value = _map(call).type.key_and_value
    if call.name == "mapKeys":
        return Value(f"map_keys({call[0].sql})", array(key))
    return Value(f"map_values({call[0].sql})", array(value))


@scalar("mapContains", "mapContainsKey", "mapContainsValue", least=2)
def contains(call: Call) -> Value:
    key, value = _map(call).type.key_and_value
    of_values = call.name.endswith("Value")
    sought = comparable(Value("x", value if of_values else key, "an element"), call[1])[1]
    inside = f"map_{'values' if of_values else 'keys'}({call[0].sql})"
    return condition(f"list_contains({inside}, CAST({sought} AS {duck_type(value if of_values else key)}))", call[1])


@scalar("mapConcat", "mapUpdate", least=2, most=None)
def merged(call: Call) -> Value:
    """The entries of all maps; of a key that is in several, the last one."""
    type_ = call[0].type.bare
    if any(_map(call, position).type.bare != type_ for position in range(len(call))):
        raise NoRule(f"{call.name} of maps of different types needs the ClickHouse engine")
    return Value(f"map_concat({', '.join(each.sql for each in call.args)})", type_)


def _entries(call: Call) -> tuple[str, str, Value]:
    """The entries of a map as rows, the variable of the lambda over them, and its body."""
    value = _map(call, 1)
    function = call[0].function
    if function is None:
        raise NoRule(f"{call.name} expects a lambda of a key and a value")
    names, body = function(list(value.type.key_and_value))
    return f"list_zip(map_keys({value.sql}), map_values({value.sql}))", f'"{names[0]}"', body


def _from_rows(rows: str, type_: Type, named: bool = False) -> Value:
    places = ("1", "2") if not named else ("'1'", "'2'")
    keys, values = (f"list_transform({rows}, lambda r: struct_extract(r, {place}))" for place in places)
    return Value(f"CAST(map({keys}, {values}) AS {duck_type(type_)})", type_)


@scalar("mapFilter", least=2, keeps_null=True)
def filtered(call: Call) -> Value:
    rows, variable, body = _entries(call)
    return _from_rows(f"list_filter({rows}, lambda {variable}: {body.truth})", call[1].type.bare)


@scalar("mapApply", least=2, keeps_null=True)
def applied(call: Call) -> Value:
    rows, variable, body = _entries(call)
    if not body.type.is_tuple or len(elements(body.type)) != 2:
        raise NoRule("the lambda of mapApply gives a key and a value in a tuple")
    type_ = Type("Map", tuple(plain(tuple_element(body, place).type) for place in (1, 2)))
    return _from_rows(f"list_transform({rows}, lambda {variable}: {body.sql})", type_, named=True)


@scalar("mapExists", "mapAll", least=2, keeps_null=True)
def tested(call: Call) -> Value:
    rows, variable, body = _entries(call)
    kept = f"len(list_filter({rows}, lambda {variable}: {body.truth}))"
    return condition(f"({kept} > 0)" if call.name == "mapExists" else f"({kept} = cardinality({call[1].sql}))")
