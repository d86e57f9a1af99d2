"""Definitions that are served as soon as they are saved: what `dev` and `serve --watch` do.

Beside the river. A thread waits for a change of a definition's file, lets the editor finish, and puts what it now says
in place of what is served (`Perch.reload`). When it is wrong, the mistakes are told and nothing is replaced.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from metrics.checking import check, from_here
from metrics.datafiles import load_folder
from metrics.errors import DefinitionError, PerchError, StartError
from metrics.instance import Perch
from metrics.prices import FILE, load_prices

QUIET = 0.1
"""Seconds without another change after which a save is complete: editors write, rename and touch in a row."""

_CHANGES = frozenset(("created", "modified", "moved", "deleted"))  # and not the reading of a file, which we do too
_SUFFIXES = (".datasource", ".pipe", FILE)

Say = Callable[[str], None]
log = logging.getLogger(__name__)


@contextlib.contextmanager
def watching(perch: Perch, say: Say) -> Iterator[None]:
    """Serve each saved change of the definitions until the end of the block; `say` is told what becomes of it.

    Raises:
        StartError: the system cannot watch the folder.
    """
    saved, stopping = threading.Event(), threading.Event()
    observer = Observer()
    observer.schedule(_Saves(saved), str(perch.settings.project), recursive=True)
    try:
        observer.start()
    except OSError as error:
        folder = perch.settings.project
        raise StartError(
            f"The folder {folder} cannot be watched ({error.strerror}): free some inotify watches."
        ) from None
    if _is_stale(perch):  # something was saved between the reading of the files and the watch
        saved.set()
    reloading = threading.Thread(target=_reload_when, args=(saved, stopping, perch, say), name="reload", daemon=True)
    reloading.start()
    try:
        yield
    finally:
        stopping.set()
        saved.set()
        observer.stop()
        observer.join()
        reloading.join()


def _is_stale(perch: Perch) -> bool:
    try:
        now = load_folder(perch.settings.project)
        prices = load_prices(perch.settings.project)
    except DefinitionError:
        return True
    served = {name: source.definition for name, source in perch.workspace.sources.items()}
    return now.pipes != perch.workspace.pipes or now.datasources != served or prices != perch.workspace.prices


class _Saves(FileSystemEventHandler):
    """Sets an event whenever a definition, or a folder that may hold some, has changed."""

    def __init__(self, saved: threading.Event) -> None:
        self._saved = saved

    def on_any_event(self, event: FileSystemEvent) -> None:
        paths = (str(event.src_path), str(event.dest_path))
        moved_folder = event.is_directory and event.event_type in ("moved", "deleted")
        if event.event_type in _CHANGES and (moved_folder or any(path.endswith(_SUFFIXES) for path in paths)):
            self._saved.set()


def _reload_when(saved: threading.Event, stopping: threading.Event, perch: Perch, say: Say) -> None:
    while saved.wait() and not stopping.is_set():
        saved.clear()
        if saved.wait(QUIET):
            continue
        try:
            reload(perch, say)
        except Exception:  # the thread must outlive whatever a half-written project makes of it
            log.exception("the definitions could not be reloaded")


def reload(perch: Perch, say: Say) -> None:
    """Serve what the files say now, or tell why not."""
    old, before, started = perch.workspace.pipes, set(_urls(perch)), time.perf_counter()
    try:
        perch.reload()
    except DefinitionError as error:
        told = _told(perch.settings.project) or error.message
        say(f"{told}\nNot reloaded: what was served before is served still.")
    except PerchError as error:
        say(f"{error.message}\nNot reloaded: what was served before is served still.")
    else:
        after = set(_urls(perch))
        changes = [f"  + {url}" for url in sorted(after - before)] + [f"  - {url}" for url in sorted(before - after)]
        say("\n".join([f"Reloaded in {time.perf_counter() - started:.2f} s.", *changes]))
        new = perch.workspace.pipes
        if told := _told(perch.settings.project, [name for name in new if new[name] != old.get(name)]):
            say(told)


def _urls(perch: Perch) -> Iterator[str]:
    for endpoint in perch.endpoints.all():
        if endpoint.pipe.kind == "endpoint":
            yield f"{perch.settings.url}/v0/pipes/{endpoint.pipe.name}.json"
    for source in perch.workspace.sources:
        yield f"{perch.settings.url}/v0/events?name={source}"


def _told(folder: Path, pipes: Container[str] | None = None) -> str:
    """All that `check` tells of errors and warnings; with `pipes` it does not take the time for the others."""
    return "\n".join(str(problem) for problem in check(from_here(folder), pipes).problems if problem.severity != "hint")
