"""The months as Parquet files: what is in them, what the manifest says of them, and who can read them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from metrics.datafiles import parse_datasource
from metrics.errors import DefinitionError
from metrics.settings import Settings
from metrics.workspace import checked_source
from tests.conftest import Json, Perch, make_settings, running
from tests.test_commands import EVENT

START = Callable[..., Perch]

EVERYTHING = """SCHEMA >
    `at` DateTime64(6) `json:$.at`,
    `day` Date `json:$.day`,
    `text` Nullable(String) `json:$.text`,
    `small` LowCardinality(String) `json:$.small`,
    `fixed` FixedString(3) `json:$.fixed`,
    `whole` Int128 `json:$.whole`,
    `natural` Nullable(UInt128) `json:$.natural`,
    `long` UInt64 `json:$.long`,
    `money` Nullable(Decimal(38, 9)) `json:$.money`,
    `real` Float64 `json:$.real`,
    `single` Nullable(Float32) `json:$.single`,
    `yes` Bool `json:$.yes`,
    `id` UUID `json:$.id`,
    `address` IPv6 `json:$.address`,
    `kind` Enum8('a' = 1, 'b' = 2) `json:$.kind`,
    `labels` Map(String, UInt64) `json:$.labels`,
    `pair` Tuple(x UInt8, y String) `json:$.pair`
ENGINE MergeTree
ENGINE_PARTITION_KEY "{key}"
ENGINE_SORTING_KEY "at, small"
"""

ROWS: list[Json] = [
    {
        "at": "2026-01-31 23:59:59.999999", "day": "2026-01-31", "text": "it's \N{SNOWMAN}", "small": "a",
        "fixed": "abc", "whole": -170141183460469231731687303715884105728,
        "natural": 340282366920938463463374607431768211455, "long": 2**64 - 1,
        "money": "12345678901234567890123456789.123456789", "real": 0.1, "single": 1.5, "yes": True,
        "id": "123e4567-e89b-12d3-a456-426614174000", "address": "2001:db8::1", "kind": "a",
        "labels": {"x": 1, "y": 2}, "pair": {"x": 7, "y": "z"},
    },
    {
        "at": "2026-02-01 00:00:00", "day": "2026-02-01", "text": None, "small": "", "fixed": "x", "whole": 0,
        "natural": None, "long": 0, "money": None, "real": -0.0, "single": None, "yes": False,
        "id": "00000000-0000-0000-0000-000000000000", "address": "::", "kind": "b", "labels": {},
        "pair": {"x": 0, "y": ""},
    },
]  # fmt: skip


def project_of(folder: Path, **sources: str) -> Path:
    """A project of these data sources alone."""
    folder.mkdir(exist_ok=True)
    for name, text in sources.items():
        (folder / f"{name}.datasource").write_text(text)
    return folder


def manifest_of(settings: Settings, name: str = "llm_events") -> Json:
    found: Json = json.loads((settings.exports_dir / f"{name}.manifest.json").read_text())
    return found


def export(perch: Perch) -> list[Json]:
    answer = perch.request("POST", "/v0/exports")
    assert answer.status_code == 200, answer.text
    exports: list[Json] = answer.json()["exports"]
    return exports


def at(moment: str, **more: Any) -> Json:
    return {**EVENT, "event_time": moment, **more}


def assert_whole(settings: Settings, name: str = "llm_events") -> Json:
    """What a careful reader does first: every file that the manifest lists is there and is the one it lists."""
    manifest = manifest_of(settings, name)
    for month in manifest["months"]:
        file = settings.exports_dir / month["path"]
        assert file.stat().st_size == month["bytes"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == month["sha256"]
        assert len(pd.read_parquet(file)) == month["rows"]
    listed = {settings.exports_dir / month["path"] for month in manifest["months"]}
    assert listed == set((settings.exports_dir / name).rglob("*.parquet"))
    return manifest


@pytest.fixture
def exported(perch: Perch) -> Perch:
    """A server with 300 rows in two months, exported."""
    days = [f"2026-0{1 + number % 2}-{1 + number % 28:02} 10:00:{number % 60:02}" for number in range(300)]
    perch.post_events("llm_events", [at(day, prompt_tokens=number) for number, day in enumerate(days)])
    export(perch)
    return perch


# --- readers -----------------------------------------------------------------------------------------------------

TOKENS = sum(range(300))


def test_duckdb_reads_them(exported: Perch) -> None:
    files = f"{exported.settings.exports_dir}/llm_events/**/*.parquet"
    sums = duckdb.sql(f"SELECT month, count(*), sum(prompt_tokens) FROM '{files}' GROUP BY month ORDER BY month")
    assert [(month, rows) for month, rows, _ in sums.fetchall()] == [("01", 150), ("02", 150)]


def test_pandas_reads_the_whole_folder(exported: Perch) -> None:
    folder = exported.settings.exports_dir / "llm_events"
    (folder / "year=2026" / "month=01" / ".llm_events.parquet.part").write_bytes(b"half a file")  # as a kill leaves it
    frame = pd.read_parquet(folder)
    assert (len(frame), int(frame["prompt_tokens"].sum())) == (300, TOKENS)
    assert str(frame["event_time"].dtype).startswith("datetime64")


def test_polars_reads_them(exported: Perch) -> None:
    frame = pl.read_parquet(exported.settings.exports_dir / "llm_events" / "**" / "*.parquet")
    assert (frame.height, frame["prompt_tokens"].sum()) == (300, TOKENS)


@pytest.mark.clickhouse
def test_clickhouse_reads_them(exported: Perch) -> None:
    import chdb

    files = f"{exported.settings.exports_dir}/llm_events/**/*.parquet"
    sql = f"SELECT count(), sum(prompt_tokens), min(event_time), sum(cost) FROM file('{files}')"
    assert chdb.query(sql, "CSV").data().strip() == f'300,{TOKENS},"2026-01-01 10:00:00.000000",75'


# --- what is in them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["toYYYYMM(at)", "toStartOfMonth(at)", "toYYYYMM(toDate(at))", "toStartOfMonth( toDate( `at` ) )"]
)
def test_each_key_cuts_by_month_and_whole_numbers_of_128_bits_stay_whole(
    start_perch: START, tmp_path: Path, key: str
) -> None:
    perch = start_perch(project=project_of(tmp_path / "project", everything=EVERYTHING.replace("{key}", key)))
    assert perch.post_events("everything", ROWS).json()["successful_rows"] == 2
    assert [month["month"] for month in export(perch)] == ["2026-01", "2026-02"]
    january = assert_whole(perch.settings, "everything")["months"][0]
    assert (january["first"], january["last"]) == ("2026-01-31T23:59:59.999999Z",) * 2
    frame = pd.read_parquet(perch.settings.exports_dir / january["path"])
    assert [int(frame["whole"][0]), int(frame["natural"][0])] == [ROWS[0]["whole"], ROWS[0]["natural"]]


def test_a_data_source_without_months_is_one_file(start_perch: START, tmp_path: Path) -> None:
    text = "SCHEMA >\n    `n` UInt8 `json:$.n`\nENGINE MergeTree\nENGINE_PARTITION_KEY tuple()\n"
    perch = start_perch(project=project_of(tmp_path / "project", numbers=text))
    perch.post_events("numbers", [{"n": 1}, {"n": 2}])
    export(perch)
    (month,) = assert_whole(perch.settings, "numbers")["months"]
    assert (month["month"], month["path"], month["rows"]) == ("", "numbers/numbers.parquet", 2)
    assert (month["first"], month["last"]) == (None, None)


@pytest.mark.parametrize(
    "key", ["toYYYYMMDD(at)", "toYear(at)", "at", "(toYYYYMM(at), name)", "toYYYYMM(name)", "toYYYYMM(maybe)",
            "toYYYYMM(missing)", "toStartOfMonth(toDateTime(at))", "toYYYYMM(at, 'Asia/Tokyo')"]
)  # fmt: skip
def test_other_partition_keys_are_refused_by_name_and_line(key: str) -> None:
    text = (
        "SCHEMA >\n    `at` DateTime,\n    `name` String,\n    `maybe` Nullable(DateTime)\n"
        f'ENGINE MergeTree\nENGINE_PARTITION_KEY "{key}"\nENGINE_SORTING_KEY at\n'
    )
    with pytest.raises(DefinitionError, match="ENGINE_PARTITION_KEY") as refused:
        checked_source(parse_datasource(text, Path("events.datasource")))
    assert refused.value.message.startswith("events.datasource:6: ")
    assert key in refused.value.message


# --- the manifest ------------------------------------------------------------------------------------------------


def test_the_manifest_says_what_is_there(exported: Perch) -> None:
    manifest = assert_whole(exported.settings)
    assert (manifest["datasource"], manifest["time_column"]) == ("llm_events", "event_time")
    types = {column["name"]: column["type"] for column in manifest["columns"]}
    assert (types["event_time"], types["cost"]) == ("DateTime", "Nullable(Decimal(18, 9))")
    january = manifest["months"][0]
    assert (january["month"], january["rows"]) == ("2026-01", 150)
    assert january["path"] == "llm_events/year=2026/month=01/llm_events.parquet"
    assert (january["first"], january["last"]) == ("2026-01-01T10:00:00Z", "2026-01-27T10:00:54Z")
    told = exported.get("/v0/datasources/llm_events").json()["exports"]
    assert [month["sha256"] for month in told] == [month["sha256"] for month in manifest["months"]]


def test_only_changed_months_are_written_and_emptied_ones_go(exported: Perch) -> None:
    before = manifest_of(exported.settings)["months"]
    exported.post_events("llm_events", at("2026-02-03 00:00:00"))
    assert [(month["month"], month["rows"]) for month in export(exported)] == [("2026-02", 151)]
    after = assert_whole(exported.settings)["months"]
    assert after[0] == before[0]
    assert after[1]["rows"] == 151
    condition = "event_time < '2026-02-01 00:00:00'"
    exported.request("POST", "/v0/datasources/llm_events/delete", data={"delete_condition": condition})
    export(exported)
    assert [month["month"] for month in assert_whole(exported.settings)["months"]] == ["2026-02"]
    assert export(exported) == []


def test_a_lost_file_or_manifest_is_written_again(exported: Perch) -> None:
    before = manifest_of(exported.settings)["months"]
    (exported.settings.exports_dir / before[0]["path"]).unlink()
    (exported.settings.exports_dir / "llm_events.manifest.json").unlink()
    assert [month["month"] for month in export(exported)] == ["2026-01"]
    assert [month["rows"] for month in assert_whole(exported.settings)["months"]] == [150, 150]


@pytest.mark.parametrize("said", ["", "[]", '{"months": [{"month": "2026-01"}]}', '{"months": 7}'])
def test_a_manifest_that_says_nothing_is_written_again(exported: Perch, said: str) -> None:
    (exported.settings.exports_dir / "llm_events.manifest.json").write_text(said)
    assert export(exported) == []
    assert_whole(exported.settings)


def test_half_an_export_is_noticed_by_its_checksum_and_mended(exported: Perch) -> None:
    """As after a kill between files and manifest: the old manifest stands beside a newer file."""
    path = exported.settings.exports_dir / "llm_events.manifest.json"
    old = path.read_text()
    exported.post_events("llm_events", at("2026-02-03 00:00:00"))
    export(exported)
    path.write_text(old)
    with pytest.raises(AssertionError):
        assert_whole(exported.settings)
    export(exported)
    assert_whole(exported.settings)


def test_a_new_column_is_in_every_month_of_the_exports(tmp_path: Path) -> None:
    text = "SCHEMA >\n    `at` DateTime `json:$.at`\nENGINE MergeTree\nENGINE_PARTITION_KEY toYYYYMM(at)\n"
    project = project_of(tmp_path / "project", events=text)
    settings = make_settings(tmp_path, project=project)
    with running(settings) as perch:
        perch.post_events("events", [{"at": "2026-01-01 00:00:00"}, {"at": "2026-02-01 00:00:00"}])
        export(perch)
    project_of(project, events=text.replace("\nENGINE M", ",\n    `n` UInt8 `json:$.n` DEFAULT 7\nENGINE M"))
    with running(settings) as perch:
        assert len(export(perch)) == 2
        assert_whole(settings, "events")
        assert pd.read_parquet(settings.exports_dir / "events")["n"].to_list() == [7, 7]


def test_an_empty_store_never_writes_over_the_exports_of_the_one_before(exported: Perch, tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "other")
    shutil.copytree(exported.settings.exports_dir, settings.exports_dir)
    before = manifest_of(settings)
    with running(settings) as perch:
        perch.post_events("llm_events", at("2026-02-03 00:00:00"))
        answer = perch.request("POST", "/v0/exports")
        assert answer.status_code == 409
        assert "150 rows that this store never had" in answer.json()["error"]
    assert assert_whole(settings) == before
    shutil.rmtree(settings.exports_dir)
    with running(settings) as perch:
        assert [month["rows"] for month in export(perch)] == [1]
