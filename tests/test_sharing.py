"""What viewers of the dashboard share: one question is one request, unless it failed or is another token's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from metrics.dashboard import client
from tests.conftest import Perch

CALL = client.pipe("llm_totals", {"start_date": "2020-01-01 00:00:00"})


@contextmanager
def counting(perch: Perch) -> Iterator[tuple[str, list[str]]]:
    """A way to the server that takes a moment and notes each request; its address, and the tokens of the requests."""
    asked: list[str] = []

    class Way(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers["Authorization"].removeprefix("Bearer ")
            asked.append(token)
            threading.Event().wait(0.05)
            answer = perch.request("GET", self.path, token=token)
            self.send_response(answer.status_code)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Way) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_viewers_share_an_answer_and_no_token_sees_that_of_another(
    loaded: Perch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: int = 0) -> pd.DataFrame:
        return client.fetch(totals=CALL)["totals"]

    with counting(loaded) as (url, asked):
        monkeypatch.setenv("PERCH_API_URL", url)
        monkeypatch.setenv("PERCH_TOKEN", loaded.admin_token)
        with ThreadPoolExecutor(6) as viewers:
            frames = list(viewers.map(look, range(6)))
        assert asked == [loaded.admin_token]
        frames[0]["requests"] = -1  # what one does with its rows is its own
        assert (frames[1]["requests"] > 0).all()

        for tries in (1, 2):  # nothing of the admin's, and a refusal is asked for again
            monkeypatch.setenv("PERCH_TOKEN", "of nobody")
            with pytest.raises(client.TokenRefused):
                look()
            assert asked == [loaded.admin_token, *["of nobody"] * tries]

        monkeypatch.setenv("PERCH_TOKEN", loaded.admin_token)
        client.forget(CALL)
        look()
        look()
        assert asked.count(loaded.admin_token) == 2


def test_an_api_that_is_away_is_told_at_once_and_shared_answers_stay(
    loaded: Perch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = client.pipe("llm_errors")
    with counting(loaded) as (url, _):
        monkeypatch.setenv("PERCH_API_URL", url)
        monkeypatch.setenv("PERCH_TOKEN", loaded.admin_token)
        known = client.fetch(totals=CALL)["totals"]
    with pytest.raises(client.ApiAway) as away:
        client.fetch(totals=CALL, errors=other)
    with client.recalling(away.value) as answered:
        assert client.fetch(totals=CALL)["totals"].equals(known)
        with pytest.raises(client.ApiAway):
            client.fetch(errors=other)
    assert len(answered) == 1
