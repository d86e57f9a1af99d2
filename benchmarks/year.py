"""A year of model calls for the benchmarks: a pure function of the row's number, written as Perch's export of months.

`write` makes `exports/llm_events/year=YYYY/month=MM/llm_events.parquet`, a month at a time, in the layout, order and
compression of `metrics/exports.py`. The year ends at the start of the current UTC month, so that all its days are over.
Unlike `metrics/demo.py`, which is for looking at, it makes a hundred million rows in minutes: DuckDB's hash() of the
row's number is the only chance in it, so that the same rows and the same end make the same events on any machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
from tqdm import tqdm

from metrics.exports import ROW_GROUP

Connection = duckdb.DuckDBPyConnection

USERS = 5_000
TEAMS = {
    "support-chat": "support",
    "ticket-triage": "support",
    "search-answers": "search",
    "semantic-index": "search",
    "document-summary": "documents",
    "code-review": "platform",
    "report-agent": "analytics",
    "email-drafts": "growth",
}
"""Features and the team of each."""

MODELS = (
    ("gpt-5-mini", "openai", 250, 2_000, 0.6, 110),
    ("claude-sonnet-4-5", "anthropic", 3_000, 15_000, 0.8, 72),
    ("gpt-4o-mini", "openai", 150, 600, 0.5, 95),
    ("gemini-2.5-flash", "google", 300, 2_500, 0.4, 170),
    ("claude-haiku-4-5", "anthropic", 1_000, 5_000, 0.4, 130),
    ("gpt-5", "openai", 1_250, 10_000, 0.9, 80),
    ("gpt-4.1", "openai", 2_000, 8_000, 0.6, 85),
    ("gemini-2.0-flash", "google", 100, 400, 0.35, 160),
    ("claude-sonnet-4", "anthropic", 3_000, 15_000, 0.8, 65),
    ("gpt-4o", "openai", 2_500, 10_000, 0.55, 75),
    ("o4-mini", "openai", 1_100, 4_400, 3.2, 110),
    ("gemini-2.5-pro", "google", 1_250, 10_000, 2.6, 95),
    ("gpt-4.1-mini", "openai", 400, 1_600, 0.45, 100),
    ("mistral-large", "mistral", 2_000, 6_000, 0.6, 60),
    ("deepseek-chat", "deepseek", 270, 1_100, 1.1, 35),
    ("claude-3-5-haiku", "anthropic", 800, 4_000, 0.6, 70),
    ("o3", "openai", 2_000, 8_000, 4.5, 70),
    ("mistral-small", "mistral", 100, 300, 0.4, 120),
    ("claude-opus-4-1", "anthropic", 15_000, 75_000, 1.4, 42),
    ("llama-3.3-70b", "self-hosted", 59, 79, 0.5, 45),
)
"""Model, provider, billionths of a dollar for a prompt and for a completion token, seconds to the first token, tokens
per second. The nth is used 1/n as often as the first (27.8 % of all calls; the last: 1.4 %)."""

HOMES = (4, 3, 3, 2, 2, 2, 2, 2, *[1] * 12)
"""In how many features each model is at home, where 95 % of its calls come from; four are at home in each feature."""

ERRORS = (
    ("Rate limit reached for requests per minute", 40),
    ("Request timed out after 60 s", 20),
    ("Overloaded", 14),
    ("The server had an error while processing your request", 10),
    ("This model's maximum context length is 128000 tokens", 7),
    ("Connection reset by peer", 5),
    ("Invalid API key provided", 3),
    ("Internal error, quote request req_", 1),
)
"""Texts of failures and their shares (%); the last is followed by one of 5,000 ids."""

FAILURES, UNPRICED = 0.018, 0.01

COLUMNS = (
    "event_time", "model_name", "prompt_tokens", "completion_tokens", "total_tokens", "cost", "latency", "success",
    "error_message", "provider", "user", "team", "feature", "environment", "cached_tokens", "ttft", "ingested_at",
)  # fmt: skip
"""The columns that are written; the others of llm_events are unknown."""

SETUP = """
SET threads = 2;
SET memory_limit = '2GB';
SET TimeZone = 'UTC';
CREATE MACRO chance(n, k) AS (hash(n * 32 + k) >> 11)::DOUBLE / 9007199254740992;
CREATE MACRO normal(n, k) AS sqrt(-2 * ln(1 - chance(n, k))) * cos(2 * pi() * chance(n, k + 1));
CREATE TABLE models (slot INTEGER, model INTEGER, model_name VARCHAR, provider VARCHAR, nano_in BIGINT, nano_out BIGINT,
                     wait DOUBLE, speed DOUBLE);
CREATE TABLE features (model INTEGER, slot INTEGER, feature VARCHAR, team VARCHAR);
CREATE TABLE errors (slot INTEGER, text VARCHAR, numbered BOOLEAN);
CREATE TABLE hours (hour TIMESTAMP, first BIGINT, last BIGINT);
"""

EVENTS = f"""
WITH numbers AS (
    SELECT hour, unnest(range(first, last)) AS n FROM hours WHERE hour >= $start AND hour < $end
), picked AS (
    SELECT n, hour, m.*, f.feature, f.team,
        CAST(greatest(1, least(120000, exp(6.8 + 1.1 * normal(n, 2)))) AS UINTEGER) AS prompt_tokens,
        chance(n, 4) < {FAILURES} AS failed,
        CASE WHEN failed THEN 0 ELSE greatest(1, least(16000, exp(5.2 + 0.9 * normal(n, 5)))) END::UINTEGER
            AS completion_tokens,
        wait * exp(0.35 * normal(n, 7)) AS first_token,
    FROM numbers
    JOIN models AS m ON m.slot = floor(chance(n, 0) * 10000)::INTEGER
    JOIN features AS f ON f.model = m.model AND f.slot = floor(chance(n, 1) * 100)::INTEGER
)
SELECT
    hour + to_seconds(floor(chance(n, 9) * 3600)::INTEGER) AS event_time,
    model_name,
    prompt_tokens,
    completion_tokens,
    prompt_tokens + completion_tokens AS total_tokens,
    CASE WHEN chance(n, 10) >= {UNPRICED} THEN CAST((prompt_tokens * nano_in + completion_tokens * nano_out)
        ::DECIMAL(18, 0) * 0.000000001::DECIMAL(10, 9) AS DECIMAL(18, 9)) END AS cost,
    round(first_token + completion_tokens / speed * exp(0.3 * normal(n, 11)), 3) AS latency,
    CAST(NOT failed AS UTINYINT) AS success,
    CASE WHEN failed THEN e.text || CASE WHEN e.numbered
        THEN lpad(floor(chance(n, 14) * 5000)::INTEGER::VARCHAR, 6, '0') ELSE '' END ELSE '' END AS error_message,
    provider,
    format('user-{{:04d}}', floor({USERS} * pow(chance(n, 15), 2))::INTEGER) AS user,
    team,
    feature,
    CASE WHEN chance(n, 16) < 0.9 THEN 'production' WHEN chance(n, 16) < 0.97 THEN 'staging' ELSE 'development' END
        AS environment,
    CAST(CASE WHEN chance(n, 17) < 0.4 THEN floor(prompt_tokens * chance(n, 18)) ELSE 0 END AS UINTEGER)
        AS cached_tokens,
    CASE WHEN NOT failed THEN round(first_token, 3) END AS ttft,
    event_time + INTERVAL 1 SECOND AS ingested_at
FROM picked LEFT JOIN errors AS e ON picked.failed AND e.slot = floor(chance(n, 13) * 100)::INTEGER
ORDER BY event_time, model_name, n
"""


def year_end(now: datetime | None = None) -> datetime:
    """The start of the current UTC month, without a zone."""
    now = now or datetime.now(UTC)
    return datetime(now.year, now.month, 1)


def months(end: datetime) -> list[datetime]:
    """The first moments of the twelve months before `end`, oldest first."""
    return [datetime(end.year - (month >= end.month), month, 1) for month in _turned(end.month)]


def _turned(first: int) -> list[int]:
    return [(first - 1 + step) % 12 + 1 for step in range(12)]


def month_path(exports: Path, month: datetime) -> Path:
    """Where a month's file lies."""
    return exports / "llm_events" / f"year={month:%Y}" / f"month={month:%m}" / "llm_events.parquet"


def write(exports: Path, rows: int, end: datetime) -> list[Path]:
    """The year's files, oldest first; those that lie there already are kept as they are."""
    paths = [month_path(exports, month) for month in months(end)]
    missing = [(month, path) for month, path in zip(months(end), paths, strict=True) if not path.exists()]
    if missing:
        with closing(_generator(rows, end, exports / ".spill")) as connection:
            for month, path in tqdm(missing, desc=f"{rows:,} rows", unit="month"):
                _write_month(connection, month, path)
    return paths


def _write_month(connection: Connection, month: datetime, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".parquet.part")
    listed = ", ".join(f'"{name}"' for name in COLUMNS)
    connection.execute(
        f"COPY (SELECT {listed} FROM ({EVENTS})) TO '{str(beside).replace(chr(39), chr(39) * 2)}' "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})",
        {"start": month, "end": _next(month)},
    )
    beside.replace(path)


def bodies(count: int) -> Iterator[bytes]:
    """Bodies of 1,000 such events as NDJSON, whose event_time is the text `@now`; ingested_at is left to the server."""
    end = datetime(2026, 1, 1)
    columns = ", ".join(f'"{name}"' for name in COLUMNS if name not in ("event_time", "ingested_at"))
    with TemporaryDirectory() as spill, closing(_generator(1_000 * count * 365, end, Path(spill))) as connection:
        reader = connection.execute(
            f"SELECT {columns} FROM ({EVENTS}) LIMIT {1_000 * count}",
            {"start": end - timedelta(days=7), "end": end},
        )
        names = [item[0] for item in reader.description or ()]
        for _ in range(count):
            rows = (dict(zip(names, row, strict=True)) for row in reader.fetchmany(1_000))
            yield b"\n".join(json.dumps({"event_time": "@now", **row}, default=float).encode() for row in rows)


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _generator(rows: int, end: datetime, spill: Path) -> Connection:
    """A connection that knows what there is to choose from, and which rows each hour of the year has.

    What does not fit into memory goes below `spill`, and not below the current folder, which may be a checkout.
    """
    connection = duckdb.connect(config={"temp_directory": str(spill)})
    connection.execute(SETUP)
    for name, made in (
        ("models", _models()),
        ("features", _features()),
        ("errors", _errors()),
        ("hours", _hours(rows, end)),
    ):
        chosen = pa.table([pa.array(column) for column in zip(*made, strict=True)], names=_names(len(made[0])))  # noqa: F841
        connection.execute(f"INSERT INTO {name} SELECT * FROM chosen")
    return connection


def _names(count: int) -> list[str]:
    return [f"column{place}" for place in range(count)]


def _models() -> list[tuple[object, ...]]:
    """Each model in as many of 10,000 slots as it is used."""
    weights = [1 / (place + 1) for place in range(len(MODELS))]
    bounds = [round(10_000 * sum(weights[:place]) / sum(weights)) for place in range(len(MODELS) + 1)]
    return [
        (slot, place, *model) for place, model in enumerate(MODELS) for slot in range(bounds[place], bounds[place + 1])
    ]


def _features() -> list[tuple[object, ...]]:
    """For each model 100 slots: 95 for the features in which it is at home, the rest for any."""
    names = list(TEAMS)
    found: list[tuple[object, ...]] = []
    taken = 0
    for model, homes in enumerate(HOMES):
        mine = [names[(taken + place) % len(names)] for place in range(homes)]
        taken += homes
        chosen = [mine[slot % homes] if slot < 95 else names[(slot + model) % len(names)] for slot in range(100)]
        found += [(model, slot, name, TEAMS[name]) for slot, name in enumerate(chosen)]
    return found


def _errors() -> list[tuple[object, ...]]:
    """Each text in as many of 100 slots as its share."""
    texts = [text for text, share in ERRORS for _ in range(share)]
    return [(slot, text, text == ERRORS[-1][0]) for slot, text in enumerate(texts)]


def _hours(rows: int, end: datetime) -> list[tuple[datetime, int, int]]:
    """The hours of the year and the numbers of each one's rows: office hours, quieter weekends, slow growth."""
    start = months(end)[0]
    hours = [start + timedelta(hours=hour) for hour in range(int((end - start).total_seconds()) // 3600)]
    total, weights = 0.0, [0.0]
    for place, hour in enumerate(hours):
        day = 0.4 + math.exp(-(((hour.hour - 14) / 4.5) ** 2))
        total += day * (0.45 if hour.weekday() >= 5 else 1.0) * (1 + place / len(hours))
        weights.append(total)
    bounds = [round(rows * weight / total) for weight in weights]
    return list(zip(hours, bounds[:-1], bounds[1:], strict=True))
