"""Texts: ClickHouse counts bytes and changes the case of ASCII letters only, unless a name says UTF8."""

from __future__ import annotations

import re

from metrics.dialect.functions import arrays
from metrics.dialect.functions.conversion import to_text
from metrics.dialect.rules import STRING, UINT64, NoRule, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, array
from metrics.dialect.values import NOT_LITERAL, Value, cast, condition

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _text(call: Call, position: int = 0) -> str:
    value = call[position]
    if not value.type.is_text:
        raise NoRule(f"{call.name} expects a String, found {value.type}")
    return value.sql


def _integer(call: Call, position: int) -> str:
    if not call[position].type.is_integer:
        raise NoRule(f"{call.name} expects a whole number, found {call[position].type}")
    return cast(call[position], Type("Int64"))


@scalar("lower", "lcase", "upper", "ucase", any_case=True)
def change_case(call: Call) -> Value:
    down = call.name.lower().startswith("l")
    letters = (_UPPER, _UPPER.lower()) if down else (_UPPER.lower(), _UPPER)
    return Value(f"translate({_text(call)}, '{letters[0]}', '{letters[1]}')", STRING)


@scalar("lowerUTF8", "upperUTF8")
def change_case_utf8(call: Call) -> Value:
    return Value(f"{call.name.removesuffix('UTF8')}({_text(call)})", STRING)


@scalar("length", "OCTET_LENGTH", any_case=True)
def length(call: Call) -> Value:
    if call[0].type.is_array:
        return Value(f"CAST(len({call[0].sql}) AS UBIGINT)", UINT64)
    if call[0].type.is_map:
        return Value(f"CAST(cardinality({call[0].sql}) AS UBIGINT)", UINT64)
    return Value(f"CAST(strlen({_text(call)}) AS UBIGINT)", UINT64)


@scalar("lengthUTF8", "char_length", "CHAR_LENGTH", "CHARACTER_LENGTH", "character_length")
def length_utf8(call: Call) -> Value:
    return Value(f"CAST(length({_text(call)}) AS UBIGINT)", UINT64)


@scalar("empty", "notEmpty")
def emptiness(call: Call) -> Value:
    if call[0].type.is_array or call[0].type.is_map:
        sql = f"({'len' if call[0].type.is_array else 'cardinality'}({call[0].sql}) = 0)"
    else:
        sql = f"({_text(call)} = '')"
    return condition(sql if call.name == "empty" else f"(NOT {sql})", call[0])


@scalar("concat", least=1, most=None, any_case=True)
def concatenated(call: Call) -> Value:
    if all(each.type.is_array for each in call.args):
        return arrays.concatenated(call)
    return Value(f"({' || '.join(to_text(each) for each in call.args)})", STRING)


@scalar("concatWithSeparator", "concat_ws", least=1, most=None)
def concatenated_with(call: Call) -> Value:
    separator = f" || {_text(call)} || "
    return Value(f"({separator.join(to_text(each) for each in call.args[1:]) or repr('')})", STRING)


@scalar("substring", "substr", "mid", least=2, most=3, any_case=True)
def substring(call: Call) -> Value:
    rest = f", {_integer(call, 2)}" if len(call) > 2 else ", NULL"
    return Value(f"ch_substring({_text(call)}, {_integer(call, 1)}{rest})", STRING)


@scalar("substringUTF8", least=2, most=3)
def substring_utf8(call: Call) -> Value:
    rest = f", {_integer(call, 2)}" if len(call) > 2 else ", NULL"
    return Value(f"ch_substring_utf8({_text(call)}, {_integer(call, 1)}{rest})", STRING)


@scalar("left", "right", least=2, any_case=True)
def end_of_text(call: Call) -> Value:
    return Value(f"ch_{call.name.lower()}({_text(call)}, {_integer(call, 1)})", STRING)


@scalar("leftUTF8", "rightUTF8", least=2)
def end_of_text_utf8(call: Call) -> Value:
    return Value(f"{call.name.removesuffix('UTF8')}({_text(call)}, {_integer(call, 1)})", STRING)


@scalar("position", "locate", least=2, any_case=True)
def position(call: Call) -> Value:
    if call.name.lower() == "locate":
        raise NoRule("locate needs the ClickHouse engine; position(haystack, needle) does not")
    return Value(f"ch_position({_text(call)}, {_text(call, 1)})", UINT64)


@scalar("positionCaseInsensitive", least=2)
def position_any_case(call: Call) -> Value:
    return Value(f"ch_position(lower({_text(call)}), lower({_text(call, 1)}))", UINT64)


@scalar("countSubstrings", least=2)
def count_substrings(call: Call) -> Value:
    return Value(f"ch_count_substrings({_text(call)}, {_text(call, 1)})", UINT64)


@scalar("like", "notLike", "ilike", "notILike", least=2)
def like(call: Call) -> Value:
    word = "ILIKE" if call.name.lower().endswith("ilike") else "LIKE"
    sql = f"({_text(call)} {word} {_text(call, 1)} ESCAPE '\\')"
    return condition(f"(NOT {sql})" if call.name.startswith("not") else sql, *call.args)


@scalar("match", "REGEXP_MATCHES", least=2)
def match(call: Call) -> Value:
    return condition(f"regexp_matches({_text(call)}, {_pattern(call)}, 's')", *call.args)


@scalar("multiSearchAny", least=2)
def search_any(call: Call) -> Value:
    if not call[1].type.is_array:
        raise NoRule("multiSearchAny expects an array of needles")
    found = f"list_bool_or(list_transform({call[1].sql}, lambda n: contains({_text(call)}, n)))"
    return condition(f"({_text(call)} <> '' AND {found})", *call.args)  # in an empty text there is nothing, not even ''


@scalar("extract", least=2)
def extract(call: Call) -> Value:
    """The first group of the first match, or the whole match of a pattern without groups."""
    pattern = call.text(1, "its pattern")
    _pattern(call)
    group = 1 if _has_group(pattern) else 0
    return Value(f"regexp_extract({_text(call)}, {text_sql(pattern)}, {group}, 's')", STRING)


@scalar("extractAll", least=2)
def extract_all(call: Call) -> Value:
    pattern = call.text(1, "its pattern")
    _pattern(call)
    group = 1 if _has_group(pattern) else 0
    return Value(f"regexp_extract_all({_text(call)}, {text_sql(pattern)}, {group}, 's')", array(STRING))


def _pattern(call: Call) -> str:
    """The regular expression, with so few counted repetitions that it is read in well under a second."""
    pattern = call[1].literal
    if not isinstance(pattern, str):
        return f"ch_pattern({_text(call, 1)})"
    if sum(int(most) for most in re.findall(r"\{\d*,?(\d+)\}", pattern)) > 1000:
        raise NoRule(f"{call.name} with a pattern of over 1,000 counted repetitions needs the ClickHouse engine")
    return _text(call, 1)


def _has_group(pattern: str) -> bool:
    position = 0
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 2
            continue
        if pattern[position] == "(" and pattern[position + 1 : position + 2] != "?":
            return True
        position += 1
    return False


@scalar("replaceAll", "replace", "REPLACE", least=3)
def replace_all(call: Call) -> Value:
    return Value(f"replace({_text(call)}, {_text(call, 1)}, {_text(call, 2)})", STRING)


@scalar("replaceOne", least=3)
def replace_one(call: Call) -> Value:
    return Value(f"ch_replace_one({_text(call)}, {_text(call, 1)}, {_text(call, 2)})", STRING)


@scalar("replaceRegexpAll", "replaceRegexpOne", "REGEXP_REPLACE", "regexp_replace", least=3)
def replace_regexp(call: Call) -> Value:
    options = "s" if call.name == "replaceRegexpOne" else "gs"
    if call[1].literal is NOT_LITERAL or call[1].literal == "":
        return Value(f"ch_replace_regexp({_text(call)}, {_pattern(call)}, {_text(call, 2)}, '{options}')", STRING)
    return Value(f"regexp_replace({_text(call)}, {_pattern(call)}, {_text(call, 2)}, '{options}')", STRING)


@scalar("startsWith", "endsWith", "startsWithUTF8", "endsWithUTF8", least=2)
def edges(call: Call) -> Value:
    name = "starts_with" if call.name.startswith("starts") else "suffix"
    return condition(f"{name}({_text(call)}, {_text(call, 1)})", *call.args)


@scalar("trimBoth", "trim", "trimLeft", "ltrim", "trimRight", "rtrim", most=2, any_case=True)
def trimmed(call: Call) -> Value:
    name = {"trimLeft": "ltrim", "ltrim": "ltrim", "trimRight": "rtrim", "rtrim": "rtrim"}.get(call.name, "trim")
    characters = _text(call, 1) if len(call) > 1 else "' '"
    return Value(f"{name}({_text(call)}, {characters})", STRING)


@scalar("reverseUTF8")
def reversed_text(call: Call) -> Value:
    return Value(f"reverse({_text(call)})", STRING)


@scalar("reverse")
def reversed_value(call: Call) -> Value:
    if call[0].type.is_array:
        return Value(f"list_reverse({call[0].sql})", call[0].type.bare)
    return Value(f"ch_reverse({_text(call)})", STRING)


@scalar("repeat", least=2)
def repeated(call: Call) -> Value:
    return Value(f"ch_repeat({_text(call)}, greatest({_integer(call, 1)}, 0))", STRING)


@scalar("leftPad", "lpad", "rightPad", "rpad", least=2, most=3)
def padded(call: Call) -> Value:
    name = "ch_lpad" if call.name.startswith("l") else "ch_rpad"
    fill = _text(call, 2) if len(call) > 2 else "' '"
    return Value(f"{name}({_text(call)}, CAST({_integer(call, 1)} AS INTEGER), {fill})", STRING)


@scalar("splitByChar", "splitByString", least=2)
def split(call: Call) -> Value:
    separator = call.text(0, "its separator")
    if not separator:
        raise NoRule(f"{call.name} with an empty separator needs the ClickHouse engine")
    return Value(f"string_split({_text(call, 1)}, {text_sql(separator)})", array(STRING))


@scalar("format", least=1, most=None)
def formatted(call: Call) -> Value:
    pattern = call.text(0, "its pattern")
    pieces = pattern.split("{}")
    if len(pieces) != len(call) or "{" in "".join(pieces) or "}" in "".join(pieces):
        raise NoRule("format supports {} for each argument in turn; other forms need the ClickHouse engine")
    written = [text_sql(pieces[0])]
    for argument, piece in zip(call.args[1:], pieces[1:], strict=True):
        written += [to_text(argument), text_sql(piece)]
    return Value(f"({' || '.join(written)})", STRING)


@scalar("multiMatchAny", "multiSearchAnyCaseInsensitive", least=2)
def any_of(call: Call) -> Value:
    """Whether one of an array of patterns, or of texts in any case, is in a text."""
    if not call[1].type.is_array or not call[1].type.bare.inner.is_text:
        raise NoRule(f"{call.name} expects an array of strings, found {call[1].type}")
    text = _text(call)
    holds = f"regexp_matches({text}, p, 's')"
    if call.name != "multiMatchAny":
        holds = (
            f"({text} <> '' AND contains(lower({text}), lower(p)))"  # in an empty text there is nothing, not even ''
        )
    return condition(f"(len(list_filter({call[1].sql}, lambda p: {holds})) > 0)", call[0])
