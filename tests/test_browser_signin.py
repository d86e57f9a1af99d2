"""An account of an OIDC provider opens the address it asked for in Chromium, and only a read token is lent to it.

The provider is a real one on 127.0.0.1, as small as the protocol allows: its discovery document, a page to sign in on,
the token for a code (with PKCE and the client's secret), the keys to check it with, and a way out.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from authlib.common.encoding import urlsafe_b64encode
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from metrics.dashboard import format as fmt
from metrics.dashboard.returning import COOKIE
from tests import browser as web
from tests.conftest import Perch
from tests.test_browser import chromium, pytestmark

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["chromium", "pytestmark"]

CLIENT, SECRET, WHO = "perch", "a-secret-of-the-client", "ann@example.com"


@dataclass
class Provider:
    """What it has been asked, and the key that it signs with."""

    key: RSAKey
    url: str = ""
    signed_out: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def discovery(self) -> Response:
        return jsonify(
            issuer=self.url,
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            jwks_uri=f"{self.url}/jwks",
            end_session_endpoint=f"{self.url}/logout",
            id_token_signing_alg_values_supported=["RS256"],
            code_challenge_methods_supported=["S256"],
        )

    def authorize(self) -> str:
        code = secrets.token_urlsafe(12)
        self._codes[code] = dict(request.args)
        back = f"{request.args['redirect_uri']}?code={code}&state={request.args['state']}"
        return f'<a href="{back.replace("&", "&amp;")}">Go on as {WHO}</a>'

    def token(self) -> tuple[Response, int]:
        asked = self._codes.pop(request.form["code"], None)
        login = request.authorization
        proof = urlsafe_b64encode(sha256(request.form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or not login or (login.username, login.password) != (CLIENT, SECRET):
            return jsonify(error="invalid_client"), 401
        if proof != asked["code_challenge"] or request.form["redirect_uri"] != asked["redirect_uri"]:
            return jsonify(error="invalid_grant"), 400
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "1", "email": WHO, "nonce": asked["nonce"]}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, "iat": now, "exp": now + 300}, self.key)
        return jsonify(id_token=signed, access_token="opaque", token_type="Bearer", expires_in=300), 200

    def jwks(self) -> Response:
        return jsonify(keys=[self.key.as_dict(private=False)])

    def logout(self) -> Any:
        self.signed_out.append(request.args["id_token_hint"])
        return redirect(request.args["post_logout_redirect_uri"])


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider on a free port of this machine."""
    one = Provider(RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}))
    app = Flask("provider")
    app.get("/.well-known/openid-configuration")(one.discovery)
    app.get("/authorize")(one.authorize)
    app.post("/token")(one.token)
    app.get("/jwks")(one.jwks)
    app.get("/logout")(one.logout)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    one.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def secrets_file(folder: Path, issuer: str) -> Path:
    """The file of the operator: the provider, and how it is told to ask."""
    path = folder / "secrets.toml"
    path.write_text(
        f"""[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "{secrets.token_hex(32)}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
client_kwargs = {{ prompt = "login" }}
"""
    )
    return path


def test_an_account_reads_with_the_operators_read_token_alone(loaded: Perch, chromium: Browser, tmp_path: Path) -> None:
    lent = loaded.create_token("lent to accounts", "ADMIN")
    reads = [f"PIPES:READ:{pipe['name']}" for pipe in loaded.get("/v0/pipes").json()["pipes"]]
    with provider() as accounts, chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        operator = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
        operator["STREAMLIT_SECRETS_FILES"] = str(secrets_file(tmp_path, accounts.url))
        with web.dashboard(loaded.url, lent, tmp_path, operator) as running:
            page = context.new_page()
            model = loaded.pipe("llm_usage_by_model")[1]["model_name"]
            asked = f"{running.url}/usage?{urlencode({'range': 'all', 'model': model})}"
            page.goto(f"{asked}&next=https://elsewhere.example")
            sign_in = page.get_by_role("button", name="Sign in with your account")
            sign_in.wait_for()
            assert nothing_is_told(page)
            sign_in.click()
            page.get_by_role("link", name=f"Go on as {WHO}").click()
            page.get_by_text("a token with the scope ADMIN, which is never lent").wait_for()
            assert nothing_is_told(page)
            assert page.url == asked

            changed = loaded.request("PUT", "/v0/tokens/lent to accounts", params={"scope": reads})
            assert changed.status_code == 200
            page.reload()
            page.get_by_role("heading", name="Usage", exact=True).wait_for()
            web.settle(page, 4)
            assert page.url == asked
            totals = loaded.pipe("llm_totals", model=model)[0]
            assert web.metrics(page)["Spend"] == fmt.dollars(totals["total_cost"])
            page.get_by_text(WHO).wait_for()
            assert lent not in page.content()

            page.get_by_role("button", name="Sign out").click()
            sign_in.wait_for()
            assert nothing_is_told(page)
            assert len(accounts.signed_out) == 1
            page.goto(f"{running.url}/data")
            sign_in.wait_for()
            assert nothing_is_told(page)

            sign_in.click()
            go_on = page.get_by_role("link", name=f"Go on as {WHO}")
            go_on.wait_for()
            (kept,) = [one for one in context.cookies(running.url) if one["name"].startswith(COOKIE)]
            assert unquote(kept["value"]) == "data"
            context.add_cookies(
                [{**kept, "value": quote("https://elsewhere.example//elsewhere.example?range=all", "")}]
            )
            go_on.click()
            page.get_by_role("heading", name="Overview", exact=True).wait_for()
            assert page.url == f"{running.url}/?range=all"
            assert not [one for one in context.cookies(running.url) if one["name"].startswith(COOKIE)]
        log = running.log.read_text()
    assert "Traceback" not in log
    assert lent not in log
    assert SECRET not in log


def nothing_is_told(page: Page) -> bool:
    """No figure, no table, no chart, no link to a page."""
    told = '[data-testid="stMetric"], [data-testid="stDataFrame"], [data-testid="stVegaLiteChart"]'
    return page.locator(f'{told}, [data-testid="stPageLink"]').count() == 0
