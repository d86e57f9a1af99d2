"""ClickHouse in process (chdb) in a process of its own: what `make bench` measures Perch against.

Run as `python -m benchmarks.clickhouse FOLDER` it answers one JSON line for each JSON line of stdin: the milliseconds
of a statement, and its rows if they were asked for. `ClickHouse` is the side that asks. The rows lie in two MergeTree
tables over the same files: `events` with the types of the data source, `events_low` with LowCardinality strings.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.ingest import ROOT, peak_mb
from benchmarks.year import COLUMNS
from metrics.workspace import load_workspace

PLAIN, LOW = "events", "events_low"
THREADS = os.cpu_count() or 1
"""As many as Perch gives to DuckDB."""


@dataclass(frozen=True)
class Said:
    """One statement's milliseconds, and its rows as objects (none unless they were asked for)."""

    ms: float
    rows: Sequence[dict[str, Any]] = ()


class ClickHouse:
    """A running chdb over a folder; stops with the `with` block."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clickhouse", str(folder)],
            cwd=ROOT,
            env={**os.environ, "TZ": "UTC"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> ClickHouse:
        try:
            self.run("SELECT 1")
        except BaseException:  # Ctrl-C too: nobody else would stop it
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def run(self, sql: str, *, rows: bool = False) -> Said:
        """Run one statement; raises RuntimeError with ClickHouse's sentence."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"sql": sql, "rows": rows}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("ClickHouse ended.")
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(f"{said['error']}\n{sql}")
        return Said(said["ms"], said.get("rows", ()))

    def peak_mb(self) -> float:
        """The most memory that its process has held, in MB."""
        return peak_mb(self._process.pid)

    def bytes(self, table: str) -> int:
        """The compressed bytes of a table's parts."""
        sql = f"SELECT sum(data_compressed_bytes) AS n FROM system.parts WHERE active AND table = '{table}'"
        return int(self.run(sql, rows=True).rows[0]["n"])

    def load(self, table: str, files: Sequence[Path]) -> tuple[float, float]:
        """Make a table of the files' rows; returns the seconds of the inserts and those of merging all parts."""
        declared = ", ".join(f"`{name}` {kind}" for name, kind in _columns(low=table == LOW))
        self.run(
            f"CREATE TABLE {table} ({declared}) ENGINE MergeTree PARTITION BY toYYYYMM(event_time) "
            "ORDER BY (event_time, model_name)"
        )
        names = ", ".join(f"`{name}`" for name in COLUMNS)
        inserts = [f"INSERT INTO {table} ({names}) SELECT {names} FROM file('{file}', Parquet)" for file in files]
        inserting = sum(self.run(sql).ms for sql in inserts)
        return inserting / 1e3, self.run(f"OPTIMIZE TABLE {table} FINAL").ms / 1e3


def _columns(*, low: bool) -> list[tuple[str, str]]:
    """The columns that the files have, with the data source's types."""
    kinds = dict(load_workspace(ROOT / "metrics").source("llm_events").columns)
    plain = [(name, kinds[name]) for name in COLUMNS]
    if not low:
        return plain
    return [(name, re.sub(r"^(Nullable\(String\)|String)$", r"LowCardinality(\1)", kind)) for name, kind in plain]


def _serve(folder: str) -> None:
    from chdb import session

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks, who then closes stdin
    engine = session.Session(folder)
    engine.query("CREATE DATABASE IF NOT EXISTS bench")
    engine.query("USE bench")
    engine.query(f"SET max_threads = {THREADS}")
    engine.query("SET output_format_json_quote_64bit_integers = 0")
    for line in sys.stdin:
        asked = json.loads(line)
        started = time.perf_counter()
        try:
            answer = engine.query(asked["sql"], "JSON")
            said: dict[str, Any] = {"ms": (time.perf_counter() - started) * 1e3}
            if asked["rows"]:
                said["rows"] = json.loads(str(answer))["data"]
        except RuntimeError as error:
            said = {"error": str(error).strip().partition("\n")[0]}
        print(json.dumps(said), flush=True)
    engine.close()


if __name__ == "__main__":
    _serve(sys.argv[1])
