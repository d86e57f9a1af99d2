"""`/v0/datasources`: what data sources there are and the state of each; deleting rows; sorting and exporting now."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from metrics import events, idempotency, ingest, mutations, rollups
from metrics.api.answers import datafile
from metrics.api.auth import perch, require, require_admin, token
from metrics.api.descriptions import chosen, modified_at
from metrics.errors import BadRequest
from metrics.exports import ExportedMonth, utc
from metrics.ordering import Order
from metrics.workspace import Source

BESIDE_COLUMNS = ("engine", "indexes", "new_columns_detected", "quarantine_rows")
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"

blueprint = Blueprint("datasources", __name__)


@blueprint.get("/v0/datasources")
@blueprint.get("/v1/datasources")
def list_datasources() -> Response:
    """The data sources that the token may read, with their row counts."""
    seen = token()
    sources = [item for item in perch().workspace.sources.values() if seen.may("DATASOURCES:READ", item.name)]
    return jsonify(datasources=[_chosen(_described(source)) for source in sources])


@blueprint.get("/v0/datasources/<name>")
@blueprint.get("/v1/datasources/<name>")
def describe_datasource(name: str) -> Response:
    """One data source: columns, engine, size, exported months, how long rows are kept."""
    require("DATASOURCES:READ", name)
    source = perch().workspace.source(name)
    exports = [_month(month) for month in perch().exporter.months(source)]
    order, rollup = perch().orderer.state(source), rollups.state(perch().store, name)
    states = {
        "exports": exports,
        "order": order and _order(order),
        "rollup": rollup and asdict(rollup),
        "retention": _retention(source),
    }
    return jsonify(_chosen({**_described(source), **states}))


@blueprint.get("/v0/datasources/<name>.datasource")
@blueprint.get("/v1/datasources/<name>.datasource")
def datasource_file(name: str) -> Response:
    """The text of its file."""
    require("DATASOURCES:READ", name)
    return datafile(perch().workspace.source(name).definition.text)


def _chosen(described: dict[str, Any]) -> dict[str, Any]:
    """The fields that `attrs` lists; columns bring along what a client of Tinybird's reads with them."""
    with_columns = "columns" in request.args.get("attrs", "").split(",")
    return chosen(described, always=BESIDE_COLUMNS if with_columns else ())


@blueprint.post("/v0/datasources")
def import_file() -> Response:
    """Append a file's rows, or replace all rows by them (`mode`); answers when it is done."""
    name, mode = request.args.get("name", ""), request.args.get("mode", "create")
    if mode not in ("append", "replace"):
        raise BadRequest(f"mode={mode} is not supported; data sources are made by files, so use append or replace.")
    if mode == "append":
        require("DATASOURCES:APPEND", name)
    else:
        require_admin()
    source = perch().workspace.writable(name)
    data = _uploaded()
    rows = mutations.read_upload(source, data, request.args.get("format", "csv").lower(), _dialect())
    if mode == "append":
        counts = mutations.append(perch().writer, source, rows, len(data))
    else:
        counts = mutations.replace(perch().writer, source, rows)
    return jsonify({**ingest.answer(source, counts), "datasource": {"name": source.name}})


def _dialect() -> mutations.Dialect:
    if "replace_condition" in request.args:
        raise BadRequest("replace_condition is not supported; delete by a condition first, then append.")
    if request.args.get("dialect_new_line", "\n") not in ("\n", "\r\n", "\r"):
        raise BadRequest("dialect_new_line is not supported; end lines with \\n or \\r\\n.")
    return mutations.Dialect(request.args.get("dialect_delimiter", ","), request.args.get("dialect_escapechar") or None)


def _uploaded() -> bytes:
    """The bytes of the one file of a multipart body, whatever its field is called, or of the raw body."""
    if "url" in request.args or (request.mimetype == "application/x-www-form-urlencoded" and "url" in request.form):
        raise BadRequest("Import by URL is not supported; send the file itself.")
    if request.mimetype == "multipart/form-data":
        file = next(iter(request.files.values()), None)
        if file is None:
            raise BadRequest("The multipart body has no file; send one, as in curl -F csv=@FILE.")
        data = file.read()
    else:
        data = request.get_data(parse_form_data=False)
    zipped = data.startswith(GZIP)
    encoding = "gzip" if zipped else "" if data.startswith(PARQUET) else request.headers.get("Content-Encoding", "")
    return events.decompress(data, encoding, perch().settings.max_body)


@blueprint.post("/v0/datasources/<name>/truncate")
def truncate(name: str) -> Response:
    """Delete every row; 205 without a body when it is done."""
    require_admin()
    mutations.truncate(perch().writer, perch().workspace.writable(name))
    return Response(status=205)


@blueprint.post("/v0/datasources/<name>/delete")
def delete(name: str) -> Response:
    """Delete the rows that `delete_condition` names; with `dry_run=true` only count them. Answers when it is done."""
    require_admin()
    source = perch().workspace.writable(name)
    condition = request.values.get("delete_condition", "")
    if not condition.strip():
        raise BadRequest("The form field 'delete_condition' is missing: it names the rows, as in environment = 'demo'.")
    if request.values.get("dry_run", "").lower() in ("true", "1"):
        seconds = perch().settings.query_timeout.total_seconds()
        rows = mutations.count_matching(perch().store, source, condition, seconds)
        return jsonify(status="done", rows_to_be_deleted=rows, delete_condition=condition)
    deleted = mutations.delete(perch().writer, source, condition)
    return jsonify(_job(name, condition, deleted))


def _job(name: str, condition: str, deleted: int) -> dict[str, Any]:
    """The answer as Tinybird's clients read it: a job, which is done already."""
    job = {"kind": "delete_data", "status": "done", "datasource": {"name": name}, "rows_affected": deleted}
    identity = str(uuid.uuid4())
    url = f"{request.host_url}v0/jobs/{identity}"
    said = {"id": identity, "job_id": identity, "delete_id": identity, "job_url": url, "status": "done", "job": job}
    return {**said, "rows_deleted": deleted, "delete_condition": condition}


@blueprint.post("/v0/exports")
def export() -> Response:
    """Export the changed months of every data source now; answers with those it wrote."""
    require_admin()
    return jsonify(exports=[_month(month) for month in perch().exporter.export(perch().workspace)])


@blueprint.post("/v0/rollups")
def roll_up() -> Response:
    """Bring every rollup up to the rows now, and merge its rows; answers with how many were read for either."""
    require_admin()
    rolled, merged = rollups.catch_up(perch().store)
    return jsonify(rows=rolled, merged=merged)


@blueprint.post("/v0/order")
def order() -> Response:
    """Sort the closed days of every data source now; answers when it is done with what was rewritten."""
    require_admin()
    done = perch().orderer.order(perch().workspace)
    return jsonify(
        order=[
            {
                "datasource": each.datasource,
                "slices": each.slices,
                "rows": each.rows,
                "seconds": round(each.seconds, 3),
                **_order(each.order),
            }
            for each in done
        ]
    )


def _described(source: Source) -> dict[str, Any]:
    engine = source.definition.engine
    rows, quarantined, size = perch().store.sizes(source.name, source.quarantine)
    changed = modified_at(source.definition.path)  # the file is the data source
    return {
        "id": source.name,
        "name": source.name,
        "description": source.definition.description,
        "created_at": changed,
        "updated_at": changed,
        "type": "ndjson",
        "tags": dict(source.definition.tags),
        "used_by": [],
        "shared_with": [],
        "indexes": [],
        "new_columns_detected": {},
        "statistics": {
            "row_count": rows,
            "bytes": size,
            "duplicate_rows": idempotency.had_duplicates(perch().store, source),
        },
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


def _order(order: Order) -> dict[str, Any]:
    return {
        "sorted_until": order.sorted_until and order.sorted_until.isoformat(),
        "row_groups": order.row_groups,
        "overlapping": order.overlapping,
    }


def _retention(source: Source) -> dict[str, Any]:
    """The TTL, null where rows are kept for ever, and the months whose rows are in their exports alone."""
    expired = [
        {"month": month.month, "rows": month.rows, "expired_at": month.expired_at.strftime("%Y-%m-%d %H:%M:%S")}
        for month in perch().exporter.expired(source)
    ]
    return {"ttl": source.definition.engine.ttl or None, "expired_months": expired}


def _month(month: ExportedMonth) -> dict[str, Any]:
    return {
        "datasource": month.datasource,
        "month": month.month,
        "rows": month.rows,
        "bytes": month.bytes,
        "path": month.path,
        "sha256": month.sha256,
        "first": utc(month.first),
        "last": utc(month.last),
        "exported_at": month.exported_at.strftime("%Y-%m-%d %H:%M:%S"),
    }
