"""Answers that the worker gives itself, because the application cannot.

They are for requests that could not be read as HTTP, and for those whose time ran out.
"""

import contextlib
import socket
from collections.abc import Mapping
from typing import Any

from flask import Flask

from companion.serving.http.exchange import Exchange
from companion.serving.http.headers import SECURITY_HEADERS
from companion.serving.http.problems import Problem, write_problem

__all__ = ["RawAnswers"]


class RawAnswers:
    """Sends problems as bytes, and counts and logs them as the application would."""

    def __init__(self, app: Flask) -> None:
        self._metrics = app.extensions["companion_metrics"]
        self._access_log = app.extensions["companion_access_log"]

    def send(
        self,
        sock: socket.socket,
        problem: Problem,
        exchange: Exchange,
        environ: Mapping[str, Any],
    ) -> None:
        """Send a problem as the last answer on a connection, without waiting for it.

        The request's WSGI environment may lack what could not be read.
        """
        kind = problem.kind
        path = environ.get("PATH_INFO", "")
        body, own = write_problem(problem, request_id=exchange.request_id, path=path)
        headers = [
            ("Connection", "close"),
            *own,
            ("X-Request-ID", exchange.request_id),
            *SECURITY_HEADERS,
        ]
        status = f"{kind.status} {kind.title}"
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        self._metrics.count_unread(problem)
        if self._access_log is not None:
            self._access_log.note(exchange, environ, status, headers)
        with contextlib.suppress(OSError):  # the client may have gone
            content = "\r\n".join([*lines, "", ""]).encode() + body
            sock.send(content, socket.MSG_DONTWAIT)  # so short that it always fits
