"""A first endpoint or data source, as files that work and say what each part is for: what `new` writes.

Beside the river. What it writes passes `check` and `test` at once, and is meant to be changed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from metrics.cases import find_cases, run_cases, update
from metrics.errors import BadRequest
from metrics.settings import Settings
from metrics.workspace import Source, Workspace, load_workspace

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")

_PIPE: Final = """\
# An endpoint: GET /v0/pipes/{name}.json answers the rows of its last node. docs/develop.md tells how to go on.
DESCRIPTION >
    How many rows of {source} there are{each}. (Say here what a row of the answer is, and the unit of each number.)

NODE {node}
SQL >
    %
    {{# The % above makes this a template. What stands in two braces is a typed parameter: its value is bound, and never
       becomes text of the SQL. What stands under an if is there only when the request gives the parameter. #}}
    SELECT
        {columns}
    FROM {source}
    WHERE 1
{conditions}    {group}LIMIT {{{{Int32(limit, 100, description='Most rows to answer')}}}}

TYPE endpoint
"""
_CONDITION: Final = "    {{% if defined({parameter}) %}} AND {column} {operator} {{{{{call}}}}} {{% end %}}\n"

_CASES: Final = """\
# Each case is a call of {name} and the rows that it must answer, over the rows of fixtures/.
# `python -m metrics test {name} --update` writes what is answered now into expected_result.
- name: all
  description: Without parameters it answers for all rows.
  parameters: ''
  expected_result: ''

- name: one_row
  parameters: limit=1
  expected_result: ''

- name: a_limit_that_is_no_number
  parameters: limit=many
  expected_http_status: 400
  expected_result: ''
"""

_DATASOURCE: Final = """\
# A data source: POST /v0/events?name={name} takes JSON objects, one a line. docs/develop.md tells how to go on.
DESCRIPTION >
    One row per event. (Say here what that is, and the unit of each number.)

# `column` Type `json:$.where.it.stands`: a column that is not Nullable and has no DEFAULT must be in every event.
SCHEMA >
    `timestamp` DateTime `json:$.timestamp`,
    `kind` String `json:$.kind`,
    `value` Nullable(Float64) `json:$.value`,
    `source` String `json:$.source` DEFAULT ''

# Rows lie sorted by these columns: begin with the time that queries ask for.
ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(timestamp)"
ENGINE_SORTING_KEY "timestamp, kind"
"""
_FIXTURE: Final = """\
{"timestamp":"2026-01-02 03:04:05","kind":"first","value":1.5,"source":"fixture"}
{"timestamp":"2026-01-02 03:04:06","kind":"second","value":null}
"""


def new_endpoint(settings: Settings, name: str, source: str = "") -> list[Path]:
    """Write `endpoints/NAME.pipe` and `tests/NAME.yaml`, with the rows that its cases answer now; returns both.

    It counts the rows of `source`, or of llm_events, or of whatever data source the project has.

    Raises:
        BadRequest: the name cannot be one, is taken, or there is no data source to read.
        DefinitionError: a definition of the project is wrong.
    """
    folder = settings.project
    workspace = load_workspace(folder)
    _check_name(name, workspace)
    read = _source(workspace, source)
    files = {
        folder / "endpoints" / f"{name}.pipe": _pipe(name, read),
        folder / "tests" / f"{name}.yaml": _CASES.format(name=name),
    }
    _write(files)
    update(outcome for outcome in run_cases(settings, find_cases(folder, [name])) if not outcome.passed)
    return list(files)


def new_datasource(settings: Settings, name: str) -> list[Path]:
    """Write `datasources/NAME.datasource` and `fixtures/NAME.ndjson`; returns both; raises as `new_endpoint`."""
    _check_name(name, load_workspace(settings.project))
    files = {
        settings.project / "datasources" / f"{name}.datasource": _DATASOURCE.format(name=name),
        settings.project / "fixtures" / f"{name}.ndjson": _FIXTURE,
    }
    _write(files)
    return list(files)


def _check_name(name: str, workspace: Workspace) -> None:
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"{name!r} cannot be a name: it takes lower-case letters, digits and _, and begins with no digit."
        )
    taken = {pipe.name: pipe.path for pipe in workspace.pipes.values()}
    taken |= {source.name: source.definition.path for source in workspace.sources.values()}
    if name in taken:
        raise BadRequest(f"The name {name} is taken by {taken[name]}; choose another.")


def _source(workspace: Workspace, name: str) -> Source:
    if name or "llm_events" in workspace.sources:
        return workspace.source(name or "llm_events")
    if not workspace.sources:
        raise BadRequest("The project has no data source to read: make one first, with `new datasource NAME`.")
    return next(iter(workspace.sources.values()))


def _write(files: dict[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise BadRequest(f"{path} exists; nothing was written.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _pipe(name: str, source: Source) -> str:
    group = next((column for column, kind in source.columns if kind in ("String", "LowCardinality(String)")), "")
    conditions = ""
    if time := source.time_column:
        call = "DateTime" if dict(source.columns)[time].startswith("DateTime") else "Date"
        for parameter, operator, meaning in (
            ("start_date", ">=", "First moment, UTC, inclusive"),
            ("end_date", "<", "End, UTC, exclusive"),
        ):
            conditions += _condition(parameter, time, operator, f"{call}({parameter}, description='{meaning}')")
    if group:
        conditions += _condition(group, group, "IN", f"Array({group}, 'String', description='Values of {group}')")
    return _PIPE.format(
        name=name,
        source=source.name,
        node="counted" if name != "counted" else "answer",
        each=f" for each {group}, most first" if group else "",
        columns=f"{group},\n        count() AS rows" if group else "count() AS rows",
        conditions=conditions,
        group=f"GROUP BY {group}\n    ORDER BY rows DESC, {group}\n    " if group else "",
    )


def _condition(parameter: str, column: str, operator: str, call: str) -> str:
    return _CONDITION.format(parameter=parameter, column=column, operator=operator, call=call)
