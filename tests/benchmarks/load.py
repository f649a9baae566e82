"""Load for a server: keep-alive connections, each with one request under way.

One thread waits for all connections and does next to nothing per answer, so
that on a small machine the server is measured and not the load. It runs in a
process of its own: ``python load.py URL BODY_FILE CONNECTIONS SECONDS`` prints
one line of JSON.
"""

import json
import selectors
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["measure"]

_HEAD_END = b"\r\n\r\n"
_PATIENCE_S = 30


def measure(url: str, body: bytes, *, connections: int, seconds: float) -> dict:
    """Post one body again and again over several connections.

    Parameters
    ----------
    url : str
        Where to; http only.
    body : bytes
        JSON.
    connections : int
        How many keep-alive connections, each with one request under way.
    seconds : float
        For how long.

    Returns
    -------
    dict
        `answers` with status 200, `others`, `per_second`, and the median and 99th
        percentile of the time that an answer took, `p50_ms` and `p99_ms`.

    Raises
    ------
    RuntimeError
        If no answer comes for half a minute.
    """
    parts = urlsplit(url)
    request = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    address = (parts.hostname, parts.port)
    answers = others = 0
    sent: dict[int, float] = {}  # when the request under way left, by file descriptor
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for _ in range(connections):
            _connect(selector, address, request, sent)
        while time.perf_counter() - started < seconds:
            ready = selector.select(_PATIENCE_S)
            if not ready:
                raise RuntimeError(f"{url} has not answered for {_PATIENCE_S} s")
            for key, _ in ready:
                received: bytearray = key.data
                chunk = key.fileobj.recv(65536)
                if not chunk:  # the server ended the connection: a new one
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    _connect(selector, address, request, sent)
                    continue
                received += chunk
                if _is_whole(received):
                    now = time.perf_counter()
                    took.append(now - sent[key.fd])
                    if received.startswith(b"HTTP/1.1 200"):
                        answers += 1
                    else:
                        others += 1
                    received.clear()
                    sent[key.fd] = now
                    key.fileobj.sendall(request)
        elapsed = time.perf_counter() - started
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    took.sort()
    return {
        "answers": answers,
        "others": others,
        "per_second": answers / elapsed,
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[len(took) * 99 // 100] * 1000,
    }


def _connect(
    selector: selectors.BaseSelector,
    address: tuple,
    request: bytes,
    sent: dict[int, float],
) -> None:
    connection = socket.create_connection(address, timeout=_PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(connection, selectors.EVENT_READ, bytearray())
    sent[connection.fileno()] = time.perf_counter()
    connection.sendall(request)


def _is_whole(received: bytearray) -> bool:
    head_end = received.find(_HEAD_END)
    if head_end < 0:
        return False
    head = bytes(received[:head_end]).lower()
    _, found, rest = head.partition(b"content-length:")
    if not found:
        return received.endswith(b"0\r\n\r\n")  # chunked
    length = int(rest.split(b"\r\n", 1)[0])
    return len(received) >= head_end + len(_HEAD_END) + length


if __name__ == "__main__":
    url, body_file, connections, seconds = sys.argv[1:]
    result = measure(
        url,
        Path(body_file).read_bytes(),
        connections=int(connections),
        seconds=float(seconds),
    )
    sys.stdout.write(json.dumps(result) + "\n")
