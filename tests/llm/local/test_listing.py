"""Servers are found by their processes. These have no model: they start at once."""

import http.client
import os
import signal
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from companion.llm.local import listing
from companion.llm.local.listing import (
    ServerInfo,
    find_server,
    is_running,
    stop_server,
)

INFO = ServerInfo(
    pid=os.getpid(),
    url="http://127.0.0.1:41873",
    model="m",
    file="m.gguf",
    context=512,
    parallel=1,
    started_at=1.0,
    owner_pid=1,
    owner="init",
)
ARGUMENTS = ["my model.gguf", "0", "512", "2", str(os.getpid()), "a notebook"]
# Says its address, and answers the status that its environment names.
STANDIN = """
import http.server, os, sys, threading
class Server:
    def __init__(self, params):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(int(os.environ["STATUS"]))
                self.end_headers()
            def log_message(self, *args):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.listening_address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
if __name__ == "__main__":
    print(0, Server(None).listening_address, flush=True)
    sys.stdin.read()
else:
    from unittest.mock import MagicMock as CommonParams
"""


@pytest.fixture
def start(own_servers, tmp_path, monkeypatch):  # noqa: ARG001 - first of all
    """Programs that listen on a port, and the addresses that they say."""
    (tmp_path / "xllamacpp.py").write_text(STANDIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    started = []

    def start(*options, status=200):
        process = subprocess.Popen(
            [sys.executable, *options, *ARGUMENTS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "STATUS": str(status)},
        )
        started.append(process)
        return process, process.stdout.readline().split()[1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_server_is_known_by_its_command_line_and_its_port(start, own_servers):
    process, url = start(*listing.SERVER_OPTIONS)

    (info,) = own_servers()

    assert info == ServerInfo(
        pid=process.pid,
        url=url,
        model="my model",
        file="my model.gguf",
        context=512,
        parallel=2,
        started_at=0.0,
        owner_pid=os.getpid(),
        owner="a notebook",
    )
    assert info.started_at == pytest.approx(
        psutil.Process(process.pid).create_time(), abs=2
    )
    assert find_server(f"{url}/v1") == info
    assert is_running(info)


def test_one_that_still_loads_its_model_is_not_listed(start, own_servers):
    """llama.cpp answers 503 until then."""
    start(*listing.SERVER_OPTIONS, status=503)

    assert own_servers() == []


def test_one_of_another_user_is_not_listed(start, own_servers, monkeypatch):
    start(*listing.SERVER_OPTIONS)
    monkeypatch.setattr(listing, "_user", lambda: "somebody else")

    assert own_servers() == []


@pytest.mark.parametrize(
    "error", [psutil.NoSuchProcess(1), psutil.AccessDenied(1), PermissionError()]
)
def test_processes_that_end_or_cannot_be_read_are_passed_over(
    start, own_servers, monkeypatch, error
):
    start(*listing.SERVER_OPTIONS)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(psutil.Process, "net_connections", fail)

    assert own_servers() == []


def test_a_program_that_only_mentions_the_server_is_neither_listed_nor_ended(
    start, own_servers, tmp_path
):
    """It listens, and has all the arguments of a server, but runs another file."""
    process, url = start(str(tmp_path / "xllamacpp.py"), *listing.SERVER_OPTIONS)

    assert own_servers() == []
    assert find_server(url) is None
    stop_server(replace(INFO, pid=process.pid, url=url))

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)


def test_one_that_has_the_process_id_of_another_server_is_not_ended(start, own_servers):
    process, _ = start(*listing.SERVER_OPTIONS)
    (info,) = own_servers()

    stop_server(replace(info, owner_pid=1))

    assert is_running(info)
    stop_server(info)
    assert process.wait(1) in (-signal.SIGTERM, signal.SIGTERM)


def test_a_killed_server_is_gone_at_once_though_nobody_waits_for_it(
    start, own_servers, wait_until
):
    """As in a notebook: its process stays in the system's table meanwhile."""
    process, _ = start(*listing.SERVER_OPTIONS)
    (info,) = own_servers()

    os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    wait_until(lambda: not is_running(info))
    assert own_servers() == []
    stop_server(info)
    process.wait()


@pytest.mark.parametrize(
    ("url", "is_found"),
    [
        ("http://127.0.0.1:41873/v1", True),
        (" http://localhost:41873/ ", True),
        ("http://127.0.0.1:41874/v1", False),
        ("http://127.0.0.1", False),
        ("http://elsewhere.example:41873/v1", False),
        ("http://127.0.0.1:port/v1", False),
        ("", False),
    ],
)
def test_a_server_is_found_by_its_address(url, is_found, monkeypatch):
    monkeypatch.setattr(listing, "running_servers", lambda **_: [INFO])

    assert find_server(url) == (INFO if is_found else None)


@pytest.mark.parametrize("error", [TimeoutError, http.client.RemoteDisconnected])
def test_one_that_does_not_answer_is_listed_so_that_it_can_be_ended(
    start, own_servers, monkeypatch, error
):
    start(*listing.SERVER_OPTIONS)

    def fail(_):
        raise error

    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", fail)

    assert len(own_servers()) == 1
