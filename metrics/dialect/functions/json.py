"""JSON in texts: what is missing, or of another kind, is the default of the type that was asked for."""

from __future__ import annotations

from metrics.dialect.rules import FLOAT64, INT64, STRING, UINT64, NoRule, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, condition


def _path(call: Call) -> str:
    """DuckDB's JSON path of the keys and positions that follow the text."""
    path = "$"
    for each in call.args[1:]:
        if isinstance(each.literal, str):
            escaped = each.literal.replace("\\", "\\\\").replace('"', '\\"')
            path += f'."{escaped}"'
        elif isinstance(each.literal, int) and each.literal > 0:
            path += f"[{each.literal - 1}]"
        else:
            raise NoRule(f"{call.name} expects literal keys and positions from 1")
    return text_sql(path)


def _document(call: Call) -> str:
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    return call[0].sql


@scalar("JSONExtractString", "JSONExtractRaw", "JSON_VALUE", least=1, most=None)
def extract_text(call: Call) -> Value:
    if call.name == "JSON_VALUE":
        raise NoRule("JSON_VALUE needs the ClickHouse engine; JSONExtractString does not")
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
