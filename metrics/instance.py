"""One running Perch: a store, the definitions it serves, the threads that write, export and sort.

The server and the commands open the same thing; `metrics/api/` translates HTTP to calls on it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from metrics.backup import refuse_unfinished
from metrics.errors import Busy, PerchError, StartError
from metrics.exports import Exporter
from metrics.idempotency import Keys
from metrics.materializing import rollups_of
from metrics.ordering import Orderer
from metrics.pipes import Endpoints
from metrics.pricing import Pricing
from metrics.retention import Retention
from metrics.rollups import Rollup, asking_for_fresh, keep_up
from metrics.rollups import bring_up as bring_up_rollups
from metrics.settings import Settings
from metrics.store import Connection, Store
from metrics.tokens import Tokens, admin_token, declare_tokens
from metrics.workspace import Workspace, bring_up, load_workspace
from metrics.writer import Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Definitions:
    """What is served: the definitions of a project, checked, and its endpoints."""

    workspace: Workspace
    endpoints: Endpoints


@dataclass
class Perch:
    """Everything a request may need.

    `definitions` is the one part that changes: `reload` puts another in its place, whole, and a request under way goes
    on with what it has taken from the earlier one.
    """

    settings: Settings
    store: Store
    writer: Writer
    tokens: Tokens
    keys: Keys
    exporter: Exporter
    orderer: Orderer
    retention: Retention
    definitions: Definitions

    @property
    def workspace(self) -> Workspace:
        """The data sources and pipes that are served now."""
        return self.definitions.workspace

    @property
    def endpoints(self) -> Endpoints:
        """The endpoints that are served now."""
        return self.definitions.endpoints

    def reload(self) -> None:
        """Read the project again, bring the store up to it and serve it; what is served stays when that fails.

        Raises:
            DefinitionError: a definition is wrong.
            StartError: the store does not fit the files.
            Busy: the store cannot be written now.
        """
        workspace = load_workspace(self.settings.project)
        read = Definitions(workspace, _endpoints(self.settings, self.store, workspace))
        earlier, rollups = (self.writer.sources, self.writer.pricing), rollups_of(workspace)
        try:
            self.writer.run(lambda connection: self._take_over(connection, workspace, rollups), alone=True)
        except BaseException:  # it may have failed after that, in its commit
            self.writer.sources, self.writer.pricing = earlier
            raise
        self.tokens.read()
        self.definitions = read

    def _take_over(self, connection: Connection, workspace: Workspace, rollups: Sequence[Rollup]) -> None:
        """Between two groups of rows: those that wait were checked by the earlier definitions, and get new DEFAULTs."""
        _bring_up(connection, workspace, rollups)
        self.writer.sources = workspace.sources
        self.store.asks_for_fresh = asking_for_fresh(rollups)
        self.writer.pricing = Pricing(workspace.prices, self.settings.cost)


@contextlib.contextmanager
def open_perch(settings: Settings) -> Iterator[Perch]:
    """Open the store, bring it up to the definitions and start the writer; on the way out export and close.

    Raises:
        StartError: the data folder cannot be written, the store is held by another process or does not fit the files.
        DefinitionError: a definition is wrong.
    """
    workspace = load_workspace(settings.project)
    pa.array([0])  # makes pyarrow look for pandas and load it: now, and not while the first request waits
    with open_store(settings, workspace) as store:
        refuse_unfinished(store)
        yield from _running(settings, store, workspace)


@contextlib.contextmanager
def open_store(settings: Settings, workspace: Workspace) -> Iterator[Store]:
    """The store alone, brought up to the definitions; closed on the way out.

    Raises:
        StartError: as `open_perch` does.
    """
    _make_folder(settings)
    store = Store(settings.store_path, memory=settings.store_memory)
    try:
        _start(store, workspace, rollups_of(workspace))
        yield store
    finally:
        store.close()


def _start(store: Store, workspace: Workspace, rollups: Sequence[Rollup]) -> None:
    try:
        with store.transaction() as connection:
            _bring_up(connection, workspace, rollups)
        store.asks_for_fresh = asking_for_fresh(rollups)
    except Busy:
        raise StartError(f"The store {store.path} cannot be written to; is its disk full?") from None


def _bring_up(connection: Connection, workspace: Workspace, rollups: Sequence[Rollup]) -> None:
    """The tables, the rollups and the tokens that the definitions declare."""
    bring_up(connection, workspace)
    bring_up_rollups(connection, rollups)
    declare_tokens(connection, workspace.scopes)


def _running(settings: Settings, store: Store, workspace: Workspace) -> Iterator[Perch]:
    pricing = Pricing(workspace.prices, settings.cost)
    writer = Writer(store, pricing, queue_rows=settings.queue_rows, queue_bytes=settings.queue_bytes)
    tokens = Tokens(store, writer, admin_token(settings))
    keys = Keys(store, settings.idempotency_keep)
    exporter = Exporter(store, writer, settings.exports_dir)
    stopping = threading.Event()
    orderer = Orderer(store, writer, stopping)
    definitions = Definitions(workspace, _endpoints(settings, store, workspace))
    retention = Retention(store, writer, exporter)
    perch = Perch(settings, store, writer, tokens, keys, exporter, orderer, retention, definitions)
    writer.start()
    threads = [
        threading.Thread(target=_upkeep, args=(perch, stopping), name="upkeep", daemon=True),
        threading.Thread(target=orderer.upkeep, args=(lambda: perch.workspace,), name="ordering", daemon=True),
        threading.Thread(target=keep_up, args=(store, stopping), name="rollups", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield perch
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        _export(perch)
        writer.stop()


def _endpoints(settings: Settings, store: Store, workspace: Workspace) -> Endpoints:
    return Endpoints(workspace, store, settings.query_timeout.total_seconds())


def _make_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"PERCH_DATA_DIR: {settings.data_dir} cannot be made: {error.strerror}.") from None
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise StartError(f"PERCH_DATA_DIR: {settings.data_dir} cannot be written to; give this user the right to.")


def _upkeep(perch: Perch, stopping: threading.Event) -> None:
    with contextlib.suppress(Busy):  # what is not forgotten now is forgotten next time
        perch.writer.run(perch.keys.forget_old)
    while not stopping.wait(perch.settings.export_every.total_seconds()):
        _export(perch)
        _expire(perch, stopping)
        with contextlib.suppress(Busy):
            perch.writer.run(perch.keys.forget_old)


def _export(perch: Perch) -> None:
    with _logged("the export failed; what changed stays marked and is exported next time"):
        perch.exporter.export(perch.workspace)


def _expire(perch: Perch, stopping: threading.Event) -> None:
    with _logged("months that are due were not expired; their rows stay until the next time"):
        perch.retention.expire(perch.workspace, stopping.is_set)


@contextlib.contextmanager
def _logged(failed: str) -> Iterator[None]:
    """What fails in the upkeep (a full disk) is tried again next time and must not stop the server."""
    try:
        yield
    except PerchError as error:
        log.error("%s: %s", failed, error.message)
    except Exception:
        log.exception(failed)
