"""`/v0/datasources`: what data sources there are, their size and exports; deleting rows; exporting now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from metrics.api.auth import perch, require, require_admin, token
from metrics.errors import BadRequest
from metrics.exports import ExportedMonth
from metrics.mutations import delete_rows
from metrics.workspace import Source

blueprint = Blueprint("datasources", __name__)


@blueprint.get("/v0/datasources")
def list_datasources() -> Response:
    """The data sources that the token may read, with their row counts."""
    seen = token()
    sources = perch().workspace.sources.values()
    return jsonify(datasources=[_described(item) for item in sources if seen.may("DATASOURCES:READ", item.name)])


@blueprint.get("/v0/datasources/<name>")
def describe_datasource(name: str) -> Response:
    """One data source: columns, engine, size, exported months."""
    require("DATASOURCES:READ", name)
    source = perch().workspace.source(name)
    return jsonify({**_described(source), "exports": [_month(month) for month in perch().exporter.months(source)]})


@blueprint.post("/v0/datasources/<name>/delete")
def delete(name: str) -> Response:
    """Delete the rows that the form field `delete_condition` names; answers when it is done."""
    require_admin()
    source = perch().workspace.source(name)
    condition = request.values.get("delete_condition", "")
    if not condition.strip():
        raise BadRequest("The form field 'delete_condition' is missing: it names the rows, as in environment = 'demo'.")
    deleted = delete_rows(perch().writer, source, condition)
    return jsonify(status="done", rows_deleted=deleted, delete_condition=condition)


@blueprint.post("/v0/exports")
def export() -> Response:
    """Export the changed months of every data source now; answers with those it wrote."""
    require_admin()
    return jsonify(exports=[_month(month) for month in perch().exporter.export()])


def _described(source: Source) -> dict[str, Any]:
    engine = source.definition.engine
    rows, quarantined, size = perch().store.sizes(source.name, source.quarantine)
    return {
        "id": source.name,
        "name": source.name,
        "description": source.definition.description,
        "statistics": {"row_count": rows, "bytes": size},
        "quarantine_rows": quarantined,
        "columns": [_column(source, at) for at in range(len(source.columns))],
        "engine": {
            "engine": engine.name,
            "engine_sorting_key": ", ".join(engine.sorting_key),
            "engine_partition_key": engine.partition_key,
            "engine_primary_key": ", ".join(engine.primary_key),
        },
    }


def _column(source: Source, at: int) -> dict[str, Any]:
    column = source.definition.columns[at]
    nullable = column.type.startswith("Nullable(")
    return {
        "name": column.name,
        "type": column.type.removeprefix("Nullable(").removesuffix(")") if nullable else column.type,
        "nullable": nullable,
        "jsonpath": column.jsonpath,
        "default_value": None if column.default is None else f"DEFAULT {column.default}",
        "codec": column.codec,
        "normalized_name": column.name,
    }


def _month(month: ExportedMonth) -> dict[str, Any]:
    return {
        "datasource": month.datasource,
        "month": month.month,
        "rows": month.rows,
        "bytes": month.bytes,
        "path": month.path,
        "exported_at": month.exported_at.strftime("%Y-%m-%d %H:%M:%S"),
    }
