"""States of aggregates in tables: parts that are counted apart, stored and merged give what one query gives."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from metrics.dialect import MACROS, compile_query, storage_type
from metrics.errors import DefinitionError

CALLS = [
    *(("day", "Date"), ("model", "String"), ("user", "Nullable(String)")),
    *(("tokens", "UInt32"), ("latency", "Float32"), ("cost", "Nullable(Decimal(18, 9))")),
]
# each aggregate with the arguments it is of
AGGREGATES = [
    ("count", ""), ("count", "user"), ("sum", "tokens"), ("sum", "cost"), ("avg", "latency"), ("avg", "cost"),
    ("min", "latency"), ("max", "user"), ("any", "day"), ("anyLast", "day"), ("argMin", "user, latency"),
    ("argMax", "model, latency"), ("uniq", "user"), ("uniqExact", "user, model"), ("uniqCombined", "tokens"),
    ("groupUniqArray", "model"), ("groupArray", "tokens"), ("groupBitOr", "tokens"), ("sumIf", "tokens, latency > 1"),
    ("quantile(0.9)", "latency"), ("quantiles(0.5, 0.9)", "latency"), ("quantileExact(0.3)", "tokens"),
    ("quantilesTDigest(0.5, 0.95)", "latency"), ("median", "cost"), ("stddevPop", "latency"), ("topK(1)", "model"),
]  # fmt: skip


def state(aggregate: str, suffix: str) -> str:
    """`quantiles(0.5, 0.9)` with a combinator: `quantilesState(0.5, 0.9)`."""
    name, bracket, levels = aggregate.partition("(")
    return f"{name}{suffix}{bracket}{levels}"


def steady(aggregate: str) -> str:
    """A value in a shape in which the order of rows, and of additions, does not matter."""
    if aggregate.startswith(("groupArray", "groupUniq")):
        return f"arraySort({aggregate})"
    return f"round({aggregate}, 9)" if aggregate.startswith(("avg", "stddev")) else aggregate


# 3,000 calls of eleven days, with unknown, empty and repeated values
ROWS = """
    SELECT DATE '2026-01-01' + CAST(i % 11 AS INTEGER), ['a', 'b', 'b', 'b', 'c'][i % 5 + 1],
        [NULL, '', 'ann', 'bob', 'u' || i * 7919 % 499][i % 5 + 1], i * 7919 % 5003, i * 104729 % 29989 / 10000,
        [NULL, 0.000000001, 1.25][i % 3 + 1]
    FROM range(3000) AS calls(i)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with these calls."""
    path = tmp_path_factory.mktemp("states") / "states.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(MACROS)
        declared = ", ".join(f"{name} {storage_type(type_)}" for name, type_ in CALLS)
        connection.execute(f"CREATE TABLE calls ({declared})")
        connection.execute(f"INSERT INTO calls {ROWS}")
    return path


@pytest.mark.parametrize(("aggregate", "arguments"), AGGREGATES)
def test_two_inserts_and_a_reopened_file(store: Path, aggregate: str, arguments: str) -> None:
    tables = {"calls": CALLS}
    parts = [
        compile_query(
            f"SELECT day, {state(aggregate, 'State')}({arguments}) AS part FROM calls WHERE day {half} '2026-01-05' "
            "GROUP BY day",
            tables,
            stored=True,
        )
        for half in ("<", ">=")
    ]
    with duckdb.connect(str(store)) as connection:
        declared = ", ".join(f"{name} {storage_type(type_)}" for name, type_ in parts[0].columns)
        connection.execute(f"CREATE OR REPLACE TABLE rollup ({declared})")
        for part in parts:
            connection.execute(f"INSERT INTO rollup {part.sql}")
    rolled = {"rollup": parts[0].columns}
    keys = [("day, ", "GROUP BY day ORDER BY day")]
    if not aggregate.startswith("any"):  # which any day is depends on the order of the rows
        keys.append(("", ""))
    for key, group in keys:
        merged = compile_query(
            f"SELECT {key}{steady(state(aggregate, 'Merge') + '(part)')} AS v FROM rollup {group}", rolled
        )
        whole = compile_query(f"SELECT {key}{steady(f'{aggregate}({arguments})')} AS v FROM calls {group}", tables)
        assert merged.columns == whole.columns
        with duckdb.connect(str(store)) as connection:
            found, expected = (connection.execute(each.sql).fetchall() for each in (merged, whole))
        assert found == expected


@pytest.mark.parametrize("type_", ["AggregateFunction(nope(0.5), UInt8)", "Nope", "AggregateFunction(sum, String)"])
def test_what_cannot_be_stored(type_: str) -> None:
    with pytest.raises(DefinitionError):
        storage_type(type_)
