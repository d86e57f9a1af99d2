"""What people do with a page, without a browser: compare, save views, read on while the API is away."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pandas as pd
import pytest

from metrics.dashboard import client, source
from metrics.settings import Settings
from tests.conftest import Open, Perch, running
from tests.viewing import event, figures, words


def ago(**span: float) -> str:
    return f"{datetime.now(UTC) - timedelta(**span):%Y-%m-%d %H:%M:%S}"


def test_the_figures_are_compared_with_the_same_weekdays_before(perch: Perch, open_page: Open) -> None:
    """Two calls today, four a week ago, none in between: by weeks it is half, by the period just before it is new."""
    now, week = ago(minutes=2), ago(days=7, minutes=2)
    perch.post_events("llm_events", [event(event_time=now)] * 2 + [event(event_time=week)] * 4)
    for compare, delta in (("on", "-50.0%"), ("before", "new"), ("off", "")):
        app = open_page(perch.url, perch.admin_token, range="1h", compare=compare)
        assert figures(app)["Requests"] == "2"
        deltas = {metric.label: metric.delta for metric in app.metric}
        assert deltas["Requests"] == delta
        assert bool(deltas["Cost / 1k requests"]) == (compare == "on")  # of nothing before there is none


def test_a_view_is_saved_opened_and_deleted(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", event(team="search"))
    app = open_page(perch.url, perch.admin_token, "usage", range="7d", team=["search", "support"])
    app.session_state["views"] = True
    app.run()
    assert "No view is saved yet" in words(app)
    app.text_input(key="_view_name").set_value("Spend of search")
    app.button(key="_view_save").click().run()
    (saved,) = perch.pipe("dashboard_views")
    assert (saved["name"], saved["page"]) == ("Spend of search", "usage")
    assert saved["query"] == "range=7d&team=search&team=support"
    links = [link.proto for link in app.get("page_link") if link.proto.label == "Spend of search"]
    assert [link.query_string for link in links] == ["range=7d&team=search&team=support"]
    app.button(key="_view_delete_Spend of search").click().run()
    assert perch.pipe("dashboard_views") == []
    assert len(perch.sql("SELECT * FROM saved_views")) == 2  # the deletion is a row


def test_a_reader_is_told_that_they_may_not_save(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", event())
    pipes = [pipe["name"] for pipe in perch.get("/v0/pipes").json()["pipes"]]
    app = open_page(perch.url, perch.create_token("reader", *(f"PIPES:READ:{name}" for name in pipes)))
    app.session_state["views"] = True
    app.run()
    app.text_input(key="_view_name").set_value("Mine")
    app.button(key="_view_save").click().run()
    assert "DATASOURCES:APPEND:saved_views" in app.error[0].value
    assert perch.pipe("dashboard_views") == []


def test_the_old_numbers_stay_while_the_api_is_away(settings: Settings, open_page: Open) -> None:
    with running(settings) as perch:
        perch.post_events("llm_events", [event(), event()])
        app = open_page(perch.url, perch.admin_token)
        assert not app.warning
    with hanging_up(settings.port) as tried:
        app.button(key="again").click().run()
        assert figures(app)["Requests"] == "2"
        assert 1 <= len(tried) <= 2  # the first two questions of a page go side by side; no other is tried
    app.button(key="retry_old").click().run()
    assert figures(app)["Requests"] == "2"
    assert len(app.get("vega_lite_chart")) == 1  # no call failed: one chart less than usual
    assert "does not answer" in app.warning[0].value
    assert "These are the numbers of" in app.warning[0].value
    app.segmented_control(key="range").set_value("90d").run()  # which nobody has asked for yet
    assert not app.metric
    assert "The Perch API does not answer" in words(app)
    app.segmented_control(key="range").set_value("30d").run()
    assert figures(app)["Requests"] == "2"
    with running(settings) as perch:
        perch.post_events("llm_events", event())
        app.button(key="retry_old").click().run()
        assert figures(app)["Requests"] == "3"
        assert not app.warning


@contextmanager
def hanging_up(port: int) -> Iterator[list[object]]:
    """Something on the port of the API that notes whoever comes and hangs up."""
    tried: list[object] = []

    class Nobody(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            tried.append(self.client_address)

    class Port(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Port(("127.0.0.1", port), Nobody) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield tried
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_panels_address_answers_the_panels_rows(loaded: Perch, open_page: Open, zone: str) -> None:
    open_page(loaded.url, loaded.admin_token, range="all")
    models = tuple(row["model_name"] for row in loaded.pipe("llm_usage_by_model")[:2])
    call = client.pipe("llm_usage_timeseries", {"timezone": zone, "model": models}, granularity="month")
    path = call.address().removeprefix(loaded.url)
    assert loaded.get(path).json()["data"]
    command = source.curl(call)
    assert "$PERCH_TOKEN" in command
    assert loaded.admin_token not in command


def test_a_file_holds_the_rows_as_they_are() -> None:
    rows = pd.DataFrame({"t": pd.to_datetime(["2026-01-01T00:00:00Z"]), "cost": [0.1], "name": [None]})
    pd.testing.assert_frame_equal(pd.read_parquet(BytesIO(source.parquet(rows))), rows, check_dtype=False)
