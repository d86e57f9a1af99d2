"""What `make bench` asks: each question as calls of Perch's endpoints and as the SQL that a user of ClickHouse writes.

A question is asked many times, each time a little differently (another range, another user), so that no answer of
before serves; what may not differ between the engines is the answer to the same asking, and `compare` looks at that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.year import MODELS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BUCKETS = ("bucket_utc", "dimension")

EXACT = "quantilesExactInclusive"
QUANTILES = ("quantiles", "quantilesTDigest", EXACT)
"""ClickHouse's families of quantiles: from a sample, from a digest, from all values. The fastest is its figure."""

PERCENTILE = re.compile(r"(previous_)?p\d\d_\w+|output_tokens_per_second")
RATIO = re.compile(r"(previous_)?(total_cost|avg_latency|success_rate)|share")
CLOSE, NEAR = 1e-6, 0.01
"""How far sums of money and averages, and percentiles, may differ (relative)."""

Rows = Sequence[Mapping[str, Any]]
Sql = Callable[[str, str], str]
"""The statement for a table and a family of quantiles."""


@dataclass(frozen=True)
class Part:
    """One call: an endpoint with its parameters, ClickHouse's statement, and the columns that tell its rows apart."""

    endpoint: str
    parameters: Mapping[str, str]
    sql: Sql
    keys: tuple[str, ...]


Asked = Callable[[int], Sequence[Part]]
"""The calls of a question when it is asked the nth time."""


@dataclass(frozen=True)
class Question:
    """A name, words, and its calls: several where a page makes several."""

    name: str
    title: str
    parts: Asked
    percentiles: bool = False
    only_exact: bool = False

    @property
    def families(self) -> tuple[str, ...]:
        """The families of quantiles that may answer it on ClickHouse."""
        return (EXACT,) if self.only_exact or not self.percentiles else QUANTILES


@dataclass(frozen=True)
class Agreement:
    """How an answer compares: whether all of it agrees, the largest difference of a percentile, and what differed."""

    agrees: bool
    percentiles: float = 0.0
    why: str = ""


def compare(part: Part, ours: Rows, theirs: Rows) -> Agreement:
    """Compare an answer of Perch's with ClickHouse's to the same: the columns that ClickHouse's has."""
    mine = {tuple(row[key] for key in part.keys): row for row in ours}
    if len(ours) != len(theirs):
        return Agreement(False, why=f"{part.endpoint}: {len(ours)} rows beside {len(theirs)}")
    worst = 0.0
    for row in theirs:
        key = tuple(row[name] for name in part.keys)
        if key not in mine:
            return Agreement(False, worst, f"{part.endpoint}: no row {key}")
        for name, value in row.items():
            off = _difference(mine[key].get(name), value)
            if PERCENTILE.fullmatch(name):
                worst = max(worst, off)
            if off > _allowed(name):
                return Agreement(
                    False, worst, f"{part.endpoint}: {name} of {key}: {mine[key].get(name)} beside {value}"
                )
    return Agreement(True, worst)


def _allowed(name: str) -> float:
    if PERCENTILE.fullmatch(name):
        return NEAR
    return CLOSE if RATIO.fullmatch(name) else 0.0


def _difference(mine: Any, theirs: Any) -> float:
    """The relative difference of two numbers; infinite where one is unknown or no number and they are not equal."""
    if mine == theirs:
        return 0.0
    if not isinstance(mine, int | float) or not isinstance(theirs, int | float):
        return math.inf
    return abs(mine - theirs) / max(abs(mine), abs(theirs))


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _between(start: datetime | None, end: datetime | None) -> str:
    bounds = [f"event_time >= '{_text(start)}'"] if start else []
    return " AND ".join([*bounds, *([f"event_time < '{_text(end)}'"] if end else [])]) or "1"


def _range(start: datetime | None, end: datetime | None) -> dict[str, str]:
    given = {"start_date": start, "end_date": end}
    return {name: _text(moment) for name, moment in given.items() if moment}


SUMS = """
    count() AS requests, countIf(e.success = 0) AS failed_requests, sum(e.prompt_tokens) AS total_prompt_tokens,
    sum(e.completion_tokens) AS total_completion_tokens, sum(e.total_tokens) AS total_tokens,
    toFloat64(sum(e.cost)) AS total_cost, countIf(e.cost IS NULL) AS unpriced_requests,
    sum(e.cached_tokens) AS cached_tokens"""


def usage(where: str) -> Sql:
    """Sums by model."""
    return lambda table, _: (
        f"""
        SELECT model_name, {SUMS}, sumIf(e.total_tokens, e.cost IS NULL) AS unpriced_tokens,
            min(e.event_time) AS first_event_time, max(e.event_time) AS last_event_time
        FROM {table} AS e WHERE {where} GROUP BY model_name ORDER BY total_cost DESC"""
    )


def performance(where: str) -> Sql:
    """Averages and percentiles by model."""
    return lambda table, quantiles: (
        f"""
        WITH success != 0 AND latency >= 0 AND latency <= 3600 AS good,
            {quantiles}If(0.5, 0.9, 0.95, 0.99)(latency, good) AS latencies,
            {quantiles}If(0.5, 0.95)(ttft, success != 0 AND ttft >= 0 AND ttft <= 3600) AS ttfts,
            {quantiles}If(0.5)(completion_tokens / (latency - ifNull(ttft, 0)),
                good AND completion_tokens > 0 AND latency > ifNull(ttft, 0)) AS speeds
        SELECT model_name, avgIf(latency, latency >= 0 AND latency <= 3600) AS avg_latency,
            avg(success != 0) AS success_rate, count() AS requests, countIf(success = 0) AS failed_requests,
            latencies[1] AS p50_latency, latencies[2] AS p90_latency, latencies[3] AS p95_latency,
            latencies[4] AS p99_latency, ttfts[1] AS p50_ttft, ttfts[2] AS p95_ttft,
            speeds[1] AS output_tokens_per_second, countIf(latency IS NULL) AS unknown_latencies,
            countIf(latency < 0 OR latency > 3600) AS implausible_latencies
        FROM {table} WHERE {where} GROUP BY model_name ORDER BY requests DESC"""
    )


STARTS = {"hour": "toStartOfHour(event_time)", "day": "toStartOfDay(event_time)"}


def percentiles(where: str, step: str, dimension: str = "''") -> Sql:
    """Percentiles by the hour or the day, whole or by a column."""
    return lambda table, quantiles: (
        f"""
        WITH success != 0 AND latency >= 0 AND latency <= 3600 AS good,
            {quantiles}If(0.5, 0.9, 0.95, 0.99)(latency, good) AS latencies,
            {quantiles}If(0.5, 0.95)(ttft, success != 0 AND ttft >= 0 AND ttft <= 3600) AS ttfts
        SELECT {STARTS[step]} AS bucket_utc, {dimension} AS dimension, count() AS requests,
            latencies[1] AS p50_latency, latencies[2] AS p90_latency, latencies[3] AS p95_latency,
            latencies[4] AS p99_latency, ttfts[1] AS p50_ttft, ttfts[2] AS p95_ttft
        FROM {table} WHERE {where} GROUP BY bucket_utc, dimension ORDER BY bucket_utc, dimension"""
    )


def series(where: str, step: str, dimension: str = "''") -> Sql:
    """Sums by the hour or the day, whole or by a column."""
    return lambda table, _: (
        f"""
        SELECT {STARTS[step]} AS bucket_utc, {dimension} AS dimension, {SUMS}, avg(e.success != 0) AS success_rate,
            avgIf(e.latency, e.latency >= 0 AND e.latency <= 3600) AS avg_latency
        FROM {table} AS e WHERE {where} GROUP BY bucket_utc, dimension ORDER BY bucket_utc, dimension"""
    )


FAILED_CALLS = Path(__file__).parent.parent / "metrics/parts/failed_calls.pipe"
NAMED = re.search(r"trimBoth\(replaceRegexpAll\(lowerUTF8.*? AS message", FAILED_CALLS.read_text(), re.DOTALL)
assert NAMED
MESSAGE = NAMED[0]
"""Expressions, each of the one before, that end in `message`: what makes one error of messages."""


def errors(where: str) -> Sql:
    """Failed calls by what names an error in their message."""
    return lambda table, _: (
        f"""
        SELECT *, failed_requests / sum(failed_requests) OVER () AS share FROM (
            SELECT message AS error, count() AS failed_requests, uniqExact(model_name) AS model_count,
                arrayStringConcat(arraySort(groupUniqArray(model_name)), ', ') AS models,
                min(event_time) AS first_seen, max(event_time) AS last_seen
            FROM (SELECT event_time, model_name, {MESSAGE} FROM {table} WHERE success = 0 AND {where})
            GROUP BY error
        ) ORDER BY failed_requests DESC LIMIT 100"""
    )


def error_series(where: str, step: str) -> Sql:
    """Failed calls by the day and by message."""
    return lambda table, _: (
        f"""
        SELECT {STARTS[step]} AS bucket_utc, message AS error, count() AS failed_requests
        FROM (SELECT event_time, {MESSAGE} FROM {table} WHERE success = 0 AND {where})
        GROUP BY bucket_utc, error ORDER BY bucket_utc"""
    )


def totals(start: datetime, end: datetime) -> Sql:
    """One row of a period, with what it was in the period before."""
    now = f"e.event_time >= '{_text(start)}'"
    good = "e.success != 0 AND e.latency >= 0 AND e.latency <= 3600"

    def measures(prefix: str, inside: str, quantiles: str) -> str:
        latencies = f"{quantiles}If(0.5, 0.95, 0.99)(e.latency, {good} AND {inside})"
        return f"""
            countIf({inside}) AS {prefix}requests, countIf(e.success = 0 AND {inside}) AS {prefix}failed_requests,
            sumIf(e.prompt_tokens, {inside}) AS {prefix}total_prompt_tokens,
            sumIf(e.completion_tokens, {inside}) AS {prefix}total_completion_tokens,
            sumIf(e.total_tokens, {inside}) AS {prefix}total_tokens,
            toFloat64(sumIf(e.cost, {inside})) AS {prefix}total_cost,
            avgIf(e.success != 0, {inside}) AS {prefix}success_rate,
            avgIf(e.latency, e.latency >= 0 AND e.latency <= 3600 AND {inside}) AS {prefix}avg_latency,
            {latencies}[1] AS {prefix}p50_latency, {latencies}[2] AS {prefix}p95_latency,
            {latencies}[3] AS {prefix}p99_latency"""

    return lambda table, quantiles: (
        f"""
        SELECT {measures("", now, quantiles)}, {measures("previous_", f"NOT ({now})", quantiles)},
            sumIf(e.cached_tokens, {now}) AS cached_tokens, countIf(e.cost IS NULL AND {now}) AS unpriced_requests,
            uniqExactIf(e.model_name, {now}) AS models, uniqExactIf(e.user, {now}) AS users,
            minIf(e.event_time, {now}) AS first_event_time, maxIf(e.event_time, {now}) AS last_event_time
        FROM {table} AS e WHERE {_between(start - (end - start), end)}"""
    )


def dimensions() -> Sql:
    """The values of each filter."""
    return lambda table, _: (
        f"""
        SELECT pair.1 AS dimension, pair.2 AS value, sum(requests) AS requests, toFloat64(sum(cost)) AS total_cost
        FROM (
            SELECT model_name, provider, environment, user, team, feature, count() AS requests, sum(e.cost) AS cost
            FROM {table} AS e GROUP BY ALL
        )
        ARRAY JOIN [('model', toNullable(model_name)), ('provider', provider), ('environment', environment),
            ('user', user), ('team', team), ('feature', feature)] AS pair
        WHERE value != '' GROUP BY ALL ORDER BY dimension, requests DESC"""
    )


def health() -> Sql:
    """What the data lacks."""
    return lambda table, _: (
        f"""
        SELECT count() AS events, countIf(environment = 'demo') AS demo_events, min(event_time) AS first_event_time,
            max(event_time) AS last_event_time, countIf(ingested_at >= now() - INTERVAL 1 HOUR) AS events_last_hour,
            countIf(cost IS NULL) AS unpriced_requests, sumIf(total_tokens, cost IS NULL) AS unpriced_tokens,
            countIf(latency < 0 OR latency > 3600) AS implausible_latencies,
            countIf(latency IS NULL) AS unknown_latencies,
            countIf(event_time > now() + INTERVAL 1 MINUTE) AS future_events
        FROM {table}"""
    )


def overview(start: datetime, end: datetime) -> list[Part]:
    """The calls of pages/overview.py and metrics/dashboard/frame.py for a view of these days, one after another."""
    period, before = _between(start, end), _between(start - (end - start), start)
    asked, axis = _range(start, end), {"granularity": "day", "timezone": "UTC"}
    by_model = {**asked, **axis, "dimension": "model"}
    return [
        Part("ingest_health", {}, health(), ()),
        Part("llm_dimensions", {}, dimensions(), ("dimension", "value")),
        Part("llm_totals", asked, totals(start, end), ()),
        Part("llm_usage_timeseries", {**asked, **axis}, series(period, "day"), BUCKETS),
        Part("llm_latency_percentiles", {**asked, **axis}, percentiles(period, "day"), BUCKETS),
        Part("llm_usage_timeseries", by_model, series(period, "day", "model_name"), BUCKETS),
        Part("llm_latency_percentiles", by_model, percentiles(period, "day", "model_name"), BUCKETS),
        Part("llm_usage_by_model", asked, usage(period), ("model_name",)),
        Part("llm_usage_by_model", _range(start - (end - start), start), usage(before), ("model_name",)),
        Part("llm_performance", asked, performance(period), ("model_name",)),
        Part("llm_errors_timeseries", {**asked, **axis}, error_series(period, "day"), ("bucket_utc", "error")),
        Part("llm_errors", {}, errors("1"), ("error",)),
    ]


@dataclass(frozen=True)
class _Year:
    """The year before `end`: the calls of each question when it is asked the nth time."""

    end: datetime

    def days(self, count: int, n: int) -> tuple[datetime, datetime]:
        """So many whole days, ending n days before the end."""
        return self.end - (count + n) * DAY, self.end - n * DAY

    def always(self, endpoint: str, sql: Callable[[str], Sql]) -> Asked:
        """By model over all rows: first without dates, then with an end that is later than all of them."""

        def parts(n: int) -> Sequence[Part]:
            end = self.end + n * HOUR if n else None
            return [Part(endpoint, _range(None, end), sql(_between(None, end)), ("model_name",))]

        return parts

    def last(self, endpoint: str, sql: Callable[[str], Sql], keys: tuple[str, ...], **more: str) -> Asked:
        """Thirty days."""

        def parts(n: int) -> Sequence[Part]:
            bounds = self.days(30, n)
            return [Part(endpoint, {**_range(*bounds), **more}, sql(_between(*bounds)), keys)]

        return parts

    def percentiles(self, count: int, step: str) -> Asked:
        """Percentiles over time."""

        def parts(n: int) -> Sequence[Part]:
            bounds = self.days(count, n)
            asked = {**_range(*bounds), "granularity": step}
            return [Part("llm_latency_percentiles", asked, percentiles(_between(*bounds), step), BUCKETS)]

        return parts

    def week(self, n: int) -> Sequence[Part]:
        """One model by the hour."""
        bounds, model = self.days(7, n), MODELS[5][0]
        where = f"{_between(*bounds)} AND model_name = '{model}'"
        asked = {**_range(*bounds), "granularity": "hour", "model": model}
        return [Part("llm_usage_timeseries", asked, series(where, "hour"), BUCKETS)]

    def user(self, n: int) -> Sequence[Part]:
        """One user, another each time."""
        name = f"user-{700 + n:04d}"
        return [Part("llm_usage_by_model", {"user": name}, usage(f"user = '{name}'"), ("model_name",))]

    def filtered(self, n: int) -> Sequence[Part]:
        """What one team used in production."""
        bounds = self.days(91, n)
        asked = {**_range(*bounds), "team": "search", "environment": "production"}
        where = f"{_between(*bounds)} AND team = 'search' AND environment = 'production'"
        return [Part("llm_usage_by_model", asked, usage(where), ("model_name",))]

    def page(self, n: int) -> Sequence[Part]:
        """A view of 30 days as the page makes it: from a midnight to a now that is rounded to 15 seconds."""
        now = self.end - n * HOUR - timedelta(seconds=15)
        return overview(datetime(now.year, now.month, now.day) - 30 * DAY, now)


def questions(end: datetime) -> list[Question]:
    """All questions about the year before `end`."""
    year, model = _Year(end), ("model_name",)
    fast, use = "llm_performance", "llm_usage_by_model"
    return [
        Question("usage_all", "Usage by model, all time", year.always(use, usage)),
        Question("performance_all", "Performance by model, all time", year.always(fast, performance), True),
        Question("usage_30d", "Usage by model, 30 days", year.last(use, usage, model)),
        Question("performance_30d", "Performance by model, 30 days", year.last(fast, performance, model), True),
        Question("percentiles_hour", "Percentiles by the hour, a month", year.percentiles(30, "hour"), True),
        Question("percentiles_day", "Percentiles by the day, a quarter", year.percentiles(91, "day"), True),
        Question("week_model", "One model by the hour, a week", year.week),
        Question("errors_month", "Top errors, a month", year.last("llm_errors", errors, ("error",))),
        Question("user_all", "One user, all time", year.user),
        Question("filtered_quarter", "A team in production, a quarter", year.filtered),
        Question(
            "exact_month",
            "Exact percentiles by model, a month",
            year.last(fast, performance, model, exact_percentiles="1"),
            percentiles=True,
            only_exact=True,
        ),
        Question("overview", "The Overview page, 30 days (12 calls)", year.page, True),
    ]
