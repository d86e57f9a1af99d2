"""Every page against a running Perch, as Streamlit draws it, without a browser: numbers, filters and states."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrics.dashboard import format as fmt
from metrics.settings import Settings
from tests.conftest import ROOT, Open, Perch, free_port, running
from tests.viewing import event, figures, words

CHARTS = {"overview": 2, "usage": 6, "performance": 5, "errors": 3, "models": 6, "events": 1, "data": 0}
CARDS = {"overview": 8, "usage": 8, "performance": 6, "errors": 6, "models": 0, "events": 0, "data": 6}
PAGES = list(CHARTS)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_draws_every_panel(loaded: Perch, open_page: Open, page: str) -> None:
    app = open_page(loaded.url, loaded.admin_token, page, range="all")
    assert app.title[0].value == page.capitalize()
    assert not app.error, [error.value for error in app.error]
    streamed = any(row["p50_ttft"] is not None for row in loaded.pipe("llm_performance"))
    first_token = page == "performance" and streamed  # a chart of its own, which real traffic does not have
    assert len(app.get("vega_lite_chart")) == CHARTS[page] + first_token
    assert len(figures(app)) == CARDS[page]
    assert loaded.admin_token not in words(app)


def test_the_figures_are_those_of_the_api(loaded: Perch, open_page: Open) -> None:
    totals = loaded.pipe("llm_totals")[0]
    overview = figures(open_page(loaded.url, loaded.admin_token, range="all"))
    assert overview["Spend"] == fmt.dollars(totals["total_cost"])
    assert overview["Requests"] == fmt.count(totals["requests"])
    assert overview["Tokens"] == fmt.count(totals["total_tokens"])
    assert overview["p95 latency"] == fmt.seconds(totals["p95_latency"])
    assert overview["Success rate"] == fmt.percent(totals["success_rate"])
    performance = figures(open_page(loaded.url, loaded.admin_token, "performance", range="all"))
    assert performance["p99 latency"] == fmt.seconds(totals["p99_latency"])
    assert performance["Failed requests"] == fmt.count(totals["failed_requests"])
    assert performance["p95 latency"] == overview["p95 latency"]
    data = figures(open_page(loaded.url, loaded.admin_token, "data"))
    assert data["Events"] == fmt.exact(totals["requests"])


def test_the_table_of_models_sums_to_the_figures(loaded: Perch, open_page: Open) -> None:
    app = open_page(loaded.url, loaded.admin_token, range="all")
    models = app.dataframe[0].value
    totals = loaded.pipe("llm_totals")[0]
    assert models["requests"].sum() == totals["requests"]
    assert models["total_tokens"].sum() == totals["total_tokens"]
    assert models["total_cost"].sum() == pytest.approx(totals["total_cost"], abs=1e-9)
    assert models["share"].sum() == pytest.approx(1)


def test_the_address_filters_every_page(loaded: Perch, open_page: Open) -> None:
    model = loaded.pipe("llm_usage_by_model")[1]
    for page in ("overview", "usage"):
        app = open_page(loaded.url, loaded.admin_token, page, range="all", model=[model["model_name"]])
        assert figures(app)["Requests"] == fmt.count(model["requests"])
        assert figures(app)["Spend"] == fmt.dollars(model["total_cost"])
        models = next(found.value for found in app.dataframe if "model_name" in found.value)
        assert models["model_name"].tolist() == [model["model_name"]]


def test_a_widget_writes_the_address_and_the_address_sets_the_widget(loaded: Perch, open_page: Open) -> None:
    app = open_page(loaded.url, loaded.admin_token, range="all", timezone="Asia/Tokyo", compare="off")
    assert app.segmented_control(key="range").value == "all"
    assert app.selectbox(key="timezone").value == "Asia/Tokyo"
    app.segmented_control(key="range").set_value("90d").run()
    assert app.query_params["range"] == "90d"
    assert app.query_params["timezone"] == "Asia/Tokyo"


def test_an_address_of_nonsense_opens_the_defaults(loaded: Perch, open_page: Open) -> None:
    nonsense = {
        "range": "forever",
        "granularity": "eon",
        "timezone": "Mars",
        "refresh": "1",
        "measure": "x",
        "heat": "7",
    }
    app = open_page(loaded.url, loaded.admin_token, **nonsense)
    assert app.segmented_control(key="range").value == "30d"
    assert not app.query_params


def test_a_range_without_events_says_where_they_lie(loaded: Perch, open_page: Open) -> None:
    app = open_page(loaded.url, loaded.admin_token, range="custom", from_="2001-01-01", to="2001-01-02")
    assert "No events in this time range" in words(app)
    next(button for button in app.button if button.label == "Show all time").click().run()
    assert figures(app)["Requests"] == fmt.count(loaded.pipe("llm_totals")[0]["requests"])


def test_filters_that_match_nothing_say_so(loaded: Perch, open_page: Open) -> None:
    app = open_page(loaded.url, loaded.admin_token, range="all", model=["nobody's model"])
    assert "No events match these filters" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_without_an_api_a_page_says_where_it_looked_and_how_to_start_it(open_page: Open, page: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    app = open_page(url, "", page)
    said = words(app)
    assert "The Perch API does not answer" in said
    assert f"`{url}`: connection refused" in said
    assert "`python ingest_server.py`" in said
    assert "Retry" in [button.label for button in app.button]


def test_a_token_that_is_refused_is_said_but_not_shown(loaded: Perch, open_page: Open) -> None:
    app = open_page(loaded.url, "a-wrong-token", range="all")
    assert "refused the dashboard's token" in words(app)
    assert "a-wrong-token" not in words(app)


def test_an_endpoint_that_fails_fails_in_its_panel_only(
    start_perch: Callable[..., Perch], tmp_path: Path, open_page: Open
) -> None:
    ours = tmp_path / "ours"
    for folder in ("datasources", "endpoints", "materializations", "parts"):
        shutil.copytree(ROOT / "metrics" / folder, ours / folder)
    (ours / "endpoints" / "llm_errors_timeseries.pipe").unlink()
    perch = start_perch(project=ours)
    perch.post_events("llm_events", event(success=0, error_message="timeout"))
    app = open_page(perch.url, perch.admin_token)
    assert len(app.error) == 1
    assert "This part could not be loaded" in app.error[0].value
    assert len(figures(app)) == CARDS["overview"]
    assert len(app.dataframe) == 1


def test_a_project_without_an_endpoint_is_told_which(
    start_perch: Callable[..., Perch], project: Path, open_page: Open
) -> None:
    perch = start_perch(project=project)
    app = open_page(perch.url, perch.admin_token)
    assert "The dashboard cannot read the API" in words(app)
    assert "ingest_health" in words(app)


def test_the_first_event_turns_an_empty_page_live(perch: Perch, open_page: Open) -> None:
    app = open_page(perch.url, perch.admin_token)
    said = words(app)
    assert "No events yet" in said
    assert f"curl '{perch.url}/v0/events?name=llm_events&wait=true'" in said
    assert perch.admin_token not in said
    perch.post_events("llm_events", event())
    assert figures(app.run())["Requests"] == "1"


def test_from_nothing_is_new_and_without_a_price_is_unpriced(perch: Perch, open_page: Open) -> None:
    nobody = event(model_name="nobody-knows", cost=None)
    perch.post_events("llm_events", [nobody, {**nobody, "latency": 4000}])
    app = open_page(perch.url, perch.admin_token)
    assert figures(app)["Spend"] == "unpriced"
    assert {metric.label: metric.delta for metric in app.metric}["Requests"] == "new"
    assert "2 requests unpriced (400 tokens), not in the spend" in words(app)
    assert "1 latency value beyond 0 to 3,600 s left out" in words(app)


def test_demo_rows_are_called_that(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", [event(environment="demo"), event()])
    app = open_page(perch.url, perch.admin_token)
    assert "1 synthetic event" in app.info[0].value
    assert "`python -m metrics demo --remove`" in app.info[0].value


def test_the_data_page_tells_up_to_which_day_the_rows_lie_sorted(settings: Settings, open_page: Open) -> None:
    days = [datetime.now(UTC) - timedelta(days=number) for number in (5, 3, 1)]
    for old, new in ((0, 2), (1, 1)):
        with running(settings) as perch:  # each start begins a row group
            perch.post_events("llm_events", [event(event_time=f"{days[at]:%Y-%m-%d} 12:00:00") for at in (old, new)])
            if old == 0:
                assert f"The store is sorted up to {days[2]:%Y-%m-%d}" in words(
                    open_page(perch.url, perch.admin_token, "data")
                )
    with running(settings) as perch:
        app = open_page(perch.url, perch.admin_token, "data")
        assert "The store is sorting: 1 of 2 row groups overlap" in words(app)
        assert perch.request("POST", "/v0/order").status_code == 200
        app = open_page(perch.url, perch.admin_token, "data")
        assert f"The store is sorted up to {days[2]:%Y-%m-%d}" in words(app)


def test_the_data_page_tells_why_rows_were_refused(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", '{"event_time": "soon", "model_name": "gpt-4"}\n' + '{"model_name": "gpt-4"}')
    app = open_page(perch.url, perch.admin_token, "data")
    assert figures(app)["Quarantined"] == "2"
    assert "2 rows arrived but could not be read" in words(open_page(perch.url, perch.admin_token))


@pytest.mark.parametrize("page", ["usage", "data"])
def test_calls_without_a_price_are_told_with_the_lines_to_add(perch: Perch, open_page: Open, page: str) -> None:
    mine = event(model_name="mine", cost=None)
    perch.post_events("llm_events", [mine, mine, event(model_name="theirs", cost=None, provider="they"), event()])
    told = words(open_page(perch.url, perch.admin_token, page))
    assert "unpriced: **3 requests, 600 tokens**" in told
    assert '[[price]]\nmodel = "mine"\ninput =' in told
    assert '[[price]]\nmodel = "theirs"\nprovider = "they"' in told
    assert 'model = "gpt-4"' not in told


def test_a_call_far_above_the_median_is_shown(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", [event() for _ in range(5)])
    assert "No call cost over $1" in words(open_page(perch.url, perch.admin_token, "usage"))
    perch.post_events("llm_events", event(cost=41))
    app = open_page(perch.url, perch.admin_token, "usage")
    assert "No call cost over $1" not in words(app)
    (shown,) = [table.value for table in app.dataframe if "times_median" in table.value]
    assert shown["times_median"].tolist() == [2050]
    for tail in ("off", "on"):
        calls = open_page(perch.url, perch.admin_token, "events", tail=tail).dataframe[0].value
        assert sorted(calls["cost_mark"].dropna()) == ["2,050× median"]


def test_a_page_tells_what_is_stored_and_what_was_refused_of_late(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", [event(), event()])
    assert re.search(
        r"^2 events stored · newest (\d+ s ago|now)$", words(open_page(perch.url, perch.admin_token)), re.M
    )
    perch.post_events("llm_events", '{"model_name": "gpt-4"}')
    assert "2 events stored" in (said := words(open_page(perch.url, perch.admin_token, "data")))
    assert "1 row refused within 24 h" in said
