"""Conditions, branches and NULL: and, or, if, multiIf, coalesce and their kind."""

from __future__ import annotations

from dataclasses import replace

from metrics.dialect.functions.comparison import comparable
from metrics.dialect.functions.conversion import convert
from metrics.dialect.rules import BOOL, NOTHING, UINT8, NoRule, default_sql, duck_type, plain, supertype, text_sql
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type, array, not_nullable, nullable
from metrics.dialect.values import Value, cast, condition


@scalar("and", "or", least=2, most=None, keeps_null=True)
def connect(call: Call) -> Value:
    word = f" {call.name.upper()} "
    return condition(f"({word.join(_truth(each) for each in call.args)})", *call.args, base=_flag(call))


def _flag(call: Call) -> Type:
    """A connection of conditions is a Bool if one of them is."""
    return BOOL if any(each.type.bare == BOOL for each in call.args) else UINT8


def _truth(value: Value) -> str:
    return "CAST(NULL AS BOOLEAN)" if value.type.bare == NOTHING else value.truth


@scalar("xor", least=2, most=None)
def exclusive(call: Call) -> Value:
    return condition(f"({' <> '.join(each.truth for each in call.args)})", *call.args, base=_flag(call))


@scalar("not")
def negation(call: Call) -> Value:
    return condition(f"(NOT {call[0].truth})", call[0], base=_flag(call))


@scalar("isNull", keeps_null=True)
def is_null(call: Call) -> Value:
    return condition(f"({call[0].number} IS NULL)")


@scalar("isNotNull", keeps_null=True)
def is_not_null(call: Call) -> Value:
    return condition(f"({call[0].number} IS NOT NULL)")


def joined(value: Value, type_: Type) -> str:
    """`value` as one of several that share `type_`."""
    if type_.bare.name == "Nothing":
        return "NULL"
    if type_.bare.is_time and value.type.is_date:
        return convert(replace(value, type=not_nullable(value.type)), type_.bare).sql
    return cast(value, type_)


def branches(values: list[Value]) -> Type:
    """The type of one of several values, without LowCardinality."""
    return supertype([plain(value.type) for value in values])


def _strict_truth(value: Value, function: str) -> str:
    """The condition of an if: ClickHouse takes a UInt8 only."""
    if value.type.bare not in (UINT8, BOOL, NOTHING):
        raise NoRule(f"{function} expects a condition of type UInt8, found {value.type}")
    return _truth(value)


@scalar("if", least=3, keeps_null=True, any_case=True)
def choose(call: Call) -> Value:
    type_ = branches([call[1], call[2]])
    taken, other = joined(call[1], type_), joined(call[2], type_)
    sql = f"CASE WHEN {_strict_truth(call[0], call.name)} THEN {taken} ELSE {other} END"
    return Value(sql, type_, constant=all(each.constant for each in call.args))


@scalar("multiIf", "caseWithoutExpression", least=3, most=None, keeps_null=True)
def choose_many(call: Call) -> Value:
    if len(call) % 2 == 0:
        raise NoRule("multiIf expects pairs of a condition and a value, and a last value")
    conditions, values = call.args[:-1:2], [*call.args[1::2], call.args[-1]]
    type_ = branches(values)
    whens = " ".join(
        f"WHEN {_strict_truth(test, call.name)} THEN {joined(value, type_)}"
        for test, value in zip(conditions, values[:-1], strict=True)
    )
    sql = f"CASE {whens} ELSE {joined(values[-1], type_)} END"
    return Value(sql, type_, constant=all(each.constant for each in call.args))


@scalar("coalesce", least=1, most=None, keeps_null=True, any_case=True)
def first_known(call: Call) -> Value:
    return _first([each for each in call.args if each.type.bare != NOTHING])


@scalar("ifNull", "IFNULL", least=2, keeps_null=True)
def if_null(call: Call) -> Value:
    return _first([each for each in call.args if each.type.bare != NOTHING])


def _first(values: list[Value]) -> Value:
    """The first value that is not NULL; its type is Nullable only if all of them are."""
    if not values:
        return Value("NULL", nullable(NOTHING), constant=True)
    used: list[Value] = []
    for value in values:
        used.append(value)
        if not value.type.nullable:
            break
    type_ = branches(used)
    type_ = type_ if all(value.type.nullable for value in used) else not_nullable(type_)
    if len(used) == 1:
        return used[0]
    sql = f"coalesce({', '.join(joined(value, type_) for value in used)})"
    return Value(sql, type_, constant=all(each.constant for each in used))


@scalar("nullIf", least=2, keeps_null=True, any_case=True)
def null_if(call: Call) -> Value:
    if call[0].type.bare == NOTHING:
        return call[0]
    left, right = comparable(call[0], call[1])
    sql = f"CASE WHEN {left} = {right} THEN NULL ELSE {call[0].number} END"
    return Value(sql, nullable(plain(call[0].type)))


@scalar("greatest", "least", least=1, most=None, keeps_null=True, any_case=True)
def extreme(call: Call) -> Value:
    name = call.name.lower()
    present = [each for each in call.args if each.type.bare != NOTHING]
    type_ = _extreme_type(present)
    if len(present) < len(call):
        type_ = nullable(type_)
    return Value(f"{name}({', '.join(joined(each, type_) for each in present)})", type_)


def _extreme_type(values: list[Value]) -> Type:
    """Of integers with and without a sign ClickHouse takes the next wider signed type."""
    bare = [value.type.bare for value in values]
    if all(type_.is_integer for type_ in bare) and len({type_.signed for type_ in bare}) == 2:
        bits = max(type_.bits for type_ in bare)
        joined_type = Type(f"Int{min(64, bits * 2)}")
        return nullable(joined_type) if any(value.type.nullable for value in values) else joined_type
    return branches(values)


@scalar("ifNotFinite", least=2)
def if_not_finite(call: Call) -> Value:
    type_ = branches(list(call.args))
    sql = f"CASE WHEN isfinite({call[0].sql}) THEN {joined(call[0], type_)} ELSE {joined(call[1], type_)} END"
    return Value(sql, not_nullable(type_))


@scalar("identity", "materialize", keeps_null=True)
def itself(call: Call) -> Value:
    return replace(call[0], constant=False, literal=Value("", UINT8).literal)


@scalar("isNullOrDefault", "isZeroOrNull", keeps_null=True)
def is_default(call: Call) -> Value:
    default = default_sql(not_nullable(call[0].type))
    return condition(f"(coalesce({call[0].number}, {default}) = {default})")


@scalar("transform", least=3, most=4)
def translated(call: Call) -> Value:
    """A value by two arrays: what stands where the value does in the first; else the default, or the value itself."""
    if not (call[1].type.is_array and call[2].type.is_array) or call[0].type.nullable:
        raise NoRule(f"transform expects a value that is never NULL and two arrays, found {call[0].type}")
    element = call[1].type.bare.inner
    sought = comparable(Value("x", element, "an element"), call[0])[1]
    if element.is_number and call[0].type.is_number:
        element = supertype([element.bare, call[0].type.bare])
        sought = cast(call[0], element)
    other = call[3] if len(call) > 3 else call[0]
    type_ = supertype([call[2].type.bare.inner, plain(other.type)])
    place = f"list_position(CAST({call[1].sql} AS {duck_type(array(element))}), CAST({sought} AS {duck_type(element)}))"
    found = f"list_extract(CAST({call[2].sql} AS {duck_type(array(type_))}), {place})"
    return Value(f"coalesce({found}, {joined(other, type_)})", type_)


@scalar("throwIf", least=1, most=2)
def throw(call: Call) -> Value:
    """Fails the query where a condition holds, with a message of one's own."""
    text = call.text(1, "its message") if len(call) > 1 else "Value passed to 'throwIf' function is non-zero"
    return Value(f"CASE WHEN {call[0].truth} THEN error({text_sql(text)}) ELSE CAST(0 AS UTINYINT) END", UINT8)


@scalar("ignore", least=0, most=None, keeps_null=True)
def ignored(_: Call) -> Value:
    """0, whatever the arguments are."""
    return Value("CAST(0 AS UTINYINT)", UINT8)


@scalar("isDistinctFrom", "isNotDistinctFrom", least=2, keeps_null=True)
def distinct_from(call: Call) -> Value:
    """A comparison for which NULL is a value like any other."""
    left, right = comparable(call[0], call[1])
    return condition(f"({left} IS {'' if call.name == 'isDistinctFrom' else 'NOT '}DISTINCT FROM {right})")
