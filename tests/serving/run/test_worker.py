"""Clients that stall, say nothing or send rubbish, against a real server."""

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from contextlib import ExitStack, closing

from companion.system import free_port, start_background

PASSWORD = "hunter2"  # noqa: S105 - it opens nothing
HEAD = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
THREADS = 2  # of each server here
# `companion serve` whose page /version says what the worker's garbage collector skips.
SERVE = """
import gc, sys
from companion.cli import main
from companion.serving.models.engine import Model

Model.describe = lambda _: {"frozen": gc.get_freeze_count()}
sys.exit(main(["serve", *sys.argv[1:]]))
"""


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


def test_clients_that_stall_in_a_body_give_their_threads_back(shared_server):
    stalled = [
        send(shared_server, f"{HEAD}Content-Length: 100\r\n\r\n{{")
        for _ in range(THREADS)
    ]
    time.sleep(0.3)

    assert seconds_until_alive(shared_server) < 8

    for connection in stalled:
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["type"].endswith("#problem-bad-request")


def test_clients_that_stall_in_a_head_are_let_go_without_a_traceback(shared_server):
    stalled = [send(shared_server, HEAD) for _ in range(THREADS)]
    time.sleep(0.3)

    assert seconds_until_alive(shared_server) < 8

    assert [read_all(connection) for connection in stalled] == [b""] * THREADS
    assert "Traceback" not in shared_server.output()


def test_silent_connections_take_no_thread_and_do_not_delay_the_shutdown(
    serve_with, tmp_path
):
    """gunicorn's own worker waits for each in a thread first, for five seconds."""
    with serve_with(tmp_path, gunicorn_wait_s=2.0) as server, ExitStack() as stack:
        for _ in range(2 * THREADS):
            stack.enter_context(connect(server))
        assert seconds_until_alive(server) < 2
        time.sleep(2.5)
        stack.enter_context(connect(server))
        latest = connect(server)
        time.sleep(0.3)

        began = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        time.sleep(0.3)
        latest.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_all(latest)
        code = server.stop()

    # A client that has just connected may still send.
    assert answer.startswith(b"HTTP/1.1 200")
    assert code == 0
    assert time.monotonic() - began < 5


def test_what_is_not_http_gets_a_problem_and_is_not_logged(shared_server):
    for rubbish in (
        f"{HEAD}Content-Length: {PASSWORD}\r\n\r\n",
        f"{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{HEAD}X-Key: {PASSWORD * 2000}\r\n\r\n",
        f"{HEAD}Expect: {PASSWORD}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"{HEAD}Transfer-Encoding: {PASSWORD}\r\n\r\n",
        f"GET /?key={PASSWORD * 2000} HTTP/1.1\r\n\r\n",
        f"{PASSWORD}\r\n\r\n",
    ):
        head, _, body = read_all(send(shared_server, rubbish)).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0].startswith("HTTP/1.1 400 ")
        assert "Content-Type: application/problem+json" in lines
        assert f"Content-Length: {len(body)}" in lines
        problem = json.loads(body)
        assert problem["type"].endswith("#problem-bad-request")
        request_id = problem["instance"].removeprefix("urn:uuid:")
        assert f"X-Request-ID: {request_id}" in lines
        assert PASSWORD not in body.decode()

    assert request_id in shared_server.output()
    assert PASSWORD not in shared_server.output()


def test_a_worker_does_not_search_libraries_and_model_for_garbage(rain_model, tmp_path):
    """They are hundreds of thousands of objects, and none of them goes."""
    port, store = str(free_port()), f"sqlite:///{tmp_path / 'log.db'}"
    arguments = [str(rain_model), "--port", port, "--store", store]
    with (
        start_background(
            [sys.executable, "-c", SERVE, *arguments],
            url=f"http://127.0.0.1:{port}",
            ready_path="/health/ready",
        ) as server,
        urllib.request.urlopen(f"{server.url}/version", timeout=15) as answer,
    ):
        assert json.load(answer)["model"]["frozen"] > 100_000
