"""Conversions: CAST, toString, toInt32, toDate and their kind, as ClickHouse rounds, cuts and spells."""

from __future__ import annotations

from metrics.dialect.functions import zones
from metrics.dialect.rules import (
    BOOL,
    NOTHING,
    UUID,
    NoRule,
    duck_type,
    text_sql,
)
from metrics.dialect.types import Type, elements
from metrics.dialect.values import Value, literal_sql, wrapped


def convert(value: Value, type_: Type) -> Value:
    """`CAST(value AS type_)`.

    Raises:
        NoRule: no such conversion, or one whose result DuckDB would give otherwise.
    """
    source, target = value.type.bare, type_.bare
    if source == NOTHING:
        if not type_.nullable:
            raise NoRule(f"NULL cannot be converted to {type_}, which is not Nullable")
        return Value(f"CAST(NULL AS {duck_type(target)})", type_)
    if type_.nullable and source.is_text and not target.is_text:
        return Value(tried(value, target), type_, constant=value.constant)  # text that is none of the type is NULL
    if source == target:
        sql = value.number
    elif target.is_array and source.is_array:
        return _array(value, type_)
    elif target.is_tuple and source.is_tuple and len(target.args) == len(source.args):
        return _tuple(value, type_)
    else:
        sql = _converted(value, source, target)
    if value.type.nullable and not type_.nullable:
        # ClickHouse stops at a NULL here
        problem = f"error('Cannot convert NULL to {str(type_).replace(chr(39), chr(39) * 2)}')"
        sql = f"CASE WHEN {value.number} IS NULL THEN {problem} ELSE {sql} END"
    return Value(sql, type_, constant=value.constant)


def _array(value: Value, type_: Type) -> Value:
    if value.type.bare.inner.bare == NOTHING:
        return Value(f"CAST({value.sql} AS {duck_type(type_)})", type_, constant=value.constant)
    element = Value("x", value.type.bare.inner, "x")
    converted = convert(element, type_.bare.inner).sql
    return Value(f"list_transform({value.sql}, lambda x: {converted})", type_, constant=value.constant)


def _tuple(value: Value, type_: Type) -> Value:
    parts = value.parts or tuple(
        Value(f"struct_extract({value.sql}, {text_sql(name)})", inner) for name, inner in elements(value.type)
    )
    converted = (convert(part, inner).sql for part, (_, inner) in zip(parts, elements(type_), strict=True))
    return Value(f"CAST(ROW({', '.join(converted)}) AS {duck_type(type_)})", type_, constant=value.constant)


def _converted(value: Value, source: Type, target: Type) -> str:
    if target.is_text and target.name != "FixedString":
        return to_text(value)
    if target == BOOL and (source.is_number or source.is_text):
        return value.truth if source.is_number else f"ch_bool_text({value.sql})"
    if target.is_integer and target != BOOL:
        return _to_integer(value, source, target)
    if target.is_float:
        return _to_float(value, source, target)
    if target.is_decimal:
        return _to_decimal(value, source, target)
    if target.is_date:
        return date_sql(value, source, target, target.zone)
    if target.is_time:
        return time_sql(value, source, target)
    if target == UUID and source.is_text:
        return f"CAST({value.sql} AS UUID)"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def to_text(value: Value) -> str:
    """The SQL of `toString(value)`."""
    bare = value.type.bare
    if value.literal is not None and isinstance(value.literal, str):
        return value.sql
    if bare.is_text:
        return value.sql
    if bare.is_float:
        return f"ch_float_text(CAST({value.sql} AS {duck_type(bare)}))"
    if bare.is_decimal:
        return f"ch_decimal_text(CAST({value.sql} AS VARCHAR))"
    if bare.is_date:
        return f"strftime({value.sql}, '%Y-%m-%d')"
    if bare.is_time:
        return time_text(zones.local(value.sql, bare.zone), bare)
    if bare.is_number or bare == UUID:
        return f"CAST({value.number} AS VARCHAR)"
    if bare.is_array or bare.is_tuple or bare.is_map:
        return _nested_text(value)
    raise NoRule(f"toString of {bare} needs the ClickHouse engine")


def _nested_text(value: Value, depth: int = 0) -> str:
    """`[1,'a']`, `(1,'a')` or `{'a':1}`: texts and times in quotes."""
    bare, sql = value.type.bare, value.sql
    if bare.is_tuple:
        parts = [
            _inner_text(f"struct_extract({sql}, {text_sql(name)})", type_, depth) for name, type_ in elements(bare)
        ]
        joined = " || ',' || ".join(parts)
        return f"('(' || {joined} || ')')"
    if bare.is_array:
        inner = f"list_transform({sql}, lambda t{depth}: {_inner_text(f't{depth}', bare.inner, depth + 1)})"
        return f"('[' || coalesce(array_to_string({inner}, ','), '') || ']')"
    key, inner_type = bare.key_and_value
    pair = (
        f"{_inner_text(f't{depth}[1]', key, depth + 1)} || ':' || {_inner_text(f't{depth}[2]', inner_type, depth + 1)}"
    )
    rows = f"list_transform(list_zip(map_keys({sql}), map_values({sql})), lambda t{depth}: {pair})"
    return f"('{{' || coalesce(array_to_string({rows}, ','), '') || '}}')"


def _inner_text(sql: str, type_: Type, depth: int) -> str:
    if type_.bare == NOTHING:
        return "'NULL'"
    bare = type_.bare
    value = Value(sql, bare, sql)
    if bare.is_array or bare.is_tuple or bare.is_map:
        return _nested_text(value, depth)
    text = to_text(value)
    if bare.is_text or bare.is_date or bare.is_time or bare == UUID:
        text = f"ch_quoted({text})"
    return f"coalesce({text}, 'NULL')" if type_.nullable else text


def time_text(local: str, bare: Type) -> str:
    """The text of a wall time, with as many digits after the second as its type has."""
    if not bare.scale:
        return f"strftime({local}, '%Y-%m-%d %H:%M:%S')"
    return f"left(strftime({local}, '%Y-%m-%d %H:%M:%S.%f') || '000', {20 + bare.scale})"


def _to_integer(value: Value, source: Type, target: Type) -> str:
    """What does not fit is cut to the lowest bits; text that does not fit is an error in DuckDB."""
    duck = duck_type(target)
    if isinstance(value.literal, int) and not isinstance(value.literal, bool):
        low = value.literal % 2**target.bits
        return literal_sql(low - 2**target.bits if target.signed and low >= 2 ** (target.bits - 1) else low, target)
    if source.is_integer:
        return f"CAST({value.number} AS {duck})" if _holds(target, source) else wrapped(value.number, target)
    if source.is_float and target.name == "UInt64":
        negative = _float_bits(value, 63, target)
        return f"CASE WHEN {value.sql} < 0 THEN {negative} ELSE CAST(trunc({value.sql}) AS {duck}) END"
    if source.is_float:
        return _float_bits(value, 63 if target.bits == 64 or target.name == "UInt32" else 31, target)
    if source.is_decimal:
        return f"CAST(trunc({value.sql}) AS {duck})"
    if source.is_text:
        text = f"ch_{'integer' if target.signed else 'natural'}_text({value.sql})"
        return f"coalesce(TRY_CAST({text} AS {duck}), {wrapped(f'CAST({text} AS HUGEINT)', target)})"
    if source.is_time:
        return wrapped(f"CAST(epoch_us({value.sql}) // 1000000 AS HUGEINT)", target)
    if source.is_date:
        return wrapped(f"CAST(date_diff('day', DATE '1970-01-01', {value.sql}) AS HUGEINT)", target)
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def _holds(target: Type, source: Type) -> bool:
    """Whether every value of an integer type is one of another."""
    return target.bits - target.signed >= source.bits - source.signed and target.signed >= source.signed


def _float_bits(value: Value, least: int, target: Type) -> str:
    return wrapped(f"ch_whole({value.sql}, {float(-(2**least))!r})", target)


def _to_float(value: Value, source: Type, target: Type) -> str:
    if isinstance(value.literal, (int, float)) and not isinstance(value.literal, bool):
        return literal_sql(float(value.literal), target)
    if source.is_text:
        return f"CAST(ch_float_text_only({value.sql}) AS {duck_type(target)})"
    if source.is_number:
        return f"CAST({value.number} AS {duck_type(target)})"
    return f"CAST({_to_integer(value, source, Type('Int64'))} AS {duck_type(target)})"


def _to_decimal(value: Value, source: Type, target: Type) -> str:
    duck = duck_type(target)
    if source.is_float:
        return f"CAST(trunc({value.sql} * 1e{target.scale}) / 1e{target.scale} AS {duck})"
    if source.is_decimal and source.scale > target.scale:
        cut_digits = f"ch_unscaled({value.sql}) // {10 ** (source.scale - target.scale)}"
        return f"CAST(ch_scaled_text({cut_digits}, {target.scale}) AS {duck})"
    if source.is_text:
        return f"CAST({_cut_digits(f'ch_float_text_only({value.sql})', target)} AS {duck})"
    if source.is_number:
        return f"CAST({value.number} AS {duck})"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def _cut_digits(sql: str, target: Type) -> str:
    """A decimal's text without the digits that the type has no place for."""
    return f"regexp_replace({sql}, '(\\.[0-9]{{{target.scale}}})[0-9]+$', '\\1')"


def date_sql(value: Value, source: Type, target: Type, zone: str | None) -> str:
    """A Date has the days of 1970 to 2149-06-06: what is before or after becomes the first or last."""
    if source.is_date:
        return value.sql if source == target or target.name == "Date32" else f"ch_clamped_date({value.sql})"
    if source.is_time:
        day = f"CAST({zones.local(value.sql, zone or source.zone)} AS DATE)"
        return day if source.name == "DateTime" or target.name == "Date32" else f"ch_clamped_date({day})"
    if source.is_text:
        day = f"ch_date_text({value.sql})"
        return day if target.name == "Date32" else f"ch_clamped_date({day})"
    if source.is_integer or source.is_float:
        number = value.number if source.is_integer else f"trunc({value.sql})"
        return f"ch_{target.name.lower()}({number})"
    raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")


def time_sql(value: Value, source: Type, target: Type) -> str:
    """An instant, cut to the digits of its type; a DateTime ends at 2106-02-07 06:28:15 and starts at 1970."""
    if source.is_time:
        moment = value.sql if target.scale >= source.scale else cut(value.sql, target.scale)
        return moment if target.name == "DateTime64" or source.name == "DateTime" else f"ch_clamped_time({moment})"
    if source.is_date:
        return zones.first_instant(f"CAST({value.sql} AS TIMESTAMP)", target.zone)
    if source.is_text:
        moment = f"ch_time_text({value.sql}, {zones.zone_sql(target.zone) or repr('UTC')})"
        moment = moment if target.scale >= 6 else cut(moment, target.scale)
        return moment if target.name == "DateTime64" else f"ch_clamped_time({moment})"
    if not source.is_number:
        raise NoRule(f"converting {source} to {target} needs the ClickHouse engine")
    if target.name == "DateTime":
        whole = f"CAST({value.number} AS BIGINT)" if source.is_integer else f"CAST(trunc({value.sql}) AS BIGINT)"
        return f"ch_time_of({whole})"
    if source.is_integer:
        return f"make_timestamp(CAST({value.number} AS BIGINT) * 1000000)"
    return cut(f"make_timestamp(CAST(CAST({value.sql} AS DOUBLE) * 1000000 AS BIGINT))", target.scale)


def cut(moment: str, digits: int) -> str:
    """A time without the digits after the second that its type does not have."""
    unit = {0: "second", 3: "millisecond", 6: "microsecond"}.get(digits)
    if unit:
        return f"date_trunc('{unit}', {moment})"
    step = 10 ** (6 - digits) if digits < 6 else 1
    return f"make_timestamp(epoch_us({moment}) // {step} * {step})"


def tried(value: Value, target: Type) -> str:
    """The SQL of `accurateCastOrNull`: NULL where the value is no whole, exact value of the type."""
    duck, source = duck_type(target), value.type.bare
    if source.is_text and target.is_integer:
        return f"TRY_CAST(ch_try_integer_text({value.sql}) AS {duck})"
    if source.is_text and target.is_decimal:
        return f"TRY_CAST({_cut_digits(f'ch_try_float_text({value.sql})', target)} AS {duck})"
    if source.is_text and target.is_float:
        return f"TRY_CAST(ch_try_float_text({value.sql}) AS {duck})"
    if source.is_integer and (target.is_integer or target.is_float):
        return f"TRY_CAST({value.number} AS {duck})"
    if source.is_float and target.is_integer:
        return f"CASE WHEN {value.sql} = trunc({value.sql}) THEN TRY_CAST({value.sql} AS {duck}) END"
    if source.is_text and target.is_date:
        day = f"TRY(ch_date_text({value.sql}))"
        return day if target.name == "Date32" else f"ch_clamped_date({day})"
    if source.is_text and target.is_time:
        read = f"TRY(ch_time_text({value.sql}, {zones.zone_sql(target.zone) or repr('UTC')}))"
        moment = read if target.scale >= 6 else cut(read, target.scale)
        return moment if target.name == "DateTime64" else f"ch_clamped_time({moment})"
    if source.is_text and target == UUID:
        return f"TRY_CAST({value.sql} AS UUID)"
    if source.is_text and target == BOOL:
        return f"TRY(ch_bool_text({value.sql}))"
    raise NoRule(f"trying to convert {source} to {target} needs the ClickHouse engine")
