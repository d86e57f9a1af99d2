"""Pipes as Tinybird's clients read them: the objects of `/v0/pipes`, cut to the fields that a request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

from flask import request

from metrics.datafiles import Pipe
from metrics.pipes import Endpoint
from metrics.templating import Parameter


def chosen(described: dict[str, Any], attrs: str = "attrs", always: Sequence[str] = ()) -> dict[str, Any]:
    """Only the fields that the parameter named `attrs` lists, where it is given, and those that always are there."""
    wanted = [*_listed(attrs), *always] if _listed(attrs) else list(described)
    return {name: value for name, value in described.items() if name in wanted}


def modified_at(path: Path) -> str:
    """When a definition's file was written, which is all that is known of its age: `2026-01-01 00:00:00.000000`."""
    return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d %H:%M:%S.%f}"


def describe_pipe(endpoint: Endpoint) -> dict[str, Any]:
    """A pipe: all fields, or those of `attrs` and its URL; with nodes where `node_attrs` asks or all is told."""
    pipe = endpoint.pipe
    written = modified_at(pipe.path)
    described: dict[str, Any] = {
        "id": pipe.name,
        "name": pipe.name,
        "description": pipe.description,
        "type": "default" if pipe.kind == "standard" else pipe.kind,
        "endpoint": pipe.published if pipe.kind == "endpoint" else None,
        "url": f"{request.host_url}v0/pipes/{pipe.name}.json",
        "created_at": written,
        "updated_at": written,
        "parent": None,
        "tags": dict(pipe.tags),
        "parameters": [_parameter(item) for item in endpoint.parameters.values()],
        "content": pipe.text,
    }
    attrs, node_attrs = _listed("attrs"), _listed("node_attrs")
    described = chosen(described, always=("url",))
    if node_attrs or not attrs or "nodes" in attrs:
        described["nodes"] = [chosen(_node(node, pipe), "node_attrs") for node in endpoint.nodes]
    return described


def _listed(parameter: str) -> list[str]:
    return [name for name in request.args.get(parameter, "").split(",") if name]


def _node(endpoint: Endpoint, pipe: Pipe) -> dict[str, Any]:
    """A node of `pipe`, given as the pipe that answers with it."""
    node, written = endpoint.answering, modified_at(pipe.path)
    published = node.name == pipe.published
    depends = request.args.get("dependencies", "true").lower() != "false"
    return {
        "id": node.name,
        "name": node.name,
        "sql": dedent(node.sql).strip("\n"),
        "description": node.description,
        "materialized": pipe.options.get("DATASOURCE") if published else None,
        "cluster": None,
        "mode": pipe.options.get("COPY_MODE") if published else None,
        "tags": {},
        "node_type": pipe.kind if published else "standard",
        "dependencies": list(endpoint.dependencies) if depends else [],
        "params": [_parameter(item) for item in endpoint.mentioned],
        "columns": [{"name": name, "type": kind} for name, kind in endpoint.columns],
        "created_at": written,
        "updated_at": written,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": parameter.default,
        "required": parameter.required,
        "description": parameter.description,
    }
