"""Pages of other origins that may call the server from a browser; by default none.

References
----------
WHATWG, "Fetch Standard", section 3.3, "CORS protocol".
"""

import re
from collections.abc import Sequence

from companion.errors import SettingError

__all__ = ["ANY_ORIGIN", "Cors", "check_origins"]

ANY_ORIGIN = "*"

_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(?::\d{1,5})?|[a-z]+://\[[0-9a-f:.]+\](?::\d{1,5})?"
)
_EXPOSED = ("Access-Control-Expose-Headers", "Retry-After, X-Request-ID")
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, traceparent, tracestate",
    ),
    ("Access-Control-Max-Age", "600"),
)


def check_origins(origins: Sequence[str], *, token: str | None) -> None:
    """Raise SettingError if an origin is none, or `*` would let everyone's pages in."""
    for origin in origins:
        if origin == ANY_ORIGIN:
            if token is not None:
                raise SettingError(
                    "cors_origin is '*' and a token is set. Name the origins of the "
                    "pages that may send it, such as https://app.example.org."
                )
        elif not _ORIGIN.fullmatch(origin):
            raise SettingError(
                f"cors_origin is {origin!r}; expected a scheme and a host in lower "
                "case, with a port where it is not the usual one and without a path, "
                "such as https://app.example.org or http://localhost:3000."
            )


class Cors:
    """The headers for browsers, for the origins that are allowed."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)
        self._any = ANY_ORIGIN in self._origins

    def headers(self, origin: str | None) -> list[tuple[str, str]]:
        """Return the headers of an answer to a request from a page of this origin.

        None: the request does not say that it comes from a page.
        """
        if self._any:
            return [("Access-Control-Allow-Origin", ANY_ORIGIN), _EXPOSED]
        vary = ("Vary", "Origin")  # or a cache would answer one origin with another's
        if origin is None or origin not in self._origins:
            return [vary]
        return [("Access-Control-Allow-Origin", origin), _EXPOSED, vary]

    def preflight(self, origin: str | None) -> list[tuple[str, str]] | None:
        """Return what a browser is told before it sends; None: it must not."""
        if origin is None or not (self._any or origin in self._origins):
            return None
        return list(_PREFLIGHT)
