"""Which queries of a statement are run once for all that read them.

ClickHouse writes a node into every query that names it, and so does the compiler: what is only a table with a condition
is best read where it is needed. But one that sums up rows would be planned and run once for each of its readers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Nodes = Mapping[str, str | tuple[str, int]]
"""Queries by name, in the order of their pipe, each with the line it starts on if that is known."""

Key = tuple[int, str]
"""Of a node the identity of its pipe and its name, of a pipe 0 and its name."""

_READ: Final = re.compile(r"\b(?:FROM|JOIN)\s+`?(\w+)", re.IGNORECASE)
_SUMS: Final = re.compile(r"\b(?:GROUP\s+BY|OVER|DISTINCT|LIMIT)\b", re.IGNORECASE)


@dataclass(frozen=True)
class PipeQuery:
    """A pipe as a query: the SQL of the node that it answers, its other nodes, and where they stand."""

    sql: str
    nodes: Nodes = field(default_factory=dict)
    file: str = ""
    line: int = 1

    def __hash__(self) -> int:
        return hash((self.sql, tuple(self.nodes.items()), self.file, self.line))

    def text(self, name: str) -> str:
        """The SQL of a node."""
        node = self.nodes[name]
        return node if isinstance(node, str) else node[0]


@dataclass(frozen=True)
class Read:
    """A query in its pipe. It may read the `before` first nodes of that."""

    sql: str
    pipe: PipeQuery
    before: int

    def find(self, name: str, pipes: Mapping[str, PipeQuery]) -> tuple[Key, Read] | None:
        """What a name means to it: a node before it, or another pipe; None for any other."""
        position = list(self.pipe.nodes).index(name) if name in self.pipe.nodes else self.before
        if position < self.before:
            return (id(self.pipe), name), Read(self.pipe.text(name), self.pipe, position)
        if name in pipes:
            return (0, name), whole(pipes[name])
        return None


def whole(pipe: PipeQuery) -> Read:
    """The query that a pipe answers."""
    return Read(pipe.sql, pipe, len(pipe.nodes))


def shared(asked: PipeQuery, pipes: Mapping[str, PipeQuery]) -> frozenset[Key]:
    """The nodes and pipes that are named more than once and sum up rows, or read what does.

    The words are looked at and not the syntax: one that is found too many costs a little time and changes no answer.
    """
    named: Counter[Key] = Counter()
    reads: dict[Key, list[Key]] = {}
    sums: set[Key] = set()
    pending = [((0, ""), whole(asked))]
    while pending:
        key, query = pending.pop()
        if key in reads:
            continue
        found = [each for name in _READ.findall(query.sql) if (each := query.find(name, pipes))]
        reads[key] = [read for read, _ in found]
        named.update(reads[key])
        pending += found
        if _SUMS.search(query.sql):
            sums.add(key)
    while more := {key for key, inner in reads.items() if key not in sums and sums.intersection(inner)}:
        sums |= more
    return frozenset(key for key in sums if named[key] > 1)
