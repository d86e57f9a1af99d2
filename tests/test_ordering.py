"""Whatever order rows come in, closed days end up sorted; no row is lost, doubled or given another commit number."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from ingest_server import open_perch
from metrics.settings import Settings
from metrics.store import log_path
from tests.conftest import Json, Perch, make_settings, running
from tests.serving import serving

CALLS = """SCHEMA >
    `moment` DateTime `json:$.moment`,
    `model` String `json:$.model`,
    `n` UInt32 `json:$.n`

ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(moment)"
ENGINE_SORTING_KEY "moment, model"
"""
PLAIN = 'SCHEMA >\n    `n` UInt32 `json:$.n`\n\nENGINE "MergeTree"\nENGINE_SORTING_KEY "n"\n'
LATEST = CALLS.replace('"MergeTree"', '"ReplacingMergeTree"')
HOUR, DAYS = timedelta(hours=1), 20
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
FIRST = TODAY - timedelta(days=DAYS)
YESTERDAY = str(TODAY.date() - timedelta(days=1))
BUSY = FIRST + timedelta(days=10)
Group = tuple[datetime, datetime, int]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of `project` for one test."""
    return project(tmp_path)


def project(place: Path) -> Settings:
    """A project of three small tables: by time, without a time, and one of which the last row of a key counts."""
    folder = place / "project" / "datasources"
    folder.mkdir(parents=True)
    for name, text in {"calls": CALLS, "plain": PLAIN, "latest": LATEST}.items():
        (folder / f"{name}.datasource").write_text(text)
    return make_settings(place, project=place / "project")


def times(rows: int, days: int = DAYS) -> list[datetime]:
    """Times of so many rows, evenly and in order, over the days before today."""
    step = days * 86_400 / rows
    return [TODAY - timedelta(days=days) + timedelta(seconds=int(at * step)) for at in range(rows)]


def shuffled(moments: Sequence[datetime], seed: int = 1) -> list[datetime]:
    return random.Random(seed).sample(moments, len(moments))


def late(moments: Sequence[datetime]) -> list[datetime]:
    """In order, but for one in a hundred, which comes up to a week late."""
    chance = random.Random(2)
    delay = {at: chance.uniform(0, 7) * 86_400 for at in range(0, len(moments), 100)}
    order = sorted(range(len(moments)), key=lambda at: moments[at].timestamp() + delay.get(at, 0))
    return [moments[at] for at in order]


def load(
    perch: Perch, moments: Sequence[datetime], first: int = 0, *, mode: str = "append", name: str = "calls"
) -> None:
    """Import rows of these times, numbered from `first`, as one file."""
    numbers = np.arange(first, first + len(moments), dtype=np.uint32)
    models = pa.array([f"model-{number % 7}" for number in numbers])
    table = pa.table({"moment": pa.array(moments, pa.timestamp("us")), "model": models, "n": pa.array(numbers)})
    out = io.BytesIO()
    pq.write_table(table, out)
    params = {"name": name, "mode": mode, "format": "parquet"}
    answer = perch.request("POST", "/v0/datasources", params=params, data=out.getvalue())
    assert answer.status_code == 200, answer.text
    assert answer.json()["successful_rows"] == len(moments)


def sort(perch: Perch, name: str = "calls") -> Json:
    """Sort now; what was done with a data source."""
    answer = perch.request("POST", "/v0/order")
    assert answer.status_code == 200, answer.text
    done: list[Json] = answer.json()["order"]
    return next(each for each in done if each["datasource"] == name)


@contextmanager
def stored(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The store of a server that has ended; what its log still holds is not written into it."""
    with duckdb.connect(str(settings.store_path), config={"checkpoint_threshold": "1TB"}) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        yield connection


def row_groups(settings: Settings, name: str = "calls") -> list[Group]:
    """First time, last time and rows of each row group."""
    with stored(settings) as connection:
        found = connection.execute(
            f"SELECT min(TRY_CAST(stats.min::VARCHAR AS TIMESTAMP)), max(TRY_CAST(stats.max::VARCHAR AS TIMESTAMP)), "
            f"sum(count)::BIGINT FROM pragma_storage_info('rows.{name}') "
            "WHERE column_name = 'moment' AND segment_type <> 'VALIDITY' GROUP BY row_group_id ORDER BY row_group_id"
        ).fetchall()
    return [(first, last, rows) for first, last, rows in found]


def widest_overlap(groups: Sequence[Group]) -> timedelta:
    """Of any two row groups without a row of today."""
    closed = [(first, last) for first, last, _ in groups if last < TODAY]
    return max(
        (min(one[1], other[1]) - max(one[0], other[0]) for at, one in enumerate(closed) for other in closed[:at]),
        default=timedelta(0),
    )


def rows(settings: Settings, name: str = "calls") -> pa.Table:
    """Every row with its commit number, by number."""
    with stored(settings) as connection:
        return connection.sql(f"SELECT n, moment, model, _seq FROM rows.{name} ORDER BY ALL").to_arrow_table()


def is_sorted_inside(settings: Settings, name: str = "calls") -> bool:
    """Whether each row group of closed days lies by the sorting key; rowids ascend as the rows lie."""
    with stored(settings) as connection:
        found = connection.execute(
            f"SELECT moment, model FROM rows.{name} WHERE moment < TIMESTAMP '{TODAY}' ORDER BY rowid"
        ).fetchall()
    breaks = sum(before > after for before, after in itertools.pairwise(found))
    return breaks < len(row_groups(settings, name))


# --- what arrives, in any order -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shuffled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that has ended: 400,000 rows, shuffled, many of them in one hour.

    They are put into its file, since so many take ten seconds by HTTP.
    """
    settings = project(tmp_path_factory.mktemp("shuffled"))
    with running(settings):
        pass  # makes the tables
    with stored(settings) as connection:
        connection.execute(
            f"INSERT INTO rows.calls SELECT CASE WHEN i < 160_000 THEN TIMESTAMP '{BUSY}' + to_seconds(i % 3600) "
            f"ELSE TIMESTAMP '{FIRST}' + to_seconds((hash(i) % {DAYS * 86_400})::BIGINT) END, 'model-' || i % 7, i, "
            "1 + i % 40 FROM range(400_000) numbers(i) ORDER BY hash(i + 1)"
        )
        connection.execute("CHECKPOINT")
    return settings.data_dir


def copied(store: Path, settings: Settings) -> None:
    """The same rows for a server of its own."""
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    shutil.copytree(store, settings.data_dir)


def test_shuffled_rows_end_up_sorted(settings: Settings, shuffled_store: Path) -> None:
    copied(shuffled_store, settings)
    before = rows(settings)
    assert widest_overlap(row_groups(settings)) > HOUR
    with running(settings) as perch:
        hour = f"moment >= '{FIRST + timedelta(days=2)}' AND moment < '{FIRST + timedelta(days=2) + HOUR}'"
        query = f"SELECT sum(n) AS total FROM calls WHERE {hour} FORMAT JSON"
        read = perch.get("/v0/sql", q=query).json()
        assert read["statistics"]["rows_read"] == 400_000
        done = sort(perch)
        assert (done["rows"], done["overlapping"], done["sorted_until"]) == (400_000, 0, YESTERDAY)
        assert done["slices"] > 1
        again = sort(perch)
        assert (again["slices"], again["rows"]) == (0, 0)
        after = perch.get("/v0/sql", q=query).json()
        assert after["statistics"]["rows_read"] <= 122_880
        assert after["data"] == read["data"]
    assert widest_overlap(row_groups(settings)) <= HOUR
    assert is_sorted_inside(settings)
    assert rows(settings).equals(before)


def test_late_rows_move_their_neighbours_alone_and_the_file_does_not_grow(
    settings: Settings, shuffled_store: Path
) -> None:
    copied(shuffled_store, settings)
    sizes = []
    with running(settings) as perch:
        sort(perch)
        for part in range(5):
            perch.post_events("calls", {"moment": str(FIRST + timedelta(days=1)), "model": "late", "n": 500_000 + part})
            assert 122_880 <= sort(perch)["rows"] < 250_000
            sizes.append(settings.store_path.stat().st_size)
    assert sizes[4] <= 1.2 * sizes[1], sizes
    assert widest_overlap(row_groups(settings)) <= HOUR


@pytest.mark.parametrize("arrival", ["backwards", "late"])
def test_rows_that_come_backwards_or_late_end_up_sorted(settings: Settings, arrival: str) -> None:
    moments = times(40_000)
    for part in range(4):
        of_part = moments[::-1][part::4] if arrival == "backwards" else late(moments)[part * 10_000 :][:10_000]
        with running(settings) as perch:
            load(perch, of_part, part * 10_000)
    before = rows(settings)
    assert widest_overlap(row_groups(settings)) > HOUR
    with running(settings) as perch:
        assert sort(perch)["rows"] == 40_000
        assert sort(perch)["rows"] == 0
    assert widest_overlap(row_groups(settings)) <= HOUR
    assert is_sorted_inside(settings)
    assert rows(settings).equals(before)


# --- little tables, today, other tables ------------------------------------------------------------------------------


def test_a_small_table_is_sorted_apart_from_todays_rows(settings: Settings) -> None:
    with running(settings) as perch:
        for part in range(3):
            load(perch, shuffled(times(700)), part * 1000)
            load(perch, [TODAY + timedelta(seconds=part)] * 10, part * 1000 + 800)
    with running(settings) as perch:
        for part in range(3, 5):
            load(perch, shuffled(times(700, 3)), part * 1000)
            perch.post_events("calls", {"moment": str(TODAY), "model": "a", "n": part})
            assert sort(perch)["overlapping"] == 0
            perch.post_events("calls", {"moment": str(TODAY), "model": "a", "n": part + 10})
        assert sort(perch)["slices"] == 0
        assert perch.sql("SELECT count() AS found FROM calls") == [{"found": 3 * 710 + 2 * 702}]
    groups = row_groups(settings)
    assert widest_overlap(groups) <= HOUR
    assert is_sorted_inside(settings)
    assert sum(held for first, last, held in groups if last < TODAY) >= 1400


@pytest.mark.parametrize("kind", ["Date", "DateTime64(3)", "DateTime('Europe/Berlin')"])
def test_every_kind_of_time_is_sorted(tmp_path: Path, kind: str) -> None:
    settings = project(tmp_path)
    settings = settings.model_copy(update={"project": tmp_path / "of_kind"})
    (tmp_path / "of_kind").mkdir()
    (tmp_path / "of_kind" / "calls.datasource").write_text(CALLS.replace("DateTime", kind))
    days = [f"{moment:%Y-%m-%d}" + (" 12:00:00" if kind != "Date" else "") for moment in times(12, 12)]
    for part in range(2):
        with running(settings) as perch:
            perch.post_events("calls", [{"moment": day, "model": "a", "n": part} for day in shuffled(days, part)])
    assert widest_overlap(row_groups(settings)) > HOUR
    with running(settings) as perch:
        assert sort(perch)["rows"] == 24
        assert sort(perch)["rows"] == 0
        assert perch.get("/v0/datasources/calls").json()["order"]["sorted_until"] == YESTERDAY
    assert len(row_groups(settings)) == 1
    assert is_sorted_inside(settings)


def test_todays_rows_are_left_alone(settings: Settings) -> None:
    now = [TODAY + timedelta(milliseconds=at) for at in range(2000)]
    with running(settings) as perch:
        load(perch, times(5000))
        sort(perch)
        load(perch, shuffled(now), 5000)
        load(perch, [*times(100, 3), *shuffled(now, 2)], 10_000)
        assert sort(perch)["rows"] == 0
        before = perch.get("/v0/datasources/calls").json()["order"]
    assert before["overlapping"] == 0


def test_a_row_from_the_future_does_not_keep_a_file_unsorted(settings: Settings) -> None:
    with running(settings) as perch:
        load(perch, [*shuffled(times(2000)), TODAY + timedelta(days=300)])
    with running(settings) as perch:
        load(perch, shuffled(times(2000), 4), 3000)
    before = rows(settings)
    with running(settings) as perch:
        assert sort(perch)["rows"] == 4000
        assert sort(perch)["rows"] == 0
    assert rows(settings).equals(before)
    groups = row_groups(settings)
    assert widest_overlap(groups) <= HOUR
    assert [held for _, last, held in groups if last < TODAY] == [4000]


def test_row_groups_of_many_starts_become_one(settings: Settings) -> None:
    for part, moment in enumerate(times(4, 4)):
        with running(settings) as perch:
            load(perch, [moment + timedelta(seconds=at) for at in range(50)], part * 50)
    assert len(row_groups(settings)) == 4
    with running(settings) as perch:
        assert sort(perch)["rows"] == 200
        assert sort(perch)["rows"] == 0
    assert [held for _, _, held in row_groups(settings)] == [200]


def test_the_last_row_of_a_key_stays_the_last(settings: Settings) -> None:
    moments = shuffled(times(500))
    for part in range(2):  # in each file every key comes seven times: the last row counts
        with running(settings) as perch:
            load(perch, moments * 7, part * 10_000, name="latest")
    with running(settings) as perch:
        latest = "SELECT moment, model, n FROM latest FINAL ORDER BY moment, model, n"
        before = perch.sql(latest)
        assert sort(perch, "latest")["rows"] == 7000
        assert perch.sql(latest) == before


# --- the HTTP side ---------------------------------------------------------------------------------------------------


def test_the_state_is_told(settings: Settings) -> None:
    with running(settings) as perch:
        assert perch.get("/v0/datasources/plain").json()["order"] is None
        load(perch, times(1000))
        empty = perch.get("/v0/datasources/latest", attrs="order").json()
        assert empty == {"order": {"sorted_until": None, "row_groups": 0, "overlapping": 0}}
        token = perch.create_token("reader", "DATASOURCES:READ:calls")
        assert perch.request("POST", "/v0/order", token=token).status_code == 403
        assert perch.get("/v0/datasources/calls", token=token).status_code == 200
    with running(settings) as perch:
        load(perch, shuffled(times(1000)), 1000)
    with running(settings) as perch:
        state = perch.get("/v0/datasources/calls").json()["order"]
        assert (state["row_groups"], state["overlapping"]) == (2, 1)
        assert date.fromisoformat(state["sorted_until"]) < FIRST.date()
        sort(perch)
        state = perch.get("/v0/datasources/calls").json()["order"]
        assert state == {"sorted_until": str((TODAY - timedelta(days=1)).date()), "row_groups": 1, "overlapping": 0}


# --- at the same time, and kill -9 -----------------------------------------------------------------------------------


def test_what_is_sent_deleted_and_replaced_meanwhile_is_as_it_would_be(
    settings: Settings, shuffled_store: Path
) -> None:
    copied(shuffled_store, settings)
    with running(settings) as perch:
        stop, runs = threading.Event(), []

        def sort_on_and_on() -> None:
            with running_client(perch) as client:
                while not stop.is_set():
                    runs.append(sort(client)["rows"])

        sorter = threading.Thread(target=sort_on_and_on)
        sorter.start()
        kept = set(range(400_000))
        for part in range(5):
            numbers = range(500_000 + part * 1000, 500_000 + part * 1000 + 500)
            load(perch, shuffled(times(500), part), numbers.start)
            perch.post_events("calls", [{"moment": str(TODAY), "model": "now", "n": 600_000 + part}])
            condition = {"delete_condition": f"n % 97 = {part}"}
            assert perch.request("POST", "/v0/datasources/calls/delete", data=condition).status_code == 200
            kept = {n for n in [*kept, *numbers, 600_000 + part] if n % 97 != part}
        found = perch.sql("SELECT count() AS rows, uniqExact(n) AS numbers, sum(n) AS total FROM calls")
        assert found == [{"rows": len(kept), "numbers": len(kept), "total": sum(kept)}]
        load(perch, shuffled(times(9000), 9), mode="replace")
        load(perch, times(10), 9000)
        stop.set()
        sorter.join()
        assert sum(runs) > 300_000
        sort(perch)
    assert rows(settings)["n"].to_pylist() == list(range(9010))
    assert widest_overlap(row_groups(settings)) <= HOUR


@contextmanager
def running_client(perch: Perch) -> Iterator[Perch]:
    """The same server for another thread."""
    client = Perch(perch.url, perch.settings)
    try:
        yield client
    finally:
        client.session.close()


def test_kill_9_while_sorting_loses_and_doubles_nothing(settings: Settings, shuffled_store: Path) -> None:
    copied(shuffled_store, settings)
    before, killed = rows(settings), 0
    for seconds in (0.1, 0.4, 0.8):
        copied(shuffled_store, settings)
        with serving(settings) as served:
            sent = list[int]()
            sender = threading.Thread(target=send_on_and_on, args=(served.perch, sent))
            killer = threading.Timer(seconds, served.process.kill)
            sender.start()
            killer.start()
            with contextlib.suppress(requests.RequestException):
                sort(served.perch)
                killed -= 1
            killed += 1
            killer.join()
            served.process.wait()
            sender.join()
        after = rows(settings)
        numbers = after["n"].to_pylist()[400_000:]
        assert numbers in (sent[:-1], sent)  # the last one was not answered
        assert after.slice(0, 400_000).equals(before)
    assert killed
    with running(settings) as perch:
        assert sort(perch)["overlapping"] == 0
    assert rows(settings).slice(0, 400_000).equals(before)
    assert widest_overlap(row_groups(settings)) <= HOUR


def send_on_and_on(perch: Perch, sent: list[int]) -> None:
    """Send single rows of today and of the days before, until the server is gone; `sent` has their numbers."""
    with running_client(perch) as client, contextlib.suppress(requests.RequestException):
        for number in range(1_000_000, 1_100_000):
            sent.append(number)
            moment = TODAY - timedelta(hours=number % 30)
            assert client.post_events("calls", {"moment": str(moment), "model": "a", "n": number}).ok


def test_a_log_that_cannot_be_folded_while_rows_move_is_folded_after_that(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_perch(settings) as opened:
        store, writer = opened.perch.store, opened.perch.writer
        with store.rewriting() as connection:
            connection.execute("CREATE TABLE internal.moved AS SELECT 1 AS row")
            writer.fold(whole=True)
            assert log_path(store.path).stat().st_size
        writer.fold(whole=True)
        assert not log_path(store.path).exists()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_stop_does_not_wait_for_the_sorting(settings: Settings, shuffled_store: Path) -> None:
    copied(shuffled_store, settings)
    before = rows(settings)
    with serving(settings) as served:
        sorting = threading.Thread(target=sort, args=(served.perch,))
        sorting.start()
        time.sleep(0.2)
        began = time.monotonic()
        assert served.stop() == 0
        sorting.join()
        assert time.monotonic() - began < 10
    assert rows(settings).equals(before)
