"""The coercion table of docs/ingest.md, line by line, through the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from metrics.errors import DefinitionError
from metrics.workspace import load_workspace
from tests.conftest import ROOT, Perch, make_settings, running

TABLE = re.findall(
    r"^\| (.+?) \| (.+?) \| (.+?) \|$",
    (ROOT / "docs" / "ingest.md").read_text().split("## What each type takes")[1],
    re.MULTILINE,
)
CASES = [case for case in TABLE if case[0] != "type"]
TYPES = list(dict.fromkeys(kind for kind, _, _ in CASES))


def name_of(kind: str) -> str:
    return f"t{TYPES.index(kind)}"


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with a data source for each type: `n`, the case's number, and `x` of the type."""
    project = tmp_path_factory.mktemp("types")
    for kind in TYPES:
        columns = f"SCHEMA >\n    `n` UInt32 `json:$.n`,\n    `x` {kind} `json:$.x`\n"
        (project / f"{name_of(kind)}.datasource").write_text(columns + '\nENGINE "MergeTree"\nENGINE_SORTING_KEY "n"\n')
    with running(make_settings(tmp_path_factory.mktemp("store"), project=project)) as server:
        yield server


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=[f"{kind} {sent}" for kind, sent, _ in CASES])
def test_a_value_is_stored_or_quarantined_as_the_table_says(
    types: Perch, number: int, case: tuple[str, str, str]
) -> None:
    kind, sent, stored = case
    table = name_of(kind)
    answer = types.post_events(table, f'{{"n": {number}, "x": {sent}}}').json()
    if stored == "quarantined":
        assert answer == {"successful_rows": 0, "quarantined_rows": 1}
        row = types.sql(f"SELECT c__error_column, c__error FROM {table}_quarantine WHERE n = '{number}'")[0]
        assert row["c__error_column"] == ["x"]
        assert "'x'" in row["c__error"][0]
    else:
        assert answer == {"successful_rows": 1, "quarantined_rows": 0}
        assert types.sql(f"SELECT x FROM {table} WHERE n = {number}") == [{"x": json.loads(stored)}]


@pytest.mark.parametrize(("kind", "said"), [
    ("Boolean", "use Bool or UInt8"), ("Int", "Int32"), ("UInt256", "128 bits"), ("Decimal256(3)", "128 bits"),
    ("AggregateFunction(groupBitmap, UInt8)", "ClickHouse engine"), ("DateTime64", "precision"), ("Text", "Text"),
])  # fmt: skip
def test_a_type_that_cannot_be_held_is_refused_at_load_by_name(tmp_path: Path, kind: str, said: str) -> None:
    (tmp_path / "t.datasource").write_text(f"SCHEMA >\n    `n` UInt32,\n    `x` {kind}\n\nENGINE MergeTree\n")
    with pytest.raises(DefinitionError, match=r"t\.datasource:3:(\d+:)? .*") as caught:
        load_workspace(tmp_path)
    assert kind.split("(")[0] in caught.value.message
    assert said in caught.value.message
