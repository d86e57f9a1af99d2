"""`make ui`: every page in both schemes, on a desk and on a phone, with data, without and with the API away.

For each it looks for what a script can tell: numbers other than the API's, errors on the console beyond the known two,
anything asked of another host, text that is cut or covers other text, a page wider than its window, barriers that
axe-core calls serious, a traceback in the log; and once for colours that an eye may not tell apart. The pictures lie in
a folder, to be opened and looked at. `--docs` takes those of docs/ instead.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError

from metrics.dashboard.charts.theme import DARK, LIGHT
from metrics.demo import ndjson
from tests import browser as web
from tests import cards, colours, looking
from tests.conftest import ROOT, Perch, bodies, free_port, make_settings, running

PAGES = {"overview": 2, "usage": 6, "performance": 4, "errors": 3, "models": 6, "events": 1, "data": 0}
"""The pages, and how many charts each has at least where there are calls."""

SCHEMES = ("light", "dark")
WIDTHS = (1440, 390)
QUERIES = {"real": "?range=all", "demo": "", "empty": ""}
DEMO_ROWS = 20_000

DOCS = {
    "overview": ("overview", "light", 1440),
    "overview-dark": ("overview", "dark", 1440),
    "usage": ("usage", "light", 1440),
    "performance": ("performance", "light", 1440),
    "errors": ("errors", "light", 1440),
    "models": ("models", "light", 1440),
    "phone": ("overview", "dark", 390),
}
"""The pictures of docs/: page, scheme and width."""

DOCS_QUERY = "?measure=requests"
"""The demo's one absurd call would hide all other costs in a chart of few rows."""

PHONE_HEIGHT = 1700
"""Of a phone's page the docs show the top."""

PATIENCE = 90_000
"""Milliseconds to wait for a page: what is slow is looked at too."""

KNOWN = re.compile(r"_stcore/(health|host-config)|Failed to load resource.*404")
"""What the console says of Streamlit's own probes, two for each address below the root."""


@dataclass(frozen=True)
class Site:
    """A dashboard in one of the states, and what its pages have to say."""

    kind: str
    dashboard: web.Dashboard
    numbers: cards.Numbers = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def site(folder: Path, kind: str) -> Iterator[Site]:
    """A dashboard over real traffic (real), demo rows (demo), an empty store (empty), or no API at all (away)."""
    if kind == "away":
        with web.dashboard(f"http://127.0.0.1:{free_port()}", "nobody", folder) as dashboard:
            yield Site(kind, dashboard)
        return
    with running(
        make_settings(folder / kind, query_timeout=timedelta(minutes=1))
    ) as server:  # a busy machine is no matter here
        fill(server, kind)
        with web.dashboard(server.url, server.admin_token, folder) as dashboard:
            words = {} if kind == "empty" else cards.words(kind, server)
            yield Site(kind, dashboard, cards.numbers(kind, server), words)


def fill(server: Perch, kind: str) -> None:
    """Real traffic, demo rows with two budgets, or nothing."""
    if kind == "real":
        sent = list(bodies())
    else:
        sent = [body for _, body in ndjson(DEMO_ROWS, 7, datetime.now(UTC))] if kind == "demo" else []
    for body in sent:
        answer = server.post_events("llm_events", body)
        assert answer.status_code == 200, answer.text
    if kind == "demo":
        server.post_events("budgets", [{"amount": 900}, {"scope": "team", "value": "support", "amount": 60}])


def open_page(page: Page, site: Site, name: str, query: str) -> None:
    """Open one page of a site and wait until it is drawn."""
    page.goto(f"{site.dashboard.url}/{'' if name == 'overview' else name}{query}", timeout=PATIENCE)
    page.get_by_role("heading", name=name.capitalize(), exact=True, level=1).wait_for(timeout=PATIENCE)
    web.settle(page, PAGES[name] if site.words else 0, timeout=PATIENCE)


def shoot(page: Page, site: Site, name: str, width: int, path: Path) -> list[str]:
    """Open one page, take its picture, and say what is wrong with it."""
    seen = web.watch(page)
    open_page(page, site, name, QUERIES.get(site.kind, ""))
    web.picture(page, path, width)
    wrong = [*looking.covered(page), *looking.barriers(page)]
    wrong += cards.wrong(web.metrics(page), site.numbers.get(name, {}))
    if (said := site.words.get(name)) and not page.get_by_text(said).count():
        wrong.append(f"number: nowhere {said!r}")
    wrong += [f"exception: {text}" for text in page.locator('[data-testid="stException"]').all_inner_texts()]
    wrong += [text for text in seen.console if not KNOWN.search(text)]
    return [*wrong, *seen.errors, *(f"asked {where}" for where in seen.offhost), *map(str, seen.answers)]


def look(context: BrowserContext, site: Site, folder: Path, only: re.Pattern[str]) -> int:
    """Every page in every scheme and width; how many have something wrong."""
    bad = 0
    for scheme in SCHEMES:
        for width in WIDTHS:
            names = {name: f"{name}-{site.kind}-{scheme}-{width}" for name in PAGES}
            wanted = {name: picture for name, picture in names.items() if only.search(picture)}
            for name, picture in wanted.items():
                with web.window(context, scheme, width) as page:
                    try:
                        wrong = shoot(page, site, name, width, folder / f"{picture}.png")
                    except PlaywrightError as failure:  # the others are looked at all the same
                        wrong = [str(failure)]
                bad += report(picture, wrong)
    log = site.dashboard.log.read_text()
    return bad + report(f"{site.kind}: the log", [log[-2000:]] if "Traceback" in log else [])


@contextmanager
def browsing() -> Iterator[BrowserContext]:
    """A browser in UTC, in which the numbers are asked for."""
    with web.chromium() as chromium, chromium.new_context(timezone_id="UTC") as context:
        yield context


def report(what: str, wrong: Sequence[str]) -> bool:
    """Print what is wrong with something; whether anything is."""
    print(f"{'BAD ' if wrong else 'ok  '} {what}", *(f"\n       {each}" for each in wrong), sep="", flush=True)
    return bool(wrong)


def main(folder: Path, only: re.Pattern[str]) -> int:
    """Look at everything; 1 if anything is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    bad = int(report("colours", [*colours.unreadable(LIGHT), *colours.unreadable(DARK)]))
    with TemporaryDirectory(prefix="perch-ui-") as scratch, browsing() as context:
        for kind in (*QUERIES, "away"):
            if any(only.search(f"{name}-{kind}-{s}-{w}") for name in PAGES for s in SCHEMES for w in WIDTHS):
                with site(Path(scratch), kind) as opened:
                    bad += look(context, opened, folder, only)
    print(f"{bad} with something wrong; {time.monotonic() - began:.0f} s; the pictures lie in {folder}")
    return 1 if bad else 0


def draw_docs(folder: Path) -> None:
    """Take the pictures of docs/ anew, over demo rows, small enough to be committed."""
    with (
        TemporaryDirectory(prefix="perch-ui-") as scratch,
        browsing() as context,
        site(Path(scratch), "demo") as opened,
    ):
        for picture, (name, scheme, width) in DOCS.items():
            path = folder / f"{picture}.png"
            with web.window(context, scheme, width) as page:
                open_page(page, opened, name, DOCS_QUERY)
                web.picture(page, path, width)
            with Image.open(path) as taken:
                height = min(taken.height, PHONE_HEIGHT) if width < 1000 else taken.height
                whole = taken.convert("RGB").crop((0, 0, width, height))
            # The usual method takes the colour from what is thin: a green line came out blue. Without the means what
            # is large and grey came out tinted.
            few = whole.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
            few.save(path, optimize=True)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.ui")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(".ui"), help="where the pictures go (.ui)")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), help="pictures whose name has this pattern")
    parser.add_argument("--docs", action="store_true", help="take the pictures of docs/ and look for nothing")
    given = parser.parse_args()
    sys.exit(draw_docs(ROOT / "docs") if given.docs else main(given.folder, given.only))
