"""`dev`: a definition that is saved is served, by a server that goes on answering meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from metrics.settings import Settings
from tests.conftest import ADMIN_TOKEN, ROOT, Perch, free_port
from tests.test_commands import environment

SOURCE = "SCHEMA >\n    `at` DateTime `json:$.at`,\n    `n` UInt32 `json:$.n`\nENGINE_SORTING_KEY at\n"
NOTHING = b'{"at": "2026-01-02 03:04:05", "n": 0}'
WITHIN = 30.0  # seconds until a save that is never served fails a test


def pipe(sql: str) -> str:
    return f"NODE answer\nSQL >\n    {sql}\nTYPE endpoint\n"


@dataclass
class Dev:
    """A running `python -m metrics dev` over a project."""

    perch: Perch
    project: Path
    told: Path

    def save(self, name: str, text: str) -> None:
        """As editors do: beside the file, and renamed over it."""
        part = self.project / f"{name}.part"
        part.write_text(text)
        part.replace(self.project / name)

    def until(self, holds: Callable[[], bool]) -> None:
        give_up = time.monotonic() + WITHIN
        while not holds():
            assert time.monotonic() < give_up, self.told.read_text()
            time.sleep(0.05)

    def rows(self, name: str) -> object:
        answer = self.perch.get(f"/v0/pipes/{name}.json")
        return answer.json()["data"] if answer.status_code == 200 else answer.status_code


@pytest.fixture
def dev(settings: Settings, tmp_path: Path) -> Iterator[Dev]:
    project, told = tmp_path / "project", tmp_path / "told.txt"
    project.mkdir()
    (project / "events.datasource").write_text(SOURCE)
    (project / "answers.pipe").write_text(pipe("SELECT sum(n) AS n FROM events"))
    env = environment(settings, PERCH_PROJECT=str(project), PERCH_DASHBOARD_PORT=str(free_port()), PYTHONUNBUFFERED="1")
    with told.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "metrics", "dev"],
            env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    try:
        assert process.stdout
        printed = iter(process.stdout.readline, "")
        assert any("Watching" in line for line in printed), told.read_text()
        with requests.Session() as session:
            yield Dev(Perch(f"http://127.0.0.1:{settings.port}", settings, session=session), project, told)
    finally:
        process.terminate()
        process.communicate(timeout=60)


@dataclass
class Caller:
    """Calls one URL again and again from a thread of its own, by POST if there is a body, and keeps what came."""

    url: str
    body: bytes = b""
    statuses: set[int] = field(default_factory=set)
    calls: int = 0

    def __enter__(self) -> Caller:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._call)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _call(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
                answer = session.request("POST" if self.body else "GET", self.url, headers=headers, data=self.body)
                self.statuses.add(answer.status_code)
                self.calls += 1


def test_what_is_saved_is_served(dev: Dev) -> None:
    assert dev.rows("answers") == [{"n": 0}]
    events = f"{dev.perch.url}/v0/events?name=events&wait=true"
    with Caller(f"{dev.perch.url}/v0/pipes/answers.json") as caller, Caller(events, NOTHING) as poster:
        dev.save("answers.pipe", pipe("SELECT sum(n) AS n, 'new' AS word FROM events"))
        dev.until(lambda: dev.rows("answers") == [{"n": 0, "word": "new"}])

        dev.save("answers.pipe", pipe("SELECT sum(n) AS n, nope AS word FROM events"))
        dev.until(lambda: "Not reloaded" in dev.told.read_text())
        assert "answers.pipe:3:25: error: there is no column nope" in dev.told.read_text()
        assert f"\n    {' ' * 24}^" in dev.told.read_text()
        assert dev.rows("answers") == [{"n": 0, "word": "new"}]

        dev.save("answers.pipe", pipe("SELECT sum(n) AS n, 'good' AS word FROM events"))
        dev.save("events.datasource", SOURCE.replace("`n`", "`more` String `json:$.more` DEFAULT 'none',\n    `n`"))
        dev.save("others.datasource", SOURCE)
        dev.save("seconds.pipe", pipe("SELECT count() AS n FROM others"))
        dev.until(lambda: dev.rows("seconds") == [{"n": 0}])
        for source in ("events", "others"):
            posted = dev.perch.post_events(source, {"at": "2026-01-02 03:04:05", "n": 7})
            assert posted.json()["successful_rows"] == 1
        assert dev.rows("answers") == [{"n": 7, "word": "good"}]

        (dev.project / "seconds.pipe").unlink()
        dev.until(lambda: dev.rows("seconds") == 404)

        dev.save("events.datasource", SOURCE.replace("UInt32", "UInt64"))
        dev.until(lambda: "column n is UInt32 in the store and UInt64 in the file" in dev.told.read_text())
        counted = "SELECT count() AS n FROM events WHERE more = 'none'"
    assert caller.calls
    assert poster.calls
    assert caller.statuses == poster.statuses == {200}
    # every row that was acknowledged is there, and has the DEFAULT, whichever definition it was checked by
    assert dev.perch.sql(counted) == [{"n": poster.calls + 1}]
    assert ADMIN_TOKEN not in dev.told.read_text()
