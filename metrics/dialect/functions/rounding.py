"""Rounding: floats to the even neighbour, decimals and whole numbers away from zero, as ClickHouse does."""

from __future__ import annotations

from typing import Final

from metrics.dialect.rules import NoRule, duck_type, plain, supertype
from metrics.dialect.table import Call, scalar
from metrics.dialect.types import Type
from metrics.dialect.values import Value, cast, wrapped

_NAMES: Final = {"ceiling": "ceil", "truncate": "trunc", "roundbankers": "bankers"}


@scalar("round", "floor", "ceil", "ceiling", "trunc", "truncate", "roundBankers", most=2, any_case=True)
def rounded(call: Call) -> Value:
    """Digits below 0 round to tens, hundreds and so on."""
    digits = call[1].literal if len(call) > 1 else 0
    if not isinstance(digits, int):
        raise NoRule(f"{call.name} expects how many digits as a literal")
    bare = call[0].type.bare
    if not bare.is_number:
        raise NoRule(f"{call.name} expects a number, found {call[0].type}")
    name = _NAMES.get(call.name.lower(), call.name.lower())
    if bare.is_float:
        return Value(_rounded_float(call[0].sql, name, digits, bare), bare)
    if digits >= bare.scale:
        return Value(call[0].number, bare)
    step = 10 ** (bare.scale - digits)
    if bare.is_integer:
        return Value(wrapped(f"ch_step_{name}({cast(call[0], Type('Int128'))}, {step})", bare), bare)
    whole = f"ch_step_{name}(ch_unscaled({call[0].sql}), {step})"
    return Value(f"CAST(ch_scaled_text({whole}, {bare.scale}) AS {duck_type(bare)})", bare)


def _rounded_float(sql: str, name: str, digits: int, bare: Type) -> str:
    """In the type's own precision: 2.45 as a Float32 times 10 is 24.5 exactly."""
    duck = duck_type(bare)
    scale = f"CAST(1e{abs(digits)} AS {duck})"
    scaled = sql if digits == 0 else f"{sql} {'*' if digits > 0 else '/'} {scale}"
    whole = f"round_even({scaled}, 0)" if name in ("round", "bankers") else f"{name}({scaled})"
    whole = f"CAST({whole} AS {duck})"
    return whole if digits == 0 else f"({whole} {'/' if digits > 0 else '*'} {scale})"


@scalar("roundToExp2")
def to_power_of_two(call: Call) -> Value:
    """Down to a power of two, of whole numbers."""
    bare = call[0].type.bare
    if not bare.is_integer:
        raise NoRule(f"roundToExp2 of {call[0].type} needs the ClickHouse engine")
    number = cast(call[0], Type("Int128"))
    sql = f"CASE WHEN {number} > 0 THEN CAST(1 AS HUGEINT) << (length(bin({number})) - 1) ELSE 0 END"
    return Value(f"CAST({sql} AS {duck_type(bare)})", bare)


@scalar("roundDown", least=2)
def to_listed(call: Call) -> Value:
    """Down to an element of an array; what is below all of them is the least."""
    if not call[1].type.is_array:
        raise NoRule(f"roundDown expects an array, found {call[1].type}")
    type_ = supertype([plain(call[0].type.bare), call[1].type.bare.inner])
    number = cast(call[0], type_)
    kept = f"list_filter({call[1].sql}, lambda x: x <= {number})"
    found = f"coalesce(list_max({kept}), list_min({call[1].sql}))"
    return Value(f"CASE WHEN {number} IS NOT NULL THEN CAST({found} AS {duck_type(type_)}) END", type_)


@scalar("roundAge")
def to_age(call: Call) -> Value:
    """To the start of an age group: 17, 18, 25, 35, 45 or 55."""
    groups = " ".join(f"WHEN {call[0].number} >= {age} THEN {age}" for age in (55, 45, 35, 25, 18))
    sql = f"CASE {groups} WHEN {call[0].number} >= 1 THEN 17 WHEN {call[0].number} IS NOT NULL THEN 0 END"
    return Value(f"CAST({sql} AS UTINYINT)", Type("UInt8"))


@scalar("roundDuration")
def to_duration(call: Call) -> Value:
    """To the start of a group of durations in seconds: 1, 10, 30, 60 and so on to 36000."""
    groups = ", ".join(map(str, (1, 10, 30, 60, 120, 180, 240, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000)))
    found = f"coalesce(list_max(list_filter([{groups}], lambda x: x <= {call[0].number})), 0)"
    return Value(f"CASE WHEN {call[0].number} IS NOT NULL THEN CAST({found} AS USMALLINT) END", Type("UInt16"))


@scalar("widthBucket", "width_bucket", least=4)
def bucket(call: Call) -> Value:
    """Which of `count` equal parts of [low, high) holds a number; 0 is below, count + 1 above."""
    count = call[3].type.bare
    if not count.is_integer or count.signed or not all(each.type.is_number for each in call.args):
        raise NoRule("widthBucket expects numbers, and the count of buckets as a whole number without a sign")
    type_ = Type(f"UInt{min(64, count.bits * 2)}")
    number, low, high = (cast(each, Type("Float64")) for each in call.args[:3])
    return Value(f"CAST(ch_bucket({number}, {low}, {high}, {call[3].number}) AS {duck_type(type_)})", type_)
