"""A server in a process of its own, for the tests that kill it, stop it or take its disk away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from metrics.settings import Settings
from tests.conftest import ADMIN_TOKEN, ROOT, Perch

READY = "Perch API on"


@dataclass
class Served:
    """A server's process; `log` has its stderr since the first start, `seconds` is how long this start took."""

    process: subprocess.Popen[str]
    perch: Perch
    log: Path
    seconds: float = 0.0

    def kill(self) -> None:
        """End it as a power cut would end its process: at once."""
        self.process.kill()
        self.process.wait()
        self._close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 60) -> int:
        """The exit code, once it has ended."""
        code = self.process.wait(timeout=seconds)
        self._close()
        return code

    def _close(self) -> None:
        if self.process.stdout:
            self.process.stdout.close()
        self.perch.session.close()

    def memory(self) -> int:
        """Bytes of memory that its process holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def sentence(self) -> str:
        """The one line that a server which did not start has said."""
        lines = [line for line in self.log.read_text().splitlines() if " ERROR metrics." not in line]
        assert len(lines) == 1, lines
        return lines[0]


def start(
    settings: Settings, *, before: Callable[[], None] | None = None, wait: bool = True, log: Path | None = None
) -> Served:
    """Start `python ingest_server.py`; with `wait` it answers by the return of this, or has ended.

    `before` runs in the child, before the server does. `log` is where stderr goes, beside the data folder if unset.
    """
    log = log or settings.data_dir.parent / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("a") as errors:
        served = Served(_spawn(settings, errors, before), Perch(f"http://127.0.0.1:{settings.port}", settings), log)
    if wait:
        assert served.process.stdout
        served.process.stdout.readline()
        served.seconds = time.monotonic() - began
    return served


def _spawn(settings: Settings, errors: IO[str], before: Callable[[], None] | None) -> subprocess.Popen[str]:
    given = {f"PERCH_{name.upper()}": _text(value) for name, value in settings.model_dump(exclude_unset=True).items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERCH_")}
    return subprocess.Popen(
        [sys.executable, "ingest_server.py"],
        cwd=ROOT,
        env={**kept, **given, "PERCH_ADMIN_TOKEN": ADMIN_TOKEN},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        preexec_fn=before,
    )


def _text(value: object) -> str:
    seconds = getattr(value, "total_seconds", None)
    return f"{seconds()}s" if seconds else str(value)


@contextmanager
def serving(settings: Settings, *, before: Callable[[], None] | None = None) -> Iterator[Served]:
    """A server that runs; at the end it is stopped, if it still runs."""
    served = start(settings, before=before)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()
        served.wait()
