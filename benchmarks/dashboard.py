"""`make bench-ui`: how fast the dashboard is for who looks at it, with ten million calls behind it.

A year of calls (benchmarks/year.py), moved so that it ends now, lies in a server of its own; a dashboard asks it, and a
real Chromium opens the dashboard. Of every page are measured: a cold load (a new tab, the browser's cache warm), the
filters Model and Range (until the first figure changed, and until all is drawn) and the click on its link in an open
session. Then viewers look at all pages with a refresh of 30 s: all but one of them speak Streamlit's protocol without
a browser, since twenty browsers on this machine would measure each other; the last one is a tab of Chromium.

Times are the browser's own, from its event of the click (or the start of the navigation) to the frame after the last
change of the page; "all" is reached when the script has ended, every chart is drawn, and nothing changed for a while.
Each rendering of a page asks questions that nobody asked before in the quarter of a minute for which answers are kept;
the values of the filters and the prices are kept for longer.
A table goes to stdout and all figures to a JSON file, which `python -m benchmarks.draw` puts into docs/benchmarks.md.
Traffic goes to 127.0.0.1 alone; all processes are stopped and, unless `--data` names a folder, all files removed.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tqdm import tqdm
from websockets.sync.client import ClientConnection, connect

from benchmarks.endpoints import quantile
from benchmarks.history import Json, Running, described, load, started
from benchmarks.ingest import TOKEN, cpu_seconds
from benchmarks.year import MODELS, write, year_end
from metrics.dashboard.client import FRESH
from tests import browser as web

PAGES = ("overview", "usage", "performance", "errors", "models", "events", "data")
RANGES = ("7d", "90d", "24h", "All")
EVERY = 30
"""Seconds between two refreshes of a viewer."""

MEASURES = {
    "click": ("click", 1.5),
    "model_first": ("model: first", 0.3),
    "model": ("all", 1.0),
    "range_first": ("range: first", 0.3),
    "range": ("all", 1.0),
    "cold": ("cold load", 3.0),
}
"""What is measured of a page: its name in the table, and the seconds that it may take."""

REFRESH_TARGET = 1.5
"""Seconds in which 95 of 100 refreshes of the viewers have to be done."""

FAILED = '[data-testid="stException"], [data-testid="stAlertContentError"], h3:has-text("API")'
"""What a page shows where it, or a panel of it, could not be drawn."""

RECORDER = """(() => {
  const quiet = 300, inPage = '[data-testid=stMain],[data-testid=stSidebar]';
  const drawn = '[data-testid=stMetric],[data-testid=stVegaLiteChart],[data-testid=stDataFrame]';
  const figures = () => [...document.querySelectorAll('[data-testid=stMetric]')].map(card => card.textContent);
  const state = () => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state');
  let began = 0, first = 0, last = 0, ran = false, known = new Set(), armed = false, waiting = false, touched = false;
  const begin = event => { if (armed) { began = event.timeStamp; armed = false; } };
  ['click', 'keydown'].forEach(kind => addEventListener(kind, begin, true));
  const note = () => {  // the frame that shows the change has been painted
    waiting = false;
    last = performance.now();
    const now = figures(), same = now.length ? now.every(figure => known.has(figure)) : !touched;
    if (!first && !same) first = last;
  };
  new MutationObserver(records => {
    if (state() === 'running') {
      if (armed) { began = performance.now(); armed = false; }
      ran = true;
    }
    const within = record => record.target.nodeType === 1 ? record.target : record.target.parentElement;
    touched ||= ran && records.some(record => within(record)?.closest(drawn));
    if (waiting || !records.some(record => within(record)?.closest(inPage))) return;
    waiting = true;
    requestAnimationFrame(() => setTimeout(note));
  }).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
  const busy = '[data-testid=stSkeleton],[data-testid=stSpinner],[data-stale=true]';
  const charts = () => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
    .every(chart => chart.querySelector('svg.marks,canvas')?.getBoundingClientRect().height > 20);
  window.perch = {
    arm() { [began, first, last, ran, touched, known, armed] = [0, 0, 0, false, false, new Set(figures()), true]; },
    done() {
      const over = ran && !armed && !waiting && state() === 'notRunning' && performance.now() - last > quiet;
      if (!over || document.querySelector(busy) || !charts()) return null;
      return {all: (last - began) / 1000, first: first ? (first - began) / 1000 : null};
    },
  };
})()"""
"""Notes when the page changes. `arm()` before a click (or before a refresh, which begins with the run of the script);
a page that was just opened counts from the start of its navigation. `done()` tells the seconds once all is drawn."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table and write all figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=10_000_000, metavar="N", help="calls in the store")
    parser.add_argument("--repeats", type=int, default=4, help="times that each page is opened, clicked and filtered")
    parser.add_argument("--refreshes", type=int, default=3, help="refreshes of each viewer")
    parser.add_argument("--viewers", type=int, default=20, help="viewers at the same time (0: not measured)")
    parser.add_argument("--only", nargs="+", choices=PAGES, default=PAGES, metavar="PAGE", help=", ".join(PAGES))
    parser.add_argument("--data", type=Path, help="folder that keeps the generated months for the next run")
    parser.add_argument("--out", type=Path, help="file for all figures (JSON); default: one in the temporary folder")
    given = parser.parse_args(arguments)
    out = given.out or Path(tempfile.gettempdir()) / f"perch-bench-ui-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.data or Path(temporary)) / f"{given.rows}-{year_end():%Y-%m}"
        files = write(folder / "exports", given.rows, year_end())
        with tempfile.TemporaryDirectory(dir=folder, prefix="work-") as work:
            load(Path(work) / "perch", files, moved=_until_now())
            with started(Path(work) / "perch") as perch:
                seconds = perch.settled()
                _sort(perch)
                print(f"The server needed {seconds:.0f} s to settle.", flush=True)
                result = {**described(), "rows": given.rows, "repeats": given.repeats}
                result |= measure(perch, Path(work), given.only, given.repeats, given.viewers, given.refreshes)
    out.write_text(json.dumps(result, indent=1))
    print(f"\n{told(result)}\nAll figures: {out}\nIn the page of benchmarks: python -m benchmarks.draw {out} docs/")


def _until_now() -> timedelta:
    """Whole days from the year's end to the end of today: its office hours stay office hours."""
    return timedelta(days=(datetime.now(UTC).replace(tzinfo=None) - year_end()).days + 1)


def _sort(perch: Running) -> None:
    """Have the server sort closed days now, which it would otherwise do by itself in the midst of it all."""
    perch.connection.request("POST", f"/v0/order?token={TOKEN}")
    answer = perch.connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read().decode())
    answer.read()


def measure(
    perch: Running, folder: Path, pages: Sequence[str], repeats: int, viewers: int, refreshes: int
) -> dict[str, Any]:
    """All figures in seconds: of each page, of the viewers, and what the two servers needed of the processor."""
    figures: dict[str, dict[str, list[float]]] = {page: {name: [] for name in MEASURES} for page in pages}
    with (
        web.dashboard(perch.url, TOKEN, folder) as dashboard,
        web.chromium() as chromium,
        chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="UTC") as context,
    ):
        context.add_init_script(RECORDER)
        for page in pages:  # once that does not count: the browser's cache, and what both servers keep for good
            _open(context, dashboard.url, page).close()
        for turn in tqdm(range(repeats), desc="Cold loads and filters", unit="turn"):
            for page in pages:
                _cold_and_filtered(context, dashboard.url, page, turn, figures[page])
        with closing(_open(context, dashboard.url, pages[-1])) as tab:
            for _ in tqdm(range(repeats), desc="Clicks", unit="turn"):
                _until_all_is_forgotten()
                for page in pages:
                    figures[page]["click"].append(_click(tab, page))
        result: dict[str, Any] = {"pages": figures}
        if viewers:
            with closing(_open(context, f"{dashboard.url}", pages[0], refresh=f"{EVERY}s")) as tab:
                result["viewers"] = _viewed(tab, dashboard, perch, pages, viewers, refreshes)
    return result


# ---- One viewer ----


def _open(context: BrowserContext, url: str, page: str, refresh: str = "") -> Page:
    """A new tab with a page that is all drawn."""
    tab = context.new_page()
    tab.goto(f"{url}/{'' if page == 'overview' else page}{f'?refresh={refresh}' if refresh else ''}")
    _done(tab)
    return tab


def _done(tab: Page, seconds: float = 120) -> dict[str, Any]:
    """Wait until all is drawn; the seconds to the first changed figure (None: no figure changed) and to all.

    Raises:
        RuntimeError: what the page shows is not its figures but a failure.
    """
    done: dict[str, Any] = tab.wait_for_function("window.perch.done()", timeout=seconds * 1000, polling=50).json_value()
    if failed := tab.locator(FAILED).all_inner_texts():
        raise RuntimeError(f"{tab.url} shows: {failed[0]}")
    return done


def _until_all_is_forgotten() -> None:
    """Wait for the next moment at which the dashboard asks anew, whatever it has asked before."""
    time.sleep(FRESH - time.time() % FRESH + 0.1)


def _cold_and_filtered(
    context: BrowserContext, url: str, page: str, turn: int, found: Mapping[str, list[float]]
) -> None:
    with closing(_open(context, url, page)) as tab:
        found["cold"].append(_done(tab)["all"])
        box = tab.get_by_test_id("stMultiSelect").filter(has_text="Model").locator("input")
        box.fill(MODELS[turn % len(MODELS)][0])
        tab.evaluate("window.perch.arm()")
        box.press("Enter")
        _note(found, "model", _done(tab))
        chosen = RANGES[turn % len(RANGES)]
        tab.evaluate("window.perch.arm()")
        tab.get_by_test_id("stSidebar").locator("button").get_by_text(chosen, exact=True).click()
        _note(found, "range", _done(tab))


def _note(found: Mapping[str, list[float]], name: str, done: Mapping[str, float | None]) -> None:
    for key, seconds in ((f"{name}_first", done["first"]), (name, done["all"])):
        if seconds is not None:
            found[key].append(seconds)


def _click(tab: Page, page: str) -> float:
    tab.evaluate("window.perch.arm()")
    tab.get_by_test_id("stSidebar").get_by_role("link", name=page.capitalize(), exact=True).click()
    return float(_done(tab)["all"])


# ---- Many viewers ----


def _viewed(
    tab: Page, dashboard: web.Dashboard, perch: Running, pages: Sequence[str], viewers: int, refreshes: int
) -> Json:
    """Let the viewers look, `EVERY` seconds apart and spread over them; the seconds of each refresh."""
    found: dict[str, list[float]] = {page: [] for page in pages}
    threads = [
        threading.Thread(target=_view, args=(dashboard.url, pages[place % len(pages)], refreshes, found))
        for place in range(1, viewers)
    ]
    servers = {"dashboard": dashboard.pid, "api": perch.pid}
    before, began = {name: cpu_seconds(pid) for name, pid in servers.items()}, time.perf_counter()
    for thread in threads:
        thread.start()
        time.sleep(EVERY / viewers)
    in_browser = []
    for _ in tqdm(range(refreshes), desc=f"{viewers} viewers", unit="refresh"):
        tab.evaluate("window.perch.arm()")
        in_browser.append(float(_done(tab, 2 * EVERY)["all"]))
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    cpu = {name: (cpu_seconds(pid) - before[name]) / seconds for name, pid in servers.items()}
    return {"count": viewers, "refreshes": found, "in_browser": in_browser, "cores": cpu}


def _view(url: str, page: str, refreshes: int, found: Mapping[str, list[float]]) -> None:
    """One viewer without a browser: open a page, then run its fragment again each `EVERY` seconds."""
    address = f"ws{url.removeprefix('http')}/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
        asked = BackMsg()
        asked.rerun_script.query_string = f"refresh={EVERY}s"
        asked.rerun_script.page_name = "" if page == "overview" else page
        asked.rerun_script.context_info.timezone = "UTC"
        asked.rerun_script.context_info.url = f"{url}/{asked.rerun_script.page_name}"
        fragment, script = _run(socket, asked)
        if not fragment:
            raise RuntimeError(f"The page {page} does not refresh itself.")
        asked.rerun_script.fragment_id, asked.rerun_script.page_script_hash = fragment, script
        asked.rerun_script.is_auto_rerun = True
        for _ in range(refreshes):
            time.sleep(EVERY)
            began = time.perf_counter()
            _run(socket, asked)
            found[page].append(time.perf_counter() - began)


def _run(socket: ClientConnection, asked: BackMsg) -> tuple[str, str]:
    """One run of the script, to its last message: the fragment that is to run again, and the page."""
    socket.send(asked.SerializeToString())
    fragment = script = ""
    while True:
        message = ForwardMsg.FromString(socket.recv(timeout=60))  # type: ignore[arg-type]
        kind = message.WhichOneof("type")
        if kind == "auto_rerun" and message.auto_rerun.interval == EVERY:
            fragment = message.auto_rerun.fragment_id
        elif kind == "new_session":
            script = message.new_session.page_script_hash
        elif kind == "script_finished":
            return fragment, script


# ---- The table ----


def told(result: Mapping[str, Any]) -> str:
    """All figures as a table of Markdown, with what holds for all of them above and the viewers below."""
    machine = result["machine"]
    where = f"{machine['cores']} cores ({machine['processor']}), {result['made_at']}"
    lines = [
        f"{result['rows']:,} calls, {result['repeats']} repetitions, {where}.",
        "Seconds: p50 / p95; **bold** where the p95 misses the target.",
        "",
        f"| Page | {' | '.join(name for name, _ in MEASURES.values())} |",
        f"|---|{'---|' * len(MEASURES)}",
        f"| target | {' | '.join(f'{target:g}' for _, target in MEASURES.values())} |",
        *(_line(page, found) for page, found in result["pages"].items()),
    ]
    return "\n".join([*lines, *(_of_viewers(result["viewers"]) if "viewers" in result else [])])


def _line(page: str, found: Mapping[str, Sequence[float]]) -> str:
    return f"| {page.capitalize()} | {' | '.join(_cell(found[name], MEASURES[name][1]) for name in MEASURES)} |"


def _cell(seconds: Sequence[float], target: float) -> str:
    if not seconds:
        return "no figure"
    text = f"{quantile(seconds, 0.5):.2f} / {quantile(seconds, 0.95):.2f}"
    return f"**{text}**" if quantile(seconds, 0.95) > target else text


def _of_viewers(viewers: Mapping[str, Any]) -> list[str]:
    each = [seconds for page in viewers["refreshes"].values() for seconds in page]
    pages = ", ".join(
        f"{page} {quantile(seconds, 0.5):.2f} / {max(seconds):.2f}"
        for page, seconds in viewers["refreshes"].items()
        if seconds
    )
    cores = ", ".join(f"{name} {used:.2f}" for name, used in viewers["cores"].items())
    return [
        "",
        f"{viewers['count']} viewers, a refresh each {EVERY} s (target p95: {REFRESH_TARGET:g}); {len(each)} in all:",
        f"until the last message {_cell(each, REFRESH_TARGET)}; in a tab of Chromium among them, until all is drawn "
        + _cell(viewers["in_browser"], REFRESH_TARGET),
        f"by page, p50 / worst: {pages}",
        f"processor cores in use meanwhile: {cores}",
    ]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, and with it all that it started
    main()
