"""`companion serve` as a program: start, signals, and what it leaves behind."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

import pytest

from companion.cli import main
from companion.serving.run.background import serve_in_background
from companion.store import count_waiting, read_labelled
from companion.store.sql.labels import count_labels
from companion.system import free_port
from companion.system.ports import take_port

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
BODY = json.dumps({"rows": [ROW]}).encode()


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path / 'log.db'}"


@pytest.fixture
def start(rain_model, store):
    """Start a server; end whatever of it is left."""
    servers = []

    def start_one(*options):
        server = serve_in_background(rain_model, store=store, options=options)
        servers.append(server)
        return server

    yield start_one
    for server in servers:
        server.kill()


def post(url):
    request = urllib.request.Request(
        f"{url}/predict", data=BODY, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def send_label(url, id_, label):
    body = json.dumps({"labels": [{"id": id_, "label": label}]}).encode()
    request = urllib.request.Request(
        f"{url}/feedback", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, json.load(answer)["labels"]


def logged_ids(tmp_path):
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        return [row[0] for row in database.execute("SELECT id FROM predictions")]


def half_a_request(url):
    """Begin a request that is running until its second half comes."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = (
        "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    connection.sendall(head.encode() + BODY[:10])
    time.sleep(0.3)  # until a thread has taken it up
    return connection


def read_all(connection):
    content = b""
    with connection:
        while chunk := connection.recv(65536):
            content += chunk
    return content


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_the_end_lets_running_requests_finish_and_leaves_nothing(
    start, store, tmp_path, processes_with, how
):
    server = start("--workers", "2")
    answered = post(server.url)["predictions"][0]["id"]
    running = half_a_request(server.url)
    held = http.client.HTTPConnection(server.url.removeprefix("http://"))
    held.request("GET", "/health/live")
    assert held.getresponse().read() == b'{"live":true}'

    if how == "SIGTERM":
        os.kill(server.pid, signal.SIGTERM)
    else:  # a terminal sends it to the whole group
        os.killpg(server.pid, signal.SIGINT)
    time.sleep(0.5)
    running.sendall(BODY[10:])
    last = read_all(running)

    assert last.startswith(b"HTTP/1.1 200")
    # For a client that only holds its connection gunicorn waits 15 seconds or more.
    processes_with(store).wait_until_gone(10)
    held.close()
    assert server.stop() == 0
    last_id = json.loads(last.partition(b"\r\n\r\n")[2])["predictions"][0]["id"]
    assert set(logged_ids(tmp_path)) == {answered, last_id}
    assert count_waiting(store) == 0
    assert "Traceback" not in server.output()


def test_labels_reach_their_predictions_from_any_worker_and_from_a_file(
    start, store, tmp_path
):
    """Early, twice, corrected, and loaded while the server runs."""
    server = start("--workers", "2")
    assert send_label(server.url, "x-0", 1) == (202, 1)
    first, second, third = (post(server.url)["predictions"][0]["id"] for _ in range(3))
    for id_, label in ((first, 0), (first, 0), (second, 0), (second, 1)):
        assert send_label(server.url, id_, label) == (202, 1)
    deadline = time.monotonic() + 20
    while count_waiting(store) and time.monotonic() < deadline:
        time.sleep(0.05)
    (tmp_path / "truth.csv").write_text(f"id,label\n{first},1\n{third},0\n")

    assert main(["labels", "load", str(tmp_path / "truth.csv"), "--store", store]) == 0
    assert send_label(server.url, third, 1) == (202, 1)

    assert server.stop() == 0
    found = {one.prediction.id: one.label.value for one in read_labelled(store)}
    assert found == {first: 1.0, second: 1.0, third: 1.0}
    assert count_labels(store).labels == 4


def test_it_says_where_it_listens_and_how_to_stop_it(shared_server):
    said = shared_server.output()

    assert f"Serving rain, version 3, on {shared_server.url}" in said
    store = shared_server.command[-1]
    assert store.startswith("sqlite:///")
    assert store in said
    assert "Ctrl-C" in said


def test_what_a_killed_arbiter_leaves_ends_by_itself_and_is_in_the_log(
    start, store, tmp_path, processes_with
):
    server = start()
    answered = [post(server.url)["predictions"][0]["id"] for _ in range(5)]

    os.kill(server.pid, signal.SIGKILL)

    processes_with(store).wait_until_gone()
    assert sorted(logged_ids(tmp_path)) == sorted(answered)


def test_a_killed_worker_and_a_killed_shipper_are_replaced(
    serve_with, store, tmp_path, processes_with
):
    processes = processes_with(store)
    with serve_with(tmp_path, shipper_pause_s=0.1) as server:
        (worker,) = processes.workers(server.pid)
        shipper = processes.shipper(server.pid)

        os.kill(worker, signal.SIGKILL)
        os.kill(shipper, signal.SIGKILL)
        answered = post(server.url)["predictions"][0]["id"]

        deadline = time.monotonic() + 20
        while count_waiting(store):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answered in logged_ids(tmp_path)
        assert processes.shipper(server.pid) != shipper


def test_a_new_server_ships_what_a_killed_one_left(
    start, store, tmp_path, processes_with
):
    first = start()
    answered = post(first.url)["predictions"][0]["id"]
    os.kill(processes_with(store).shipper(first.pid), signal.SIGKILL)
    os.killpg(first.pid, signal.SIGKILL)
    processes_with(store).wait_until_gone()

    start().stop()

    assert logged_ids(tmp_path) == [answered]


def run_serve(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "companion", "serve", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_model_that_cannot_be_loaded_ends_the_server_with_one_sentence(
    rain_model, store, tmp_path, processes_with
):
    import shutil

    broken = shutil.copytree(rain_model, tmp_path / "broken")
    (broken / "model.skops").write_bytes(b"not a model")

    done = run_serve(broken, "--store", store, "--port", free_port())

    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith(f"Error: The model in {broken} cannot be loaded")
    processes_with(store).wait_until_gone()


def test_a_port_that_is_taken_is_said_before_anything_starts(
    rain_model, store, tmp_path
):
    with take_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = run_serve(rain_model, "--store", store, "--port", port)

    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"Error: Another program listens on port {port} of 127.0.0.1. Stop it, or "
        f"choose another port, such as --port {port + 1}."
    )
    assert not (tmp_path / "log.db").exists()
