"""The template language of a pipe's SQL: from a request's parameters to ClickHouse SQL with bound values.

Tags are Tornado's (`{{ }}`, `{% %}`, `{# #}`); the expressions in them are a small part of Python, parsed by `ast` and
walked here, node by node, never evaluated by Python. A value from a request becomes a query parameter such as
`{p0:Int32}`; no request text ever becomes SQL text. Only `column()`, `columns()`, `symbol()` and `table()` write a name
into the SQL, and only one that exists.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache, partialmethod
from types import NoneType
from typing import Any, Final, NoReturn
from zoneinfo import available_timezones

from metrics.datafiles import Node
from metrics.dialect.types import FLOATS, INTEGERS
from metrics.errors import BadRequest, DefinitionError, PerchError

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CH_INTEGERS: Final = frozenset(INTEGERS)
_SCALARS: Final = frozenset(
    (*INTEGERS, *FLOATS, "String", "Date", "DateTime", "DateTime64", "Int", "Integer", "Float", "Boolean", "UUID")
)
_BOUND_AS: Final = {
    "Date": "String",
    "DateTime": "String",
    "DateTime64": "String",
    "UUID": "String",
    "Int": "Int64",
    "Integer": "Int64",
    "Float": "Float64",
    "Boolean": "UInt8",
}


# What a template may use up: far more than any needs, and little enough that none can hold the server.
_MOST_NESTED: Final = 60
_MOST_ROUNDS: Final = 10_000
_MOST_CHARACTERS: Final = 10_000_000
_LARGEST_NUMBER: Final = 2**256


class CustomError(PerchError):
    """`custom_error(body, status)` in a template: this body and this status are the answer."""

    def __init__(self, body: object, status: int) -> None:
        message = body.get("error") if isinstance(body, dict) else body
        super().__init__(str(message) if message else json.dumps(body, default=str))
        self.body = body
        self.status = status


@dataclass(frozen=True)
class Parameter:
    """A parameter of an endpoint; `type` is the template's word for it ("DateTime", "Int32", "Array(String)")."""

    name: str
    type: str = "String"
    default: object | None = None
    required: bool = False
    description: str = ""
    enum: tuple[str, ...] = ()
    example: object | None = None


@dataclass(frozen=True)
class Rendered:
    """ClickHouse SQL, the values of its parameters (`{p0:String}` -> values["p0"]) and hints such as cache_ttl."""

    sql: str
    values: Mapping[str, object]
    hints: Mapping[str, str] = field(default_factory=dict)


class Template:
    """A node's SQL, parsed once and rendered for each request.

    `words` are all words of the SQL, among them the nodes and pipes that it may read; `mentioned` its parameters, with
    the type "" for one that it uses without telling its type.
    """

    def __init__(self, node: Node, file: str) -> None:
        """Parse the SQL of a node.

        Raises:
            DefinitionError: a tag, an expression or a function that the language does not have; names file and line.
        """
        self.node = node
        self.file = file
        self.words = frozenset(_IDENTIFIER.findall(node.sql))
        self.mentioned: tuple[Parameter, ...] = ()
        self._body: list[_Part] | None = None
        stripped = node.sql.lstrip()
        if stripped.startswith("%"):
            blank = node.sql[: len(node.sql) - len(stripped)] + " "
            parser = _Parser(blank + stripped[1:], file, node.line)
            self._body = parser.parse()
            self.mentioned = _parameters_of(self._body)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of this SQL."""
        return tuple(merged_parameters([self]).values())

    @property
    def untyped(self) -> frozenset[str]:
        """The parameters that are only mentioned, as in `defined(x)` and `{{x}}`, so that they are read as a String."""
        typed: dict[str, bool] = {}
        for expression in _expressions(self._body or [], set()):
            for parameter in _in_expression(*expression):
                typed[parameter.name] = typed.get(parameter.name, False) or bool(parameter.type)
        return frozenset(name for name in typed if not typed[name])

    @property
    def unread(self) -> frozenset[str]:
        """The parameters that go into a `{% set %}` whose name nothing reads, and nowhere else.

        One that a `format=` there holds to a form is read by that.
        """
        assigned = {id(part.expression): _names(part.target) for part in _parts(self._body or []) if part.kind == "set"}
        read = [_names(expression) for expression, _ in _expressions(self._body or [], set())]
        everywhere = frozenset[str]().union(*read)
        idle, busy = set[str](), set[str]()
        for expression, made in _expressions(self._body or [], set()):
            names = {parameter.name for parameter in _in_expression(expression, made)}
            is_idle = id(expression) in assigned and not assigned[id(expression)] & everywhere
            (idle if is_idle and not _holds_to_a_form(expression) else busy).update(names)
        return frozenset(idle - busy)

    def render(
        self,
        request: Mapping[str, object],
        columns: Container[str] = (),
        tables: Container[str] = (),
        prefix: str = "p",
    ) -> Rendered:
        """Fill the template with the request's values (text, numbers, or lists for repeated keys).

        The query parameters are named p0, p1 and so on; nodes of one statement need a `prefix` each.
        `columns` and `tables` hold the names that `column()` and `table()` may write; a word of the node's own SQL,
        such as an alias, is a column too.

        Raises:
            BadRequest: a value is missing or not of its type; the message names the parameter. Also `error()`.
            CustomError: `custom_error()`.
        """
        if self._body is None:
            return Rendered(self.node.sql, {})
        run = _Run(self.mentioned, request, lambda name: name in columns or name in self.words, tables, prefix)
        run.parts(self._body)
        if run.missing:
            raise BadRequest(_required_text(run.missing))
        return Rendered("".join(run.sql), dict(run.values), dict(run.hints))


# The tags: text -> parts.


@dataclass(frozen=True)
class _Part:
    """One piece of a template. `expression` is None for text; `lines` is how many line ends the tag itself holds.

    `skipped` is how many line ends each branch leaves that is not taken.
    """

    kind: str  # text, output, if, for, set
    text: str = ""
    expression: ast.expr | None = None
    branches: tuple[tuple[ast.expr | None, list[_Part]], ...] = ()
    target: ast.expr | None = None
    lines: int = 0
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Tag:
    opening: str  # "{{", "{%", "{#" or "" for text
    body: str
    line: int


class _Parser:
    """Reads a template's tags into parts and refuses what the language does not have."""

    def __init__(self, text: str, file: str, line: int) -> None:
        self.text = text
        self.file = file
        self.first_line = line
        self.tags = list(self.scan())
        self.position = 0
        self.depth = 0

    def error(self, message: str, line: int) -> DefinitionError:
        return DefinitionError(f"Template Syntax Error: {message}", file=self.file, line=line)

    def scan(self) -> Iterator[_Tag]:
        position = 0
        while True:
            match = re.compile(r"\{[{%#]").search(self.text, position)
            if not match:
                yield self.tag("", self.text[position:], position)
                return
            start, end = match.start(), match.end()
            yield self.tag("", self.text[position:start], position)
            if self.text.startswith("!", end):
                yield self.tag("", match[0], start)
                position = end + 1
                continue
            close = self.close(match[0], end)
            yield self.tag(match[0], self.text[end:close], start)
            position = close + 2

    def tag(self, opening: str, body: str, position: int) -> _Tag:
        return _Tag(opening, body, self.first_line + self.text.count("\n", 0, position))

    def close(self, opening: str, start: int) -> int:
        """Where the closing mark of a tag stands: the first one outside quotes and brackets."""
        mark = {"{{": "}}", "{%": "%}", "{#": "#}"}[opening]
        quote, depth, position = "", 0, start
        while position < len(self.text):
            character = self.text[position]
            if self.text.startswith(mark, position) and (opening == "{#" or (not quote and depth == 0)):
                return position
            if opening != "{#":
                if quote:
                    position += character == "\\"
                    quote = "" if character == quote else quote
                elif character in "'\"":
                    quote = character
                else:
                    depth += (character in "([{") - (character in ")]}")
            position += 1
        raise self.error(f"expected {mark} after {opening}", self.first_line + self.text.count("\n", 0, start))

    def parse(self) -> list[_Part]:
        parts, word = self.block()
        if word is not None:
            raise self.error(f"{{% {word.body.strip()} %}} without an if or a for before it", word.line)
        return parts

    def block(self) -> tuple[list[_Part], _Tag | None]:
        """Parts up to an `end`, `elif` or `else` of an enclosing tag, and that tag; None at the end of the text."""
        parts: list[_Part] = []
        while self.position < len(self.tags):
            tag = self.tags[self.position]
            self.position += 1
            if tag.opening == "{%" and _first_word(tag.body) in ("end", "elif", "else"):
                return parts, tag
            parts.append(self.part(tag))
        return parts, None

    def part(self, tag: _Tag) -> _Part:
        lines = tag.body.count("\n")
        if tag.opening == "":
            return _Part("text", tag.body)
        if tag.opening == "{#":
            return _Part("text", "\n" * lines)
        if tag.opening == "{{":
            return _Part("output", expression=self.expression(tag.body, tag.line), lines=lines)
        return self.statement(tag, lines)

    def statement(self, tag: _Tag, lines: int) -> _Part:
        word = _first_word(tag.body)
        rest = tag.body.strip()[len(word) :]
        if word in ("if", "for"):
            return self.nested(tag, word, rest, lines)
        if word == "set":
            return self.assignment(tag, rest, lines)
        if word == "comment":
            return _Part("text", "\n" * lines)
        raise self.error(f"expected if, elif, else, for, set or end in {{% %}}, found {word!r}", tag.line)

    def nested(self, tag: _Tag, word: str, rest: str, lines: int) -> _Part:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise self.error(f"{{% if %}} and {{% for %}} stand in each other more than {_MOST_NESTED} deep", tag.line)
        part = self.conditional(tag, rest, lines) if word == "if" else self.loop(tag, lines)
        self.depth -= 1
        return part

    def conditional(self, tag: _Tag, rest: str, lines: int) -> _Part:
        branches: list[tuple[ast.expr | None, list[_Part]]] = []
        condition: ast.expr | None = self.expression(rest, tag.line)
        while True:
            body, closing = self.block()
            branches.append((condition, body))
            word = _first_word(closing.body) if closing else ""
            if closing is None:
                raise self.error("expected {% end %} after this {% if %}", tag.line)
            if word == "end":
                skipped = tuple(_line_ends(body) for _, body in branches)
                return _Part("if", branches=tuple(branches), lines=lines, skipped=skipped)
            if condition is None:
                raise self.error(f"{word} after else", closing.line)
            rest = closing.body.strip()[len(word) :]
            condition = self.expression(rest, closing.line) if word == "elif" else None

    def loop(self, tag: _Tag, lines: int) -> _Part:
        parsed = self.python(f"{tag.body.strip()}: pass", "exec", tag.line)
        statement = parsed.body[0] if isinstance(parsed, ast.Module) else None
        if not isinstance(statement, ast.For):
            raise self.error("expected {% for NAME in LIST %}", tag.line)
        self.check_target(statement.target, tag.line)
        self.check(statement.iter, tag.line)
        body, closing = self.block()
        if closing is None or _first_word(closing.body) != "end":
            raise self.error("expected {% end %} after this {% for %}", tag.line)
        return _Part("for", expression=statement.iter, target=statement.target, branches=((None, body),), lines=lines)

    def assignment(self, tag: _Tag, rest: str, lines: int) -> _Part:
        parsed = self.python(rest.strip(), "exec", tag.line)
        statement = parsed.body[0] if isinstance(parsed, ast.Module) and len(parsed.body) == 1 else None
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise self.error("expected {% set NAME = EXPRESSION %}", tag.line)
        self.check_target(statement.targets[0], tag.line)
        self.check(statement.value, tag.line)
        return _Part("set", expression=statement.value, target=statement.targets[0], lines=lines)

    def expression(self, text: str, line: int) -> ast.expr:
        parsed = self.python(text.strip(), "eval", line)
        assert isinstance(parsed, ast.Expression)
        self.check(parsed.body, line)
        return parsed.body

    def python(self, text: str, mode: str, line: int) -> ast.AST:
        try:
            # one line: a tag may be spread over several, indented as the SQL is
            return ast.parse(_one_line(text), mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "too deep"
            raise self.error(f"cannot read {_shown(text)!r}: {reason}", line) from None

    def check_target(self, target: ast.expr, line: int) -> None:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        if not all(isinstance(name, ast.Name) and not name.id.startswith("__") for name in names):
            raise self.error(f"cannot assign to {ast.unparse(target)}", line)

    def check(self, expression: ast.expr, line: int) -> None:
        """Refuse whatever is not on the lists, wherever it stands in the expression."""
        if _is_deep(expression):
            raise self.error(f"an expression is nested more than {_MOST_NESTED} deep", line)
        called = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
        for node in ast.walk(expression):
            if not isinstance(node, _ALLOWED):
                raise self.error(f"{ast.unparse(expression)}: {type(node).__name__} is not allowed", line)
            if isinstance(node, ast.Call):
                self.check_call(node, line)
            elif isinstance(node, ast.Attribute) and (node.attr not in _METHODS or id(node) not in called):
                listed = ", ".join(f"{name}()" for name in sorted(_METHODS))
                raise self.error(f".{node.attr} is not allowed, only {listed}", line)
            elif isinstance(node, ast.Constant) and not isinstance(node.value, (str, int, float, NoneType)):
                raise self.error(f"{ast.unparse(node)} is not allowed, only texts and numbers", line)
            elif isinstance(node, ast.Name) and node.id.startswith("__"):
                raise self.error(f"the name {node.id} is not allowed", line)

    def check_call(self, call: ast.Call, line: int) -> None:
        if any(keyword.arg is None for keyword in call.keywords):
            raise self.error("** is not allowed", line)
        if isinstance(call.func, ast.Attribute):
            return
        name = call.func.id if isinstance(call.func, ast.Name) else ast.unparse(call.func)
        if name not in _SCALARS and name not in _FUNCTIONS:
            raise self.error(f"{name} is not a function of the template language", line)
        takes_name = name in _SCALARS or name in _TAKES_PARAMETER
        if takes_name and not call.args:
            raise self.error(f"{name}() expects the name of a parameter", line)
        least, most = (1, 2) if name in _SCALARS else _ARGUMENTS[name]
        if not least <= len(call.args) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise self.error(f"{name}() takes {wanted} values without a keyword, found {len(call.args)}", line)
        if name == "columns" and not isinstance(_given(call, 2, "fn"), (ast.Constant, NoneType)):
            raise self.error("the function of columns() is a literal name", line)


def _is_deep(expression: ast.expr) -> bool:
    level: list[ast.AST] = [expression]
    for _ in range(_MOST_NESTED):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return bool(level)


def _given(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """The expression that a call gives at a position or under a keyword."""
    if len(call.args) > position:
        return call.args[position]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _first_word(body: str) -> str:
    words = body.split(maxsplit=1)
    return re.split(r"\W", words[0], maxsplit=1)[0] if words else ""


def _one_line(text: str) -> str:
    """`text` with its line ends as blanks, which Python's grammar needs; those inside quotes are not allowed anyway."""
    return " ".join(text.split("\n"))


_TEXT_METHODS: Final = frozenset(("split", "join", "replace", "startswith", "endswith"))
_METHODS: Final = _TEXT_METHODS | {"get"}
_ALLOWED: Final = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.UAdd,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Mod,
    ast.Compare,
    ast.cmpop,
    ast.IfExp,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Subscript,
    ast.Slice,
    ast.Call,
    ast.keyword,
    ast.Attribute,
)


# The parameters that a template declares.


def merged_parameters(templates: Iterable[Template]) -> dict[str, Parameter]:
    """The parameters of several templates by name; what one only mentions has the type that another tells."""
    found: dict[str, Parameter] = {}
    for template in templates:
        for parameter in template.mentioned:
            found[parameter.name] = _merged(found.get(parameter.name), parameter)
    return {name: replace(parameter, type=parameter.type or "String") for name, parameter in found.items()}


def _parameters_of(body: list[_Part]) -> tuple[Parameter, ...]:
    found: dict[str, Parameter] = {}
    for expression in _expressions(body, set()):
        for parameter in _in_expression(*expression):
            found[parameter.name] = _merged(found.get(parameter.name), parameter)
    return tuple(found.values())


def _expressions(body: list[_Part], assigned: set[str]) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    """Each expression in the order of the text, with the names that {% set %} and {% for %} made before it."""
    for part in body:
        if part.expression is not None:
            yield part.expression, frozenset(assigned)
        if part.target is not None:
            assigned |= {node.id for node in ast.walk(part.target) if isinstance(node, ast.Name)}
        for condition, inner in part.branches:
            if condition is not None:
                yield condition, frozenset(assigned)
            yield from _expressions(inner, assigned)


def _parts(body: list[_Part]) -> Iterator[_Part]:
    for part in body:
        yield part
        for _, inner in part.branches:
            yield from _parts(inner)


def _names(expression: ast.expr | None) -> frozenset[str]:
    found = ast.walk(expression) if expression is not None else ()
    return frozenset(node.id for node in found if isinstance(node, ast.Name))


def _holds_to_a_form(expression: ast.expr) -> bool:
    return any(isinstance(node, ast.keyword) and node.arg == "format" for node in ast.walk(expression))


def _in_expression(expression: ast.expr, assigned: frozenset[str]) -> Iterator[Parameter]:
    """The parameters that an expression uses; those that it only mentions have the type ""."""
    functions = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
    types: set[int] = set()
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            types |= {id(each) for each in node.args[1:2] if node.func.id == "Array"}
            yield from _declared(node, node.func.id, assigned)
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id not in assigned and id(node) not in functions | types:
            yield Parameter(node.id, "")


def _declared(call: ast.Call, function: str, assigned: frozenset[str]) -> Iterator[Parameter]:
    first = call.args[0] if call.args else None
    declares = function in _SCALARS or function in _TAKES_PARAMETER - {"defined"}
    if not declares or not isinstance(first, ast.Name) or first.id in assigned:
        return
    keywords = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
    default_at = 2 if function == "Array" else 1
    default = keywords.get("default")
    if len(call.args) > default_at:
        default = _literal(call.args[default_at])
    enum = keywords.get("enum")
    yield Parameter(
        name=first.id,
        type=_type_word(call, function),
        default=default,
        required=keywords.get("required") is True,
        description=str(keywords.get("description") or ""),
        enum=tuple(map(str, enum)) if isinstance(enum, (list, tuple)) else (),
        example=keywords.get("example"),
    )


def _type_word(call: ast.Call, function: str) -> str:
    if function == "Array":
        return f"Array({_element_type(call)})"
    return function if function in _SCALARS else "String"


def _element_type(call: ast.Call) -> str:
    given = call.args[1] if len(call.args) > 1 else None
    text = given.id if isinstance(given, ast.Name) else _literal(given) if given is not None else None
    return str(text) if text in _SCALARS else "String"


def _literal(expression: ast.expr) -> Any:
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return None


def _merged(before: Parameter | None, other: Parameter) -> Parameter:
    """One parameter used twice: the first type, default, description and so on that any use gives."""
    if before is None:
        return other
    return Parameter(
        name=before.name,
        type=before.type or other.type,
        default=other.default if before.default is None else before.default,
        required=before.required or other.required,
        description=before.description or other.description,
        enum=before.enum or other.enum,
        example=other.example if before.example is None else before.example,
    )


# Values: request text -> typed values.


@dataclass(frozen=True)
class _Typed:
    """A value with its template type, and the parameter that it came from ("" for a literal)."""

    value: Any
    type: str
    parameter: str = ""


@dataclass(frozen=True)
class _Missing:
    """A parameter that the request does not give and the template has no default for."""

    parameter: str


@dataclass(frozen=True)
class _Sql:
    """SQL that a function of the language wrote: a checked identifier, or conditions over bound values."""

    text: str


def _refuse(value: object, type_: str, parameter: str) -> NoReturn:
    place = f" in the parameter {parameter}" if parameter else ""
    raise BadRequest(f"Template Syntax Error: Error validating '{_shown(value)}' to type {type_}{place}")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 100 else text[:100] + "..."


def _required_text(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    listed = " and ".join(filter(None, (", ".join(distinct[:-1]), distinct[-1])))
    return (
        f"Template Syntax Error: Required parameter is not defined. Check the parameters {listed}. "
        "Please provide a value or set a default value in the pipe code."
    )


def _to_integer(text: str, type_: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,80}", text):
        raise ValueError
    number = int(text)
    bound = type_ if type_ in _CH_INTEGERS else "Int64"
    bits, unsigned = int(bound.lstrip("UInt")), bound.startswith("U")
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if not low <= number <= high:
        raise ValueError
    return number


def _to_float(text: str, _: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise ValueError
    return float(text)


def _to_boolean(text: str, _: str) -> int:
    return {"true": 1, "1": 1, "false": 0, "0": 0}[text.lower()]


def _to_date(text: str, _: str) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError
    return date.fromisoformat(text).isoformat()


_CLOCK: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


def _to_datetime(text: str, type_: str) -> str:
    """`YYYY-MM-DD hh:mm:ss` in UTC: a zone is converted, a fraction cut from a DateTime and needed in a DateTime64."""
    match = _CLOCK.fullmatch(text)
    if not match or (type_ == "DateTime64" and not match[3]):
        raise ValueError
    moment = datetime.fromisoformat(f"{match[1]}T{match[2]}")
    if match[4]:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[4]}").astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (match[3] if type_ == "DateTime64" else "")


def _to_uuid(text: str, _: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise ValueError
    return text.lower()


@cache
def _zones() -> frozenset[str]:
    """The names of the IANA database, which `format='timezone'` holds a parameter to."""
    return frozenset(available_timezones())


_READERS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    **dict.fromkeys((*INTEGERS, "Int", "Integer"), _to_integer),
    **dict.fromkeys((*FLOATS, "Float"), _to_float),
    "Boolean": _to_boolean,
    "String": lambda text, _: text,
    "Date": _to_date,
    "DateTime": _to_datetime,
    "DateTime64": _to_datetime,
    "UUID": _to_uuid,
}


def _read_scalar(value: object, type_: str) -> Any:
    """`value` as `type_`; ValueError or KeyError when it is not one."""
    if isinstance(value, bool):
        value = str(value).lower() if type_ == "String" else str(int(value))
    elif isinstance(value, (int, float)):
        value = repr(value)
    elif isinstance(value, (dict, list)) and type_ == "String":
        value = json.dumps(value)
    if not isinstance(value, str):
        raise ValueError
    return _READERS[type_](value if type_ == "String" else value.strip(), type_)


def _as_list(value: object) -> list[object]:
    """The elements of an Array parameter: one value, several comma-joined, or a list of such."""
    if isinstance(value, str):
        return list(value.split(","))
    if isinstance(value, (list, tuple)):
        return [part for element in value for part in (_as_list(element) if isinstance(element, str) else [element])]
    return [value]


# Rendering.


class _Run:
    """One rendering: the SQL so far, the values bound so far, the names in scope."""

    def __init__(
        self,
        parameters: Iterable[Parameter],
        request: Mapping[str, object],
        is_column: Callable[[str], bool],
        tables: Container[str],
        prefix: str,
    ) -> None:
        self.request = request
        self.is_column = is_column
        self.tables = tables
        self.prefix = prefix
        self.sql: list[str] = []
        self.values: dict[str, object] = {}
        self.hints: dict[str, str] = {}
        self.missing: list[str] = []
        self.bound: dict[str, str] = {}
        self.rounds = 0
        self.scope: dict[str, Any] = {parameter.name: self.given(parameter) for parameter in parameters}

    def given(self, parameter: Parameter) -> Any:
        """The request's value of a parameter, None if it gives none."""
        value = self.request.get(parameter.name)
        if value is None:
            return None
        if parameter.type.startswith("Array("):
            return _as_list(value)
        if not isinstance(value, (list, tuple)):
            return value
        if not parameter.type:  # another node may declare it as a list
            return ",".join(str(item) for item in value)
        if len(value) != 1:
            raise BadRequest(f"The parameter {parameter.name} is given {len(value)} times; it takes one value.")
        return value[0]

    def parts(self, body: list[_Part]) -> None:
        for part in body:
            getattr(self, f"part_{part.kind}")(part)
            self.sql.append("\n" * part.lines)

    def part_text(self, part: _Part) -> None:
        self.sql.append(part.text)

    def part_output(self, part: _Part) -> None:
        assert part.expression is not None
        value = self.evaluate(part.expression)
        if value is None:
            raise BadRequest(f'Template Syntax Error: expression "{ast.unparse(part.expression)}" evaluated to null')
        try:
            self.sql.append(self.write(value))
        except ValueError:
            raise BadRequest(f"Template Syntax Error: {ast.unparse(part.expression)} is no value of SQL") from None

    def part_set(self, part: _Part) -> None:
        assert part.expression is not None
        assert part.target is not None
        self.assign(part.target, self.evaluate(part.expression))

    def part_for(self, part: _Part) -> None:
        assert part.expression is not None
        assert part.target is not None
        for item in self.items(part.expression):
            self.rounds += 1
            if self.rounds > _MOST_ROUNDS:
                raise BadRequest(f"Template Syntax Error: the loops of a template take over {_MOST_ROUNDS:,} rounds")
            self.assign(part.target, item)
            self.parts(part.branches[0][1])

    def part_if(self, part: _Part) -> None:
        """The first branch that holds; the others leave their line ends, so that errors name the right lines."""
        taken = False
        for (condition, body), line_ends in zip(part.branches, part.skipped, strict=True):
            if not taken and (condition is None or self.truth(condition)):
                taken = True
                self.parts(body)
            else:
                self.sql.append("\n" * line_ends)

    def truth(self, expression: ast.expr) -> bool:
        value = self.evaluate(expression)
        return bool(None if isinstance(value, _Missing) else _raw(value))

    def items(self, expression: ast.expr) -> list[Any]:
        value = _raw(self.evaluate(expression))
        if isinstance(value, _Missing):
            raise BadRequest(_required_text([value.parameter]))
        if isinstance(value, (list, tuple, dict)):
            return list(value)
        raise BadRequest(f"Template Syntax Error: {ast.unparse(expression)} is not a list")

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.scope[target.id] = value
            return
        assert isinstance(target, ast.Tuple)
        raw = _raw(value)
        if not isinstance(raw, (list, tuple)) or len(raw) != len(target.elts):
            raise BadRequest(f"Template Syntax Error: cannot unpack into {ast.unparse(target)}")
        for name, item in zip(target.elts, raw, strict=True):
            self.assign(name, item)

    # SQL for values

    def write(self, value: Any) -> str:
        """The SQL that stands for a value: a query parameter, or what a function of the language wrote."""
        if isinstance(value, _Sql):
            return value.text
        if isinstance(value, _Missing):
            self.missing.append(value.parameter)
            return "NULL"
        typed = value if isinstance(value, _Typed) else _typed_literal(value)
        return self.bind(typed)

    def bind(self, typed: _Typed) -> str:
        element = typed.type.removeprefix("Array(").removesuffix(")")
        clickhouse = _BOUND_AS.get(element, element)
        if typed.type.startswith("Array("):
            clickhouse = f"Array({clickhouse})"
        # the same parameter twice is one value: GROUP BY must see the same expression as SELECT
        key = f"{typed.parameter} {clickhouse} {typed.value!r}"
        if key not in self.bound:
            self.bound[key] = f"{self.prefix}{len(self.values)}"
            self.values[self.bound[key]] = typed.value
        return f"{{{self.bound[key]}:{clickhouse}}}"

    # expressions

    def evaluate(self, node: ast.expr) -> Any:
        try:
            return getattr(self, f"visit_{type(node).__name__}")(node)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            raise BadRequest(f"Template Syntax Error: {ast.unparse(node)}: {error}") from None

    def raw(self, node: ast.expr) -> Any:
        value = self.evaluate(node)
        if isinstance(value, _Missing):
            return None
        return _raw(value)

    def visit_Constant(self, node: ast.Constant) -> Any:  # noqa: N802
        return node.value

    def visit_Name(self, node: ast.Name) -> Any:  # noqa: N802
        return self.scope.get(node.id)

    def visit_List(self, node: ast.List) -> Any:  # noqa: N802
        return [self.raw(element) for element in node.elts]

    def visit_Tuple(self, node: ast.Tuple) -> Any:  # noqa: N802
        return tuple(self.raw(element) for element in node.elts)

    def visit_Dict(self, node: ast.Dict) -> Any:  # noqa: N802
        return {
            self.raw(key): self.raw(value) for key, value in zip(node.keys, node.values, strict=True) if key is not None
        }

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:  # noqa: N802
        value: Any = None
        for part in node.values:
            value = self.evaluate(part)
            held = bool(None if isinstance(value, _Missing) else _raw(value))
            if held == isinstance(node.op, ast.Or):
                return value
        return value

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:  # noqa: N802
        if isinstance(node.op, ast.Not):
            return not self.truth(node.operand)
        value = self.raw(node.operand)
        return -value if isinstance(node.op, ast.USub) else +value

    def visit_BinOp(self, node: ast.BinOp) -> Any:  # noqa: N802
        left, right = self.raw(node.left), self.raw(node.right)
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if isinstance(node.op, ast.Add) and (numbers or (type(left) is type(right) and isinstance(left, (str, list)))):
            return _held(left + right)
        if not numbers:
            raise TypeError("arithmetic needs numbers")
        if isinstance(node.op, ast.Sub):
            return _held(left - right)
        return _held(left * right) if isinstance(node.op, ast.Mult) else left % right

    def visit_Compare(self, node: ast.Compare) -> bool:  # noqa: N802
        left = self.raw(node.left)
        for operator, expression in zip(node.ops, node.comparators, strict=True):
            right = self.raw(expression)
            if not _COMPARISONS[type(operator)](left, right):
                return False
            left = right
        return True

    def visit_IfExp(self, node: ast.IfExp) -> Any:  # noqa: N802
        return self.evaluate(node.body if self.truth(node.test) else node.orelse)

    def visit_Subscript(self, node: ast.Subscript) -> Any:  # noqa: N802
        value = self.raw(node.value)
        if isinstance(node.slice, ast.Slice):
            bounds = (None if end is None else self.raw(end) for end in (node.slice.lower, node.slice.upper))
            return value[slice(*bounds)]
        return value[self.raw(node.slice)]

    def visit_Call(self, node: ast.Call) -> Any:  # noqa: N802
        if isinstance(node.func, ast.Attribute):
            return self.method(node, node.func)
        assert isinstance(node.func, ast.Name)
        if node.func.id in _SCALARS:
            return self.typed(node, node.func.id)
        return getattr(self, f"call_{node.func.id}")(node)

    def method(self, node: ast.Call, function: ast.Attribute) -> Any:
        owner = self.raw(function.value)
        allowed = {"get"} if isinstance(owner, dict) else _TEXT_METHODS if isinstance(owner, str) else ()
        if function.attr not in allowed or node.keywords:
            raise TypeError(f"there is no .{function.attr}() here")
        given = [self.raw(argument) for argument in node.args]
        if function.attr == "replace" and len(given) == 2:
            _hold(len(owner) + owner.count(given[0]) * len(given[1]))
        if function.attr == "join" and len(given) == 1:
            _hold(sum(len(owner) + len(text) for text in given[0]))
        return getattr(owner, function.attr)(*given)

    # functions of the language; each takes the call itself, since some need the name of a parameter, not its value

    def typed(self, node: ast.Call, type_: str) -> Any:
        value, parameter = self.value_or_default(node, 1)
        if value is None:
            return _Missing(parameter or ast.unparse(node))
        read = self.scalar(value, type_, parameter)
        if self.keyword(node, "format") == "timezone" and read not in _zones():
            raise BadRequest(f"The parameter {parameter} names no time zone such as Europe/Berlin: {_shown(read)!r}")
        return _Typed(read, type_, parameter)

    def scalar(self, value: Any, type_: str, parameter: str) -> Any:
        try:
            return _read_scalar(value, type_)
        except (ValueError, KeyError):
            _refuse(value, type_, parameter)

    def call_Array(self, node: ast.Call) -> Any:  # noqa: N802
        value, parameter = self.value_or_default(node, 2)
        if value is None:
            return _Missing(parameter or ast.unparse(node))
        element, parts = _element_type(node), _as_list(value)
        found = []
        for position, part in enumerate(parts):
            try:
                found.append(_read_scalar(part, element))
            except (ValueError, KeyError):
                joined = ",".join(map(str, parts))
                place = f" in the parameter {parameter}" if parameter else ""
                raise BadRequest(
                    f"Template Syntax Error: Error validating [{_shown(joined)}][{position}] ({_shown(part)}) "
                    f"to type {element}{place}"
                ) from None
        return _Typed(found, f"Array({element})", parameter)

    def value_or_default(self, node: ast.Call, default_at: int) -> tuple[Any, str]:
        """The value of the first argument, or the default; with the name of the parameter, if it is one."""
        first = node.args[0]
        parameter = first.id if isinstance(first, ast.Name) else ""
        value = self.raw(first)
        if value is None and len(node.args) > default_at:
            value = self.raw(node.args[default_at])
        if value is None:
            value = self.keyword(node, "default")
        return value, parameter

    def keyword(self, node: ast.Call, name: str) -> Any:
        return next((self.raw(keyword.value) for keyword in node.keywords if keyword.arg == name), None)

    def argument(self, node: ast.Call, position: int, name: str = "") -> Any:
        if len(node.args) > position:
            return self.raw(node.args[position])
        return self.keyword(node, name) if name else None

    def call_defined(self, node: ast.Call) -> bool:
        return self.raw(node.args[0]) is not None

    def call_column(self, node: ast.Call) -> Any:
        return self.identifier(node, self.is_column, "column")

    def call_symbol(self, node: ast.Call) -> Any:
        return self.identifier(node, self.is_column, "column")

    def call_table(self, node: ast.Call) -> Any:
        return self.identifier(node, lambda name: name in self.tables, "data source")

    call_TABLE = call_table  # noqa: N815

    def identifier(self, node: ast.Call, exists: Callable[[str], bool], what: str) -> Any:
        value, parameter = self.value_or_default(node, 1)
        if value is None:
            return _Missing(parameter or ast.unparse(node))
        return _Sql(".".join(_quoted(part, exists, what, parameter) for part in str(value).split(".")))

    def call_columns(self, node: ast.Call) -> Any:
        value, parameter = self.value_or_default(node, 1)
        if value is None:
            return _Missing(parameter or ast.unparse(node))
        function = self.argument(node, 2, "fn")
        if function is not None and not _IDENTIFIER.fullmatch(str(function)):
            raise BadRequest(f"Template Syntax Error: {function!r} is no name of a function for columns()")
        names = [_quoted(str(name).strip(), self.is_column, "column", parameter) for name in _as_list(value)]
        return _Sql(",".join(f"{function}({name}) as {name}" if function else name for name in names))

    def call_error(self, node: ast.Call) -> NoReturn:
        message = self.argument(node, 0)
        raise BadRequest(message if isinstance(message, str) else json.dumps(message, default=str))

    def call_custom_error(self, node: ast.Call) -> NoReturn:
        status = self.argument(node, 1, "code")
        raise CustomError(self.argument(node, 0), status if isinstance(status, int) and 400 <= status <= 599 else 400)

    def call_sql_and(self, node: ast.Call) -> _Sql:
        conditions = [self.condition(keyword) for keyword in node.keywords]
        return _Sql(" and ".join(filter(None, conditions)) or "1")

    def condition(self, keyword: ast.keyword) -> str:
        name, _, operator = str(keyword.arg).rpartition("__")
        if not name or operator not in _OPERATORS:
            name, operator = str(keyword.arg), ""
        value = self.evaluate(keyword.value)
        if value is None or isinstance(value, _Missing):
            return ""
        return f"`{name}` {_OPERATORS[operator]} {self.write(value)}"

    def call_split_to_array(self, node: ast.Call) -> list[str]:
        value, parameter = self.value_or_default(node, 1)
        if value is None:
            raise BadRequest(_required_text([parameter or ast.unparse(node)]))
        separator = self.argument(node, 2, "separator") or ","
        return [part.strip() for part in str(value).split(separator)] if isinstance(value, str) else list(value)

    def call_enumerate_with_last(self, node: ast.Call) -> list[tuple[bool, Any]]:
        items = self.items(node.args[0])
        return [(position == len(items) - 1, item) for position, item in enumerate(items)]

    def call_date_diff_in_seconds(self, node: ast.Call, unit: int = 1) -> int | None:
        try:
            apart = self.moment(node, 1) - self.moment(node, 0)
        except BadRequest:
            if self.argument(node, 4, "none_if_error"):
                return None
            raise
        return int(abs(apart).total_seconds()) // unit

    call_date_diff_in_minutes = partialmethod(call_date_diff_in_seconds, unit=60)
    call_date_diff_in_hours = partialmethod(call_date_diff_in_seconds, unit=3600)
    call_day_diff = call_date_diff_in_days = partialmethod(call_date_diff_in_seconds, unit=86400)

    def moment(self, node: ast.Call, position: int) -> datetime:
        value = self.raw(node.args[position])
        formats = [self.argument(node, 2, "date_format"), self.argument(node, 3, "backup_date_format")]
        for written in (*formats, "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
            try:
                return datetime.strptime(str(value), str(written)).replace(tzinfo=None)
            except ValueError:
                continue
        raise BadRequest(f"Template Syntax Error: {_shown(value)!r} is no date ({ast.unparse(node.args[position])})")

    def call_JSON(self, node: ast.Call) -> Any:  # noqa: N802
        value, parameter = self.value_or_default(node, 1)
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            _refuse(value, "JSON", parameter)

    def call_sql_unescape(self, node: ast.Call) -> Any:
        return self.raw(node.args[0])

    def call_cache_ttl(self, node: ast.Call) -> _Sql:
        self.hints["cache_ttl"] = str(self.argument(node, 0))
        return _Sql("")

    def engine_hint(self, node: ast.Call) -> _Sql:
        """Hints to another engine's planner: known, and of no effect here."""
        return _Sql("")

    call_max_threads = call_backend_hint = call_activate = call_disable = engine_hint

    def secret(self, node: ast.Call) -> Any:
        default = self.argument(node, 1, "default")
        if default is None:
            name = self.argument(node, 0)
            raise BadRequest(
                f"Template Syntax Error: the secret {name} has no value: none are kept here, so give a default"
            )
        return default

    call_tb_secret = call_tb_var = secret

    def call_len(self, node: ast.Call) -> int:
        return len(self.raw(node.args[0]))

    def call_list(self, node: ast.Call) -> list[Any]:
        return list(self.raw(node.args[0])) if node.args else []

    def call_min(self, node: ast.Call) -> Any:
        return (
            min(*(self.raw(argument) for argument in node.args)) if len(node.args) > 1 else min(self.raw(node.args[0]))
        )

    def call_max(self, node: ast.Call) -> Any:
        return (
            max(*(self.raw(argument) for argument in node.args)) if len(node.args) > 1 else max(self.raw(node.args[0]))
        )

    def call_int(self, node: ast.Call) -> int:
        return int(self.raw(node.args[0]))

    def call_float(self, node: ast.Call) -> float:
        return float(self.raw(node.args[0]))


_FUNCTIONS: Final = frozenset(name.removeprefix("call_") for name in vars(_Run) if name.startswith("call_"))
_TAKES_PARAMETER: Final = frozenset(
    ("defined", "Array", "column", "columns", "symbol", "table", "TABLE", "split_to_array", "JSON")
)
_ARGUMENTS: Final = {
    "defined": (1, 1), "Array": (1, 3), "column": (1, 2), "columns": (1, 3), "symbol": (1, 2), "table": (1, 2),
    "TABLE": (1, 2), "error": (1, 1), "custom_error": (1, 2), "sql_and": (0, 0), "split_to_array": (1, 3),
    "enumerate_with_last": (1, 1), "day_diff": (2, 5), "date_diff_in_days": (2, 5), "date_diff_in_hours": (2, 5),
    "date_diff_in_minutes": (2, 5), "date_diff_in_seconds": (2, 5), "JSON": (1, 2), "sql_unescape": (1, 2),
    "cache_ttl": (1, 1), "max_threads": (1, 1), "backend_hint": (1, 1), "activate": (1, 1), "disable": (1, 1),
    "tb_secret": (1, 2), "tb_var": (1, 2), "len": (1, 1), "list": (0, 1), "min": (1, 20), "max": (1, 20), "int": (1, 1),
    "float": (1, 1),
}  # fmt: skip
"""How many values each function takes without a keyword, at least and at most."""
_OPERATORS: Final = {
    "": "=",
    "in": "in",
    "not_in": "not in",
    "gt": ">",
    "lt": "<",
    "gte": ">=",
    "lte": "<=",
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: lambda left, right: left is right,
    ast.IsNot: lambda left, right: left is not right,
}


def _hold(size: int) -> None:
    if size > _MOST_CHARACTERS:
        raise ValueError(f"over {_MOST_CHARACTERS:,} characters")


def _held(value: Any) -> Any:
    """A computed value that is not too large to be kept."""
    if isinstance(value, (str, list)):
        _hold(len(value))
    elif abs(value) >= _LARGEST_NUMBER:
        raise ValueError("the number is too large")
    return value


def _raw(value: Any) -> Any:
    """The Python value inside a typed one."""
    if isinstance(value, _Typed):
        return value.value
    return value.text if isinstance(value, _Sql) else value


def _typed_literal(value: Any) -> _Typed:
    """A Python value that an expression gave, with the type it is bound as."""
    if isinstance(value, bool):
        return _Typed(int(value), "UInt8")
    if isinstance(value, int):
        return _Typed(value, "Int64")
    if isinstance(value, float):
        return _Typed(value, "Float64")
    if isinstance(value, (list, tuple)):
        inner = {_typed_literal(element).type for element in value}
        if inner <= {"Int64"} and inner:
            return _Typed(list(value), "Array(Int64)")
        return _Typed([_read_scalar(element, "String") for element in value], "Array(String)")
    return _Typed(_read_scalar(value, "String"), "String")


def _quoted(name: str, exists: Callable[[str], bool], what: str, parameter: str) -> str:
    if not _IDENTIFIER.fullmatch(name) or not exists(name):
        place = f" (parameter {parameter})" if parameter else ""
        raise BadRequest(f"Template Syntax Error: there is no {what} {_shown(name)!r}{place}")
    return f"`{name}`"


def _line_ends(body: list[_Part]) -> int:
    return sum(
        part.text.count("\n") + part.lines + sum(_line_ends(inner) for _, inner in part.branches) for part in body
    )
