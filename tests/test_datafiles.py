"""The two file formats: what they hold, and what a mistake in them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics.datafiles import Column, TokenGrant, load_folder, parse_datasource, parse_pipe
from metrics.errors import DefinitionError

SOURCE = """\
DESCRIPTION >
    One row per call

SCHEMA >
    `event_time` DateTime `json:$.event_time`,
    `model_name` String `json:$.model_name`,
    `cost` Float32 `json:$.cost`,
    `success` UInt8 `json:$.success`

ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(event_time)"
ENGINE_SORTING_KEY "event_time, model_name"
"""

PIPE = """\
DESCRIPTION >
    Spend by model

NODE llm_usage_by_model_node
SQL >
    SELECT
        model_name,
        sum(cost) AS total_cost
    FROM llm_events
    GROUP BY model_name

TYPE endpoint
"""


def datasource(text: str):
    return parse_datasource(text, Path("datasources/llm_events.datasource"))


def pipe(text: str):
    return parse_pipe(text, Path("endpoints/usage.pipe"))


def schema(columns: str):
    return datasource(f"SCHEMA >\n    {columns}\n").columns


def test_a_data_source() -> None:
    source = datasource(SOURCE)
    assert source.name == "llm_events"
    assert source.description == "One row per call"
    assert source.columns[0] == Column("event_time", "DateTime", "$.event_time", line=5)
    assert [column.type for column in source.columns] == ["DateTime", "String", "Float32", "UInt8"]
    assert source.engine.name == "MergeTree"
    assert source.engine.partition_key == "toYYYYMM(event_time)"
    assert source.engine.sorting_key == ("event_time", "model_name")


def test_a_pipe() -> None:
    endpoint = pipe(PIPE)
    assert (endpoint.name, endpoint.kind, endpoint.published) == ("usage", "endpoint", "llm_usage_by_model_node")
    assert endpoint.description == "Spend by model"
    assert endpoint.nodes[0].line == 6
    assert endpoint.nodes[0].sql.startswith("    SELECT\n        model_name,")
    assert endpoint.nodes[0].sql.endswith("GROUP BY model_name")


@pytest.mark.parametrize("before", ["\n", "\n\n", "    \n", "\t\n\n", "# a comment\n"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_blank_first_lines_and_line_ends(before: str, line_end: str) -> None:
    assert datasource((before + SOURCE).replace("\n", line_end)).columns[3].name == "success"
    assert pipe((before + PIPE).replace("\n", line_end)).kind == "endpoint"


def test_a_file_that_is_indented_as_a_whole() -> None:
    indented = "\n".join("    " + line for line in PIPE.split("\n"))
    assert pipe(indented).nodes[0].sql == pipe(PIPE).nodes[0].sql


def test_no_final_line_end() -> None:
    assert pipe(PIPE.rstrip()).kind == "endpoint"
    assert len(datasource("SCHEMA >\n    a String").columns) == 1


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("`a` String", Column("a", "String")),
        ("a String,", Column("a", "String")),
        ("a String `json:$.x.y` DEFAULT 'z'", Column("a", "String", "$.x.y", "'z'")),
        ("a String DEFAULT 'z, (' `json:$.x.y`", Column("a", "String", "$.x.y", "'z, ('")),
        ("a DateTime64(6) DEFAULT now64(6) CODEC(Delta(4), ZSTD(1))", None),
        ("a LowCardinality(Nullable(String)) `json:$.a`", Column("a", "LowCardinality(Nullable(String))", "$.a")),
        ("a Decimal(18,9)", Column("a", "Decimal(18,9)")),
        ("a Array(Map(String, String)) `json:$.messages[:]` DEFAULT []", None),
        ("a Array(String) `json:$.a[:].b`", Column("a", "Array(String)", "$.a[:].b")),
        ("a String `json:$`", Column("a", "String", "$")),
        ("a DateTime64(3, 'Europe/Madrid')", Column("a", "DateTime64(3, 'Europe/Madrid')")),
        ("a Enum8('x' = 1, 'y' = 2)", Column("a", "Enum8('x' = 1, 'y' = 2)")),
        ("a SimpleAggregateFunction(sum, UInt64)", None),
        ("a AggregateFunction(quantiles(0.5, 0.9), Float32)", None),
        ("a UInt32 DEFAULT b + 1", Column("a", "UInt32", None, "b + 1")),
        ("a String -- said, so\n", Column("a", "String")),
        ("a String DEFAULT codec_name(b)", Column("a", "String", None, "codec_name(b)")),
    ],
)
def test_columns(text: str, column: Column | None) -> None:
    found = schema(text)[0]
    if column:
        assert (found.name, found.type, found.jsonpath, found.default) == (
            column.name,
            column.type,
            column.jsonpath,
            column.default,
        )
    elif "CODEC" in text:
        assert (found.default, found.codec) == ("now64(6)", "Delta(4), ZSTD(1)")


def test_other_commands_of_a_data_source() -> None:
    source = datasource(
        'DESCRIPTION short\nTOKEN "my app" APPEND # why\nTOKEN r read\nTOKEN old CREATE\nTAGS "a=b, c=d"\n'
        "SCHEMA >\n  a UInt8, ver UInt64, `o.id` String\nENGINE ReplacingMergeTree\nENGINE_VER ver\n"
        "ENGINE_SORTING_KEY tuple()\n"
        'ENGINE_TTL ""\nSHARED_WITH >\n    other\nFORWARD_QUERY >\n    SELECT a, b\n'
    )
    assert source.description == "short"
    assert source.tokens == (TokenGrant("my app", "APPEND"), TokenGrant("r", "READ"), TokenGrant("old", "CREATE"))
    assert [column.name for column in source.columns] == ["a", "ver", "o.id"]
    assert source.tags == {"a": "b", "c": "d"}
    assert source.engine.options == {"ENGINE_VER": "ver"}
    assert source.engine.sorting_key == ()
    assert source.options["FORWARD_QUERY"] == "SELECT a, b"


def test_a_pipe_of_several_nodes() -> None:
    found = pipe(
        "TOKEN read_pipes READ\nNODE one\nDESCRIPTION >\n    The first\n    of two\nSQL >\n\n    %\n    SELECT 1\n"
        "# a remark\nNODE two\nSQL >\n    SELECT * FROM one\nTYPE COPY\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @on-demand\n"
    )
    assert [node.name for node in found.nodes] == ["one", "two"]
    assert found.nodes[0].description == "The first\nof two"
    assert (found.nodes[0].sql, found.nodes[0].line) == ("    %\n    SELECT 1", 8)
    assert (found.kind, found.options["TARGET_DATASOURCE"], found.published) == ("copy", "t", "two")
    assert found.tokens == (TokenGrant("read_pipes", "READ"),)


def test_a_key_may_name_a_column_that_a_connector_adds() -> None:
    source = datasource(
        "SCHEMA >\n  a UInt8\nENGINE ReplacingMergeTree\nENGINE_SORTING_KEY a\nENGINE_VER _timestamp\n"
        "IMPORT_TABLE_ARN 'arn:aws:dynamodb:eu-west-1:1:table/t'\n"
    )
    assert source.engine.options == {"ENGINE_VER": "_timestamp"}
    kafka = datasource("SCHEMA >\n  a UInt8\nENGINE_SORTING_KEY __timestamp, a\nKAFKA_TOPIC t\n")
    assert kafka.engine.sorting_key == ("__timestamp", "a")


def test_the_engine_of_a_target_may_stand_beside_the_node_that_writes_it() -> None:
    found = pipe(
        'NODE a\nSQL >\n  SELECT 1 AS x\nTYPE materialized\nDATASOURCE t\nENGINE "SummingMergeTree"\n'
        'ENGINE_SORTING_KEY "x"\n'
    )
    assert found.options == {"DATASOURCE": "t", "ENGINE": "SummingMergeTree", "ENGINE_SORTING_KEY": "x"}


def test_a_pipe_without_a_type_publishes_its_last_node() -> None:
    found = pipe("NODE a\nSQL >\n  SELECT 1\nNODE b\nSQL >\n  SELECT 2\n")
    assert (found.kind, found.published) == ("standard", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SCHEMA >\n    a String\n    b String\n", "llm_events.datasource:3:5: expected ','"),
        ("SCHEMA >\n    a Boolean\n", ":2:7: Boolean is not supported, use Bool or UInt8"),
        ("SCHEMA >\n    a DateTime64\n", "DateTime64 needs a precision"),
        ("SCHEMA >\n    a Strin\n", "expected a type such as String"),
        ("SCHEMA >\n    a Int\n", "Int needs a width"),
        ("SCHEMA >\n    a Array(Int\n", "expected ')' after the type of a"),
        ("SCHEMA >\n    a String NOT NULL\n", "NOT is not supported in a column"),
        ("SCHEMA >\n    a String MATERIALIZED 'x'\n", "MATERIALIZED is not supported"),
        ("SCHEMA >\n    a String `$.a`\n", "expected the JSON path of a"),
        ("SCHEMA >\n    a String `json:a`\n", "expected the JSON path of a"),
        ("SCHEMA >\n    a String DEFAULT\n", "expected an expression after DEFAULT of a"),
        ("SCHEMA >\n    a String DEFAULT 'x\n", "expected a closing '"),
        ("SCHEMA >\n    a String, a String\n", "declared twice"),
        ("SCHEMA >\n    INDEX x a TYPE minmax\n", "INDEX is not supported"),
        ("SCHEMA >\n    a String\n\nENGIN MergeTree\n", ":4: ENGIN is not a valid option in datasource files"),
        ("SCHEMA a String\n", ":1: SCHEMA expects a block"),
        ("SCHEMA >\nENGINE MergeTree\n", "SCHEMA expects at least one line"),
        ("    \nDESCRIPTION x\n", "expected a SCHEMA"),
        ("", "expected a SCHEMA"),
        ("SQL >\n    SELECT 1", ":1: SQL is not a valid option in datasource files"),
        ("DESCRIPTION x\n  y\n", ":2: expected a command at the start of the line"),
        ("SCHEMA >\n  a UInt8\nENGINE TinyLog\n", ":3: expected an engine out of MergeTree"),
        ("SCHEMA >\n  a UInt8\nENGINE CollapsingMergeTree\n", "needs ENGINE_SIGN"),
        ("SCHEMA >\n  a UInt8\nENGINE VersionedCollapsingMergeTree\nENGINE_SIGN a\n", "needs ENGINE_VERSION"),
        (
            "SCHEMA >\n  a UInt8\nENGINE MergeTree\nENGINE_VER a\n",
            ":4: ENGINE_VER is no option of the engine MergeTree",
        ),
        ("SCHEMA >\n  a UInt8\nENGINE SummingMergeTree\nENGINE_COLUMNS a, b\n", "names b, which is no column"),
        ("SCHEMA >\n  a UInt8\nTOKEN 'a/b' READ\n", ":3:7: the name of a token has"),
        ("\ufeffSCHEMA >\n  a UInt8\n", ":1: the file starts with a byte order mark"),
        ("SCHEMA >\n  a UInt8\nINCLUDE x\n", ":3: INCLUDE is not a valid option in datasource files, put the lines"),
        ('SCHEMA >\n  a UInt8\nENGINE_SORTING_KEY "a, b"\n', ":3: SORTING_KEY names b, which is no column"),
        ("SCHEMA >\n  a UInt8\nENGINE_SORTING_KEY toDate(b)\n", "SORTING_KEY names b"),
        ("SCHEMA >\n  a UInt8\nSETTINGS x\n", "use ENGINE_SETTINGS"),
        ("SCHEMA >\n  a UInt8\nTOKEN x WRITE\n", "TOKEN expects a name and READ or APPEND"),
        ("SCHEMA >\n  a UInt8\nSCHEMA >\n  b UInt8\n", ":4: SCHEMA is given twice"),
    ],
)
def test_mistakes_in_a_data_source(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        datasource(text)
    assert message in str(caught.value)
    assert caught.value.file == "datasources/llm_events.datasource"
    assert caught.value.line > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least one NODE"),
        ("SQL >\n  SELECT 1\n", ":2: expected a NODE before SQL"),
        ("TYPE endpoint\nNODE a\n", "expected a NODE before TYPE"),
        ("NODE a\nTYPE endpoint\n", "expected one SQL block in the node a, found 0"),
        ("NODE a\nSQL SELECT 1\n", ":2: SQL expects a block"),
        ("NODE usage\nSQL >\n  SELECT 1\n", "must not have the name of its pipe"),
        ("NODE a b\nSQL >\n  SELECT 1\n", "NODE expects a name"),
        ("NODE a\nSQL >\n  SELECT 1\nNODE a\nSQL >\n  SELECT 1\n", "two nodes named a"),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE endpont\n", ":4: TYPE expects one of endpoint"),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE endpoint\nNODE b\nSQL >\n  SELECT 1\nTYPE copy\n", "published already"),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE materialized\n", ":4: TYPE materialized needs DATASOURCE"),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE copy\n", ":4: TYPE copy needs TARGET_DATASOURCE"),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE sink\n", ":4: TYPE sink needs EXPORT_CONNECTION_NAME"),
        (
            "NODE a\nSQL >\n  SELECT 1\nTYPE endpoint\nDATASOURCE t\n",
            ":5: DATASOURCE is an option of TYPE materialized",
        ),
        ("NODE a\nSQL >\n  SELECT 1\nCOPY_MODE append\n", "COPY_MODE is an option of TYPE copy; this pipe is standard"),
        (
            "NODE a\nSQL >\n  SELECT 1\nTYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE daily\n",
            ":6:15: COPY_SCHEDULE cannot be 'daily'",
        ),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE copy\nTARGET_DATASOURCE t\nCOPY_MODE merge\n", "COPY_MODE cannot be 'merge'"),
        ("NODE a\nSQL >\n  SELECT 1\nTYPE sink\nEXPORT_TO x\n", ":5: EXPORT_TO is not a valid option in pipe files"),
        ("\ufeffNODE a\n", ":1: the file starts with a byte order mark"),
        ("SETTINGS x\n", "SETTINGS is not a valid option in pipe files"),
        ("NODE a\nNODE >\n", "NODE expects its value on the same line"),
        ("NODE a\nTOKEN x APPEND\nSQL >\n  SELECT 1\n", "TOKEN expects a name and READ"),
        ("INCLUDE x\n", "INCLUDE is not a valid option in pipe files, put the lines"),
    ],
)
def test_mistakes_in_a_pipe(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        pipe(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("endpoints/usage.pipe:")


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "datasources").mkdir()
    (tmp_path / "endpoints" / "deep").mkdir(parents=True)
    (tmp_path / "datasources" / "llm_events.datasource").write_text(SOURCE)
    (tmp_path / "endpoints" / "deep" / "usage.pipe").write_text(PIPE)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.pipe").write_text("not a pipe")
    project = load_folder(tmp_path)
    assert (list(project.datasources), list(project.pipes)) == (["llm_events"], ["usage"])


def test_mistakes_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="there is no folder"):
        load_folder(tmp_path / "none")
    (tmp_path / "usage.datasource").write_text(SOURCE)
    (tmp_path / "usage.pipe").write_text(PIPE)
    with pytest.raises(DefinitionError, match="the name usage is already that of"):
        load_folder(tmp_path)
    (tmp_path / "usage.pipe").write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionError, match="cannot be read as UTF-8"):
        load_folder(tmp_path)


def test_every_option_of_a_type() -> None:
    materialized = pipe("NODE a\nSQL >\n  SELECT 1\nTYPE materialized\nDATASOURCE t\nDEPLOYMENT_METHOD alter\n")
    assert materialized.options == {"DATASOURCE": "t", "DEPLOYMENT_METHOD": "alter"}
    copy = pipe(
        'NODE a\nSQL >\n  SELECT 1\ntype copy\nTARGET_DATASOURCE "t"\nCOPY_SCHEDULE "0 * * * *"\nCOPY_MODE replace\n'
        "ON_DEMAND_COMPUTE true\n"
    )
    assert (copy.kind, copy.options["COPY_SCHEDULE"], copy.options["TARGET_DATASOURCE"]) == ("copy", "0 * * * *", "t")
