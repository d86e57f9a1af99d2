"""FINAL over a ReplacingMergeTree: what ClickHouse leaves of the same rows, by both of its options and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Json, Perch
from tests.parity.engines import Engines

pytestmark = pytest.mark.clickhouse

COLUMNS = {"k": "UInt8", "d": "DateTime", "v": "UInt32", "gone": "UInt8", "x": "String"}
COMMITS = [
    [(1, 0, 1, 0, "a"), (1, 5, 2, 0, "b"), (2, 0, 5, 0, "d"), (4, 1, 1, 1, "i")],
    [(1, 3, 2, 0, "e"), (2, 0, 5, 1, "f"), (3, 0, 1, 1, "g")],
    [(3, 0, 0, 0, "h"), (4, 2, 1, 0, "j"), (5, 9, 7, 0, "k")],
]
OPTIONS = {
    "by_version": ("ENGINE_VER v\nENGINE_IS_DELETED gone", "(v, gone)"),
    "versions": ("ENGINE_VER v", "(v)"),
    "lasts": ("", ""),
}
QUERIES = (
    "SELECT x AS a FROM {0} FINAL ORDER BY x",
    "SELECT count() AS a FROM {0} AS p JOIN {0} AS q FINAL ON p.k = q.k WHERE q.gone = 0",
)


def as_json(row: tuple[int, int, int, int, str]) -> Json:
    k, hour, v, gone, x = row
    return {"k": k, "d": f"2025-01-01 {hour:02}:00:00", "v": v, "gone": gone, "x": x}


@pytest.fixture(scope="module")
def left() -> dict[str, list[object]]:
    """What ClickHouse answers over each of the tables."""
    engines = Engines()
    click = engines.click
    found = {}
    declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    click.query("USE parity")
    click.query("SET optimize_on_insert = 0")  # keep every row until FINAL, as here
    for name, (_, arguments) in OPTIONS.items():
        click.query(f"CREATE TABLE {name} ({declared}) ENGINE = ReplacingMergeTree{arguments} ORDER BY (k, toDate(d))")
        click.query(f"SYSTEM STOP MERGES {name}")
        for commit in COMMITS:
            values = ", ".join(str(tuple(as_json(row).values())) for row in commit)
            click.query(f"INSERT INTO {name} VALUES {values}")
        found[name] = [row[0] for query in QUERIES for row in engines.on_clickhouse(query.format(name)).rows]
        click.query(f"DROP TABLE {name}")
    engines.close()
    return found


def test_final_reads_what_clickhouse_leaves(
    start_perch: Callable[..., Perch], tmp_path: Path, left: dict[str, list[object]]
) -> None:
    schema = ",\n".join(f"    `{name}` {kind} `json:$.{name}`" for name, kind in COLUMNS.items())
    for name, (options, _) in OPTIONS.items():
        engine = f'ENGINE ReplacingMergeTree\nENGINE_SORTING_KEY "k, toDate(d)"\n{options}\n'
        (tmp_path / f"{name}.datasource").write_text(f"SCHEMA >\n{schema}\n\n{engine}")
    perch = start_perch(project=tmp_path)
    for name in OPTIONS:
        for commit in COMMITS:
            perch.post_events(name, [as_json(row) for row in commit], wait="true")
        assert [row["a"] for query in QUERIES for row in perch.sql(query.format(name))] == left[name]
