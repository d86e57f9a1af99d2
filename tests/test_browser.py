"""Every page in Chromium in both schemes: its number is the API's, nothing leaves this machine, no traceback."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from metrics.dashboard import format as fmt
from tests import browser as web
from tests.conftest import ADMIN_TOKEN, Perch, make_settings
from tests.serving import serving
from tests.viewing import event

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

REQUIRED = os.environ.get("PERCH_REQUIRE_BROWSER") == "1"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not web.CHROMIUM.exists() and not REQUIRED,
        reason=f"no Chromium at {web.CHROMIUM} (Debian: apt install chromium)",
    ),
]

# page -> its address, the charts on it, the figure to compare (None: a text), how the API's totals give it
PAGES = {
    "Overview": ("/", 2, "Spend", lambda totals: fmt.dollars(totals["total_cost"])),
    "Usage": ("/usage", 6, "Tokens", lambda totals: fmt.count(totals["total_tokens"])),
    "Performance": ("/performance", 5, "p95 latency", lambda totals: fmt.seconds(totals["p95_latency"])),
    "Errors": ("/errors", 3, "Failed requests", lambda totals: fmt.count(totals["failed_requests"])),
    "Models": ("/models", 6, None, lambda totals: f"of {totals['models']} models"),
    "Events": ("/events", 1, None, lambda totals: f"1 to 200 of {totals['requests']:,}"),
    "Data": ("/data", 0, "Events", lambda totals: fmt.exact(totals["requests"])),
}


@pytest.fixture(scope="module")
def dashboard(loaded: Perch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[web.Dashboard]:
    with web.dashboard(loaded.url, loaded.admin_token, tmp_path_factory.mktemp("dashboard")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with web.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def totals(loaded: Perch) -> dict[str, Any]:
    return loaded.pipe("llm_totals")[0]


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One for all windows, for they share what the browser has loaded."""
    with chromium.new_context() as opened:
        yield opened


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("title", list(PAGES))
def test_a_page_shows_the_numbers_of_the_api(
    dashboard: web.Dashboard, context: BrowserContext, totals: dict[str, Any], title: str, scheme: str, width: int
) -> None:
    path, charts, label, expected = PAGES[title]
    with web.window(context, scheme, width) as page:
        seen = web.watch(page)
        web.visit(page, f"{dashboard.url}{path}?range=all", title, charts)
        if label is None:
            page.get_by_text(expected(totals)).wait_for()
        else:
            assert web.metrics(page)[label] == expected(totals)
        assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0
        assert web.overflow(page) == 0
    assert_quiet(dashboard, seen)


def test_the_overview_without_events_with_a_slow_api_and_without_one(context: BrowserContext, tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with (
        web.dashboard(f"http://127.0.0.1:{settings.port}", ADMIN_TOKEN, tmp_path) as opened,
        web.window(context, "light", 1440) as page,
    ):
        seen = web.watch(page)
        with serving(settings) as api:
            web.visit(page, opened.url, "Overview", 0)
            page.get_by_role("heading", name="No events yet").wait_for()
            assert ADMIN_TOKEN not in page.content()
            api.perch.post_events("llm_events", event())
            page.goto(f"{opened.url}/events")
            page.get_by_text("1 to 1 of 1").wait_for()
            web.settle(page, 1)
            with stopped(api.process.pid):
                page.get_by_role("button", name="Refresh").click()
                page.get_by_text(re.compile(r"Reading\s*\([\d.]+ seconds\)")).wait_for()
                assert page.get_by_text("1 to 1 of 1").is_visible()
                page.goto(f"{opened.url}/data")
                page.get_by_text(re.compile(r"\(1\.\d seconds\)")).wait_for()
            web.settle(page)
            assert web.metrics(page)["Events"] == "1"
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 900})
        web.visit(page, opened.url, "Overview", 0)
        page.get_by_role("heading", name="The Perch API does not answer").wait_for()
        page.get_by_role("button", name="Retry").wait_for()
        assert web.overflow(page) == 0
    assert_quiet(opened, seen)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still: it takes connections, and answers when it goes on."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_time_is_that_of_the_chosen_zone_whatever_the_zone_of_the_browser(
    dashboard: web.Dashboard, chromium: Browser, loaded: Perch
) -> None:
    zone = "Asia/Tokyo"
    first = loaded.pipe("llm_usage_timeseries", granularity="hour", timezone=zone)[0]["bucket_local"]
    day = first.split(" ")[0]
    with chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="America/New_York") as context:
        page = context.new_page()
        address = f"{dashboard.url}/?range=custom&from={day}&to={day}&timezone={zone}&measure=requests"
        web.visit(page, address, "Overview", 1)
        chart = page.locator('[data-testid="stVegaLiteChart"]').first
        assert datetime.fromisoformat(first).strftime("%a %d %b %H:%M") in web.tooltip(page, chart)
        assert chart.locator(".role-axis-label text").first.text_content() == f"{datetime.fromisoformat(day):%b %d}"


def test_back_returns_to_the_page_and_the_filters_before(dashboard: web.Dashboard, context: BrowserContext) -> None:
    with web.window(context, "light", 1440) as page:
        web.visit(page, f"{dashboard.url}/?range=all", "Overview", 2)
        page.get_by_role("link", name="Usage").click()
        page.get_by_role("heading", name="Usage", exact=True).wait_for()
        web.settle(page, 4)
        assert page.url == f"{dashboard.url}/usage?range=all"
        page.go_back()
        page.get_by_role("heading", name="Overview", exact=True).wait_for()
        web.settle(page, 2)
        assert page.url == f"{dashboard.url}/?range=all"


def assert_quiet(dashboard: web.Dashboard, seen: web.Seen) -> None:
    assert seen.offhost == []
    assert seen.errors == []
    assert seen.answers == []
    assert "Traceback" not in dashboard.log.read_text()
