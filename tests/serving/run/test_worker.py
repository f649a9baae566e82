"""Clients that stall, say nothing or send rubbish, against a real server."""

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager

import pytest

from companion.errors import ModelError
from companion.serving.run.gunicorn import FailureReport
from companion.system import free_port, start_background

SECRET = "hunter2"  # stands for a password
HEAD = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# As `companion serve`, with a client's time to stall as given.
SERVE = """
import sys
from companion.serving.run import worker
from companion.cli import main
worker.STALL_S = int(sys.argv[1])
sys.exit(main(["serve", *sys.argv[2:]]))
"""
THREADS = 2


@contextmanager
def running(model, folder, *, stall_s=20):
    port = free_port()
    arguments = [model, "--port", port, "--threads", THREADS]
    arguments += ["--store", f"sqlite:///{folder / 'log.db'}"]
    server = start_background(
        [sys.executable, "-c", SERVE, str(stall_s), *map(str, arguments)],
        url=f"http://127.0.0.1:{port}",
        ready_path="/health/ready",
    )
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def server(rain_model, tmp_path):
    with running(rain_model, tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def impatient(rain_model, tmp_path_factory):
    with running(rain_model, tmp_path_factory.mktemp("log"), stall_s=1) as server:
        yield server


def connect(server):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=15)


def send(server, text):
    connection = connect(server)
    connection.sendall(text.encode("latin-1"))
    return connection


def read_all(connection):
    content = b""
    with closing(connection):
        while chunk := connection.recv(65536):
            content += chunk
    return content


def seconds_until_alive(server):
    began = time.monotonic()
    with urllib.request.urlopen(f"{server.url}/health/live", timeout=15) as answer:
        assert answer.status == 200
    return time.monotonic() - began


def test_clients_that_stall_in_a_body_give_their_threads_back(impatient):
    stalled = [
        send(impatient, f"{HEAD}Content-Length: 100\r\n\r\n{{") for _ in range(THREADS)
    ]
    time.sleep(0.3)

    assert seconds_until_alive(impatient) < 8

    for connection in stalled:
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["type"].endswith("#problem-bad-request")


def test_clients_that_stall_in_a_head_are_let_go_without_a_traceback(impatient):
    stalled = [send(impatient, HEAD) for _ in range(THREADS)]
    time.sleep(0.3)

    assert seconds_until_alive(impatient) < 8

    assert [read_all(connection) for connection in stalled] == [b""] * THREADS
    assert "Traceback" not in impatient.output()


def test_a_connection_that_says_nothing_takes_no_thread_and_delays_no_end(server):
    """gunicorn's own worker waits for five seconds first, each in a thread."""
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            stack.enter_context(connect(server))
        assert seconds_until_alive(server) < 2
        time.sleep(6)
        stack.enter_context(connect(server))

        began = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        code = server.stop()

    assert code == 0
    assert time.monotonic() - began < 5


def test_who_has_just_connected_may_still_send_at_the_end(server):
    connection = connect(server)
    time.sleep(0.3)

    os.kill(server.pid, signal.SIGTERM)
    time.sleep(0.3)
    connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")

    assert read_all(connection).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_gets_a_problem_and_is_not_logged(impatient):
    for rubbish in (
        f"{HEAD}Content-Length: {SECRET}\r\n\r\n",
        f"{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{HEAD}X-Key: {SECRET * 2000}\r\n\r\n",
        f"{HEAD}Expect: {SECRET}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"{HEAD}Transfer-Encoding: {SECRET}\r\n\r\n",
        f"GET /?key={SECRET * 2000} HTTP/1.1\r\n\r\n",
        f"{SECRET}\r\n\r\n",
    ):
        head, _, body = read_all(send(impatient, rubbish)).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0].startswith("HTTP/1.1 400 ")
        assert "Content-Type: application/problem+json" in lines
        assert f"Content-Length: {len(body)}" in lines
        problem = json.loads(body)
        assert problem["type"].endswith("#problem-bad-request")
        request_id = problem["instance"].removeprefix("urn:uuid:")
        assert f"X-Request-ID: {request_id}" in lines
        assert SECRET not in body.decode()

    assert request_id in impatient.output()
    assert SECRET not in impatient.output()


@pytest.mark.parametrize("arbiter_lives", [True, False])
def test_a_worker_tells_its_arbiter_and_nobody_else_to_end(monkeypatch, arbiter_lives):
    report, told = FailureReport(), []
    monkeypatch.setattr(os, "getppid", os.getpid if arbiter_lives else lambda: 1)
    monkeypatch.setattr(os, "kill", lambda *what: told.append(what))

    report.send(ModelError("The model is broken."))

    assert told == [(os.getpid(), signal.SIGTERM)] * arbiter_lives
    with pytest.raises(ModelError, match=r"^The model is broken\.$"):
        report.raise_if_any()
