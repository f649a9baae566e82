"""The requests that a worker is answering, and those that take too long.

A thread cannot be stopped from outside. So when a request has had its time, the loop
of the worker answers on the connection, and what the thread says later is not sent.
The worker then ends (`companion.serving.run.worker`), for the thread may be lost for
ever; one that only waited for its client comes back by itself.
"""

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Running", "RunningRequests"]

# A thread that waited for its client notices within milliseconds that it has gone.
_GRACE_S = 1.0

_Application = Callable[..., Iterable[bytes]]  # WSGI's


@dataclass(slots=True, eq=False)
class Running:
    """One request that is being answered, by the thread with the id `thread`.

    From `deadline` on, by the clock `time.monotonic`, it may be given up. `is_over`
    tells that the thread is done with it.
    """

    environ: dict[str, Any]
    thread: int
    deadline: float
    is_over: bool = False

    @property
    def socket(self) -> socket.socket:
        """The connection to the client."""
        sock: socket.socket = self.environ["gunicorn.socket"]
        return sock

    @property
    def is_unread(self) -> bool:
        """Whether the client still has to send, or the application to read."""
        reader = self.environ["wsgi.input"].reader
        # Of gunicorn's readers, one counts what is left, one forgets its parser.
        return bool(
            getattr(reader, "length", 0) or getattr(reader, "parser", None) is not None
        )


class RunningRequests:
    """The requests of one worker, each of which may take `limit_s` seconds.

    `unanswered` are the connections whose requests wait for a thread or an answer. The
    worker adds them. They go before the answer is sent, so that a client which asks
    again at once is not counted twice.
    """

    def __init__(self, app: _Application, limit_s: float) -> None:
        self._app = app
        self._limit_s = limit_s
        self._running: dict[int, Running] = {}  # the oldest first
        self._given_up: list[Running] = []
        self.unanswered: set[socket.socket] = set()

    def __call__(
        self, environ: dict[str, Any], start: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI has it, unless its time runs out first."""
        deadline = time.monotonic() + self._limit_s
        one = Running(environ, threading.get_ident(), deadline)
        key = id(one)
        self._running[key] = one

        def start_in_time(status: str, *arguments: Any) -> Any:
            # The thread that takes the entry out answers the request.
            if self._running.pop(key, None) is None:
                raise BrokenPipeError(errno.EPIPE, "The request was given up.")
            self.unanswered.discard(one.socket)
            if status >= "4" and one.is_unread:
                # The next thing on the connection is not a request.
                start.__self__.force_close()  # type: ignore[attr-defined] # gunicorn's
            return start(status, *arguments)

        try:
            return self._app(environ, start_in_time)
        finally:
            self._running.pop(key, None)
            one.is_over = True

    def take_late(self) -> list[Running]:
        """Take out the requests whose time is over, for the caller to answer them."""
        late = []
        now = time.monotonic()
        for key, one in tuple(self._running.items()):
            if one.deadline > now:
                break
            if self._running.pop(key, None) is not None:  # else it has its answer
                late.append(one)
        self._given_up += late
        return late

    def take_lost(self) -> list[Running]:
        """Take out the late requests whose threads have not come back since."""
        if not self._given_up:
            return []
        now = time.monotonic()
        waiting = [one for one in self._given_up if not one.is_over]
        lost = [one for one in waiting if now - one.deadline > _GRACE_S]
        self._given_up = [one for one in waiting if one not in lost]
        return lost
