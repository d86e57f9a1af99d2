"""What people do with a page in a browser: drill down and back, zoom, take the numbers with them, sign in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests import browser as web
from tests.conftest import Perch
from tests.test_browser import assert_quiet, chromium, dashboard, pytestmark

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["chromium", "dashboard", "pytestmark"]

WINDOW = {"width": 1440, "height": 900}

expect.set_options(timeout=30_000)  # the address changes when a run ends, which a busy machine makes wait


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport=WINDOW, timezone_id="America/New_York") as context:
        yield context.new_page()


def test_back_undoes_a_drill_down_at_once(dashboard: web.Dashboard, page: Page) -> None:
    address = f"{dashboard.url}/?range=all&timezone=UTC"
    web.visit(page, address, "Overview", 2)
    before, steps = web.metrics(page), page.evaluate("history.length")
    table = page.locator('[data-testid="stDataFrame"]').first
    table.scroll_into_view_if_needed()
    table.locator("canvas").first.wait_for()
    page.wait_for_timeout(300)  # the page scrolls smoothly
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 35 + 18)
    page.get_by_role("heading", name="Performance", exact=True).wait_for()
    web.settle(page, 3)
    assert re.search(r"/performance\?range=all&model=[^&]+&timezone=UTC$", page.url)
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    page.get_by_role("heading", name="Overview", exact=True).wait_for()
    expect(page).to_have_url(address)
    web.settle(page, 2)
    assert web.metrics(page) == before


def test_a_click_on_a_bar_filters_and_back_or_a_second_click_undoes_it(dashboard: web.Dashboard, page: Page) -> None:
    address = f"{dashboard.url}/?range=all&measure=requests"
    web.visit(page, address, "Overview", 2)
    before = web.metrics(page)
    name = _click_bar(page)
    expect(page).to_have_url(re.compile(r"[?&]model="))
    expect(page.get_by_role("button", name=f"model: {name}")).to_be_visible()
    web.settle(page, 1)
    filtered = page.url
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.locator(".st-key-chosen")).to_have_count(0)
    web.settle(page, 2)
    assert web.metrics(page) == before
    page.go_forward()
    expect(page).to_have_url(filtered)
    web.settle(page, 1)
    _click_bar(page)
    expect(page).to_have_url(address)


def test_a_click_in_a_legend_filters_until_the_filter_is_taken_away(dashboard: web.Dashboard, page: Page) -> None:
    address = f"{dashboard.url}/?range=all"
    web.visit(page, address, "Overview", 2)
    entry = page.locator('[data-testid="stVegaLiteChart"]').first.locator(".role-legend-label text").first
    name = entry.text_content() or ""
    entry.click()
    expect(page).to_have_url(re.compile(r"[?&]model="))
    page.get_by_role("button", name=f"model: {name}").click()
    expect(page).to_have_url(address)
    expect(page.locator(".st-key-chosen")).to_have_count(0)


def test_back_closes_a_saved_view_and_saving_leaves_no_trace_in_the_history(
    dashboard: web.Dashboard, page: Page
) -> None:
    address = f"{dashboard.url}/events?range=all"
    web.visit(page, address, "Events", 1)
    steps = page.evaluate("history.length")
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Name of this view").fill("All calls")
    page.get_by_role("button", name="Save").click()
    view = page.locator('[data-testid="stPopoverBody"]').get_by_role("link", name="All calls")
    view.wait_for()
    assert page.evaluate("history.length") == steps
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Data").click()
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    page.get_by_role("button", name="Views").click()
    view.click()
    page.get_by_role("heading", name="Events", exact=True).wait_for()
    expect(page).to_have_url(address)
    page.go_back()
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    expect(page).to_have_url(f"{dashboard.url}/data?range=all")


def _click_bar(page: Page) -> str:
    """Click the highest bar of a model in the first chart; the model's name in the legend."""
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # the page scrolls smoothly
    bars = [bar for bar in chart.locator(".bars_marks path").all() if "series: Other;" not in _label(bar)]
    highest = max(bars, key=lambda bar: (bar.bounding_box() or {"height": 0})["height"])
    highest.click()
    return _label(highest).split("series: ")[1].split(";")[0]


def _label(bar: Locator) -> str:
    return bar.get_attribute("aria-label") or ""


def test_dragging_over_a_chart_sets_the_range(dashboard: web.Dashboard, page: Page) -> None:
    address = f"{dashboard.url}/?range=all&timezone=Asia%2FTokyo&granularity=month"
    web.visit(page, address, "Overview", 2)
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    bars = chart.locator('path[aria-roledescription="bar"]')
    boxes = [box for box in (bar.bounding_box() for bar in bars.all()) if box]
    middle = chart.locator("svg.marks").bounding_box()
    assert middle is not None
    left, right = min(box["x"] for box in boxes), max(box["x"] + box["width"] for box in boxes)
    y = middle["y"] + 60
    page.mouse.move(left + 0.3 * (right - left), y)
    page.mouse.down()
    for share in (0.4, 0.5, 0.6):
        page.mouse.move(left + share * (right - left), y)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"range=custom&from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d&timezone=Asia"))
    web.settle(page, 2)
    first, last = re.findall(r"(?:from|to)=([\d-]+)", page.url)
    caption = page.locator('[data-testid="stCaptionContainer"]', has_text="Asia/Tokyo").first
    assert f"{pd.Timestamp(first):%d %b %Y} 00:00" in caption.inner_text()
    assert pd.Timestamp(first) < pd.Timestamp(last)
    page.go_back()
    expect(page).to_have_url(address)


def test_a_panel_gives_away_its_numbers_but_not_the_token(dashboard: web.Dashboard, page: Page, loaded: Perch) -> None:
    web.visit(page, f"{dashboard.url}/usage?range=all", "Usage", 4)
    panel = page.locator('[data-testid="stVerticalBlock"]', has=page.get_by_role("heading", name="Cost by model")).last
    panel.get_by_role("button", name="API").click()
    command = page.locator('[data-testid="stPopoverBody"] [data-testid="stCode"] code').first
    command.wait_for()
    said = command.inner_text()
    assert "$PERCH_TOKEN" in said
    assert loaded.admin_token not in page.content()
    found = re.search(r"'(http[^']+)'", said)
    assert found
    rows = loaded.get(found[1].removeprefix(loaded.url)).json()["data"]
    with page.expect_download() as download:
        page.locator('[data-testid="stPopoverBody"]').get_by_role("button", name="CSV").first.click()
    told = pd.read_csv(download.value.path())
    costs = pd.DataFrame(rows)["total_cost"].astype(float)  # unknown is NaN there too
    assert told["total_cost"].tolist() == pytest.approx(costs.tolist(), nan_ok=True)


def test_someone_from_elsewhere_signs_in(
    chromium: Browser, loaded: Perch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    everywhere = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
    folder = tmp_path_factory.mktemp("elsewhere")
    with (
        web.dashboard(loaded.url, loaded.admin_token, folder, everywhere) as running,
        chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark") as context,
    ):
        page = context.new_page()
        seen = web.watch(page)
        page.goto(f"{running.url}/usage?range=all")
        page.get_by_label("Perch token").fill(loaded.admin_token)
        assert page.locator('[data-testid="stMetric"]').count() == 0
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Usage", exact=True).wait_for()
        web.settle(page, 4)
        assert page.url == f"{running.url}/usage?range=all"
        assert loaded.admin_token not in page.content()
        page.reload()
        page.get_by_label("Perch token").wait_for()
    assert_quiet(running, seen)
    assert loaded.admin_token not in running.log.read_text()


def test_whoever_comes_through_a_proxy_is_not_at_home(dashboard: web.Dashboard, chromium: Browser) -> None:
    with chromium.new_context(extra_http_headers={"X-Forwarded-For": "203.0.113.7"}) as context:
        page = context.new_page()
        page.goto(dashboard.url)
        page.get_by_label("Perch token").wait_for()
        assert page.locator('[data-testid="stMetric"]').count() == 0
