"""JSON in texts: what is missing, or of another kind, is the default of the type that was asked for."""

from __future__ import annotations

from metrics.dialect.functions.conversion import tried
from metrics.dialect.rules import BOOL, FLOAT64, INT64, STRING, UINT64, NoRule, default_sql, duck_type, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, TypeTextError, array, not_nullable, parse_type
from metrics.dialect.values import Value, condition


def _path(call: Call) -> str:
    """DuckDB's JSON path of the keys and positions that follow the text."""
    path = "$"
    for each in call.args[1:]:
        if isinstance(each.literal, str):
            escaped = each.literal.replace("\\", "\\\\").replace('"', '\\"')
            path += f'."{escaped}"'
        elif isinstance(each.literal, int) and each.literal != 0:
            path += f"[{each.literal - 1}]" if each.literal > 0 else f"[#{each.literal}]"
        else:
            raise NoRule(f"{call.name} expects literal keys and positions, from 1 or from -1 at the end")
    return text_sql(path)


def _document(call: Call) -> str:
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    return call[0].sql


@scalar("JSONExtractString", "JSONExtractRaw", least=1, most=None)
def extract_text(call: Call) -> Value:
    name = "ch_json_string" if call.name.endswith("String") else "ch_json_raw"
    return Value(f"{name}({_document(call)}, {_path(call)})", STRING)


_NUMBERS = {"JSONExtractInt": INT64, "JSONExtractUInt": UINT64, "JSONExtractFloat": FLOAT64}


def _extract_number(call: Call) -> Value:
    type_: Type = _NUMBERS[call.name]
    name = {"Int64": "ch_json_int", "UInt64": "ch_json_uint", "Float64": "ch_json_float"}[type_.name]
    return Value(f"{name}({_document(call)}, {_path(call)})", type_)


scalar(*_NUMBERS, least=1, most=None)(_extract_number)


@scalar("JSONExtractBool", least=1, most=None)
def extract_bool(call: Call) -> Value:
    return condition(f"ch_json_bool({_document(call)}, {_path(call)})", call[0])


@scalar("JSONHas", least=1, most=None)
def has(call: Call) -> Value:
    return condition(f"ch_json_has({_document(call)}, {_path(call)})", call[0])


@scalar("isValidJSON")
def is_valid(call: Call) -> Value:
    return condition(f"(ch_json({_document(call)}) IS NOT NULL)", call[0])


@scalar("JSONLength", least=1, most=None)
def count(call: Call) -> Value:
    return Value(f"ch_json_length({_document(call)}, {_path(call)})", UINT64)


@scalar("JSONExtractArrayRaw", least=1, most=None)
def elements_raw(call: Call) -> Value:
    """The elements of an array, each as JSON; of anything else none."""
    return Value(f"ch_json_elements({_document(call)}, {_path(call)})", array(STRING))


@scalar("JSONExtractKeys", least=1, most=None)
def keys(call: Call) -> Value:
    return Value(f"ch_json_keys({_document(call)}, {_path(call)})", array(STRING))


@scalar("JSONArrayLength", "JSON_ARRAY_LENGTH")
def array_length(call: Call) -> Value:
    """NULL for what is no array."""
    sql = f"CAST(json_array_length(ch_json({_document(call)})) AS UBIGINT)"
    is_array = f"json_type(ch_json({call[0].sql})) = 'ARRAY'"
    return Value(f"CASE WHEN {is_array} THEN {sql} END", Type("Nullable", (UINT64,)))


@scalar("JSONExtract", least=2, most=None)
def extract(call: Call) -> Value:
    """A value of the type that the last argument names; the default of the type where there is none."""
    try:
        type_ = parse_type(call.text(len(call) - 1, "its type"))
    except TypeTextError as error:
        raise NoRule(f"JSONExtract: {error}") from None
    path = _path(Call(call.name, call.args[:-1]))
    sql = _read(_document(call), path, type_, 0)
    return Value(f"CASE WHEN {call[0].sql} IS NOT NULL THEN {sql} END" if call[0].type.nullable else sql, type_)


def _read(document: str, path: str, type_: Type, depth: int) -> str:
    bare = type_.bare
    if bare.is_array:
        inner = _read(f"j{depth}", "'$'", bare.inner, depth + 1)
        return f"list_transform(ch_json_elements({document}, {path}), lambda j{depth}: {inner})"
    if bare.is_map and bare.key_and_value[0].is_text:
        inner = _read(f"j{depth}", "'$'", bare.key_and_value[1], depth + 1)
        values = f"list_transform(ch_json_members({document}, {path}), lambda j{depth}: {inner})"
        return f"CAST(map(ch_json_keys({document}, {path}), {values}) AS {duck_type(bare)})"
    sql = _try_scalar(document, path, bare)
    return sql if type_.nullable else f"coalesce({sql}, {default_sql(not_nullable(type_))})"


def _try_scalar(document: str, path: str, bare: Type) -> str:
    """NULL where there is nothing, or nothing of that type."""
    duck = duck_type(bare)
    if bare.is_text:
        known = f"coalesce(json_type(ch_json({document}), {path}), 'NULL') <> 'NULL'"
        return f"CASE WHEN {known} THEN ch_json_string({document}, {path}) END"
    if bare == BOOL:
        kinds = "('BOOLEAN', 'BIGINT', 'UBIGINT')"
        known = f"json_type(ch_json({document}), {path}) IN {kinds}"
        return f"CASE WHEN {known} THEN ch_json_bool({document}, {path}) END"
    if bare.is_integer:
        return f"TRY_CAST(ch_json_whole({document}, {path}) AS {duck})"
    if bare.is_float or bare.is_decimal:
        return f"TRY_CAST(ch_json_number({document}, {path}) AS {duck})"
    if bare.is_date or bare.is_time or bare.name == "UUID":
        return tried(Value(f"nullif(ch_json_string({document}, {path}), '')", STRING), bare)
    raise NoRule(f"JSONExtract of {bare} needs the ClickHouse engine")


_SIMPLE = {
    "String": "JSONExtractString",
    "Int": "JSONExtractInt",
    "UInt": "JSONExtractUInt",
    "Float": "JSONExtractFloat",
    "Bool": "JSONExtractBool",
}


@scalar(*(f"{prefix}Extract{kind}" for prefix in ("simpleJSON", "visitParam") for kind in _SIMPLE), least=2)
def simple(call: Call) -> Value:
    """The value of a key of the outermost object."""
    kind = call.name.removeprefix("simpleJSON").removeprefix("visitParam").removeprefix("Extract")
    inner = Call(_SIMPLE[kind], call.args)
    call.text(1, "its key")
    if kind == "String":
        known = f"json_type(ch_json({_document(call)}), {_path(call)}) = 'VARCHAR'"
        return Value(f"CASE WHEN {known} THEN {extract_text(inner).sql} ELSE '' END", STRING)
    return extract_bool(inner) if kind == "Bool" else _extract_number(inner)


@scalar("simpleJSONHas", "visitParamHas", least=2)
def simple_has(call: Call) -> Value:
    call.text(1, "its key")
    return has(Call("JSONHas", call.args))
