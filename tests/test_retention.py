"""Months that are older than ENGINE_TTL: out of the table, once their file has them, and not a row lost or doubled."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from metrics import exports
from metrics.datafiles import parse_datasource
from metrics.errors import DefinitionError
from metrics.exports import replace_durably
from metrics.settings import Settings
from metrics.workspace import checked_source
from tests.conftest import Json, Perch, make_settings, running
from tests.serving import Served, serving
from tests.test_backup import back_up, command, on_copy
from tests.test_exports import assert_whole, export, manifest_of, project_of

EVENTS = """SCHEMA >
    `at` DateTime `json:$.at`,
    `n` UInt32 `json:$.n`,
    `id` Nullable(String) `json:$.id`
ENGINE MergeTree
ENGINE_PARTITION_KEY toYYYYMM(at)
ENGINE_SORTING_KEY at
"""
TTL = 'ENGINE_TTL "toDate(at) + toIntervalDay(90)"\n'
NOW = datetime.now(UTC)
OLD = ["2024-01-05 00:00:00", "2024-01-31 23:59:59", "2024-02-01 00:00:00"]
YOUNG = f"{NOW:%Y-%m-%d} 00:00:00"


def lasting(folder: Path, more: str = TTL, first: str = "") -> Settings:
    """Settings of a Perch that exports and expires every 200 ms what has this TTL."""
    project = project_of(folder / "project", events=first + EVENTS + more)
    return make_settings(folder, project=project, export_every="200ms")


def rows(moments: list[str], start: int = 0) -> list[Json]:
    return [{"at": moment, "n": start + number} for number, moment in enumerate(moments)]


def post(perch: Perch, events: list[Json]) -> None:
    answer = perch.post_events("events", events)
    assert answer.status_code == 200, answer.text


def in_table(perch: Perch) -> list[int]:
    return [int(row["n"]) for row in perch.sql("SELECT n FROM events ORDER BY n")]


def in_files(settings: Settings) -> list[int]:
    files = (settings.exports_dir / "events").rglob("*.parquet")
    return sorted(int(number) for file in files for number in pd.read_parquet(file)["n"])


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.02)


def state(perch: Perch) -> Json:
    told: Json = perch.get("/v0/datasources/events").json()["retention"]
    return told


def expired(perch: Perch) -> dict[str, int]:
    return {month["month"]: month["rows"] for month in state(perch)["expired_months"]}


def log_of(served: Served) -> str:
    return served.log.read_text()


# --- what a TTL may be -------------------------------------------------------------------------------------------


def ends_of(ttl: str, key: str = "toYYYYMM(at)") -> datetime | None:
    text = EVENTS.replace("toYYYYMM(at)", key) + f'ENGINE_TTL "{ttl}"\n'
    lifetime = checked_source(parse_datasource(text, Path("events.datasource"))).lifetime
    assert lifetime
    return lifetime.ends("2025-12")


@pytest.mark.parametrize(
    ("ttl", "ends"),
    [
        ("at + INTERVAL 90 DAY", "2026-04-01"),
        ("toDate(at) + toIntervalDay(90)", "2026-04-01"),
        ("`at` + interval 1 week DELETE", "2026-01-08"),
        ("toDate(at) + INTERVAL 3 MONTH", "2026-04-01"),
        ("at + toIntervalMonth(14)", "2027-03-01"),
        ("at + INTERVAL '2' QUARTER", "2026-07-01"),
        ("toDateTime(at) + INTERVAL '2 YEAR'", "2028-01-01"),
        ("at + toIntervalYear(1)", "2027-01-01"),
        ("at + INTERVAL 48 HOUR", "2026-01-03"),
        ("at + toIntervalSecond(86400)", "2026-01-02"),
        ("at + INTERVAL 9999 YEAR", ""),
    ],
)
def test_spellings_of_a_ttl_and_when_a_month_ends(ttl: str, ends: str) -> None:
    assert ends_of(ttl) == (datetime.fromisoformat(ends) if ends else None)


@pytest.mark.parametrize(
    "ttl",
    ["at", "at + 90", "n + INTERVAL 1 DAY", "at - INTERVAL 1 DAY", "at + INTERVAL -1 DAY",
     "toStartOfDay(at) + toIntervalDay(1)", "at + INTERVAL 1 DAY WHERE n = 1", "at + INTERVAL 1 DAY TO VOLUME 'slow'",
     "at + INTERVAL 1 DAY, at + INTERVAL 2 DAY", "at + INTERVAL 1 DAY GROUP BY n", "at + INTERVAL 1.5 DAY",
     "at + toIntervalCentury(1)"],
)  # fmt: skip
def test_any_other_ttl_is_refused_by_name_and_line(ttl: str) -> None:
    with pytest.raises(DefinitionError, match="ENGINE_TTL") as refused:
        ends_of(ttl)
    assert refused.value.message.startswith("events.datasource:8: ")
    assert ttl in refused.value.message


def test_a_ttl_needs_months_of_the_same_column() -> None:
    with pytest.raises(DefinitionError, match=r"events.datasource:8: ENGINE_TTL: .* needs ENGINE_PARTITION_KEY"):
        ends_of("at + INTERVAL 1 DAY", key="tuple()")


# --- months that leave -------------------------------------------------------------------------------------------


def test_old_months_leave_the_table_and_stay_in_their_files(tmp_path: Path) -> None:
    settings = lasting(tmp_path)
    with running(settings) as perch:
        before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
        post(perch, rows([*OLD, YOUNG]))
        eventually(lambda: expired(perch) == {"2024-01": 2, "2024-02": 1})
        assert in_table(perch) == [3]
        told = state(perch)
        assert told["ttl"] == "toDate(at) + toIntervalDay(90)"
        assert datetime.fromisoformat(told["expired_months"][0]["expired_at"]) >= before.replace(microsecond=0)
        assert_whole(settings, "events")
        assert in_files(settings) == [0, 1, 2, 3]
        perch.request("POST", "/v0/datasources/events/truncate")  # empties what is in the table, and no archive
        eventually(lambda: in_files(settings) == [0, 1, 2])
    with running(settings) as perch:
        export(perch)
        assert assert_whole(settings, "events")["months"] != []
        assert in_files(settings) == [0, 1, 2]


def test_without_a_ttl_nothing_leaves(tmp_path: Path) -> None:
    settings = lasting(tmp_path, "")
    with running(settings) as perch:
        post(perch, rows(OLD))
        eventually(lambda: (settings.exports_dir / "events.manifest.json").exists())
        time.sleep(0.7)  # three times the upkeep
        assert in_table(perch) == [0, 1, 2]
        assert state(perch) == {"ttl": None, "expired_months": []}


def test_late_rows_are_merged_into_the_file_and_leave_again(tmp_path: Path) -> None:
    settings = lasting(tmp_path)
    with running(settings) as perch:
        post(perch, rows(OLD))
        eventually(lambda: in_table(perch) == [])
        post(perch, rows(["2024-01-10 00:00:00"], 10))
        eventually(lambda: expired(perch) == {"2024-01": 3, "2024-02": 1})
        post(perch, rows(["2024-01-10 00:00:00", "2024-01-01 00:00:00", "2024-02-02 00:00:00"], 11))
        eventually(lambda: expired(perch) == {"2024-01": 5, "2024-02": 2})
        assert in_table(perch) == []
        assert in_files(settings) == [0, 1, 2, 10, 11, 12, 13]
        january = assert_whole(settings, "events")["months"][0]
        assert (january["rows"], january["first"]) == (5, "2024-01-01T00:00:00Z")
        frame = pd.read_parquet(settings.exports_dir / january["path"])
        assert frame["at"].is_monotonic_increasing


def test_a_retry_of_an_expired_row_is_not_in_the_file_twice(tmp_path: Path) -> None:
    settings = lasting(tmp_path, first='TAGS "unique_key=id"\n')
    event = {"at": OLD[0], "n": 1, "id": "a"}
    with running(settings) as perch:
        post(perch, [event])
        eventually(lambda: expired(perch) == {"2024-01": 1})
        post(perch, [event, {**event, "n": 2, "id": "b"}, {**event, "n": 3, "id": None}])
        eventually(lambda: expired(perch) == {"2024-01": 4} and in_table(perch) == [])
        assert in_files(settings) == [1, 2, 3]


def test_a_ttl_that_is_lifted_keeps_late_rows_in_both_once(tmp_path: Path) -> None:
    settings = lasting(tmp_path)
    with running(settings) as perch:
        post(perch, rows(OLD))
        eventually(lambda: in_table(perch) == [])
    project_of(settings.project, events=EVENTS)
    with running(settings) as perch:
        for number in (10, 11):
            post(perch, rows(["2024-01-10 00:00:00"], number))
            export(perch)
        assert in_table(perch) == [10, 11]
        assert in_files(settings) == [0, 1, 2, 10, 11]
    project_of(settings.project, events=EVENTS + TTL)
    with running(settings) as perch:
        eventually(lambda: in_table(perch) == [])
        assert in_files(settings) == [0, 1, 2, 10, 11]
        assert expired(perch) == {"2024-01": 4, "2024-02": 1}


def test_a_new_column_of_an_expired_month_has_its_default(tmp_path: Path) -> None:
    settings = lasting(tmp_path)
    with running(settings) as perch:
        post(perch, rows(OLD))
        eventually(lambda: in_table(perch) == [])
    project_of(settings.project, events=EVENTS.replace("\nENGINE M", ",\n    `more` UInt8 DEFAULT 7\nENGINE M") + TTL)
    with running(settings) as perch:
        post(perch, rows(["2024-01-10 00:00:00"], 10))
        eventually(lambda: expired(perch) == {"2024-01": 3, "2024-02": 1})
    file = settings.exports_dir / manifest_of(settings, "events")["months"][0]["path"]
    assert pd.read_parquet(file)["more"].to_list() == [7, 7, 7]


# --- what keeps a month ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_a_file_that_is_not_what_it_should_be_keeps_the_rows(tmp_path: Path, late: bool) -> None:
    """Before a month leaves, and before late rows are merged into one that has."""
    settings = lasting(tmp_path, TTL if late else "")
    with running(settings) as perch:
        post(perch, rows(OLD))
        eventually(lambda: in_table(perch) == [] if late else (settings.exports_dir / "events").exists())
        export(perch)
    file = settings.exports_dir / manifest_of(settings, "events")["months"][0]["path"]
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"x" + whole[101:])
    project_of(settings.project, events=EVENTS + TTL)
    with serving(settings) as served:
        if late:
            post(served.perch, rows(["2024-01-10 00:00:00", "2024-02-10 00:00:00"], 10))
        told = "have expired and is not as it was written" if late else "2024-01 is due and stays, since its file"
        eventually(lambda: told in log_of(served))
        eventually(lambda: in_table(served.perch) == ([10] if late else [0, 1]))
        assert "Traceback" not in log_of(served)
        file.write_bytes(whole)
        eventually(lambda: in_table(served.perch) == [])
    assert in_files(settings) == [0, 1, 2, *([10, 11] if late else [])]


def test_rows_that_come_and_go_while_months_leave_are_counted_right(tmp_path: Path) -> None:
    settings = lasting(tmp_path).model_copy(update={"export_every": timedelta(milliseconds=20)})
    sent: list[int] = []
    with running(settings) as perch:

        def send(client: int) -> None:
            mine = Perch(perch.url, settings)
            for number in range(40):
                start = client * 100_000 + number * 100
                moments = [f"2024-{1 + at % 6:02}-0{1 + at % 9} 00:00:00" for at in range(50)]
                post(mine, rows(moments, start))
                sent.extend(range(start, start + 50))

        clients = [threading.Thread(target=send, args=(client,)) for client in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        eventually(lambda: in_table(perch) == [])
        assert sum(expired(perch).values()) == len(sent) == 4000
    assert in_files(settings) == sorted(sent)
    assert_whole(settings, "events")


# --- kill -9 -----------------------------------------------------------------------------------------------------


def test_kill_9_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    settings = lasting(tmp_path).model_copy(update={"export_every": timedelta(milliseconds=10)})
    sent: list[int] = []
    for turn in range(3):
        with serving(settings) as served:
            give_up = time.monotonic() + 0.15 + 0.15 * turn
            while time.monotonic() < give_up:
                moments = [f"2024-0{1 + at % 3}-0{1 + at % 9} 00:00:00" for at in range(200)]
                start = len(sent)
                post(served.perch, rows(moments, start))
                sent.extend(range(start, start + 200))
            served.kill()
    with serving(settings) as served:
        eventually(lambda: in_table(served.perch) == [])
        assert sum(expired(served.perch).values()) == len(sent)
    found = Counter(in_files(settings))
    assert found == Counter(sent), (found - Counter(sent), Counter(sent) - found)
    assert_whole(settings, "events")


@pytest.mark.parametrize("renamed", [False, True])
def test_a_merge_that_ends_around_its_rename_is_taken_up(
    tmp_path: Path, renamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment that chance hardly meets: what is about to come is noted, and the file has its place or not."""
    settings = lasting(tmp_path)
    ended: list[Path] = []

    def ends_once(beside: Path, path: Path) -> None:
        ends = path.suffix == ".parquet" and not ended
        if renamed or not ends:
            replace_durably(beside, path)
        if ends:
            ended.append(path)
            raise OSError("the disk was taken away")

    with running(settings) as perch:
        post(perch, rows(OLD))
        eventually(lambda: in_table(perch) == [])
        monkeypatch.setattr(exports, "replace_durably", ends_once)
        post(perch, rows(["2024-01-10 00:00:00"], 10))
        eventually(lambda: bool(ended))
        post(perch, rows(["2024-01-10 00:00:00"], 11))
        eventually(lambda: in_table(perch) == [])
        assert expired(perch) == {"2024-01": 4, "2024-02": 1}
    assert in_files(settings) == [0, 1, 2, 10, 11]
    assert_whole(settings, "events")


# --- with backups ------------------------------------------------------------------------------------------------


def test_a_backup_has_the_files_of_expired_months_and_a_restore_their_rows(tmp_path: Path) -> None:
    settings = lasting(tmp_path)
    copy = tmp_path / "copy"
    with running(settings) as perch:
        post(perch, rows([*OLD, YOUNG]))
        eventually(lambda: in_table(perch) == [3])
        back_up(perch, copy)
    with running(on_copy(settings, copy)) as perch:
        assert (in_table(perch), expired(perch)) == ([3], {"2024-01": 2, "2024-02": 1})
        post(perch, rows(["2024-01-10 00:00:00"], 10))
        eventually(lambda: in_table(perch) == [3])
        assert in_files(perch.settings) == [0, 1, 2, 3, 10]
    fresh = on_copy(settings, tmp_path / "fresh")
    assert command(fresh, "restore", str(settings.exports_dir)).code == 0
    project_of(settings.project, events=EVENTS)
    with running(fresh) as perch:
        assert in_table(perch) == [0, 1, 2, 3]
