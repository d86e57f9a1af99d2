"""What calls cost: prices times tokens over the columns of a whole batch, exact to the ninth place.

Stands between validation and the writer, which has each group of rows priced before it writes them. There is one look-
up for each model and provider of a batch, kept from batch to batch; what remains is arithmetic on whole numbers. Three
columns hold the result: `sent_cost` what the app sent, `computed_cost` what the prices say, and `cost` the one of them
that PERCH_COST names. Apps send `cost`; the other two come in again with exported files alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from metrics.prices import UNKNOWN, Prices, Schedule, Units
from metrics.validation import decimals

MONEY = pa.decimal128(18, 9)
NO_MONEY = pa.scalar(Decimal(0), MONEY)
READ = ("model_name", "provider", "event_time", "prompt_tokens", "completion_tokens", "cached_tokens",
        "cache_write_tokens", "success", "cache_hit")  # fmt: skip
"""The columns that a cost hangs on."""

NEEDED: Mapping[str, str] = {
    "model_name": "String",
    "event_time": "DateTime",
    "prompt_tokens": "UInt32",
    "completion_tokens": "UInt32",
    "cost": "Nullable(Decimal(18,9))",
    "sent_cost": "Nullable(Decimal(18,9))",
    "computed_cost": "Nullable(Decimal(18,9))",
}
"""The columns that a data source must have for its rows to be priced, with their types (without spaces)."""

FEW = 300
"""Rows below which a loop is quicker than a call into Arrow, whose code is cold by the next group."""

MOST = 1000
"""Models whose prices are held ready at once."""

Model = tuple[str, str | None]
"""A model and its provider, as they are sent."""

Order = Literal["sent-first", "computed-first", "sent-only", "computed-only"]
Array = npt.NDArray[Any]


class Cost(NamedTuple):
    """The three columns, as Arrow arrays of `MONEY`."""

    cost: pa.Array
    sent_cost: pa.Array
    computed_cost: pa.Array


@dataclass(frozen=True)
class Pricing:
    """The prices in force, and which cost is shown."""

    prices: Prices
    order: Order

    def priced(self, table: pa.Table) -> pa.Table:
        """A table of rows as they were sent, with the three columns."""
        sent = _column(table, "cost", MONEY)
        if not {"sent_cost", "computed_cost"}.isdisjoint(table.column_names):
            sent = _sent_at_first(table, sent)
        columns = dict(zip(table.column_names, table.columns, strict=True))
        return pa.table({**columns, **self.costs(table, sent)._asdict()})

    def costs(self, table: pa.Table, sent: pa.Array) -> Cost:
        """The three columns of rows of which `sent` was sent.

        What the app's own cache answered costs nothing, whatever was sent; its `computed_cost` is what that has saved.
        """
        computed = self._computed(table)
        shown, second = (sent, computed) if self.order.startswith("sent") else (computed, sent)
        if shown.null_count and not self.order.endswith("only"):
            shown = second if shown.null_count == len(shown) else pc.coalesce(shown, second)
        if "cache_hit" in table.column_names:
            hits = pc.not_equal(_column(table, "cache_hit", pa.uint8()), 0)
            shown = pc.if_else(pc.fill_null(hits, False), NO_MONEY, shown)
        return Cost(shown, sent, computed)

    def _computed(self, table: pa.Table) -> pa.Array:
        """What the prices say. Most batches need little of this: small ones wait for each call into a library."""
        models, number = _models(table)
        grid, places = self._seen.find(models)
        prompt, completion = _counts(table, "prompt_tokens"), _counts(table, "completion_tokens")
        cells, number = grid.cells(places, number, lambda: _moments(table), prompt)
        rates = grid.rates[:, cells]
        parts = [(at, _counts(table, name)) for at, name in enumerate(_PARTS, start=1) if name in table.column_names]
        plain = prompt.astype(np.int64) - sum(tokens.astype(np.int64) for _, tokens in parts) if parts else prompt
        classes = [(0, plain), *parts, (3, completion)]
        total = sum(tokens * rates[at].take(number) for at, tokens in classes)
        sure = total.min() > 0 and (not parts or plain.min() >= 0) and (rates != UNKNOWN).all()
        known = None if sure else self._known(table, rates, number, classes)
        if grid.by_request:
            total += rates[4].take(number)
        nano = total if grid.fine else _rounded(total)
        if grid.any_wide:
            for row in np.flatnonzero(grid.wide[cells].take(number)):
                nano[row] = _exactly(grid.exact[cells[number[row]]], [(at, int(tokens[row])) for at, tokens in classes])
        return decimals(nano, known, MONEY)

    @staticmethod
    def _known(table: pa.Table, rates: Array, number: Array, classes: Sequence[tuple[int, Array]]) -> Array:
        """Which costs are known.

        Not where a price is missing for tokens that there are, where parts of the prompt are more than the whole, and
        where a call has succeeded of which no tokens were counted.
        """
        missing = rates == UNKNOWN
        known = ~missing[4].take(number) & (classes[0][1] >= 0)
        for at, tokens in classes:
            known &= (tokens == 0) | ~missing[at].take(number)
        counted = np.sum([tokens for _, tokens in classes], axis=0) > 0
        if "success" in table.column_names and not counted.all():
            counted |= _counts(table, "success") == 0
        return np.asarray(known & counted)

    @cached_property
    def _seen(self) -> _Seen:
        return _Seen(self.prices)


class _Seen:
    """The models that came so far and their prices as one grid, which a batch of models that are known leaves as it is.

    Any thread may ask: a grid is made anew, and never changed.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._known: tuple[dict[Model, int], Grid] | None = None

    def find(self, models: Sequence[Model]) -> tuple[Grid, list[int]]:
        """The grid, and the place of each of these models in it."""
        places, grid = self._known or ({}, None)
        if grid is None or not places.keys() >= set(models):
            kept = places if len(places) + len(models) <= MOST else {}
            places = {model: at for at, model in enumerate(dict.fromkeys([*kept, *models]))}
            grid = Grid([self._prices.schedule(*model) for model in places])
            self._known = places, grid
        return grid, [places[model] for model in models]


_DAY = 86_400_000_000
"""In millionths of a second."""

_PARTS = ("cached_tokens", "cache_write_tokens")
"""Parts of prompt_tokens with prices of their own, in the order of `Units`."""


class Grid:
    """The prices of several models, one schedule behind the other: an array of rates for each class of `Units`."""

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        rates = np.concatenate([each.rates for each in schedules])
        self.by_request = bool((rates[:, 4] > 0).any())
        self.fine = bool((rates[rates != UNKNOWN] % 1000 == 0).all())
        """Whether every rate is a whole number of billionths of a dollar per token, which `rates` then has."""
        self.rates = np.ascontiguousarray(
            (np.where(rates == UNKNOWN, UNKNOWN * 1000, rates) // 1000 if self.fine else rates).T
        )
        self.wide = np.concatenate([each.wide for each in schedules])
        self.any_wide = bool(self.wide.any())
        self.exact = [units for each in schedules for units in each.exact]
        self._schedules = schedules
        self._starts = np.cumsum([0, *(len(each.rates) for each in schedules[:-1])])
        self._varying = {at for at, each in enumerate(schedules) if each.varies}
        self._first_tier = min((int(each.tiers[1]) for each in schedules if len(each.tiers) > 1), default=2**32)
        self._day: tuple[int, Array] = (-1, self._starts)

    def cells(
        self, places: Sequence[int], number: Array, moments: Callable[[], Array], prompts: Array
    ) -> tuple[Array, Array]:
        """The cells that calls need, and for each call the number of its own among these.

        `places` are those of some models, and `number` says for each call which of these is its own; it has a time
        (millionths of a second since 1970) and the tokens of its prompt.
        """
        varying = [(at, self._schedules[at]) for at in places if at in self._varying]
        short = not varying or prompts.max() <= self._first_tier
        if short and all(len(each.rates) == len(each.tiers) for _, each in varying):
            return self._starts.take(places), number
        times = moments()
        first, last = int(times.min()) // _DAY, int(times.max()) // _DAY
        if short and first == last and all(len(each.seconds) == 1 for _, each in varying):
            return self._on(first).take(places), number
        cells = self._starts.take(places).take(number)
        for at, each in varying:
            rows = np.flatnonzero(number == places.index(at))
            cells[rows] += each.cells(times[rows] // 1_000_000, prompts[rows])
        return np.unique(cells, return_inverse=True)

    def _on(self, day: int) -> Array:
        """The cell of each model for short prompts on a day, at midnight; that of the last day asked for is kept."""
        known, cells = self._day
        if known != day:
            time, prompt = np.array([day * 86_400]), np.array([0])
            cells = self._starts + [int(each.cells(time, prompt)[0]) for each in self._schedules]
            self._day = day, cells
        return cells


def _models(table: pa.Table) -> tuple[list[Model], Array]:
    """The distinct models with their providers, and for each row the number of its own."""
    column = _column(table, "model_name", pa.string())
    if len(column) < FEW and "provider" not in table.column_names:
        found: dict[str, int] = {}
        owners = [found.setdefault(name, len(found)) for name in column.to_pylist()]
        return [(name, None) for name in found], np.array(owners)
    names = column.dictionary_encode()
    codes = names.indices.to_numpy()
    if "provider" not in table.column_names:
        return [(name, None) for name in names.dictionary.to_pylist()], codes
    providers = _column(table, "provider", pa.string()).dictionary_encode(null_encoding="encode")
    width = len(providers.dictionary)
    pairs, owner = np.unique(codes * np.int64(width) + providers.indices.to_numpy(), return_inverse=True)
    known, sold = names.dictionary.to_pylist(), providers.dictionary.to_pylist()
    return [(known[pair // width], sold[pair % width]) for pair in pairs.tolist()], owner


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    """A column as one array; all NULL when the table has left it out."""
    if name not in table.column_names:
        return pa.nulls(len(table), kind)
    found = table.column(name)
    whole = found.chunk(0) if found.num_chunks == 1 else pa.concat_arrays(found.chunks)
    return whole if whole.type == kind else whole.cast(kind)


def _counts(table: pa.Table, name: str) -> Array:
    """A column of counts that the table has; NULL is 0."""
    found = table.column(name)
    whole = found.chunk(0) if found.num_chunks == 1 else pa.concat_arrays(found.chunks)
    plain = pc.fill_null(whole, 0) if whole.null_count else whole
    return np.asarray(plain.to_numpy())


def _moments(table: pa.Table) -> Array:
    """The times of the calls in millionths of a second since 1970."""
    return np.asarray(_column(table, "event_time", pa.timestamp("us")).to_numpy().view(np.int64))


def _sent_at_first(table: pa.Table, cost: pa.Array) -> pa.Array:
    """What an app sent of rows that come from an export of ours: there `cost` may be what was computed."""
    sent, computed = _column(table, "sent_cost", MONEY), _column(table, "computed_cost", MONEY)
    ours = pc.fill_null(pc.equal(cost, computed), False)
    return pc.coalesce(sent, pc.if_else(ours, pa.scalar(None, MONEY), cost))


def _rounded(total: Array) -> Array:
    """Thousandths of a billionth as billionths, rounded half-even."""
    whole, rest = np.divmod(total, 1000)
    return np.asarray(whole + ((rest > 500) | ((rest == 500) & (whole & 1 == 1))))


def _exactly(units: Units, counts: Sequence[tuple[int, int]]) -> int:
    """The cost of one call in billionths of a dollar, from prices that are no whole millionths; `counts` by class."""
    with localcontext(prec=60):  # all digits of a price of 18 times a number of ten
        parts = [count * (units[at] or Decimal(0)) for at, count in (*counts, (4, 1))]
        return int((sum(parts, Decimal(0)) * 1000).to_integral_value(ROUND_HALF_EVEN))
