"""The template language: what a request's parameters become, and what a bad one is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from metrics.datafiles import Node
from metrics.errors import BadRequest, DefinitionError
from metrics.templating import CustomError, Parameter, Template


def template(sql: str) -> Template:
    return Template(Node("node", sql, "", 10), "endpoints/x.pipe")


def render(sql: str, request: Mapping[str, object] | None = None) -> tuple[str, Mapping[str, object]]:
    rendered = template("%" + sql).render(request or {}, columns={"model", "provider"}, tables={"llm_events"})
    return rendered.sql.strip(), rendered.values


def test_without_the_sign_nothing_is_a_template() -> None:
    plain = template("SELECT '{{x}}'")
    assert plain.parameters == ()
    assert plain.render({}).sql == "SELECT '{{x}}'"


@pytest.mark.parametrize("start", ["%", "  %\n", "\n%  "])
def test_the_sign_may_stand_alone(start: str) -> None:
    assert template(f"{start}SELECT {{{{Int32(n, 1)}}}}").render({}).sql.strip() == "SELECT {p0:Int32}"


@pytest.mark.parametrize(
    ("call", "request_value", "expected", "value"),
    [
        ("String(x)", "a'b\\", "{p0:String}", "a'b\\"),
        ("String(x, 'd')", None, "{p0:String}", "d"),
        ("String(x)", "", "{p0:String}", ""),
        ("String(x)", 5, "{p0:String}", "5"),
        ("Int32(x, 10)", None, "{p0:Int32}", 10),
        ("Int32(x)", "-7", "{p0:Int32}", -7),
        ("Int32(x)", " 7 ", "{p0:Int32}", 7),
        ("UInt64(x)", "18446744073709551615", "{p0:UInt64}", 2**64 - 1),
        ("Int(x)", "5", "{p0:Int64}", 5),
        ("Float64(x)", "1e-3", "{p0:Float64}", 0.001),
        ("Float32(x, 0.5)", None, "{p0:Float32}", 0.5),
        ("Boolean(x)", "True", "{p0:UInt8}", 1),
        ("Boolean(x)", "false", "{p0:UInt8}", 0),
        ("Boolean(x, True)", None, "{p0:UInt8}", 1),
        ("Boolean(x)", False, "{p0:UInt8}", 0),
        ("Date(x)", "2026-01-02", "{p0:String}", "2026-01-02"),
        ("DateTime(x)", "2026-01-02 03:04:05", "{p0:String}", "2026-01-02 03:04:05"),
        ("DateTime(x)", "2026-01-02T03:04:05", "{p0:String}", "2026-01-02 03:04:05"),
        ("DateTime(x)", "2026-01-02T03:04:05.678Z", "{p0:String}", "2026-01-02 03:04:05"),
        ("DateTime(x)", "2026-01-02T03:04:05+02:00", "{p0:String}", "2026-01-02 01:04:05"),
        ("DateTime64(x)", "2026-01-02 03:04:05.678", "{p0:String}", "2026-01-02 03:04:05.678"),
        ("Array(x)", "a,b", "{p0:Array(String)}", ["a", "b"]),
        ("Array(x, 'String')", "", "{p0:Array(String)}", [""]),
        ("Array(x, String)", ["a", "b,c"], "{p0:Array(String)}", ["a", "b", "c"]),
        ("Array(x, 'Int32')", "1,2", "{p0:Array(Int32)}", [1, 2]),
        ("Array(x, 'Float32')", [0.5, 1], "{p0:Array(Float32)}", [0.5, 1.0]),
        ("Array(x, 'Int32', '3,4')", None, "{p0:Array(Int32)}", [3, 4]),
        ("Array(x, 'String', default='a')", None, "{p0:Array(String)}", ["a"]),
        ("x", "plain", "{p0:String}", "plain"),
    ],
)
def test_values(call: str, request_value: object, expected: str, value: object) -> None:
    request = {} if request_value is None else {"x": request_value}
    assert render(f"SELECT {{{{ {call} }}}}", request) == (f"SELECT {expected}", {"p0": value})


@pytest.mark.parametrize(
    ("call", "request_value", "message"),
    [
        ("Int32(x)", "abc", "Template Syntax Error: Error validating 'abc' to type Int32"),
        ("Int32(x)", "1.5", "Error validating '1.5' to type Int32"),
        ("Int32(x)", "2147483648", "to type Int32 in the parameter x"),
        ("UInt8(x)", "-1", "Error validating '-1' to type UInt8"),
        ("Int32(x)", "", "Error validating '' to type Int32"),
        ("Float64(x)", "nan", "Error validating 'nan' to type Float64"),
        ("Boolean(x)", "maybe", "Error validating 'maybe' to type Boolean"),
        ("Date(x)", "20260102", "to type Date"),
        ("Date(x)", "2026-02-30", "to type Date"),
        ("DateTime(x)", "2026-01-02", "Error validating '2026-01-02' to type DateTime in the parameter x"),
        ("DateTime(x)", "2026-01-02 25:00:00", "to type DateTime"),
        ("DateTime(x)", "2026-01-02 03:04:05'; drop", "to type DateTime"),
        ("DateTime64(x)", "2026-01-02 03:04:05", "to type DateTime64"),
        ("Array(x, 'Int32')", "1,x", "Error validating [1,x][1] (x) to type Int32"),
        ("Array(x, 'Float32')", "[0.1,0.2]", "to type Float32"),
        ("Int32(x)", ["1", "2"], "The parameter x is given 2 times"),
        ("String(x)", None, "Required parameter is not defined. Check the parameters x."),
        ("Int32(x, required=True)", None, "Required parameter is not defined. Check the parameters x."),
        ("x", None, 'expression "x" evaluated to null'),
        ("x + 1", "a", "arithmetic needs numbers"),
        ("x > 1", "a", "not supported between"),
        ("tb_secret('key')", None, "the secret key has no value: none are kept here, so give a default"),
        ("day_diff(x, '2026-01-01')", "soon", "'soon' is no date (x)"),
        ("JSON(x)", "{", "Error validating '{' to type JSON in the parameter x"),
        ("[x, None]", "a", "[x, None] is no value of SQL"),
        ("x.replace('', x).replace('', x)", "a" * 9999, "over 10,000,000 characters"),
        ("x.join(list(x))", "a" * 9999, "over 10,000,000 characters"),
        (f"{2**200} * {2**200}", None, "the number is too large"),
        ("error('no')", None, "no"),
        ("error({'code': 7})", None, '{"code": 7}'),
    ],
)
def test_bad_values(call: str, request_value: object, message: str) -> None:
    request = {} if request_value is None else {"x": request_value}
    with pytest.raises(BadRequest) as caught:
        render(f"SELECT {{{{ {call} }}}}", request)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "value", "message"),
    [
        ("{% for i in Array(x) %}{% end %}", None, "Required parameter is not defined. Check the parameters x."),
        ("{% for i in x %}{% end %}", "abc", "x is not a list"),
        ("{% for a, b in [1] %}{% end %}", None, "cannot unpack into (a, b)"),
        ("{% for i in split_to_array(x) %}{% end %}", "," * 10_000, "the loops of a template take over 10,000 rounds"),
        ("{% for i in JSON(x) %}{% for j in JSON(x) %}{% end %}{% end %}", str([1] * 500), "10,000 rounds"),
        ("{% set s = 'a' * 5 %}", None, "arithmetic needs numbers"),
        (
            "{% set s = x %}{% for i in split_to_array(y, '1,2,3,4,5,6,7,8,9,10,11,12') %}{% set s = s + s %}{% end %}",
            "a" * 9999, "over 10,000,000 characters",
        ),
    ],
)  # fmt: skip
def test_what_stops_a_rendering(sql: str, value: str | None, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        render(sql, {} if value is None else {"x": value})
    assert message in str(caught.value)


def test_all_missing_parameters_are_named_at_once() -> None:
    with pytest.raises(BadRequest, match=r"Check the parameters a and b\. Please provide a value"):
        render("SELECT {{Int32(a)}}, {{String(b)}}, {{Int32(a)}}")


def test_a_required_parameter_in_a_branch_not_taken() -> None:
    assert render("SELECT 1 {% if defined(y) %}{{String(x, required=True)}}{% end %}")[0] == "SELECT 1"


def test_a_parameter_used_twice_is_one_value() -> None:
    sql, values = render("SELECT {{String(z, 'UTC')}} {{String(z, 'UTC')}} {{String(y, 'UTC')}} {{Int32(n, 1)}}")
    assert sql == "SELECT {p0:String} {p0:String} {p1:String} {p2:Int32}"
    assert values == {"p0": "UTC", "p1": "UTC", "p2": 1}


@pytest.mark.parametrize(
    ("sql", "request_", "expected"),
    [
        ("{% if defined(a) %}A{% elif b == 'x' %}B{% else %}C{% end %}", {}, "C"),
        ("{% if defined(a) %}A{% elif b == 'x' %}B{% else %}C{% end %}", {"b": "x"}, "B"),
        ("{% if defined(a) %}A{% elif b == 'x' %}B{% else %}C{% end %}", {"a": ""}, "A"),
        ("{% if not defined(a) and Int32(n, 5) > 4 %}A{% end %}", {}, "A"),
        ("{% if n in ['a', 'b'] %}A{% end %}", {"n": "b"}, "A"),
        ("{% if Array(m) != [''] %}A{% else %}B{% end %}", {"m": ""}, "B"),
        ("{% if m != [''] %}A{{Array(m)}}{% else %}B{% end %}", {"m": ""}, "B"),
        ("{% if Boolean(f, False) %}A{% else %}B{% end %}", {"f": "false"}, "B"),
        ("{% for i in [1, 2] %}{% if i == 2 %}two{% else %}one{% end %} {% end %}", {}, "one two"),
        (
            (
                "{% for last, i in enumerate_with_last(split_to_array(c)) %}"
                "{{column(i)}}{% if not last %},{% end %}{% end %}"
            ),
            {"c": "model, provider"},
            "`model`,`provider`",
        ),
        ("{% set n = Int32(size, 10) * 2 %}{% if n == 20 %}A{% end %}", {}, "A"),
        ("{# a comment with {{x}} #}A", {}, "A"),
        ("{% comment a remark %}A", {}, "A"),
        ("{{!x}}", {}, "{{x}}"),
        ("{{column(c, 'model')}}", {}, "`model`"),
        ("{{column('e.model')}}", {}, "`e`.`model`"),
        ("{{columns(c, 'model,provider')}}", {}, "`model`,`provider`"),
        ("{{columns(c, 'model', 'sum')}}", {}, "sum(`model`) as `model`"),
        ("{{columns(c, 'model', fn='sum')}}", {}, "sum(`model`) as `model`"),
        ("{{symbol(c)}}", {"c": "provider"}, "`provider`"),
        ("{{table('llm_events')}}", {}, "`llm_events`"),
        ("total AS t ORDER BY {{column(c)}}", {"c": "t"}, "total AS t ORDER BY `t`"),
        ("{% if 'a' if defined(x) else '' %}A{% end %}", {"x": "1"}, "A"),
        ("{% if x.split('-')[1] == 'b' %}A{% end %}", {"x": "a-b"}, "A"),
        ("{% if JSON(x, '{}').get('k') == 1 %}A{% end %}", {"x": '{"k": 1}'}, "A"),
        ("{% if x.startswith('a-') and x.endswith('b') %}A{% end %}", {"x": "a-b"}, "A"),
        ("{% if day_diff('2026-01-01', '2026-01-31') == 30 %}A{% end %}", {}, "A"),
        ("{% if date_diff_in_hours('2026-01-01 00:00:00', '2026-01-01 05:30:00') == 5 %}A{% end %}", {}, "A"),
        ("{% if len(Array(x, 'String')) == 2 and max(1, 2) == 2 %}A{% end %}", {"x": "a,b"}, "A"),
        ("{% if date_diff_in_days('2026-01-02 00:00:00', '2026-01-01 12:00:00') == 0 %}A{% end %}", {}, "A"),
        ("{% if date_diff_in_minutes('2026-01-01T00:02:59', '2026-01-01 00:00:00') == 2 %}A{% end %}", {}, "A"),
        ("{% if date_diff_in_seconds('01/02/2026', '02/02/2026', '%d/%m/%Y') == 86400 %}A{% end %}", {}, "A"),
        ("{% if date_diff_in_days(x, 'now', none_if_error=True) is None %}A{% end %}", {"x": "1"}, "A"),
        ("{% for a, b in [(1, 'x'), (2, 'y')] %}{% if a == 2 and b == 'y' %}A{% end %}{% end %}", {}, "A"),
        ("{% for k in JSON(x) %}{% if k == 'b' %}A{% end %}{% end %}", {"x": '{"a": 1, "b": 2}'}, "A"),
        ("{% for i in Array(x, 'Int32') %}{{column('model')}}{% end %}", {"x": "1,2"}, "`model``model`"),
        ("{% if split_to_array(x, separator='|')[1] == 'b' %}A{% end %}", {"x": "a|b"}, "A"),
        ("{% if split_to_array(x, 'p,q') == ['p', 'q'] %}A{% end %}", {}, "A"),
        ("{% if sql_unescape(x, '%') == '50%' %}A{% end %}", {"x": "50%"}, "A"),
        ("{% if tb_secret('s', 'd') == 'd' and tb_var('v', default='e') == 'e' %}A{% end %}", {}, "A"),
        ("{% if int('3') + float('0.5') == 3.5 and list(x.split(',')) == ['1', '2'] %}A{% end %}", {"x": "1,2"}, "A"),
        ("A{{max_threads(2)}}{{backend_hint('x')}}{{activate('f')}}{{disable('g')}}", {}, "A"),
    ],
)
def test_statements(sql: str, request_: Mapping[str, object], expected: str) -> None:
    assert render(sql, request_)[0].strip() == expected


def test_sql_and() -> None:
    sql, values = render(
        "WHERE {{sql_and(a=String(x), b__in=Array(y), c__gte=Int32(z), d=String(w))}}", {"x": "1", "y": "p,q", "z": "3"}
    )
    assert sql == "WHERE `a` = {p0:String} and `b` in {p1:Array(String)} and `c` >= {p2:Int32}"
    assert values == {"p0": "1", "p1": ["p", "q"], "p2": 3}
    assert render("WHERE {{sql_and(a=String(x))}}")[0] == "WHERE 1"
    every = "a__not_in=Array(y), b__gt=1, c__lt=2, d__lte=3, e__f=4"
    assert render(f"{{{{sql_and({every})}}}}", {"y": "p"})[0] == (
        "`a` not in {p0:Array(String)} and `b` > {p1:Int64} and `c` < {p2:Int64} and `d` <= {p3:Int64} "
        "and `e__f` = {p4:Int64}"
    )


def test_hints() -> None:
    assert template("%SELECT 1 {{cache_ttl('5m')}}").render({}).hints == {"cache_ttl": "5m"}


def test_errors_of_the_author() -> None:
    with pytest.raises(BadRequest) as caught:
        render("{% if x not in ['a'] %}{{error('x must be a')}}{% end %}", {"x": "b"})
    assert str(caught.value) == "x must be a"
    with pytest.raises(CustomError) as custom:
        render("{{custom_error({'error': 'no', 'more': {'a': 1}}, 403)}}")
    assert (custom.value.status, custom.value.body) == (403, {"error": "no", "more": {"a": 1}})


@pytest.mark.parametrize("name", ["nothing", "model; DROP", "model`", "a b", "", "1", "system.tables", "model--"])
@pytest.mark.parametrize("function", ["column", "columns", "symbol", "table"])
def test_only_names_that_exist(function: str, name: str) -> None:
    with pytest.raises(BadRequest, match="there is no"):
        render(f"SELECT {{{{{function}(c)}}}}", {"c": name})


def test_the_lines_of_the_sql_stay_where_they_are() -> None:
    sql = (
        "%\nSELECT a\n{% if defined(x) %}\n  , b\n  , c\n{% end %}\n{# two\nlines #}\n"
        "FROM t\n{{\n Int32(n,\n 1) }}\nLIMIT 1"
    )
    rendered = template(sql).render({}).sql
    assert rendered.split("\n").index("FROM t") == sql.split("\n").index("FROM t")
    assert rendered.split("\n").index("LIMIT 1") == sql.split("\n").index("LIMIT 1")


def test_parameters() -> None:
    found = template(
        "%SELECT {{DateTime(start_date, '2026-01-01 00:00:00', description='From', required=True, example='x')}}\n"
        "{% if defined(model) %} {{Array(model, 'String', description='Models')}}{% end %}\n"
        "{% if granularity not in ['hour'] %}{% end %}{{String(granularity, 'day', enum=['hour', 'day'])}}\n"
        "{% set own = Int32(size, 5) %}{{own}}"
        "{% for i in split_to_array(parts, 'a') %}{{i}}{% end %}{{column(by, 'b')}}"
    ).parameters
    assert found == (
        Parameter("start_date", "DateTime", "2026-01-01 00:00:00", True, "From", (), "x"),
        Parameter("model", "Array(String)", None, False, "Models"),
        Parameter("granularity", "String", "day", enum=("hour", "day")),
        Parameter("size", "Int32", 5),
        Parameter("parts", "String", "a"),
        Parameter("by", "String", "b"),
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1\n{{ __import__('os') }}", "x.pipe:11: Template Syntax Error: __import__ is not a function"),
        ("{{ open('x') }}", "open is not a function"),
        ("{{ x.__class__ }}", ".__class__ is not allowed"),
        ("{{ x.format(1) }}", ".format is not allowed"),
        ("{{ __x }}", "the name __x is not allowed"),
        ("{{ x.split }}", ".split is not allowed, only endswith(), get(), join(), replace(), split(), startswith()"),
        ("{{ ''.join(x).__len__() }}", ".__len__ is not allowed"),
        ("{{ {a for a in b} }}", "SetComp is not allowed"),
        ("{{ (a for a in b) }}", "GeneratorExp is not allowed"),
        ("{{ [*x] }}", "Starred is not allowed"),
        ("{{ 1 << 9 }}", "LShift is not allowed"),
        ("{{ x @ y }}", "MatMult is not allowed"),
        ("{{ await x }}", "Await is not allowed"),
        ("{{ b'x' }}", "b'x' is not allowed, only texts and numbers"),
        ("{{ ... }}", "... is not allowed"),
        ("{% for i in range(1000000000) %}{% end %}", "range is not a function"),
        ("{{ getattr(x, 'y') }}", "getattr is not a function"),
        ("{{ x.get('a')('b') }}", "is not a function"),
        ("{{ (" + "not " * 3000 + "x) }}", "too deep"),
        ("{{ " + "(" * 300 + "x" + ")" * 300 + " }}", "cannot read"),
        ("{{ " + "-" * 500 + "1 }}", "nested more than 60 deep"),
        ("{% if x %}" * 3000 + "{% end %}" * 3000, "more than 60 deep"),
        ("{{ day_diff(x) }}", "day_diff() takes 2 to 5 values without a keyword, found 1"),
        ("{{ defined(x, y) }}", "defined() takes 1 values"),
        ("{{ columns(c, 'a', fn=f) }}", "the function of columns() is a literal name"),
        ("{{ [a for a in b] }}", "ListComp is not allowed"),
        ("{{ lambda: 1 }}", "Lambda is not allowed"),
        ("{{ f'{x}' }}", "JoinedStr is not allowed"),
        ("{{ 1 / 2 }}", "Div is not allowed"),
        ("{{ 2 ** 9 }}", "Pow is not allowed"),
        ("{{ String(x, **y) }}", "** is not allowed"),
        ("{{ (x := 1) }}", "NamedExpr is not allowed"),
        ("{{ String() }}", "expects the name of a parameter"),
        ("{{ x", "expected }} after {{"),
        ("{{ x y }}", "cannot read"),
        ("{{ }}", "cannot read"),
        ("{% if x %}", "expected {% end %} after this {% if %}"),
        ("{% for x in y %}", "expected {% end %} after this {% for %}"),
        ("{% end %}", "without an if or a for"),
        ("{% if x %}{% else %}{% else %}{% end %}", "else after else"),
        ("{% import os %}", "expected if, elif, else, for, set or end"),
        ("{% while x %}{% end %}", "found 'while'"),
        ("{% set x.y = 1 %}", "cannot assign to x.y"),
        ("{% set x %}", "expected {% set NAME = EXPRESSION %}"),
    ],
)
def test_what_the_language_does_not_have(sql: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        template("%" + sql)
    assert message in str(caught.value)
    assert caught.value.file == "endpoints/x.pipe"
    assert caught.value.line >= 10
