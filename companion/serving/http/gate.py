"""What every request passes before Flask sees it, and every answer on its way out.

One layer for all of it, for each layer costs time: the ids of the request, who may
ask, whether there is room, the headers that every answer carries, the access log.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from companion.errors import ProblemError
from companion.serving.http.access_log import AccessLog
from companion.serving.http.auth import OPEN_PATHS, TokenCheck
from companion.serving.http.cors import Cors
from companion.serving.http.exchange import Exchange
from companion.serving.http.headers import SECURITY_HEADERS
from companion.serving.http.limits import check_room
from companion.serving.http.problems import Problem, problem_of, write_problem
from companion.serving.http.tracing import read_trace_id

__all__ = ["Gate"]

_Application = Callable[..., Iterable[bytes]]  # WSGI's
_Start = Callable[..., Any]
_Headers = list[tuple[str, str]]


class Gate:
    """A WSGI application around another.

    Without a `token` everyone may ask. `note` is told of the problems that it answers
    with itself.
    """

    def __init__(
        self,
        app: _Application,
        *,
        token: str | None = None,
        origins: Iterable[str] = (),
        access_log: AccessLog | None = None,
        note: Callable[[Problem], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._check = None if token is None else TokenCheck(token)
        origins = tuple(origins)
        self._cors = Cors(origins) if origins else None
        self._access_log = access_log
        self._note = note

    def __call__(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        exchange = Exchange(environ)
        traceparent = environ.get("HTTP_TRACEPARENT")
        if traceparent is not None:
            exchange.trace_id = read_trace_id(traceparent)
        common: _Headers = [*SECURITY_HEADERS, ("X-Request-ID", exchange.request_id)]
        if self._cors is not None:
            common += self._cors.headers(environ.get("HTTP_ORIGIN"))

        def start_with_common(status: str, headers: _Headers, *rest: Any) -> Any:
            write = start(status, headers + common, *rest)
            if self._access_log is not None:
                self._access_log.note(exchange, environ, status, headers)
            return write

        if self._cors is not None and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            allowed = self._cors.preflight(environ.get("HTTP_ORIGIN"))
            if allowed is not None and environ["REQUEST_METHOD"] == "OPTIONS":
                start_with_common("204 No Content", allowed)
                return []
        try:
            self._check_client(environ, exchange)
        except ProblemError as err:
            problem = problem_of(err)
        else:
            return self._app(environ, start_with_common)
        self._note(problem)
        body, headers = write_problem(
            problem, request_id=exchange.request_id, path=environ["PATH_INFO"]
        )
        status = problem.kind.status
        start_with_common(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def _check_client(self, environ: dict[str, Any], exchange: Exchange) -> None:
        is_open = environ["PATH_INFO"] in OPEN_PATHS
        if self._check is not None:
            given = environ.get("HTTP_AUTHORIZATION", "")
            exchange.is_trusted = self._check.accepts(given)
            if not (exchange.is_trusted or is_open):
                raise ProblemError(
                    "unauthorized",
                    "The request has not the right token. Send it as the header "
                    "`Authorization: Bearer TOKEN`.",
                )
        if not is_open and environ["PATH_INFO"] != "/metrics":
            check_room()
