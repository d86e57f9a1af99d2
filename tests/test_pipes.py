"""Pipes that read pipes, the kinds of pipes, and what each answers to a call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metrics.checking import check
from metrics.errors import DefinitionError
from tests.conftest import Json, Perch

SOURCE = """\
SCHEMA >
    `at` DateTime `json:$.at`,
    `model` LowCardinality(String) `json:$.model`,
    `tokens` UInt32 `json:$.tokens`,
    `cost` Nullable(Decimal(18, 9)) `json:$.cost`

ENGINE_PARTITION_KEY "toYYYYMM(at)"
ENGINE_SORTING_KEY "at, model"
"""
DAILY = """\
SCHEMA >
    `day` Date `json:$.day`,
    `model` String `json:$.model`,
    `tokens` UInt64 `json:$.tokens`,
    `note` Nullable(String) `json:$.note`

ENGINE SummingMergeTree
ENGINE_SORTING_KEY "day, model"
"""
RECENT = """\
NODE filtered
SQL >
    %
    SELECT * FROM calls WHERE tokens >= {{UInt32(least, 0, description='Fewest tokens')}}
    {% if defined(model) %} AND model IN {{Array(model, 'String', description='Models')}} {% end %}

NODE answered
SQL >
    SELECT at, model, tokens FROM filtered
"""
BY_MODEL = """\
NODE unused
SQL >
    SELECT 1 AS one

NODE filtered
SQL >
    SELECT model, sum(tokens) AS total FROM recent GROUP BY model

NODE ranked
SQL >
    %
    SELECT model, total, (SELECT count() FROM recent) AS calls
    FROM filtered
    {% if defined(model) %} WHERE model != 'never' {% end %}
    ORDER BY total DESC, model LIMIT {{Int32(most, 10, description='Most rows')}}

TYPE endpoint
"""
TOP = """\
NODE first
SQL >
    SELECT m.model AS model, m.total AS total FROM by_model AS m JOIN recent AS r ON r.model = m.model
    GROUP BY model, total ORDER BY total DESC LIMIT 1
TYPE endpoint
"""
ROWS: list[Json] = [
    {"at": "2026-01-01 00:00:00", "model": model, "tokens": tokens}
    for model, tokens in (("a", 1), ("a", 20), ("b", 300), ("c", 4))
]


def write(folder: Path, **pipes: str) -> Path:
    """A project of two data sources and these pipes."""
    folder.mkdir()
    (folder / "calls.datasource").write_text(SOURCE)
    (folder / "daily.datasource").write_text(DAILY)
    for name, text in pipes.items():
        (folder / f"{name}.pipe").write_text(text)
    return folder


def node(sql: str, kind: str = "") -> str:
    """A pipe of one node."""
    return f"NODE only\nSQL >\n    {sql}\n{kind}\n"


@pytest.fixture
def serve(tmp_path: Path, start_perch: Callable[..., Perch]) -> Callable[..., Perch]:
    """A function that starts a server with four calls in it and these pipes."""

    def started(**pipes: str) -> Perch:
        server = start_perch(project=write(tmp_path / "project", **pipes))
        assert server.post_events("calls", ROWS).json()["successful_rows"] == len(ROWS)
        return server

    return started


def test_a_pipe_reads_another_pipe_and_takes_its_parameters(serve: Callable[..., Perch]) -> None:
    server = serve(recent=RECENT, by_model=BY_MODEL, top=TOP)
    assert server.pipe("by_model") == [
        {"model": "b", "total": 300, "calls": 4},
        {"model": "a", "total": 21, "calls": 4},
        {"model": "c", "total": 4, "calls": 4},
    ]
    assert server.pipe("by_model", least=20, most=1) == [{"model": "b", "total": 300, "calls": 2}]
    assert [row["model"] for row in server.pipe("by_model", model="a,c")] == ["a", "c"]
    assert server.pipe("top", model="c") == [{"model": "c", "total": 4}]
    refused = server.get("/v0/pipes/top.json", least="few")
    assert (refused.status_code, refused.json()["error"]) == (
        400, "Template Syntax Error: Error validating 'few' to type UInt32 in the parameter least"
    )  # fmt: skip
    described = server.get("/v0/pipes/top").json()
    assert {item["name"]: item["type"] for item in described["parameters"]} == {
        "least": "UInt32", "model": "Array(String)", "most": "Int32"
    }  # fmt: skip
    assert server.sql("SELECT total FROM by_model WHERE model = 'c' UNION ALL SELECT count() FROM recent") == [
        {"total": 4}, {"total": 4}
    ]  # fmt: skip


def test_a_token_for_one_pipe_reads_no_other_by_name(serve: Callable[..., Perch]) -> None:
    server = serve(recent=RECENT, by_model=BY_MODEL, top=TOP)
    secret = server.create_token("report", "PIPES:READ:by_model")
    assert server.get("/v0/pipes/by_model.json", token=secret).status_code == 200
    assert server.get("/v0/pipes/top.json", token=secret).status_code == 403
    assert [item["name"] for item in server.get("/v0/pipes", token=secret).json()["pipes"]] == ["by_model"]
    over = server.get("/v0/pipes/by_model.json", token=secret, q="SELECT max(total) AS most FROM _")
    assert over.json()["data"] == [{"most": 300}]
    for other in ("recent", "calls", "filtered", "calls_quarantine"):
        hidden = server.get("/v0/pipes/by_model.json", token=secret, q=f"SELECT count() FROM {other} JOIN _ ON 1")
        assert hidden.status_code == 400
        assert f"there is no data source or pipe {other}" in hidden.json()["error"]


def test_only_an_endpoint_answers_calls(serve: Callable[..., Perch]) -> None:
    server = serve(
        recent=RECENT,
        fill=node("SELECT toDate(at) AS day, model, sum(tokens) AS tokens FROM calls GROUP BY day, model",
                  "TYPE MATERIALIZED\nDATASOURCE daily"),
        copied=node("SELECT toDate(at) AS day, model, toUInt64(tokens) AS tokens FROM calls",
                    "TYPE copy\nTARGET_DATASOURCE daily\nCOPY_SCHEDULE 0 * * * *\nCOPY_MODE replace"),
        written=node("SELECT * FROM calls", "TYPE sink\nEXPORT_CONNECTION_NAME s3\nEXPORT_SCHEDULE @on-demand\n"
                     "EXPORT_BUCKET_URI s3://x/y\nEXPORT_FILE_TEMPLATE z\nEXPORT_FORMAT csv"),
    )  # fmt: skip
    for name, says in {
        "recent": "Pipe 'recent' is not published; add TYPE endpoint to the node that it should answer.",
        "fill": "Pipe 'fill' is a materialized pipe, which fills the data source daily; ",
        "copied": "Pipe 'copied' is a copy pipe, which fills the data source daily; ",
        "written": "Pipe 'written' is a sink, which writes elsewhere; ",
        "nothing": "Pipe 'nothing' does not exist; there are: copied, fill, recent, written.",
    }.items():
        answer = server.get(f"/v0/pipes/{name}.json")
        assert answer.status_code == 404
        assert answer.json()["error"].startswith(says)
    listed = {item["name"]: (item["type"], item["endpoint"]) for item in server.get("/v0/pipes").json()["pipes"]}
    assert listed == {
        "recent": ("default", None), "fill": ("materialized", None), "copied": ("copy", None), "written": ("sink", None)
    }  # fmt: skip
    assert server.sql("SELECT count() AS n FROM recent") == [{"n": 4}]


DOUBLING = "NODE n0\nSQL >\n    SELECT 1 AS i\n" + "".join(
    f"NODE n{at + 1}\nSQL >\n    SELECT x.i AS i FROM n{at} x JOIN n{at} y ON x.i = y.i\n" for at in range(25)
)


@pytest.mark.parametrize(
    ("pipes", "message"),
    [
        ({"a": node("SELECT * FROM a")}, "a.pipe: a pipe cannot read itself: a reads a"),
        (
            {"a": node("SELECT * FROM b"), "b": node("SELECT * FROM c"), "c": node("SELECT * FROM a")},
            "a pipe cannot read itself: b reads c reads a reads b",
        ),
        ({"a": node("SELECT * FROM b"), "b": node("SELECT nope FROM calls")}, "b.pipe:3:12: there is no column nope"),
        ({"a": node("SELECT * FROM missing")}, "a.pipe:3:19: there is no data source or pipe missing"),
        ({"a": BY_MODEL.replace("1 AS one", "nope"), "recent": RECENT}, "a.pipe:3:12: there is no column nope"),
        ({"a": "NODE x\nSQL >\n    SELECT * FROM y\nNODE y\nSQL >\n    SELECT 1 AS one"}, "no data source or pipe y"),
        ({"a": node("%SELECT {{Int32(q)}}")}, "a.pipe: a parameter cannot be named q"),
        ({"a": node("%SELECT {{Int32(n)}} AS n FROM nowhere")}, "a.pipe:3:36: there is no data source or pipe nowhere"),
        ({"a": DOUBLING}, "the query has over 2,000,000 characters"),
        (
            {"a": node("SELECT toDate(at) AS day FROM calls", "TYPE materialized\nDATASOURCE daily")},
            "the data source daily needs the column model, String without a DEFAULT",
        ),
        (
            {"a": node("SELECT at AS day FROM calls", "TYPE materialized\nDATASOURCE daily")},
            "the column day is DateTime here and Date in the data source daily",
        ),
        (
            {"a": node("SELECT cost FROM calls", "TYPE copy\nTARGET_DATASOURCE daily")},
            "a.pipe:3:12: the data source daily has no column cost",
        ),
        ({"a": node("SELECT 1 AS x", "TYPE materialized\nDATASOURCE none")}, "names none, which is no data source"),
    ],
)  # fmt: skip
def test_what_is_refused_when_it_is_loaded(tmp_path: Path, pipes: dict[str, str], message: str) -> None:
    problems = check(write(tmp_path / "project", **pipes)).of("error")
    found = [":".join(str(part) for part in (each.path.name, each.line, each.column, " " + each.message) if part)
             for each in problems]  # fmt: skip
    assert any(message in sentence for sentence in found), found


def test_a_wrong_pipe_stops_the_start(tmp_path: Path, start_perch: Callable[..., Perch]) -> None:
    with pytest.raises(DefinitionError, match="a pipe cannot read itself"):
        start_perch(project=write(tmp_path / "project", a=node("SELECT * FROM a")))
