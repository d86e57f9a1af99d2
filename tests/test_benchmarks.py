"""The benchmark of `make bench`, on a year that is small enough for a test: it runs, and sees a wrong number."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from benchmarks import dashboard, draw, history
from benchmarks.ingest import without_rollups
from benchmarks.questions import EXACT, compare, questions
from benchmarks.year import COLUMNS, bodies, write

END = datetime(2026, 11, 1)


def test_a_year_is_the_same_each_time_and_sorted(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, 20_000, END) for name in ("first", "second"))
    assert [path.relative_to(tmp_path / "first").as_posix() for path in (first[0], first[-1])] == [
        "llm_events/year=2025/month=11/llm_events.parquet",
        "llm_events/year=2026/month=10/llm_events.parquet",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    rows = duckdb.read_parquet([str(path) for path in first]).select("event_time", "model_name").fetchall()
    assert len(rows) == 20_000
    assert rows == sorted(rows)
    assert rows[0][0] >= datetime(2025, 11, 1)
    assert rows[-1][0] < END


def test_bodies_are_events_that_happen_when_they_are_posted() -> None:
    (body,) = bodies(1)
    events = [json.loads(line) for line in body.splitlines()]
    assert len(events) == 1_000
    assert {event["event_time"] for event in events} == {"@now"}
    assert set(events[0]) == set(COLUMNS) - {"ingested_at"}


def test_a_wrong_number_is_seen() -> None:
    (part,) = next(question for question in questions(END) if question.name == "performance_all").parts(0)
    theirs = [{"model_name": "a", "requests": 3, "avg_latency": 1.0, "p50_latency": 2.0, "p50_ttft": None}]

    def agrees(**changed: object) -> bool:
        return compare(part, [{**theirs[0], **changed}], theirs).agrees

    assert agrees()
    assert agrees(p50_latency=2.019, avg_latency=1.0 + 1e-7)
    assert not agrees(p50_latency=2.05)
    assert not agrees(avg_latency=1.00001)
    assert not agrees(requests=4)
    assert not agrees(p50_ttft=0.0)
    assert not agrees(model_name="b")
    assert not compare(part, [], theirs).agrees
    assert EXACT in part.sql("events", EXACT)


def test_a_project_without_rollups_keeps_the_rest(tmp_path: Path) -> None:
    texts = {
        "events.datasource": "SCHEMA >\n    `n` UInt8 `json:$.n`",
        "sums.datasource": "SCHEMA >\n    `n` UInt64",
        "all.pipe": "NODE a\nSQL >\n    SELECT n FROM events\nTYPE endpoint",
        "fill.pipe": "NODE a\nSQL >\n    SELECT sum(n) AS n FROM events\nTYPE materialized\nDATASOURCE sums",
    }
    (tmp_path / "project").mkdir()
    for name, text in texts.items():
        (tmp_path / "project" / name).write_text(text)
    copied = without_rollups(tmp_path / "project", tmp_path / "copy")
    assert {path.name for path in copied.iterdir()} == texts.keys() - {"fill.pipe"}


def test_the_page_keeps_its_section_of_the_dashboard_and_tells_a_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overview = {name: [0.2] * 3 for name in dashboard.MEASURES} | {"click": [0.4, 1.6], "model_first": []}
    viewers = {"count": 20, "refreshes": {"overview": [0.5, 0.7]}, "in_browser": [1.9], "cores": {"api": 0.25}}
    results = {"rows": 10**7, "repeats": 3, "made_at": "2026-11-30", "machine": {"cores": 2, "processor": "X"}}
    file, page = tmp_path / "ui.json", tmp_path / "benchmarks.md"
    file.write_text(json.dumps({**results, "pages": {"overview": overview}, "viewers": viewers}))
    page.write_text("# Benchmarks\n\nThe rest.\n")
    monkeypatch.setattr("sys.argv", ["draw", str(file), str(tmp_path)])
    for _ in range(2):  # the second time it replaces its section
        draw.main()
        written = page.read_text()
        assert written.startswith("# Benchmarks\n\nThe rest.\n\n## The dashboard\n")
        assert written.count("## The dashboard") == 1
    assert (
        "| Overview | **1.60 / 1.60** | no figure | 0.20 / 0.20 | 0.20 / 0.20 | 0.20 / 0.20 | 0.20 / 0.20 |" in written
    )
    assert "0.70 / 0.70" in written
    assert "**1.90 / 1.90**" in written


@pytest.mark.clickhouse
def test_both_engines_are_asked_and_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "drop_caches", lambda: False)  # other tests run beside this one
    monkeypatch.setattr(history, "QUIET", 0.5)
    out = tmp_path / "results.json"
    named = ["--only", "performance_30d", "week_model", "--data", str(tmp_path / "data"), "--out", str(out)]
    history.main(["--rows", "20000", "--calls", "2", "--profile", *named])
    told = capsys.readouterr().out
    assert "4 of 4 answers agreed" in told
    assert "llm_performance {" in told
    results = json.loads(out.read_text())
    (run,) = results["runs"]
    assert [question["name"] for question in run["questions"]] == ["performance_30d", "week_model"]
    for question in run["questions"]:
        assert len(question["warm"]) == len(question["busy"]) == len(question["clickhouse"]["warm"]) == 2
    assert min(run["bytes"].values()) > 100_000
    assert run["ingest_rows_per_second"] > 1_000
    assert not list(tmp_path.glob("data/*/work-*")), "the stores are removed"
    written = draw.page(results)
    assert "| One model by the hour, a week |" in written
    assert "4 of 4 answers agreed" in written
    pytest.importorskip("vl_convert")
    picture = draw.picture(results["runs"])
    assert picture.startswith("<svg")
    assert "One model by the hour, a week" in picture
    assert "prefers-color-scheme: dark" in picture
