"""A server on a Unix socket, and how long a connection is kept."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from companion.system import start_background

BODY = json.dumps({"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}]})


class Connection(http.client.HTTPConnection):
    """A connection through a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "rain.sock"


@pytest.fixture
def command(rain_model, tmp_path, path):
    serve = [sys.executable, "-m", "companion", "serve", str(rain_model)]
    store = f"sqlite:///{tmp_path / 'log.db'}"
    return [*serve, "--store", store, "--unix-socket", str(path), "--keep-alive", "1"]


@pytest.fixture
def start(command):
    servers = []

    def start_one():
        server = start_background(command)
        servers.append(server)
        deadline = time.monotonic() + 30
        while "stop with" not in server.output():
            assert server.running
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return server

    yield start_one
    for server in servers:
        server.kill()


def test_it_is_served_logged_and_gone_in_the_end(start, command, path, tmp_path):
    path.parent.chmod(0o755)
    socket_left = socket.socket(socket.AF_UNIX)
    socket_left.bind(str(path))
    socket_left.close()  # as a killed server leaves it
    server = start()

    assert f"on the Unix socket {path}" in server.output()
    assert f"curl --unix-socket {path} http://localhost/openapi" in server.output()
    assert path.stat().st_mode & 0o777 == 0o660
    with contextlib.closing(Connection(path)) as line:
        line.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
        answered = json.loads(line.getresponse().read())["predictions"][0]["id"]
        line.request("GET", "/health/ready")
        assert line.getresponse().status == 200
    with contextlib.closing(Connection(path)) as line:
        line.connect()
        line.sock.sendall(b"nonsense\r\n\r\n")
        assert line.sock.recv(65536).startswith(b"HTTP/1.1 400")
    second = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"Error: Another program listens on {path}.")
    assert path.exists()

    assert server.stop() == 0
    assert not path.exists()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as database:
        assert list(database.execute("SELECT id FROM predictions")) == [(answered,)]


def test_a_socket_file_that_somebody_deleted_does_not_disturb_the_end(
    start, path, processes_with
):
    server = start()
    path.unlink()

    os.kill(server.pid, signal.SIGTERM)

    processes_with(str(path)).wait_until_gone()
    assert server.stop() == 0
    assert "Traceback" not in server.output()


def test_a_connection_is_kept_as_long_as_asked(start, path):
    start()
    with contextlib.closing(Connection(path)) as line:
        for _ in range(2):
            line.request("GET", "/health/live")
            line.getresponse().read()
            time.sleep(0.4)
        line.sock.settimeout(5)
        began = time.monotonic()

        assert line.sock.recv(1) == b""  # the server closes it

    assert 0.2 < time.monotonic() - began < 3
