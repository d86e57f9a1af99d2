"""A seeded synthetic year of model calls, for looking at the pages before there are events of one's own.

It enters the river where every event does: `ndjson` makes bodies for `POST /v0/events`. Each row carries
`environment = 'demo'`, by which pages recognise it and `python -m metrics demo --remove` finds it. There are a weekly
and a daily rhythm, growth, models that replace others, one price change, two bursts of errors, two slow days, calls
without a price, calls without a latency and one absurdly expensive call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Random = np.random.Generator

HOURS = 365 * 24
BODY_ROWS = 5_000
BLOCK_ROWS = 50_000


class Model(NamedTuple):
    """A model: prices in dollars per million tokens (`None`: nobody knows), seconds to its first token, tokens per
    second, and the part of the year in which it is used, from 0 (a year ago) to 1 (now)."""

    name: str
    provider: str
    kind: str
    price_in: float | None
    price_cached: float
    price_out: float
    first_token: float
    speed: float
    popularity: float
    since: float = -1.0
    until: float = 2.0


MODELS = (
    Model("gpt-4o-2024-11-20", "openai", "large", 2.5, 1.25, 10, 0.55, 75, 7, until=0.45),
    Model("gpt-4o-mini", "openai", "small", 0.15, 0.075, 0.6, 0.45, 95, 9, until=0.5),
    Model("gpt-4.1", "openai", "large", 2, 0.5, 8, 0.6, 85, 6, since=0.08, until=0.75),
    Model("gpt-4.1-mini", "openai", "small", 0.4, 0.1, 1.6, 0.45, 100, 5, since=0.08),
    Model("gpt-5", "openai", "large", 1.25, 0.125, 10, 0.9, 80, 9, since=0.42),
    Model("gpt-5-mini", "openai", "small", 0.25, 0.025, 2, 0.6, 110, 9, since=0.42),
    Model("o3", "openai", "reasoning", 10, 2.5, 40, 4.5, 70, 4, until=0.85),
    Model("o4-mini", "openai", "reasoning", 1.1, 0.275, 4.4, 3.2, 110, 5),
    Model("text-embedding-3-small", "openai", "embedding", 0.02, 0.02, 0, 0.12, 1e9, 6),
    Model("claude-3-5-haiku-20241022", "anthropic", "small", 0.8, 0.08, 4, 0.6, 70, 4, until=0.6),
    Model("claude-sonnet-4-20250514", "anthropic", "large", 3, 0.3, 15, 0.8, 65, 9, until=0.68),
    Model("claude-sonnet-4-5-20250929", "anthropic", "large", 3, 0.3, 15, 0.75, 72, 10, since=0.62),
    Model("claude-haiku-4-5-20251001", "anthropic", "small", 1, 0.1, 5, 0.4, 130, 6, since=0.64),
    Model("claude-opus-4-1-20250805", "anthropic", "reasoning", 15, 1.5, 75, 1.4, 42, 2, since=0.3),
    Model("gemini-2.0-flash", "google", "small", 0.1, 0.025, 0.4, 0.35, 160, 6, until=0.55),
    Model("gemini-2.5-flash", "google", "small", 0.3, 0.075, 2.5, 0.4, 170, 7, since=0.35),
    Model("gemini-2.5-pro", "google", "reasoning", 1.25, 0.31, 10, 2.6, 95, 4, since=0.2),
    Model("mistral-large-2411", "mistral", "large", 2, 2, 6, 0.6, 60, 2),
    Model("deepseek-chat", "deepseek", "large", 0.27, 0.07, 1.1, 1.1, 35, 3, since=0.15),
    Model("llama-3.3-70b-finetuned", "self-hosted", "small", None, 0, 0, 0.5, 45, 2, since=0.25),
)
PRICE_CHANGE = ("o3", 0.55, 0.2)
"""From this part of the year on, this model costs this share of its price."""


class Feature(NamedTuple):
    """What calls are made for: a team's feature with its usual tokens and the kinds of models it uses."""

    name: str
    team: str
    operation: str
    share: float
    prompt: float
    completion: float
    cached: float
    stream: bool
    kinds: dict[str, float]


FEATURES = (
    Feature("support-chat", "support", "chat", 30, 1_800, 220, 0.5, True, {"large": 5, "small": 5}),
    Feature("search-answers", "search", "chat", 22, 3_200, 260, 0.2, True, {"large": 4, "small": 6}),
    Feature("document-summary", "documents", "chat", 10, 9_500, 480, 0.05, False, {"large": 3, "small": 7}),
    Feature("code-review", "platform", "chat", 9, 12_000, 900, 0.4, True, {"large": 6, "reasoning": 4}),
    Feature("ticket-triage", "support", "chat", 11, 700, 12, 0.3, False, {"small": 1}),
    Feature("report-agent", "analytics", "chat", 5, 22_000, 1_500, 0.6, False, {"large": 4, "reasoning": 6}),
    Feature("email-drafts", "growth", "chat", 7, 900, 300, 0.1, True, {"large": 3, "small": 7}),
    Feature("semantic-index", "search", "embeddings", 6, 1_200, 0, 0.0, False, {"embedding": 1}),
)


class Failure(NamedTuple):
    """A kind of failure. `{request}` in its text becomes an id, `{number}` a number."""

    text: str
    error_class: str
    status: int | None
    seconds: float
    share: float


FAILURES = (
    Failure("Rate limit reached: {number} tokens per minute, request {request}", "RateLimitError", 429, 0.2, 40),
    Failure("Request timed out after 60 s", "APITimeoutError", None, 60.0, 18),
    Failure("The server had an error while processing the request {request}", "InternalServerError", 500, 2.5, 16),
    Failure("Overloaded", "OverloadedError", 529, 0.4, 12),
    Failure("This model's context is {number} tokens at most", "ContextWindowExceededError", 400, 0.3, 8),
    Failure("Connection error: [Errno 104] Connection reset by peer", "APIConnectionError", None, 5.0, 4),
    Failure("Invalid API key", "AuthenticationError", 401, 0.1, 2),
)
FAILURE_RATE = 0.011


class Incident(NamedTuple):
    """Hours, counted back from now, in which a provider failed more often or was slower."""

    provider: str
    began: float
    ended: float
    failing: float
    slower: float


INCIDENTS = (
    Incident("openai", 24 * 201 + 7, 24 * 201 + 2, 0.35, 1.6),
    Incident("anthropic", 24 * 19 + 9, 24 * 19 + 5, 0.45, 1.3),
    Incident("anthropic", 24 * 96 + 22, 24 * 95, 0.01, 2.8),
    Incident("google", 24 * 6 + 20, 24 * 5 + 10, 0.02, 3.5),
)
EXPENSIVE_HOURS_AGO = 24 * 11 + 4


class Event(msgspec.Struct, gc=False):
    """A row of llm_events as it is posted."""

    event_time: str
    model_name: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float | None
    latency: float | None
    success: int
    error_message: str
    id: str
    provider: str
    operation: str
    user: str
    team: str
    feature: str
    session: str
    cached_tokens: int | None
    reasoning_tokens: int | None
    ttft: float | None
    stream: int
    status_code: int | None
    error_class: str | None
    environment: str


def ndjson(rows: int, seed: int = 1, until: datetime | None = None) -> Iterator[tuple[int, bytes]]:
    """NDJSON bodies of up to 5,000 events, oldest first, each with its number of events.

    The events lie in the 365 days before `until` (default: now). The same rows, seed and `until` make the same bytes.
    """
    encode = msgspec.json.Encoder().encode_lines
    for block in _blocks(rows, seed, until or datetime.now(UTC)):
        for start in range(0, len(block), BODY_ROWS):
            body = block[start : start + BODY_ROWS]
            yield len(body), encode(body)


def _blocks(rows: int, seed: int, until: datetime) -> Iterator[list[Event]]:
    until = until.astimezone(UTC).replace(microsecond=0)
    seconds = _seconds_ago(np.random.default_rng(seed), rows, until)
    for number, start in enumerate(range(0, rows, BLOCK_ROWS)):
        ago = seconds[start : start + BLOCK_ROWS]
        yield _events(_Calls(np.random.default_rng([seed, number]), ago), until, seed, start)


def _seconds_ago(random: Random, rows: int, until: datetime) -> Array:
    """When the calls were made, in seconds before `until`, oldest first."""
    # The absurdly expensive call is one of the rows, so its place is kept free.
    counts = random.multinomial(max(rows - 1, 0), _hourly(random, until))
    hours = np.repeat(np.arange(HOURS, 0, -1), counts)
    ago = hours * 3600 - random.integers(0, 3600, len(hours))
    extra = [EXPENSIVE_HOURS_AGO * 3600] if rows else []
    return np.sort(np.concatenate([ago, extra]).astype(np.int64))[::-1]


def _hourly(random: Random, until: datetime) -> Array:
    """The share of the year's calls in each of its hours: growth, weekdays, office hours in two continents, noise."""
    start = until - timedelta(hours=HOURS)
    hours = np.arange(HOURS)
    clock = (start.hour + hours) % 24
    weekday = (start.weekday() + (start.hour + hours) // 24) % 7
    day = 0.12 + np.exp(-(((clock - 9.5) / 3.2) ** 2)) * 0.7 + np.exp(-(((clock - 18) / 3.6) ** 2))
    week = np.array([1.0, 1.06, 1.08, 1.04, 0.9, 0.32, 0.28])[weekday]
    growth = np.exp(1.5 * hours / HOURS)
    noise = np.repeat(random.lognormal(0, 0.08, HOURS // 24), 24) * random.lognormal(0, 0.06, HOURS)
    weights = day * week * growth * noise
    return np.asarray(weights / weights.sum())


@dataclass
class _Calls:
    """What happened in a block of calls, column by column."""

    random: Random
    ago: Array

    def __post_init__(self) -> None:
        self.size = len(self.ago)
        self.year = 1 - self.ago / (HOURS * 3600)
        self.feature = self.random.choice(len(FEATURES), self.size, p=_shares([item.share for item in FEATURES]))
        self.model = self._models()
        self._speak()
        self._wait()
        self._fail()
        self._spend_absurdly()

    def _models(self) -> Array:
        """A model for each call: its feature's kinds, among the models in use at that time."""
        offered = np.array([_in_use(self.year, model) * model.popularity for model in MODELS]).T
        wanted = np.array([[item.kinds.get(model.kind, 0) for model in MODELS] for item in FEATURES])
        weights = np.cumsum(offered * wanted[self.feature], axis=1)
        drawn = self.random.random(self.size) * weights[:, -1]
        return np.asarray((weights < drawn[:, None]).sum(axis=1))

    def of_model(self, value: Callable[[Model], Any]) -> Array:
        """A value of each call's model."""
        return np.array([value(model) for model in MODELS])[self.model]

    def of_feature(self, value: Callable[[Feature], Any]) -> Array:
        """A value of each call's feature."""
        return np.array([value(item) for item in FEATURES])[self.feature]

    def _speak(self) -> None:
        """Tokens of the prompt, of the answer, from the cache and of reasoning."""
        random = self.random
        self.prompt = (self.of_feature(lambda item: item.prompt) * random.lognormal(0, 0.75, self.size)).astype(int) + 8
        answer = self.of_feature(lambda item: item.completion) * random.lognormal(0, 0.8, self.size)
        reasons = self.of_model(lambda model: model.kind == "reasoning")
        self.reasoning = np.where(reasons, answer * random.lognormal(-0.2, 0.7, self.size), 0).astype(int)
        self.completion = answer.astype(int) + self.reasoning
        hit = random.random(self.size) < self.of_feature(lambda item: item.cached)
        self.cached = np.where(hit, self.prompt * random.uniform(0.5, 0.95, self.size), 0).astype(int) // 64 * 64

    def _wait(self) -> None:
        """Seconds to the first token and to the last."""
        random = self.random
        slower = np.ones(self.size)
        for incident in INCIDENTS:
            slower[self._during(incident)] *= incident.slower
        thinking = self.reasoning / self.of_model(lambda model: model.speed)
        reading = self.prompt / 40_000
        self.ttft = (self.of_model(lambda model: model.first_token) + reading) * random.lognormal(0, 0.4, self.size)
        self.ttft = np.round(self.ttft * slower + thinking, 3)
        speed = self.of_model(lambda model: model.speed) * random.lognormal(0, 0.2, self.size)
        answering = (self.completion - self.reasoning) / speed
        self.latency = np.round(self.ttft + answering * slower, 3)

    def _during(self, incident: Incident) -> Array:
        hours = self.ago / 3600
        provider = self.of_model(lambda model: model.provider == incident.provider)
        return np.asarray(provider & (hours <= incident.began) & (hours > incident.ended))

    def _fail(self) -> None:
        """Which calls failed, and how: `failure` is an index into FAILURES, -1 for a call that went well."""
        chance = np.full(self.size, FAILURE_RATE)
        for incident in INCIDENTS:
            chance[self._during(incident)] += incident.failing
        kinds = self.random.choice(len(FAILURES), self.size, p=_shares([item.share for item in FAILURES]))
        self.failure = np.where(self.random.random(self.size) < chance, kinds, -1)
        failed = self.failure >= 0
        for column in (self.prompt, self.completion, self.cached, self.reasoning):
            column[failed] = 0
        seconds = np.array([item.seconds for item in FAILURES])[self.failure]
        self.latency = np.where(failed, np.round(seconds * self.random.lognormal(0, 0.1, self.size), 3), self.latency)

    def _spend_absurdly(self) -> None:
        for row in np.flatnonzero(self.ago == EXPENSIVE_HOURS_AGO * 3600)[:1]:
            names = [model.name for model in MODELS]
            self.model[row] = names.index("claude-opus-4-1-20250805")
            self.feature[row] = [item.name for item in FEATURES].index("report-agent")
            self.prompt[row], self.completion[row], self.cached[row] = 8_400_000, 640_000, 0
            self.reasoning[row], self.failure[row], self.latency[row] = 0, -1, 2_911.4

    def costs(self) -> list[float | None]:
        """Dollars, exact to nine places; None where nobody knows the price."""
        nano = {
            "in": self.of_model(lambda model: _nano(model.price_in or 0)),
            "cached": self.of_model(lambda model: _nano(model.price_cached)),
            "out": self.of_model(lambda model: _nano(model.price_out)),
        }
        cost = (self.prompt - self.cached) * nano["in"] + self.cached * nano["cached"] + self.completion * nano["out"]
        name, since, share = PRICE_CHANGE
        changed = self.of_model(lambda model: model.name == name) & (self.year >= since)
        cost = np.where(changed, np.rint(cost * share), cost)
        known = self.of_model(lambda model: model.price_in is not None) & (self.random.random(self.size) > 0.004)
        return _or_none(cost / 1e9, known)


def _in_use(year: Array, model: Model) -> Array:
    """How far a model is taken up at a time of the year: from nothing to all in about five weeks, and back."""

    def risen(since: float) -> Array:
        return np.asarray(1 / (1 + np.exp(-(year - since - 0.05) / 0.02)))

    return np.asarray(risen(model.since) * (1 - risen(model.until)))


def _nano(dollars_per_million: float) -> int:
    """Billionths of a dollar per token: whole numbers, so that costs are exact."""
    return round(dollars_per_million * 1000)


def _shares(weights: list[float]) -> Array:
    return np.array(weights) / sum(weights)


def _or_none(values: Array, known: Array) -> list[Any]:
    return [value if ok else None for value, ok in zip(values.tolist(), known.tolist(), strict=True)]


def _events(calls: _Calls, until: datetime, seed: int, first: int) -> list[Event]:
    random, size = calls.random, calls.size
    good = calls.failure < 0
    people = (random.zipf(1.35, size) - 1) % 60 + 1
    teams = calls.of_feature(lambda item: item.team).tolist()
    users = [f"{team}-{number:02}" for team, number in zip(teams, people.tolist(), strict=True)]
    moments = np.datetime64(until.replace(tzinfo=None), "s") - calls.ago.astype("timedelta64[s]")
    days = (calls.ago // 7200).tolist()
    ids = random.integers(0, 2**63, size).tolist()
    messages, classes, statuses = _failures(calls, ids)
    cached = calls.of_model(lambda model: model.kind != "embedding") & good
    reasons = calls.of_model(lambda model: model.kind == "reasoning") & good
    streams = calls.of_feature(lambda item: item.stream)
    columns = (
        [text.replace("T", " ") for text in np.datetime_as_string(moments).tolist()],
        calls.of_model(lambda model: model.name).tolist(),
        calls.prompt.tolist(),
        calls.completion.tolist(),
        (calls.prompt + calls.completion).tolist(),
        calls.costs(),
        _or_none(calls.latency, random.random(size) > 0.003),
        good.astype(int).tolist(),
        messages,
        [f"demo-{seed}-{first + row}" for row in range(size)],
        calls.of_model(lambda model: model.provider).tolist(),
        calls.of_feature(lambda item: item.operation).tolist(),
        users,
        teams,
        calls.of_feature(lambda item: item.name).tolist(),
        [f"{user}-{day}" for user, day in zip(users, days, strict=True)],
        _or_none(calls.cached, cached),
        _or_none(calls.reasoning, reasons),
        _or_none(calls.ttft, streams & good),
        streams.astype(int).tolist(),
        statuses,
        classes,
        ["demo"] * size,
    )
    return list(map(Event, *columns))


def _failures(calls: _Calls, ids: list[int]) -> tuple[list[str], list[str | None], list[int | None]]:
    """Message, class and status code of each call."""
    messages, classes, statuses = [""] * calls.size, [None] * calls.size, [200] * calls.size
    found: tuple[list[str], list[str | None], list[int | None]] = (messages, list(classes), list(statuses))
    for row in np.flatnonzero(calls.failure >= 0).tolist():
        failure = FAILURES[calls.failure[row]]
        request, number = f"req_{ids[row]:016x}", ids[row] % 90_000 + 10_000
        found[0][row] = failure.text.format(request=request, number=number)
        found[1][row], found[2][row] = failure.error_class, failure.status
    return found
