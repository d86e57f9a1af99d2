"""The "API" of a panel: the address and the curl that give its numbers, and its rows as CSV and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from metrics.dashboard import client
from metrics.dashboard import format as fmt


def offer(place: DeltaGenerator, read: Sequence[client.Read], name: str) -> None:
    """The control of one panel. What it offers is made when it is opened, and a file when it is asked for."""
    opened = place.popover(
        "API",
        icon=":material/code:",
        type="tertiary",
        key=f"api-{name}",
        on_change="rerun",
        help="The address of these numbers, and their rows as a file",
    )
    if opened.open:
        with opened:
            st.caption(
                "`PERCH_TOKEN` stands for a token that may read. "
                "`.csv`, `.ndjson` and `.parquet` go in place of `.json`."
            )
            for one in read:
                _one(one, name)


def curl(call: client.Call) -> str:
    """The command that answers what the panel has read. The token is a variable of the shell, never a value."""
    return f"curl -H \"Authorization: Bearer $PERCH_TOKEN\" \\\n  '{call.address()}'"


def parquet(rows: pd.DataFrame) -> bytes:
    """The rows as a Parquet file."""
    file = BytesIO()
    rows.to_parquet(file, index=False)
    return file.getvalue()


def _one(read: client.Read, panel: str) -> None:
    st.code(curl(read.call), language=None, wrap_lines=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        files(read.rows, read.call.path.rsplit("/", 1)[-1].removesuffix(".json"), f"{panel}-{read.name}")
        st.caption(fmt.plural(len(read.rows), "row"), width="content")


def files(rows: pd.DataFrame, name: str, key: str, note: str | None = None) -> None:
    """Two buttons: these rows as CSV and as Parquet."""
    kinds: dict[str, tuple[str, str, Callable[[], str | bytes]]] = {
        "CSV": ("csv", "text/csv", lambda: rows.to_csv(index=False)),
        "Parquet": ("parquet", "application/vnd.apache.parquet", lambda: parquet(rows)),
    }
    for label, (ending, mime, data) in kinds.items():
        st.download_button(
            label,
            data=data,
            file_name=f"{name}.{ending}",
            mime=mime,
            icon=":material/download:",
            on_click="ignore",
            key=f"{ending}-{key}",
            help=note,
        )
