"""`make bench-order`: a shuffled month is sorted beside a lone sender, and one-hour queries before and after.

Ten million rows of the last whole month, with the nine columns of a tutorial's table, are put into the store in an
order that has nothing to do with their times. A server then sorts them (`POST /v0/order`) while one client sends one
event after another over one connection and waits for each. Printed are the widest overlap of two row groups, what
random one-hour queries read, the time taken, and how long the sender waited without and with the sorting.
Everything runs on 127.0.0.1 and stops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.endpoints import quantile
from tests.conftest import ADMIN_TOKEN, make_settings
from tests.serving import Served, serving

ROW_GROUP, HOUR = 122_880, timedelta(hours=1)
DEFINITION = """SCHEMA >
    `event_time` DateTime `json:$.event_time`,
    `model_name` String `json:$.model_name`,
    `prompt_tokens` UInt32 `json:$.prompt_tokens`,
    `completion_tokens` UInt32 `json:$.completion_tokens`,
    `total_tokens` UInt32 `json:$.total_tokens`,
    `cost` Float32 `json:$.cost`,
    `latency` Float32 `json:$.latency`,
    `success` UInt8 `json:$.success`,
    `error_message` String `json:$.error_message`

ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(event_time)"
ENGINE_SORTING_KEY "event_time, model_name"
"""
ROWS = """
INSERT INTO rows.llm_events
SELECT TIMESTAMP '{first}' + to_seconds((hash(i) % {seconds})::BIGINT), 'model-' || hash(i + 1) % 20,
       hash(i + 2) % 4000, hash(i + 3) % 1000, hash(i + 2) % 4000 + hash(i + 3) % 1000, (hash(i + 4) % 10000) / 1e5,
       (hash(i + 5) % 30000) / 1e3, CASE WHEN hash(i + 6) % 50 = 0 THEN 0 ELSE 1 END,
       CASE WHEN hash(i + 6) % 50 = 0 THEN 'error ' || hash(i + 7) % 8 ELSE '' END, i // 1000 + 1
FROM range({rows}) numbers(i)
"""


@dataclass(frozen=True)
class Month:
    """The month whose rows are sorted."""

    first: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        return int((self.end - self.first).total_seconds())


def last_month() -> Month:
    """The last month that is over."""
    end = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return Month((end - timedelta(days=1)).replace(day=1), end)


def spans(store: Path) -> list[tuple[datetime, datetime]]:
    """The first and the last time of each row group of a store that nobody has open."""
    with duckdb.connect(str(store), read_only=True) as connection:
        return connection.execute(
            "SELECT min(stats.min::VARCHAR::TIMESTAMP), max(stats.max::VARCHAR::TIMESTAMP) "
            "FROM pragma_storage_info('rows.llm_events') "
            "WHERE column_name = 'event_time' AND segment_type <> 'VALIDITY' GROUP BY row_group_id"
        ).fetchall()


def widest(groups: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """The widest overlap of two row groups in time."""
    overlap, ordered = timedelta(0), sorted(groups)
    last = ordered[0][1]
    for first, end in ordered[1:]:
        overlap, last = max(overlap, min(last, end) - first), max(last, end)
    return overlap


def told(store: Path, when: str) -> None:
    """Print how the row groups of a stopped store lie."""
    groups = spans(store)
    size = store.stat().st_size / 1e6
    print(f"{when}: {len(groups)} row groups, widest overlap {widest(groups)}, file {size:.0f} MB", flush=True)


def post(connection: HTTPConnection, path: str, body: str = "") -> Any:
    """One request; its answer."""
    connection.request("POST", path, body, {"Authorization": f"Bearer {ADMIN_TOKEN}"})
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status == 200, data
    return json.loads(data)


def hours(served: Served, month: Month, calls: int, when: str) -> None:
    """Ask for random hours and print what was read for them."""
    chance = random.Random(7)
    groups, times = [], []
    with closing(HTTPConnection("127.0.0.1", served.perch.settings.port)) as connection:
        for _ in range(calls):
            start = month.first + timedelta(seconds=chance.randrange(month.seconds - 3600))
            within = f"event_time >= '{start}' AND event_time < '{start + HOUR}'"
            query = f"SELECT model_name, sum(total_tokens) FROM llm_events WHERE {within} GROUP BY 1 FORMAT JSON"
            statistics = post(connection, "/v0/sql", query)["statistics"]
            groups.append(statistics["rows_read"] / ROW_GROUP)
            times.append(statistics["elapsed"] * 1e3)
    print(
        f"{when}: one-hour queries read {quantile(groups, 0.5):.1f} row groups (p50), {max(groups):.1f} (most), "
        f"in {quantile(times, 0.5):.1f} ms (p50)",
        flush=True,
    )


def send(served: Served, until: threading.Event) -> list[float]:
    """Milliseconds of each request of a lone sender, one event after another, until the event is set."""
    times = []
    now = datetime.now(UTC)
    event = {"model_name": "gpt-4", "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.1}
    body = json.dumps(
        {"event_time": f"{now:%Y-%m-%d %H:%M:%S}", **event, "latency": 1.5, "success": 1, "error_message": ""}
    )
    with closing(HTTPConnection("127.0.0.1", served.perch.settings.port)) as connection:
        while not until.is_set():
            started = time.perf_counter()
            post(connection, "/v0/events?name=llm_events&wait=true", body)
            times.append((time.perf_counter() - started) * 1e3)
    return times


def waited(times: Sequence[float], when: str) -> None:
    """Print how long the sender waited."""
    print(
        f"{when}: {len(times)} requests of one event, p50 {quantile(times, 0.5):.1f} ms, "
        f"p99 {quantile(times, 0.99):.1f} ms, worst {max(times):.1f} ms",
        flush=True,
    )


def sort(served: Served) -> None:
    """Sort while a lone sender goes on; print both."""
    done, times = threading.Event(), list[float]()
    sender = threading.Thread(target=lambda: times.extend(send(served, done)))
    sender.start()
    started = time.perf_counter()
    with closing(HTTPConnection("127.0.0.1", served.perch.settings.port)) as connection:
        (answer,) = post(connection, "/v0/order")["order"]
    seconds = time.perf_counter() - started
    done.set()
    sender.join()
    print(f"sorted {answer['rows']:,} rows in {answer['slices']} slices, {seconds:.1f} s: {answer}")
    waited(times, "sorting")


def measure(folder: Path, rows: int, calls: int) -> None:
    """Fill a store, measure, sort, measure again."""
    project, month = folder / "project", last_month()
    (project / "datasources").mkdir(parents=True)
    (project / "datasources" / "llm_events.datasource").write_text(DEFINITION)
    settings = make_settings(folder, project=project, memory="2GB")
    with serving(settings):
        pass  # makes the table
    with duckdb.connect(str(settings.store_path)) as connection:
        connection.execute(ROWS.format(first=month.first, seconds=month.seconds, rows=rows))
    told(settings.store_path, "before")
    with serving(settings) as served:
        hours(served, month, calls, "before")
        done = threading.Event()
        threading.Timer(10, done.set).start()
        waited(send(served, done), "not sorting")
        sort(served)
        hours(served, month, calls, "after")
        print(f"load average: {os.getloadavg()[0]:.1f}")
    told(settings.store_path, "after")


def main() -> None:
    """Run it once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    print(subprocess.run(["uptime"], capture_output=True, text=True, check=False).stdout.strip(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="perch-order-"))
    try:
        measure(folder, asked.rows, asked.queries)
    except BaseException:
        print((folder / "server.log").read_text()[-3000:])
        raise
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
