"""Closes a connection without cutting off its last answer.

The kernel resets a connection that is closed while the client is still sending, and
the client may then never see why it was refused. So the server says that it will send
no more, reads on for a while, and throws away what comes (RFC 9112, section 9.6). That
takes no thread: the worker's own loop does it, as its sockets become readable.
"""

import socket
import time
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ, BaseSelector

__all__ = ["LingeringSockets"]

# A client on a slow line gets this long to send the rest of a body that is too large.
_LONGEST_S = 30.0
_MOST_BYTES = 256 * 1024 * 1024
_PIECE = 64 * 1024


class LingeringSockets:
    """The sockets that have had their last answer and are about to be closed.

    `forget` is called for each when it has been closed. All methods belong to the
    thread that runs the poller.
    """

    def __init__(self, poller: BaseSelector, forget: Callable[[], None]) -> None:
        self._poller = poller
        self._forget = forget
        # In the order of their ends, for each has the same time.
        self._ends: dict[socket.socket, float] = {}
        self._read: dict[socket.socket, int] = {}

    def add(self, sock: socket.socket) -> None:
        """Send no more on a socket, and close it once its client has read the end."""
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
        except OSError:  # the client has gone
            sock.close()
            self._forget()
            return
        self._ends[sock] = time.monotonic() + _LONGEST_S
        self._read[sock] = 0
        self._poller.register(sock, EVENT_READ, partial(self._drop, sock))
        self._drop(sock)  # most clients have closed by now, or do so at once

    def _drop(self, sock: socket.socket, _fileobj: object = None) -> None:
        try:
            n_bytes = len(sock.recv(_PIECE))
        except BlockingIOError:
            return
        except OSError:
            n_bytes = 0
        self._read[sock] += n_bytes
        if n_bytes == 0 or self._read[sock] > _MOST_BYTES:
            self._close(sock)

    def close_old(self, longest_s: float = _LONGEST_S) -> None:
        """Close those that have been here for too long."""
        latest = time.monotonic() + _LONGEST_S - longest_s
        while self._ends:
            sock, end = next(iter(self._ends.items()))
            if end > latest:
                return
            self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        self._poller.unregister(sock)
        del self._ends[sock], self._read[sock]
        sock.close()
        self._forget()
