"""What calls cost: prices times tokens over the columns of a whole batch, exact to the ninth place.

Stands between validation and the writer, which has each group of rows priced before it writes them. There is one look-
up for each model and provider of a batch, kept from batch to batch; what remains is arithmetic on whole numbers. Three
columns hold the result: `sent_cost` what the app sent, `computed_cost` what the prices say, and `cost` the one of them
that PERCH_COST names. Apps send `cost`; the other two come in again with exported files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
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
        names = table.column_names
        sent = _column(table, "cost", MONEY)
        if "sent_cost" in names or "computed_cost" in names:
            sent = _sent_at_first(table, sent)
        for name, values in zip(Cost._fields, self.costs(table, sent), strict=True):
            at = table.column_names.index(name) if name in table.column_names else -1
            table = table.set_column(at, name, values) if at >= 0 else table.append_column(name, values)
        return table

    def costs(self, table: pa.Table, sent: pa.Array) -> Cost:
        """The three columns of rows of which `sent` was sent.

        What the app's own cache answered costs nothing, whatever was sent; its `computed_cost` is what that has saved.
        """
        computed = self._computed(table)
        first, second = (sent, computed) if self.order.startswith("sent") else (computed, sent)
        shown = first if self.order.endswith("only") else pc.coalesce(first, second)
        if "cache_hit" in table.column_names:
            hits = _column(table, "cache_hit", pa.uint8())
            shown = pc.if_else(pc.fill_null(pc.not_equal(hits, 0), False), NO_MONEY, shown)
        return Cost(shown, sent, computed)

    def _computed(self, table: pa.Table) -> pa.Array:
        prompt, completion = (_numbers(table, name) for name in ("prompt_tokens", "completion_tokens"))
        cached, written = (_numbers(table, name) for name in ("cached_tokens", "cache_write_tokens"))
        schedules, cell = self._cells(table, prompt)
        rates = np.concatenate([each.rates for each in schedules])
        plain = prompt - cached - written
        classes = [
            (tokens, rates[:, at][cell])
            for at, tokens in enumerate((plain, cached, written, completion, np.int64(1)))
            if np.ndim(tokens) or tokens
        ]
        # Tokens that nobody counted cost something all the same, and those that contradict each other nobody knows.
        known = (plain >= 0) & ((prompt + completion > 0) | (_numbers(table, "success", missing=1) == 0))
        total = np.zeros(len(table), np.int64)
        for tokens, rate in classes:
            known &= (rate != UNKNOWN) | (tokens == 0)
            total += tokens * rate
        nano = _halved_evenly(total, 1000)
        wide = np.concatenate([each.wide for each in schedules])
        if wide.any():
            exact = [units for each in schedules for units in each.exact]
            counts = np.column_stack(np.broadcast_arrays(plain, cached, written, completion))
            for row in np.flatnonzero(wide[cell] & known):
                nano[row] = _exactly(exact[cell[row]], counts[row].tolist())
        return decimals(nano, known, MONEY)

    def _cells(self, table: pa.Table, prompt: Array) -> tuple[list[Schedule], Array]:
        """The schedules of the rows' models, one behind the other, and for each row the cell that holds."""
        models, owner = _models(table)
        schedules = [self.prices.schedule(*model) for model in models]
        sizes = [len(each.rates) for each in schedules]
        cell = (np.cumsum([0, *sizes[:-1]]))[owner]
        varying = [at for at, each in enumerate(schedules) if each.varies]
        if varying:
            moments = _column(table, "event_time", pa.timestamp("us")).cast(pa.int64()).to_numpy() // 1_000_000
        for at in varying:
            rows = np.flatnonzero(owner == at) if len(schedules) > 1 else slice(None)
            cell[rows] += schedules[at].cells(moments[rows], prompt[rows])
        return schedules, cell


def _models(table: pa.Table) -> tuple[list[tuple[str, str | None]], Array]:
    """The distinct models with their providers, and for each row the number of its own."""
    names = _column(table, "model_name", pa.string()).dictionary_encode()
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


def _numbers(table: pa.Table, name: str, missing: int = 0) -> Any:
    """A column of counts with NULL as `missing`; a mere number when the table has left it out."""
    if name not in table.column_names:
        return np.int64(missing)
    return pc.fill_null(_column(table, name, pa.int64()), missing).to_numpy(zero_copy_only=False)


def _sent_at_first(table: pa.Table, cost: pa.Array) -> pa.Array:
    """What an app sent of rows that come from an export of ours: there `cost` may be what was computed."""
    sent, computed = _column(table, "sent_cost", MONEY), _column(table, "computed_cost", MONEY)
    ours = pc.fill_null(pc.equal(cost, computed), False)
    return pc.coalesce(sent, pc.if_else(ours, pa.scalar(None, MONEY), cost))


def _halved_evenly(total: Array, by: int) -> Array:
    """`total / by` for an even `by`, rounded half-even."""
    whole, rest = np.divmod(total, by)
    half = by // 2
    return np.asarray(whole + ((rest > half) | ((rest == half) & (whole & 1 == 1))))


def _exactly(units: Units, counts: list[int]) -> int:
    """The cost of one call in billionths of a dollar, from prices that are no whole millionths."""
    with localcontext(prec=60):  # all digits of a price of 18 times a number of ten
        parts = [count * (price or Decimal(0)) for count, price in zip((*counts, 1), units, strict=True)]
        return int((sum(parts, Decimal(0)) * 1000).to_integral_value(ROUND_HALF_EVEN))
