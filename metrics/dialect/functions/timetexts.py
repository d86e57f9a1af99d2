"""Times to text and back by a format, with MySQL's codes as ClickHouse reads them; and text of any usual form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from metrics.dialect.functions import zones
from metrics.dialect.rules import STRING, NoRule, default_sql, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, nullable
from metrics.dialect.values import Value

_FORMATS: Final = {
    "Y": "%Y", "y": "%y", "m": "%m", "c": "%m", "d": "%d", "e": "%-d", "H": "%H", "k": "%H", "i": "%M", "S": "%S",
    "s": "%S", "j": "%j", "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "I": "%I", "h": "%I",
    "l": "%I", "r": "%I:%M %p", "p": "%p", "a": "%a", "W": "%A", "b": "%b", "M": "%B", "n": "\n", "t": "\t",
    "%": "%%", "u": "%u", "w": "%w", "V": "%V", "G": "%G", "f": "%f",
}  # fmt: skip
_COMPUTED: Final = {
    "Q": "CAST(quarter({wall}) AS VARCHAR)",
    "C": "left(strftime({wall}, '%Y'), 2)",
    "g": "right(strftime({wall}, '%G'), 2)",
    "z": "ch_offset_text(date_diff('minute', {moment}, {wall}))",
}
_PARSED: Final = {
    **{code: _FORMATS[code] for code in "YymdHiSsjFTRIhplabWMn%cke"},
    "e": "%d",
    "f": "%f",
    "D": "%m/%d/%y",
}


def _codes(pattern: str) -> Iterator[tuple[bool, str]]:
    """The codes after each %, and the text between them."""
    position = 0
    while position < len(pattern):
        if pattern[position] == "%":
            yield True, pattern[position + 1 : position + 2]
            position += 2
        else:
            yield False, pattern[position]
            position += 1


@scalar("formatDateTime", "DATE_FORMAT", least=2, most=3)
def formatted(call: Call) -> Value:
    pattern = call.text(1, "its format")
    value = zones.moment(call)
    wall = zones.wall(value, zones.zone_argument(call, 2))
    pieces, plain = [], ""
    for is_code, text in _codes(pattern):
        if is_code and text in _COMPUTED and not (text == "z" and value.type.is_date):
            pieces += [_strftime(wall, plain)] if plain else []
            pieces.append(_COMPUTED[text].format(wall=wall, moment=value.sql))
            plain = ""
        elif is_code and text not in _FORMATS:
            raise NoRule(f"{call.name}: %{text} needs the ClickHouse engine")
        else:
            plain += _FORMATS[text] if is_code else text
    pieces += [_strftime(wall, plain)] if plain else []
    empty = f"CASE WHEN {value.sql} IS NOT NULL THEN '' END"
    return Value(f"({' || '.join(pieces) or empty})", STRING)


def _strftime(wall: str, pattern: str) -> str:
    return f"strftime({wall}, {text_sql(pattern)})"


_PARSERS: Final = ("parseDateTime", "parseDateTimeOrNull", "parseDateTimeOrZero", "str_to_date", "STR_TO_DATE")


@scalar(*_PARSERS, least=2, most=3)
def parsed(call: Call) -> Value:
    """A DateTime from text by a format; what does not fit is an error, NULL or 1970."""
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    pattern = ""
    for is_code, text in _codes(call.text(1, "its format")):
        if is_code and text not in _PARSED:
            raise NoRule(f"{call.name}: %{text} needs the ClickHouse engine")
        pattern += _PARSED[text] if is_code else text
    zone = zones.zone_of(call[2], call.name) if len(call) > 2 else "UTC"
    strict = "Or" not in call.name
    read = zones.instant(f"{'' if strict else 'try_'}strptime({call[0].sql}, {text_sql(pattern)})", zone)
    return _failing(call, read, zones.datetime_type(zone))


def _failing(call: Call, sql: str, type_: Type) -> Value:
    """What the end of a name says of text that cannot be read: NULL or the start of 1970."""
    if call.name.endswith("OrNull"):
        return Value(sql, nullable(type_))
    return Value(f"coalesce({sql}, {default_sql(type_)})" if call.name.endswith("OrZero") else sql, type_)


_BEST: Final = [f"parseDateTime{kind}BestEffort{end}" for kind in ("", "64") for end in ("", "OrNull", "OrZero")]


@scalar(*_BEST, most=3)
def best_effort(call: Call) -> Value:
    """A time from text of any usual form: ISO 8601, a Unix time, 20250102, 2 Jan 2025, RFC 2822."""
    if not call[0].type.is_text:
        raise NoRule(f"{call.name} expects a String, found {call[0].type}")
    digits: int | None = None
    rest = call.args[1:]
    if call.name.startswith("parseDateTime64"):
        given = rest[0].literal if rest else 3
        if not isinstance(given, int) or not 0 <= given <= 6:
            raise NoRule(f"{call.name} expects its digits, 0 to 6, as a literal")
        digits, rest = given, rest[1:]
    zone = zones.zone_of(rest[0], call.name) if rest else None
    strict = "Or" not in call.name
    read = f"ch_{'' if strict else 'try_'}best_effort({call[0].sql}, {zones.zone_sql(zone) or repr('UTC')})"
    unit = {None: "second", 0: "second", 3: "millisecond"}.get(digits, "microsecond")
    return _failing(call, f"date_trunc('{unit}', {read})", zones.datetime_type(zone, digits))
