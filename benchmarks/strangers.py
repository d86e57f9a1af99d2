"""`make bench-strangers`: what runaway queries of a scoped token cost ingest.

A fresh server takes events from `wrk` while 0, 1, 4 and 16 clients send queries that never end by themselves, one after
another. Three shapes of them: one that only computes, one that fills memory, one that makes a large answer. Rates are
quoted as a ratio to the run without any, in the same process of measuring.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.ingest import TOKEN, URL, make_bodies, server, wrk

RUNAWAYS = {
    "computes": "SELECT sum(number * number) AS x FROM numbers(1000000000000000)",
    "fills memory": "SELECT length(groupArray(number)) AS x FROM numbers(3000000000)",
    "answers much": "SELECT number, toString(number) AS s FROM numbers(900000)",
}


def stranger() -> str:
    """A token that may read the events."""
    scopes = {"name": "stranger", "scope": "DATASOURCES:READ:llm_events", "token": TOKEN}
    return str(requests.post(f"{URL}/v0/tokens", params=scopes, timeout=60).json()["token"])


def ask(sql: str, token: str, stopping: threading.Event, seen: list[int]) -> None:
    """Send one query after another until told to stop; `seen` gets their statuses."""
    headers = {"Authorization": f"Bearer {token}"}
    while not stopping.is_set():
        answer = requests.post(f"{URL}/v0/sql", data=sql, headers=headers, timeout=120)
        seen.append(answer.status_code)
        if answer.status_code == 429:
            stopping.wait(int(answer.headers["Retry-After"]))


def measure(sql: str, clients: int, bodies: list[bytes], connections: int, seconds: int) -> tuple[float, str, str]:
    """Requests per second and the p50 and p99 of ingest while `clients` send `sql`."""
    stopping, seen = threading.Event(), list[int]()
    with tempfile.TemporaryDirectory() as name, server(Path(name) / "store"):
        token = stranger()
        with ThreadPoolExecutor(max(1, clients)) as pool:
            for _ in range(clients):
                pool.submit(ask, sql, token, stopping, seen)
            command = wrk(Path(name), bodies, connections, seconds)
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            stopping.set()
    assert "Non-2xx" not in told, "events were refused"
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    latency = [re.search(rf"^\s+{part}%\s+(\S+)", told, re.MULTILINE) for part in ("50", "99")]
    assert rate, told
    p50, p99 = (found[1] if found else "-" for found in latency)
    return float(rate[1]), p50, p99


def main() -> None:
    """Measure every shape and number of clients and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=10, help="how long each measurement takes (s)")
    parser.add_argument("--events", type=int, default=100, help="events of one request")
    parser.add_argument("--connections", type=int, default=8, help="connections that post events")
    parser.add_argument("--clients", default="1,4,16", help="how many send runaway queries, such as 1,4,16")
    given = parser.parse_args()
    bodies = make_bodies(given.events, 200, False)
    alone, p50, p99 = measure("", 0, bodies, given.connections, given.seconds)
    print(f"{'query':12} clients  requests/s  of alone      p50      p99", flush=True)
    print(f"{'none':12} {0:7} {alone:11,.0f} {1:9.2f} {p50:>8} {p99:>8}", flush=True)
    for shape, sql in RUNAWAYS.items():
        for clients in (int(part) for part in given.clients.split(",")):
            rate, p50, p99 = measure(sql, clients, bodies, given.connections, given.seconds)
            print(f"{shape:12} {clients:7} {rate:11,.0f} {rate / alone:9.2f} {p50:>8} {p99:>8}", flush=True)


if __name__ == "__main__":
    main()
