"""docs/sql.md: what of ClickHouse's SQL is compiled; its functions are listed from the allow-list itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby

from metrics.dialect.combinators import COMBINATORS
from metrics.dialect.table import ANY_CASE, FUNCTIONS, Function
from metrics.reference import GENERATED

_CLAUSES = """
A pipe, and `q=` of `/v0/sql`, is one SELECT in ClickHouse's SQL. It is compiled to DuckDB's when the pipe is loaded:
the columns have the names, types and values that ClickHouse gives them, or the query is refused with one sentence that
names the line and what "needs the ClickHouse engine". What is not on this page is refused and never guessed. The tests
ask each query of `tests/parity/queries/` of ClickHouse too and compare names, types and rows.

## Clauses

- `WITH`: queries, also `name(a, b) AS (...)`; expressions (`WITH 5 AS k, k * 2 AS l`) and `(SELECT ...) AS x`, used in
  every query inside; each alias also in WHERE, GROUP BY, HAVING, ORDER BY, ON and other aliases, before or after it is
  defined.
- `SELECT`: `*`, `t.*`, `COLUMNS('pattern')`, `COLUMNS(a, b)` with `EXCEPT`, `REPLACE` and `APPLY(f)`,
  `APPLY(quantile(0.9))`, `APPLY(x -> ...)`; `DISTINCT`, `DISTINCT ON (a, b)`.
- `FROM`: data sources, nodes, other pipes, subqueries, `numbers`, `zeros`, `generate_series`, `values('a UInt8, b
  String', (1, 'x'))`, `system.one`, under an alias with names for the columns (`AS t(a, b)`) or without; nothing at
  all.
- `JOIN`: `INNER`, `LEFT`, `RIGHT`, `FULL`, `CROSS` and the comma, with `ON` or `USING`; `ANY` (but FULL), `LEFT` and
  `RIGHT` `SEMI` and `ANTI`, `ASOF` and `ASOF LEFT`; `GLOBAL` and `ALL` change nothing. A row that is not found has
  defaults (0, '', 1970-01-01), not NULL, unless `SETTINGS join_use_nulls = 1` asks for NULL.
- `ARRAY JOIN`: one or several arrays of one length, with aliases, `LEFT` too; `arrayJoin(...)` wherever it comes
  before grouping.
- `PREWHERE`, `WHERE`: both at once too.
- `GROUP BY`: expressions, aliases, positions, `ALL`; `ROLLUP`, `CUBE` and `GROUPING SETS` with `grouping(...)`, a key
  of a sum being its type's default.
- `HAVING`, `QUALIFY`, `WINDOW`: windows by `ROWS` and `RANGE` with offsets (days of a Date, seconds of a DateTime),
  named ones that others start from, windows over aggregates.
- `ORDER BY`: expressions, positions, `ALL`, `NULLS FIRST`; NULL and NaN come last.
- `WITH FILL`: of one number, Date or DateTime, with `FROM`, `TO`, `STEP` (a number or an `INTERVAL`), once for each
  value of the columns before it; `INTERPOLATE`, `INTERPOLATE (a, b)`.
- `LIMIT`: `LIMIT n`, `LIMIT m, n`, `OFFSET`, `FETCH FIRST`, `WITH TIES`; `LIMIT n OFFSET m BY keys`, also before an
  ordinary LIMIT.
- `UNION ALL`, `UNION DISTINCT`, `INTERSECT`, `EXCEPT`: in any nesting; ORDER BY and LIMIT belong to the SELECT that
  they follow, as in ClickHouse.
- `IN`: lists, tuples, arrays, subqueries, a table or node by its name. `EXISTS`, which may read columns of the query
  around it. A subquery with one row is a value, or with several columns a tuple.
- literals: `1e3`, `0x1F`, `0b101`, `1_000`, `'it''s'`, `'a\\nb'`, `$$text$$`, `"name"`, `` `name` ``.
- `SETTINGS`: `join_use_nulls`, and those that change how a query runs and not what it answers.

## What is refused

`FINAL` (every row is kept), `SAMPLE`, `WITH TOTALS`, `WITH RECURSIVE`, `COLLATE`, `PASTE JOIN`, subqueries other than
those of EXISTS that read columns of the query around them, WITH FILL of two columns, `INTERPOLATE (a AS a + 1)`,
DISTINCT together with LIMIT BY, an array that is spread after GROUP BY, a column that is neither a key nor in an
aggregate, `FORMAT` and `INTO OUTFILE` (the URL says which format), two columns of one name, other table functions
(`url`, `s3`, `remote`), other databases, and every function that is not below.

## What may differ

- The order of rows without ORDER BY, and of elements in `groupArray` and its kind, is open in both engines.
- What ClickHouse approximates (`uniq`, `quantile`, `quantileTDigest`) is exact here.
- Which row `ANY JOIN`, `any()` or `LIMIT 1 BY` without a full order takes is open in both engines.
- A LEFT JOIN with nothing but an inequality runs here; ClickHouse refuses it.
"""


def sql_page() -> str:
    """docs/sql.md: the clauses, and every function with how many arguments it takes."""
    distinct = {id(function): function for function in FUNCTIONS.values()}.values()
    ordered = sorted(distinct, key=lambda function: function.subject)
    sections = "\n".join(_section(subject, group) for subject, group in groupby(ordered, lambda each: each.subject))
    combinators = ", ".join(f"`-{name}`" for name in COMBINATORS)
    return f"""{GENERATED}
# ClickHouse's SQL
{_CLAUSES}
## Functions

A name is followed by how many arguments it takes: `left(2)`, `substring(2-3)`, `concat(1+)`; of an aggregate with
parameters `quantile(0-1)(1)`. Names are written as ClickHouse has them{_any_case()}.

Behind an aggregate's name may stand {combinators}.

{sections}"""


def _any_case() -> str:
    names = sorted(ANY_CASE.values(), key=str.lower)
    return f"; those of standard SQL, such as `{names[0]}` and `{names[-1]}`, in any case" if names else ""


def _section(subject: str, functions: Iterable[Function]) -> str:
    """The functions of one module: those with a remark a line for each remark, the others together."""
    title, _, rest = (sys.modules[subject].__doc__ or "").partition("\n")[0].rstrip(".").partition(": ")
    remarks: dict[str, list[str]] = {}
    for each in sorted(functions, key=lambda function: (not function.summary, function.names[0].lower())):
        remarks.setdefault(each.summary, []).append(_names(each))
    lines = [f"- {', '.join(names)}{f': {remark}' if remark else ''}" for remark, names in remarks.items()]
    intro = f"{rest[:1].upper()}{rest[1:]}.\n\n" if rest else ""
    return f"### {title}\n\n{intro}" + "\n".join(lines) + "\n"


def _names(function: Function) -> str:
    arguments = f"({_count(function.least, function.most)})"
    parameters = f"({_count(*function.params)})" if function.params[1] else ""
    return ", ".join(f"`{name}{parameters}{arguments}`" for name in function.names)


def _count(least: int, most: int | None) -> str:
    if most is None:
        return f"{least}+"
    return str(least) if least == most else f"{least}-{most}"
