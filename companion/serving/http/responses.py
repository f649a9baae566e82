"""HTTP responses: JSON for an answer, an RFC 9457 problem for an error.

Each answer to rows, and each problem, carries the id of its request.
"""

import json
import logging
import traceback
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from companion.errors import (
    CompanionError,
    ModelError,
    ModelFailedError,
    ProblemError,
    RefusedError,
)
from companion.serving.http.problems import (
    PROBLEM_TYPES,
    Problem,
    problem_body,
    problem_of,
    problem_of_refusal,
)

__all__ = [
    "JSON_TYPE",
    "current_request_id",
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


def reply(
    content: str | bytes, *, status: int = 200, request_id: str | None = None
) -> Response:
    """Make a response of JSON text, with the request's id if one is given."""
    response = Response(content, status, mimetype=JSON_TYPE)
    if request_id is not None:
        response.headers["X-Request-ID"] = request_id
    return response


def reply_json(
    content: Mapping[str, Any], *, status: int = 200, request_id: str | None = None
) -> Response:
    """Make a response of an object, written as JSON; otherwise as `reply`."""
    return reply(_ENCODE(content), status=status, request_id=request_id)


def current_request_id() -> str:
    """Return the UUID of the request being answered, made when first asked for."""
    if "request_id" not in g:
        g.request_id = str(uuid.uuid4())
    request_id: str = g.request_id
    return request_id


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
    problem, request_id = find_problem(err), current_request_id()
    note(problem)
    if isinstance(err, ModelFailedError):
        log_model_failure(err, request_id)
    elif problem.kind.status == 500:
        log_failure(err, request_id)
    content = problem_body(
        problem, request_id=request_id, for_mlflow=request.path == "/invocations"
    )
    response = Response(
        content, problem.kind.status, mimetype="application/problem+json"
    )
    response.headers.extend({"X-Request-ID": request_id, **problem.headers})
    return response


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
    else:
        detail = err.description or "The request cannot be read."
    slug = _SLUGS.get(code, "internal" if code >= 500 else "bad-request")
    headers = {name: value for name, value in err.get_headers() if name == "Allow"}
    return Problem(kind=PROBLEM_TYPES[slug], detail=detail, headers=headers)
