"""Test cases of endpoints: what `test` runs, in the format of Tinybird's test files.

Beside the river. A case is one call of an endpoint and the rows that it must answer: an entry of `tests/NAME.yaml`
below the project, NAME being the endpoint. The cases run on a store of their own, made for the run and filled from
`fixtures/DATASOURCE.ndjson` and `.csv`.
"""

from __future__ import annotations

import difflib
import io
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from metrics.client import Api, own_api
from metrics.errors import DefinitionError, NotFound, StartError
from metrics.settings import Settings

_FIELDS = ("name", "description", "parameters", "expected_result", "expected_http_status")
_DIGITS = 1e-9  # relative difference up to which two Float64 are one number: sums may be added in another order

Rows = list[Any]


@dataclass(frozen=True)
class Case:
    """One entry of a test file; `parameters` is a query string, `expected` the rows as NDJSON."""

    file: Path
    position: int
    name: str
    parameters: str
    expected: str
    status: int

    @property
    def pipe(self) -> str:
        """The endpoint that it calls."""
        return self.file.stem


@dataclass(frozen=True)
class Outcome:
    """What a case's call was answered with, and how that differs from what was expected ([]: not at all)."""

    case: Case
    status: int
    answered: str
    differences: list[str]

    @property
    def passed(self) -> bool:
        """Whether the answer was the expected one."""
        return not self.differences


def find_cases(folder: Path, names: Sequence[str] = ()) -> list[Case]:
    """The cases of every `tests/*.yaml` below `folder`, or those whose endpoint, file or own name is in `names`.

    Raises:
        DefinitionError: a file is not a list of cases.
        NotFound: a name is that of none.
    """
    files = sorted(path for path in folder.rglob("*.yaml") if "tests" in path.relative_to(folder).parts[:-1])
    cases = [case for file in files for case in _read(file)]
    wanted = []
    for name in names:
        found = [case for case in cases if name in (case.pipe, case.name, case.file.name) or Path(name) == case.file]
        if not found:
            known = ", ".join(sorted({case.pipe for case in cases})) or "none"
            raise NotFound(
                f"There is no test case of an endpoint '{name}', or of that name; there are cases of: {known}."
            )
        wanted += found
    return wanted if names else cases


def _read(file: Path) -> Iterator[Case]:
    try:
        entries = YAML().load(file)
    except MarkedYAMLError as error:
        line, column = (error.problem_mark.line + 1, error.problem_mark.column + 1) if error.problem_mark else (0, 0)
        raise DefinitionError(f"not YAML: {error.problem}", file=str(file), line=line, column=column) from None
    if not isinstance(entries, list):
        raise DefinitionError(
            "expected a list of cases, each with - name, parameters and expected_result", file=str(file)
        )
    for position, entry in enumerate(entries):
        line = entries.lc.item(position)[0] + 1  # type: ignore[attr-defined]
        if not isinstance(entry, dict) or "name" not in entry:
            raise DefinitionError("expected a case with a name", file=str(file), line=line)
        if unknown := sorted(map(str, entry.keys() - set(_FIELDS))):
            reason = f"a case has no {unknown[0]}; it has {', '.join(_FIELDS)}"
            raise DefinitionError(reason, file=str(file), line=line)
        parameters, expected = (str(entry.get(key) or "") for key in ("parameters", "expected_result"))
        status = int(entry.get("expected_http_status") or 200)
        yield Case(file, position, str(entry["name"]), parameters, expected, status)


def run_cases(
    settings: Settings, cases: Iterable[Case], say: Callable[[str], None] = lambda _: None
) -> Iterator[Outcome]:
    """Run cases on a fresh store with the fixtures of the project; `say` is told of rows that do not fit.

    Raises:
        DefinitionError: a definition is wrong.
        PerchError: a fixture cannot be read, or is of no data source.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perch-test-")))
        perch = stack.enter_context(own_api(settings.model_copy(update={"data_dir": folder})))
        for fixture in fixtures(settings.project):
            _fill(perch, fixture, say)
        for case in cases:
            yield _outcome(perch, case)


def fixtures(folder: Path) -> list[Path]:
    """Every `fixtures/*.ndjson` and `fixtures/*.csv` below a project."""
    found = (path for suffix in ("ndjson", "csv") for path in sorted(folder.rglob(f"*.{suffix}")))
    return [path for path in found if path.parent.name == "fixtures"]


def _fill(perch: Api, fixture: Path, say: Callable[[str], None]) -> None:
    form = fixture.suffix.removeprefix(".")
    counts = perch.post("/v0/datasources", _bytes(fixture), name=fixture.stem, mode="append", format=form)
    if bad := counts["quarantined_rows"]:
        say(f"{fixture}: {bad} of {bad + counts['successful_rows']} rows are in the quarantine.")


def _bytes(fixture: Path) -> bytes:
    try:
        return fixture.read_bytes()
    except OSError as error:
        raise StartError(f"The fixture {fixture} cannot be read: {error.strerror}.") from None


def _outcome(perch: Api, case: Case) -> Outcome:
    answer = perch.fetch(f"/v0/pipes/{case.pipe}.ndjson", parse_qsl(case.parameters, keep_blank_values=True))
    text = answer.body.decode().strip()
    if answer.status != case.status:
        reason = f": {answer.json()['error']}" if answer.status >= 400 else ""
        answered = text if answer.status < 400 else ""  # the status is what counts, not the sentence
        return Outcome(
            case, answer.status, answered, [f"expected the status {case.status}, got {answer.status}{reason}"]
        )
    if answer.status >= 400 and not case.expected.strip():
        return Outcome(case, answer.status, "", [])
    return Outcome(case, answer.status, text, differences(_rows(case.expected), _rows(text)))


def _rows(ndjson: str) -> Rows:
    rows = []
    for line in filter(str.strip, ndjson.splitlines()):
        try:
            rows.append(json.loads(line))
        except ValueError:
            rows.append(line)  # it is no row, so no answer has it
    return rows


def differences(expected: Rows, got: Rows) -> list[str]:
    """How two lists of rows differ, for a reader: by column where they are as many, else as lines gone and come."""
    if _same(expected, got):
        return []
    told = [", ".join(rows[0]) if rows and isinstance(rows[0], dict) else "" for rows in (expected, got)]
    if told[0] and told[1] and told[0] != told[1]:
        return [f"columns: expected {told[0]}", f"              got {told[1]}"]
    if len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True), start=1)
        return [told for number, (one, other) in pairs for told in _by_column(number, one, other)]
    before, after = ([json.dumps(row) for row in rows] for rows in (expected, got))
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    shown = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return [f"expected {len(expected)} rows, got {len(got)} (- expected, + got):", *shown]


def _by_column(number: int, expected: Any, got: Any) -> Iterator[str]:
    if not (isinstance(expected, dict) and isinstance(got, dict)):
        if not _same(expected, got):
            yield f"row {number}: expected {json.dumps(expected)}, got {json.dumps(got)}"
        return
    for name in [*expected, *(name for name in got if name not in expected)]:
        told = [json.dumps(row[name]) if name in row else "no such column" for row in (expected, got)]
        if name not in expected or name not in got or not _same(expected[name], got[name]):
            yield f"row {number}, {name}: expected {told[0]}, got {told[1]}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=_DIGITS)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(map(_same, one.values(), other.values()))
    return type(one) is type(other) and bool(one == other)


def update(outcomes: Iterable[Outcome]) -> None:
    """Write what was answered as what is expected into the files of the cases; all else in them stays as it is."""
    by_file: dict[Path, list[Outcome]] = {}
    for outcome in outcomes:
        by_file.setdefault(outcome.case.file, []).append(outcome)
    yaml = YAML()
    yaml.width = 10**6  # a line of the file stays a line
    for file, changed in by_file.items():
        entries = yaml.load(file)
        for outcome in changed:
            entry = entries[outcome.case.position]
            entry["expected_result"] = LiteralScalarString(outcome.answered + "\n") if outcome.answered else ""
            if outcome.status != outcome.case.status:
                entry["expected_http_status"] = outcome.status
        written = io.StringIO()
        yaml.dump(entries, written)
        file.write_text(re.sub(r"\n{3,}", "\n\n", written.getvalue()).rstrip("\n") + "\n")
