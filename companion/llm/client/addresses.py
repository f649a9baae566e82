"""Addresses of language model servers: which are local, and what may be shown."""

from urllib.parse import SplitResult, urlsplit

from companion.errors import SettingError

__all__ = ["check_url", "is_loopback", "origin", "public_url"]

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PORTS = {"http": 80, "https": 443}


def check_url(url: str) -> str:
    """Return the address without blanks around it and slashes at its end.

    Raises SettingError if it is no address of HTTP.
    """
    url = url.strip().rstrip("/")
    try:
        is_good = urlsplit(url).scheme in _PORTS and bool(origin(url)[1])
    except ValueError:  # a port that is no number
        is_good = False
    if not is_good:
        raise SettingError(
            f"{_shown(url)!r} is not the address of a language model. Give one such as "
            "http://127.0.0.1:8080/v1, mostly ending in /v1."
        )
    return url


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: who answers at an address.

    The port is the scheme's own where the address names none.
    """
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def is_loopback(url: str) -> bool:
    """Tell whether an address names the loopback interface of this machine."""
    return origin(url)[1] in _LOOPBACK


def public_url(url: str) -> str:
    """Return the address as messages may show it: without user, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return SplitResult(parts.scheme, host, parts.path, "", "").geturl()


def _shown(text: str) -> str:
    # What could not be taken apart may hold a password before its last "@".
    before, at, behind = text.rpartition("@")
    return f"***@{behind}" if at else before + behind
