"""The pages of docs/ that describe the definitions: what each endpoint takes and answers, what a data source holds.

They are written from the files themselves, compiled as the server compiles them; `metrics/manual.py` puts them into
docs/ beside its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from metrics.dialect import Compiled
from metrics.pipes import Endpoint
from metrics.settings import ROOT
from metrics.templating import Parameter
from metrics.workspace import Source, load_workspace

OURS = ROOT / "metrics"
GENERATED = "<!-- Written by `make docs`. -->"


def endpoints_page(folder: Path = OURS) -> str:
    """docs/endpoints.md: every endpoint of a project with its parameters and columns.

    Raises:
        DefinitionError: a definition is wrong.
    """
    workspace = load_workspace(folder)
    endpoints = [Endpoint(pipe, workspace) for pipe in workspace.pipes.values() if pipe.kind == "endpoint"]
    shared = _shared(endpoints)
    sections = "\n".join(_endpoint(item, shared) for item in endpoints)
    return f"""{GENERATED}
# Endpoints

Each is a file of `metrics/endpoints/` and answers at `GET /v0/pipes/NAME.json` (also `.csv`, `.ndjson`, `.parquet`)
to a token with the scope `PIPES:READ:NAME`. A parameter that an endpoint does not have is refused with a 400 that lists
those it has. Without dates an endpoint answers for all time. docs/api.md tells how an
endpoint is called and what each format is.

## Parameters of all that take any

An `Array` takes one value, several joined by commas, or the key repeated. A `DateTime` is `YYYY-MM-DD hh:mm:ss`, UTC
unless it ends in an offset.

{_parameters(shared)}
{sections}"""


def datasources_page(folder: Path = OURS) -> str:
    """docs/datasources.md: every data source of a project with its columns.

    Raises:
        DefinitionError: a definition is wrong.
    """
    sections = "\n".join(_source(item) for item in load_workspace(folder).sources.values())
    return f"""{GENERATED}
# Data sources

Each is a file of `metrics/datasources/` and takes events at `POST /v0/events?name=NAME` from a token with the scope
`DATASOURCES:APPEND:NAME`. A column that is not `Nullable` and has no default must be in every event. What does not fit
goes to `NAME_quarantine`, whole, with the reasons. docs/ingest.md tells which forms a value may have.

{sections}"""


def _shared(endpoints: Sequence[Endpoint]) -> list[Parameter]:
    """The parameters that all endpoints have, but for those that have none."""
    taking = [item for item in endpoints if item.parameters]
    names = set.intersection(*(set(item.parameters) for item in taking)) if taking else set()
    return [item for name, item in taking[0].parameters.items() if name in names] if taking else []


def _endpoint(endpoint: Endpoint, shared: Sequence[Parameter]) -> str:
    everywhere = {item.name for item in shared}
    own = [item for name, item in endpoint.parameters.items() if name not in everywhere]
    compiled = endpoint.sample().compiled
    parameters = f"\n{_parameters(own)}" if own else "" if endpoint.parameters else "\nIt takes no parameters.\n"
    return f"## {endpoint.pipe.name}\n\n{endpoint.pipe.description}\n{parameters}\n{_columns(compiled)}"


def _parameters(parameters: Iterable[Parameter]) -> str:
    rows = [(f"`{item.name}`", f"`{item.type}`", _default(item), _meaning(item)) for item in parameters]
    return _table(("Parameter", "Type", "Default", "Meaning"), rows)


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default is None else f"`{parameter.default}`"


def _meaning(parameter: Parameter) -> str:
    choices = ", ".join(f"`{value}`" for value in parameter.enum)
    return f"{parameter.description}: {choices}" if choices else parameter.description


def _columns(compiled: Compiled) -> str:
    return _table(("Column", "Type"), [(f"`{name}`", f"`{kind}`") for name, kind in compiled.columns])


def _source(source: Source) -> str:
    rows = [
        (f"`{item.name}`", f"`{item.type}`", "" if item.default is None else f"`{item.default}`")
        for item in source.definition.columns
    ]
    sorting = ", ".join(source.definition.engine.sorting_key)
    table = _table(("Column", "Type", "Default"), rows)
    return f"## {source.name}\n\n{source.definition.description}\n\nSorted by {sorting}.\n\n{table}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
