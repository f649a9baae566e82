"""gunicorn's worker with threads, made robust against stalling and broken clients.

What differs from plain gunicorn: a client that stops in the middle of a request
loses its thread after a while; one that has sent nothing, or is still sending what
was refused, takes none; none of them delays the shutdown; what is not HTTP gets a
problem as its answer, and its content is not logged; what there is no room for is
refused at once; and a request whose time is over is answered, whatever its thread does.
"""

import contextlib
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import (
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from companion.errors import ProblemError
from companion.serving.http.exchange import Exchange, exchange_of
from companion.serving.http.limits import refuse_in_this_thread
from companion.serving.http.problems import problem_of
from companion.serving.http.responses import log_failure
from companion.serving.run.lanes import QUICK_S, Lanes
from companion.serving.run.lingering import LingeringSockets
from companion.serving.run.raw_answer import RawAnswers
from companion.serving.run.running import Running, RunningRequests

__all__ = ["BOOT_SIGNALS", "STALL_S", "QuietLogger", "Worker"]

# A phone may lose its network for several seconds. It is less than the time that
# running requests have during a shutdown.
STALL_S = 20
# What the arbiter may send to a worker before the worker can listen to it.
BOOT_SIGNALS = (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR2)
_ENDING_POLL_S = 0.2
# During the shutdown, a client that has just connected may be about to send.
_ENDING_SILENCE_S = 1.0
_LOOK_EVERY_S = 0.25
# They only refuse and answer health pages; several, for a client may be slow to read.
_REFUSING_THREADS = 4
# To take from a socket at once. Of a body much; of a head little, for gunicorn copies
# what came with it several times.
_CHUNK_BYTES = 262_144
_HEAD_BYTES = 8192

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

    wsgi: Any
    _end_of_silence: float | None = None
    _retiring = False

    def init_signals(self) -> None:
        """Listen to the arbiter only.

        A terminal that closes sends SIGHUP to every process; the arbiter says what
        follows. SIGUSR2 is its word for a worker whose model is out of date.
        """
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, self._retire)
        signal.siginterrupt(signal.SIGUSR2, False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BOOT_SIGNALS)

    def _retire(self, *_: object) -> None:
        self._retiring = True
        self.alive = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Start the shutdown; SIGTERM."""
        self._retiring = False
        super().handle_exit(sig, frame)

    def load_wsgi(self) -> None:
        """Make the application, and what the worker needs for it."""
        super().load_wsgi()
        app = self.wsgi
        config = app.extensions["companion_config"]
        self._limit = config.concurrent_limit
        self._timeout_s = config.request_timeout
        self._raw_answers = RawAnswers(app)
        self._running = self.wsgi = RunningRequests(app, config.request_timeout)
        self._refusing = ThreadPoolExecutor(
            _REFUSING_THREADS, initializer=refuse_in_this_thread
        )
        self._lingering = LingeringSockets(self.poller, self._forget_connection)
        self._next_look = 0.0
        self._lost: set[socket.socket] = set()

    def get_thread_pool(self) -> Lanes:
        """Make the threads that answer."""
        return Lanes(self.cfg.threads)

    def run(self) -> None:
        """Answer requests until told to end."""
        super().run()
        if self._lost:
            # Python would wait for the threads that never come back.
            logging.shutdown()
            os._exit(0)

    def _forget_connection(self) -> None:
        self.nr_conns -= 1

    def is_parent_alive(self) -> bool:
        """Tell whether the arbiter is alive; if not, start the shutdown."""
        if not super().is_parent_alive():
            self.alive = False
        return bool(self.alive)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread, once there is something to read.

        It is a `gunicorn.workers.gthread.TConn`, new or with a further request.
        """
        if not conn.data_ready and not conn.initialized:
            # gunicorn would keep a thread waiting for five seconds.
            self._await_data(conn)
            return
        # Python's own timeouts would be undone when gunicorn sets the socket to
        # block; the kernel's stay. The field of microseconds is 0 in any width.
        limit = struct.pack("ll", STALL_S, 0)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        unanswered = self._running.unanswered
        has_room = len(unanswered) < self._limit
        unanswered.add(conn.sock)
        fs = (self.tpool if has_room else self._refusing).submit(self.handle, conn)
        fs.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def _await_data(self, conn: Any) -> None:
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        callback = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, callback)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request; ask for its body only once the application wants it.

        gunicorn would ask at once, so that a client which waits with its body sends
        one that is refused for its size or its type.
        """
        if isinstance(req.body.reader, ChunkedReader):
            req.body.reader = _CheckedReader(req.body.reader)
        if req._expected_100_continue:
            req._expected_100_continue = False
            req.body.reader = _InvitingReader(req.body.reader, conn.sock)
            # Without that invitation it is open whether the body comes after all.
            req.force_close()
        req.body = _QuickBody(req.body.reader)
        req.unreader.mxchunk = _CHUNK_BYTES
        try:
            return super().handle_request(req, conn)
        finally:
            req.unreader.mxchunk = _HEAD_BYTES

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep a connection for a further request, or let its client read the end.

        gunicorn would wait for the client's end here, and answer nobody meanwhile.
        """
        self._running.unanswered.discard(conn.sock)
        if conn.sock in self._lost:  # found again
            self._lost.discard(conn.sock)
            self.nr_conns += 1
        is_kept = not fs.cancelled() and not fs.exception() and fs.result()
        if is_kept and self._retiring:
            # The answer, which was under way before, has told its client to keep the
            # connection; gunicorn would close it.
            self.alive = True
            super().finish_request(conn, fs)
            self.alive = False
        elif is_kept and self.alive:
            super().finish_request(conn, fs)
        else:
            self._lingering.add(conn.sock)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do; during the shutdown for running requests only."""
        if self.alive:
            if self._running.unanswered:  # look whether they are late
                timeout = min(timeout, _LOOK_EVERY_S)
            if self.tpool.waiting:
                timeout = min(timeout, QUICK_S)
            super().wait_for_and_dispatch_events(timeout)
            self.tpool.rescue()
            self._lingering.close_old()
            self._give_up_late()
            return
        self.tpool.rescue()
        self._give_up_late()
        if self._retiring and super().is_parent_alive():
            # Others go on, so there is time: a client that holds its connection gets
            # an answer to its next request, and is told to connect again. To close
            # the connection now would fail a request that is on its way.
            super().wait_for_and_dispatch_events(min(timeout, _ENDING_POLL_S))
            self._lingering.close_old()
            return
        self._lingering.close_old(_ENDING_SILENCE_S)
        for connection in self.keepalived_conns:
            connection.timeout = 0.0  # long ago on the clock of `murder_keepalived`
        self.murder_keepalived()
        self._end_silent()
        if self.nr_conns > 0:
            super().wait_for_and_dispatch_events(min(timeout, _ENDING_POLL_S))

    def _give_up_late(self) -> None:
        """Answer the requests whose time is over; end if one keeps its thread."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY_S
        for one in self._running.take_late():
            exchange = exchange_of(one.environ)
            error = _late(one, self._timeout_s)
            _logger.error(
                "%s in request %s after %d seconds, at\n%s",
                error.slug,
                exchange.request_id,
                self._timeout_s,
                "".join(traceback.format_stack(sys._current_frames().get(one.thread))),
            )
            self._raw_answers.send(one.socket, problem_of(error), exchange, one.environ)
            with contextlib.suppress(OSError):  # the client may have gone
                one.socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads
        for one in self._running.take_lost():
            self._lost.add(one.socket)
            self.nr_conns -= 1
            if self.alive:
                _logger.error(
                    "Request %s still holds its thread. Worker %d answers what it "
                    "has begun, and another takes its place.",
                    exchange_of(one.environ).request_id,
                    self.pid,
                )
                self.alive = False

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
        addr: Any,
        exc: Exception,
    ) -> None:
        """Answer a client whose request never reached the application.

        The text of `exc` repeats what was sent, which may be a secret, so it is neither
        logged nor sent back.
        """
        environ: dict[str, Any] = {"REMOTE_ADDR": addr[0] if addr else None}
        exchange = Exchange(environ)
        request_id = exchange.request_id
        if isinstance(exc, ParseException):
            error = ProblemError("bad-request", _reason(exc))
            # As in every entry of the log: the class says what, the id which.
            _logger.warning("%s in request %s", type(exc).__name__, request_id)
        else:
            error = ProblemError("internal", "The server failed. See its log.")
            log_failure(exc, request_id)
        self._raw_answers.send(client, problem_of(error), exchange, environ)


class _QuickBody(Body):  # type: ignore[misc]  # gunicorn has no types
    """A body that is read in one go where it can be; gunicorn takes 1,024 bytes each.

    With 190 kB that took as long as parsing them.
    """

    def read(self, size: int | None = None) -> bytes:
        content: bytes
        if size is not None and size > 0 and not self.buf.tell():
            content = self.reader.read(size)
        else:
            content = super().read(size)
        return content


class _CheckedReader:
    """Reads a body in chunks; one that is wrong is as one that has broken off.

    gunicorn's other errors for it would pass for a failure of the server, or stand in
    the log with what was sent.
    """

    def __init__(self, reader: ChunkedReader) -> None:
        self._reader = reader

    @property
    def parser(self) -> Any:
        return self._reader.parser

    def read(self, size: int) -> bytes:
        try:
            content: bytes = self._reader.read(size)
        except ParseException:
            raise NoMoreData from None
        except OSError as err:
            if err.errno is None:  # gunicorn's own, and not the system's
                raise NoMoreData from None
            raise
        return content


class _InvitingReader:
    """Reads a body whose client waits for an invitation to send it."""

    def __init__(self, reader: Any, sock: socket.socket) -> None:
        self._reader = reader
        self._sock: socket.socket | None = sock

    def read(self, size: int) -> bytes:
        if self._sock is not None:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._sock = None
        content: bytes = self._reader.read(size)
        return content


def _reason(exc: ParseException) -> str:
    if isinstance(exc, LimitRequestLine):
        return "The address of the request is too long."
    if isinstance(exc, LimitRequestHeaders):
        return "The headers of the request are too many or too long."
    return "The request is not HTTP/1.1 as this server takes it: look at its headers."


def _late(one: Running, limit_s: int) -> ProblemError:
    if one.is_unread:
        return ProblemError(
            "slow-request", f"The request did not arrive within {limit_s} seconds."
        )
    return ProblemError(
        "slow-answer", f"There was no answer within {limit_s} seconds. Try again."
    )
