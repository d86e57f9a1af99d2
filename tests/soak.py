"""Kill the server again and again under load, and see that every acknowledged row is there exactly once.

`python -m tests.soak` (`make soak`) runs 100 rounds; `tests/test_safety.py` runs three. A round is: start, send again
what was not answered, look at what the last rounds left, load from several clients, kill -9 at a random moment. Rows go
in four ways: with a key (these bodies have bad rows too), with row ids, with both, and plain; all but the plain ones
are sent again until they are answered. A plain body that was not answered may be there or not, but never in part.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import requests

from tests.conftest import ADMIN_TOKEN, Perch, make_settings
from tests.serving import Served, start

CLIENTS = 4
SIZES = [1, 1, 1, 10, 10, 100, 1000, 3000]
WAYS = ["key", "ids", "both", "plain"]
FIRST = datetime(2026, 1, 20, tzinfo=UTC)
GONE = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass
class Body:
    """One request's body, and what is known about it."""

    name: str
    way: str
    good: int
    bad: int
    data: bytes
    tries: int = 0
    acknowledged: bool = False
    counted: bool = False

    @property
    def key(self) -> str:
        return self.name if self.way in ("key", "both") else ""


@dataclass
class Figures:
    """What a run has done so far."""

    rounds: int = 0
    bodies: int = 0
    rows: int = 0
    quarantined: int = 0
    sent_again: int = 0
    replayed: int = 0
    found_unanswered: int = 0
    exports: int = 0
    reopenings: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds; acknowledged and found exactly once: {self.rows:,} rows and {self.quarantined:,} "
            f"quarantined rows in {self.bodies:,} bodies; {self.sent_again:,} bodies sent again, {self.replayed:,} "
            f"answers replayed, {self.found_unanswered:,} unanswered plain bodies found whole; exports compared with "
            f"the table {self.exports} times; start after kill -9: worst {max(self.reopenings):.2f} s, median "
            f"{sorted(self.reopenings)[len(self.reopenings) // 2]:.2f} s"
        )


class Soak:
    """The state of one run."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.figures = Figures()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._settings = make_settings(folder, export_every="300ms", memory="512MB")
        self._pending: list[Body] = []  # to be sent again until it is answered
        self._unseen: list[Body] = []  # answered, or plain: to be looked for in the store
        self._answered: list[Body] = []  # a few with keys, to be sent once more
        self._made = 0

    def round(self, number: int, seconds: float) -> str:
        """One round; returns what it did, as a line."""
        served = start(self._settings, wait=False)
        killer = threading.Timer(self._random.uniform(0.2, 0.2 + seconds), served.process.kill)
        if number % 7 == 3:  # in the middle of a start
            killer.start()
            assert served.wait() == -signal.SIGKILL
            return "killed while starting"
        self._wait_until_ready(served)
        loading = False
        try:
            if number % 5 == 2:  # while bodies are sent again and looked for
                killer.start()
            self._send_again(served.perch)
            self._look(served.perch)
            loading = True
            if not killer.is_alive():
                killer.start()
            self._load(served.perch, number)
        except GONE:
            pass
        finally:
            killer.join()
            code = served.wait()
        assert code == -signal.SIGKILL, f"it ended by itself: {code}"
        doing = "under load" if loading else "while catching up"
        return f"started in {served.seconds:.2f} s, killed {doing}"

    def finish(self) -> None:
        """Send again what is left, stop in the regular way, and compare table and exports row by row."""
        served = start(self._settings)
        self._send_again(served.perch)
        self._look(served.perch)
        assert not self._pending
        assert served.stop() == 0
        served = start(self._settings)
        table = served.perch.sql("SELECT session, count() AS n FROM llm_events GROUP BY session")
        assert served.stop() == 0
        files = [pq.read_table(path, columns=["session"]) for path in _exported(self._settings.exports_dir)]
        exported: dict[str, int] = {}
        for file in files:
            for counted in file.group_by("session").aggregate([("session", "count")]).to_pylist():
                exported[counted["session"]] = exported.get(counted["session"], 0) + counted["session_count"]
        assert exported == {row["session"]: int(row["n"]) for row in table}
        assert "Traceback" not in served.log.read_text()

    def _wait_until_ready(self, served: Served) -> None:
        began = time.monotonic()
        assert served.process.stdout
        line = served.process.stdout.readline()
        assert line, served.log.read_text()[-2000:]
        served.seconds = time.monotonic() - began
        self.figures.reopenings.append(served.seconds)

    # --- sending -------------------------------------------------------------------------------------------------

    def _load(self, perch: Perch, number: int) -> None:
        """Several clients at once, until the server is killed."""
        seeds = [self._random.random() for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(partial(self._client, perch, number), seeds))

    def _client(self, perch: Perch, number: int, seed: float) -> None:
        chance = random.Random(seed)
        with requests.Session() as session, contextlib.suppress(*GONE):
            while True:
                body = self._next_body(number, chance)
                try:
                    self._send(session, perch, body)
                finally:
                    with self._lock:
                        (self._unseen if body.acknowledged or body.way == "plain" else self._pending).append(body)

    def _next_body(self, number: int, chance: random.Random) -> Body:
        with self._lock:
            if self._answered and chance.random() < 0.1:
                return self._answered.pop(chance.randrange(len(self._answered)))
            self._made += 1
            made = self._made
        return make_body(f"r{number}-b{made}", chance)

    def _send_again(self, perch: Perch) -> None:
        while self._pending:
            body = self._pending[-1]
            self._send(perch.session, perch, body)
            self._unseen.append(self._pending.pop())
            self.figures.sent_again += 1

    def _send(self, session: requests.Session, perch: Perch, body: Body) -> None:
        """Send until it is answered with a 2xx; raises what `requests` raises when the server goes away."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", **({"Idempotency-Key": body.key} if body.key else {})}
        while True:
            body.tries += 1
            url = perch.url + "/v0/events?name=llm_events"
            answer = session.post(url, data=body.data, headers=headers, timeout=30)
            if answer.status_code != 503:
                break
            time.sleep(0.05)
        assert answer.status_code == 202, answer.text
        self._check(body, answer)

    def _check(self, body: Body, answer: requests.Response) -> None:
        counts = answer.json()
        assert counts["quarantined_rows"] == body.bad, (body.name, body.tries, counts)
        assert counts["successful_rows"] + counts["duplicate_rows"] == body.good, (body.name, body.tries, counts)
        if body.tries == 1 or body.key:
            assert counts["duplicate_rows"] == 0, (body.name, body.tries, counts)
        replayed = "Idempotent-Replayed" in answer.headers
        assert not (body.acknowledged and body.key) or replayed, (body.name, body.tries)
        with self._lock:
            self.figures.replayed += replayed
            if body.key and not body.acknowledged and len(self._answered) < 100:
                self._answered.append(body)
        body.acknowledged = True

    # --- looking -------------------------------------------------------------------------------------------------

    def _look(self, perch: Perch) -> None:
        """Every body that nobody looked for yet is in the table and the quarantine, once and whole."""
        rows = {row["session"]: row for row in perch.sql(_FOUND) if row["session"]}
        bad = {row["session"]: int(row["n"]) for row in perch.sql(_FOUND_BAD)}
        for body in self._unseen:
            found = rows.get(body.name, {"n": 0, "different": 0})
            there = (int(found["n"]), int(found["different"]), bad.get(body.name, 0))
            whole = (body.good, body.good, body.bad)
            assert there == whole or (there == (0, 0, 0) and not body.acknowledged), (body, there)
            self._count(body, there == whole)
        self._unseen = []
        self._compare_exports(perch)

    def _count(self, body: Body, there: bool) -> None:
        body.data = body.data if body in self._answered else b""
        if not body.acknowledged:
            self.figures.found_unanswered += there
        if body.counted or not body.acknowledged:  # counted already: it was sent once more
            return
        body.counted = True
        self.figures.bodies += 1
        self.figures.rows += body.good
        self.figures.quarantined += body.bad

    def _compare_exports(self, perch: Perch) -> None:
        answer = perch.request("POST", "/v0/exports")
        assert answer.status_code == 200, answer.text
        months = perch.sql(
            "SELECT formatDateTime(event_time, '%Y-%m') AS month, count() AS n FROM llm_events GROUP BY 1"
        )
        exported = {
            f"{path.parent.parent.name[5:]}-{path.parent.name[6:]}": pq.read_metadata(path).num_rows
            for path in _exported(self._settings.exports_dir)
        }
        assert exported == {row["month"]: int(row["n"]) for row in months}
        self.figures.exports += 1


_FOUND = "SELECT session, count() AS n, uniqExact(prompt_tokens) AS different FROM llm_events GROUP BY session"
_FOUND_BAD = "SELECT session, count() AS n FROM llm_events_quarantine GROUP BY session"


def _exported(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def make_body(name: str, chance: random.Random) -> Body:
    """A body of random size; a row is known by its `session`, the body's name, and its number, `prompt_tokens`."""
    way = chance.choice(WAYS)
    good = chance.choice(SIZES)
    bad = chance.choice([0, 1, 5]) if way in ("key", "both") else 0
    rows = [_row(name, number, way, chance) for number in range(good)]
    rows += [{**_row(name, number, way, chance), "success": "perhaps"} for number in range(bad)]
    chance.shuffle(rows)
    return Body(name, way, good, bad, "\n".join(json.dumps(row) for row in rows).encode())


def _row(name: str, number: int, way: str, chance: random.Random) -> dict[str, Any]:
    row = {
        "event_time": (FIRST + timedelta(seconds=chance.randrange(60 * 86_400))).strftime("%Y-%m-%d %H:%M:%S"),
        "model_name": chance.choice(["gpt-4", "claude-3", "llama-3"]),
        "prompt_tokens": number,
        "completion_tokens": 5,
        "cost": 0.000123,
        "latency": 0.5,
        "success": 1,
        "session": name,
    }
    return {**row, "id": f"{name}-{number}"} if way in ("ids", "both") else row


def soak(rounds: int, folder: Path, *, seed: int, seconds: float, tell: Callable[[str], None]) -> Figures:
    """Run so many rounds, each loading for at most `seconds`; raises AssertionError for the first row that is amiss."""
    run = Soak(folder, seed)
    for number in range(1, rounds + 1):
        line = run.round(number, seconds)
        run.figures.rounds = number
        tell(f"round {number}/{rounds}: {line}; {run.figures.rows:,} rows acknowledged and found so far")
    run.finish()
    return run.figures


def main() -> int:
    """Run the long form and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2.0, help="the longest load of a round")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with TemporaryDirectory(prefix="perch-soak-") as folder:
        figures = soak(
            asked.rounds,
            Path(folder),
            seed=asked.seed,
            seconds=asked.seconds,
            tell=lambda line: print(line, flush=True),
        )
    print(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
