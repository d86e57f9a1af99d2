"""A dashboard that others can reach: it asks for a token, shows what that may read, and never lends its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from metrics.dashboard import client
from tests.conftest import ROOT, Perch, free_port
from tests.test_pages import figures, words

SCRIPT = ROOT / "metrics" / "dashboard" / "main.py"


@pytest.fixture(autouse=True)
def _bound_to_all() -> Iterator[None]:
    """As after `PERCH_HOST=0.0.0.0 python -m metrics run`."""
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open the dashboard as somebody from elsewhere; it has the admin token itself."""

    def opened(perch: Perch, page_url: str = "https://perch.example.com/", **query: str) -> AppTest:
        monkeypatch.setenv("PERCH_API_URL", perch.url)
        monkeypatch.setenv("PERCH_TOKEN", perch.admin_token)
        client.forget()
        app = AppTest.from_file(str(SCRIPT), default_timeout=60)
        app.context = {"url": page_url}
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return opened


def sign_in(app: AppTest, secret: str) -> AppTest:
    app.text_input[0].set_value(secret)
    return next(button for button in app.button if button.label == "Sign in").click().run()


def reader(perch: Perch, name: str, *left_out: str) -> str:
    """A token that may read every endpoint but those."""
    pipes = [pipe["name"] for pipe in perch.get("/v0/pipes").json()["pipes"]]
    return perch.create_token(name, *(f"PIPES:READ:{pipe}" for pipe in pipes if not pipe.startswith(left_out or "-")))


def test_nobody_sees_a_number_before_they_sign_in(loaded: Perch, visit: Callable[..., AppTest]) -> None:
    app = visit(loaded, range="all")
    assert "Sign in to Perch" in words(app)
    assert not app.metric
    assert not app.dataframe
    assert not app.get("page_link")
    assert not app.warning
    assert loaded.admin_token not in words(app)


def test_a_read_token_opens_the_view_of_the_address(loaded: Perch, visit: Callable[..., AppTest]) -> None:
    secret = reader(loaded, "a viewer")
    app = sign_in(visit(loaded, range="90d", timezone="Asia/Tokyo"), secret)
    assert not app.exception
    assert app.segmented_control(key="range").value == "90d"
    assert secret not in words(app)
    assert secret not in str(dict(app.query_params))
    next(button for button in app.button if button.label == "Sign out").click().run()
    assert "Sign in to Perch" in words(app)
    assert not app.metric


@pytest.mark.parametrize("secret", ["a-wrong-token", ""])
def test_a_token_that_the_api_does_not_know_is_refused(
    loaded: Perch, visit: Callable[..., AppTest], secret: str
) -> None:
    app = sign_in(visit(loaded), secret)
    assert "token" in app.error[0].value.lower()
    assert not app.metric


def test_a_token_that_may_not_read_what_every_page_needs_is_told_so(
    loaded: Perch, visit: Callable[..., AppTest]
) -> None:
    app = sign_in(visit(loaded), loaded.create_token("one endpoint", "PIPES:READ:llm_errors"))
    assert "may not read `ingest_health`" in app.error[0].value


def test_what_a_token_may_not_read_is_said_and_not_offered(loaded: Perch, visit: Callable[..., AppTest]) -> None:
    shown = figures(sign_in(visit(loaded, range="all"), loaded.admin_token))
    secret = reader(loaded, "no errors for them", "llm_errors")
    app = sign_in(visit(loaded, range="all"), secret)
    assert not app.error
    assert "Not for this token" in words(app)
    assert figures(app).keys() == shown.keys()
    assert "api-Errors" not in app.session_state  # no address and no file of what was not read
    assert "api-Models" in app.session_state


MAY = ("ingest_health", "llm_errors", "llm_usage_by_model", "llm_performance")
"""What a token of few scopes may read, and the tables that are made of it alone."""


def test_a_token_for_some_endpoints_opens_only_these(loaded: Perch, visit: Callable[..., AppTest]) -> None:
    """On no page a figure, a chart, a table, a link or a file of another endpoint."""
    app = sign_in(visit(loaded, range="all"), loaded.create_token("few", *(f"PIPES:READ:{name}" for name in MAY)))
    linked: set[str] = set()
    for page in ("overview", "usage", "performance", "errors", "models", "events", "data"):
        if page != "overview":
            app.switch_page(f"../../pages/{page}.py").run()
        for panel in app.subheader:
            app.session_state[f"api-{panel.value}"] = True
        app.run()
        assert not app.exception
        assert "Not for this token" in words(app)
        linked |= set(re.findall(r"/v0/pipes/(\w+)\.", words(app)))
        assert not [label for label in figures(app) if label not in HEALTH], page
        assert all("quarantined" not in table.value and "times_median" not in table.value for table in app.dataframe)
    assert linked <= set(MAY)
    assert "llm_errors" in linked


HEALTH = ("Events", "Newest event", "Last hour", "Quarantined", "Unpriced", "Store")
"""The figures that `ingest_health` gives."""


def test_plain_http_is_warned_of(loaded: Perch, visit: Callable[..., AppTest]) -> None:
    assert "plain HTTP" in visit(loaded, "http://perch.example.com:8501/").warning[0].value


def test_without_an_api_the_sign_in_says_so(loaded: Perch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCH_API_URL", f"http://127.0.0.1:{free_port()}")
    app = sign_in(AppTest.from_file(str(SCRIPT), default_timeout=60).run(), "some-token")
    assert "No answer from" in app.error[0].value
