"""JSON lines in, typed rows out: each row is good, or quarantined with every bad column named.

Second stage of the river, between `events.py` (bytes to lines) and `writer.py`. There are two roads with one result:
msgspec reads a line straight into a struct of the schema's types, and any line it refuses goes through the coercion
table of `columns.py`, which accepts more forms (a time as a number, digits as a string) and names what is wrong. Two
things are looked at again after the first road, because msgspec is laxer there than the table: a time outside
1971-2105, and a Decimal whose float does not decide the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from metrics.columns import ColumnType, json_text, parse_type
from metrics.datafiles import DataSource


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number in it has too large an exponent") from None


_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder(float_hook=_number)
_SHOWN = 200  # characters of a bad value that a reason repeats

QUARANTINE_EXTRA = (
    ("c__error_column", "Array(String)"),
    ("c__error", "Array(String)"),
    ("c__import_id", "Nullable(String)"),
    ("insertion_date", "DateTime"),
)


@dataclass(frozen=True)
class Field:
    """A column of a data source as validation needs it.

    `path` are the keys from the JSON object to the value, None for a column that only files fill, by its name.
    """

    name: str
    type: ColumnType
    path: tuple[str, ...] | None
    optional: bool


@dataclass(frozen=True)
class BadRow:
    """A row for the quarantine: its raw values as text by column, the bad columns and one reason for each."""

    raw: dict[str, str | None]
    columns: list[str]
    reasons: list[str]


@dataclass(frozen=True, eq=False)
class Shape:
    """A set of columns and the decoder of lines that have exactly these, or of any line for the whole schema.

    `columns` are those columns with their attribute in the decoded struct.
    """

    columns: tuple[tuple[str, Field], ...]
    read: Callable[[bytes], Any]


@dataclass
class Read:
    """What one decoder read: structs, and the lines they came from."""

    structs: list[Any] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)


@dataclass
class Rows:
    """The rows of one body or of several: those that msgspec read, by shape, then coerced tuples; and bad rows."""

    read: dict[Shape, Read] = field(default_factory=dict)
    coerced: list[tuple[object, ...]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    @property
    def good(self) -> int:
        """How many rows are good."""
        return sum(len(read.structs) for read in self.read.values()) + len(self.coerced)


class NotAnObject(ValueError):
    """A line that is not one JSON object; the text says why."""


class Validator:
    """Decodes and checks rows of one data source."""

    def __init__(self, source: DataSource) -> None:
        self.fields = tuple(_field(column) for column in source.columns)
        self._whole = _whole_shape(self.fields)
        self._shape_of = lru_cache(maxsize=64)(self._make_shape)
        self._sent = _exact_decoder(self.fields)

    def decode(self, lines: Sequence[bytes], *, long_fractions: bool = False) -> Rows:
        """Check lines, each one JSON object; blank lines are passed over.

        A line that is not a JSON object becomes a bad row without columns whose reason gives its number, from 1.
        `long_fractions` says that a time among them may end in .999999 and more, which msgspec would round up to the
        next second: then every line takes the second road.
        """
        rows = Rows()
        if long_fractions:
            self._coerce_lines(enumerate(lines, start=1), rows)
            return rows
        numbered = list(range(1, len(lines) + 1))
        shape = self._shape(lines)
        refused = self._read_lines(shape, lines, numbered, rows)
        if shape is not self._whole:
            refused = self._read_lines(self._whole, [lines[at - 1] for at in refused], refused, rows)
        self._coerce_lines(((at, lines[at - 1]) for at in refused), rows)
        return rows

    def _shape(self, lines: Sequence[bytes]) -> Shape:
        """The shape of the first line: a body's lines mostly have the same keys, and few of the schema's columns."""
        try:
            keys = frozenset(_KEYS.decode(next(line for line in lines if line.strip())))
        except (msgspec.MsgspecError, StopIteration, ValueError, RecursionError):
            return self._whole
        shape: Shape = self._shape_of(keys)
        return shape

    def _make_shape(self, keys: frozenset[str]) -> Shape:
        columns = tuple((name, item) for name, item in self._whole.columns if item.path and item.path[0] in keys)
        required = {item.name for _, item in self._whole.columns if not item.optional}
        if len(columns) < len(keys) or not required <= {item.name for _, item in columns}:
            return self._whole
        return Shape(columns, _struct_decoder(columns, exactly_these=True))

    def _read_lines(self, shape: Shape, lines: Sequence[bytes], numbers: list[int], rows: Rows) -> list[int]:
        """Read the lines that are of a shape; returns the numbers of the others."""
        structs: list[Any] = []
        refused: list[int] = []
        pending = map(shape.read, lines)
        while True:
            try:
                structs.extend(pending)  # keeps what came before a line that is refused, and goes on behind it
                break
            except (msgspec.MsgspecError, ValueError, RecursionError):
                refused.append(len(structs) + len(refused))
        left_out = set(refused)
        kept = [at for at in range(len(lines)) if at not in left_out] if refused else range(len(lines))
        odd = set(_odd_times(shape, structs))
        if odd:
            refused = sorted(left_out | {kept[at] for at in odd})
            structs = [struct for at, struct in enumerate(structs) if at not in odd]
            kept = [number for at, number in enumerate(kept) if at not in odd]
        if structs:
            read = rows.read.setdefault(shape, Read())
            read.structs += structs
            read.lines += lines if len(kept) == len(lines) else [lines[at] for at in kept]
        return [numbers[at] for at in refused]

    def table(self, rows: Rows) -> pa.Table:
        """The good rows as one Arrow table; a column in which every row is NULL may be left out."""
        tables = [self._read_table(shape, read) for shape, read in rows.read.items() if read.structs]
        if rows.coerced:
            values = zip(self.fields, zip(*rows.coerced, strict=True), strict=True)
            columns = {item.name: item.type.to_arrow(column) for item, column in values if any_known(column)}
            tables.append(pa.table(columns or self._unknown(len(rows.coerced))))
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")

    def _read_table(self, shape: Shape, read: Read) -> pa.Table:
        columns: dict[str, pa.Array] = {}
        for name, item in shape.columns:
            values = list(map(attrgetter(name), read.structs))
            if any_known(values):
                columns[item.name] = self._read_array(item, values, read.lines)
        return pa.table(columns or self._unknown(len(read.structs)))

    def _unknown(self, rows: int) -> dict[str, pa.Array]:
        """One column that keeps the number of rows of which nothing is known."""
        return {self.fields[0].name: pa.nulls(rows, self.fields[0].type.arrow)}

    def _read_array(self, item: Field, values: list[Any], lines: list[bytes]) -> pa.Array:
        if not pa.types.is_decimal(item.type.arrow):
            return item.type.to_arrow(values)

        def exactly(row: int) -> object:
            return item.type.coerce(_at_path(self._sent(lines[row]), item.path or ()))

        return decimal_array(values, item.type.arrow, exactly)

    def _coerce_lines(self, lines: Iterable[tuple[int, bytes]], rows: Rows) -> None:
        for number, line in lines:
            if line.strip():
                self._coerce_line(number, line, rows)

    def _coerce_line(self, number: int, line: bytes, rows: Rows) -> None:
        try:
            record = _read_object(line)
        except NotAnObject as error:
            text = line.decode(errors="replace").strip()
            reason = f"line {number} is not a JSON object ({error}): {text[:_SHOWN]}"
            rows.bad.append(BadRow({}, [], [reason]))
            return
        self._coerce([None if item.path is None else _at_path(record, item.path) for item in self.fields], rows)

    def coerce(self, record: Mapping[str, Any], rows: Rows) -> None:
        """Add one record of a file, its values by column name, to `rows`, as a good row or as a bad one."""
        self._coerce([record.get(item.name) for item in self.fields], rows)

    def _coerce(self, raw: Sequence[Any], rows: Rows) -> None:
        values: list[object] = []
        columns: list[str] = []
        reasons: list[str] = []
        for item, value in zip(self.fields, raw, strict=True):
            try:
                values.append(_coerced(item, value))
            except _Refused as refused:
                columns.append(item.name)
                reasons.append(str(refused))
        if not columns:
            rows.coerced.append(tuple(values))
            return
        rows.bad.append(BadRow(_texts(self.fields, raw), columns, reasons))

    def set_aside(self, rows: Rows, misfits: Mapping[int, Sequence[str]]) -> None:
        """Make bad rows of good ones: `misfits` has the columns whose DEFAULT fails, by the row's place in `table`."""
        types = {item.name: item.type.text for item in self.fields}
        for at in sorted(misfits, reverse=True):
            reasons = [f"the DEFAULT of column '{name}' is not {types[name]}" for name in misfits[at]]
            rows.bad.append(BadRow(self._take_out(rows, at), list(misfits[at]), reasons))

    def _take_out(self, rows: Rows, at: int) -> dict[str, str | None]:
        """Remove a good row; returns its raw texts."""
        for read in rows.read.values():
            if at < len(read.structs):
                read.structs.pop(at)
                record = self._sent(read.lines.pop(at))
                values = [None if item.path is None else _at_path(record, item.path) for item in self.fields]
                return _texts(self.fields, values)
            at -= len(read.structs)
        return _texts(self.fields, msgspec.to_builtins(rows.coerced.pop(at), builtin_types=(Decimal,)))


def any_known(values: Sequence[object]) -> bool:
    """Whether any of the values is not None."""
    return values.count(None) < len(values)


def _odd_times(shape: Shape, structs: list[Any]) -> Iterator[int]:
    """The rows with a time at the edge of what a DateTime holds, which msgspec does not know."""
    for name, item in shape.columns:
        if item.type.decode is datetime:
            for at, moment in enumerate(map(attrgetter(name), structs)):
                if moment is not None and not 1970 < moment.year < 2106:
                    yield at


def _texts(fields: Sequence[Field], values: Sequence[Any]) -> dict[str, str | None]:
    return {item.name: None if value is None else json_text(value) for item, value in zip(fields, values, strict=True)}


class _Refused(ValueError):
    pass


def _coerced(item: Field, value: object) -> object:
    if value is None:
        if item.optional:
            return None
        raise _Refused(f"column '{item.name}' has no value, is not Nullable and has no DEFAULT")
    try:
        return item.type.coerce(value)
    except (ValueError, OverflowError, RecursionError):
        shown = json_text(value)
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
        raise _Refused(f"value '{shown}' on column '{item.name}' is not {item.type.text}") from None


def _field(column: Any) -> Field:
    kind = parse_type(column.type)
    keys = None
    if column.jsonpath is not None:
        keys = tuple(part for part in column.jsonpath.removeprefix("$").split(".") if part)
    return Field(column.name, kind, keys, kind.nullable or column.default is not None)


def _at_path(value: Any, path: Sequence[str]) -> Any:
    """The value at `path`; a key that ends in `[:]` maps the rest of the path over a list. None where nothing is."""
    for at, key in enumerate(path):
        name = key.removesuffix("[:]")
        value = value.get(name) if isinstance(value, dict) else None
        if key != name:
            rest = path[at + 1 :]
            return [_at_path(item, rest) for item in value] if isinstance(value, list) and rest else value
    return value


def _read_object(line: bytes) -> dict[str, Any]:
    try:
        record = _ANY.decode(line)
    except RecursionError:
        raise NotAnObject("it is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotAnObject(str(error).removeprefix("JSON is malformed: ")) from None
    if not isinstance(record, dict):
        raise NotAnObject(f"it is {json_text(record)[:20]}")
    return record


def _whole_shape(fields: Sequence[Field]) -> Shape:
    """The shape of the whole schema, which passes over unknown keys; it refuses all that msgspec cannot read."""
    columns = tuple((f"f{at}", item) for at, item in enumerate(fields) if item.path is not None)
    paths = [item.path for _, item in columns]
    plain = all(path is not None and len(path) == 1 and not path[0].endswith("[:]") for path in paths)
    required = any(item.path is None and not item.optional for item in fields)
    if not plain or required or len(set(paths)) != len(paths) or any(item.type.decode is None for _, item in columns):
        return Shape((), _refuse)
    return Shape(columns, _struct_decoder(columns, exactly_these=False))


def _struct_decoder(columns: Sequence[tuple[str, Field]], *, exactly_these: bool) -> Callable[[bytes], Any]:
    members: list[Any] = []
    renamed = {name: item.path[0] for name, item in columns if item.path}
    for name, item in columns:
        kind = item.type.decode
        members.append((name, kind | None, None) if item.optional else (name, kind))
    struct = msgspec.defstruct(
        "Row", members, rename=renamed, kw_only=True, gc=False, forbid_unknown_fields=exactly_these
    )
    return msgspec.json.Decoder(struct).decode


def _exact_decoder(fields: Sequence[Field]) -> Callable[[bytes], Any]:
    """A decoder of a line that msgspec read, to its values as they were sent; it too passes over unknown keys."""
    keys = dict.fromkeys(item.path[0].removesuffix("[:]") for item in fields if item.path)
    members = [(f"f{at}", Any, None) for at in range(len(keys))]
    struct = msgspec.defstruct("Sent", members, rename={f"f{at}": key for at, key in enumerate(keys)})
    decode = msgspec.json.Decoder(struct, float_hook=_number).decode
    return lambda line: dict(zip(keys, msgspec.structs.astuple(decode(line)), strict=True))


def _refuse(line: bytes) -> Any:
    raise ValueError


def decimal_array(values: Sequence[float | None], arrow: pa.DataType, exactly: Callable[[int], object]) -> pa.Array:
    """Floats as Decimals of at most 18 digits, each rounded half-even from the digits that were sent.

    A double is within 2^-53 of the sent number, relatively, and so is its product with 10^scale; unless the product
    lies that close to a tie, rounding it rounds the sent digits. For the few others `exactly(row)` gives the Decimal.
    """
    missing = np.fromiter((value is None for value in values), bool, len(values))
    scaled = np.array([0.0 if value is None else value for value in values]) * 10.0**arrow.scale
    fraction = np.abs(scaled - np.floor(scaled) - 0.5)
    unsure = (fraction <= np.abs(scaled) * 2.0**-50) | (np.abs(scaled) >= 2.0**50)
    whole = np.rint(np.where(unsure, 0.0, scaled)).astype(np.int64)
    for row in np.flatnonzero(unsure & ~missing):
        exact = exactly(int(row))
        assert isinstance(exact, Decimal)
        whole[row] = int(exact.scaleb(arrow.scale))
    return decimals(whole, ~missing, arrow)


def decimals(whole: npt.NDArray[np.int64], known: npt.NDArray[np.bool_] | None, arrow: pa.DataType) -> pa.Array:
    """Whole numbers of the last place as Decimals of at most 18 digits; NULL where `known`, if given, is false."""
    halves = np.empty((len(whole), 2), np.int64)  # a 128-bit little-endian integer: the low half, then its sign
    halves[:, 0], halves[:, 1] = whole, whole >> 63
    valid = None if known is None or known.all() else pa.array(known).buffers()[1]
    return pa.Array.from_buffers(arrow, len(whole), [valid, pa.py_buffer(halves)])


def quarantine_table(bad: Sequence[BadRow], source: DataSource, import_ids: Sequence[str]) -> pa.Table:
    """Bad rows as the Arrow table of `<data source>_quarantine`: raw texts, then the columns of QUARANTINE_EXTRA."""
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    names = [column.name for column in source.columns]
    arrays = [pa.array([row.raw.get(name) for row in bad], pa.string()) for name in names]
    arrays.append(pa.array([row.columns for row in bad], pa.list_(pa.string())))
    arrays.append(pa.array([row.reasons for row in bad], pa.list_(pa.string())))
    arrays.append(pa.array(import_ids, pa.string()))
    arrays.append(pa.array([now] * len(bad), pa.timestamp("us")))
    return pa.Table.from_arrays(arrays, names=[*names, *(name for name, _ in QUARANTINE_EXTRA)])
