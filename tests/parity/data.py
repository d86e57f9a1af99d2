"""The rows of the parity tests: nulls, empty texts, ties, equal rows, late times, both sides of autumn's hour."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

EVENTS = [
    ("event_time", "DateTime"),
    ("model", "String"),
    ("provider", "LowCardinality(String)"),
    ("user", "Nullable(String)"),
    ("prompt_tokens", "UInt32"),
    ("cached", "Nullable(UInt32)"),
    ("cost", "Nullable(Decimal(18, 9))"),
    ("price", "Decimal(18, 9)"),
    ("latency", "Nullable(Float32)"),
    ("ttft", "Float32"),
    ("score", "Float64"),
    ("success", "UInt8"),
    ("stream", "Bool"),
    ("delta", "Int32"),
    ("big", "Int64"),
    ("ingested", "DateTime64(6)"),
    ("day", "Date"),
    ("tags", "Array(String)"),
    ("sizes", "Array(UInt32)"),
    ("payload", "String"),
]

_START = datetime(2025, 11, 2, 7, 0, 0)
_MODELS = ["gpt-4", "gpt-4", "claude-3", "llama", "", "Ünïcode", "gpt-4o mini"]
_PAYLOADS = [
    '{"a": "x", "n": 5, "f": 1.5, "b": true, "o": {"k": ["p", "q"]}}',
    '{"a": 7, "n": "12", "f": "2.5", "b": false, "l": [1, 2, 3]}',
    "",
    "not json",
    '{"a": null, "n": -3}',
]


def _row(n: int) -> tuple[object, ...]:
    time = _START + timedelta(minutes=17 * n) if n % 11 else datetime(2024, 2, 29, 23, 59, 59)
    return (
        time,
        _MODELS[n % 7],
        ["openai", "anthropic", ""][n % 3],
        [None, "ann", "bob", ""][n % 4],
        (n * 37) % 500,
        None if n % 5 == 0 else n % 9,
        None if n % 4 == 1 else Decimal(n * 13 % 50) / Decimal(1000) + Decimal("0.000000001"),
        Decimal(n) / Decimal(8),
        None if n % 6 == 2 else (n % 10) / 4,
        (n % 3) / 2,
        n / 7,
        n % 3 != 0,
        n % 2 == 0,
        n - 20,
        (n - 20) * 10_000_000_000,
        time + timedelta(microseconds=n * 1001),
        date(2025, 1, 1) + timedelta(days=n * 9),
        ["a", "b", "a"][: n % 4],
        list(range(n % 5)),
        _PAYLOADS[n % 5],
    )


ROWS = [_row(n) for n in range(40)] + [_row(3), _row(3)]

PRICES = [("model", "String"), ("dollars", "Float64"), ("note", "Nullable(String)"), ("rank", "UInt16")]
PRICE_ROWS = [
    ("gpt-4", 0.03, "a", 1),
    ("claude-3", 0.015, None, 2),
    ("claude-3", 0.02, "c", 3),
    ("unused", 1.0, "d", 4),
]
