"""All that is wrong with a project's definitions, at once: what `check` prints and `dev` waits for.

Beside the river: it reads the files as the server does (datafiles, workspace, pipes) and goes on where the server stops
at the first mistake. Every endpoint is compiled as it is called without parameters, and again with a value for each, so
that what stands under `{% if defined(x) %}` is read too.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from metrics.datafiles import CONNECTORS, DataSource, Pipe, definition_files, parse_datasource, read_folder
from metrics.errors import BadRequest, DefinitionError, StartError
from metrics.materializing import rollups_of
from metrics.pipes import Endpoint, sample
from metrics.prices import FILE as PRICES
from metrics.prices import load_prices
from metrics.templating import Parameter, Template
from metrics.validation import Validator
from metrics.workspace import Columns, Source, Workspace, checked_source

NEEDS_CLICKHOUSE: Final = "needs the ClickHouse engine"


@dataclass(frozen=True)
class Problem:
    """One thing to tell of a file; `severity` is error, warning or hint; `line` and `column` count from 1 (0: none)."""

    path: Path
    line: int
    column: int
    severity: str
    message: str
    source: str = ""

    @property
    def needs_clickhouse(self) -> bool:
        """Whether it is right in ClickHouse and cannot be run here."""
        return NEEDS_CLICKHOUSE in self.message

    def __str__(self) -> str:
        """`FILE:LINE:COLUMN: SEVERITY: MESSAGE`, and the line with a caret under the place."""
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part)
        head = f"{place}: {self.severity}: {self.message}"
        return f"{head}\n{pointed(self.source, self.column)}" if self.source else head


@dataclass(frozen=True)
class CheckedPipe:
    """A pipe, and the columns with the ClickHouse types that it answers to a call without parameters."""

    name: str
    kind: str
    columns: Columns


@dataclass(frozen=True)
class Report:
    """What a project holds, and what is wrong with it, in the order of its files and lines."""

    problems: tuple[Problem, ...]
    pipes: tuple[CheckedPipe, ...]
    files: Mapping[str, int]  # how many of each suffix

    def of(self, severity: str) -> list[Problem]:
        """The problems of one severity."""
        return [problem for problem in self.problems if problem.severity == severity]

    @property
    def summary(self) -> str:
        """As in `12 pipes, 3 data sources: all can run; 1 warning`."""
        counts = f"{_count(self.files['.pipe'], 'pipe')}, {_count(self.files['.datasource'], 'data source')}"
        broken = len({problem.path for problem in self.of("error")})
        verdict = f"{_count(broken, 'file')} cannot be used" if broken else "all can run"
        told = [_count(len(self.of(word)), word) for word in ("error", "warning", "hint") if self.of(word)]
        return f"{counts}: {verdict}{'; ' if told else ''}{', '.join(told)}"

    def as_json(self) -> dict[str, object]:
        """The report for editors and for CI."""
        return {
            "ok": not self.of("error"),
            "summary": self.summary,
            "problems": [
                {**asdict(problem), "path": str(problem.path), "needs_clickhouse": problem.needs_clickhouse}
                for problem in self.problems
            ],
            "pipes": [
                {"name": pipe.name, "type": pipe.kind, "columns": [{"name": n, "type": t} for n, t in pipe.columns]}
                for pipe in self.pipes
            ],
        }


def pointed(source: str, column: int) -> str:
    """A line of a file as it stands there, and below it a caret under the column (from 1; 0: under the whole line)."""
    plain = source.expandtabs(1)
    start = len(plain) - len(plain.lstrip())
    mark = " " * (column - 1) + "^" if column else " " * start + "~" * max(1, len(plain.strip()))
    return f"    {plain}\n    {mark}"


def check(folder: Path, pipes: Container[str] | None = None) -> Report:
    """Read every definition below `folder`, and compile and judge every pipe, or those named in `pipes`.

    Raises:
        StartError: the folder does not exist.
    """
    if not folder.is_dir():
        raise StartError(f"The folder {folder} does not exist; PERCH_PROJECT or the argument names the definitions'.")
    return _Check(folder).report(pipes)


def from_here(folder: Path) -> Path:
    """A folder as it is called from the current one, where it lies below that."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) and folder != here else folder


class _Check:
    """One run over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        own = [path for path in (folder / PRICES,) if path.exists()]
        self.lines = {path: _lines(path) for path in (*definition_files(folder), *own)}
        self.project, self.mistakes = read_folder(folder)
        try:
            load_prices(folder)
        except DefinitionError as error:
            self.mistakes.append(error)
        self.found: dict[tuple[Path, int, int, str], Problem] = {}
        self.pipes: list[CheckedPipe] = []
        self.broken: set[str] = set()
        materialized = (pipe for pipe in self.project.pipes.values() if pipe.kind == "materialized")
        self.filled = {pipe.options["DATASOURCE"] for pipe in materialized}

    def report(self, pipes: Container[str] | None) -> Report:
        for mistake in self.mistakes:
            self.mistake(mistake)
            self.further(mistake)
        self.broken = {Path(mistake.file).stem for mistake in self.mistakes}
        workspace = Workspace(dict(self.sources()), self.project.pipes)
        for name, pipe in self.project.pipes.items():
            if pipes is None or name in pipes:
                self.pipe(pipe, workspace)
        self.rollups(workspace)
        ordered = sorted(self.found.values(), key=lambda problem: (str(problem.path), problem.line, problem.column))
        suffixes = [path.suffix for path in self.lines]
        return Report(tuple(ordered), tuple(self.pipes), {kind: suffixes.count(kind) for kind in _SUFFIXES})

    # What is told, each thing once.

    def mistake(self, error: DefinitionError) -> None:
        missed = re.search(r"(?:no data source or pipe|DATASOURCE names) (\w+)", error.reason)
        if missed and missed[1] in self.broken:
            return  # its own file is wrong, which is told
        column = _column(self.source(self.path(error.file), error.line), error.column, error.reason)
        self.tell("error", error.reason, error.file, error.line, column)

    def further(self, mistake: DefinitionError) -> None:
        """What else is wrong in the columns of a SCHEMA: the line of each mistake is read as if it were right."""
        path = self.path(mistake.file)
        lines = list(self.lines.get(path, []))
        while path.suffix == ".datasource" and _mended(lines, mistake.line):
            try:
                parse_datasource("\n".join(lines), path)
                return
            except DefinitionError as next_one:
                if next_one.line <= mistake.line:  # not a matter of one line
                    return
                self.mistake(next_one)
                mistake = next_one

    def path(self, file: str) -> Path:
        """The file that an error names by its last parts."""
        return next((path for path in self.lines if f"/{path.as_posix()}".endswith(f"/{file}")), self.folder)

    def source(self, path: Path, line: int) -> str:
        lines = self.lines.get(path, [])
        return lines[line - 1] if 0 < line <= len(lines) else ""

    def tell(self, severity: str, message: str, file: str, line: int, column: int = 0) -> None:
        path = self.path(file)
        problem = Problem(path, line, column, severity, message, self.source(path, line))
        self.found.setdefault((path, line, column, message), problem)

    def tell_at(self, severity: str, message: str, file: str, pattern: str) -> None:
        """The same, with the place where `pattern` first matches."""
        for number, line in enumerate(self.lines[self.path(file)], start=1):
            if match := re.search(pattern, line):
                self.tell(severity, message, file, number, match.start() + 1)
                return
        self.tell(severity, message, file, 0)

    # Data sources

    def sources(self) -> Iterator[tuple[str, Source]]:
        for name, definition in self.project.datasources.items():
            self.settings(definition)
            try:
                yield name, checked_source(definition)
            except DefinitionError as error:
                self.broken.add(name)
                self.mistake(error)
                if error.reason.startswith("DEFAULT of"):
                    self.defaults(definition)

    def defaults(self, definition: DataSource) -> None:
        source = Source(definition, Validator(definition))
        for column in definition.columns:
            if column.default is None:
                continue
            try:
                source.default(column)
            except DefinitionError as error:
                self.mistake(error)

    def settings(self, source: DataSource) -> None:
        engine, file = source.engine, source.path.name
        if engine.name != "MergeTree" and source.name not in self.filled:
            reason = f"here {engine.name} keeps every row, as MergeTree does; what it does to rows, ClickHouse does"
            if engine.name == "ReplacingMergeTree":
                reason += "; FINAL reads the last row of each sorting key"
            self.tell_at("warning", reason, file, r"(?i)^ENGINE\s")
        if not engine.sorting_key:
            self.tell_at("hint", "without ENGINE_SORTING_KEY every query reads every row", file, "(?i)^(ENGINE|SCHEMA)")
        self.version(source)
        if "SHARED_WITH" in source.options:
            self.tell_at("warning", "SHARED_WITH has no effect: there is one workspace", file, "(?i)^SHARED_WITH")
        for option in source.options:
            if option.startswith(CONNECTORS):
                reason = f"{option} is for a connector, which Perch has not; rows come in by POST /v0/events"
                self.tell_at("warning", reason, file, f"(?i)^{option}")

    def version(self, definition: DataSource | Pipe) -> None:
        if re.search(r"(?im)^VERSION\b", definition.text):
            reason = "VERSION is deprecated and has no effect"
            self.tell_at("warning", reason, definition.path.name, r"(?i)^VERSION\b")

    # Pipes

    def pipe(self, pipe: Pipe, workspace: Workspace) -> None:
        self.version(pipe)
        try:
            endpoint = Endpoint(pipe, workspace)
        except DefinitionError as mistake:
            self.templates(pipe)
            self.mistake(mistake)
            return
        errors = list(self.compiled(endpoint))
        if errors:
            self.nodes(pipe, workspace)
            for error in errors:  # what only some value of a parameter brings to light
                self.mistake(error)
        self.parameters(endpoint)

    def rollups(self, workspace: Workspace) -> None:
        """What is wrong with the materialized pipes as a whole, once each of them compiles."""
        if not any(problem.severity == "error" for problem in self.found.values()):
            try:
                rollups_of(workspace)
            except DefinitionError as error:
                self.mistake(error)

    def templates(self, pipe: Pipe) -> None:
        for node in pipe.nodes:
            try:
                Template(node, pipe.path.name)
            except DefinitionError as error:
                self.mistake(error)

    def compiled(self, endpoint: Endpoint) -> Iterator[DefinitionError]:
        """Compile every call that differs, and the nodes that no call needs; the errors of those that cannot be."""
        answered, refusal = False, ""
        if endpoint.pipe.kind == "materialized":
            yield from self.stored(endpoint)
            return
        for request in requests(endpoint.parameters):
            try:
                statement = endpoint.statement(request)
            except BadRequest as error:
                refusal = error.message
            except DefinitionError as error:
                answered = True
                yield error
            else:
                if not answered:
                    pipe = endpoint.pipe
                    columns = statement.compiled.described(statement.values)
                    self.pipes.append(CheckedPipe(pipe.name, pipe.kind, columns))
                answered = True
        try:
            endpoint.check()
        except DefinitionError as error:
            answered = True
            yield error
        if not answered:
            file = endpoint.pipe.path.name
            self.tell("warning", f"not compiled, as it refuses every value that was tried: {refusal}", file, 1)

    def stored(self, endpoint: Endpoint) -> Iterator[DefinitionError]:
        """Compile what a materialized pipe writes, which may be states that no call could be answered with."""
        try:
            endpoint.check()
            self.pipes.append(CheckedPipe(endpoint.pipe.name, endpoint.pipe.kind, endpoint.stored({}).columns))
        except DefinitionError as error:
            yield error

    def nodes(self, pipe: Pipe, workspace: Workspace) -> None:
        """The first mistake of each node by itself; of one that reads a wrong node, nothing."""
        good, wrong = list[str](), set[str]()
        for node in pipe.nodes:
            if wrong & set(re.findall(r"\w+", node.sql)):
                wrong.add(node.name)
                continue
            part = tuple(each for each in pipe.nodes if each.name in (*good, node.name))
            endpoint = Endpoint(replace(pipe, nodes=part, published=node.name), workspace)
            try:
                for request in requests(endpoint.parameters):
                    try:
                        endpoint.statement(request)
                    except BadRequest:
                        continue
                good.append(node.name)
            except DefinitionError as error:
                wrong.add(node.name)
                self.mistake(error)

    def parameters(self, endpoint: Endpoint) -> None:
        """Those of its own nodes; what the pipes declare that it reads is told of them."""
        pipe, parameters = endpoint.pipe, endpoint.parameters
        file, templates = pipe.path.name, [Template(node, pipe.path.name) for node in pipe.nodes]
        own = {item.name for each in templates for item in each.parameters}
        read = {item.name for each in templates for item in each.parameters if item.name not in each.unread}
        for name, parameter in ((name, parameters[name]) for name in parameters if name in own):
            place = rf"(?<=[({{ ]){name}\b(?=\s*[,)}}]|\s+[!=<>i])"
            if name not in read:
                self.tell_at("warning", f"the parameter {name} is declared and never used", file, place)
            elif name in endpoint.untyped:
                reason = f"the parameter {name} is used and never declared: say its type, as in String({name})"
                self.tell_at("warning", reason, file, place)
            elif not parameter.description:
                kind = parameter.type.partition("(")[0]
                reason = f"the parameter {name} has no description, as in {kind}({name}, description='...')"
                self.tell_at("hint", reason, file, place)


_SUFFIXES: Final = (".pipe", ".datasource")


def requests(parameters: Mapping[str, Parameter]) -> Iterator[dict[str, object]]:
    """Calls that together render every branch that a single parameter opens: none given, each given, all given."""
    needed: dict[str, object] = {name: samples(item)[0] for name, item in parameters.items() if item.required}
    yield needed
    for name, item in parameters.items():
        for value in samples(item):
            yield {**needed, name: value}
    yield {name: samples(item)[0] for name, item in parameters.items()}


def samples(parameter: Parameter) -> list[object]:
    """Values that a parameter takes: all of its enum, or its default, or another that it could have."""
    if parameter.enum:
        return list(parameter.enum)
    has_default = parameter.default is not None and parameter.example is None
    return [parameter.default if has_default else sample(parameter)]


def _mended(lines: list[str], line: int) -> bool:
    """Put a String column in the place of the one that a line of a SCHEMA declares; whether it declares one."""
    declares = re.fullmatch(r"(\s+)`?(\w+)`?\s.*?(,?)\s*", lines[line - 1]) if 0 < line <= len(lines) else None
    if declares:
        indent, name, comma = declares.groups()
        lines[line - 1] = f"{indent}`{name}` String{comma}"
    return declares is not None


def _column(source: str, column: int, message: str) -> int:
    """The column of a mistake in a line of a template, which the compiler counts in what the line has become.

    Before the first tag both are the same. After it, and where the compiler has no column, the place is that of the
    first word of the message that stands in the line once; 0 where there is none.
    """
    tag = re.search(r"\{[{%#]", source)
    named = re.search(r"the function (\w+)", message)  # a function's own place is not always in the tree
    if column and not named and (not tag or column <= tag.start() + 1):
        return column
    for word in named.groups() if named else re.findall(r"\w{3,}", message):
        if len(places := [match.start() for match in re.finditer(rf"\b{word}\b", source)]) == 1:
            return places[0] + 1
    return column if not tag else 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
