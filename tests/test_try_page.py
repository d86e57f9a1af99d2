"""The page /docs in Chromium: a token typed in it shows the endpoints, one runs, and nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests import browser as web
from tests.conftest import Perch, make_settings, running
from tests.test_browser import pytestmark as needs_chromium
from tests.test_endpoints import EVENTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server with a few rows."""
    with running(make_settings(tmp_path_factory.mktemp("try"))) as server:
        server.post_events("llm_events", EVENTS)
        yield server


def test_the_page_and_its_files_answer_without_a_token_and_hold_nothing_else(small: Perch) -> None:
    page = small.get("/docs", token="")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text
    for name in ("page.js", "page.css", "swagger-ui.css", "swagger-ui-bundle.js"):
        assert small.get(f"/docs/{name}", token="").status_code == 200
    for name in ("docs_page.py", "../docs_page.py", "%2e%2e/docs_page.py", "nothing"):
        assert small.get(f"/docs/{name}", token="").status_code == 404


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with web.chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_page(viewport={"width": 1280, "height": 1000}) as opened:
        yield opened


def show_endpoints(page: Page, address: str, token: str) -> None:
    page.goto(f"{address}/docs")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Authorize").click()


@needs_chromium[0]
@needs_chromium[1]
def test_an_endpoint_runs_in_the_page(small: Perch, page: Page) -> None:
    seen = web.watch(page)
    token = small.create_token("try", "PIPES:READ:llm_totals", "PIPES:READ:llm_errors")
    show_endpoints(page, small.url, token)
    page.get_by_text("2 endpoints.").wait_for()
    assert page.locator(".opblock-tag").count() == 2
    page.locator(".opblock-tag", has_text="llm_totals").click()
    page.locator("#operations-llm_totals-llm_totals_json button").first.click()
    operation = page.locator("#operations-llm_totals-llm_totals_json")
    operation.get_by_placeholder("start_date").fill("2025-01-02 00:00:00")
    operation.get_by_role("button", name="Execute").click()
    body = operation.locator(".live-responses-table .highlight-code").first
    body.wait_for()
    (row,) = small.pipe("llm_totals", start_date="2025-01-02 00:00:00")
    assert f'"requests": {row["requests"]}' in body.inner_text()
    address = operation.locator(".request-url").inner_text()
    filled = "start_date=2025-01-02%2000%3A00%3A00&timezone=UTC&exact_percentiles=false"  # the page sends defaults too
    assert address.endswith(f"/v0/pipes/llm_totals.json?{filled}")
    assert "Bearer $PERCH_TOKEN" in operation.locator(".curl").inner_text()
    assert token not in page.inner_text("body")
    assert (seen.offhost, seen.errors, seen.console, seen.answers) == ([], [], [], [])


@needs_chromium[0]
@needs_chromium[1]
def test_a_wrong_token_is_refused_in_words(small: Perch, page: Page) -> None:
    show_endpoints(page, small.url, "wrong")
    page.get_by_text("The token is not valid").wait_for()
    assert page.locator(".opblock-tag").count() == 0
