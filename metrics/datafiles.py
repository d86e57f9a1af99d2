"""Definitions as files: the lexer and the parser of Tinybird's `.datasource` and `.pipe` formats.

This is where the river's bed comes from: the table of a data source, the SQL of an endpoint. Text in, frozen values
out; nothing here runs SQL. A mistake is a DefinitionError that names file, line and what was expected.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from metrics.dialect.types import TypeTextError, parse_type
from metrics.errors import DefinitionError


@dataclass(frozen=True)
class Column:
    """One column of a data source, as declared; `type` is ClickHouse's text, `jsonpath` where its value stands."""

    name: str
    type: str
    jsonpath: str | None = None
    default: str | None = None
    codec: str | None = None
    line: int = 0


@dataclass(frozen=True)
class Engine:
    """The table engine of a data source; `options` holds the ENGINE_ commands that have no field of their own."""

    name: str = "MergeTree"
    partition_key: str = ""
    sorting_key: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()
    ttl: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TokenGrant:
    """A token that a file declares; `permission` is READ, APPEND or (older files) CREATE."""

    name: str
    permission: str


@dataclass(frozen=True)
class DataSource:
    """A `.datasource` file; `options` holds the commands that only other engines act on."""

    name: str
    description: str
    columns: tuple[Column, ...]
    engine: Engine
    tokens: tuple[TokenGrant, ...]
    tags: Mapping[str, str]
    path: Path
    text: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """One SELECT of a pipe; `line` is the file's line on which `sql` starts."""

    name: str
    sql: str
    description: str
    line: int


@dataclass(frozen=True)
class Pipe:
    """A `.pipe` file; `published` names the node whose rows the pipe answers: the one with a TYPE, or else the last."""

    name: str
    description: str
    nodes: tuple[Node, ...]
    kind: str
    tokens: tuple[TokenGrant, ...]
    tags: Mapping[str, str]
    options: Mapping[str, str]
    path: Path
    text: str
    published: str = ""


@dataclass(frozen=True)
class Project:
    """Every definition of a folder, by name."""

    datasources: Mapping[str, DataSource]
    pipes: Mapping[str, Pipe]


_LEGACY_KEYS: Final = ("PARTITION_KEY", "SORTING_KEY", "PRIMARY_KEY", "SAMPLING_KEY", "TTL")
_ENGINE_KEYS: Final = (*_LEGACY_KEYS, "SETTINGS", "VER", "IS_DELETED", "COLUMNS", "SIGN", "VERSION")
_ENGINE_COMMANDS: Final = ("ENGINE", *(f"ENGINE_{key}" for key in _ENGINE_KEYS))

# The options of each TYPE, with the values that it takes.
_ANY: Final = re.compile(r"(?s).*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTIONS: Final[Mapping[str, dict[str, re.Pattern[str]]]] = {
    "endpoint": {},
    "standard": {},
    # older files tell the engine of the target beside the materialized node; the target's own file decides
    "materialized": {
        "DATASOURCE": _NAME, "DEPLOYMENT_METHOD": re.compile("(?i)alter"), **dict.fromkeys(_ENGINE_COMMANDS, _ANY)
    },
    "copy": {
        "TARGET_DATASOURCE": _NAME,
        "COPY_SCHEDULE": re.compile(r"@on-demand|\S+( +\S+){4}"),
        "COPY_MODE": re.compile("(?i)append|replace"),
        "ON_DEMAND_COMPUTE": re.compile("(?i)true|false"),
    },
    "sink": dict.fromkeys(
        ("EXPORT_CONNECTION_NAME", "EXPORT_SCHEDULE", "EXPORT_BUCKET_URI", "EXPORT_FILE_TEMPLATE", "EXPORT_FORMAT",
         "EXPORT_COMPRESSION", "EXPORT_WRITE_STRATEGY", "EXPORT_KAFKA_TOPIC", "EXPORT_SERVICE", "EXPORT_STRATEGY"), _ANY
    ),
}  # fmt: skip
_NEEDED: Final = {"materialized": "DATASOURCE", "copy": "TARGET_DATASOURCE", "sink": "EXPORT_CONNECTION_NAME"}

# The commands of the two formats. A command not in its set is refused by name.
_COMMON: Final = frozenset(("DESCRIPTION", "TOKEN", "TAGS", "VERSION"))
_KNOWN: Final = {
    "datasource": _COMMON
    | {"SCHEMA", "INDEXES", "SHARED_WITH", "FORWARD_QUERY", "BACKFILL", "SOURCE", *_LEGACY_KEYS, *_ENGINE_COMMANDS},
    "pipe": _COMMON | {"NODE", "SQL", "TYPE"} | {name for options in _OPTIONS.values() for name in options},
}
CONNECTORS: Final = ("KAFKA_", "IMPORT_", "PG_", "S3_", "GCS_")
# Columns that a connector of Tinybird's adds to those of the SCHEMA; keys of the table may name them.
_CONNECTOR_COLUMNS: Final = {
    "KAFKA_TOPIC": ("__value", "__topic", "__partition", "__offset", "__timestamp", "__key", "__headers"),
    "IMPORT_TABLE_ARN": ("_record", "_old_record", "_timestamp", "_event_name", "_is_deleted"),
}
_HINTS: Final = {"SETTINGS": ", use ENGINE_SETTINGS", "INCLUDE": ", put the lines into this file"}
_BLOCK_ONLY: Final = frozenset(("SCHEMA", "SQL"))
_LINE_ONLY: Final = frozenset(("NODE", "TYPE", "TOKEN", "ENGINE"))
# A column made by a query over a JOIN is named with its table: `orders.id`.
_COLUMN_NAME: Final = re.compile(rf"{_NAME.pattern}(?:\.{_NAME.pattern})*")
TOKEN_NAME: Final = re.compile(r"[\w.@ -]{1,100}")

# The options of each engine that name columns: those that it needs, and those that it may have.
_ENGINES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "MergeTree": ((), ()),
    "ReplacingMergeTree": ((), ("ENGINE_VER", "ENGINE_IS_DELETED")),
    "SummingMergeTree": ((), ("ENGINE_COLUMNS",)),
    "AggregatingMergeTree": ((), ()),
    "CollapsingMergeTree": (("ENGINE_SIGN",), ()),
    "VersionedCollapsingMergeTree": (("ENGINE_SIGN", "ENGINE_VERSION"), ()),
    "Null": ((), ()),
}
_ENGINE_COLUMNS: Final = ("ENGINE_VER", "ENGINE_IS_DELETED", "ENGINE_COLUMNS", "ENGINE_SIGN", "ENGINE_VERSION")


def load_folder(folder: Path) -> Project:
    """Read every `*.datasource` and `*.pipe` below `folder`, hidden folders left out.

    Raises:
        DefinitionError: the first file that is wrong, a name used twice, or a folder that is not there.
    """
    project, mistakes = read_folder(folder)
    if mistakes:
        raise mistakes[0]
    return project


def read_folder(folder: Path) -> tuple[Project, list[DefinitionError]]:
    """The definitions below `folder` that can be read, and what is wrong with the other files.

    Raises:
        DefinitionError: the folder is not there.
    """
    if not folder.is_dir():
        raise DefinitionError(f"there is no folder {folder} to read definitions from")
    datasources: dict[str, DataSource] = {}
    pipes: dict[str, Pipe] = {}
    mistakes: list[DefinitionError] = []
    for path in definition_files(folder):
        try:
            if path.suffix == ".datasource":
                source = parse_datasource(_text(path), path)
                _check_name_is_free(source, datasources, pipes)
                datasources[source.name] = source
            else:
                pipe = parse_pipe(_text(path), path)
                _check_name_is_free(pipe, datasources, pipes)
                pipes[pipe.name] = pipe
        except DefinitionError as error:
            mistakes.append(error)
    return Project(datasources, pipes), mistakes


def definition_files(folder: Path) -> list[Path]:
    """Every `*.datasource`, then every `*.pipe` below `folder`, hidden folders left out."""
    found = [path for suffix in (".datasource", ".pipe") for path in sorted(folder.rglob(f"*{suffix}"))]
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"cannot be read as UTF-8 text: {error}", file=_shown(path)) from None


def _check_name_is_free(
    definition: DataSource | Pipe, datasources: Mapping[str, DataSource], pipes: Mapping[str, Pipe]
) -> None:
    name, file = definition.name, _shown(definition.path)
    taken = datasources.get(name) or pipes.get(name)
    if taken:
        raise DefinitionError(f"the name {name} is already that of {_shown(taken.path)}", file=file)
    for other in (*datasources, *pipes):
        if name in (f"{other}_quarantine", other.removesuffix("_quarantine")):
            quarantine = f"{name.removesuffix('_quarantine')}_quarantine"
            raise DefinitionError(f"the name {quarantine} is that of another data source's quarantine", file=file)


# Lexing: text -> commands.


@dataclass(frozen=True)
class _Command:
    """A command with its value: the rest of its line, or the lines of its block. `line` is where the value starts."""

    name: str
    value: str
    line: int
    column: int


class _Lexer:
    """Cuts a file into commands. A block runs to the next unindented line that starts with a known command."""

    def __init__(self, text: str, path: Path, kind: str) -> None:
        self.file = _shown(path)
        self.kind = kind
        self.lines = textwrap.dedent(text.replace("\r\n", "\n")).split("\n")
        if text.startswith("\ufeff"):
            raise self.error("the file starts with a byte order mark; save it as UTF-8 without one", 1)

    def commands(self) -> list[_Command]:
        found: list[_Command] = []
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            if not line.strip() or line.lstrip().startswith("#"):
                number += 1
                continue
            command = self.command(line, number + 1)
            if command.value != ">":
                found.append(command)
                number += 1
                continue
            end = self.block_end(command.name, number + 1)
            found.append(self.block(command.name, number + 1, end))
            number = end
        return found

    def command(self, line: str, number: int) -> _Command:
        if line[0].isspace():
            raise self.error("expected a command at the start of the line; only a block's lines are indented", number)
        word, _, rest = line.replace("\t", " ").partition(" ")
        name = word.upper()
        if not self.is_known(name):
            raise self.unknown(word, number)
        value = rest.strip() if name == "DESCRIPTION" else _without_comment(rest).strip()
        if value == ">" and name in _LINE_ONLY:
            raise self.error(f"{name} expects its value on the same line, not a block", number)
        if value != ">" and name in _BLOCK_ONLY:
            raise self.error(f"{name} expects a block: '{name} >' and indented lines below it", number)
        return _Command(name, value, number, len(word) + 2)

    def is_known(self, name: str) -> bool:
        return name in _KNOWN[self.kind] or (self.kind == "datasource" and name.startswith(CONNECTORS))

    def block_end(self, block: str, start: int) -> int:
        for number in range(start, len(self.lines)):
            words = self.lines[number].split(maxsplit=1)
            if not words or self.lines[number][0].isspace():
                continue
            if self.is_known(words[0].upper()):
                return number
            if block == "SCHEMA" and re.fullmatch("[A-Z_]{4,}", words[0]):
                raise self.unknown(words[0], number + 1)
        return len(self.lines)

    def block(self, name: str, start: int, end: int) -> _Command:
        lines = self.lines[start:end]
        if name != "DESCRIPTION":
            lines = ["" if line.startswith("#") else line for line in lines]
        while lines and not lines[0].strip():
            lines, start = lines[1:], start + 1
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        if not lines and name in _BLOCK_ONLY:
            raise self.error(f"{name} expects at least one line in its block", start)
        return _Command(name, "\n".join(lines), start + 1, 1)

    def unknown(self, word: str, line: int) -> DefinitionError:
        hint = _HINTS.get(word.upper(), "")
        return self.error(f"{word} is not a valid option in {self.kind} files{hint}", line)

    def error(self, message: str, line: int, column: int = 0) -> DefinitionError:
        return DefinitionError(message, file=self.file, line=line, column=column)


def _shown(path: Path) -> str:
    """The path as errors show it: its last folder and its name."""
    return "/".join(path.parts[-2:])


def _without_comment(text: str) -> str:
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (position == 0 or text[position - 1] == " "):
            return text[:position]
    return text


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].strip()
    return text.strip()


def _described(command: _Command) -> str:
    return _unquoted(textwrap.dedent(command.value).strip())


def _tags(command: _Command) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in _unquoted(command.value).split(",") if pair.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _grant(lexer: _Lexer, command: _Command, permissions: tuple[str, ...]) -> TokenGrant:
    try:
        words = shlex.split(command.value)
    except ValueError:
        words = []
    if len(words) != 2 or words[1].upper() not in permissions:
        raise lexer.error(f"TOKEN expects a name and {' or '.join(permissions)}", command.line, command.column)
    if not TOKEN_NAME.fullmatch(words[0]):
        reason = "the name of a token has up to 100 letters, digits, . _ @ - or blanks"
        raise lexer.error(reason, command.line, command.column)
    return TokenGrant(words[0], words[1].upper())


def _definition_name(lexer: _Lexer, path: Path) -> str:
    if not _NAME.fullmatch(path.stem):
        raise lexer.error(f"the file's name must be a name of letters, digits and _, not {path.stem!r}", 1)
    return path.stem


# .datasource


def parse_datasource(text: str, path: Path) -> DataSource:
    """Read a `.datasource` file's text; the data source is named after the file.

    Raises:
        DefinitionError: the text does not follow the format; names file, line and what was expected.
    """
    lexer = _Lexer(text, path, "datasource")
    commands = lexer.commands()
    values = {command.name: command for command in commands}
    _check_single(lexer, commands)
    if "SCHEMA" not in values:
        raise lexer.error("expected a SCHEMA", len(lexer.lines))
    columns = _Schema(lexer, values["SCHEMA"]).columns()
    return DataSource(
        name=_definition_name(lexer, path),
        description=_described(values["DESCRIPTION"]) if "DESCRIPTION" in values else "",
        columns=columns,
        engine=_engine(lexer, values, {column.name for column in columns}.union(*_connector_columns(values))),
        tokens=tuple(_grant(lexer, each, ("READ", "APPEND", "CREATE")) for each in commands if each.name == "TOKEN"),
        tags=_tags(values["TAGS"]) if "TAGS" in values else {},
        path=path,
        text=text,
        options={
            command.name: _described(command)
            for command in commands
            if command.name not in ("SCHEMA", "DESCRIPTION", "TOKEN", "TAGS", "ENGINE")
            and not command.name.startswith("ENGINE_")
        },
    )


def _check_single(lexer: _Lexer, commands: list[_Command]) -> None:
    seen: set[str] = set()
    for command in commands:
        if command.name in seen and command.name not in ("TOKEN", "SHARED_WITH"):
            raise lexer.error(f"{command.name} is given twice", command.line)
        seen.add(command.name)


def _connector_columns(values: Mapping[str, _Command]) -> list[tuple[str, ...]]:
    return [names for command, names in _CONNECTOR_COLUMNS.items() if command in values]


def _engine(lexer: _Lexer, values: Mapping[str, _Command], columns: set[str]) -> Engine:
    name, line = "MergeTree", 1
    if "ENGINE" in values:
        name, line = _unquoted(values["ENGINE"].value), values["ENGINE"].line
    if name not in _ENGINES:
        raise lexer.error(f"expected an engine out of {', '.join(_ENGINES)}, found {name!r}", line)
    _check_engine_columns(lexer, values, columns, name, line)
    return Engine(
        name=name,
        partition_key=_option(values, "PARTITION_KEY"),
        sorting_key=_key(lexer, values, "SORTING_KEY", columns),
        primary_key=_key(lexer, values, "PRIMARY_KEY", columns),
        ttl=_option(values, "TTL"),
        options={
            command.name: _unquoted(command.value)
            for command in values.values()
            if command.name.startswith("ENGINE_")
            and command.name.removeprefix("ENGINE_") not in ("PARTITION_KEY", "SORTING_KEY", "PRIMARY_KEY", "TTL")
        },
    )


def _check_engine_columns(
    lexer: _Lexer, values: Mapping[str, _Command], columns: set[str], engine: str, line: int
) -> None:
    needed, possible = _ENGINES[engine]
    for option in needed:
        if option not in values:
            raise lexer.error(f"the engine {engine} needs {option}", line)
    for option in (option for option in _ENGINE_COLUMNS if option in values):
        if option not in (*needed, *possible):
            raise lexer.error(f"{option} is no option of the engine {engine}", values[option].line)
        for column in _names(_unquoted(values[option].value)):
            if column not in columns:
                raise lexer.error(f"{option} names {column}, which is no column of the SCHEMA", values[option].line)


def _names(text: str) -> list[str]:
    """The names in a list such as `a, b`, in parentheses or not."""
    return [name.strip().strip("`") for name in text.strip("()").split(",") if name.strip()]


def _option(values: Mapping[str, _Command], name: str) -> str:
    command = values.get(f"ENGINE_{name}") or values.get(name)
    return _unquoted(command.value) if command else ""


def _key(lexer: _Lexer, values: Mapping[str, _Command], name: str, columns: set[str]) -> tuple[str, ...]:
    text = _option(values, name).strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    parts = tuple(part.strip().strip("`") for part in _split(text)) if text and text != "tuple()" else ()
    for part in parts:
        for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*(?!\w|\s*\()", re.sub(r"'[^']*'", "", part)):
            if word not in columns:
                command = values.get(f"ENGINE_{name}") or values[name]
                raise lexer.error(f"{name} names {word}, which is no column of the SCHEMA", command.line)
    return parts


def _split(text: str) -> list[str]:
    """`text` cut at the commas that stand outside parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


class _Schema:
    """Reads the columns of a SCHEMA block: `` `name` Type `json:$.path` DEFAULT expr CODEC(...) ``, comma-separated."""

    _SKIP = re.compile(r"(?:\s+|--[^\n]*)+")
    _WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
    _QUOTED = re.compile(r"`([^`\n]+)`")
    _PATH = re.compile(r"\$(?:\.[^.\[\]`\s]+(?:\[:\])?)*")
    _UNSUPPORTED = ("MATERIALIZED", "ALIAS", "EPHEMERAL", "TTL", "NULL", "NOT", "COMMENT", "PRIMARY", "STATISTICS")

    def __init__(self, lexer: _Lexer, block: _Command) -> None:
        self.lexer = lexer
        self.text = block.value
        self.first_line = block.line
        self.position = 0

    def columns(self) -> tuple[Column, ...]:
        found: dict[str, Column] = {}
        while self.skip():
            column = self.column()
            if column.name in found:
                raise self.error(f"the column {column.name} is declared twice", self.position)
            found[column.name] = column
            if self.skip() and not self.take(","):
                raise self.error(f"expected ',' before the next column, after {column.name}", self.position)
        return tuple(found.values())

    def column(self) -> Column:
        line = self.line(self.position)
        name = self.name()
        type_ = self.type(name)
        jsonpath = default = codec = None
        while self.skip() and self.text[self.position] != ",":
            start = self.position
            if self.text[start] == "`":
                jsonpath = self.once(jsonpath, self.jsonpath(name), "a JSON path", start)
            elif self.keyword("DEFAULT"):
                default = self.once(default, self.expression(name), "a DEFAULT", start)
            elif self.keyword("CODEC"):
                codec = self.once(codec, self.parenthesised(f"the codecs of {name}"), "a CODEC", start)
            else:
                raise self.unexpected(name)
        return Column(name, type_, jsonpath, default, codec, line)

    def name(self) -> str:
        quoted = self._QUOTED.match(self.text, self.position)
        word = self._WORD.match(self.text, self.position)
        if word and word[0].upper() in ("INDEX", "CONSTRAINT", "PROJECTION") and not quoted:
            raise self.error(f"{word[0]} is not supported inside SCHEMA", self.position)
        match = quoted or word
        if not match or (quoted and not _COLUMN_NAME.fullmatch(quoted[1])):
            raise self.error("expected a column name, such as `event_time`", self.position)
        self.position = match.end()
        return quoted[1] if quoted else match[0]

    def type(self, column: str) -> str:
        self.skip()
        start = self.position
        word = self._WORD.match(self.text, start)
        if not word:
            raise self.error(f"expected the type of the column {column}", start)
        self.position = word.end()
        if self.text.startswith("(", self.position):
            self.parenthesised(f"the type of {column}")
        text = " ".join(self.text[start : self.position].split())
        try:
            parse_type(text)
        except TypeTextError as error:
            raise self.error(f"{error} (column {column})", start + error.column) from None
        return text

    def jsonpath(self, column: str) -> str:
        match = self._QUOTED.match(self.text, self.position)
        path = match[1].removeprefix("json:") if match else ""
        if not match or not match[1].startswith("json:") or not self._PATH.fullmatch(path):
            raise self.error(
                f"expected the JSON path of {column} in backticks, such as `json:$.{column}`", self.position
            )
        self.position = match.end()
        return path

    def expression(self, column: str) -> str:
        """The text up to a comma, a JSON path or a CODEC outside parentheses and quotes."""
        self.skip()
        start, depth = self.position, 0
        while self.position < len(self.text):
            character = self.text[self.position]
            if depth == 0 and (character == "," or self.at_option()):
                break
            if character in "'\"":
                self.string(character)
                continue
            depth += (character in "([") - (character in ")]")
            self.position += 1
        text = " ".join(re.sub(r"--[^\n]*", "", self.text[start : self.position]).split())
        if not text or depth:
            raise self.error(f"expected an expression after DEFAULT of {column}", start)
        return text

    def at_option(self) -> bool:
        starts_word = self.position == 0 or self.text[self.position - 1].isspace()
        here = self.text[self.position :]
        return here.startswith("`json:") or (starts_word and re.match(r"(?i)codec\s*\(", here) is not None)

    def string(self, quote: str) -> None:
        start = self.position
        self.position += 1
        while self.position < len(self.text) and self.text[self.position] != quote:
            self.position += 2 if self.text[self.position] == "\\" else 1
        if self.position >= len(self.text):
            raise self.error(f"expected a closing {quote}", start)
        self.position += 1

    def parenthesised(self, what: str) -> str:
        """The text between the parentheses that start here, which may nest."""
        self.skip()
        start, depth = self.position, 0
        if not self.text.startswith("(", start):
            raise self.error(f"expected '(' before {what}", start)
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in "'\"":
                self.string(character)
                continue
            self.position += 1
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return self.text[start + 1 : self.position - 1].strip()
        raise self.error(f"expected ')' after {what}", start)

    def once(self, before: str | None, value: str, what: str, position: int) -> str:
        if before is not None:
            raise self.error(f"the column has {what} already", position)
        return value

    def unexpected(self, column: str) -> DefinitionError:
        word = self._WORD.match(self.text, self.position)
        found = word[0] if word else self.text[self.position]
        if found.upper() in self._UNSUPPORTED:
            return self.error(f"{found} is not supported in a column (column {column})", self.position)
        return self.error(
            f"expected ',', a `json:$.path`, DEFAULT or CODEC after the column {column}, found {found!r}", self.position
        )

    def keyword(self, word: str) -> bool:
        match = self._WORD.match(self.text, self.position)
        if match and match[0].upper() == word:
            self.position = match.end()
            return True
        return False

    def take(self, character: str) -> bool:
        if self.text.startswith(character, self.position):
            self.position += 1
            return True
        return False

    def skip(self) -> bool:
        """Go over blanks and comments; whether anything is left."""
        match = self._SKIP.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return self.position < len(self.text)

    def line(self, position: int) -> int:
        return self.first_line + self.text.count("\n", 0, position)

    def error(self, message: str, position: int) -> DefinitionError:
        column = position - (self.text.rfind("\n", 0, position) + 1) + 1
        return self.lexer.error(message, self.line(position), column)


# .pipe


def parse_pipe(text: str, path: Path) -> Pipe:
    """Read a `.pipe` file's text; the pipe is named after the file.

    Raises:
        DefinitionError: the text does not follow the format; names file, line and what was expected.
    """
    lexer = _Lexer(text, path, "pipe")
    commands = lexer.commands()
    name = _definition_name(lexer, path)
    starts = [number for number, command in enumerate(commands) if command.name == "NODE"]
    head = commands[: starts[0]] if starts else commands
    _check_head(lexer, head, starts)
    bodies = [commands[start:end] for start, end in zip(starts, [*starts[1:], len(commands)], strict=True)]
    nodes = tuple(_node(lexer, body, name) for body in bodies)
    _check_distinct(lexer, nodes)
    published, kind = _published(lexer, bodies, nodes)
    values = {command.name: command for command in head}
    return Pipe(
        name=name,
        description=_described(values["DESCRIPTION"]) if "DESCRIPTION" in values else "",
        nodes=nodes,
        kind=kind,
        tokens=tuple(_grant(lexer, each, ("READ",)) for each in commands if each.name == "TOKEN"),
        tags=_tags(values["TAGS"]) if "TAGS" in values else {},
        options=_pipe_options(lexer, commands, kind),
        path=path,
        text=text,
        published=published,
    )


def _check_head(lexer: _Lexer, head: list[_Command], starts: list[int]) -> None:
    for command in head:
        if command.name in ("SQL", "TYPE"):
            raise lexer.error(f"expected a NODE before {command.name}", command.line)
    if not starts:
        raise lexer.error("expected at least one NODE", len(lexer.lines))


def _node(lexer: _Lexer, body: list[_Command], pipe: str) -> Node:
    name = _unquoted(body[0].value)
    if not _NAME.fullmatch(name):
        raise lexer.error("NODE expects a name of letters, digits and _", body[0].line, body[0].column)
    if name == pipe:
        raise lexer.error(f"the node {name} must not have the name of its pipe", body[0].line)
    queries = [command for command in body if command.name == "SQL"]
    if len(queries) != 1:
        raise lexer.error(f"expected one SQL block in the node {name}, found {len(queries)}", body[0].line)
    descriptions = [_described(command) for command in body if command.name == "DESCRIPTION"]
    return Node(name, queries[0].value, "\n".join(descriptions), queries[0].line)


def _check_distinct(lexer: _Lexer, nodes: tuple[Node, ...]) -> None:
    names = [node.name for node in nodes]
    for position, node in enumerate(nodes):
        if node.name in names[:position]:
            raise lexer.error(f"there are two nodes named {node.name}", node.line)


def _published(lexer: _Lexer, bodies: list[list[_Command]], nodes: tuple[Node, ...]) -> tuple[str, str]:
    """The node that a TYPE publishes, and its kind; the last node and "standard" without one."""
    found: list[tuple[str, str]] = []
    for body, node in zip(bodies, nodes, strict=True):
        for command in (command for command in body if command.name == "TYPE"):
            kind = _unquoted(command.value).lower()
            if kind not in _OPTIONS:
                raise lexer.error(f"TYPE expects one of {', '.join(_OPTIONS)}, found {command.value!r}", command.line)
            if kind != "standard" and found:
                raise lexer.error(f"the node {found[0][0]} is published already; a pipe has one TYPE", command.line)
            found += [(node.name, kind)] if kind != "standard" else []
    return found[0] if found else (nodes[-1].name, "standard")


def _pipe_options(lexer: _Lexer, commands: list[_Command], kind: str) -> dict[str, str]:
    taken = _COMMON | {"NODE", "SQL", "TYPE"}
    options: dict[str, str] = {}
    for command in (command for command in commands if command.name not in taken):
        options[command.name] = _pipe_option(lexer, command, kind)
    needed = _NEEDED.get(kind)
    if needed and needed not in options:
        line = next(command.line for command in commands if command.name == "TYPE")
        raise lexer.error(f"TYPE {kind} needs {needed}", line)
    return options


def _pipe_option(lexer: _Lexer, command: _Command, kind: str) -> str:
    value = _described(command)
    if command.name not in _OPTIONS[kind]:
        owner = next(other for other, options in _OPTIONS.items() if command.name in options)
        raise lexer.error(f"{command.name} is an option of TYPE {owner}; this pipe is {kind}", command.line)
    if not _OPTIONS[kind][command.name].fullmatch(value):
        raise lexer.error(f"{command.name} cannot be {value!r}", command.line, command.column)
    return value
