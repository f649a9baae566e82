"""HTTP responses: JSON for an answer, an RFC 9457 problem for an error.

`companion.serving.http.gate` adds the headers that every answer carries.
"""

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from companion.errors import (
    CompanionError,
    ModelError,
    ModelFailedError,
    ProblemError,
    RefusedError,
)
from companion.serving.http.exchange import Exchange, exchange_of
from companion.serving.http.problems import (
    PROBLEM_TYPES,
    Problem,
    problem_of,
    problem_of_refusal,
    write_problem,
)

__all__ = [
    "JSON_TYPE",
    "answer_error",
    "current_exchange",
    "find_problem",
    "log_failure",
    "log_model_failure",
    "reply",
    "reply_json",
    "reply_to_error",
]

JSON_TYPE = "application/json"

_ENCODE = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_SLUGS = {404: "not-found", 405: "wrong-method", 413: "body-too-large"}

_logger = logging.getLogger(__name__)


def reply(content: str | bytes, *, status: int = 200) -> Response:
    """Make a response of JSON text."""
    return Response(content, status, mimetype=JSON_TYPE)


def reply_json(content: Mapping[str, Any], *, status: int = 200) -> Response:
    """Make a response of an object, written as JSON."""
    return reply(_ENCODE(content), status=status)


def current_exchange() -> Exchange:
    """Return what is known of the request being answered: its ids, who asks."""
    return exchange_of(request.environ)


def reply_to_error(
    err: Exception, *, note: Callable[[Problem], None] = lambda _: None
) -> Response:
    """Answer with a problem, as ``application/problem+json``; a redirect stays one.

    `note` is told of the problem.
    A failure of the server is logged, with the request's id and without what it sent.
    """
    if isinstance(err, HTTPException) and (err.code or 500) < 400:
        response = err.get_response()  # a redirect
        return Response(response.get_data(), err.code, response.headers)
    problem, body, headers = answer_error(
        err, current_exchange().request_id, request.path, note=note
    )
    return Response(body, problem.kind.status, headers)


def answer_error(
    err: Exception, request_id: str, path: str, *, note: Callable[[Problem], None]
) -> tuple[Problem, bytes, list[tuple[str, str]]]:
    """Say which problem a request to a path ends with; write its body and headers.

    `note` is told of it; a failure of the server or of the model is logged.
    """
    problem = find_problem(err)
    note(problem)
    if isinstance(err, ModelFailedError):
        log_model_failure(err, request_id)
    elif problem.kind.status == 500:
        log_failure(err, request_id)
    return problem, *write_problem(problem, request_id=request_id, path=path)


def log_model_failure(err: ModelFailedError, request_id: str) -> None:
    """Log what the model raised: its author needs class and message."""
    cause = err.__cause__
    if cause is None or isinstance(cause, CompanionError):
        _logger.error("%s in request %s", cause or err, request_id)
    else:
        name = type(cause).__name__
        frames = "".join(traceback.format_tb(cause.__traceback__))
        message = f"The model raised {name} in request {request_id}: {cause}"
        _logger.error("%s\n%s", message, frames)


def log_failure(err: Exception, request_id: str) -> None:
    """Log where the server failed, without the values it worked on.

    Neither the error's message nor its values are logged: both may hold what users
    sent.
    """
    _logger.error(
        "%s in request %s\n%s",
        type(err).__name__,
        request_id,
        "".join(traceback.format_tb(err.__traceback__)),
    )


def find_problem(err: Exception) -> Problem:
    """Say which problem an error is to a client."""
    if isinstance(err, RefusedError):
        return problem_of_refusal(err)
    if isinstance(err, ProblemError):
        return problem_of(err)
    if isinstance(err, ModelFailedError):
        return problem_of(ProblemError("model-failed", str(err)))
    if isinstance(err, ModelError):
        return problem_of(ProblemError("no-model", str(err)))
    if isinstance(err, HTTPException):
        return _problem_of_http(err)
    return Problem(
        kind=PROBLEM_TYPES["internal"],
        detail="The server failed. Its log has the details under this request's id.",
    )


def _problem_of_http(err: HTTPException) -> Problem:
    code = err.code or 500
    if code == 413:
        limit = request.max_content_length
        detail = f"The body is larger than {limit} bytes. Split the rows."
    elif code == 404:
        detail = f"There is no {request.path[:80]!r}; /openapi.json lists what is."
    elif code == 405:
        allowed = ", ".join(sorted(getattr(err, "valid_methods", None) or ()))
        detail = f"{request.path} does not take {request.method}, but {allowed}."
    elif isinstance(err, ClientDisconnected):
        detail = "The body broke off, or it is not as its headers say."
    else:
        detail = err.description or "The request cannot be read."
    slug = _SLUGS.get(code, "internal" if code >= 500 else "bad-request")
    headers = {name: value for name, value in err.get_headers() if name == "Allow"}
    return Problem(kind=PROBLEM_TYPES[slug], detail=detail, headers=headers)
