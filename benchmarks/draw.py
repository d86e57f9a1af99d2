"""`python -m benchmarks.draw RESULTS.json docs/`: the page and the picture of what `make bench` has measured.

Writes `benchmarks.md`, tables with ratios and how to repeat them, and `benchmarks.svg`, rows against time of both
engines, one small panel for each question. The picture holds all that it needs and follows the reader's colour scheme.
Of the figures of `make bench-ui` it writes the last section of the page, "The dashboard", and leaves the rest alone.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from benchmarks.dashboard import told
from benchmarks.endpoints import quantile

Run = Mapping[str, Any]

PERCH, PEER = "Perch", "ClickHouse"
INK, GRID = "#52525b", "#d4d4d8"
LIGHT = {PERCH: "#4f46e5", PEER: "#d97706"}
DARK = {INK: "#d4d4d8", GRID: "#3f3f46", LIGHT[PERCH]: "#97bbf5", LIGHT[PEER]: "#efb118"}
"""What each colour of the picture becomes on a dark page."""


def main() -> None:
    """Write both files from the figures of a run."""
    if len(sys.argv) != 3:
        sys.exit("Usage: python -m benchmarks.draw RESULTS.json FOLDER")
    results, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    written = folder / "benchmarks.md"
    head, mark, section = (written.read_text() if written.exists() else "").partition(DASHBOARD)
    if "pages" in results:
        written.write_text(f"{head.rstrip()}\n\n{of_dashboard(results)}")
        print(f"Wrote the dashboard's section of {written}.")
        return
    written.write_text(f"{page(results)}{mark and chr(10)}{mark}{section}")
    (folder / "benchmarks.svg").write_text(picture(results["runs"]))
    print(f"Wrote {folder / 'benchmarks.md'} and {folder / 'benchmarks.svg'}.")


# ---- The picture ----


def picture(runs: Sequence[Run]) -> str:
    """The figures of all runs as one SVG."""
    rows = [
        {"rows": run["rows"], "engine": engine, "title": question["title"], "ms": quantile(warm, 0.5)}
        for run in runs
        for question in run["questions"]
        for engine, warm in ((PERCH, question["warm"]), (PEER, question["clickhouse"]["warm"]))
        if warm
    ]
    titles = list(dict.fromkeys(row["title"] for row in rows))
    colour = alt.Scale(domain=[PERCH, PEER], range=[LIGHT[PERCH], LIGHT[PEER]])
    sizes = sorted({run["rows"] for run in runs})
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=alt.OverlayMarkDef(size=30, filled=True), strokeWidth=2)
        .encode(
            x=alt.X("rows:Q", title=None, scale=alt.Scale(type="log"), axis=alt.Axis(values=sizes, format="~s")),
            y=alt.Y("ms:Q", title=None, scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=4)),
            color=alt.Color("engine:N", scale=colour, legend=alt.Legend(orient="top", title=None)),
            strokeDash=alt.StrokeDash(
                "engine:N", scale=alt.Scale(domain=[PERCH, PEER], range=[[1, 0], [5, 3]]), legend=None
            ),
        )
        .properties(width=190, height=120)
        .facet(facet=alt.Facet("title:N", sort=titles, title=None, header=alt.Header(labelFontSize=11)), columns=3)
        .properties(title="Milliseconds of a warm answer (p50) by the rows stored; both axes logarithmic")
        .configure(background="transparent", font="system-ui, sans-serif")
        .configure_view(stroke=GRID)
        .configure_axis(labelColor=INK, gridColor=GRID, domainColor=GRID, tickColor=GRID)
        .configure_header(labelColor=INK)
        .configure_legend(labelColor=INK)
        .configure_title(color=INK, fontSize=13, fontWeight="normal")
    )
    return _schemed(_svg(chart))


def _svg(chart: alt.FacetChart) -> str:
    written = StringIO()
    chart.save(written, format="svg")
    return written.getvalue()


def _schemed(svg: str) -> str:
    """The picture with a style that changes its colours on a dark page."""
    rules = " ".join(
        f'[{kind}="{light}"] {{ {kind}: {dark} }}' for light, dark in DARK.items() for kind in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark) {{ {rules} }}</style>"
    return re.sub(r"(<svg[^>]*>)", lambda found: found[1] + style, svg, count=1) + "\n"


# ---- The page ----

INTRODUCTION = """# Benchmarks

A year of model calls, asked about through Perch's API and in ClickHouse's own SQL, over the same rows, one after the
other on the same machine. Written by `python -m benchmarks.draw` from the figures of one run of `make bench`.

![Rows against milliseconds, one panel for each question](benchmarks.svg)

## What was measured

- **Machine:** {machine}. {versions}, measured on {made_at}.
- **Rows:** a synthetic year (benchmarks/year.py): 20 models of very unequal use, 8 features of 6 teams, 5,000 users,
  1.8 % failures. The columns that it leaves unknown take next to no room in either engine.
- **Perch** answers over HTTP on a kept-alive connection, as JSON; the times are the client's. Its server had
  `PERCH_MEMORY={memory}` and otherwise its defaults, but for a longer `PERCH_QUERY_TIMEOUT`.
- **ClickHouse** is chdb, in a process of its own: a `MergeTree` with the same types,
  `ORDER BY (event_time, model_name) PARTITION BY toYYYYMM(event_time)`, all parts merged, its default compression (LZ4)
  and as many threads as cores. Its times are those of the call in the process, with the writing of its JSON and without
  HTTP, which flatters it by a millisecond or so. "LowCardinality" is a second table with such strings.
- **Percentiles** on ClickHouse are those of whichever of `quantiles` (a sample), `quantilesTDigest` (a digest) and
  `quantilesExactInclusive` was fastest; the tables name it. "Exact percentiles" are the last on both sides.
- **Warm** figures are the p50 and p95 of up to {calls} calls, each about another range or user, so that nothing kept
  from before answers. **Cold** is the first call of a new process. **Busy** is warm while a client posts 5,000 rows a
  second to Perch; ClickHouse was not measured so.
- **Agreed:** each warm answer of Perch's was compared with ClickHouse's exact one to the same question: counts and
  tokens equal, money and averages within 1e-6, percentiles within 1 %.
- **ratio** is Perch's p50 by ClickHouse's: below 1 Perch is faster, above 1 ClickHouse is.

## Repeat it

```
$ make bench                                              # all sizes: about half an hour, and 20 GB of disk
$ python -m benchmarks.history --rows 1000000 --out results.json
$ python -m benchmarks.draw results.json docs/
```

The page cache is dropped before cold calls where the user may do that (root); each table says whether it was.
"""


DASHBOARD = "## The dashboard\n"

MEASURED = """
How long whoever looks at the dashboard waits, measured by `make bench-ui` in Chromium on the machine that also runs the
API and the dashboard, so that all three share its cores: with a machine of its own the browser would be faster.

- **click:** on a page's link in an open session. **model, range:** a change of that filter, until the first figure
  changed ("first") and until all is drawn. **cold load:** a new tab, with what the browser has cached from before.
- **All** is the frame after the last change of the page; its script has ended and each chart is drawn. A page without
  figures counts from its first chart or table that changed.
- No rendering finds answers that the dashboard had kept from another one, but those that two panels share.
- Of the viewers all but one have no browser and speak Streamlit's protocol: twenty browsers would measure each other.
- In about a minute, without viewers: `python -m benchmarks.dashboard --rows 1000000 --repeats 1 --viewers 0`.

"""


def of_dashboard(results: Mapping[str, Any]) -> str:
    """The section of the page that tells how fast the dashboard is."""
    return f"{DASHBOARD}{MEASURED}{told(results)}\n"


def page(results: Mapping[str, Any]) -> str:
    """The page: what was measured, a table for each number of rows, and where ClickHouse is faster."""
    machine, versions = results["machine"], results["versions"]
    clickhouse = results["runs"][0]["clickhouse"]
    head = INTRODUCTION.format(
        machine=f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']}",
        versions=f"DuckDB {versions['duckdb']}, ClickHouse {clickhouse}, Python {versions['python']}",
        made_at=results["made_at"],
        memory=results["memory"],
        calls=results["calls"],
    )
    return "\n".join([head, *(_run(run) for run in results["runs"])])


def _run(run: Run) -> str:
    lines = [
        f"## {run['rows']:,} rows\n",
        f"Milliseconds; cold: {run['cold']}.\n",
        "| Question | Perch p50 | p95 | cold | busy p50 | ClickHouse p50 | p95 | cold | LowCardinality p50 | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(question) for question in run["questions"]),
        "",
        _agreement(run["questions"]),
        _slower(run["questions"]),
        "",
        "| | Perch | ClickHouse | LowCardinality | Parquet months |",
        "|---|---|---|---|---|",
        _sizes(run),
        _times(run),
        _peaks(run),
        "",
        f"While busy {run['ingest_rows_per_second']:,.0f} rows a second were acknowledged.",
        "",
    ]
    return "\n".join(lines)


def _row(question: Mapping[str, Any]) -> str:
    peer = question["clickhouse"]
    named = f" (`{peer['quantiles']}`)" if peer["quantiles"] else ""
    theirs = (
        f"{_two(peer['warm'])}{named} | {_ms(quantile(peer['warm'], 0.95))} | {_ms(peer['cold'])} | {_two(peer['low'])}"
    )
    if question["failed"]:
        return f"| {question['title']} | refused: {question['failed']} | | | | {theirs} | |"
    warm = question["warm"]
    ours = f"{_two(warm)} | {_ms(quantile(warm, 0.95))} | {_ms(question['cold'])} | {_two(question['busy'])}"
    return f"| {question['title']} | {ours} | {theirs} | {_ratio(question):.2f} |"


def _two(times: Sequence[float]) -> str:
    return _ms(quantile(times, 0.5)) if times else ""


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _ratio(question: Mapping[str, Any]) -> float:
    return quantile(question["warm"], 0.5) / quantile(question["clickhouse"]["warm"], 0.5)


def _agreement(questions: Sequence[Mapping[str, Any]]) -> str:
    agreed, compared = (sum(question[name] for question in questions) for name in ("agreed", "compared"))
    worst = max((question["worst_percentile"] for question in questions), default=0.0)
    said = [f"{agreed:,} of {compared:,} answers agreed; the percentile furthest off by {worst:.2%}."]
    said += [f"Not in {question['title']}: {question['differs']}." for question in questions if question["differs"]]
    return " ".join(said)


def _slower(questions: Sequence[Mapping[str, Any]]) -> str:
    slower = [question for question in questions if not question["failed"] and _ratio(question) > 1]
    if not slower:
        return "Perch is the faster one in every question."
    listed = ", ".join(f"{question['title']} ({_ratio(question):.1f}x)" for question in slower)
    return f"**ClickHouse is faster in:** {listed}."


def _sizes(run: Run) -> str:
    held = run["bytes"]
    names = ("perch", "clickhouse", "clickhouse_low", "parquet")
    return f"| bytes (MB) | {' | '.join(f'{held[name] / 1e6:,.0f}' for name in names)} |"


def _times(run: Run) -> str:
    took = run["seconds"]
    pairs = (("perch_load", "perch_settle"), ("clickhouse_load", "clickhouse_merge"),
             ("clickhouse_low_load", "clickhouse_low_merge"))  # fmt: skip
    told = " | ".join(f"{took[first]:.1f} + {took[second]:.1f}" for first, second in pairs)
    return f"| seconds to load + to settle or merge | {told} | |"


def _peaks(run: Run) -> str:
    peaks = run["peak_mb"]
    return f"| most memory of the process (MB) | {peaks['perch']:,.0f} | {peaks['clickhouse']:,.0f} | | |"


if __name__ == "__main__":
    main()
