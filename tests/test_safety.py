"""What may go wrong around the server, each with its one outcome; docs/safety.md tells them. Here: by force."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from metrics import idempotency
from metrics.api.asgi import WORKERS
from metrics.settings import Settings
from tests.conftest import ADMIN_TOKEN, Perch, make_settings, running
from tests.serving import Served, serving, start
from tests.soak import soak
from tests.test_ingest import EVENT, LINE, count

START = Callable[..., Perch]
HEAD = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
EVENTS = "/v0/events?name=llm_events"


def post(perch: Perch, body: bytes = LINE, key: str = "") -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return perch.request("POST", EVENTS, data=body, headers=headers)


def body_of(rows: int, name: str) -> bytes:
    """Rows that no compression makes much smaller, about 500 bytes each; the same for the same name."""
    noise = random.Random(name)
    texts = (noise.randbytes(150).hex() for _ in range(rows))
    return b"\n".join(json.dumps({**EVENT, "session": name, "user": text}).encode() for text in texts)


# --- kill -9 -----------------------------------------------------------------------------------------------------


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    figures = soak(3, tmp_path, seed=7, seconds=0.8, tell=lambda line: None)
    assert figures.rows > 0


# --- slow callers ------------------------------------------------------------------------------------------------


def half_sent(perch: Perch, path: str, framing: bytes) -> socket.socket:
    """A connection that has sent the headers of a POST and a little of its body."""
    connection = socket.create_connection(("127.0.0.1", perch.settings.port), timeout=20)
    connection.sendall(
        b"POST "
        + path.encode()
        + b" HTTP/1.1\r\nHost: perch\r\nAuthorization: Bearer "
        + ADMIN_TOKEN.encode()
        + b"\r\n"
    )
    connection.sendall(framing + b"\r\n\r\n" + (b"5\r\n" if b"chunked" in framing else b"") + LINE[:5])
    return connection


def until_cut_off(connection: socket.socket) -> bytes:
    """What the server says before it hangs up."""
    said = b""
    while part := connection.recv(65536):
        said += part
    return said


def test_half_sent_bodies_hold_nobody_up_and_are_cut_off(start_perch: START) -> None:
    perch = start_perch(body_timeout="3s")
    began = time.monotonic()
    framings = [b"Content-Length: 4000", b"Transfer-Encoding: chunked"]
    paths = [EVENTS, "/v0/sql", "/v0/datasources?mode=append&name=llm_events&format=ndjson"]
    slow = [half_sent(perch, paths[at % 3], framings[at % 2]) for at in range(4 * WORKERS)]
    for send in (lambda: perch.get("/v0/pipes/llm_totals.json"), lambda: post(perch)):
        asked = time.monotonic()
        assert send().status_code in (200, 202)
        assert time.monotonic() - asked < 1
    assert time.monotonic() - began < 3, "the slow ones were gone before the others were answered"
    for connection in slow:
        said = until_cut_off(connection)
        assert said.startswith(b"HTTP/1.1 408"), said
        assert b"PERCH_BODY_TIMEOUT" in said
        connection.close()
    assert 2.9 < time.monotonic() - began < 6
    assert count(perch) == 1


def test_a_body_that_drips_is_cut_off_too(start_perch: START) -> None:
    perch = start_perch(body_timeout="2s")
    began = time.monotonic()
    connection = half_sent(perch, EVENTS, b"Content-Length: 4000")
    connection.settimeout(1)
    said = b""
    while time.monotonic() - began < 8 and not said:
        try:
            said = connection.recv(65536)
        except TimeoutError:
            connection.sendall(b" ")  # a byte a second
    assert said.startswith(b"HTTP/1.1 408"), said
    assert time.monotonic() - began < 4
    connection.close()


def test_a_request_is_answered_before_what_follows_it_is_refused(perch: Perch) -> None:
    with socket.create_connection(("127.0.0.1", perch.settings.port), timeout=20) as connection:
        head = f"POST {EVENTS} HTTP/1.1\r\nHost: perch\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n"
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(LINE) + LINE + b"}\x00 nonsense\r\n\r\n")
        said = until_cut_off(connection)
    assert said.startswith(b"HTTP/1.1 202"), said
    assert b'"successful_rows":1' in said
    assert count(perch) == 1


def test_the_queue_counts_bytes_as_they_are_in_memory(start_perch: START) -> None:
    perch = start_perch(queue_bytes="400KB")
    body = gzip.compress(json.dumps({**EVENT, "user": "x" * 300_000}).encode())
    headers = {**HEAD, "Content-Encoding": "gzip"}

    def send(_: int) -> int:
        return requests.post(perch.url + EVENTS, data=body, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(16) as clients:
        statuses = Counter(clients.map(send, range(100)))
    assert set(statuses) == {202, 503}
    assert count(perch) == statuses[202]


# --- SIGTERM -----------------------------------------------------------------------------------------------------


def test_sigterm_under_load_answers_what_has_arrived_and_ends(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    answered: list[int] = []

    def load(number: int) -> None:
        with requests.Session() as session:
            body = body_of(100, f"client {number}")
            while True:
                try:
                    answer = session.post(served.perch.url + EVENTS, data=body, headers=HEAD, timeout=30)
                except requests.ConnectionError:
                    return
                if answer.status_code == 202:
                    answered.append(answer.json()["successful_rows"])

    with serving(settings) as served:
        clients = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for client in clients:
            client.start()
        time.sleep(0.7)
        assert served.stop() == 0
        for client in clients:
            client.join()
    with serving(settings) as served:
        assert count(served.perch) >= sum(answered) > 0
        assert count(served.perch) % 100 == 0
    assert "Traceback" not in served.log.read_text()


def test_sigterm_while_starting_ends_the_server(tmp_path: Path) -> None:
    served = start(make_settings(tmp_path), wait=False)
    store = served.perch.settings.store_path
    while not store.exists():
        time.sleep(0.002)
    assert served.stop() == 0
    assert "Traceback" not in served.log.read_text()


def test_sigterm_gives_a_half_sent_body_no_more_than_its_time(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path, body_timeout="2s")) as served:
        connection = half_sent(served.perch, EVENTS, b"Content-Length: 4000")
        began = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - began < 5
        connection.close()


# --- a start that is refused -------------------------------------------------------------------------------------


def refused(settings: Settings, log: Path) -> str:
    """The one sentence of a server that does not start."""
    log.unlink(missing_ok=True)
    served = start(settings, log=log)
    assert served.wait() == 1
    sentence = served.sentence()
    assert sentence.startswith("error: ")
    return sentence


def test_a_second_server_on_the_port_or_the_store_is_refused(perch: Perch, tmp_path: Path) -> None:
    other = tmp_path / "other"
    same_port = make_settings(other, port=perch.settings.port)
    assert f"127.0.0.1:{perch.settings.port}" in refused(same_port, tmp_path / "refused.log")
    same_store = make_settings(other, data_dir=perch.settings.data_dir)
    assert f"{perch.settings.store_path} is held by another process" in refused(same_store, tmp_path / "refused.log")
    assert post(perch).status_code == 202


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small file system of its own at `folder`; the test is skipped where none can be mounted."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = refused(make_settings(tmp_path, data_dir=tmp_path / "file" / "data"), tmp_path / "refused.log")
    assert "PERCH_DATA_DIR" in sentence
    assert str(tmp_path / "file" / "data") in sentence


def test_a_read_only_data_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with mounted(folder, "ro,size=1m"):
        sentence = refused(make_settings(tmp_path), tmp_path / "refused.log")
    assert f"PERCH_DATA_DIR: {folder} cannot be written to" in sentence


# --- a full disk -------------------------------------------------------------------------------------------------

ROWS = 1000


def body_number(perch: Perch, number: int) -> requests.Response:
    return post(perch, body_of(ROWS, f"body {number}"), key=f"body {number}")


def fill(perch: Perch) -> tuple[int, requests.Response]:
    """Post bodies of ROWS rows until one is refused; returns how many were taken, and the refusal."""
    for number in range(200):
        answer = body_number(perch, number)
        if answer.status_code != 202:
            return number, answer
    raise AssertionError("the disk never filled")


def assert_busy(answer: requests.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert "disk full" in answer.json()["error"]


@contextmanager
def small_file_sizes(served: Served, limit: int) -> Iterator[None]:
    """No file of the server may grow beyond `limit` bytes: a write that would fails as on a full disk."""
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    yield
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def ignore_the_signal() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_a_commit_that_cannot_be_written_is_503_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path), before=ignore_the_signal) as served:
        perch = served.perch
        with small_file_sizes(served, 4_000_000):
            taken, busy = fill(perch)
            assert_busy(busy)
            assert_busy(post(perch, body_of(4 * ROWS, "large")))
            assert count(perch) == taken * ROWS > 0, "reading goes on"
        again = body_number(perch, taken)
        assert (again.status_code, "Idempotent-Replayed" in again.headers) == (202, False)
        assert count(perch) == (taken + 1) * ROWS
        served.kill()
    with serving(served.perch.settings) as served:
        assert count(served.perch) == (taken + 1) * ROWS


def test_a_full_disk_is_overcome_without_a_restart_and_without_a_loss(tmp_path: Path) -> None:
    """The log is full before it can be folded into the file: DuckDB gives the file up, and it is opened again."""
    folder = tmp_path / "data"
    with mounted(folder, "size=20m"), serving(make_settings(tmp_path)) as served:
        perch = served.perch
        taken, busy = fill(perch)
        assert_busy(busy)
        assert "opened again" in served.log.read_text()
        assert count(perch) == taken * ROWS > 0
        assert "is held by another process" in refused(make_settings(tmp_path), tmp_path / "refused.log")
        subprocess.run(["mount", "-o", "remount,size=200m", folder], check=True)
        more = range(taken, taken + 40)  # enough for the log to be folded
        assert [body_number(perch, number).status_code for number in more] == [202] * 40
        assert log_of(perch.settings).stat().st_size < 16_000_000
        served.kill()
        with serving(perch.settings) as again:
            sessions = again.perch.sql("SELECT session, count() AS n FROM llm_events GROUP BY session")
            assert {row["session"]: int(row["n"]) for row in sessions} == {
                f"body {number}": ROWS for number in range(taken + 40)
            }
    assert "Traceback" not in served.log.read_text()


def test_a_start_on_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with mounted(folder, "size=8m"):
        for _ in ("new", "made before"):
            filler = folder / "filler"
            filler.write_bytes(bytes(os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize))
            sentence = refused(make_settings(tmp_path), tmp_path / "refused.log")
            assert "cannot be" in sentence
            assert str(folder) in sentence
            filler.unlink()
            with serving(make_settings(tmp_path)) as served:
                assert post(served.perch).status_code == 202


# --- a damaged log -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was killed with 30 acknowledged rows in its log."""
    settings = make_settings(tmp_path_factory.mktemp("killed"))
    with serving(settings):
        pass
    with serving(settings) as served:
        for number in range(3):
            assert post(served.perch, body_of(10, str(number))).status_code == 202
        served.kill()
    return settings.data_dir


@pytest.fixture
def crashed(killed: Path, tmp_path: Path) -> Settings:
    """Settings on a copy of that folder."""
    shutil.copytree(killed, tmp_path / "data")
    return make_settings(tmp_path)


def log_of(settings: Settings) -> Path:
    return settings.store_path.with_name("perch.duckdb.wal")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut by one byte": lambda log: log[:-1],
    "cut in the middle": lambda log: log[: len(log) // 2],
    "emptied": lambda log: b"",
    "zeros at the end": lambda log: log[:-2000] + bytes(2000),
    "a changed byte at the start": lambda log: bytes([log[0] ^ 0xFF]) + log[1:],
    "a changed byte in the middle": lambda log: (
        log[: len(log) // 2] + bytes([log[len(log) // 2] ^ 0xFF]) + log[len(log) // 2 + 1 :]
    ),
}


def test_a_damaged_log_never_loses_acknowledged_rows_silently(crashed: Settings, tmp_path: Path) -> None:
    whole = {path: path.read_bytes() for path in crashed.data_dir.iterdir() if path.is_file()}
    for name, damage in DAMAGES.items():
        damaged = damage(whole[log_of(crashed)])
        for path, content in whole.items():
            path.write_bytes(content)
        log_of(crashed).write_bytes(damaged)
        sentence = refused(crashed, tmp_path / "refused.log")
        assert "perch.duckdb.wal" in sentence, (name, sentence)
        assert "damaged" in sentence, (name, sentence)
        assert "perch.duckdb.acknowledged" in sentence, (name, sentence)
        if damaged:
            assert log_of(crashed).read_bytes() == damaged, f"{name}: the log is as it was, for who looks into it"


def test_a_log_that_is_gone_is_missed_until_the_user_says_otherwise(crashed: Settings, tmp_path: Path) -> None:
    log = log_of(crashed).read_bytes()
    log_of(crashed).unlink()
    assert "was acknowledged" in refused(crashed, tmp_path / "refused.log")
    log_of(crashed).write_bytes(log)
    with serving(crashed) as served:
        assert count(served.perch) == 30, "the log was put back"
        served.kill()
    log_of(crashed).unlink()
    crashed.store_path.with_name("perch.duckdb.acknowledged").unlink()
    with serving(crashed) as served:
        assert post(served.perch).status_code == 202


def test_a_half_written_commit_at_the_end_of_the_log_is_no_damage(crashed: Settings) -> None:
    with log_of(crashed).open("ab") as log:
        log.write(b"\x10\x27\x00\x00\x00\x00\x00\x00half a commit")
    with serving(crashed) as served:
        assert count(served.perch) == 30


def test_rows_that_were_deleted_are_not_missed(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as served:
        post(served.perch, body_of(10, "a"))
        served.perch.request("POST", "/v0/datasources/llm_events/truncate")
        served.kill()
    with serving(served.perch.settings) as served:
        assert count(served.perch) == 0


# --- a clock that jumps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(hours=-1), timedelta(hours=20)], ids=str)
def test_a_clock_that_jumps_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    settings, row = make_settings(tmp_path), json.dumps({**EVENT, "id": "a"}).encode()

    def send_again(perch: Perch, *keys: str) -> None:
        for key in keys:
            assert post(perch, LINE, key).headers["Idempotent-Replayed"] == "true"
        assert post(perch, row).json()["duplicate_rows"] == 1

    with running(settings) as perch:
        post(perch, LINE, "before")
        post(perch, row)
        with monkeypatch.context() as patch:
            patch.setattr(idempotency, "_now", lambda: (datetime.now(UTC) + jump).replace(tzinfo=None))
            post(perch, LINE, "after")
            send_again(perch, "before", "after")
    with monkeypatch.context() as patch, running(settings) as perch:  # old keys are forgotten at the start
        send_again(perch, "before", *(["after"] if jump > -settings.idempotency_keep else []))
        assert count(perch) == 3
