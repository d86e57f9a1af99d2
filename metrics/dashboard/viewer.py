"""Who looks at the dashboard, and the token that the API is asked with on their behalf.

On the machine itself it is this machine's token, and nobody is asked. From elsewhere it is the token that was signed in
with, held in the session and nowhere else, or, after a sign-in by OIDC, `PERCH_TOKEN`. This machine's admin token never
serves anyone from elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from metrics.settings import load_settings

FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")
"""Headers that tell of a proxy: whoever is behind it is not on this machine, whatever the address says."""

_SECRET = "_token"


def at_home() -> bool:
    """Whether the dashboard listens on this machine alone and is looked at under its address, through no proxy."""
    headers = st.context.headers
    named = headers.get("Host")
    if not _is_loopback(str(st.get_option("server.address") or "")) or any(name in headers for name in FORWARDING):
        return False
    return named is None or _is_loopback(urlsplit(f"//{named}").hostname or "")


def providers() -> dict[str, str]:
    """The OIDC providers of `.streamlit/secrets.toml`: the name that `st.login` takes -> the name to show."""
    if not st.secrets.load_if_toml_exists():
        return {}
    auth: Mapping[str, Any] = st.secrets.get("auth", {})
    named = {name: name.capitalize() for name, value in auth.items() if isinstance(value, Mapping) and _is_one(value)}
    return {"": "your account", **named} if "client_id" in auth else named


def token() -> str:
    """The token to ask the API with; "" where nobody has signed in."""
    settings = load_settings()
    if at_home():
        return settings.local_token()
    if providers():
        return settings.token if st.user.get("is_logged_in") else ""
    return str(st.session_state.get(_SECRET, ""))


def signed_in() -> bool:
    """Whether the viewer may see pages at all: at home always, else after a sign-in."""
    if at_home():
        return True
    return bool(st.user.get("is_logged_in")) if providers() else _SECRET in st.session_state


def keep(secret: str) -> None:
    """Hold a token that the API has accepted for this session."""
    st.session_state[_SECRET] = secret


def leave() -> None:
    """Forget who signed in."""
    if providers():
        st.logout()
    st.session_state.pop(_SECRET, None)


def api_url() -> str:
    """The API's address as the viewer can reach it: an API of this machine is at the host that the page came from."""
    url = load_settings().url
    parts, page = urlsplit(url), urlsplit(st.context.url or "")
    if at_home() or not page.hostname or not _is_loopback(parts.hostname or ""):
        return url
    host = f"[{page.hostname}]" if ":" in page.hostname else page.hostname
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def in_the_clear() -> bool:
    """Whether the page came over plain HTTP from another machine: a token typed into it can be read on the way."""
    page = urlsplit(st.context.url or "")
    return page.scheme == "http" and not _is_loopback(page.hostname or "")


def _is_one(section: Mapping[str, Any]) -> bool:
    """Whether a section below `[auth]` is a provider; `client_kwargs` is none."""
    return "client_id" in section


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
