"""Runs the API and the dashboard as two child processes, and leaves neither behind.

The children get process groups of their own, so that a Ctrl-C in the terminal reaches only this process, which then
stops them in order: first the pages, then the API, which commits and exports what it holds.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from metrics.errors import StartError

STOP_WITHIN = 60.0  # seconds for the API to commit what waits and to export the months that changed
GLANCE = 0.1  # seconds between two looks at the children


class ChildEnded(StartError):
    """A child process ended although nobody had asked it to."""


class Supervisor:
    """A context manager around child processes: on the way out, however that happens, they are stopped in turn."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        # Whoever asks for the end, by Ctrl-C, `kill` or closing the terminal, gets the same one; unless it is nohup.
        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in wanted if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else wanted[:2]:
            signal.signal(number, signal.default_int_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._children.values()):
            _stop(process)

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start a child under a name that the user knows, with `env` on top of this process's environment."""
        self._children[name] = subprocess.Popen(
            argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0
        )

    def wait_until(self, ready: Callable[[], bool], *, within: float, what: str) -> None:
        """Wait for `ready()`. Raises ChildEnded, or StartError when `within` seconds pass."""
        give_up = time.monotonic() + within
        while not ready():
            self.check()
            if time.monotonic() > give_up:
                raise StartError(f"{_capital(what)} did not answer within {within:.0f} seconds.")
            time.sleep(GLANCE)

    def wait(self) -> None:
        """Wait until a child ends by itself, which raises ChildEnded; a signal raises KeyboardInterrupt."""
        while True:
            self.check()
            time.sleep(GLANCE)

    def check(self) -> None:
        """Raise ChildEnded, naming it, when a child has ended."""
        for name, process in self._children.items():
            if process.poll() is not None:
                others = " and ".join(other for other in self._children if other != name)
                also = f", so {others} was stopped too" if others else ""
                raise ChildEnded(f"{_capital(name)} ended by itself (exit code {process.returncode}){also}.")


def require_free_port(host: str, port: int, setting: str) -> None:
    """Raise StartError, naming the setting, when something already listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(f"{host}:{port} cannot be used ({error.strerror}): free it, or set {setting}.") from None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM and patience; SIGKILL when that runs out or the user asks again."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
