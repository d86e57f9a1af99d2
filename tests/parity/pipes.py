"""The shipped pipes as one statement each, over rows of the shipped data source."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from metrics.datafiles import DataSource
from metrics.dialect.types import parse_type
from metrics.materializing import rollups_of
from metrics.pipes import Endpoint
from metrics.rollups import Rollup
from metrics.templating import Template
from metrics.workspace import Workspace
from tests.parity.engines import Answer, Engines

START = datetime(2025, 11, 1, 20, 0, 0)

RAGGED: tuple[Mapping[str, object], ...] = (
    {
        "start_date": "2025-11-01 21:13:31",
        "end_date": "2025-11-03 02:41:07",
        "earlier_start": "2025-11-01 20:10:00",
        "earlier_end": "2025-11-01 21:02:30",
        "granularity": "hour",
    },
    {"start_date": "2025-11-02 06:03:10", "end_date": "2025-11-02 06:41:59", "dimension": "feature", "feature": ",a,b"},
    {"start_date": "2025-11-02 05:59:59", "exact_percentiles": "1", "timezone": "Asia/Kolkata", "granularity": "hour"},
    {"end_date": "2025-11-03 03:07:00", "timezone": "Asia/Kolkata", "dimension": "model", "environment": ""},
    {"end_date": "2025-11-02 20:44:50", "dimension": "provider", "granularity": "hour", "trend": "1"},
    {
        "start_date": "2025-11-02 00:00:00",
        "end_date": "2025-11-03 00:00:00",
        "earlier_start": "2025-11-01 20:13:00",
        "team": "b,c",
        "dimension": "team",
    },
    {"start_date": "2025-11-02 09:00:01", "end_date": "2025-11-03 12:00:00", "user": "b", "exact_percentiles": "1"},
    {"start_date": "2025-11-03 00:00:00", "end_date": "2025-11-02 00:00:00"},
    {
        "start_date": "2025-11-01 23:30:00",
        "end_date": "2025-11-03 01:00:01",
        "model": "gpt-4,llama",
        "provider": ["a", "b"],
    },
    {"end_date": "2025-12-01 00:00:00", "min_requests": "2", "granularity": "week", "user": "a,b,"},
    {
        "end_date": "2025-11-28 13:07:01",
        "timezone": "America/Los_Angeles",
        "min_requests": "1",
        "baseline": "gpt-4,claude",
    },
)
"""Ranges whose ends are no ends of rows of rollups, or are, or which have one end, or none in between; every filter."""

NOTHING: Mapping[str, object] = {"start_date": "2030-01-01 00:00:00", "end_date": "2030-02-01 00:00:00"}

REQUESTS: tuple[Mapping[str, object], ...] = (
    {},
    {"start_date": "2025-11-01 22:00:00", "end_date": "2025-11-02 20:00:00"},
    {"model": "gpt-4,llama", "timezone": "America/Los_Angeles", "granularity": "hour", "dimension": "model"},
    {"granularity": "month", "dimension": "user", "trend": "1"},
    {"granularity": "week", "timezone": "Asia/Kolkata", "provider": ["a", "b"]},
    {"granularity": "minute", "timezone": "America/Los_Angeles"},
    {"granularity": "day", "timezone": "America/Los_Angeles", "dimension": "environment"},
    {"only_failed": "true", "limit": "5", "environment": "prod"},
    NOTHING,
    {"start_date": "2031-01-01 00:00:00"},
    {"user": "", "team": "a", "feature": "b"},
    *RAGGED,
)


BUDGETS = [
    ["all", "", Decimal("90.00"), datetime(2025, 10, 1), START],
    ["all", "", Decimal("15.50"), datetime(2025, 11, 1), START],
    ["team", "a", Decimal("0.50"), datetime(2025, 11, 1), START],
    ["team", "b", Decimal("8.00"), datetime(2025, 11, 1), START],
    ["team", "b", Decimal("0.00"), datetime(2025, 11, 20), START],
    ["model", "no such", Decimal("3.00"), datetime(2025, 11, 2), START],
    ["planet", "mars", Decimal("3.00"), datetime(2025, 11, 2), START],
]
"""Rows of the data source `budgets`."""


def rows_of(source: DataSource, count: int = 200) -> list[list[object]]:
    """Rows that fit the columns of `llm_events`: unknown values, ties, implausible latencies, autumn's hour.

    Most are of two days; those that follow are a month's, from which a forecast can be made.
    """
    chance = random.Random(5)
    rows = [[_value(column.name, column.type, n, chance) for column in source.columns] for n in range(count)]
    again = [[row[0] + timedelta(seconds=50), *row[1:]] for row in rows[::3]]
    month = [[row[0] + timedelta(days=n / 2), *row[1:]] for n, row in enumerate(rows[:56], 3)]
    return [*rows, *again, *month]


def _value(name: str, type_: str, n: int, chance: random.Random) -> object:
    chosen: Mapping[str, Sequence[object]] = {
        "model_name": ["gpt-4", "claude", "llama", ""],
        "error_message": [
            *(
                "",
                "",
                "Rate limit 123 exceeded",
                "Timeout after 5.3s req_ab12",
                "it's",
                "Ärger mit 'a' und \"b's\" und `c`",
            ),
            *(
                "can't do 'x' in 'y z'",
                '{"error": {"message": "No \\\\"x\\\\" here", "code": 5}}',
                "500 {'detail': \"isn't 'a'\"}",
            ),
        ],
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


def fill(engines: Engines, shipped: Shipped, portions: int = 3) -> None:
    """Create the shipped tables, and insert rows by portions, of which the materialized pipes fill the rollups.

    In ClickHouse the tables have the engine of their file, and the pipes are materialized views.
    """
    workspace = shipped.workspace
    for source in workspace.sources.values():
        engines.add(source.name, source.columns, engine=engine_sql(source.definition))
        engines.add(source.quarantine, source.quarantine_columns)
    for name, pipe in workspace.pipes.items():
        if pipe.kind == "materialized":
            sql, _ = shipped.whole(name, {})
            engines.click.query(f"CREATE MATERIALIZED VIEW {name} TO {pipe.options['DATASOURCE']} AS {sql}")
    engines.insert("budgets", BUDGETS)
    rows = rows_of(workspace.sources["llm_events"].definition)
    for portion in range(portions):
        _insert(engines, shipped.rollups, rows[portion::portions])


def engine_sql(definition: DataSource) -> str:
    """The engine of a data source, with its partition and sorting keys, as a CREATE TABLE says it."""
    engine = definition.engine
    partition = f" PARTITION BY {engine.partition_key}" if engine.partition_key else ""
    return f"{engine.name}{partition} ORDER BY ({', '.join(engine.sorting_key)})"


def _insert(engines: Engines, rollups: Sequence[Rollup], rows: Sequence[Sequence[object]]) -> None:
    before = {name: engines.count(name) for name in ("llm_events", *(rollup.name for rollup in rollups))}
    engines.insert("llm_events", rows)
    for rollup in rollups:
        made = rollup.over(f"(SELECT * FROM {rollup.reads} WHERE rowid >= {before[rollup.reads]})")
        engines.duck.execute(f"INSERT INTO {rollup.name} ({rollup.listed}) SELECT {rollup.listed} FROM ({made})")


class Shipped:
    """The pipes of a project, each as one text: those that it reads are WITHs, and their nodes are within."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.endpoints = {name: Endpoint(pipe, workspace) for name, pipe in workspace.pipes.items()}
        self.rollups = rollups_of(workspace)
        self._columns = frozenset(name for columns in workspace.tables.values() for name, _ in columns)
        self._templates = {
            name: {node.name: Template(node, pipe.path.name) for node in pipe.nodes}
            for name, pipe in workspace.pipes.items()
        }

    def requests(self, name: str) -> list[dict[str, object]]:
        """What to ask a pipe: of a part, which is where ranges and filters are, whatever is RAGGED; of an endpoint
        everything, nothing, and the last of all REQUESTS for each SQL that its own nodes become."""
        known, is_part = self.endpoints[name].parameters, self.endpoints[name].pipe.kind == "standard"
        asked = [
            {each: value for each, value in request.items() if each in known}
            for request in (RAGGED if is_part else (*REQUESTS, {}, NOTHING))
        ]
        by_text = {} if is_part else {self._text(name, each, {}): each for each in asked[:-2]}
        chosen = asked if is_part else [*by_text.values(), *asked[-2:]]
        return [each for at, each in enumerate(chosen) if each not in chosen[:at]]

    def whole(self, name: str, request: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        """The text of a pipe for a request, and the values of its query parameters."""
        values: dict[str, object] = {}
        reads = self.endpoints[name].reads
        ordered = sorted(reads, key=lambda part: len(self.endpoints[part].reads))  # one that reads another reads more
        parts = [f"{part} AS ({self._text(part, request, values)})" for part in ordered]
        return self._text(name, request, values, parts), values

    def _text(
        self, pipe: str, request: Mapping[str, object], values: dict[str, object], parts: Sequence[str] = ()
    ) -> str:
        written = []
        for name, template in self._templates[pipe].items():
            rendered = template.render(request, self._columns, prefix=f"{pipe}_{name}_")
            values.update(rendered.values)
            written.append((name, rendered.sql))
        *nodes, (_, last) = written
        listed = ", ".join([*parts, *(f"{name} AS ({sql})" for name, sql in nodes)])
        return f"WITH {listed} {last}" if listed else last


def without_merging(answer: Answer) -> Answer:
    """The answer with the types of columns without what they are merged by.

    Of the sides of a UNION that differ in this alone ClickHouse tells the one or the other, from one run to the next.
    """
    types = ((name, re.sub(r"^SimpleAggregateFunction\(\w+, (.*)\)$", r"\1", type_)) for name, type_ in answer.columns)
    return replace(answer, columns=tuple(types))


def with_sorted_lists(answer: Answer) -> Answer:
    """The answer with the arrays in it sorted, which are merged in any order."""
    lists = [type_.startswith("SimpleAggregateFunction(groupArrayArray") for _, type_ in answer.columns]
    rows = [
        tuple(sorted(value) if is_list else value for value, is_list in zip(row, lists, strict=True))
        for row in answer.rows
    ]
    return replace(answer, rows=rows)
