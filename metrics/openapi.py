"""The endpoints as an OpenAPI 3.0 document: a path for each endpoint and format, its parameters, what it answers.

Everything comes from the definitions: types, defaults, choices and descriptions of parameters from the templates' typed
calls, columns from the compiled SQL. The forms are those that `metrics/templating.py` reads and `metrics/formats.py`
writes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from metrics.dialect.types import FLOATS, INTEGERS, Type, TypeTextError, parse_type
from metrics.formats import FORMATS
from metrics.pipes import Endpoint
from metrics.templating import Parameter

Schema = dict[str, Any]

ERRORS: Final = {
    "400": "A parameter is missing, unknown or not of its type; or the query fails.",
    "403": "No token, a token that is not valid, or one without the scope of this endpoint.",
    "404": "There is no such endpoint or format.",
    "408": "The query took longer than PERCH_QUERY_TIMEOUT.",
    "429": "More requests than the token or the server may take now; Retry-After tells when to come again.",
    "503": "The store cannot be read at the moment; Retry-After tells when to come again.",
}
_PROMETHEUS: Final = {"name", "value"}
_COUNTED: Final = ("rows", "rows_before_limit_at_least")


def document(endpoints: Iterable[Endpoint], url: str) -> Schema:
    """The document of these endpoints, which answer below `url`."""
    chosen = list(endpoints)
    paths = {
        f"/v0/pipes/{endpoint.pipe.name}.{extension}": {"get": _operation(endpoint, extension)}
        for endpoint in chosen
        for extension in _extensions(endpoint)
    }
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Perch endpoints",
            "version": "v0",
            "description": "The endpoints that the token may read. Times are UTC unless a parameter says otherwise.",
        },
        "servers": [{"url": url}],
        "security": [{"bearer": []}, {"token": []}],
        "tags": [{"name": endpoint.pipe.name, "description": endpoint.pipe.description} for endpoint in chosen],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
            },
            "schemas": {"Error": _ERROR, "Meta": _META, "Statistics": _STATISTICS}
            | {endpoint.pipe.name: _row(endpoint) for endpoint in chosen},
            "responses": {status: _refusal(text) for status, text in ERRORS.items()},
        },
    }


def _extensions(endpoint: Endpoint) -> list[str]:
    """The formats that the endpoint's columns fit."""
    scrapable = {name for name, _ in endpoint.columns} >= _PROMETHEUS
    return [name for name in FORMATS if name != "prometheus" or scrapable]


def _operation(endpoint: Endpoint, extension: str) -> Schema:
    pipe = endpoint.pipe
    return {
        "operationId": f"{pipe.name}_{extension}",
        "tags": [pipe.name],
        "summary": f"{pipe.name} as {extension}",
        "description": pipe.description,
        "parameters": [_parameter(item) for item in endpoint.parameters.values()],
        "responses": {
            "200": {
                "description": "The rows",
                "headers": {"ETag": {"schema": {"type": "string"}}, "Cache-Control": {"schema": {"type": "string"}}},
                "content": {FORMATS[extension].content_type.partition(";")[0]: {"schema": _body(pipe.name, extension)}},
            },
            "304": {"description": "The rows are those of the ETag that If-None-Match names."},
            **{status: {"$ref": f"#/components/responses/{status}"} for status in ERRORS},
        },
    }


# What is answered.


def _body(name: str, extension: str) -> Schema:
    if extension == "parquet":
        return {"type": "string", "format": "binary"}
    if extension != "json":
        return {"type": "string"}
    properties: Schema = {
        "meta": {"type": "array", "items": {"$ref": "#/components/schemas/Meta"}},
        "data": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
        **{count: {"type": "integer", "minimum": 0} for count in _COUNTED},
        "statistics": {"$ref": "#/components/schemas/Statistics"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _row(endpoint: Endpoint) -> Schema:
    columns = {name: _column(kind) for name, kind in endpoint.columns}
    return {"type": "object", "properties": columns, **({"required": list(columns)} if columns else {})}


def _column(kind: str) -> Schema:
    try:
        return {**_value(parse_type(kind)), "description": kind}
    except TypeTextError:
        return {"description": kind}


def _value(type_: Type) -> Schema:
    """A value of a ClickHouse type in JSON; NaN and infinity, which JSON lacks, are null."""
    bare = type_.bare
    schema = _PLAIN[bare.name](bare) if bare.name in _PLAIN else {}
    return {**schema, "nullable": True} if schema and (type_.nullable or bare.is_float) else schema


def _text(**more: object) -> Callable[[Type], Schema]:
    return lambda _: {"type": "string", **more}


_PLAIN: Final[Mapping[str, Callable[[Type], Schema]]] = {
    **dict.fromkeys(INTEGERS, lambda type_: _counted(type_.name)),
    **dict.fromkeys(FLOATS, lambda type_: {"type": "number", "format": _width(type_.name)}),
    **dict.fromkeys(("String", "FixedString", "Enum8", "Enum16", "IPv4", "IPv6"), _text()),
    "Decimal": lambda _: {"type": "number"},
    "Bool": lambda _: {"type": "boolean"},
    "UUID": _text(format="uuid"),
    "Date": _text(format="date"),
    "Date32": _text(format="date"),
    "DateTime": _text(example="2026-01-31 23:59:59"),
    "DateTime64": _text(example="2026-01-31 23:59:59.000"),
    "Array": lambda type_: {"type": "array", "items": _value(type_.inner)},
    "Map": lambda _: {"type": "object"},
}


def _counted(name: str) -> Schema:
    """An integer that is answered; without the ends of its range, which pages would show as the example."""
    bounds = _bounds(name)
    return {"type": "integer", **{key: value for key, value in bounds.items() if key == "format" or value == 0}}


def _bounds(name: str) -> Schema:
    bits, unsigned = int(name.lstrip("UInt") or 64), name.startswith("U")
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    sized = {"format": "int64" if bits + unsigned > 32 else "int32"} if bits + unsigned <= 64 else {}
    return {**sized, "minimum": low, "maximum": high}


def _width(name: str) -> str:
    return "float" if name == "Float32" else "double"


_META: Final = {
    "type": "object",
    "required": ["name", "type"],
    "properties": {"name": {"type": "string"}, "type": {"type": "string", "description": "A type of ClickHouse"}},
}
_STATISTICS: Final = {
    "type": "object",
    "required": ["elapsed", "rows_read", "bytes_read"],
    "properties": {
        "elapsed": {"type": "number", "description": "Seconds", "minimum": 0},
        "rows_read": {"type": "integer", "minimum": 0},
        "bytes_read": {"type": "integer", "minimum": 0},
    },
}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "One sentence: what was wrong, where, what to do"},
        "status": {"type": "integer"},
    },
}


def _refusal(text: str) -> Schema:
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


# What is taken.


def _parameter(parameter: Parameter) -> Schema:
    item = parameter.type.removeprefix("Array(").removesuffix(")")
    is_array = item != parameter.type
    schema = _input(item)
    if parameter.enum:
        schema["enum"] = [_typed(value, schema) for value in parameter.enum]
    if is_array:
        schema = {"type": "array", "items": schema}
    described = {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required and parameter.default is None,
        "description": parameter.description,
        "schema": schema,
        **({"style": "form", "explode": False} if is_array else {}),
    }
    for told, where, value in (("default", schema, parameter.default), ("example", described, parameter.example)):
        with contextlib.suppress(ValueError):  # what is not of the type is of no use to the reader
            where |= {told: _typed(value, schema)} if value is not None else {}
    return described


def _input(word: str) -> Schema:
    """The schema for the template language's word for a type."""
    if word in INTEGERS or word in ("Int", "Integer"):
        return {"type": "integer", **_bounds(word if word in INTEGERS else "Int64")}
    if word in FLOATS or word == "Float":
        return {"type": "number", "format": _width(word)}
    if word == "Boolean":
        return {"type": "boolean"}
    formats = {"Date": "date", "DateTime": "date-time", "DateTime64": "date-time", "UUID": "uuid"}
    return {"type": "string", **({"format": formats[word]} if word in formats else {})}


def _typed(value: object, schema: Schema) -> object:
    """A default, a choice or an example of a template as the JSON value that its schema has."""
    kind = schema["type"]
    if kind == "array":
        listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
        return [_typed(item, schema["items"]) for item in listed]
    if kind == "boolean":
        return str(value).lower() in ("1", "true")
    if kind == "string":
        return f"{value}Z".replace(" ", "T") if _CLOCK.fullmatch(str(value)) and "format" in schema else str(value)
    return value if isinstance(value, int | float) else float(str(value)) if kind == "number" else int(str(value))


_CLOCK: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?")
