"""SQL of people who hold a token with few scopes: what they may read, what they may use, and what they try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.conftest import Perch, make_settings, running

SECRET = "hunter2"

FILES = {
    "open.datasource": """SCHEMA >
  `at` DateTime `json:$.at`, `name` String `json:$.name`, `n` Int32 `json:$.n`
ENGINE MergeTree
ENGINE_SORTING_KEY at
""",
    "payroll.datasource": """SCHEMA >
  `at` DateTime `json:$.at`, `org` String `json:$.org`, `pay` String `json:$.pay`
ENGINE MergeTree
ENGINE_SORTING_KEY at
""",
    "acme_pay.pipe": """NODE inner_node
SQL >
  %
  SELECT org, pay FROM payroll WHERE org = {{String(org, 'acme')}}
NODE outer_node
SQL >
  SELECT org, pay, length(pay) AS digits FROM inner_node
TYPE endpoint
""",
    "days.pipe": """NODE days_node
SQL >
  %
  SELECT toStartOfDay(at, {{String(zone, 'UTC')}}) AS day, count() AS c FROM open GROUP BY day ORDER BY day
TYPE endpoint
""",
    "all_pay.pipe": """NODE all_pay_node
SQL >
  SELECT org, pay FROM payroll
TYPE endpoint
""",
}


@dataclass
class Place:
    """A server with a data source that the stranger may read, one that it may not, and a pipe over that one."""

    perch: Perch
    stranger: str
    writer: str

    def ask(self, sql: str, token: str | None = None, **params: object) -> requests.Response:
        """POST the SELECT, as the stranger unless told otherwise."""
        token = self.stranger if token is None else token
        return self.perch.request(
            "POST", "/v0/sql", token=token, data=sql.encode("utf-8", "surrogatepass"), params=params
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The server, with a row in every table."""
    folder: Path = tmp_path_factory.mktemp("strangers")
    (folder / "project").mkdir()
    for name, text in FILES.items():
        (folder / "project" / name).write_text(text)
    with running(make_settings(folder, project=folder / "project", query_timeout="2s")) as perch:
        rows = [{"at": f"2026-01-0{day} 12:00:00", "name": f"name{day}", "n": day} for day in (1, 2, 3)]
        assert perch.post_events("open", [*rows, {"at": "no time", "name": "bad"}]).json()["quarantined_rows"] == 1
        paid = [("acme", "100"), ("acme", "250"), ("other", SECRET)]
        sent = [{"at": "2026-01-01 00:00:00", "org": org, "pay": pay} for org, pay in paid]
        assert perch.post_events("payroll", [*sent, {"at": SECRET}]).json()["successful_rows"] == 3
        stranger = perch.create_token("stranger", "DATASOURCES:READ:open", "PIPES:READ:acme_pay", "PIPES:READ:days")
        yield Place(perch, stranger, perch.create_token("writer", "DATASOURCES:APPEND:open"))


def test_a_token_reads_its_data_sources_and_their_quarantines(place: Place) -> None:
    assert place.ask("SELECT sum(n) AS n FROM open").json()["data"] == [{"n": 6}]
    assert place.ask("SELECT name FROM open_quarantine").json()["data"] == [{"name": "bad"}]
    joined = "SELECT a.name, q.name AS bad FROM open AS a CROSS JOIN open_quarantine AS q WHERE a.n = 2"
    assert place.ask(joined).json()["data"] == [{"name": "name2", "bad": "bad"}]
    found = place.perch.get("/v0/sql", token=place.stranger, q="SELECT count() AS c FROM open FORMAT JSONEachRow")
    assert found.text.strip() == '{"c":3}'


def test_a_pipe_is_a_table_for_those_who_may_read_it_and_not_what_it_reads(place: Place) -> None:
    answer = place.ask("SELECT org, sum(toInt32(pay)) AS pay FROM acme_pay GROUP BY org")
    assert answer.json()["data"] == [{"org": "acme", "pay": 350}]
    for hidden in ("payroll", "payroll_quarantine", "all_pay", "inner_node", "outer_node"):
        answer = place.ask(f"SELECT * FROM {hidden}")
        assert answer.status_code == 400
        assert answer.json()["error"] == (
            f"The SQL cannot be run: line 1, column 15: there is no data source or pipe {hidden}; "
            "there are: acme_pay, days, open, open_quarantine"
        )
    twice = "acme_pay AS a JOIN acme_pay AS b ON a.pay = b.pay WHERE a.pay IN (SELECT pay FROM acme_pay)"
    assert place.ask(f"SELECT count() AS c FROM {twice}").json()["data"] == [{"c": 2}]


def test_a_pipe_as_a_table_takes_the_parameters_of_the_request(place: Place) -> None:
    both = "SELECT (SELECT count() FROM acme_pay) AS rows, min(day) AS day FROM days"
    assert place.ask(both).json()["data"] == [{"rows": 2, "day": "2026-01-01 00:00:00"}]
    shifted = place.ask(both, org="nobody", zone="Asia/Tokyo").json()["data"]
    assert shifted == [{"rows": 0, "day": "2026-01-01 00:00:00"}]
    days = place.ask("SELECT day, c FROM days ORDER BY day LIMIT 1", zone="America/New_York")
    assert days.json()["meta"][0]["type"] == "DateTime('America/New_York')"
    assert days.json()["data"] == place.perch.pipe("days", zone="America/New_York")[:1]


def test_q_over_an_endpoint_reads_no_more_than_the_token_may(place: Place) -> None:
    path = "/v0/pipes/acme_pay.json"
    assert place.perch.get(path, token=place.stranger, q="SELECT count() AS c FROM _").json()["data"] == [{"c": 2}]
    for hidden in ("open", "payroll", "all_pay", "inner_node"):
        answer = place.perch.get(path, token=place.stranger, q=f"SELECT * FROM {hidden}")
        assert answer.status_code == 400
        assert "there is no data source or pipe" in answer.json()["error"]
    pipeline = place.perch.get("/v0/sql", token=place.stranger, q="SELECT * FROM _", pipeline="all_pay")
    assert pipeline.status_code == 403


def test_a_token_that_may_read_nothing_is_refused(place: Place) -> None:
    answer = place.ask("SELECT 1", token=place.writer)
    assert answer.status_code == 403
    assert "lacks a scope DATASOURCES:READ" in answer.json()["error"]
    assert place.ask("SELECT 1", token="").status_code == 403


def test_the_admin_reads_everything(place: Place) -> None:
    rows = place.ask("SELECT pay FROM payroll UNION ALL SELECT pay FROM all_pay", token=place.perch.admin_token).json()
    assert sorted(row["pay"] for row in rows["data"]) == sorted(2 * ["100", "250", SECRET])
