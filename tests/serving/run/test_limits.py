"""Requests at once, seconds for each, bytes of a header: limits of a real server."""

import contextlib
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from companion.system import free_port, start_background

# `companion serve` with a model that thinks for as many seconds as the wind has
# metres a second above 30; from 39 on it never comes back.
_SERVE = """
import sys, time
from companion.cli import main
from companion.serving.models.engine import Model

answer = Model.answer

def think(model, checked, *rest):
    wind_ms = checked.rows[0]["wind_ms"]
    time.sleep(1e6 if wind_ms > 39 else max(wind_ms - 30, 0))
    return answer(model, checked, *rest)

Model.answer = think
sys.exit(main(["serve", *sys.argv[1:]]))
"""
LIMIT_S = 3
OPTIONS = ("--threads", "2", "--max-concurrent", "3", "--access-log")
OPTIONS += ("--request-timeout", str(LIMIT_S), "--max-header-bytes", "1000")


@pytest.fixture(scope="module")
def server(rain_model, tmp_path_factory):
    port = free_port()
    store = f"sqlite:///{tmp_path_factory.mktemp('limits') / 'log.db'}"
    arguments = (str(rain_model), "--port", str(port), "--store", store, *OPTIONS)
    with start_background(
        [sys.executable, "-c", _SERVE, *arguments],
        url=f"http://127.0.0.1:{port}",
        ready_path="/health/ready",
    ) as server:
        yield server


@pytest.fixture
def worker(server, processes_with):
    """Return the process ids of the workers."""
    return lambda: processes_with("companion").workers(server.pid)


def connect(server):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def ask(server, head, body=b""):
    """Send a request at once and return status, headers and body of its answer."""
    with connect(server) as connection:
        with contextlib.suppress(OSError):  # answered before it was sent
            connection.sendall(head.encode() + b"\r\n" + body)
        return read_answer(connection)


def read_answer(connection):
    content = b""
    while chunk := connection.recv(65536):
        content += chunk
    head, _, body = content.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def post(server, wind_ms, path="/predict"):
    member = "rows" if path == "/predict" else "dataframe_records"
    row = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": wind_ms}
    body = json.dumps({member: [row]}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return ask(server, head, body)


def get(server, path):
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return ask(server, head)


def check_problem(answer, status, slug):
    given_status, headers, body = answer
    problem = json.loads(body)
    assert given_status == problem["status"] == status
    assert problem["type"].endswith(f"#problem-{slug}")
    assert problem["instance"] == f"urn:uuid:{headers['X-Request-ID']}"
    assert headers["X-Content-Type-Options"] == "nosniff"
    return headers


def seconds(function, *arguments):
    began = time.monotonic()
    result = function(*arguments)
    return time.monotonic() - began, result


def test_more_requests_than_there_is_room_for_are_refused_at_once(server):
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(post, server, 32.5) for _ in range(3)]
        time.sleep(0.5)

        refused_s, refused = seconds(post, server, 1.0)
        alive_s, alive = seconds(get, server, "/health/live")
        large = ask(
            server,
            "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n",
            b" " * 20_000_000,
        )
        metrics = get(server, "/metrics")

        assert not any(one.done() for one in running)
        headers = check_problem(refused, 429, "too-many-requests")
        assert int(headers["Retry-After"]) >= 1
        check_problem(large, 429, "too-many-requests")
        assert alive[0] == metrics[0] == 200
        assert b'reason="too-many-requests"' in metrics[2]
        assert max(refused_s, alive_s) < 1
        statuses = [one.result()[0] for one in running]

    # The third waited for a thread, and its time began when it had one.
    assert statuses == [200, 200, 200]
    assert post(server, 1.0)[0] == 200


def test_a_client_that_sends_too_slowly_is_told_so_and_costs_no_worker(server, worker):
    before = worker()
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    began = time.monotonic()
    with connect(server) as connection:
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            while time.monotonic() - began < LIMIT_S + 0.5:
                connection.sendall(b" ")
                time.sleep(0.2)
        answer = read_answer(connection)

    check_problem(answer, 408, "slow-request")
    time.sleep(1.5)  # a lost thread would be noticed now
    assert worker() == before
    assert post(server, 1.0)[0] == 200


def test_a_header_that_is_too_long_gets_a_problem(server):
    fine = f"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: {'a' * 900}\r\n"
    long = f"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: {'a' * 1100}\r\n"
    line = f"GET /{'a' * 1100} HTTP/1.1\r\nHost: x\r\n"

    assert ask(server, f"{fine}Connection: close\r\n")[0] == 200
    for head in (long, line):
        check_problem(ask(server, head), 400, "bad-request")


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_a_model_that_hangs_is_answered_for_and_its_worker_is_replaced(
    server, worker, path
):
    before = worker()
    waited_s, answer = seconds(post, server, 39.5, path)
    meanwhile = post(server, 31.8)  # running when the thread is found to be lost

    headers = check_problem(answer, 503, "slow-answer")
    assert ("error_code" in json.loads(answer[2])) == (path == "/invocations")
    assert LIMIT_S <= waited_s < LIMIT_S + 1
    assert meanwhile[0] == 200
    assert post(server, 1.0)[0] == 200  # waits in the port until there is a worker
    assert not set(before) & set(worker())
    log = server.output()
    assert f"slow-answer in request {headers['X-Request-ID']}" in log
    assert "in think" in log  # where it hangs
    assert f"Request {headers['X-Request-ID']} still holds its thread" in log
    (line,) = (
        json.loads(line)
        for line in log.splitlines()
        if line.startswith("{") and headers["X-Request-ID"] in line
    )
    assert (line["status"], line["path"]) == (503, path)
    assert line["duration_ms"] >= LIMIT_S * 1000
    assert "Traceback" not in log
