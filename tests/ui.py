"""`make ui`: every page in both schemes, on a desk and on a phone, with data, without and with the API away.

For each it looks for what a script can tell: errors on the console beyond the known two, anything asked of another
host, text that is cut or covers other text, a page wider than its window, a traceback in the log. The pictures lie in
the folder that is named (`.ui` unless told otherwise), to be opened and looked at.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, BrowserContext, Page

from metrics.demo import ndjson
from tests import browser as web
from tests.conftest import Perch, bodies, free_port, make_settings, running

PAGES = ("overview", "usage", "performance", "errors", "models", "events", "data")
SCHEMES = ("light", "dark")
WIDTHS = (1440, 390)
DEMO_ROWS = 40_000

KNOWN = re.compile(r"_stcore/(health|host-config)|Failed to load resource.*404")
"""What the console says of Streamlit's own probes, two for each address below the root."""

LOOK = r"""() => {
  const seen = element => { const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && Number(style.opacity) > .05; };
  const main = document.querySelector('[data-testid=stMain]'), found = [];
  const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  const skipped = '[data-testid=stCode],[data-testid=stDataFrame],[data-testid=stTooltipContent],svg,style,script';
  const texts = [...main.querySelectorAll('*')].filter(e => own(e) && !e.closest(skipped) && seen(e));
  for (const element of texts) {
    const style = getComputedStyle(element);
    if (element.scrollWidth > element.clientWidth + 1 && style.overflowX !== 'visible' && element.clientWidth)
      found.push(`cut: "${element.textContent.trim().slice(0, 60)}"`);
  }
  const overlaps = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  const compare = (elements, kind) => {
    const boxes = elements.map(e => [e, e.getBoundingClientRect()]);
    boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([two, b]) => {
      const same = one.closest('p,li') && one.closest('p,li') === two.closest('p,li');  // words of one sentence
      if (!same && !one.contains(two) && !two.contains(one) && overlaps(a, b))
        found.push(`${kind}: "${one.textContent.trim().slice(0, 40)}" and "${two.textContent.trim().slice(0, 40)}"`);
    }));
  };
  compare(texts, 'overlap');
  for (const chart of main.querySelectorAll('svg.marks')) {
    const frame = chart.getBoundingClientRect();
    // The box of a tilted text is far larger than the text.
    const level = e => !/rotate\((?!0)/.test(e.getAttribute('transform') || '');
    const labels = [...chart.querySelectorAll('text')].filter(e => seen(e) && level(e) && e.textContent.trim());
    compare(labels, 'overlap in a chart');
    for (const label of labels) {
      const box = label.getBoundingClientRect();
      if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.bottom > frame.bottom + 2)
        found.push(`cut in a chart: "${label.textContent}"`);
    }
  }
  if (main.scrollWidth > main.clientWidth) found.push(`${main.scrollWidth - main.clientWidth} px too wide`);
  return [...new Set(found)];
}"""


@contextmanager
def perch(folder: Path, kind: str) -> Iterator[Perch]:
    """A server with real traffic, with demo rows, or empty."""
    with running(make_settings(folder / kind)) as server:
        if kind == "real":
            sent = list(bodies())
        else:
            sent = [body for _, body in ndjson(DEMO_ROWS, 7, datetime.now(UTC))] if kind == "demo" else []
        for body in sent:
            answer = server.post_events("llm_events", body)
            assert answer.status_code == 200, answer.text
        if kind == "demo":
            server.post_events("budgets", [{"amount": 900}, {"scope": "team", "value": "support", "amount": 60}])
        yield server


def shoot(page: Page, url: str, name: str, width: int, path: Path) -> list[str]:
    """Open one page, take its picture, and say what is wrong with it."""
    seen = web.watch(page)
    page.goto(url)
    page.get_by_role("heading", name=name.capitalize(), exact=True).wait_for(timeout=45_000)
    web.settle(page, timeout=45_000)
    web.picture(page, path, width)
    wrong: list[str] = page.evaluate(LOOK)
    wrong += [f"exception: {text}" for text in page.locator('[data-testid="stException"]').all_inner_texts()]
    said = [text for text in seen.console if not KNOWN.search(text)]
    return [*wrong, *seen.errors, *said, *(f"asked {where}" for where in seen.offhost), *map(str, seen.answers)]


def windows(chromium: Browser) -> Iterator[tuple[str, int, BrowserContext]]:
    """A window of each scheme and width; pages in it share what the browser has loaded."""
    for scheme in SCHEMES:
        for width in WIDTHS:
            viewport = {"width": width, "height": 900}
            with chromium.new_context(viewport=viewport, color_scheme=scheme) as context:  # type: ignore[arg-type]
                yield scheme, width, context


def look(chromium: Browser, dashboard: web.Dashboard, kind: str, query: str, folder: Path) -> int:
    """Every page in every window; how many have something wrong."""
    bad = 0
    for scheme, width, context in windows(chromium):
        for name in PAGES:
            path = folder / f"{name}-{kind}-{scheme}-{width}.png"
            address = f"{dashboard.url}/{'' if name == 'overview' else name}{query}"
            with context.new_page() as page:
                wrong = shoot(page, address, name, width, path)
            bad += bool(wrong)
            print(f"{'BAD ' if wrong else 'ok  '} {path.stem}", *(f"\n       {what}" for what in wrong), sep="")
    if "Traceback" in dashboard.log.read_text():
        print(f"BAD  {kind}: a traceback in the log:\n{dashboard.log.read_text()[-2000:]}")
        bad += 1
    return bad


def main(folder: Path) -> int:
    """Look at everything; 1 if anything is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    began, bad = time.monotonic(), 0
    with TemporaryDirectory(prefix="perch-ui-") as scratch, web.chromium() as chromium:
        here = Path(scratch)
        for kind, query in (("real", "?range=all"), ("demo", ""), ("empty", "")):
            with perch(here, kind) as server, web.dashboard(server.url, server.admin_token, here) as dashboard:
                bad += look(chromium, dashboard, kind, query, folder)
        with web.dashboard(f"http://127.0.0.1:{free_port()}", "nobody", here) as dashboard:
            bad += look(chromium, dashboard, "away", "", folder)
    print(f"{bad} pictures with something wrong; {time.monotonic() - began:.0f} s; they lie in {folder}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".ui")))
