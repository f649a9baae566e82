"""gunicorn's worker with threads, made robust against stalling and broken clients.

What differs from plain gunicorn: a client that stops in the middle of a request
loses its thread after a while; one that has sent nothing takes none; none of
them delays the shutdown; and what is not HTTP gets a problem as its answer, and
its content is not logged.
"""

import contextlib
import logging
import socket
import struct
import sys
import time
import uuid
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from companion.errors import ProblemError
from companion.serving.http.problems import Problem, problem_body, problem_of
from companion.serving.http.responses import log_failure

__all__ = ["STALL_S", "QuietLogger", "Worker"]

# A phone may lose its network for several seconds. It is less than the time that
# running requests have during a shutdown.
STALL_S = 20
_ENDING_POLL_S = 0.2
# During the shutdown, a client that has just connected may be about to send.
_ENDING_SILENCE_S = 1.0

_logger = logging.getLogger(__name__)


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger, without a traceback for each client that stalls."""

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an exception; a timeout is only information."""
        if isinstance(sys.exc_info()[1], BlockingIOError):
            self.info("A client sent or read nothing for %d seconds.", STALL_S)
        else:
            super().exception(msg, *args, **kwargs)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker, which ends as soon as the running requests are answered.

    gunicorn 26 waits half a minute for clients that only hold their connection,
    and goes on to answer them when its arbiter was killed.
    """

    _end_of_silence: float | None = None

    def is_parent_alive(self) -> bool:
        """Tell whether the arbiter is alive; if not, start the shutdown."""
        if not super().is_parent_alive():
            self.alive = False
        return bool(self.alive)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread, once there is something to read.

        It is a `gunicorn.workers.gthread.TConn`, new or with a further request.
        """
        if not getattr(conn, "data_ready", True) and not conn.initialized:
            # gunicorn 26 would keep a thread waiting for five seconds.
            self._await_data(conn)
            return
        # Python's own timeouts would be undone when gunicorn sets the socket to
        # block; the kernel's stay. The field of microseconds is 0 in any width.
        limit = struct.pack("ll", STALL_S, 0)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        super().enqueue_req(conn)

    def _await_data(self, conn: Any) -> None:
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        callback = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, callback)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do; during the shutdown for running requests only."""
        if self.alive:
            super().wait_for_and_dispatch_events(timeout)
            return
        for connection in self.keepalived_conns:
            connection.timeout = 0.0  # long ago on the clock of `murder_keepalived`
        self.murder_keepalived()
        if hasattr(self, "pending_conns"):  # since gunicorn 25
            self._end_silent()
        if self.nr_conns > 0:
            super().wait_for_and_dispatch_events(min(timeout, _ENDING_POLL_S))

    def _end_silent(self) -> None:
        if self._end_of_silence is None:
            self._end_of_silence = time.monotonic() + _ENDING_SILENCE_S
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, self._end_of_silence)
        self.murder_pending()

    def handle_error(
        self,
        req: Any,  # noqa: ARG002 - gunicorn's signature
        client: Any,
        addr: Any,  # noqa: ARG002 - gunicorn's signature
        exc: Exception,
    ) -> None:
        """Answer a client whose request never reached the application.

        The text of `exc` repeats what was sent, which may be a secret, so it is neither
        logged nor sent back.
        """
        request_id = str(uuid.uuid4())
        if isinstance(exc, ParseException):
            error = ProblemError("bad-request", _reason(exc))
            # As in every entry of the log: the class says what, the id which.
            _logger.warning("%s in request %s", type(exc).__name__, request_id)
        else:
            error = ProblemError("internal", "The server failed. See its log.")
            log_failure(exc, request_id)
        problem = problem_of(error)
        self.wsgi.extensions["companion_metrics"].count_unread(problem)
        with contextlib.suppress(OSError):  # the client may have gone
            client.sendall(_http(problem, request_id))


def _reason(exc: ParseException) -> str:
    if isinstance(exc, LimitRequestLine):
        return "The address of the request is too long."
    if isinstance(exc, LimitRequestHeaders):
        return "The headers of the request are too many or too long."
    return "The request is not HTTP/1.1 as this server takes it: look at its headers."


def _http(problem: Problem, request_id: str) -> bytes:
    kind = problem.kind
    body = problem_body(problem, request_id=request_id, for_mlflow=False)
    head = (
        f"HTTP/1.1 {kind.status} {kind.title}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n\r\n"
    )
    return head.encode() + body
