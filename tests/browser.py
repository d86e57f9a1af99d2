"""A dashboard and a Chromium for tests: free port, readiness, a page that has settled, what it asked for and said."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)

HERE = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:")

# Streamlit's frontend looks for its base path below a page's address; these two are answered 404 by design.
PROBES = re.compile(r"/_stcore/(health|host-config)$")

SETTLED = """(charts) => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.getAttribute('data-test-script-state') !== 'notRunning') return false;
  const busy = '[data-testid="stSkeleton"],[data-testid="stSpinner"],[data-stale="true"]';
  if (document.querySelector(busy)) return false;
  const drawn = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  return drawn.length >= charts && drawn.every(chart => {
    const marks = chart.querySelector('svg.marks,canvas');
    return marks && marks.getBoundingClientRect().height > 20;
  });
}"""


@dataclass
class Seen:
    """What a page did while it was watched."""

    offhost: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard."""

    url: str
    log: Path
    pid: int


@contextmanager
def dashboard(
    api_url: str, token: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Dashboard]:
    """`streamlit run app.py` on a free port against the API at `api_url`; its log lies in `folder`."""
    port = _free_port()
    log = folder / f"dashboard-{port}.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    variables = {**os.environ, "PERCH_API_URL": api_url, "PERCH_TOKEN": token, **(environment or {})}
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, log)
            yield Dashboard(url, log, process.pid)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, the system's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(context: BrowserContext, scheme: str, width: int) -> Iterator[Page]:
    """A page of a colour scheme and width. Windows of one context share what the browser has loaded: most of a load."""
    with context.new_page() as page:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        yield page


def watch(page: Page) -> Seen:
    """Note from now on what the page asks for beyond this machine, its errors and answers of 400 and more."""
    seen = Seen()
    page.on("request", lambda request: None if HERE.match(request.url) else seen.offhost.append(request.url))
    page.on("websocket", lambda socket: None if HERE.match(socket.url) else seen.offhost.append(socket.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda said: seen.console.append(said.text) if said.type == "error" else None)
    page.on("response", lambda answer: _note(answer.status, answer.url, seen))
    return seen


def visit(page: Page, url: str, title: str, charts: int) -> None:
    """Open a page and wait until it is drawn; where that takes too long, as on a busy machine, once more from anew."""
    page.goto(url)
    for last in (False, True):
        try:
            page.get_by_role("heading", name=title, exact=True, level=1).wait_for(timeout=25_000)
            settle(page, charts, timeout=25_000)
            break
        except PlaywrightTimeout:
            if last:
                raise
            page.reload()


def settle(page: Page, charts: int = 0, timeout: int = 45_000) -> None:
    """Wait until the script has run and at least `charts` charts, and all there are, are drawn."""
    page.wait_for_function(SETTLED, arg=charts, timeout=timeout)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def picture(page: Page, path: Path, width: int) -> None:
    """The whole page as a picture: the page scrolls inside a container, so the window is made as high as that."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": max(int(height), 600)})
    settle(page)
    page.screenshot(path=str(path), timeout=90_000)


def metrics(page: Page) -> dict[str, str]:
    """The figures of a page: label -> value."""
    cards = page.locator('[data-testid="stMetric"]')
    pairs = cards.evaluate_all(
        """cards => cards.map(card => [
             card.querySelector('[data-testid=stMetricLabel]').innerText.trim(),
             card.querySelector('[data-testid=stMetricValue]').innerText.trim()])"""
    )
    return dict(pairs)


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(
        page.evaluate(
            """() => { const main = document.querySelector('[data-testid=stMain]');
                       return main.scrollWidth - main.clientWidth; }"""
        )
    )


def tooltip(page: Page, chart: Locator) -> str:
    """The text of the tooltip over the middle of a chart's bars."""
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # the page scrolls smoothly
    marks = chart.locator(".bars_marks path").first.bounding_box()
    assert marks is not None
    x, y = marks["x"] + marks["width"] / 2, marks["y"] + marks["height"] / 2
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    shown = page.locator("#vg-tooltip-element.visible")
    shown.wait_for()
    return shown.inner_text()


def _note(status: int, url: str, seen: Seen) -> None:
    if status >= 400 and not PROBES.search(url):
        seen.answers.append((status, url))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not start:\n{log.read_text()}")
