"""The river flows one way: which file may import what, read from the sources by `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for path in [*ROOT.glob("*.py"), *ROOT.glob("pages/**/*.py"), *ROOT.glob("metrics/**/*.py")]
    if "__pycache__" not in path.parts
)

# package -> where it may be imported (a folder ends in a slash)
ONLY_IN = {
    "streamlit": ("app.py", "pages/", "metrics/dashboard/"),
    "starlette": ("app.py", "metrics/dashboard/"),
    "altair": ("pages/", "metrics/dashboard/"),
    "flask": ("ingest_server.py", "metrics/api/"),
    "flask_swagger_ui": ("metrics/api/",),
    "uvicorn": ("ingest_server.py",),
    "a2wsgi": ("metrics/api/",),
    "duckdb": ("metrics/store.py", "metrics/files.py", "metrics/exports.py"),
    "sqlglot": ("metrics/dialect/",),
    "watchdog": ("metrics/watching.py",),
    "ruamel": ("metrics/cases.py",),
    "tabulate": ("metrics/adhoc.py", "metrics/pricetables.py"),
    "genai_prices": ("metrics/prices.py",),
    "click": ("metrics/__main__.py", "metrics/manual.py"),
    "metrics.api": ("ingest_server.py", "metrics/api/"),
    "metrics.dashboard": ("app.py", "pages/", "metrics/dashboard/"),
    "ingest_server": ("metrics/__main__.py", "metrics/client.py"),
    "metrics.__main__": (),
}

# The stages in the order in which data flows: a stage imports only those before it.
RIVER = [
    "errors", "settings", "dialect", "columns", "datafiles", "templating", "events", "validation", "limits", "progress",
    "store", "partitions", "prices", "pricing", "workspace", "idempotency", "rollups", "writer", "ordering", "exports",
    "retention", "backup", "mutations", "repricing", "prometheus", "formats", "pipes", "tokens", "materializing",
    "instance", "ingest", "api",
]  # fmt: skip


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in the file; `from a import b` counts as `a` and `a.b`."""
    return frozenset(imported(path))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write the whole name"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lies_in(path: Path, places: tuple[str, ...]) -> bool:
    return any(place(path) == each or (each.endswith("/") and place(path).startswith(each)) for each in places)


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_only_where_it_belongs(package: str) -> None:
    strays = [
        place(path)
        for path in SOURCES
        if not lies_in(path, ONLY_IN[package]) and any(within(name, package) for name in imports(path))
    ]
    assert not strays, f"{package} belongs in {', '.join(ONLY_IN[package]) or 'no other file'}"


def test_the_dashboard_knows_nothing_of_perch_but_its_settings() -> None:
    allowed = ("metrics.dashboard", "metrics.settings", "metrics.errors")
    strays = {
        f"{place(path)}: {name}"
        for path in SOURCES
        if lies_in(path, ("app.py", "pages/", "metrics/dashboard/"))
        for name in imports(path)
        if within(name, "metrics") and name != "metrics" and not any(within(name, each) for each in allowed)
    }
    assert not strays


@pytest.mark.parametrize("stage", RIVER)
def test_a_stage_imports_only_stages_upstream(stage: str) -> None:
    downstream = RIVER[RIVER.index(stage) + 1 :]
    strays = {
        f"{place(path)}: {name}"
        for path in SOURCES
        if lies_in(path, (f"metrics/{stage}.py", f"metrics/{stage}/"))
        for name in imports(path)
        if any(within(name, f"metrics.{each}") for each in downstream)
    }
    assert not strays


def test_every_stage_exists() -> None:
    missing = [stage for stage in RIVER if not list((ROOT / "metrics").glob(f"{stage}*"))]
    assert not missing
