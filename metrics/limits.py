"""What one query may use: seconds, memory, the size of its result; and how many of strangers run side by side.

Whoever holds a token that is not the admin's is a stranger here. Strangers' queries run in threads of their own, at the
lowest priority of the machine, so that one of them leaves the processors to ingest and to the dashboard.
"""

from __future__ import annotations

import math
import os
import resource
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa

from metrics.errors import PerchError, QueryMemory, QueryTimeout, ResultTooLarge, TooManyQueries

Made = TypeVar("Made")

RESULT_ROWS: Final = 1_000_000
"""Rows of a result."""

RESULT_BYTES: Final = 100_000_000
"""Bytes of a result as Arrow holds it."""

BATCH_ROWS: Final = 20_000
"""Rows that are taken from the engine at once: it makes no more before these were counted."""

QUERY_MEMORY: Final = 1_000_000_000
"""Bytes that a stranger's query may use."""

STRANGERS: Final = 2
"""Strangers' queries that run side by side."""

WAITING: Final = 4
"""Strangers' queries that wait for their turn; each holds a thread of the server meanwhile."""

PATIENCE: Final = 2.0
"""Seconds that they wait."""

LOWEST: Final = 19
"""The nice value of the lowest priority."""

_LOOK_EVERY: Final = 0.05  # seconds

_SLACK: Final = 64_000_000  # bytes that the others may take while the brake is on


@dataclass(frozen=True)
class Limits:
    """What a query may use: seconds, and bytes of memory (0: what the store may)."""

    seconds: float
    memory: int = 0


class Deadline:
    """Stops a query that takes too long: used around it, then `stopped` is the error to raise, if any."""

    def __init__(self, limits: Limits, interrupt: Callable[[], None]) -> None:
        self.stopped: PerchError | None = None
        self.ends = 0.0
        self.limits = limits
        self._interrupt = interrupt

    def __enter__(self) -> Deadline:
        self.ends = time.monotonic() + self.limits.seconds
        _clock.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _clock.remove(self)

    def strike(self) -> None:
        """Stop the query, and again a little later: what comes before it has begun stops nothing."""
        self.stopped = self.stopped or too_slow(self.limits)
        self._interrupt()
        self.ends = time.monotonic() + _LOOK_EVERY


class _Clock:
    """The thread that keeps the deadlines of all queries: to start one for each costs up to a millisecond or two.

    A deadline strikes and is taken back under the same lock, so that none strikes the next query of its cursor.
    """

    def __init__(self) -> None:
        self._running: set[Deadline] = set()
        self._changed = threading.Condition()
        self._looks = math.inf  # when it looks next
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._running.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline.ends < self._looks:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._running.discard(deadline)

    def _keep(self) -> None:
        with self._changed:
            while True:
                self._looks = self._strike()
                self._changed.wait(min(max(0.0, self._looks - time.monotonic()), threading.TIMEOUT_MAX))

    def _strike(self) -> float:
        """Strike for those that are past, and tell when the next one is."""
        now = time.monotonic()
        for deadline in self._running:
            if deadline.ends <= now:
                deadline.strike()
        return min((deadline.ends for deadline in self._running), default=math.inf)


_clock = _Clock()


class Watch:
    """Stops a query that takes too long or too much: used around it, then `stopped` is the error to raise, if any.

    `memory` tells the bytes in use by all queries; what they grew by since the start counts as this query's.
    """

    def __init__(self, limits: Limits, interrupt: Callable[[], None], memory: Callable[[], int]) -> None:
        self.stopped: PerchError | None = None
        self.limits = limits
        self._interrupt = interrupt
        self._memory = memory
        self._done = threading.Event()
        self._braking = False
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._ends = time.monotonic() + self.limits.seconds
        self._before = self._memory() if self.limits.memory else 0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._braking:
            resource.setrlimit(resource.RLIMIT_AS, _unlimited())

    def _look(self) -> None:
        while not self._done.wait(self._pause()):
            self.stopped = self.stopped or self._excess()
            if self.stopped:
                self._interrupt()  # again and again: one that comes before the query has begun stops nothing
                self._brake()

    def _pause(self) -> float:
        left = self._ends - time.monotonic()
        return max(0.001, left) if left > 0 and not self.limits.memory and not self.stopped else _LOOK_EVERY

    def _brake(self) -> None:
        """Give the process no more memory where a query, though interrupted, takes ever more.

        The engine looks up between calls of functions, not inside one, and such a call may make gigabytes out of one
        row. Then it is the one that asks for them, and fails; the others find enough in what the process has.
        """
        if self.limits.memory and self._memory() - self._before > 1.5 * self.limits.memory:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            allowed = pages * os.sysconf("SC_PAGE_SIZE") + _SLACK
            _, hard = _unlimited()
            if not self._braking:
                resource.setrlimit(resource.RLIMIT_AS, (allowed if hard < 0 else min(hard, allowed), hard))
            self._braking = True

    def _excess(self) -> PerchError | None:
        if time.monotonic() >= self._ends:
            return too_slow(self.limits)
        if self.limits.memory and self._memory() - self._before > self.limits.memory:
            return too_hungry(self.limits)
        return None


def _unlimited() -> tuple[int, int]:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    return hard, hard


def too_slow(limits: Limits) -> QueryTimeout:
    """The error of a query that ran out of time."""
    return QueryTimeout(f"The query took longer than {limits.seconds:g} s; ask for a shorter range.")


def too_hungry(limits: Limits) -> QueryMemory:
    """The error of a query that ran out of memory."""
    allowed = f"{limits.memory / 1e6:,.0f} MB, which it may use" if limits.memory else "PERCH_MEMORY allows"
    return QueryMemory(f"The query needs more memory than {allowed}; ask for a shorter range or for fewer groups.")


def whole(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """A result as one table; raises ResultTooLarge as soon as it is, so that no more of it is made."""
    kept: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        rows += batch.num_rows
        size += batch.nbytes
        if rows > RESULT_ROWS:
            raise _too_large(f"{RESULT_ROWS:,} rows")
        if size > RESULT_BYTES:
            raise _too_large(f"{RESULT_BYTES / 1e6:g} MB")
        kept.append(batch)
    return pa.Table.from_batches(kept, schema)


def _too_large(limit: str) -> ResultTooLarge:
    return ResultTooLarge(f"The result is larger than {limit}; add a LIMIT, or aggregate with GROUP BY.")


class Strangers:
    """The gate that strangers' queries go through, and the threads in which they run."""

    def __init__(self) -> None:
        self._running = threading.BoundedSemaphore(STRANGERS)
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._threads = ThreadPoolExecutor(STRANGERS, "stranger", initializer=yield_to_others)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A place at the table, after waiting for one a little; raises TooManyQueries where there is none."""
        if not self._running.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._running.release()

    def _wait(self) -> None:
        if not self._waiting.acquire(blocking=False):
            raise TooManyQueries(STRANGERS)
        try:
            if not self._running.acquire(timeout=PATIENCE):
                raise TooManyQueries(STRANGERS)
        finally:
            self._waiting.release()

    def run(self, query: Callable[[], Made]) -> Made:
        """Run a query that was admitted."""
        return self._threads.submit(query).result()


def yield_to_others(thread: int = 0) -> None:
    """Give a thread, this one if 0, the lowest priority for good: on Linux a nice value is a thread's own."""
    os.setpriority(os.PRIO_PROCESS, thread or threading.get_native_id(), LOWEST)
