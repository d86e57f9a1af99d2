"""The functions that DuckDB can stand in for, by subject; importing this package fills the allow-list of `table.py`."""

from __future__ import annotations

from metrics.dialect.functions import (
    aggregates,
    arrays,
    bits,
    json,
    logic,
    maths,
    numbers,
    readable,
    rounding,
    text,
    times,
)
from metrics.dialect.functions.comparison import comparable
from metrics.dialect.functions.conversion import convert

assert aggregates
assert arrays
assert bits
assert json
assert logic
assert maths
assert numbers
assert readable
assert rounding
assert text
assert times

__all__ = ["comparable", "convert"]
