"""The shipped pipes as one statement each, over rows of the shipped data source."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from metrics.datafiles import DataSource, Pipe
from metrics.dialect.types import parse_type
from metrics.templating import Template

START = datetime(2025, 11, 1, 20, 0, 0)

REQUESTS: tuple[Mapping[str, object], ...] = (
    {},
    {"start_date": "2025-11-01 22:00:00", "end_date": "2025-11-02 20:00:00"},
    {"model": "gpt-4,llama", "timezone": "America/Los_Angeles", "granularity": "hour", "dimension": "model"},
    {"granularity": "month", "dimension": "user"},
    {"granularity": "week", "timezone": "Asia/Kolkata", "provider": ["a", "b"]},
    {"granularity": "minute", "timezone": "America/Los_Angeles"},
    {"granularity": "day", "timezone": "America/Los_Angeles", "dimension": "environment"},
    {"only_failed": "true", "limit": "5", "environment": "prod"},
    {"start_date": "2030-01-01 00:00:00", "end_date": "2030-02-01 00:00:00"},
    {"start_date": "2031-01-01 00:00:00"},
    {"user": "", "team": "a", "feature": "b"},
)


def rows_of(source: DataSource, count: int = 200) -> list[list[object]]:
    """Rows that fit the columns of `llm_events`: unknown values, ties, implausible latencies, autumn's hour."""
    chance = random.Random(5)
    return [[_value(column.name, column.type, n, chance) for column in source.columns] for n in range(count)]


def _value(name: str, type_: str, n: int, chance: random.Random) -> object:
    chosen: Mapping[str, Sequence[object]] = {
        "model_name": ["gpt-4", "claude", "llama", ""],
        "error_message": ["", "", "Rate limit 123 exceeded", "Timeout after 5.3s req_ab12", "it's"],
        "latency": [0.5, 1.25, 2.5, 4000.0, -1.0],
        "environment": ["prod", "demo", ""],
        "success": [0, 1, 1],
    }
    if name == "event_time":
        return START + timedelta(minutes=13 * n)
    if "Nullable" in type_ and chance.random() < 0.25:
        return None
    if name in chosen:
        return chance.choice(chosen[name])
    bare = parse_type(type_).bare
    if bare.is_integer:
        return chance.randint(0, 1 if bare.bits == 8 else 5000)
    if bare.is_float:
        return chance.randint(0, 100) / 8
    if bare.is_decimal:
        return Decimal(chance.randint(0, 10**6)) / Decimal(10**6)
    if bare.is_time:
        return START + timedelta(seconds=chance.randint(0, 10**5))
    return chance.choice(["a", "b", "c", ""])


def quarantine_columns(source: DataSource) -> list[tuple[str, str]]:
    """The columns of the data source's quarantine table."""
    raw = [(column.name, "Nullable(String)") for column in source.columns]
    return [
        *raw,
        ("c__error_column", "Array(String)"),
        ("c__error", "Array(String)"),
        ("c__import_id", "Nullable(String)"),
        ("insertion_date", "DateTime"),
    ]


class Statement:
    """A pipe rendered for a request: the nodes, the last one's SQL, the values, and all of it as one text."""

    def __init__(self, pipe: Pipe, request: Mapping[str, object], columns: frozenset[str]) -> None:
        templates = [Template(node, pipe.path.name) for node in pipe.nodes]
        known = {parameter.name for template in templates for parameter in template.parameters}
        asked = {name: value for name, value in request.items() if name in known}
        rendered = [template.render(asked, columns, prefix=f"n{at}_") for at, template in enumerate(templates)]
        self.values = {name: value for each in rendered for name, value in each.values.items()}
        self.nodes = {
            node.name: (each.sql, node.line) for node, each in zip(pipe.nodes[:-1], rendered[:-1], strict=True)
        }
        self.last = rendered[-1].sql
        self.line = pipe.nodes[-1].line
        before = ", ".join(f"{name} AS ({sql})" for name, (sql, _) in self.nodes.items())
        self.whole = f"WITH {before} {self.last}" if before else self.last
