"""The functions that DuckDB can stand in for, by subject; importing this package fills the allow-list of `table.py`."""

from __future__ import annotations

from metrics.dialect.functions import (
    aggregates,
    arrays,
    bits,
    casts,
    collections,
    encodings,
    funnels,
    json,
    lambdas,
    logic,
    maps,
    maths,
    numbers,
    parts,
    periods,
    quantiles,
    readable,
    rounding,
    statistics,
    text,
    times,
    tuples,
    urls,
    vectors,
    windows,
)
from metrics.dialect.functions.comparison import comparable, element
from metrics.dialect.functions.conversion import convert
from metrics.dialect.functions.tuples import make_tuple, named_tuple, tuple_element

assert aggregates
assert arrays
assert bits
assert casts
assert collections
assert encodings
assert funnels
assert json
assert lambdas
assert logic
assert maps
assert maths
assert numbers
assert parts
assert periods
assert quantiles
assert readable
assert rounding
assert statistics
assert text
assert times
assert tuples
assert urls
assert vectors
assert windows

__all__ = ["comparable", "convert", "element", "make_tuple", "named_tuple", "tuple_element"]
