"""Materialized pipes as rollups: the SELECT that fills a data source, and the one that merges its rows.

Downstream of the compiler and the templates. A pipe with `TYPE materialized` reads one data source, which may be a
rollup itself; its `DATASOURCE` is filled by `rollups.py`. The data source's sorting key are the groups, as in a
ClickHouse table of the engine AggregatingMergeTree or SummingMergeTree, whose rows of one key are one in the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from metrics.datafiles import Column, Pipe
from metrics.dialect import PipeQuery, compile_query, storage_type
from metrics.errors import DefinitionError
from metrics.pipes import Endpoint
from metrics.rollups import ROWS, Rollup
from metrics.workspace import Source, Workspace

_DAY: Final = 86_400
_SLACK: Final = {
    "toStartOfMinute": 60,
    "toStartOfFiveMinutes": 300,
    "toStartOfTenMinutes": 600,
    "toStartOfFifteenMinutes": 900,
    "toStartOfHour": 3_600,
    "toStartOfDay": 2 * _DAY,
    "toDate": 2 * _DAY,
    "toStartOfWeek": 8 * _DAY,
    "toMonday": 8 * _DAY,
    "toStartOfMonth": 32 * _DAY,
    "toYYYYMM": 32 * _DAY,
    "toStartOfQuarter": 93 * _DAY,
    "toStartOfYear": 367 * _DAY,
}
"""Functions of time that rows are grouped by: how many seconds the times of one group are apart at most.

A day of a time zone is 25 hours long once a year; the others have some room too.
"""


def rollups_of(workspace: Workspace) -> list[Rollup]:
    """The rollups of a project, each after the one that it reads.

    Raises:
        DefinitionError: a materialized pipe does not compile, reads more or less than one data source, or itself by way
            of others; or two fill one data source.
    """
    reads = {pipe.name: _read_source(pipe, workspace) for pipe in _materialized(workspace)}
    rollups: list[Rollup] = []
    for pipe in _in_order(workspace, reads):
        source = workspace.sources[pipe.options["DATASOURCE"]]
        base = next((each.base for each in rollups if each.name == reads[pipe.name]), reads[pipe.name])
        rollups.append(_rollup(pipe, workspace, source, workspace.sources[reads[pipe.name]], base, len(rollups)))
    return rollups


def _materialized(workspace: Workspace) -> list[Pipe]:
    filled: dict[str, Pipe] = {}
    for pipe in workspace.pipes.values():
        if pipe.kind == "materialized":
            Endpoint(pipe, workspace).check()
            other = filled.setdefault(pipe.options["DATASOURCE"], pipe)
            if other is not pipe:
                raise _wrong(pipe, f"{other.name} fills {pipe.options['DATASOURCE']} already; give each a data source")
    return list(filled.values())


def _read_source(pipe: Pipe, workspace: Workspace) -> str:
    """The name of the one data source that a pipe reads."""
    tables = Endpoint(pipe, workspace).stored({}).tables
    if len(tables) != 1 or not tables <= workspace.sources.keys():
        found = ", ".join(sorted(tables)) or "none"
        raise _wrong(pipe, f"a materialized pipe reads one data source, this one: {found}")
    return next(iter(tables))


def _in_order(workspace: Workspace, reads: Mapping[str, str]) -> Iterator[Pipe]:
    """The materialized pipes, each after the one that fills what it reads."""
    pending = {name: workspace.pipes[name] for name in sorted(reads)}
    while pending:
        filled = {pipe.options["DATASOURCE"] for pipe in pending.values()}
        ready = [name for name in pending if reads[name] not in filled]
        if not ready:
            raise _wrong(
                next(iter(pending.values())), "it fills, by way of others perhaps, the data source that it reads"
            )
        for name in ready:
            yield pending.pop(name)


def _rollup(pipe: Pipe, workspace: Workspace, source: Source, read: Source, base: str, position: int) -> Rollup:
    if source.definition.engine.ttl:
        raise _wrong(pipe, f"{source.name} has an ENGINE_TTL; a rollup loses rows when {read.name} does: put it there")
    compiled = Endpoint(pipe, workspace).stored({read.name: ROWS})
    keys = [name for name in source.definition.engine.sorting_key if name in dict(source.columns)]
    given = [name for name, _ in compiled.columns]
    missing = [column for column in source.definition.columns if column.name not in given]
    others = [f"{_value(source, column)} AS {_name(column.name)}" for column in missing]
    columns = [*given, *(column.name for column in missing)]
    return Rollup(
        name=source.name,
        position=position,
        base=base,
        reads=read.name,
        keys=keys,
        columns=columns,
        time_column=source.time_column,
        read_time=read.time_column,
        slack=_slack(pipe, keys, read.time_column),
        sql=f"SELECT {', '.join(['*', *others])} FROM ({compiled.sql})" if others else compiled.sql,
        merged=_merged(source, keys, columns),
    )


def _value(source: Source, column: Column) -> str:
    """What stands in a column that the pipe does not give."""
    return f"CAST(NULL AS {storage_type(column.type)})" if column.default is None else source.default(column)


def _slack(pipe: Pipe, keys: list[str], time: str) -> int | None:
    """Seconds that rows of one group are apart at most by `time`; None unless the SQL shows it beyond doubt.

    A key counts if all that is called so is such a start; and, if it is another than `time`, nothing else is called
    `time`, or a pipe could have made a month of it, node by node.
    """
    text = " ".join(node.sql for node in pipe.nodes)
    column = rf"(?:\w+\.)?`?{re.escape(time)}`?"
    starts = re.findall(rf"(\w+)\(\s*{column}\s*(?:,[^()]*)?\)\s+AS\s+`?(\w+)", text, re.IGNORECASE) if time else []
    unchanged = len(re.findall(rf"\b{column}\s+AS\s+`?{re.escape(time)}\b", text, re.IGNORECASE))
    found = []
    for key in keys:
        slacks = [_SLACK.get(function) for function, alias in starts if alias == key]
        known = [slack for slack in slacks if slack is not None]
        same_time = key == time or _named(time, text) == unchanged
        if known and len(known) == _named(key, text) and same_time:
            found.append(max(known))
    return min(found, default=None)


def _named(name: str, text: str) -> int:
    """How often something gets this name."""
    return len(re.findall(rf"(?:\bAS\s|\))\s*`?{re.escape(name)}\b", text, re.IGNORECASE))


def _merged(source: Source, keys: list[str], columns: list[str]) -> str:
    """The SELECT that leaves one row of each key; of engines that do not merge, the rows as they are."""
    engine = source.definition.engine.name
    if engine not in ("AggregatingMergeTree", "SummingMergeTree") or not keys:
        return f"SELECT {', '.join(_name(column) for column in columns)} FROM {ROWS}"
    kinds = dict(source.columns)
    values = [f"{_merging(kinds[name], name, engine)} AS `{name}`" for name in columns if name not in keys]
    groups = ", ".join(f"`{key}`" for key in keys)
    sql = f"SELECT {', '.join([groups, *values])} FROM t GROUP BY {groups}"
    asked = PipeQuery(sql, file=source.definition.path.name)
    return compile_query(asked, {"t": source.columns}, standing={"t": ROWS}, stored=True).sql


def _merging(kind: str, name: str, engine: str) -> str:
    """The ClickHouse expression of one column's value for the rows of one key."""
    function = re.match(r"(Simple)?AggregateFunction\(\s*(\w+)", kind)
    if function:
        return f"{function[2]}{'' if function[1] else 'MergeState'}(t.`{name}`)"
    summed = engine == "SummingMergeTree" and re.search(r"Int|Float|Decimal", kind)
    return f"{'sum' if summed else 'any'}(t.`{name}`)"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _wrong(pipe: Pipe, reason: str) -> DefinitionError:
    line = next((node.line for node in pipe.nodes if node.name == pipe.published), 0)
    return DefinitionError(reason, file=pipe.path.name, line=line)
