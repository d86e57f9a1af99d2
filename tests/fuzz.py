"""Mutated bodies and headers against a real server: it must refuse, quarantine or store, and never stumble.

`python -m tests.fuzz` (`make fuzz`) sends 100,000 requests; `tests/test_fuzz.py` sends a few. Only to 127.0.0.1. Held
after every batch: no 5xx but an honest 503, the counts of all 2xx equal what the table and the quarantine gained, the
log has no traceback, the server's memory does not grow. Two kinds of requests: bodies whose framing is right, over
connections that are kept, and requests whose very bytes are mutated, each over a connection of its own.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import random
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import zstandard

from tests.conftest import ADMIN_TOKEN, Perch, make_settings
from tests.serving import Served, serving
from tests.test_ingest import BAD, EVENT, LINE

CLIENTS = 6
BATCH = 600
RAW_SHARE = 0.1
PATIENCE = 1.5
"""Seconds that a client waits for an answer to a request that it may have broken."""

NASTY = [
    b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"1e400", b"9" * 400, b"\xef\xbb\xbf",
    b"-1e-99999999999999999999",
    b"1e99999999999999999999", b"-0", b"NaN", b"Infinity", b"true", b"null", b"[]", b"{}", b"[" * 600, b'{"a":' * 300,
    b'"', b"\\", b"\n", b"\r\n", b"\r", b",", b":", b"}", b"{", b"4294967295", b"18446744073709551616", b"0.1234567885",
    "٢٠٢٦".encode(), "😀".encode(),
    b"2026-01-02T24:00:00+99:99", b"9999-12-31T23:59:59-14:00", b"\xe2\x80\xa8",
]  # fmt: skip
HEADERS = [
    b"Authorization", b"Content-Type", b"Content-Encoding", b"Content-Length", b"Transfer-Encoding", b"Idempotency-Key",
    b"Expect", b"Connection", b"Host", b"Accept-Encoding", b"Origin", b"X-Forwarded-For", b"Cookie", b"Range",
    b"Upgrade",
]  # fmt: skip
VALUES = [
    b"gzip", b"zstd", b"br", b"gzip, gzip", b"chunked", b"chunked, chunked", b"identity", b"100-continue", b"close",
    b"0", b"-1", b"99999999999999999999", b"10", b"\xff\xfe", b"Bearer", b"Bearer \xc3\xa9", b"Basic xyz", b"", b"*/*",
    b"application/json; charset=utf-16", b"a" * 5000, b"websocket", b"keep-alive, Upgrade",
]  # fmt: skip
PATHS = [
    b"/v0/events?name=llm_events", b"/v0/events?name=llm_events&wait=true", b"/v0/events/?name=llm_events&format=json",
    b"/v0/events?name=llm_events&format=ndjson", b"/v0/events", b"/v0/events?name=nope", b"/v0/events?name=%ff%00",
    b"/v0/events?name=llm_events&name=x", b"/v0/events?%%%=&&&;=", b"/v0/events?name=llm_events&token=%ff",
]  # fmt: skip
OTHER_PATHS = [
    b"/v0/pipes/%ff.json", b"/v0/pipes/llm_totals.json?start_date=%00", b"/v0/sql?q=%ff", b"/v0/\xff\xfe",
    b"//v0/events",
    b"/v0/pipes/llm_recent_events.json?limit=-1", b"/v0/sql?q=SELECT", b"/v0/datasources/%2e%2e", b"*", b"/v0/health?%",
]  # fmt: skip


@dataclass
class Figures:
    """What a run has sent and seen."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    rows: int = 0
    quarantined: int = 0
    first_memory: int = 0
    last_memory: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {number:,}" for status, number in sorted(self.statuses.items()))
        return (
            f"{self.sent:,} requests in {self.seconds:.0f} s; answers {statuses}; {self.silent:,} hung up on or left "
            f"waiting; {self.rows:,} rows and {self.quarantined:,} quarantined rows, as answered; memory "
            f"{self.first_memory / 1e6:.0f} MB after a tenth, {self.last_memory / 1e6:.0f} MB at the end"
        )


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` with a few bytes changed, cut out, doubled or replaced by something nasty."""
    for _ in range(chance.choice([1, 1, 1, 2, 4, 10])):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice([0, 1, 2, 10, 50]))
        piece = chance.choice(
            [
                b"",
                data[at:to] * 2,
                chance.choice(NASTY),
                chance.choice(NASTY),
                chance.randbytes(chance.choice([1, 3])),
                bytes([chance.randrange(256)]),
            ]
        )
        data = data[:at] + piece + data[to:]
    return data


def some_body(chance: random.Random) -> bytes:
    """Events as they may come: one, several, as an array, pretty-printed."""
    rows = [{**EVENT, **chance.choice(CHANGES)} for _ in range(chance.choice([1, 2, 5, 9]))]
    lines = b"\n".join(json.dumps(row).encode() for row in rows)
    return chance.choice(
        [
            lines,
            lines,
            lines,
            json.dumps(rows, indent=1).encode(),
            json.dumps(rows[0], indent=2).encode(),
            LINE + b"\n" + BAD,
        ]
    )


CHANGES: list[dict[str, object]] = [
    {}, {"id": "a"}, {"id": ""}, {"total_tokens": None}, {"event_time": 1767323045.5},
    {"prompt_tokens": 2**32 - 1, "completion_tokens": 2**32 - 1, "total_tokens": None},
    {"event_time": "2026-01-02T03:04:05.9999999Z"}, {"cost": 0.1234567885}, {"user": {"a": [1]}},
    {"unknown": [[[]]]}, {"stream": True}, {"user": "\ud800"}, {"latency": 1e300}, {"error_message": "\x00"},
]  # fmt: skip


def encoded(body: bytes, chance: random.Random) -> tuple[bytes, dict[str, str]]:
    """The body and its headers: sometimes compressed, sometimes broken after that, sometimes with a key."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    form = chance.choice(["", "", "", "", "gzip", "zstd", "broken gzip", "broken zstd", "lie"])
    if form.endswith("gzip"):
        body = gzip.compress(body, 1)
    if form.endswith("zstd"):
        body = zstandard.compress(body)
    if form.startswith("broken"):
        body = mutated(body, chance)
    if form:
        headers["Content-Encoding"] = form.rpartition(" ")[2].replace("lie", chance.choice(["gzip", "zstd", "x"]))
    if chance.random() < 0.1:
        headers["Idempotency-Key"] = chance.choice(["k", f"k{chance.randrange(10**6)}", "\xff", " ", "k" * 3000])
    return body, headers


class Client:
    """Sends requests of one seed and keeps what was answered."""

    def __init__(self, port: int, seed: str) -> None:
        self._port = port
        self._chance = random.Random(seed)
        self._kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.figures = Figures()

    def run(self, requests: int) -> Figures:
        """Send so many; returns what came of them."""
        for _ in range(requests):
            self.figures.sent += 1
            if self._chance.random() < RAW_SHARE:
                self._send_raw()
            else:
                self._send_framed()
        self._kept.close()
        return self.figures

    def _send_framed(self) -> None:
        body = some_body(self._chance)
        body, headers = encoded(mutated(body, self._chance) if self._chance.random() < 0.9 else body, self._chance)
        path = self._chance.choice(PATHS[:4] * 4 + PATHS).decode("latin-1")
        self._kept.request("POST", path, body=body, headers=headers)
        answer = self._kept.getresponse()
        self._note(answer.status, answer.read(), "Idempotent-Replayed" in answer.headers)

    def _send_raw(self) -> None:
        """A request whose line, headers and framing are mutated; every answer that comes is read."""
        request = self._raw_request()
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as connection:
            said = b""
            try:
                connection.sendall(request)
                while part := connection.recv(65536):
                    said += part
            except OSError:  # it hung up, or it waits for the rest of what was broken
                pass
        said = said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        answers = list(re.finditer(rb"HTTP/1\.1 (\d{3})[^\r]*\r\n(.*?)\r\n\r\n([^\r\n]*)", said, re.DOTALL))
        self.figures.silent += not answers
        for answer in answers:
            replayed = b"\r\nidempotent-replayed:" in b"\r\n" + answer[2].lower()  # and not where CORS names it
            self._note(int(answer[1]), answer[3].partition(b"HTTP/1.1 ")[0], replayed)

    def _raw_request(self) -> bytes:
        chance = self._chance
        body, headers = encoded(some_body(chance), chance)
        lines = [name.encode() + b": " + value.encode("latin-1") for name, value in headers.items()]
        lines += [
            b"Host: perch",
            b"Content-Length: %d" % (len(body) + chance.choice([0, 0, 0, 0, 0, 0, -1, -10, 7])),
            b"Connection: close",
        ]
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(HEADERS) + b": " + chance.choice(VALUES))
        method = chance.choice([b"POST"] * 8 + [b"GET", b"PUT", b"OPTIONS", b"DELETE", b"BREW"])
        path = chance.choice(PATHS + OTHER_PATHS)
        head = b"\r\n".join([method + b" " + path + b" HTTP/1.1", *lines])
        if chance.random() < 0.4:
            head = mutated(head, chance)
        return head + b"\r\n\r\n" + body

    def _note(self, status: int, body: bytes, replayed: bool) -> None:
        self.figures.statuses[status] += 1
        assert status < 500 or status == 503, (status, body)
        if status in (200, 202) and b'"successful_rows"' in body and not replayed:
            counts = json.loads(body)
            self.figures.rows += counts["successful_rows"]
            self.figures.quarantined += counts["quarantined_rows"]


def fuzz(requests: int, served: Served, *, seed: int, seconds: float, tell: Callable[[str], None]) -> Figures:
    """Send so many requests, for at most so many seconds; raises AssertionError for the first thing that is amiss."""
    whole, began = Figures(), time.monotonic()
    while whole.sent < requests and time.monotonic() - began < seconds:
        each = min(BATCH, requests - whole.sent + CLIENTS - 1) // CLIENTS
        seeds = [f"{seed} {whole.sent} {client}" for client in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            for figures in clients.map(
                lambda each_seed, each=each: Client(served.perch.settings.port, each_seed).run(each), seeds
            ):
                add(whole, figures)
        settle(served.perch, whole, seeds)
        assert "Traceback" not in served.log.read_text(), seeds
        assert " ERROR " not in served.log.read_text(), seeds
        whole.last_memory = served.memory()
        if whole.sent >= requests / 10 and not whole.first_memory:
            whole.first_memory = whole.last_memory
        whole.seconds = time.monotonic() - began
        tell(str(whole))
    return whole


def add(whole: Figures, part: Figures) -> None:
    """Count what one client has seen."""
    whole.sent += part.sent
    whole.statuses += part.statuses
    whole.silent += part.silent
    whole.rows += part.rows
    whole.quarantined += part.quarantined


def settle(perch: Perch, figures: Figures, seeds: list[str]) -> None:
    """What the store holds is what was answered."""
    described = perch.get("/v0/datasources/llm_events").json()
    held = (described["statistics"]["row_count"], described["quarantine_rows"])
    assert held == (figures.rows, figures.quarantined), (held, figures.rows, figures.quarantined, seeds)


def run(requests: int, folder: Path, *, seed: int, seconds: float, tell: Callable[[str], None]) -> Figures:
    """Fuzz a server of its own; returns the figures."""
    limits = {"body_timeout": "500ms", "max_body": 200_000, "memory": "256MB"}
    with serving(make_settings(folder, **limits)) as served:
        figures = fuzz(requests, served, seed=seed, seconds=seconds, tell=tell)
        assert served.stop() == 0
    assert "Traceback" not in served.log.read_text()
    return figures


def main() -> int:
    """Run the long form and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    every = iter(range(10**9))

    def tell(line: str) -> None:
        if next(every) % 10 == 0:
            print(line, flush=True)

    with TemporaryDirectory(prefix="perch-fuzz-") as folder:
        figures = run(asked.requests, Path(folder), seed=asked.seed, seconds=asked.seconds, tell=tell)
    print(figures)
    grown = figures.last_memory - figures.first_memory
    flat = grown < 100_000_000
    print(f"memory grew by {grown / 1e6:.0f} MB in the last nine tenths: {'flat' if flat else 'NOT flat'}")
    return 0 if flat and figures.sent >= asked.requests else 1


if __name__ == "__main__":
    sys.exit(main())
