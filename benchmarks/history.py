"""`make bench`: what a year of calls costs to ask about, beside ClickHouse in process over the same rows.

For each number of rows it makes a year (benchmarks/year.py), loads it into ClickHouse (chdb, MergeTree), asks every
question of benchmarks/questions.py, stops it, and does the same with Perch, over HTTP. Each question is asked cold, the
first call of a new process with the page cache dropped where that is allowed, then many times warm, and of Perch once
more while a client posts 5,000 rows a second. Each warm answer of Perch's is compared with ClickHouse's exact one.
A table goes to stdout and all figures to a JSON file, which `python -m benchmarks.draw` makes a page of. Traffic goes
to 127.0.0.1 alone; all processes are stopped and, unless `--data` names a folder, all files removed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
from tqdm import tqdm

from benchmarks.clickhouse import LOW, PLAIN, ClickHouse
from benchmarks.endpoints import quantile
from benchmarks.ingest import ROOT, TOKEN, cpu_seconds, peak_mb, server
from benchmarks.questions import EXACT, Part, Question, Rows, compare, questions
from benchmarks.year import COLUMNS, bodies, write, year_end
from metrics.instance import open_perch
from metrics.pipes import Endpoint
from metrics.settings import Settings
from metrics.store import Store
from metrics.workspace import Workspace, bring_up, load_workspace

MEMORY = "1500MB"
ENOUGH = 20.0
"""After so many seconds of one question no more calls are made, once there are three."""

QUIET = 5.0
"""A server that has done next to nothing for so many seconds has settled."""

Json = dict[str, Any]
Answers = list[list[Rows]]
"""The rows of each part of each asking."""


@dataclass
class Figures:
    """What one engine took for a question: milliseconds of the cold call and of the warm ones."""

    cold: float = 0.0
    warm: list[float] = field(default_factory=list)


class Refused(Exception):
    """An endpoint answered with an error; its sentence."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table for each number of rows and write all figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000, 100_000_000], metavar="N")
    parser.add_argument("--calls", type=int, default=20, help="warm calls of each question")
    parser.add_argument("--data", type=Path, help="folder that keeps the generated months for the next run")
    parser.add_argument("--out", type=Path, help="file for all figures (JSON); default: one in the temporary folder")
    parser.add_argument("--profile", action="store_true", help="print what DuckDB's operators take in each question")
    names = [question.name for question in questions(year_end())]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    given = parser.parse_args(arguments)
    out = given.out or Path(tempfile.gettempdir()) / f"perch-bench-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    result: Json = {**described(), "calls": given.calls, "memory": MEMORY, "runs": []}
    with tempfile.TemporaryDirectory() as temporary:
        for rows in given.rows:
            run = measure(given.data or Path(temporary), rows, given.calls, given.only, profile=given.profile)
            result["runs"].append(run)
            out.write_text(json.dumps(result, indent=1))
            print(told(run), flush=True)
    print(f"All figures: {out}\nA page of them: python -m benchmarks.draw {out} docs/")


def described() -> Json:
    """The machine, without its name, and the versions."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "made_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {
            "cores": os.cpu_count(),
            "processor": processor[1] if processor else platform.machine(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "system": platform.system(),
        },
        "versions": {"duckdb": duckdb.__version__, "python": platform.python_version()},
    }


def measure(data: Path, rows: int, calls: int, only: Sequence[str], *, profile: bool) -> Json:
    """One number of rows: make them, ask ClickHouse, ask Perch; the figures of both for the questions named."""
    end = year_end()
    folder = data / f"{rows}-{end:%Y-%m}"
    began = time.perf_counter()
    files = write(folder / "exports", rows, end)
    generating = time.perf_counter() - began
    chosen = [question for question in questions(end) if question.name in only]
    asked = askable(chosen, load_workspace(ROOT / "metrics"))
    with tempfile.TemporaryDirectory(dir=folder, prefix="work-") as name:
        work = Path(name)
        run: Json = {"rows": rows, "cold": "page cache dropped" if drop_caches() else "warm page cache"}
        run["seconds"] = {"generate": generating}
        run["bytes"] = {"parquet": sum(file.stat().st_size for file in files)}
        peer, answers = measure_clickhouse(work / "clickhouse", files, asked, calls, run)
        shutil.rmtree(work / "clickhouse")
        run["questions"] = measure_perch(work / "perch", files, asked, answers, run)
        for figures, theirs in zip(run["questions"], peer, strict=True):
            figures["clickhouse"] = theirs
        if profile:
            print_profile(work / "perch", asked)
    return run


def askable(asked: Sequence[Question], workspace: Workspace) -> list[Question]:
    """The questions whose parameters the endpoints have."""
    known = {name: set(Endpoint(pipe, workspace).parameters) for name, pipe in workspace.pipes.items()}
    return [
        question
        for question in asked
        if all(set(part.parameters) <= known.get(part.endpoint, set()) for part in question.parts(0))
    ]


def drop_caches() -> bool:
    """Make the system forget what it has read from disks; whether it may be told to."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def repeat(calls: int, ask: Callable[[int], float]) -> list[float]:
    """The milliseconds of `ask(1)`, `ask(2)` and so on, after one call that does not count."""
    ask(calls + 1)
    times: list[float] = []
    end = time.perf_counter() + ENOUGH
    while len(times) < calls and (len(times) < 3 or time.perf_counter() < end):
        times.append(ask(len(times) + 1))
    return times


# ---- ClickHouse ----


def measure_clickhouse(
    folder: Path, files: Sequence[Path], asked: Sequence[Question], calls: int, run: Json
) -> tuple[list[Json], list[Answers]]:
    """Its figures for each question, and its exact answers to the 1st, 2nd ... warm asking, as many as it was asked."""
    with ClickHouse(folder) as engine:
        run["clickhouse"] = engine.run("SELECT version() AS v", rows=True).rows[0]["v"]
        for table, name in ((PLAIN, "clickhouse"), (LOW, "clickhouse_low")):
            run["seconds"][f"{name}_load"], run["seconds"][f"{name}_merge"] = engine.load(table, files)
            run["bytes"][name] = engine.bytes(table)
        fastest = [_fastest(engine, question) for question in tqdm(asked, desc="ClickHouse, quantiles")]
        low = [
            repeat(calls, lambda n, q=question, f=family: _statements(engine, q.parts(n), LOW, f))  # type: ignore[misc]
            for question, family in zip(tqdm(asked, desc="ClickHouse, LowCardinality"), fastest, strict=True)
        ]
    figures, answers = [], []
    peak = 0.0
    for question, family, lows in zip(tqdm(asked, desc="ClickHouse"), fastest, low, strict=True):
        drop_caches()
        with ClickHouse(folder) as engine:
            cold = _statements(engine, question.parts(0), PLAIN, family)
            warm = repeat(calls, lambda n, q=question, f=family: _statements(engine, q.parts(n), PLAIN, f))  # type: ignore[misc]
            kept: dict[str, Rows] = {}
            answers.append([_exact(engine, question.parts(n), kept) for n in range(1, len(warm) + 1)])
            peak = max(peak, engine.peak_mb())
        named = family if question.percentiles else ""
        figures.append({"quantiles": named, "cold": cold, "warm": warm, "low": lows})
    run["peak_mb"] = {"clickhouse": peak}
    return figures, answers


def _statements(engine: ClickHouse, parts: Sequence[Part], table: str, family: str) -> float:
    return sum(engine.run(part.sql(table, family)).ms for part in parts)


def _fastest(engine: ClickHouse, question: Question) -> str:
    """The family of quantiles with which the second asking takes the least time."""
    times = {}
    for family in question.families:
        _statements(engine, question.parts(1), PLAIN, family)
        times[family] = _statements(engine, question.parts(2), PLAIN, family)
    return min(times, key=lambda family: times[family])


def _exact(engine: ClickHouse, parts: Sequence[Part], kept: dict[str, Rows]) -> list[Rows]:
    """The exact answers, each statement run once."""
    statements = [part.sql(PLAIN, EXACT) for part in parts]
    for sql in statements:
        if sql not in kept:
            kept[sql] = engine.run(sql, rows=True).rows
    return [kept[sql] for sql in statements]


# ---- Perch ----


def measure_perch(
    folder: Path, files: Sequence[Path], asked: Sequence[Question], answers: Sequence[Answers], run: Json
) -> list[Json]:
    """Its figures for each question: cold, warm, and while rows are written."""
    began = time.perf_counter()
    load(folder, files)
    run["seconds"]["perch_load"] = time.perf_counter() - began
    with started(folder) as perch:
        run["seconds"]["perch_settle"] = perch.settled()
        run["peak_mb"]["perch_settle"] = perch.peak_mb()
    run["bytes"]["perch"] = Settings(data_dir=folder).store_path.stat().st_size
    figures, peak = [], 0.0
    for question, exact in zip(tqdm(asked, desc="Perch"), answers, strict=True):
        drop_caches()
        with started(folder) as perch:
            figures.append(ask_perch(perch, question, exact))
            peak = max(peak, perch.peak_mb())
    with started(folder) as perch, posting(perch) as posted:
        for question, found, exact in zip(tqdm(asked, desc="Perch, busy"), figures, answers, strict=True):
            if not found["failed"]:
                found["busy"] = repeat(len(exact), lambda n, q=question: perch.ask(q.parts(n)).ms)  # type: ignore[misc]
        run["ingest_rows_per_second"] = posted()
        run["peak_mb"]["perch"] = max(peak, perch.peak_mb())
    return figures


def load(folder: Path, files: Sequence[Path], moved: timedelta = timedelta()) -> None:
    """Fill a new store with the months, one commit each, in a process that takes little memory.

    `moved` makes all events that much later; what then lies ahead of now is left out.

    The months count as exported, since they lie there as files, so that a stop does not write them again.
    """
    folder.mkdir(parents=True)
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with closing(Store(Settings(data_dir=folder).store_path, memory=10**9)) as store:
        with store.transaction() as connection:
            bring_up(connection, load_workspace(ROOT / "metrics"))
        for seq, file in enumerate(files, start=1):
            with store.transaction() as connection:
                connection.execute(
                    f"INSERT INTO rows.llm_events ({names}, _seq) "
                    f"SELECT {names}, $seq FROM (SELECT * REPLACE (event_time + $moved AS event_time, "
                    "ingested_at + $moved AS ingested_at) FROM read_parquet($file, hive_partitioning = false)) "
                    "WHERE event_time <= $now",
                    {"seq": seq, "file": str(file), "moved": moved, "now": datetime.now(UTC).replace(tzinfo=None)},
                )
            store.fold_log()
        with store.transaction() as connection:
            connection.execute("INSERT INTO internal.export_marks VALUES ('llm_events', ?)", [len(files)])


@dataclass(frozen=True)
class Answered:
    """The calls of one asking: milliseconds of all, those that the engine says it took, and the rows of each."""

    ms: float
    engine: float
    rows: list[Rows]


@dataclass
class Running:
    """A server of Perch's and a kept-alive connection to it."""

    url: str
    pid: int
    connection: HTTPConnection

    def ask(self, parts: Sequence[Part]) -> Answered:
        """Make the calls, one after another; raises Refused."""
        bodies, began = [], time.perf_counter()
        for part in parts:
            query = urlencode({**part.parameters, "token": TOKEN})
            self.connection.request("GET", f"/v0/pipes/{part.endpoint}.json?{query}")
            answer = self.connection.getresponse()
            bodies.append((answer.status, answer.read()))
        ms = (time.perf_counter() - began) * 1e3
        read = [json.loads(body) for _, body in bodies]
        for (status, _), body in zip(bodies, read, strict=True):
            if status != 200:
                raise Refused(body["error"])
        return Answered(ms, sum(body["statistics"]["elapsed"] for body in read) * 1e3, [body["data"] for body in read])

    def settled(self) -> float:
        """Wait until what the server does by itself is done, until it is QUIET; the seconds."""
        began = quiet = time.perf_counter()
        used = cpu_seconds(self.pid)
        while time.perf_counter() - quiet < QUIET:
            time.sleep(0.5)
            now = cpu_seconds(self.pid)
            if now - used > 0.05:
                quiet = time.perf_counter()
            used = now
        return quiet - began

    def peak_mb(self) -> float:
        """The most memory that the server has held, in MB."""
        return peak_mb(self.pid)


@contextmanager
def started(folder: Path) -> Iterator[Running]:
    """A server on a store, with a bound on its memory and time for slow questions."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {"PERCH_MEMORY": MEMORY, "PERCH_QUERY_TIMEOUT": "300s"}
    with server(folder, port, **settings) as process, closing(HTTPConnection("127.0.0.1", port, timeout=600)) as own:
        yield Running(f"http://127.0.0.1:{port}", process.pid, own)


def ask_perch(perch: Running, question: Question, exact: Answers) -> Json:
    """Ask cold and warm, and compare each warm answer with the exact one."""
    found: Json = {"name": question.name, "title": question.title, "failed": "", "warm": [], "engine": [], "busy": []}
    comparing: list[Json] = []

    def ask(n: int) -> float:
        answered = perch.ask(question.parts(n))
        if n <= len(exact):
            found["engine"].append(answered.engine)
            parts = zip(question.parts(n), answered.rows, exact[n - 1], strict=True)
            comparing.append(_compared([compare(part, ours, theirs) for part, ours, theirs in parts]))
        return answered.ms

    try:
        found["cold"] = perch.ask(question.parts(0)).ms
        found["warm"] = repeat(len(exact), ask)
    except Refused as error:
        found["failed"] = str(error)
    found["agreed"] = sum(each["agrees"] for each in comparing)
    found["compared"] = len(comparing)
    found["worst_percentile"] = max((each["worst"] for each in comparing), default=0.0)
    found["differs"] = next((each["why"] for each in comparing if each["why"]), "")
    return found


def _compared(parts: Sequence[Any]) -> Json:
    return {
        "agrees": all(part.agrees for part in parts),
        "worst": max(part.percentiles for part in parts),
        "why": next((part.why for part in parts if part.why), ""),
    }


@contextmanager
def posting(perch: Running, bodies_a_second: int = 5) -> Iterator[Callable[[], float]]:
    """Post bodies of 1,000 rows that happen now, at a steady rate; gives the rows a second that were acknowledged."""
    made = list(bodies(10))
    stop, began = threading.Event(), time.perf_counter()
    acknowledged = 0

    def post() -> None:
        nonlocal acknowledged
        host = perch.url.removeprefix("http://")
        with closing(HTTPConnection(host, timeout=60)) as connection:
            for number in range(10**9):
                if stop.wait(max(0.0, began + number / bodies_a_second - time.perf_counter())):
                    return
                body = made[number % len(made)].replace(b"@now", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}".encode())
                connection.request("POST", f"/v0/events?name=llm_events&token={TOKEN}", body)
                acknowledged += json.loads(connection.getresponse().read()).get("successful_rows", 0)

    thread = threading.Thread(target=post, name="posting")
    thread.start()
    try:
        yield lambda: acknowledged / (time.perf_counter() - began)
    finally:
        stop.set()
        thread.join()


def print_profile(folder: Path, asked: Sequence[Question]) -> None:
    """Print what DuckDB's operators took for each statement, in milliseconds of all threads together."""
    with open_perch(Settings(data_dir=folder, memory=MEMORY)) as perch, perch.store.snapshot() as cursor:
        for part in (part for question in asked for part in question.parts(1)):
            statement = perch.endpoints.published(part.endpoint).statement(part.parameters)
            sql, settled, values = statement.compiled.run(statement.values)
            began = time.perf_counter()
            explained = cursor.execute(f"EXPLAIN (ANALYZE, FORMAT json) {settled or sql}", values).fetchall()
            print(f"\n{part.endpoint} {dict(part.parameters)}: {(time.perf_counter() - began) * 1e3:.1f} ms")
            for operator in _operators(json.loads(explained[0][1])["operator"]):
                if operator["timing"] >= 1e-4:
                    details = operator["extra_info"].get("Table", "")
                    rows = operator["intermediate_rows"]
                    print(f"  {operator['timing'] * 1e3:9.1f}  {rows:>13,} rows  {operator['type']} {details}")


def _operators(tree: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for operator in tree:
        yield operator
        yield from _operators(operator.get("children", ()))


# ---- The table ----


HEADER = (
    f"{'':<38} {'Perch':>7} {'':>7} {'':>7} {'':>8} {'':>7} | {'ClickHouse':>10} {'':>7} {'':>7} {'low card.':>9} |\n"
    f"{'':<38} {'cold':>7} {'p50':>7} {'p95':>7} {'busy p50':>8} {'engine':>7} | "
    f"{'cold':>10} {'p50':>7} {'p95':>7} {'p50':>9} | ratio  agreed"
)


def told(run: Mapping[str, Any]) -> str:
    """A run as a table of plain text; milliseconds."""
    lines = [f"\n{run['rows']:,} rows; milliseconds; cold: {run['cold']}", HEADER]
    lines += [_line(question) for question in run["questions"]]
    megabytes = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in run["bytes"].items())
    seconds = ", ".join(f"{name} {took:.1f} s" for name, took in run["seconds"].items())
    peaks = ", ".join(f"{name} {peak:,.0f} MB" for name, peak in run["peak_mb"].items())
    asked = run["questions"]
    agreed, compared = (sum(question[name] for question in asked) for name in ("agreed", "compared"))
    lines += [
        f"ratio: Perch's p50 by ClickHouse's; {agreed} of {compared} answers agreed",
        f"bytes: {megabytes}",
        f"time: {seconds}",
        f"peak memory (PERCH_MEMORY={MEMORY}): {peaks}; {run['ingest_rows_per_second']:,.0f} rows/s written while busy",
    ]
    lines += [f"differs: {question['title']}: {question['differs']}" for question in asked if question["differs"]]
    return "\n".join(lines)


def _line(question: Mapping[str, Any]) -> str:
    peer = question["clickhouse"]
    theirs = (
        f"{peer['cold']:>10.1f} {quantile(peer['warm'], 0.5):>7.1f} {quantile(peer['warm'], 0.95):>7.1f} "
        f"{quantile(peer['low'], 0.5):>9.1f}"
    )
    if question["failed"]:
        return f"{question['title']:<38} refused: {question['failed'][:40]} | {theirs} |"
    warm, busy = question["warm"], question["busy"]
    ours = (
        f"{question['cold']:>7.1f} {quantile(warm, 0.5):>7.1f} {quantile(warm, 0.95):>7.1f} "
        f"{quantile(busy, 0.5):>8.1f} {quantile(question['engine'], 0.5):>7.1f}"
    )
    ratio = quantile(warm, 0.5) / quantile(peer["warm"], 0.5)
    named = f" {peer['quantiles']}" if peer["quantiles"] else ""
    return (
        f"{question['title']:<38} {ours} | {theirs} | {ratio:5.2f}  {question['agreed']}/{question['compared']}{named}"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, and with it all that it started
    main()
