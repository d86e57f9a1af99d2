"""What the endpoints answer from rollups and from rows together is what plain Python makes of the events.

The reference below knows the list of events that were sent and docs/endpoints.md, and has no SQL. Every state that a
store can be in between two roll-ups is asked random questions. With `ANSWERS_SEED=2 ANSWERS_QUESTIONS=9` in the
environment it is another and longer run.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.conftest import Json, Perch, make_settings, running
from tests.serving import start

SEED = int(os.environ.get("ANSWERS_SEED", "1"))
QUESTIONS = int(os.environ.get("ANSWERS_QUESTIONS", "1"))
FILTERS = ["model", "provider", "environment", "user", "team", "feature"]
ZONES = [
    "UTC", "UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Australia/Eucla", "Pacific/Chatham",
]  # fmt: skip
STEPS = ["minute", "hour", "day", "week", "month"]
ANCHORS = [
    datetime.fromisoformat(text)
    for text in (
        "2025-03-09 08:00:00", "2025-03-09 10:00:00", "2025-03-10 07:00:00",  # Los Angeles goes forward
        "2025-11-02 07:00:00", "2025-11-02 09:00:00", "2025-11-03 08:00:00",  # and back
        "2025-03-30 01:00:00", "2025-03-29 23:00:00", "2025-03-30 22:00:00",  # Berlin
        "2025-10-26 01:00:00", "2025-10-25 22:00:00", "2025-10-26 23:00:00",
        "2025-04-05 15:00:00", "2025-04-05 13:00:00", "2025-10-04 15:30:00",  # Lord Howe, by half an hour
        "2025-03-31 18:30:00", "2025-03-31 18:15:00",  # midnights of Kolkata and Kathmandu
        "2025-04-01 00:00:00", "2025-03-31 00:00:00", "2025-11-02 00:00:00", "2025-11-03 00:00:00",
        "2025-12-31 23:59:59", "2026-01-01 00:00:00", "2025-11-02 12:15:00", "2025-11-02 12:45:00",
    )
]  # fmt: skip
STEPS_ASIDE = [
    0,
    0,
    0,
    1,
    -1,
    59,
    60,
    899,
    900,
    901,
    -899,
    -900,
    -901,
    1799,
    1800,
    3599,
    3600,
    -3600,
    7200,
    86400,
    -86400,
]

FAILURES: list[tuple[Json, str]] = [
    ({"error_message": "Limit of 30 requests", "error_class": "RateLimit"}, "limit of # requests"),
    ({"error_message": "limit of 1234 Requests", "error_class": "Quota"}, "limit of # requests"),
    ({"error_message": "Model 'a' can't be found"}, "model <text> can't be found"),
    ({"error_message": "see  https://x.test/a?b=1 \n or 0xdeadBEEF", "status_code": 500}, "see <url> or <id>"),
    ({"error_message": "no run_abc12345 here"}, "no <id> here"),
    ({"error_message": "", "error_class": "openai.Timeout", "status_code": 504}, "Timeout"),
    ({"error_message": "", "status_code": 503}, "HTTP 503"),
    ({"error_message": "", "error_class": ""}, "no message"),
    ({"error_message": "é" * 200}, "é" * 120),
]  # fmt: skip


# --- events ------------------------------------------------------------------------------------------------------


def draw_time(rng: random.Random) -> datetime:
    """A moment near those where days, hours and offsets change."""
    spread = rng.choice([0, 0, 1200, 10_000, 200_000])
    return rng.choice(ANCHORS) + timedelta(seconds=rng.choice(STEPS_ASIDE) + rng.randint(-spread, spread))


def draw_event(rng: random.Random, **given: Any) -> Json:
    """One event; what is missing in it is unknown."""
    failed = rng.random() < 0.2
    tokens = rng.choice([0, 0, 7]) if failed else rng.choice([0, 1, rng.randint(2, 5000)])
    event = {
        "event_time": str(draw_time(rng)),
        "model_name": rng.choice(["gpt-4", "gpt-4", "claude", "llama"]),
        "provider": rng.choice([None, "openai", "anthropic", ""]),
        "environment": rng.choice([None, "prod", "prod", "staging", "demo"]),
        "user": rng.choice([None, "", "ann", "bob", "cy", "dee"]),
        "team": rng.choice([None, "red", "blue"]),
        "feature": rng.choice([None, "chat", "search"]),
        "prompt_tokens": rng.choice([0, tokens, 4_000_000_000]) if rng.random() < 0.1 else tokens,
        "completion_tokens": rng.choice([0, tokens, rng.randint(0, 900)]),
        "cached_tokens": rng.choice([None, 0, 100]),
        "cost": rng.choice([None, "0", f"{rng.choice([0, rng.randrange(10**6)])}.{rng.randrange(10**9):09}"]),
        "latency": draw_seconds(rng),
        "ttft": draw_seconds(rng),
        "success": 0 if failed else 1,
    }  # fmt: skip
    if rng.random() < 0.3:  # one that differs from the sum of the others
        event["total_tokens"] = rng.randint(0, 9000)
    if failed:
        event |= rng.choice(FAILURES)[0]
    return {name: value for name, value in (event | given).items() if value is not None}


def draw_seconds(rng: random.Random) -> float | None:
    """A latency: unknown, none at all, at the border of a bucket or of what is plausible, or any."""
    some = math.exp(rng.gauss(0, 2))
    return rng.choice(
        [None, 0, 0.0000005, 0.5, 1, 2.0, 64, 3600, 3600.5, -1, 2 ** (3 / 35), some, some, some, some, some]
    )


def draw_events(rng: random.Random, count: int, **given: Any) -> list[Json]:
    """Events, some of them the same twice."""
    events = [draw_event(rng, **given) for _ in range(count)]
    return events + [dict(event) for event in rng.sample(events, count // 10)]


# --- the reference -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """An event as it counts."""

    sent: Json

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.sent["event_time"])

    @property
    def failed(self) -> bool:
        return self.sent["success"] == 0

    @property
    def cost(self) -> Decimal | None:
        return Decimal(self.sent["cost"]) if "cost" in self.sent else None

    @property
    def tokens(self) -> int:
        both = self.sent["prompt_tokens"] + self.sent["completion_tokens"]
        return int(self.sent.get("total_tokens", both))

    def dimension(self, name: str) -> str:
        return str(self.sent.get("model_name" if name == "model" else name, "")) if name != "none" else ""

    @property
    def latency(self) -> float | None:
        """The latency if it is plausible."""
        return plausible(self.sent.get("latency"))

    def measured(self, what: str) -> float | None:
        """Its latency, time to first token, or speed, as percentiles count them."""
        latency, ttft = self.latency, plausible(self.sent.get("ttft"))
        if self.failed or what == "latency":
            return None if self.failed else latency
        if what == "ttft":
            return ttft
        writing = None if latency is None else latency - (ttft or 0)
        return (
            self.sent["completion_tokens"] / writing
            if writing and writing > 0 and self.sent["completion_tokens"]
            else None
        )

    @property
    def error(self) -> str:
        keys = ("error_message", "error_class", "status_code")
        said = {key: self.sent[key] for key in keys if key in self.sent}
        return next(name for sent, name in FAILURES if sent == said)


def plausible(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 <= seconds <= 3600 else None


def percentile(values: list[float], level: float) -> float | None:
    """Between the two values around the rank (n - 1) * level."""
    if not values:
        return None
    values, rank = sorted(values), (len(values) - 1) * level
    low, high = values[math.floor(rank)], values[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


def middle(value: float) -> float:
    """The middle of the bucket that a value is in."""
    return 2 ** ((math.floor(35 * math.log2(value)) + 0.5) / 35) if value > 0.000001 else 0.0


@dataclass
class Percentile:
    """What a percentile may be: the exact one, or that of the buckets, which is within 1 % of it."""

    values: list[float]
    level: float
    exactly: bool

    def holds(self, answered: float | None) -> bool:
        exact = percentile(self.values, self.level)
        if exact is None or answered is None:
            return exact is answered
        if self.exactly:
            return near(answered, exact)
        bucketed = percentile([middle(value) for value in self.values], self.level)
        # A microsecond: what is shorter than that is 0.
        return near(answered, bucketed) and math.isclose(answered, exact, rel_tol=0.01, abs_tol=1e-6)


def near(answered: object, expected: object) -> bool:
    """The same, or the same sum of floats in another order."""
    if isinstance(expected, float) and isinstance(answered, float | int):
        return math.isclose(answered, expected, rel_tol=1e-9, abs_tol=1e-12)
    return answered == expected


def money(calls: Iterable[Call]) -> Decimal | None:
    known = [call.cost for call in calls if call.cost is not None]
    return sum(known, Decimal(0)) if known else None


def dollars(calls: Iterable[Call]) -> Exactly:
    """The sum as an answer has it: no float was added to another on the way."""
    total = money(calls)
    return Exactly(None if total is None else float(total))


@dataclass(frozen=True)
class Exactly:
    """A float of which no digit may differ."""

    value: float | None

    @property
    def rank(self) -> float:
        """For an order in which the unknown is below 0."""
        return -1.0 if self.value is None else self.value

    def over(self, count: float) -> float | None:
        """A ratio, unknown where this is or where there is nothing to divide by."""
        return None if self.value is None or not count else self.value / count


def usage(calls: list[Call]) -> Json:
    """What several endpoints say of some calls."""
    latencies = [call.latency for call in calls if call.latency is not None]
    cached = [call.sent["cached_tokens"] for call in calls if "cached_tokens" in call.sent]
    failed = sum(call.failed for call in calls)
    return {
        "requests": len(calls),
        "failed_requests": failed,
        "total_prompt_tokens": sum(call.sent["prompt_tokens"] for call in calls),
        "total_completion_tokens": sum(call.sent["completion_tokens"] for call in calls),
        "total_tokens": sum(call.tokens for call in calls),
        "total_cost": dollars(calls),
        "unpriced_requests": sum(call.cost is None for call in calls),
        "unpriced_tokens": sum(call.tokens for call in calls if call.cost is None),
        "cached_tokens": sum(cached) if cached else None,
        "success_rate": (len(calls) - failed) / len(calls) if calls else None,
        "avg_latency": math.fsum(latencies) / len(latencies) if latencies else None,
        "unknown_latencies": sum("latency" not in call.sent for call in calls),
        "implausible_latencies": sum("latency" in call.sent and call.latency is None for call in calls),
        "first_event_time": str(min(call.time for call in calls)) if calls else None,
        "last_event_time": str(max(call.time for call in calls)) if calls else None,
    }


def percentiles(calls: list[Call], exactly: bool, *names: str) -> Json:
    """Percentiles by their names, as p95_ttft."""

    def one(name: str) -> Percentile:
        level, _, what = ("p50", "", "speed") if name == "output_tokens_per_second" else name.partition("_")
        values = [value for call in calls if (value := call.measured(what)) is not None]
        return Percentile(values, int(level[1:]) / 100, exactly)

    return {name: one(name) for name in names}


def grouped(calls: Iterable[Call], key: Callable[[Call], Any]) -> dict[Any, list[Call]]:
    groups: dict[Any, list[Call]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups


def chosen(row: Json, names: str) -> Json:
    return {name: row[name] for name in names.split()}


def bucket(time: datetime, step: str, zone: ZoneInfo) -> datetime:
    """The start (UTC) of the bucket that a moment is in; hours are counted from the midnight of the zone."""
    if step == "minute":
        return time.replace(second=0)
    local = time.replace(tzinfo=UTC).astimezone(zone)
    day = local.replace(hour=0, minute=0, second=0, tzinfo=None, fold=0)
    if step == "week":
        day -= timedelta(days=day.weekday())
    elif step == "month":
        day = day.replace(day=1)
    begin = day.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return begin + (time - begin) // timedelta(hours=1) * timedelta(hours=1) if step == "hour" else begin


def bucket_columns(begin: datetime, zone: ZoneInfo) -> Json:
    local = begin.replace(tzinfo=UTC).astimezone(zone)
    offset = local.utcoffset() or timedelta()
    return {
        "bucket_utc": str(begin),
        "bucket_local": str(local.replace(tzinfo=None)),
        "utc_offset_minutes": offset // timedelta(minutes=1),
    }


@dataclass
class Question:
    """The parameters of a request."""

    begin: datetime | None = None
    end: datetime | None = None
    filters: dict[str, list[str]] = field(default_factory=dict)
    zone: str = "UTC"
    step: str = "day"
    split: str = "none"
    exactly: bool = False
    earlier: tuple[datetime | None, datetime | None] = (None, None)

    def params(self, name: str) -> Json:
        """As a client sends them to an endpoint."""
        said: Json = {"timezone": self.zone, **{each: ",".join(values) for each, values in self.filters.items()}}
        said |= {"granularity": self.step} if name in STEPPED else {}
        said |= {"dimension": self.split} if name in SPLIT else {}
        said |= {"start_date": str(self.begin)} if self.begin else {}
        said |= {"end_date": str(self.end)} if self.end else {}
        if name in COMPARED:
            given = zip(("earlier_start", "earlier_end"), self.earlier, strict=True)
            said |= {name: str(moment) for name, moment in given if moment}
        return said | ({"exact_percentiles": 1} if self.exactly and name in MEASURED else {})

    def of(self, calls: Iterable[Call]) -> list[Call]:
        """The calls that it asks for."""
        return [call for call in calls if self._within(call.time) and self._chooses(call)]

    def before(self, calls: Iterable[Call]) -> list[Call]:
        """Those of the period that it is compared with: as long and just before it, unless it says another."""
        if self.begin is None or self.end is None:
            return []
        length = self.end - self.begin
        begin = self.earlier[0] or self.begin - length
        return Question(begin, min(self.earlier[1] or begin + length, self.begin), self.filters).of(calls)

    def _within(self, time: datetime) -> bool:
        return (self.begin is None or self.begin <= time) and (self.end is None or time < self.end)

    def _chooses(self, call: Call) -> bool:
        return all(call.dimension(name) in values for name, values in self.filters.items())


def usage_by_model(asked: Question, calls: list[Call]) -> list[Json]:
    groups = grouped(asked.of(calls), lambda call: call.dimension("model"))
    order = sorted(groups, key=lambda name: (-dollars(groups[name]).rank, -len(groups[name]), name))
    names = (
        "total_prompt_tokens total_completion_tokens total_tokens total_cost requests failed_requests "
        "unpriced_requests unpriced_tokens cached_tokens first_event_time last_event_time"
    )
    return [{"model_name": name, **chosen(usage(groups[name]), names)} for name in order]


def usage_timeseries(asked: Question, calls: list[Call]) -> list[Json]:
    names = (
        "requests failed_requests total_prompt_tokens total_completion_tokens total_tokens total_cost "
        "unpriced_requests cached_tokens success_rate avg_latency"
    )
    return [{**head, **chosen(usage(some), names)} for head, some in _buckets(asked, calls)]


def latency_percentiles(asked: Question, calls: list[Call]) -> list[Json]:
    names = ["p50_latency", "p90_latency", "p95_latency", "p99_latency", "p50_ttft", "p95_ttft"]
    return [
        {**head, "requests": len(some), **percentiles(some, asked.exactly, *names)}
        for head, some in _buckets(asked, calls)
    ]


def _buckets(asked: Question, calls: list[Call]) -> Iterator[tuple[Json, list[Call]]]:
    zone = ZoneInfo(asked.zone)
    groups = grouped(asked.of(calls), lambda call: (bucket(call.time, asked.step, zone), call.dimension(asked.split)))
    for begin, value in sorted(groups):
        yield {**bucket_columns(begin, zone), "dimension": value}, groups[begin, value]


def performance(asked: Question, calls: list[Call]) -> list[Json]:
    groups = grouped(asked.of(calls), lambda call: call.dimension("model"))
    names = ["p50_latency", "p90_latency", "p95_latency", "p99_latency", "p50_ttft", "p95_ttft"]
    names.append("output_tokens_per_second")
    return [
        {
            "model_name": name,
            **chosen(usage(some), "avg_latency success_rate requests failed_requests"),
            **percentiles(some, asked.exactly, *names),
            **chosen(usage(some), "unknown_latencies implausible_latencies"),
        }
        for name, some in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def totals(asked: Question, calls: list[Call]) -> list[Json]:
    some, compared = asked.of(calls), asked.begin is not None and asked.end is not None
    earlier = asked.before(calls)
    names = (
        "requests failed_requests total_prompt_tokens total_completion_tokens total_tokens total_cost success_rate "
        "avg_latency unpriced_requests"
    )
    past = chosen(usage(earlier), names) | percentiles(
        earlier, asked.exactly, "p50_latency", "p95_latency", "p99_latency"
    )
    return [
        {
            **usage(some),
            **percentiles(some, asked.exactly, "p50_latency", "p95_latency", "p99_latency"),
            "models": len({call.dimension("model") for call in some}),
            "users": len({call.dimension("user") for call in some} - {""}),
            **{f"previous_{name}": value if compared else None for name, value in past.items()},
        }
    ]


def errors(asked: Question, calls: list[Call]) -> list[Json]:
    failed = [call for call in asked.of(calls) if call.failed]
    rows = []
    for error, some in grouped(failed, lambda call: call.error).items():
        models = {call.dimension("model") for call in some}
        latest = max(some, key=lambda call: (call.time, call.sent["error_message"].encode()))
        rows.append({
            "error": error,
            "error_class": max((call.sent["error_class"] for call in some if "error_class" in call.sent), default=None),
            "model_count": len(models),
            "failed_requests": len(some),
            "share": len(some) / len(failed),
            "models": ", ".join(sorted(models)),
            "first_seen": str(min(call.time for call in some)), "last_seen": str(latest.time),
            "example": latest.sent["error_message"],
        })  # fmt: skip
    rows.sort(key=lambda row: row["error"].encode())
    rows.sort(key=lambda row: row["last_seen"], reverse=True)
    return sorted(rows, key=lambda row: -row["failed_requests"])


def errors_timeseries(asked: Question, calls: list[Call]) -> list[Json]:
    zone = ZoneInfo(asked.zone)
    failed = [call for call in asked.of(calls) if call.failed]
    groups = grouped(failed, lambda call: (bucket(call.time, asked.step, zone), call.error))
    order = sorted(groups, key=lambda key: (key[0], -len(groups[key]), key[1].encode()))
    return [{**bucket_columns(key[0], zone), "error": key[1], "failed_requests": len(groups[key])} for key in order]


def dimensions(asked: Question, calls: list[Call]) -> list[Json]:
    some, rows = asked.of(calls), []
    for name in sorted(FILTERS):
        groups = grouped(some, lambda call, name=name: call.dimension(name))  # type: ignore[misc]
        groups.pop("", None)
        for value in sorted(groups, key=lambda value: (-len(groups[value]), value)):
            counted = {"requests": len(groups[value]), "total_cost": dollars(groups[value])}
            rows.append({"dimension": name, "value": value, **counted})
    return rows


def health(asked: Question, calls: list[Call]) -> list[Json]:
    """Without the time of the last arrival and the quarantine, which `Life` knows; all has come within the hour."""
    some = asked.of(calls)
    counted = usage(some)
    return [
        {
            "events": len(some),
            "demo_events": sum(call.dimension("environment") == "demo" for call in some),
            **chosen(counted, "first_event_time last_event_time unpriced_requests unpriced_tokens"),
            **chosen(counted, "implausible_latencies unknown_latencies"),
            "events_last_hour": len(some),
            "future_events": sum(call.time > datetime(2100, 1, 1) for call in some),
        }
    ]


def wasted_spend(asked: Question, calls: list[Call]) -> list[Json]:
    rows = []
    for name, some in grouped(asked.of(calls), lambda call: call.dimension("model")).items():
        counted, failed = usage(some), [call for call in some if call.failed]
        priced = [call for call in some if call.cost is not None and not call.failed]
        rows.append({
            "value": name, **chosen(counted, "requests failed_requests unpriced_requests total_cost"),
            "wasted_cost": dollars(failed) if failed else Exactly(0.0),
            "cost_per_successful_request": counted["total_cost"].over(len(priced)),
        })  # fmt: skip
    rows.sort(key=lambda row: row["value"])
    rows.sort(key=lambda row: -row["total_cost"].rank)
    return sorted(rows, key=lambda row: (-row["wasted_cost"].rank, -row["failed_requests"]))


def heaviest(asked: Question, calls: list[Call]) -> list[Json]:
    groups, until = grouped(asked.of(calls), lambda call: call.dimension("user")), Decimal(0)
    order = sorted(groups, key=lambda name: (-(money(groups[name]) or 0), -len(groups[name]), name))
    whole = float(sum((money(some) or Decimal(0) for some in groups.values()), Decimal(0)))
    rows = []
    for rank, name in enumerate(order, 1):
        cost = dollars(groups[name])
        until += money(groups[name]) or Decimal(0)
        share, cumulative = cost.over(whole), float(until) / whole if whole else None
        counted = {"requests": len(groups[name]), "total_cost": cost, "value_count": len(groups)}
        rows.append({"rank": rank, "value": name, **counted, "share": share, "cumulative_share": cumulative})
    return rows


def cost_drivers(asked: Question, calls: list[Call]) -> list[Json]:
    """Without the effects: that these are the change is a matter of the rows alone."""
    now, then = asked.of(calls), asked.before(calls)
    compared = asked.begin is not None and asked.end is not None
    before, rows = grouped(then, lambda call: call.dimension("model")), []
    after = grouped(now, lambda call: call.dimension("model"))
    for name in sorted(before.keys() | after.keys()):
        one, other = after.get(name, []), before.get(name, [])
        costs = money(one), money(other)
        change = float(costs[0] or 0) - float(costs[1] or 0)
        rows.append({
            "value": name, "requests": len(one), "total_cost": dollars(one),
            "previous_requests": len(other) if compared else None,
            "previous_total_cost": dollars(other) if compared else None,
            "change": change if compared and costs != (None, None) else None,
        })  # fmt: skip
    rows.sort(key=lambda row: (-row["total_cost"].rank, -row["requests"]))
    return sorted(rows, key=lambda row: -1.0 if row["change"] is None else abs(row["change"]), reverse=True)


def errors_compared(asked: Question, calls: list[Call]) -> list[Json]:
    compared = asked.begin is not None and asked.end is not None
    always = grouped((call for call in Question(None, None, asked.filters).of(calls) if call.failed), lambda c: c.error)
    now = grouped((call for call in asked.of(calls) if call.failed), lambda call: call.error)
    before = grouped((call for call in asked.before(calls) if call.failed), lambda call: call.error)
    rows = []
    for error in sorted(now.keys() | before.keys(), key=str.encode):
        count, past = len(now.get(error, [])), len(before.get(error, []))
        first = min(call.time for call in always[error])
        status = "gone" if not count else "kept" if past else "new" if asked.begin and first >= asked.begin else "back"
        rows.append({
            "error": error, "failed_requests": count, "previous_failed_requests": past if compared else None,
            "status": status if compared else None, "first_seen_ever": str(first),
            "model_count": len({call.dimension("model") for call in [*now.get(error, []), *before.get(error, [])]}),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-row["failed_requests"], -(row["previous_failed_requests"] or 0)))


def adoption(asked: Question, calls: list[Call]) -> list[Json]:
    zone = ZoneInfo(asked.zone)
    firsts = {
        user: bucket(min(call.time for call in some), asked.step, zone)
        for user, some in grouped(Question(None, None, asked.filters).of(calls), lambda c: c.dimension("user")).items()
    }
    rows = []
    for begin, some in sorted(grouped(asked.of(calls), lambda call: bucket(call.time, asked.step, zone)).items()):
        users = {call.dimension("user") for call in some} - {""}
        new = {user for user in users if firsts[user] == begin}
        known = [call for call in some if call.dimension("user")]
        rows.append({
            **bucket_columns(begin, zone), "active_users": len(users), "new_users": len(new),
            "returning_users": len(users - new), "unknown_user_requests": len(some) - len(known),
            **chosen(usage(some), "requests total_cost"), "cost_per_active_user": dollars(known).over(len(users)),
        })  # fmt: skip
    return rows


REFERENCE: dict[str, Callable[[Question, list[Call]], list[Json]]] = {
    "llm_usage_by_model": usage_by_model,
    "llm_usage_timeseries": usage_timeseries,
    "llm_performance": performance,
    "llm_latency_percentiles": latency_percentiles,
    "llm_totals": totals,
    "llm_errors": errors,
    "llm_errors_timeseries": errors_timeseries,
    "llm_dimensions": dimensions,
    "ingest_health": health,
    "llm_wasted_spend": wasted_spend,
    "llm_heaviest": heaviest,
    "llm_cost_drivers": cost_drivers,
    "llm_errors_compared": errors_compared,
    "llm_adoption": adoption,
}
SPLIT = ("llm_usage_timeseries", "llm_latency_percentiles")
COMPARED = ("llm_totals", "llm_cost_drivers", "llm_errors_compared")
STEPPED = (*SPLIT, "llm_errors_timeseries", "llm_adoption")
MEASURED = ("llm_latency_percentiles", "llm_performance", "llm_totals")


# --- questions ---------------------------------------------------------------------------------------------------


def draw_question(rng: random.Random, name: str, calls: list[Call]) -> Question:
    """A random one, its range often at the very bounds of events, quarters, hours and days."""
    begin, end = draw_range(rng, [call for call in calls if call.failed] if "errors" in name else calls)
    values = {
        "model": ["gpt-4", "claude", "llama", "none such"], "provider": ["openai", "anthropic", ""],
        "environment": ["prod", "staging", "demo", ""], "user": ["ann", "bob", ""], "team": ["red", "blue", ""],
        "feature": ["chat", "search", ""],
    }  # fmt: skip
    asked = rng.sample(FILTERS, rng.choice([0, 0, 0, 1, 1, 2]))
    filters = {each: rng.sample(values[each], rng.choice([1, 1, 2])) for each in asked}
    split = rng.choice(["none", *FILTERS]) if name in SPLIT else "none"
    drawn = [draw_range(rng, calls) for _ in range(9)] if name in COMPARED and rng.random() < 0.7 else []
    earlier = next((each for each in drawn if is_before(each, begin, end)), (None, None))
    return Question(begin, end, filters, rng.choice(ZONES), rng.choice(STEPS), split, rng.random() < 0.2, earlier)


def is_before(earlier: tuple[datetime | None, datetime | None], begin: datetime | None, end: datetime | None) -> bool:
    """Whether an earlier period is one of a range, so that it may be asked for."""
    first, last = earlier
    if begin is None or end is None or begin > end or (first or last) is None:
        return False
    if first is None:
        return last is not None and last > begin - (end - begin)
    return first < begin and (last is None or last > first)


def draw_range(rng: random.Random, calls: list[Call]) -> tuple[datetime | None, datetime | None]:
    begin, end = draw_moment(rng, calls), draw_moment(rng, calls)
    kind = rng.randrange(10)
    if kind < 2:  # all, or open on one side
        return rng.choice([(None, None), (begin, None), (None, end)])
    if kind < 4:  # within a quarter, an hour, a day; or nothing
        return begin, begin + timedelta(seconds=rng.choice([0, 1, 600, 899, 900, 1800, 3600, 5000, 86400, 90000]))
    if kind < 9:
        return min(begin, end), max(begin, end)
    return begin, end  # perhaps the wrong way round


def draw_moment(rng: random.Random, calls: list[Call]) -> datetime:
    """At a call or just beside it, so that it lies in a ragged end, or at the border of a period that it is in."""
    time = rng.choice(calls).time if calls and rng.random() < 0.9 else draw_time(rng)
    if step := rng.choice([0, 900, 3600, 86400]):
        return time - timedelta(seconds=(time - datetime(2025, 1, 1)).total_seconds() % step + rng.choice([0, 0, 0, 1]))
    return time + timedelta(seconds=rng.choice([0, 1, -1, -60, 60, 400]))


def differences(answered: list[Json], expected: list[Json]) -> list[str]:
    """What is wrong with an answer."""
    if len(answered) != len(expected):
        return [f"{len(answered)} rows, expected {len(expected)}: {answered[:3]} / {expected[:3]}"]
    wrong = []
    for at, (row, right) in enumerate(zip(answered, expected, strict=True)):
        wrong += [f"no {name}" for name in right.keys() - row.keys()]
        wrong += [f"row {at}: {name} is {row[name]!r}, not {value!r}" for name, value in right.items()
                  if name in row and not _right(row[name], value)]  # fmt: skip
    return wrong


def _right(answered: Any, expected: Any) -> bool:
    if isinstance(expected, Percentile):
        return expected.holds(answered)
    if isinstance(expected, Exactly):
        return bool(answered == expected.value)
    return near(answered, expected)


BORDERS = [
    Question(datetime(2025, 3, 31), datetime(2025, 4, 2)),  # whole days; the days before are whole too
    Question(datetime(2025, 11, 2, 13), datetime(2025, 11, 2, 13, 45)),  # whole quarters; those before begin at 12:15
    Question(datetime(2025, 4, 1), datetime(2025, 4, 2), earlier=(datetime(2025, 3, 30), datetime(2025, 3, 31))),
]
"""Ranges that chance seldom hits, for the endpoints that add several rollups."""


# --- a store and the events that must be in it -------------------------------------------------------------------


@dataclass
class Life:
    """A server, the events in it, and the means to change both."""

    perch: Perch
    rng: random.Random
    events: list[Json] = field(default_factory=list)
    bad: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))

    def post(self, events: list[Json]) -> None:
        """New rows, in bodies of some size, so that several commits have them."""
        for at in range(0, len(events), 120):
            answer = self.perch.post_events("llm_events", events[at : at + 120])
            assert answer.json()["successful_rows"] == len(events[at : at + 120]), answer.text
        self.events += events

    def post_bad(self) -> None:
        """A row for the quarantine."""
        assert self.perch.post_events("llm_events", {"model_name": "x"}).json()["quarantined_rows"] == 1
        self.bad += 1

    def roll_up(self) -> Json:
        answer = self.perch.request("POST", "/v0/rollups")
        assert answer.status_code == 200, answer.text
        said: Json = answer.json()
        return said

    def delete(self, condition: str, gone: Callable[[Call], bool]) -> None:
        data = {"delete_condition": condition}
        answer = self.perch.request("POST", "/v0/datasources/llm_events/delete", data=data)
        left = [event for event in self.events if not gone(Call(event))]
        assert answer.json()["rows_deleted"] == len(self.events) - len(left) > 0, answer.text
        self.events = left

    def replace(self, events: list[Json]) -> None:
        params = {"name": "llm_events", "mode": "replace", "format": "ndjson"}
        body = "\n".join(json.dumps(event) for event in events).encode()
        answer = self.perch.request("POST", "/v0/datasources", params=params, data=body)
        assert answer.json()["successful_rows"] == len(events), answer.text
        self.events = list(events)

    def truncate(self) -> None:
        assert self.perch.request("POST", "/v0/datasources/llm_events/truncate").status_code == 205
        self.events = []

    def check(self, state: str) -> None:
        """Ask random questions of some endpoints, in a longer run of all."""
        calls = [Call(event) for event in self.events]
        for name in self.rng.sample(list(REFERENCE), 6) if QUESTIONS == 1 else REFERENCE:
            for _ in range(QUESTIONS):
                self._ask(state, name, draw_question(self.rng, name, calls), calls)

    def check_borders(self, state: str) -> None:
        """Ask for ranges without ragged ends."""
        for name in ("llm_totals", "llm_dimensions", "llm_cost_drivers", "llm_errors_compared"):
            for asked in BORDERS:
                self._ask(state, name, asked, [Call(event) for event in self.events])

    def _ask(self, state: str, name: str, asked: Question, calls: list[Call]) -> None:
        answered = self.perch.pipe(name, **asked.params(name))
        wrong = differences(answered, REFERENCE[name](asked, calls))
        if name == "ingest_health":
            wrong += self._wrong_arrivals(asked, calls, answered[0])
        assert not wrong, f"{state}: {name} {asked.params(name)}: " + "; ".join(wrong[:6])

    def _wrong_arrivals(self, asked: Question, calls: list[Call], row: Json) -> list[str]:
        now = datetime.now(UTC).replace(tzinfo=None)
        found = asked.begin is None or asked.begin <= now
        bad = self.bad if found and (asked.end is None or asked.end > now) else 0
        wrong = [] if row["quarantined_events"] == bad else [f"{row['quarantined_events']} quarantined, not {bad}"]
        last = row["last_ingested_at"]
        if not asked.of(calls):
            return wrong if last is None else [*wrong, f"arrived {last}, but nothing has"]
        arrived = last is not None and self.began <= datetime.fromisoformat(last) <= now
        return wrong if arrived else [*wrong, f"arrived {last}"]


@pytest.fixture
def rng() -> random.Random:
    return random.Random(SEED)


# --- the states of a store ---------------------------------------------------------------------------------------


def test_answers_while_rows_come(tmp_path: Path, rng: random.Random) -> None:
    settings = make_settings(tmp_path, query_timeout="60s", cost="sent-only")
    with running(settings) as perch:
        life = Life(perch, rng)
        life.check("empty")
        life.post(draw_events(rng, 300))
        life.post_bad()
        life.check("nothing rolled up")
        life.roll_up()
        life.check("rolled up")
        life.check_borders("rolled up")
        life.post(draw_events(rng, 60))
        life.post(
            [draw_event(rng, event_time="2024-02-29 12:00:00"), draw_event(rng, event_time="2105-05-05 05:05:05")]
        )
        life.check("late rows, not rolled up")
        life.roll_up()
        life.check("late rows, rolled up")

        with_ids = [draw_event(rng, id=f"id-{at}") for at in range(40)]
        life.post(with_ids)
        again = perch.post_events("llm_events", [*with_ids[:20], *with_ids[:5]]).json()
        assert (again["successful_rows"], again["duplicate_rows"]) == (0, 25)
        life.roll_up()
        fresh = [draw_event(rng, id=f"new-{at}") for at in range(10)]
        again = perch.post_events("llm_events", [*with_ids[10:], *fresh, *fresh]).json()
        assert (again["successful_rows"], again["duplicate_rows"]) == (10, 40)
        life.events += fresh
        life.check("rows sent again")

        some = draw_events(rng, 30)
        body = "\n".join(json.dumps(event) for event in some)
        for _ in range(2):
            headers = {"Idempotency-Key": "k"}
            answer = perch.request("POST", "/v0/events?name=llm_events&wait=true", data=body, headers=headers)
            assert answer.json()["successful_rows"] == len(some)
            life.roll_up()
        assert "Idempotent-Replayed" in answer.headers
        life.events += some
        life.check("a body sent again")
        life.post(draw_events(rng, 20))
    with running(settings) as life.perch:
        life.check("another start")
        life.roll_up()
        life.post(draw_events(rng, 20))
        life.check("another start, rolled up and more")


def test_answers_after_rows_are_removed(tmp_path: Path, rng: random.Random) -> None:
    settings = make_settings(tmp_path, query_timeout="60s", cost="sent-only")
    with running(settings) as perch:
        life = Life(perch, rng)
        life.post(draw_events(rng, 150))
        life.roll_up()
        life.post(draw_events(rng, 150))
        life.roll_up()
        life.post(draw_events(rng, 30))
        life.delete("environment = 'demo'", lambda call: call.dimension("environment") == "demo")
        life.check("deleted by environment")
        life.delete(
            "event_time >= '2025-10-26 00:10:00' AND event_time < '2025-11-02 12:00:00' AND model_name = 'claude'",
            lambda call: (
                datetime(2025, 10, 26, 0, 10) <= call.time < datetime(2025, 11, 2, 12)
                and call.dimension("model") == "claude"
            ),
        )
        life.check("deleted by time and model")
        life.roll_up()
        life.delete("user = 'ann' OR cost IS NULL AND provider IS NULL", lambda call: (
            call.dimension("user") == "ann" or (call.cost is None and "provider" not in call.sent)))  # fmt: skip
        life.check("deleted, after all was merged")
        one = min(life.events, key=lambda event: event["event_time"])["event_time"]
        life.delete(f"event_time = '{one}'", lambda call: str(call.time) == one)
        life.post(draw_events(rng, 20))
        life.roll_up()
        life.check("deleted one, and rolled up")

        life.replace(draw_events(rng, 150))
        life.check("replaced")
        life.post(draw_events(rng, 40))
        life.roll_up()
        life.check("replaced, and rolled up")
        life.truncate()
        life.check("truncated")
        life.post(draw_events(rng, 80))
        life.check("truncated, and new rows")
        life.roll_up()
        life.check("truncated, and new rows rolled up")
        life.delete("1", lambda call: True)
        life.check("all deleted by a condition")
    with running(settings) as life.perch:
        life.check("all deleted, another start")
        life.post(draw_events(rng, 40))
        life.roll_up()
        life.check("all deleted, new rows")


def test_a_deletion_by_chance_takes_the_same_rows_from_rollups(perch: Perch, rng: random.Random) -> None:
    life = Life(perch, rng)
    life.post(draw_events(rng, 200))
    life.roll_up()
    data = {"delete_condition": "rand() % 2 = 0"}
    gone = perch.request("POST", "/v0/datasources/llm_events/delete", data=data).json()["rows_deleted"]
    assert 0 < gone < len(life.events)
    assert perch.pipe("llm_totals")[0]["requests"] == len(life.events) - gone
    left = perch.sql("SELECT model_name, sum(total_tokens) AS n FROM llm_events GROUP BY model_name")
    rolled = {row["model_name"]: row["total_tokens"] for row in perch.pipe("llm_usage_by_model")}
    assert rolled == {row["model_name"]: int(row["n"]) for row in left}


# --- kill -9 -----------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """Bodies with keys that are sent, and deletions, until the server is gone; what has no answer comes again."""

    life: Life
    number: int = 0
    unanswered: tuple[str, list[Json]] | None = None

    def send(self) -> None:
        """One more body; with the same key if its answer has not come."""
        if self.unanswered is None:
            self.number += 1
            user = f"gone-{self.number}" if self.number % 3 == 0 else "stays"
            self.unanswered = f"key-{self.number}", draw_events(self.life.rng, 40, session=user)
        key, events = self.unanswered
        body = "\n".join(json.dumps(event) for event in events)
        head = {"Idempotency-Key": key}
        answer = self.life.perch.request("POST", "/v0/events?name=llm_events&wait=true", data=body, headers=head)
        assert answer.json()["successful_rows"] == len(events)
        self.life.events += events
        self.unanswered = None

    def delete(self) -> None:
        """What some of the bodies brought; sent again it deletes nothing more."""
        data = {"delete_condition": "startsWith(session, 'gone')"}
        answer = self.life.perch.request("POST", "/v0/datasources/llm_events/delete", data=data)
        assert answer.status_code == 200, answer.text
        self.life.events = [event for event in self.life.events if event["session"] == "stays"]

    def until_gone(self) -> None:
        with contextlib.suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            while True:
                self.send()
                if self.number % 7 == 0:
                    self.delete()


def roll_up_until_gone(perch: Perch) -> None:
    with requests.Session() as session, contextlib.suppress(requests.RequestException):
        other = Perch(perch.url, perch.settings, session=session)
        while True:
            assert other.request("POST", "/v0/rollups").status_code == 200


def test_answers_after_kill_9(tmp_path: Path, rng: random.Random) -> None:
    settings = make_settings(tmp_path, query_timeout="60s", cost="sent-only")
    served = start(settings)
    life = Life(served.perch, rng)
    load = Load(life)
    try:
        for _ in range(2):
            rolling = threading.Thread(target=roll_up_until_gone, args=(served.perch,))
            rolling.start()
            killing = threading.Timer(rng.uniform(0.3, 1.5), served.process.kill)
            killing.start()
            load.until_gone()
            rolling.join()
            served.wait()
            served = start(settings)
            life.perch = served.perch
            load.send()  # again, or one more
            load.delete()
            assert life.events
            life.check("killed")
            life.roll_up()
            life.check("killed, and rolled up")
        assert "Traceback" not in served.log.read_text()
    finally:
        served.kill()
