"""A copy of the store while it runs, and a store made anew from the exports.

Downstream of the exports. A backup has everything: rows, quarantine, tokens, marks, and the files of those months whose
rows are nowhere else. A restore has the rows of the data sources alone; each month is one transaction, with the note
that it is in, so that a restore that was killed goes on where it was. Until it is complete no server starts on that
store: its exports would write over those that are still to be read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tqdm import tqdm

from metrics.errors import CopyFailed, Refused, StartError
from metrics.exports import (
    MANIFEST,
    ExportedMonth,
    Exporter,
    digest,
    file_rows,
    make_folder,
    month_path,
    number,
    read_manifest,
    record_month,
    replace_durably,
    sync,
)
from metrics.store import Connection, Store, quoted
from metrics.workspace import Source, Workspace, plain_type


@dataclass(frozen=True)
class Copied:
    """A backup: the last commit in it, and the bytes of its files."""

    commit: int
    bytes: int


def back_up(store: Store, exporter: Exporter, folder: Path) -> Copied:
    """Copy the store, as it is now, into an empty or new folder; writing goes on meanwhile, exporting waits.

    Raises:
        Refused: the folder has something in it.
        CopyFailed: it cannot be written.
    """
    try:
        make_folder(folder)
        taken = any(folder.iterdir())
    except OSError as error:
        raise CopyFailed(f"The folder {folder} cannot be used: {error.strerror}.") from None
    if taken:
        raise Refused(f"The folder {folder} is not empty; name one that is, or that does not exist yet.")
    with exporter.holding():
        _copy_expired(store, exporter.folder, folder / exporter.folder.name)
        size = store.path.stat().st_size
        with store.progress.of("Copying", "B", size, measure=partial(_bytes_in, folder)):
            commit = store.copy_to(folder / store.path.name)
    sync(folder)
    return Copied(commit, _bytes_in(folder))


def _bytes_in(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # what is being written beside is renamed
            sizes += path.stat().st_size if path.is_file() else 0
    return sizes


def _copy_expired(store: Store, exports: Path, target: Path) -> None:
    """The files of months that have expired: their rows are not in the store."""
    with store.snapshot() as cursor:
        paths = cursor.execute(
            "SELECT path, sha256 FROM internal.exports JOIN internal.expired_months USING (datasource, month)"
        ).fetchall()
    for path, wanted in paths:
        copy = target / path
        try:
            make_folder(copy.parent)
            shutil.copyfile(exports / path, copy)
            sync(copy)
            sync(copy.parent)
        except OSError as error:
            raise CopyFailed(f"The export {exports / path} could not be copied: {error.strerror}.") from None
        if digest(copy) != wanted:
            raise CopyFailed(
                f"The export {exports / path} holds rows that have expired and is damaged; see to it first."
            )


@dataclass(frozen=True)
class _Month:
    """A month file that a manifest lists."""

    source: Source
    file: Path
    listed: ExportedMonth


@dataclass(frozen=True)
class Restored:
    """What was restored of one data source."""

    datasource: str
    rows: int
    months: int


def restore(store: Store, workspace: Workspace, folder: Path, exports: Path) -> list[Restored]:
    """Load the exports in `folder` into an empty store, which then has `exports` as its own; shows progress on stderr.

    All files are checked against the manifests first. After a kill the same call goes on.

    Raises:
        Refused: the store is not empty; the exports are not whole, or do not fit the definitions.
        Busy: the store cannot be written; the same call goes on.
    """
    months = _listed(workspace, folder)
    with store.snapshot() as cursor:
        done = dict(
            cursor.execute("SELECT datasource || '/' || month, sha256 FROM internal.restored_months").fetchall()
        )
    if not done:
        _refuse_rows(store)
    left = [month for month in months if done.get(_key(month)) != month.listed.sha256]
    if len(months) - len(left) != len(done):
        raise Refused(f"The exports in {folder} are not those that an earlier restore began with; delete {store.path}.")
    _verify(left)
    rows = sum(month.listed.rows for month in left)
    with tqdm(total=rows, desc="Restoring", unit=" rows", unit_scale=True, leave=False, disable=None) as bar:
        for month in left:
            _load(store, month, exports)
            bar.update(month.listed.rows)
    _finish(store, months, folder, exports)
    names = sorted({month.source.name for month in months})
    of = {name: [month.listed.rows for month in months if month.source.name == name] for name in names}
    return [Restored(name, sum(each), len(each)) for name, each in of.items()]


def refuse_unfinished(store: Store) -> None:
    """Raise StartError if a restore of this store was begun and not completed."""
    with store.snapshot() as cursor:
        begun = number(cursor, "SELECT count(*) FROM internal.restored_months")
    if begun:
        raise StartError(
            f"The store {store.path} is being restored and not complete: run 'python -m metrics restore' again, with "
            "the same folder."
        )


def _key(month: _Month) -> str:
    return f"{month.source.name}/{month.listed.month}"


def _refuse_rows(store: Store) -> None:
    with store.snapshot() as cursor:
        tables = cursor.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'rows' AND database_name = current_database()"
        ).fetchall()
        for (name,) in tables:
            if number(cursor, f"SELECT count(*) FROM (SELECT 1 FROM rows.{quoted(name)} LIMIT 1)"):
                raise Refused(
                    f"The store {store.path} is not empty: {name} has rows; restore into another PERCH_DATA_DIR."
                )
        if number(cursor, "SELECT count(*) FROM internal.exports"):
            raise Refused(
                f"The store {store.path} had rows and exports of its own; restore into another PERCH_DATA_DIR."
            )


# What is there to be restored


def _listed(workspace: Workspace, folder: Path) -> list[_Month]:
    manifests = sorted(folder.glob(f"*{MANIFEST}"))
    without = [
        path.name
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if path.is_dir() and any(path.rglob("*.parquet")) and not (folder / f"{path.name}{MANIFEST}").exists()
    ]
    if without or not manifests:
        missing = folder / f"{without[0] if without else 'DATASOURCE'}{MANIFEST}"
        raise Refused(f"There is no {missing}, which 'python -m metrics export' writes; nothing was restored.")
    return [month for path in manifests for month in _months(workspace, folder, path)]


def _months(workspace: Workspace, folder: Path, path: Path) -> Iterator[_Month]:
    manifest = read_manifest(path)
    try:
        source = workspace.sources.get(manifest["datasource"])
        if source is None:
            raise Refused(f"{path} is of the data source {manifest['datasource']}, which the definitions do not have.")
        _refuse_columns(source, manifest["columns"], path)
        for month in manifest["months"]:
            file = month_path(folder, source.name, month["month"])
            if month["path"] != file.relative_to(folder).as_posix():
                raise ValueError(month["path"])
            yield _Month(source, file, _recorded(source, month))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refused(f"{path} is not a manifest that Perch has written; nothing was restored.") from None


def _refuse_columns(source: Source, columns: list[dict[str, str]], path: Path) -> None:
    kinds = dict(source.columns)
    for column in columns:
        name, kind = column["name"], column["type"]
        if plain_type(kinds.get(name, "missing")) != plain_type(kind):
            now = kinds.get(name, "missing")
            raise Refused(f"{path}: column {name} is {kind} in the exports and {now} in {source.definition.path.name}.")


def _recorded(source: Source, month: dict[str, Any]) -> ExportedMonth:
    first, last = (datetime.fromisoformat(month[end]).replace(tzinfo=None) if month[end] else None for end in _ENDS)
    now = datetime.now(UTC).replace(tzinfo=None)
    sizes = int(month["rows"]), int(month["bytes"])
    return ExportedMonth(source.name, month["month"], *sizes, month["path"], now, month["sha256"], first, last)


_ENDS = ("first", "last")


def _verify(months: list[_Month]) -> None:
    size = sum(month.listed.bytes for month in months)
    with tqdm(total=size, desc="Verifying", unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for month in months:
            _verify_month(month)
            bar.update(month.listed.bytes)


def _verify_month(month: _Month) -> None:
    if not month.file.exists():
        raise Refused(f"{month.file} is missing, though the manifest lists it; nothing was loaded.")
    if digest(month.file) != month.listed.sha256:
        raise Refused(
            f"{month.file} is not the file that the manifest lists (its SHA-256 differs); nothing was loaded. "
            "If an export was cut off, start that Perch once more, or put back a whole copy."
        )
    rows = pq.read_metadata(month.file).num_rows
    if rows != month.listed.rows:
        raise Refused(
            f"{month.file} has {rows:,} rows and the manifest says {month.listed.rows:,}; nothing was loaded."
        )


# Into the store


def _load(store: Store, month: _Month, exports: Path) -> None:
    """One month, whole, in one transaction, which also notes that it is in and that it is exported."""
    _keep_file(month.file, exports / month.listed.path)
    seq = store.last_seq() + 1
    name = month.source.name
    with store.transaction() as connection:
        _insert(connection, month, seq)
        record_month(connection, month.listed)
        connection.execute("INSERT OR REPLACE INTO internal.export_marks VALUES (?, ?)", [name, seq])
        connection.execute("UPDATE internal.last_change SET seq = ?", [seq])
        values = [name, month.listed.month, month.listed.sha256]
        connection.execute("INSERT INTO internal.restored_months VALUES (?, ?, ?)", values)
    store.acknowledge(seq)
    store.fold_log()


def _insert(connection: Connection, month: _Month, seq: int) -> None:
    columns = ", ".join(quoted(name) for name, _ in month.source.columns)
    inserted = connection.execute(
        f"INSERT INTO rows.{quoted(month.source.name)} ({columns}, _seq) "
        f"SELECT *, {seq} FROM ({file_rows(connection, month.source, month.file)})"
    ).fetchone()
    if not inserted or inserted[0] != month.listed.rows:
        raise Refused(f"{month.file} changed while it was read; run the same command again.")


def _keep_file(file: Path, own: Path) -> None:
    """The store's own exports must have the file that it is about to be recorded with."""
    if own.exists() and own.samefile(file):
        return
    make_folder(own.parent)
    beside = own.with_name(f".{own.name}.part")
    beside.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.link(file, beside)  # our exports never write into a file that is there
    if not beside.exists():
        shutil.copyfile(file, beside)
    replace_durably(beside, own)


def _finish(store: Store, months: list[_Month], folder: Path, exports: Path) -> None:
    for name in sorted({month.source.name for month in months}):
        _keep_file(folder / f"{name}{MANIFEST}", exports / f"{name}{MANIFEST}")
    with store.transaction() as connection:
        connection.execute("DELETE FROM internal.restored_months")
