"""`make bench-endpoints`: what a warm call of each endpoint costs, and which part of it is the engine's.

A server of its own holds demo rows; every endpoint is called without parameters, warm, over one connection, a few
hundred times. The answer's own `statistics.elapsed` is the engine's part; the rest is HTTP, the token, the template,
the lookup of the statement, the limits and the body. Then the same calls in this process under a profiler tell which
stage of the rest is the slowest, and chdb, the engine behind Tinybird, runs the same SQL over the same rows.
Everything runs on 127.0.0.1 and stops by itself.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.ingest import PORT, ROOT, TOKEN, server
from metrics.settings import Settings
from metrics.workspace import Workspace, load_workspace
from tests.parity.pipes import Shipped, engine_sql

PLAIN = "MergeTree ORDER BY tuple()"

STAGES = {
    "token": ("auth.py", "require"),
    "parameters": ("parameters.py", "parameters"),
    "template": ("templating.py", "render"),
    "statement": ("pipes.py", "statement"),
    "store": ("store.py", "query"),
    "body": ("formats.py", "_json"),
    "request": ("app.py", "wsgi_app"),
}
"""Stages of a call, outermost last: the file and the function whose time, with all it calls, is the stage's."""


@dataclass(frozen=True)
class Measured:
    """The calls of one endpoint: milliseconds of the HTTP calls, of the engine, and of chdb (0: not measured)."""

    name: str
    calls: Sequence[float]
    engine: Sequence[float]
    chdb: float

    def __str__(self) -> str:
        rest = [call - engine for call, engine in zip(self.calls, self.engine, strict=True)]
        parts = (self.calls, self.engine, rest)
        told = "  ".join(f"{quantile(part, 0.5):7.2f} {quantile(part, 0.95):7.2f}" for part in parts)
        ratio = f"{self.chdb:8.2f} {quantile(self.engine, 0.5) / self.chdb:7.2f}x" if self.chdb else ""
        return f"{self.name:<24} {told}  {ratio}"


def quantile(values: Sequence[float], level: float) -> float:
    """The value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * level))]


def timed(calls: int, run: Callable[[], Any]) -> tuple[list[float], list[Any]]:
    """Milliseconds and answers of calls, one after another, after five that do not count."""
    for _ in range(5):
        run()
    times, answers = [], []
    for _ in range(calls):
        started = time.perf_counter()
        answers.append(run())
        times.append((time.perf_counter() - started) * 1e3)
    return times, answers


def measure(name: str, calls: int, connection: HTTPConnection, chdb: float) -> Measured:
    """Call an endpoint of the running server, with a client that itself takes little."""

    def call() -> bytes:
        connection.request("GET", f"/v0/pipes/{name}.json?token={TOKEN}")
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    times, bodies = timed(calls, call)
    return Measured(name, times, [json.loads(body)["statistics"]["elapsed"] * 1e3 for body in bodies], chdb)


def peers(workspace: Workspace, exports: Path, calls: int) -> dict[str, float]:
    """The median milliseconds that chdb takes for each endpoint's SQL over the same rows and rollups."""
    from chdb import session

    source = workspace.source("llm_events")
    with tempfile.TemporaryDirectory() as folder:
        engine = session.Session(folder)
        shipped = Shipped(workspace)
        engine.query("CREATE DATABASE b")
        engine.query("USE b")
        for each in workspace.sources.values():
            tables = {
                each.name: (each.columns, engine_sql(each.definition)),
                each.quarantine: (each.quarantine_columns, PLAIN),
            }
            for table, (columns, kind) in tables.items():
                declared = ", ".join(f"`{name}` {type_}" for name, type_ in columns)
                engine.query(f"CREATE TABLE {table} ({declared}) ENGINE {kind}")
        for name, pipe in workspace.pipes.items():
            if pipe.kind == "materialized":
                sql, _ = shipped.whole(name, {})
                engine.query(f"CREATE MATERIALIZED VIEW {name} TO {pipe.options['DATASOURCE']} AS {sql}")
        names = ", ".join(f"`{name}`" for name, _ in source.columns)
        files = exports / "llm_events" / "*" / "*" / "*.parquet"
        engine.query(f"INSERT INTO llm_events SELECT {names} FROM file('{files}', Parquet)")
        for each in workspace.sources.values():
            engine.query(f"OPTIMIZE TABLE {each.name} FINAL")
        found = {}
        for name, pipe in workspace.pipes.items():
            if pipe.kind == "endpoint":
                sql, bound = shipped.whole(name, {})
                values = {key: str(value) for key, value in bound.items()}
                times, _ = timed(calls, lambda sql=sql, given=values: engine.query(sql, "JSON", params=given))
                found[name] = quantile(times, 0.5)
        engine.close()
    return found


def profile(data: Path, names: Sequence[str], calls: int) -> None:
    """Print where the time of the calls goes, stage by stage, in this process."""
    from ingest_server import open_perch

    settings = Settings(data_dir=data, admin_token=TOKEN)
    with open_perch(settings) as opened:
        client = opened.app.test_client()
        urls = [f"/v0/pipes/{name}.json?token={TOKEN}" for name in names]
        for url in urls:
            client.get(url)
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(calls):
            for url in urls:
                client.get(url)
        profiler.disable()
    stats = pstats.Stats(profiler)
    total = calls * len(names)
    print(f"\nMilliseconds a call by stage, in process and slowed down by the profiler ({total} calls):")
    for stage, (file, function) in STAGES.items():
        spent = sum(
            row[3]
            for (path, _, name), row in stats.stats.items()  # type: ignore[attr-defined]
            if name == function and path.endswith("/" + file)
        )
        print(f"  {stage:<12} {spent / total * 1e3:8.3f}")
    stats.sort_stats("tottime").print_stats(18)


def main() -> None:
    """Fill a store, measure every endpoint and print a table and a profile."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=300_000, help="demo rows in the store")
    parser.add_argument("--calls", type=int, default=200, help="calls of each endpoint")
    parser.add_argument("--no-chdb", action="store_true", help="measure Perch alone")
    parser.add_argument("--data", type=Path, help="a data folder to keep between runs, filled if it is not there")
    given = parser.parse_args()
    workspace = load_workspace(ROOT / "metrics")
    names = [pipe.name for pipe in workspace.pipes.values() if pipe.kind == "endpoint"]
    with tempfile.TemporaryDirectory() as folder:
        data = given.data or Path(folder) / "data"
        if not data.exists():
            environment = {**os.environ, "PERCH_DATA_DIR": str(data)}
            command = [sys.executable, "-m", "metrics", "demo", "--rows", str(given.rows)]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        chdb = {} if given.no_chdb else peers(workspace, data / "exports", max(10, given.calls // 10))
        print(f"{given.rows:,} rows, {given.calls} warm calls each; milliseconds")
        print(
            f"{'':<24} {'HTTP p50':>7} {'p95':>7}  {'engine':>7} {'p95':>7}  {'rest':>7} {'p95':>7}   chdb p50   ratio"
        )
        rest: list[float] = []
        with server(data), closing(HTTPConnection("127.0.0.1", PORT, timeout=60)) as connection:
            for name in names:
                measured = measure(name, given.calls, connection, chdb.get(name, 0.0))
                rest += [call - engine for call, engine in zip(measured.calls, measured.engine, strict=True)]
                print(measured, flush=True)
        print(f"beside the engine, over all: p50 {quantile(rest, 0.5):.2f} ms, p95 {quantile(rest, 0.95):.2f} ms")
        profile(data, names, max(5, given.calls // 10))


if __name__ == "__main__":
    main()
