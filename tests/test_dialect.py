"""The compiler's refusals: what it does not know, or must not let through, it names with its place."""

from __future__ import annotations

import re

import duckdb
import pytest

from metrics.dialect import MACROS, PipeQuery, compile_expression, compile_query
from metrics.dialect.rules import NoRule, arithmetic, supertype
from metrics.dialect.table import FUNCTIONS
from metrics.dialect.types import TypeTextError, parse_type
from metrics.errors import DefinitionError

TABLES = {
    "events": [
        ("model", "String"),
        ("cost", "Decimal(18, 9)"),
        ("n", "UInt32"),
        ("t", "DateTime"),
        ("a", "Array(String)"),
    ]
}


def refused(sql: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        compile_query(PipeQuery(sql, {}, "x.pipe", 10), TABLES)
    assert str(caught.value).startswith("x.pipe:")
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT\n  model,\n  histogramBy(10)(t, n = 1)\nFROM events", "x.pipe:12:15: the function histogramBy"),
        ("SELECT model\nFROM events\nWHERE nope = 1", "x.pipe:12:7: there is no column nope; there are model, cost"),
        ("SELECT * FROM nope", "x.pipe:10:15: there is no data source or pipe nope"),
        ("SELECT * FROM events FINAL", "FINAL on events needs the ClickHouse engine; on a data source of the engine"),
        ("SELECT count() FROM events SAMPLE 0.1", "needs the ClickHouse engine"),
        ("SELECT n FROM events ORDER BY n WITH FILL STEP -1", "the STEP of WITH FILL is above 0"),
        ("SELECT n FROM events ORDER BY n WITH FILL STEP 0.5", "the STEP of WITH FILL over UInt32 is a whole number"),
        ("SELECT n FROM events ORDER BY n WITH FILL TO model", "FROM and TO of WITH FILL are constants"),
        ("SELECT n FROM events ORDER BY n WITH FILL STEP INTERVAL 1 DAY", "expects a Date or DateTime, found UInt32"),
        ("SELECT model FROM events ORDER BY model WITH FILL", "WITH FILL of a column of type String"),
        ("SELECT model FROM events ORDER BY n WITH FILL", "ORDER BY names columns of the SELECT list"),
        ("SELECT n, t FROM events ORDER BY n WITH FILL, t WITH FILL", "WITH FILL of two columns"),
        ("SELECT n, t FROM events ORDER BY n WITH FILL INTERPOLATE (t AS t + 1)", "INTERPOLATE with an expression"),
        ("SELECT model FROM events ORDER BY model COLLATE 'en'", "COLLATE needs the ClickHouse engine"),
        ("SELECT n FROM events ORDER BY 3", "there is no column 3 in the SELECT list"),
        ("SELECT n, model FROM events GROUP BY model", "x.pipe:10:8: the column n is neither a key of GROUP BY nor in"),
        ("SELECT count(), lower(model) FROM events", "the column model is neither a key"),
        ("SELECT count() FROM events GROUP BY n HAVING model = ''", "the column model is neither a key"),
        ("SELECT n FROM events WHERE sum(n) > 1", "an aggregate cannot stand in WHERE"),
        ("SELECT * REPLACE (1 AS nope) FROM events", "REPLACE: there is no column nope"),
        ("SELECT * APPLY(nope) FROM events", "the function nope is not supported here"),
        ("SELECT COLUMNS('(') FROM events", "the pattern '(' is not valid"),
        ("SELECT x.* FROM events", "there is nothing named x in FROM"),
        ("SELECT DISTINCT n FROM events LIMIT 1 BY n", "LIMIT BY with DISTINCT"),
        ("SELECT x FROM events ARRAY JOIN n AS x", "ARRAY JOIN expects an array, found n"),
        ("SELECT arrayJoin(groupArray(n)) FROM events", "arrayJoin after GROUP BY"),
        ("SELECT sum(n) OVER (ORDER BY model RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM events", "RANGE with an"),
        ("SELECT sum(n) OVER w FROM events", "there is no window w"),
        ("WITH x(a, b) AS (SELECT 1) SELECT a FROM x", "2 names for 1 columns"),
        ("WITH RECURSIVE x AS (SELECT 1 AS a) SELECT a FROM x", "WITH RECURSIVE needs"),
        ("SELECT * FROM values('a UInt8', (1, 2))", "values expects rows of 1 values, found 2"),
        ("SELECT * FROM system.numbers", "there is no data source system.numbers"),
        ("SELECT count() FROM events GROUP BY n WITH TOTALS", "TOTALS needs the ClickHouse engine"),
        ("SELECT n FROM events LIMIT 1 WITH TIES", "WITH TIES"),
        ("SELECT n FROM events PASTE JOIN events AS b", "PASTE JOIN needs the ClickHouse engine"),
        ("SELECT n FROM events ANY FULL JOIN events AS b USING n", "ANY JOIN needs the ClickHouse engine"),
        ("SELECT n FROM events AS a ANY LEFT JOIN events AS b ON a.n > b.n", "ANY JOIN expects equalities"),
        ("SELECT n FROM events AS a ASOF JOIN events AS b ON a.n = b.n", "ASOF JOIN expects"),
        ("SELECT n FROM events AS a LEFT JOIN events AS b", "LEFT JOIN needs ON or USING"),
        ("SELECT n FROM events AS a JOIN events AS b USING nope", "USING (nope): expected a column of that name"),
        ("SELECT a.n FROM events AS a JOIN (SELECT 'x' AS n) AS b USING n", "there is no common type"),
        ("SELECT n FROM events SETTINGS joined_subquery_requires_alias = 0", "SETTINGS joined_subquery"),
        ("SELECT n FROM events UNION ALL SELECT 1 SETTINGS union_default_mode = 'ALL'", "SETTINGS union_default_mode"),
        ("SELECT n FROM events FORMAT JSON", "FORMAT needs"),
        ("SELECT sumState(n) AS s FROM events", "the column s of type AggregateFunction(sum, UInt32) is a state"),
        ("SELECT sumMerge(n) FROM events", "expects a column of type AggregateFunction(sum, ...), found UInt32"),
        (
            "SELECT avgMerge(s) FROM (SELECT sumState(n) AS s FROM events)",
            "expects a state of avg, found Agg",
        ),
        ("SELECT avgSimpleState(n) FROM events", "a SimpleAggregateFunction is one of sum, "),
        ("SELECT sumResample(0, 9, 1)(n, n) FROM events", "the combinator -Resample needs the ClickHouse engine"),
        ("SELECT sumArray(n) FROM events", "sum: the combinator expects Array arguments, found UInt32"),
        ("SELECT corrArray(a, a) FROM events", "corr of String needs the ClickHouse engine"),
        ("SELECT avgWeighted(cost, n) FROM events", "avgWeighted of a Decimal needs the ClickHouse engine"),
        ("SELECT quantileTDigest(0.5)(cost) FROM events", "quantileTDigest of a Decimal needs the ClickHouse engine"),
        ("SELECT quantileExactExclusive(1)(n) FROM events", "expects a level between 0 and 1"),
        ("SELECT topK(0)(n) FROM events", "topK expects a size of 1 or more, found 0"),
        ("SELECT sequenceMatch('(?1)(?t>5)(?2)')(t, n, n) FROM events", "(?t>5) in a pattern needs the ClickHouse"),
        ("SELECT windowFunnel(10, 'strict_order')(t, n, n) FROM events", "windowFunnel in the mode 'strict_order'"),
        ("SELECT leadInFrame(n) OVER (ORDER BY n) FROM events", "leadInFrame expects a frame of ROWS, such as"),
        ("SELECT anyHeavy(n) FROM events", "anyHeavy needs the ClickHouse engine"),
        ("SELECT histogram(5)(n) FROM events", "histogram needs the ClickHouse engine"),
        ("SELECT model + 1 FROM events", "plus of String and UInt8"),
        ("SELECT model > 1 FROM events", "cannot compare model of type String"),
        ("SELECT if(n, 1, 2) FROM events", "expects a condition of type UInt8, found UInt32"),
        ("SELECT if(n = 1, n, 'x') FROM events", "there is no common type of UInt32 and String"),
        ("SELECT if(n = 1, toInt64(1), 1.5) FROM events", "there is no common type of Int64 and Float64"),
        ("SELECT n, n + 1 AS n2, n AS n2 FROM events", "two columns are named n2"),
        ("SELECT toStartOfHour(t, 'Mars/Base') FROM events", "there is no time zone 'Mars/Base'"),
        ("SELECT formatDateTime(t, '%E') FROM events", "formatDateTime: %E needs the ClickHouse engine"),
        ("SELECT sum(n, n) FROM events", "sum expects 1 argument, found 2"),
        ("SELECT quantile(2)(n) FROM events", "expects a level from 0 to 1"),
        ("SELECT n FROM events UNION ALL SELECT n, t FROM events", "UNION ALL of queries with 1 and 2 columns"),
        ("SELECT n FROM events LIMIT n", "LIMIT and OFFSET expect a whole number"),
        ("SELECT n FROM events WHERE model", "expected a condition, found model of type String"),
        ("SELECT e.n FROM events", "FROM has no e"),
        ("SELECT n FROM events WHERE n IN (SELECT n, t FROM events)", "IN expects a subquery with one column"),
        ("SELECT row_number() FROM events", "is a window function and needs OVER"),
        ("SELECT lower(model) OVER () FROM events", "lower is no aggregate function"),
        ("SELECT cityHash64(model) FROM events", "its hashes are ClickHouse's own"),
        ("SELECT runningDifference(n) FROM events", "a window function such as lagInFrame() does not"),
        ("SELECT hostName()", "a query tells nothing of the machine it runs on"),
        ("SELECT dictGet('d', 'a', n) FROM events", "a JOIN does not"),
        ("SELECT n FROM", "SQL syntax"),
        ("SELECT (n FROM events", "SQL syntax"),
        ("SELECT 'n FROM events", "SQL syntax"),
        ("SELECT n FROM events; SELECT 1", "expected one SELECT statement"),
        ("", "expected one SELECT statement"),
    ],
)
def test_refusals(sql: str, message: str) -> None:
    assert message in refused(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "CREATE TABLE x AS SELECT 1",
        "ATTACH '/tmp/x.db'",
        "COPY events TO '/tmp/x'",
        "PRAGMA database_list",
        "SET memory_limit = '1GB'",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM `data.parquet`",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('x')",
        "SELECT * FROM file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1/')",
        "SELECT * FROM s3('http://127.0.0.1/')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_tables",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM system.tables",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pg_catalog.pg_tables",
        "SELECT * FROM perch_tokens",
        "SELECT * FROM main.events",
        "SELECT * FROM merge('.*')",
        "SELECT * FROM remote('127.0.0.1', events)",
        "SELECT read_text('/etc/passwd')",
        "SELECT getenv('HOME')",
        "SELECT current_setting('memory_limit')",
        "SELECT query('SELECT 1')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('events')",
        "SELECT ch_local(t, 'UTC') FROM events",
        "SELECT error('x')",
        "SELECT nextval('x')",
        "SELECT model FROM events WHERE EXISTS (SELECT * FROM read_csv('/etc/passwd'))",
        "WITH x AS (SELECT * FROM duckdb_settings()) SELECT * FROM x",
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT * FROM events PIVOT (sum(n) FOR model IN ('a'))",
        "DESCRIBE events",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "SELECT * FROM events INTO OUTFILE '/tmp/x'",
        "SELECT dictGet('d', 'a', 1)",
        "SELECT sleep(3)",
        "SELECT $1",
        "SELECT ?",
        "SELECT @@version",
        "SELECT {p0:Identifier} FROM events",
        "SELECT * FROM {p0:Identifier}",
        "SELECT {p0; DROP TABLE events:String}",
    ],
)
def test_nothing_but_the_given_tables(sql: str) -> None:
    refused(sql)


@pytest.mark.parametrize(
    "text", ["x' OR '1' = '1", "\\' OR 1 = 1 --", "'; DROP TABLE events; --", "\x00", "$p0", "a\\"]
)
def test_a_literal_stays_a_literal(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    connection = duckdb.connect()
    assert connection.execute(compile_query(f"SELECT '{escaped}' AS x", {}).sql).fetchone() == (text,)


def test_what_a_query_reads() -> None:
    compiled = compile_query("WITH x AS (SELECT n FROM events) SELECT * FROM x WHERE n IN (SELECT 1)", TABLES)
    assert compiled.tables == {"events"}
    assert compiled.columns == (("n", "UInt32"),)


def test_what_the_clock_or_chance_changes_is_known() -> None:
    """Held to DuckDB's own word on its functions and on the macros over them, for all that need no argument."""
    connection = duckdb.connect()
    connection.execute(MACROS)
    unstable = {
        name
        for (name,) in connection.execute(
            "SELECT function_name FROM duckdb_functions() WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
    }
    macros = connection.execute(
        "SELECT function_name, macro_definition FROM duckdb_functions() WHERE function_name LIKE 'ch\\_%' ESCAPE '\\'"
    ).fetchall()

    def calls(sql: str) -> set[str]:
        return set(re.findall(r"(\w+)\(", sql))

    unstable |= {name for name, definition in macros if calls(definition) & unstable}
    changing = set()
    for name, function in FUNCTIONS.items():
        if function.least == 0 and not function.aggregate:
            compiled = compile_query(f"SELECT {name}() AS x", {})
            assert compiled.volatile == bool(calls(compiled.sql) & unstable), name
            changing |= {name} if compiled.volatile else set()
    assert {"now", "today", "rand"} <= changing


def test_only_the_values_that_the_statement_reads_are_bound() -> None:
    nodes = {"unread": "SELECT n FROM events WHERE n > {n0_0:Int32}"}
    compiled = compile_query(PipeQuery("SELECT n FROM events WHERE n > {n1_0:Int32}", nodes), TABLES)
    assert compiled.bound({"n0_0": 5, "n1_0": 7, "n1_01": 9}) == {"n1_0": 7}


def test_nodes_are_read_by_name_and_errors_name_their_line() -> None:
    nodes = {"first": "SELECT n FROM events", "second": "SELECT n * 2 AS t2 FROM first"}
    compiled = compile_query(PipeQuery("SELECT t2 FROM second", nodes), TABLES)
    assert compiled.columns == (("t2", "UInt64"),)
    with pytest.raises(DefinitionError, match=r"x\.pipe:8:2: there is no column nope"):
        compile_query(
            PipeQuery("SELECT n FROM first", {"first": ("SELECT n,\n nope FROM events", 7)}, "x.pipe", 20), TABLES
        )


def test_what_sums_up_rows_is_run_once_for_all_that_read_it() -> None:
    nodes = {
        "plain": "SELECT n FROM events WHERE n > 1",
        "summed": "SELECT n, count() AS c FROM plain GROUP BY n",
        "over": "SELECT n, c FROM summed",
    }
    sql = "SELECT a.n AS n FROM over AS a JOIN over AS b ON a.n = b.n JOIN plain AS p ON p.n = a.n LIMIT 1"
    compiled = compile_query(PipeQuery(sql, nodes), TABLES)
    assert compiled.sql.count("count(*)") == 1
    assert compiled.sql.count("MATERIALIZED") == 1
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        connection.execute("CREATE TABLE events (n UINTEGER)")
        connection.execute("INSERT INTO events VALUES (1), (2), (2), (3)")
        assert connection.execute(compiled.sql).fetchall() in ([(2,)], [(3,)])
        assert connection.execute(compiled.counting().sql).fetchall() == [(3,)]
    assert "MATERIALIZED" not in compile_query(PipeQuery(sql, nodes), TABLES, stored=True).sql


def test_a_zone_from_a_parameter_is_in_the_type() -> None:
    compiled = compile_query("SELECT toStartOfHour(t, {p0:String}) AS h FROM events", TABLES)
    assert compiled.described({"p0": "Europe/Madrid"}) == (("h", "DateTime('Europe/Madrid')"),)


@pytest.mark.parametrize(
    ("expression", "type_", "expected"),
    [
        ("n + 1", "UInt32", 6),
        ("''", "String", ""),
        ("0", "Float32", 0.0),
        ("[]", "Array(String)", []),
        ("false", "Bool", False),
        ("concat(model, '!')", "String", "m!"),
        ("NULL", "Nullable(String)", None),
        ("toYYYYMM(toDate('2025-02-03'))", "UInt32", 202502),
    ],
)
def test_expressions(expression: str, type_: str, expected: object) -> None:
    connection = duckdb.connect()
    connection.execute(MACROS)
    connection.execute("CREATE TABLE x AS SELECT 'm' AS model, CAST(5 AS UINTEGER) AS n")
    sql = compile_expression(expression, [("model", "String"), ("n", "UInt32")], type_)
    assert connection.execute(f"SELECT {sql} FROM x").fetchone() == (expected,)


@pytest.mark.parametrize(
    "expression", ["", "1, 2", "n; DROP TABLE x", "SELECT 1", "nope", "1 FROM events", "1 WHERE 1"]
)
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(DefinitionError):
        compile_expression(expression, [("n", "UInt32")])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Nullable( Decimal(18,9) )", "Nullable(Decimal(18, 9))"),
        ("Decimal64(4)", "Decimal(18, 4)"),
        ("Array(LowCardinality(Nullable(String)))", "Array(LowCardinality(Nullable(String)))"),
        ("Map(String, Array(UInt8))", "Map(String, Array(UInt8))"),
        ("DateTime64(3,'UTC')", "DateTime64(3, 'UTC')"),
        ("Tuple(a String, b UInt8)", "Tuple(a String, b UInt8)"),
        ("Enum8('a'=1,'b'=2)", "Enum8('a' = 1, 'b' = 2)"),
    ],
)
def test_types(text: str, written: str) -> None:
    assert str(parse_type(text)) == written


@pytest.mark.parametrize(
    "text", ["", "Strng", "Array", "Array(", "Decimal(1,2,3)", "Nullable()", "String x", "DateTime64"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(TypeTextError):
        parse_type(text)


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("plus", "UInt8", "UInt8", "UInt16"),
        ("plus", "UInt32", "Int64", "Int64"),
        ("minus", "UInt64", "UInt64", "Int64"),
        ("multiply", "Float32", "UInt8", "Float64"),
        ("divide", "UInt8", "UInt8", "Float64"),
        ("intDiv", "UInt32", "Int8", "Int32"),
        ("plus", "Decimal(18, 9)", "UInt8", "Decimal(18, 9)"),
        ("multiply", "Decimal(18, 9)", "Decimal(18, 4)", "Decimal(18, 13)"),
    ],
)
def test_arithmetic_types(operator: str, left: str, right: str, expected: str) -> None:
    assert str(arithmetic(operator, parse_type(left), parse_type(right))) == expected


def test_types_without_a_common_one() -> None:
    for left, right in (("UInt64", "Int8"), ("String", "UInt8"), ("Decimal(18, 9)", "Float64"), ("Int64", "Float64")):
        with pytest.raises(NoRule):
            supertype([parse_type(left), parse_type(right)])
