"""Answers that leave before the whole request is there, against a real server."""

import json
import selectors
import socket
import time
import urllib.request
from contextlib import closing

import pytest

from companion.serving.run import lingering
from companion.serving.run.lingering import LingeringSockets

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PIECE = b" " * 65_536
TOO_MANY = 20_000_000 // len(PIECE)  # pieces of a body; the limit is 1 MiB


@pytest.fixture
def connection(shared_server):
    host, port = shared_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        yield connection


def read_all(connection):
    content = b""
    while chunk := connection.recv(65536):
        content += chunk
    head, _, body = content.partition(b"\r\n\r\n")
    return head, body


def with_length(connection):
    head = b"Content-Length: %d\r\n\r\n" % (TOO_MANY * len(PIECE))
    connection.sendall(HEAD + head)
    for _ in range(TOO_MANY):
        connection.sendall(PIECE)


def in_chunks(connection):
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(TOO_MANY):
        connection.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
    connection.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize("send", [with_length, in_chunks])
def test_a_client_that_sends_20_mb_before_it_reads_gets_its_answer(connection, send):
    """Most clients do so; a reset would tell them nothing."""
    send(connection)

    head, body = read_all(connection)

    assert head.startswith(b"HTTP/1.1 413")
    assert b"Connection: close" in head
    assert json.loads(body)["type"].endswith("#problem-body-too-large")


@pytest.mark.parametrize(
    ("size", "content_type", "status"),
    [(20_000_000, "application/json", b"413"), (100, "text/plain", b"415")],
)
def test_a_body_that_waits_to_be_asked_for_is_refused_unsent(
    connection, size, content_type, status
):
    head = (
        "POST /predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {size}\r\n\r\n"
    )
    connection.sendall(head.encode())

    head, _ = read_all(connection)

    assert head.startswith(b"HTTP/1.1 " + status)


def test_a_body_that_waits_to_be_asked_for_is_asked_for(connection):
    body = json.dumps({"rows": [ROW]}).encode()
    head = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection.sendall(HEAD + head)
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)

    head, answer = read_all(connection)

    assert head.startswith(b"HTTP/1.1 200")
    assert len(json.loads(answer)["predictions"]) == 1


def test_a_client_that_does_not_close_delays_nobody(connection, shared_server):
    connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
    read_all(connection)  # the server has ended its side, and this side stays open

    began = time.monotonic()
    with urllib.request.urlopen(f"{shared_server.url}/health/live", timeout=15):
        pass

    assert time.monotonic() - began < 1


@pytest.fixture
def closing_socket():
    """A socket that is to be closed, its client, and the number of those closed."""
    closed = []
    ours, theirs = socket.socketpair()
    with selectors.DefaultSelector() as poller, closing(ours), closing(theirs):
        sockets = LingeringSockets(poller, lambda: closed.append(1))
        yield sockets, ours, theirs, poller, closed


def turn(poller):
    for key, _ in poller.select(0):
        key.data(key.fileobj)


def test_a_socket_is_closed_once_when_its_client_has_closed(closing_socket):
    sockets, ours, theirs, poller, closed = closing_socket
    sockets.add(ours)
    theirs.sendall(b"the rest")
    turn(poller)
    assert not closed
    assert theirs.recv(1) == b""

    theirs.close()
    turn(poller)
    sockets.close_old()

    assert ours.fileno() == -1
    assert closed == [1]


def test_a_client_that_sends_on_and_on_is_cut_off(closing_socket, monkeypatch):
    monkeypatch.setattr(lingering, "_MOST_BYTES", 1000)
    sockets, ours, theirs, poller, closed = closing_socket
    sockets.add(ours)
    for _ in range(3):
        assert not closed
        theirs.sendall(b" " * 400)
        turn(poller)

    assert closed == [1]


def test_a_client_that_stays_for_too_long_is_cut_off(closing_socket):
    sockets, ours, _, _, closed = closing_socket
    sockets.add(ours)
    sockets.close_old()
    assert not closed
    sockets.close_old(0)

    assert ours.fileno() == -1
    assert closed == [1]
