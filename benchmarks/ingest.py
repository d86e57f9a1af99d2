"""`make bench-ingest`: durable rows per second over HTTP, beside ClickHouse inserting the same bytes in process.

For each number of events a request and of connections, a fresh server takes requests from `wrk` (one thread) for some
seconds; then chdb, the engine behind Tinybird, inserts the same NDJSON bytes as often as fits into the same time. Perch
checks tokens, validates, quarantines, keeps ids apart and fsyncs before it answers; chdb is called in process, parses
JSONEachRow and does not fsync. Then, how quickly the two endpoints of the tutorial answer while all that goes on; last,
the rate of the shipped project beside that of a copy of it without rollups, in turns: what their upkeep costs; and what
pricing costs: the same bodies into a table with the columns of prices and into one without them.
Everything runs on 127.0.0.1 and stops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import requests

from metrics.workspace import load_workspace

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "metrics"
TOKEN = "benchmark"
PORT = 17_181
URL = f"http://127.0.0.1:{PORT}"
ENDPOINTS = ("llm_usage_by_model", "llm_performance")
CASES = [(events, connections) for events in (1, 100, 1000, 10_000) for connections in (1, 8, 32)]

LUA = """
local file, sizes = io.open("{bodies}", "rb"), {{}}
for line in io.lines("{sizes}") do sizes[#sizes + 1] = tonumber(line) end
local bodies = {{}}
for index, size in ipairs(sizes) do bodies[index] = file:read(size) end
file:close()
local headers, number = {{ ["Authorization"] = "Bearer {token}" }}, 0
request = function()
  number = number + 1
  return wrk.format("POST", "/v0/events?name=llm_events", headers, bodies[(number - 1) % #bodies + 1])
end
"""


@dataclass(frozen=True)
class Measured:
    """One case: rows and requests per second, latency of the answer, what it cost the server."""

    requests: float
    rows: float
    p50: str
    p99: str
    cpu_per_million: float
    peak_mb: float
    failed: int


def event(number: int, with_id: bool, chance: random.Random) -> dict[str, object]:
    """One event of the tutorial's nine fields, about 210 bytes, and an id if asked."""
    prompt, completion = chance.randrange(20, 8000), chance.randrange(1, 1200)
    moment = datetime(2026, 6, 1) + timedelta(seconds=number // 1000)
    failed = chance.random() < 0.02
    row: dict[str, object] = {
        "event_time": f"{moment:%Y-%m-%d %H:%M:%S}",
        "model_name": chance.choice(("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro", "mistral-large")),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": round(prompt * 2.5e-6 + completion * 1e-5, 6),
        "latency": round(chance.lognormvariate(0.5, 0.6), 3),
        "success": int(not failed),
        "error_message": "Rate limit reached" if failed else "",
    }
    return {**row, "id": f"req-{number:012d}"} if with_id else row


def make_bodies(events: int, bodies: int, with_id: bool) -> list[bytes]:
    """Bodies of NDJSON; with ids no two rows of all of them share one."""
    chance = random.Random(1)
    numbers = iter(range(10**9))
    return [
        b"\n".join(json.dumps(event(next(numbers), with_id, chance)).encode() for _ in range(events))
        for _ in range(bodies)
    ]


@contextmanager
def server(folder: Path, port: int = PORT, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of its own process on a store, empty unless the folder has one; more settings by their names."""
    given = {"PERCH_DATA_DIR": str(folder), "PERCH_PORT": str(port), "PERCH_ADMIN_TOKEN": TOKEN, **settings}
    process = subprocess.Popen(
        [sys.executable, "ingest_server.py"], cwd=ROOT, env={**os.environ, **given}, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(process, port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(300)  # it may have a year to export
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Return once the server answers; raises RuntimeError if it ends or stays silent for two minutes."""
    for _ in range(2400):
        if process.poll() is not None:
            break
        try:
            requests.get(f"http://127.0.0.1:{port}/v0/health", timeout=1)
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"The server on port {port} does not answer.")


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory that a process has held, in MB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def wrk(folder: Path, bodies: list[bytes], connections: int, seconds: int, port: int = PORT) -> list[str]:
    """The command that posts the bodies, one after another and again from the first, from one thread."""
    data, sizes, script = folder / "bodies", folder / "sizes", folder / "post.lua"
    data.write_bytes(b"".join(bodies))
    sizes.write_text("\n".join(str(len(body)) for body in bodies) + "\n")
    script.write_text(LUA.format(bodies=data, sizes=sizes, token=TOKEN))
    options = [f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", str(script)]
    return ["wrk", "-t1", *options, f"http://127.0.0.1:{port}"]


def measure(
    folder: Path, bodies: list[bytes], events: int, connections: int, seconds: int, project: Path = PROJECT
) -> Measured:
    """Drive one fresh server, with the definitions of a project, with wrk."""
    store = folder / "store"
    with server(store, PERCH_PROJECT=str(project)) as process:
        before = cpu_seconds(process.pid)
        told = subprocess.run(
            wrk(folder, bodies, connections, seconds), capture_output=True, text=True, check=True
        ).stdout
        cpu, peak = cpu_seconds(process.pid) - before, peak_mb(process.pid)
        counting = {"q": "SELECT count() AS n FROM llm_events", "token": TOKEN}
        stored = requests.get(f"{URL}/v0/sql", params=counting, timeout=60).json()["data"][0]["n"]
    shutil.rmtree(store)
    done = int(_number(told, r"(\d+) requests in"))
    assert stored >= done * events or _number(told, r"Non-2xx or 3xx responses: (\d+)"), "rows were lost"
    rate = _number(told, r"Requests/sec:\s+([\d.]+)")
    latency = {name: re.search(rf"{name}%\s+(\S+)", told) for name in ("50", "99")}
    return Measured(
        rate,
        rate * events * stored / max(1, done * events),
        latency["50"][1] if latency["50"] else "-",
        latency["99"][1] if latency["99"] else "-",
        cpu / max(1, stored) * 1e6,
        peak,
        int(_number(told, r"Non-2xx or 3xx responses: (\d+)")),
    )


def _columns(got: Measured) -> str:
    rates = f"{got.rows:10,.0f} {got.requests:7,.0f} {got.p50:>8} {got.p99:>8}"
    return f"{rates} {got.cpu_per_million:8.2f} {got.peak_mb:8.0f} {got.failed:4}"


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


CHDB = """
import resource, sys, time
from chdb import session
folder, events, seconds, columns = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
sizes = [int(line) for line in open(folder + "/sizes")]
with open(folder + "/bodies", "rb") as file:
    bodies = [file.read(size).decode() for size in sizes]
engine = session.Session(folder + "/chdb")
engine.query("CREATE DATABASE b")
engine.query("CREATE TABLE b.llm_events (" + columns + ") ENGINE MergeTree PARTITION BY toYYYYMM(event_time) "
             "ORDER BY (event_time, model_name)")
began, cpu, number, times = time.perf_counter(), time.process_time(), 0, []
while time.perf_counter() - began < seconds:
    started = time.perf_counter()
    engine.query("INSERT INTO b.llm_events FORMAT JSONEachRow " + bodies[number % len(bodies)])
    times.append(time.perf_counter() - started)
    number += 1
elapsed, used = time.perf_counter() - began, time.process_time() - cpu
times.sort()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
middle, worst = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
print(number / elapsed, middle, worst, used / (number * events) * 1e6, peak)
"""


def measure_chdb(folder: Path, events: int, seconds: int) -> Measured:
    """Insert the same bytes into chdb in a process of its own, one request after another."""
    source = load_workspace(PROJECT).source("llm_events")
    columns = ", ".join(
        f"`{column.name}` {column.type}" + (f" DEFAULT {column.default}" if column.default else "")
        for column in source.definition.columns
    )
    arguments = [str(folder), str(events), str(seconds), columns]
    told = subprocess.run([sys.executable, "-c", CHDB, *arguments], capture_output=True, text=True, check=True).stdout
    rate, p50, p99, cpu, peak = (float(part) for part in told.split())
    shutil.rmtree(folder / "chdb", ignore_errors=True)
    return Measured(rate, rate * events, f"{p50:.2f}ms", f"{p99:.2f}ms", cpu, peak, 0)


def pricing(seconds: int, rounds: int) -> None:
    """Print what pricing each call takes off the rate: two servers, each idle while the other is under load, in turns.

    One has our table and the other the same without the columns for prices; neither a rollup, whose upkeep is measured
    by itself. The machine's own ups and downs are longer than a turn and meet both.
    """
    print("events conns   priced rows/s  unpriced rows/s   of it  cpu-s/M  unpriced  (medians of turns)", flush=True)
    for events, connections in ((1, 32), (100, 32), (1000, 8)):
        bodies = make_bodies(events, _wanted(events, seconds, False), False)
        with tempfile.TemporaryDirectory() as name, _two_servers(Path(name)) as servers:
            turns = []
            for number in range(rounds):
                order = (0, 1) if number % 2 else (1, 0)
                got = {at: _turn(Path(name), servers[at], bodies, events, connections, seconds) for at in order}
                turns.append((got[0], got[1]))
        priced, plain = ([median(values) for values in zip(*side, strict=True)] for side in zip(*turns, strict=True))
        share = median(one[0] / other[0] for one, other in turns)
        told = f"{events:6} {connections:5} {priced[0]:15,.0f} {plain[0]:16,.0f} {share:7.1%}"
        print(f"{told} {priced[1]:8.2f} {plain[1]:9.2f}", flush=True)


@contextmanager
def _two_servers(folder: Path) -> Iterator[list[tuple[int, int]]]:
    """The port and the process of a server that prices calls, and of one whose table has no columns for that."""
    text = (PROJECT / "datasources/llm_events.datasource").read_text()
    kept = [line for line in text.splitlines() if not re.match(r" *`(sent|computed)_cost`", line)]
    plain = "\n".join(kept).replace("DEFAULT now64(6),", "DEFAULT now64(6)")
    with ExitStack() as stack:
        servers = []
        for port, definition in ((PORT, text), (PORT + 1, plain)):
            project = folder / f"project-{port}"
            project.mkdir()
            (project / "llm_events.datasource").write_text(definition)
            running = server(folder / f"store-{port}", port, PERCH_PROJECT=str(project))
            servers.append((port, stack.enter_context(running).pid))
        yield servers


def _turn(
    folder: Path, target: tuple[int, int], bodies: list[bytes], events: int, connections: int, seconds: int
) -> tuple[float, float]:
    """Rows a second that a server takes, and its processor seconds for a million."""
    port, pid = target
    before = cpu_seconds(pid)
    command = wrk(folder, bodies, connections, seconds, port)
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told, told
    cpu = cpu_seconds(pid) - before
    return _number(told, r"Requests/sec:\s+([\d.]+)") * events, cpu / _number(told, r"(\d+) requests in") / events * 1e6


def reading(seconds: int) -> None:
    """Print the p95 of the tutorial's endpoints over at least a million rows, idle and during ingest at full rate."""
    bodies = make_bodies(1000, 100, False)
    with tempfile.TemporaryDirectory() as name, server(Path(name) / "store"):
        stored = 0
        while stored < 1_000_000:
            for body in bodies:
                stored += post(body)
        idle = {endpoint: p95(endpoint, seconds) for endpoint in ENDPOINTS}
        with subprocess.Popen(wrk(Path(name), bodies, 8, 4 * seconds), stdout=subprocess.DEVNULL) as load:
            busy = {endpoint: p95(endpoint, seconds) for endpoint in ENDPOINTS}
            load.terminate()
    for endpoint in ENDPOINTS:
        ratio = busy[endpoint] / idle[endpoint]
        print(f"{endpoint}: p95 {idle[endpoint]:.0f} ms idle, {busy[endpoint]:.0f} ms during ingest ({ratio:.1f}x)")


def upkeep(seconds: int, rounds: int = 5) -> None:
    """Print the share of the ingest rate that keeping the rollups costs: with them and without, in turns."""
    bodies = make_bodies(1000, 200, False)
    with tempfile.TemporaryDirectory() as name:
        bare = without_rollups(PROJECT, Path(name) / "project")
        kept: list[float] = []
        print("\nround  rows/s as shipped  without rollups (1,000 events a request, 8 connections)", flush=True)
        for number in range(1, rounds + 1):
            shipped = measure(Path(name), bodies, 1000, 8, seconds).rows
            alone = measure(Path(name), bodies, 1000, 8, seconds, bare).rows
            kept.append(shipped / alone)
            print(f"{number:5}  {shipped:17,.0f}  {alone:15,.0f}", flush=True)
    share = 1 - sorted(kept)[len(kept) // 2]
    print(f"upkeep of the rollups costs {share:.1%} of the ingest rate (median of {rounds} pairs)")


def without_rollups(project: Path, folder: Path) -> Path:
    """Copy a project's definitions into `folder`, but for the pipes that fill other data sources; the folder."""
    rollups = {pipe.path for pipe in load_workspace(project).pipes.values() if pipe.kind == "materialized"}
    for path in {*project.rglob("*.datasource"), *project.rglob("*.pipe")} - rollups:
        target = folder / path.relative_to(project)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


def post(body: bytes) -> int:
    """Post one body and return the rows that were stored."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.post(f"{URL}/v0/events?name=llm_events", data=body, headers=headers, timeout=60)
    return int(answer.json()["successful_rows"])


def p95(endpoint: str, seconds: int) -> float:
    """The 95th percentile of an endpoint's answers, one after another for some seconds, in milliseconds."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    with requests.Session() as session:
        while time.perf_counter() < end:
            started = time.perf_counter()
            session.get(f"{URL}/v0/pipes/{endpoint}.json", params={"token": TOKEN}, timeout=60).raise_for_status()
            times.append((time.perf_counter() - started) * 1e3)
    return sorted(times)[int(len(times) * 0.95)]


def _wanted(events: int, seconds: int, with_id: bool) -> int:
    """How many bodies: with ids as many as may be sent, so that few are sent twice; without, a few."""
    return max(50, seconds * min(300_000, 10_000 * events) // events) if with_id else min(200, 500_000 // events)


def compare(bodies: list[bytes], events: int, connections: int, seconds: int, *, with_id: bool, alone: bool) -> None:
    """Measure one case, then chdb with the same bytes, and print both in one line."""
    with tempfile.TemporaryDirectory() as name:
        got = measure(Path(name), bodies, events, connections, seconds)
        print(f"{events:6} {connections:5} {'yes' if with_id else 'no':3} {_columns(got)}", end="", flush=True)
        if not alone:
            peer = measure_chdb(Path(name), events, seconds)
            print(f" | {peer.rows:10,.0f} {peer.p50} {peer.p99} {got.rows / peer.rows:5.2f}x", end="")
        print(flush=True)


def main() -> None:
    """Run every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=5, help="how long each measurement takes (s)")
    parser.add_argument("--cases", default="", help="such as 1x32,1000x8: events a request x connections")
    parser.add_argument("--ids", choices=("both", "with", "without"), default="both")
    parser.add_argument(
        "--pricing", type=int, default=0, metavar="TURNS", help="only what pricing costs, so many turns of each"
    )
    parser.add_argument("--no-chdb", action="store_true", help="measure Perch alone")
    given = parser.parse_args()
    if given.pricing:
        pricing(given.seconds, given.pricing)
        return
    cases = [tuple(int(part) for part in case.split("x")) for case in given.cases.split(",") if case] or CASES
    print("Perch over HTTP (fsync before each answer) | chdb in process (no fsync)", flush=True)
    print("events conns ids     rows/s   req/s      p50      p99  cpu-s/M  peak-MB fail | chdb rows/s  p50  p99  ratio")
    for with_id in {"both": (False, True), "with": (True,), "without": (False,)}[given.ids]:
        for events in dict.fromkeys(events for events, _ in cases):
            bodies = make_bodies(events, _wanted(events, given.seconds, with_id), with_id)
            for connections in (connections for same, connections in cases if same == events):
                compare(bodies, events, connections, given.seconds, with_id=with_id, alone=given.no_chdb)
    if not given.cases:
        reading(given.seconds)
        upkeep(given.seconds)
        pricing(1, 15)


if __name__ == "__main__":
    main()
