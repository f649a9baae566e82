"""What the server sends instead of an answer: RFC 9457 problems.

Each type of problem has an anchor on the book's page of errors, which says what
to do about it. MLflow's clients read `error_code` and `message`, so a problem
of `/invocations` carries these two as well.

References
----------
M. Nottingham, E. Wilde and S. Dalal, "Problem Details for HTTP APIs", RFC 9457,
2023.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.errors import ProblemError, RefusedError

__all__ = [
    "PROBLEM_TYPE",
    "PROBLEM_TYPES",
    "Problem",
    "ProblemType",
    "problem_of",
    "problem_of_refusal",
    "write_problem",
]

PROBLEM_TYPE = "application/problem+json"
_PAGE = "https://mlops-companion.github.io/mlops-companion/book/reference/errors.html"
# What an answer of this status must say, or should.
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="companion"'},
    429: {"Retry-After": "1"},
    # A disk that is full or a model that is being copied takes a moment.
    503: {"Retry-After": "5"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """One kind of problem.

    Attributes
    ----------
    slug : str
        Its name in addresses, after ``problem-``.
    status : int
        HTTP status.
    title : str
        What it is, in a short text that never changes.
    error_code : str
        The code that MLflow uses for it.
    """

    slug: str
    status: int
    title: str
    error_code: str

    @property
    def url(self) -> str:
        """Address of the paragraph that explains the problem."""
        return f"{_PAGE}#problem-{self.slug}"


PROBLEM_TYPES: Mapping[str, ProblemType] = {
    slug: ProblemType(slug=slug, status=status, title=title, error_code=code)
    for slug, status, title, code in (
        ("broken-json", 400, "The body is not JSON", "BAD_REQUEST"),
        ("broken-csv", 400, "The body is not CSV", "BAD_REQUEST"),
        ("bad-request", 400, "The request cannot be read", "BAD_REQUEST"),
        (
            "unauthorized",
            401,
            "The request needs the server's token",
            "UNAUTHENTICATED",
        ),
        ("not-found", 404, "There is no such address", "ENDPOINT_NOT_FOUND"),
        ("wrong-method", 405, "The address takes another method", "BAD_REQUEST"),
        ("slow-request", 408, "The request took too long to arrive", "BAD_REQUEST"),
        ("body-too-large", 413, "The body is too large", "BAD_REQUEST"),
        ("wrong-content-type", 415, "The body must be sent as JSON", "BAD_REQUEST"),
        ("refused-rows", 422, "The rows cannot be used", "INVALID_PARAMETER_VALUE"),
        ("model-failed", 500, "The model failed", "INTERNAL_ERROR"),
        (
            "too-many-requests",
            429,
            "Too many requests at once",
            "REQUEST_LIMIT_EXCEEDED",
        ),
        ("internal", 500, "The server has a bug", "INTERNAL_ERROR"),
        ("no-model", 503, "The model cannot be used", "TEMPORARILY_UNAVAILABLE"),
        ("slow-answer", 503, "The answer took too long", "TEMPORARILY_UNAVAILABLE"),
        ("no-log", 503, "The log cannot be written", "TEMPORARILY_UNAVAILABLE"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of one request.

    Attributes
    ----------
    kind : ProblemType
        Which of `PROBLEM_TYPES`.
    detail : str
        A sentence about this request.
    errors : list of dict
        For refused rows, the first things that are wrong.
    errors_total : int
        How many things are wrong.
    headers : mapping of str to str
        Further headers of the answer.
    """

    kind: ProblemType
    detail: str
    errors: list[dict[str, Any]] = field(default_factory=list)
    errors_total: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_of(err: ProblemError) -> Problem:
    """Say with which problem a request ends.

    Parameters
    ----------
    err : ProblemError
        Its slug is a key of `PROBLEM_TYPES`.

    Returns
    -------
    Problem
        Of that type, with the error's detail.
    """
    kind = PROBLEM_TYPES[err.slug]
    headers = _HEADERS.get(kind.status, {})
    return Problem(kind=kind, detail=str(err), headers=headers)


def problem_of_refusal(refusal: RefusedError) -> Problem:
    """Say which rows cannot be used.

    Parameters
    ----------
    refusal : RefusedError
        What is wrong with them.

    Returns
    -------
    Problem
        Of the type ``refused-rows``.
    """
    total = refusal.total
    rest = f" There are {total - 1} further errors." if total > 2 else ""
    rest = " There is one further error." if total == 2 else rest
    return Problem(
        kind=PROBLEM_TYPES["refused-rows"],
        detail=f"{refusal}{rest}",
        errors=refusal.entries,
        errors_total=total,
    )


def write_problem(
    problem: Problem, *, request_id: str, path: str
) -> tuple[bytes, list[tuple[str, str]]]:
    """Write a problem as an answer.

    Parameters
    ----------
    problem : Problem
        What to say.
    request_id : str
        Identity of the request, a UUID; the server's log has it too.
    path : str
        What was asked; what MLflow's clients read is added for ``/invocations``.

    Returns
    -------
    bytes
        The body, JSON.
    list of (str, str)
        The headers of this answer, its type and length among them.
    """
    content: dict[str, Any] = {
        "type": problem.kind.url,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{request_id}",
    }
    if problem.errors:
        content["errors"] = problem.errors
        content["errors_total"] = problem.errors_total
    if path == "/invocations":
        content["error_code"] = problem.kind.error_code
        content["message"] = problem.detail
    body = json.dumps(content, allow_nan=False).encode()
    headers = [
        ("Content-Type", PROBLEM_TYPE),
        ("Content-Length", str(len(body))),
        *problem.headers.items(),
    ]
    return body, headers
