"""Parity is the contract: one query on DuckDB, as the compiler writes it, and on ClickHouse, as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from metrics.rollups import ROWS, Rollup
from metrics.workspace import load_workspace
from tests.parity import data, pipes
from tests.parity.engines import Engines, differences

pytestmark = pytest.mark.clickhouse

WORKSPACE = load_workspace(Path(__file__).resolve().parent.parent / "metrics")
SHIPPED = pipes.Shipped(WORKSPACE)
APPROXIMATE = "-- approximate"
FILES = sorted((Path(__file__).parent / "parity" / "queries").glob("*.sql"))


def queries_in(text: str) -> list[str]:
    """The queries of one file: each ends with `;` at the end of a line; lines that start with `--` are remarks.

    One remark says something: where a query starts with `-- approximate`, ClickHouse's numbers may be off by 2 %.
    """
    code = "\n".join(line for line in text.split("\n") if not line.startswith("--") or line == APPROXIMATE)
    return [query.strip() for query in code.split(";\n") if query.strip()]


QUERIES = [
    pytest.param(query, id=f"{file.stem}-{number}")
    for file in FILES
    for number, query in enumerate(queries_in(file.read_text(encoding="utf-8")), 1)
]

FAILING = [
    "SELECT intDiv(7, 0)",
    "SELECT 7 % 0",
    "SELECT toDecimal64('10', 4) / 0",
    "SELECT toDecimal64('999999999999', 6) * toDecimal64('999999', 6)",
    "SELECT toInt32('5.5')",
    "SELECT toInt32(' 5')",
    "SELECT toUInt8('-1')",
    "SELECT toInt32(nan)",
    "SELECT toFloat64(' 1.5')",
    "SELECT toDecimal32('1.5 ', 2)",
    "SELECT accurateCast(300, 'UInt8')",
    "SELECT toDate('x')",
    "SELECT toDateTime('2025-13-01 00:00:00')",
    "SELECT parseDateTime('x', '%Y-%m-%d')",
    "SELECT parseDateTimeBestEffort('x')",
    "SELECT arrayMap((x, y) -> x + y, [1, 2], [3])",
    "SELECT throwIf(1, 'boom')",
]

BOUND = [
    ("SELECT count() FROM events WHERE model = {p0:String}", {"p0": "gpt-4"}),
    ("SELECT count() FROM events WHERE model IN {p0:Array(String)}", {"p0": ["gpt-4", "it's", ""]}),
    ("SELECT count() FROM events WHERE prompt_tokens IN {p0:Array(Int32)}", {"p0": [37, 74]}),
    ("SELECT count() FROM events WHERE user NOT IN {p0:Array(String)}", {"p0": ["ann"]}),
    ("SELECT count() FROM events WHERE event_time >= {p0:String} AND day < {p1:String}",
     {"p0": "2025-11-02 08:00:00", "p1": "2025-06-01"}),
    ("SELECT delta FROM events ORDER BY delta DESC LIMIT {p0:Int32} OFFSET {p1:Int32}", {"p0": 3, "p1": 2}),
    ("SELECT {p0:String} AS a, {p1:Int32} + 1 AS b, {p2:Float64} AS c, {p3:Array(String)} AS d",
     {"p0": "a'b\\c\td\n", "p1": 5, "p2": 0.25, "p3": ["x'y", "\\"]}),
    ("SELECT toStartOfHour(event_time, {p0:String}) AS h, toString(h, {p0:String}) AS t FROM events ORDER BY delta",
     {"p0": "America/Los_Angeles"}),
    ("SELECT toDate(event_time, {p0:String}) AS d, count() AS c FROM events GROUP BY d ORDER BY d",
     {"p0": "Asia/Tokyo"}),
    ("SELECT quantile(0.5)(delta) AS q FROM events WHERE delta > {p0:Int64}", {"p0": -5}),
    (("SELECT quantile({p0:Float64})(delta) AS q, quantiles(0.5, {p0:Float32})(delta) AS qs, quantile(0.5)(delta) AS m,"
     " quantileExact({p0:Float64})(delta) AS e, quantileTDigestIf({p0:Float64})(delta, stream) AS t FROM events"),
     {"p0": 0.75}),
    ("SELECT length(topK({p0:UInt8})(model)) AS k, groupArraySorted({p0:UInt8})(delta) AS a FROM events", {"p0": 2}),
    ("SELECT now() - INTERVAL {p0:Int32} DAY < now() AS before", {"p0": 3}),
    ("SELECT model, count() AS c FROM events GROUP BY model HAVING c >= {p0:UInt8} ORDER BY c DESC, model",
     {"p0": 5}),
]  # fmt: skip


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    both = Engines()
    both.add("events", data.EVENTS, data.ROWS)
    both.add("prices", data.PRICES, data.PRICE_ROWS)
    both.add("none", data.EVENTS, [])
    pipes.fill(both, SHIPPED)
    row = [None] * len(WORKSPACE.sources["llm_events"].columns)
    row = [*row, ["cost"], ["value 'x' on column 'cost' is not Decimal"], None, pipes.START]
    both.insert("llm_events_quarantine", [row, row])
    yield both
    both.close()


def test_there_are_enough_queries() -> None:
    assert len(QUERIES) >= 190


@pytest.mark.parametrize("query", QUERIES)
def test_queries(engines: Engines, query: str) -> None:
    ours, theirs = engines.on_duckdb(query), engines.on_clickhouse(query)
    tolerance = 0.02 if query.startswith(APPROXIMATE) else 1e-9
    found = differences(ours, theirs, ordered="ORDER BY" in query.upper(), approximate=tolerance)
    assert not found


@pytest.mark.parametrize("query", FAILING)
def test_what_fails_on_both(engines: Engines, query: str) -> None:
    with pytest.raises(duckdb.Error):
        engines.on_duckdb(query)
    with pytest.raises(RuntimeError, match="DB::Exception"):
        engines.on_clickhouse(query)


@pytest.mark.parametrize(("query", "values"), BOUND)
def test_bound_values(engines: Engines, query: str, values: dict[str, object]) -> None:
    ours, theirs = engines.on_duckdb(query, values), engines.on_clickhouse(query, values)
    assert not differences(ours, theirs, ordered="ORDER BY" in query)


@pytest.mark.parametrize("name", [name for name, pipe in WORKSPACE.pipes.items() if pipe.kind != "materialized"])
def test_shipped_pipes(engines: Engines, name: str) -> None:
    endpoint = SHIPPED.endpoints[name]
    is_part = endpoint.pipe.kind == "standard"
    for asked in SHIPPED.requests(name):
        statement = endpoint.statement(asked)
        answers = (
            engines.answer(statement.compiled, statement.values),
            engines.on_clickhouse(*SHIPPED.whole(name, asked)),
        )
        if is_part:
            answers = pipes.without_merging(answers[0]), pipes.without_merging(answers[1])
        assert not differences(*answers, ordered=not is_part), asked


@pytest.mark.parametrize("rollup", SHIPPED.rollups, ids=lambda rollup: rollup.name)
def test_rows_of_a_rollup_merge_as_final_has_them(engines: Engines, rollup: Rollup) -> None:
    kinds = dict(WORKSPACE.tables[rollup.name])
    columns = [(name, kinds[name]) for name in rollup.columns]
    ours = engines.rows(f"SELECT {rollup.listed} FROM ({rollup.merged.replace(ROWS, rollup.name)})", columns)
    theirs = engines.on_clickhouse(f"SELECT {', '.join(rollup.columns)} FROM {rollup.name} FINAL")
    assert len(ours.rows) < engines.count(rollup.name)
    assert not differences(pipes.with_sorted_lists(ours), pipes.with_sorted_lists(theirs))
