"""The short way of the common request: a POST of JSON, past Flask.

Flask's routing, contexts and response objects take as long as all else that a one-row
prediction needs. So a request that needs nothing of Flask is answered by the same
function that Flask's view calls. Every other request, and all of them where hooks
around requests are registered with the application, goes through Flask.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask
from flask.signals import got_request_exception, request_finished, request_started
from werkzeug.exceptions import ClientDisconnected

from companion.serving.http.exchange import Exchange, exchange_of
from companion.serving.http.problems import Problem
from companion.serving.http.responses import JSON_TYPE, answer_error

__all__ = ["Direct"]

_Application = Callable[..., Iterable[bytes]]  # WSGI's
# Answers a body, which it reads when it needs it.
_Answer = Callable[[Callable[[], bytes], Exchange], bytes]

_OK = "200 OK"
_SIGNALS = (request_started, request_finished, got_request_exception)


class Direct:
    """A WSGI application in front of Flask's.

    `answers` are the functions that answer a POST, by path. `note` is told of the
    problems that it answers with.
    """

    def __init__(
        self,
        flask: Flask,
        answers: Mapping[str, _Answer],
        *,
        note: Callable[[Problem], None],
    ) -> None:
        self._flask = flask
        self._app: _Application = flask.wsgi_app
        self._answers = answers
        self._note = note

    def __call__(
        self, environ: dict[str, Any], start: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        path = environ["PATH_INFO"]
        answer = self._answers.get(path)
        length = environ.get("CONTENT_LENGTH", "")
        if (
            answer is None
            or environ["REQUEST_METHOD"] != "POST"
            or environ.get("CONTENT_TYPE") != JSON_TYPE
            or "HTTP_CONTENT_ENCODING" in environ
            or "HTTP_TRANSFER_ENCODING" in environ
            or not (length.isascii() and length.isdigit() and len(length) < 10)
            or int(length) > (self._flask.config["MAX_CONTENT_LENGTH"] or 0)
            or self._has_hooks()
        ):
            return self._app(environ, start)
        exchange = exchange_of(environ)
        n_bytes = int(length)

        def read() -> bytes:
            try:
                content: bytes = environ["wsgi.input"].read(n_bytes)
            except (OSError, ValueError) as err:
                raise ClientDisconnected from err
            if len(content) < n_bytes:
                raise ClientDisconnected
            return content

        try:
            content, status = answer(read, exchange), _OK
            headers = [
                ("Content-Type", JSON_TYPE),
                ("Content-Length", str(len(content))),
            ]
        except Exception as err:  # noqa: BLE001 - as the application's error handler
            problem, content, headers = answer_error(
                err, exchange.request_id, path, note=self._note
            )
            code = problem.kind.status
            status = f"{code} {HTTPStatus(code).phrase}"
        start(status, headers)
        return [content]

    def _has_hooks(self) -> bool:
        """Tell whether somebody has asked Flask to call them at each request."""
        flask = self._flask
        return bool(
            flask.before_request_funcs
            or flask.after_request_funcs
            or flask.teardown_request_funcs
            or flask.teardown_appcontext_funcs
            or flask.url_value_preprocessors
            or any(signal.receivers for signal in _SIGNALS)
        )
