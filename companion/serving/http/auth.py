"""Who may ask: a bearer token, and when one is needed.

The health pages are open to everyone, for load balancers and orchestrators have no
token; `/health/ready` then says yes or no, and not why.

References
----------
M. Jones and D. Hardt, "The OAuth 2.0 Authorization Framework: Bearer Token Usage",
RFC 6750, 2012.
"""

import hmac
import ipaddress
import re
import socket

from companion.errors import SettingError

__all__ = ["OPEN_PATHS", "TokenCheck", "check_access", "check_token"]

OPEN_PATHS = frozenset(("/health", "/health/live", "/health/ready", "/ping"))

_SHORTEST = 16
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750's b64token
_MAKE = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


def check_token(token: str) -> None:
    """Raise SettingError if a token cannot be sent, or could be guessed."""
    if len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
        raise SettingError(
            f"COMPANION_TOKEN has {len(token)} characters; expected {_SHORTEST} or "
            "more, only letters, digits and -._~+/ (it may end in =). "
            f"Make one with: {_MAKE}"
        )


def check_access(listener: socket.socket, *, token: str | None, no_auth: bool) -> None:
    """Raise SettingError if others could use the server and nobody has allowed it.

    `listener` is the socket that it listens on.
    """
    if token is not None or no_auth or _is_local(listener):
        return
    address = listener.getsockname()[0]
    raise SettingError(
        f"The server would answer everyone who reaches {address}. Set COMPANION_TOKEN "
        f"to a secret that clients must send (make one with: {_MAKE}), or say "
        "--no-auth if something else keeps strangers out, or listen on 127.0.0.1."
    )


def _is_local(listener: socket.socket) -> bool:
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return True  # a Unix socket: the rights of its file say who may use it
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


class TokenCheck:
    """Compares the token of a request with the server's."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def accepts(self, authorization: str) -> bool:
        """Tell whether the header `Authorization` holds the token.

        The time that it takes does not depend on how much of the token is right.
        """
        scheme, _, given = authorization.partition(" ")
        given_bytes = given.strip(" ").encode("latin-1", "replace")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given_bytes, self._token
        )
