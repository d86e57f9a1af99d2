"""The sign-in of a viewer from another machine: a read token that the API accepts, or an OIDC account."""

from __future__ import annotations

import streamlit as st

from metrics.dashboard import client, states, viewer
from metrics.settings import load_settings

NEEDED = "ingest_health"
"""The endpoint that every page asks."""


def ask() -> None:
    """Draw the sign-in in place of a page."""
    with states.card("lock", "Sign in to Perch"):
        if providers := viewer.providers():
            _accounts(providers)
        else:
            _token()


def unready() -> bool:
    """Whether nobody can read yet although they signed in by OIDC: the dashboard has no read token. Says so."""
    if viewer.at_home() or not viewer.providers():
        return False
    try:
        if token := load_settings().token:
            client.refuse_admin(token)
            return False
        reason = "it is not set."
    except client.AdminToken:
        reason = "it is set to a token with the scope ADMIN, which is never lent."
    except client.ApiError as failure:
        states.unreadable(failure)
        return True
    with states.card("key_off", "The dashboard has no token to read with"):
        states.line(f"Whoever signs in reads with `PERCH_TOKEN`: {reason}")
        states.line("Start the dashboard with it set to a read token: `python -m metrics token create`.")
    return True


def who() -> None:
    """Who is signed in, with the way out; nothing on the machine itself."""
    if viewer.at_home():
        return
    with st.sidebar.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(str(st.user.get("email") or "Signed in") if viewer.providers() else "Signed in with a token")
        st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign_out", on_click=viewer.leave)


def _accounts(providers: dict[str, str]) -> None:
    with st.container(horizontal=True, horizontal_alignment="center"):
        for name, shown in providers.items():
            st.button(
                f"Sign in with {shown}", type="primary", key=f"login-{name}", on_click=st.login, args=[name or None]
            )


def _token() -> None:
    states.line("Paste a token that may read. It stays in this session of yours: not in the address, not on disk.")
    with st.form("sign_in", border=False, width=380):
        secret = st.text_input("Perch token", type="password", autocomplete="off", placeholder="p.…").strip()
        sent = st.form_submit_button("Sign in", type="primary", width="stretch")
    if viewer.in_the_clear():
        st.warning(
            "This page came over plain HTTP: whoever is on the way can read the token. Put HTTPS before it, or use a "
            "tunnel (`ssh -L`).",
            icon=":material/no_encryption:",
            width=380,
        )
    if sent:
        _try(secret)


def _try(secret: str) -> None:
    try:
        readable = client.readable(secret)
    except client.TokenRefused as refused:
        st.error(str(refused), icon=":material/key_off:", width=380)
    except client.ApiError as failure:
        st.error(str(failure), icon=":material/cloud_off:", width=380)
    else:
        if NEEDED not in readable:
            st.error(
                f"This token may not read `{NEEDED}`, which every page needs.", icon=":material/key_off:", width=380
            )
            return
        viewer.keep(secret)
        st.rerun()
