"""What a page says when it has no rows to draw, and when its rows need a word: away, refused, empty, demo, left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from metrics.dashboard import client, source, urlstate, viewer
from metrics.dashboard import format as fmt
from metrics.dashboard.filters import Filters
from metrics.settings import load_settings

FIRST_EVENT = """curl '{url}/v0/events?name=llm_events&wait=true' \\
     -H "Authorization: Bearer {token}" \\
     -d '{{"event_time": "{now:%Y-%m-%d %H:%M:%S}", "model_name": "gpt-4",
          "prompt_tokens": 150, "completion_tokens": 50,
          "cost": 0.023, "latency": 1.45, "success": 1}}'"""


@dataclass
class _Open:
    """The panel that is being drawn: where its API control goes."""

    place: DeltaGenerator | None = None


_panel: ContextVar[_Open | None] = ContextVar("panel", default=None)


@contextmanager
def panel(title: str = "", note: str = "", border: bool = True) -> Iterator[None]:
    """A card. An endpoint that fails while it is drawn fails here only: the card says so, the page goes on.

    What is read while it is drawn, it offers as "API": what the viewer's token may not read is not among it.
    """
    with st.container(border=border, height="stretch"), client.noting() as read:
        opened = _Open()
        outer = _panel.set(opened)
        try:
            if title:
                with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                    with heading(title):
                        pass
                    if note:
                        st.caption(note, width="content")
            with _contained():
                yield
        finally:
            _panel.reset(outer)
        if read:
            place = opened.place or st.container(horizontal=True, horizontal_alignment="right")
            source.offer(place, read, title or "-".join(one.name for one in read))


@contextmanager
def heading(title: str) -> Iterator[None]:
    """The title of a panel, what is drawn within beside it, and the place of the panel's API control."""
    with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
        st.subheader(title, anchor=False, width="content")
        yield
        if opened := _panel.get():
            opened.place = st.container(width="content")


@contextmanager
def _contained() -> Iterator[None]:
    try:
        yield
    except client.TokenRefused as refused:
        st.info(f"Not for this token: {refused}", icon=":material/lock:")
    except client.EndpointFailed as failure:
        _failure(str(failure))
    except LookupError as missing:  # definitions of the user's own may answer with other columns, or no row
        _failure(f"its endpoint does not answer with what it needs ({missing}).")


@contextmanager
def waiting(part: str) -> Iterator[None]:
    """Show in a corner, over the page, that its answers are waited for and for how long, where that takes a moment.

    `part` tells one of these from another of the same page.
    """
    with ExitStack() as reading:
        with st.container(key=f"waiting-{part}"):
            reading.enter_context(st.spinner("Reading", show_time=True))
        yield


def unreadable(failure: client.ApiError) -> None:
    """The whole page cannot be drawn: the API is away, refuses the token, or cannot answer what every page needs."""
    if isinstance(failure, client.ApiAway):
        _away(failure)
    elif isinstance(failure, client.TokenRefused):
        _refused(failure)
    else:
        with card("error", "The dashboard cannot read the API"):
            line(str(failure))
            _retry()


def _away(failure: client.ApiAway) -> None:
    with card("cloud_off", "The Perch API does not answer"):
        line(f"Asked `{failure.url}`: {failure.cause}.")
        line("Start it with `python ingest_server.py`, or API and dashboard together with `make run`.")
        line("If it runs elsewhere, set `PERCH_API_URL`. The filters stay in the address of this page.")
        _retry()


def _refused(failure: client.TokenRefused) -> None:
    settings = load_settings()
    with card("key_off", "The API refused the dashboard's token" if viewer.at_home() else "The API refused your token"):
        line(f"`{viewer.api_url()}` answered: {failure}")
        if viewer.at_home():
            line(
                "Set `PERCH_TOKEN` to a token that may read, or run the dashboard where "
                f"`{settings.admin_token_path}` can be read."
            )
            _retry()
        else:
            with st.container(horizontal=True, horizontal_alignment="center"):
                st.button("Sign in again", icon=":material/login:", type="primary", on_click=viewer.leave)


def old_numbers(failure: client.ApiAway, answered: datetime) -> None:
    """The bar over a page whose numbers are those of before the API went away."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"**The Perch API does not answer** (`{viewer.api_url()}`: {failure.cause}). These are the numbers of "
            f"**{answered:%d %b %Y %H:%M:%S}**; they stay until it is back.",
            icon=":material/cloud_off:",
        )
        st.button("Retry", icon=":material/refresh:", key="retry_old", on_click=client.forget)


def first_run(quarantined: int) -> None:
    """No event yet: the command that sends one. The page turns live by itself when it arrives."""
    with card("rocket_launch", "No events yet"):
        line("Send the first one; this page shows it within seconds.")
        command = FIRST_EVENT.format(url=viewer.api_url(), token=_token_text(), now=pd.Timestamp.now("UTC"))
        st.code(command, language=None, width=620, wrap_lines=True)
        if quarantined:
            line(f"**{fmt.plural(quarantined, 'row')} arrived but could not be read**: the Data page says why.")
        line("To look around first, fill in demo data: `python -m metrics demo`.")


def _token_text() -> str:
    """How a shell of this machine gets at the token: never the token itself."""
    settings = load_settings()
    from_file = (
        viewer.at_home() and not settings.token and not settings.admin_token and settings.admin_token_path.exists()
    )
    return f"$(cat {settings.admin_token_path})" if from_file else "$PERCH_TOKEN"


def nothing_here(filters: Filters, extent: tuple[datetime, datetime]) -> None:
    """Events exist, but none in this view: say where they lie and offer the way there."""
    zone = ZoneInfo(filters.timezone)
    first, last = (moment.astimezone(zone) for moment in extent)
    outside = filters.end <= extent[0] or filters.start > extent[1]
    with card("inbox", "No events in this time range" if outside else "No events match these filters"):
        line(f"The events held run from **{first:%d %b %Y}** to **{last:%d %b %Y}**.")
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button("Show all time", icon=":material/all_inclusive:", type="primary", on_click=_all_time)
            st.button("Reset filters", icon=":material/filter_alt_off:", on_click=urlstate.reset)


def demo(events: int) -> None:
    """The bar that tells synthetic numbers from real ones."""
    st.info(
        f"**Demo data**: {fmt.plural(events, 'synthetic event')} (`environment = demo`) count unless the filters leave "
        "them out. Remove exactly those with `python -m metrics demo --remove`.",
        icon=":material/science:",
    )


def left_out(totals: pd.Series) -> None:
    """Say which calls are not in the numbers above: those without a price, and latencies nobody can believe."""
    said = []
    if unpriced := totals["unpriced_requests"]:
        tokens = fmt.count(totals["unpriced_tokens"])
        said.append(f"{fmt.plural(unpriced, 'request')} unpriced ({tokens} tokens), not in the spend")
    remark([*said, *odd_latencies(totals)])


def odd_latencies(counts: pd.Series) -> list[str]:
    """How many latencies are left out because nobody can believe them, and how many are not known."""
    said = []
    if implausible := counts["implausible_latencies"]:
        said.append(f"{fmt.plural(implausible, 'latency value')} beyond 0 to 3,600 s left out")
    if unknown := counts["unknown_latencies"]:
        said.append(f"{fmt.plural(unknown, 'request')} without a known latency")
    return said


def remark(said: Sequence[str]) -> None:
    """Remarks in small type, one line; none, no line. A panel without a title has its API control beside them."""
    if not said:
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(":material/info: " + " · ".join(said), width="content")
        if (opened := _panel.get()) and not opened.place:
            opened.place = st.container(width="content")


def calm(sentence: str) -> None:
    """Nothing to show, and that is well."""
    st.success(sentence, icon=":material/check_circle:")


@contextmanager
def card(icon: str, title: str) -> Iterator[None]:
    """A whole page's state, in the middle of it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.space("medium")
        st.markdown(f"### :material/{icon}: {title}", text_alignment="center")
        yield
        st.space("medium")


def _failure(reason: str) -> None:
    st.error(f"This part could not be loaded: {reason}", icon=":material/error:")


def line(text: str) -> None:
    """A line of a card."""
    st.caption(text, text_alignment="center")


def _retry() -> None:
    st.button("Retry", icon=":material/refresh:", type="primary", on_click=client.forget)


def _all_time() -> None:
    st.session_state["range"] = "all"
