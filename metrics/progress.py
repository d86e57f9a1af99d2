"""How far long work is, for whoever waits for it: the work counts here, and `GET /v0/progress` tells it.

Beside the river: exports, backups and repricing count, and the commands show it on a terminal (metrics/loading.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(eq=False)
class Work:
    """What is being done, in units of which `done` are over of `total`; None where nobody can know that."""

    what: str
    unit: str
    total: int | None
    done: int = 0
    measure: Callable[[], int] | None = None
    """How much is over, of what cannot be counted while it goes on."""

    def told(self) -> dict[str, str | int | None]:
        """It as JSON."""
        done = self.measure() if self.measure else self.done
        return {"what": self.what, "unit": self.unit, "done": done, "total": self.total}


class Progress:
    """The long work of one store."""

    def __init__(self) -> None:
        self._works: list[Work] = []

    @contextmanager
    def of(
        self, what: str, unit: str = "", total: int | None = None, measure: Callable[[], int] | None = None
    ) -> Iterator[Work]:
        """Tell of work while this lasts; what it gives is to be counted up."""
        work = Work(what, unit, total, measure=measure)
        self._works.append(work)
        try:
            yield work
        finally:
            self._works.remove(work)

    def latest(self) -> Work | None:
        """The work that began last, of those that go on."""
        works = list(self._works)
        return works[-1] if works else None
