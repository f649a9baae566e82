"""A server whose addresses begin with the path of a proxy in front.

The proxy may pass that path on or take it off; both work. Health checks that ask the
server itself need not know it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from companion.errors import SettingError

__all__ = ["behind_proxy", "check_root_path", "under_prefix"]

_Application = Callable[..., Iterable[bytes]]  # WSGI's
_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


def check_root_path(root_path: str) -> None:
    """Raise SettingError if a text is no path that addresses can begin with."""
    if not _ROOT_PATH.fullmatch(root_path):
        raise SettingError(
            f"root_path is {root_path!r}; expected a path that begins with a slash and "
            "does not end in one, such as /models/rain."
        )


def under_prefix(app: _Application, root_path: str) -> _Application:
    """Wrap a WSGI application so that it answers below a path, and without it too."""
    n_bytes, inside = len(root_path), f"{root_path}/"

    def prefixed(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = root_path
        if environ["PATH_INFO"].startswith(inside):
            environ["PATH_INFO"] = environ["PATH_INFO"][n_bytes:]
        return app(environ, start)

    return prefixed


def behind_proxy(app: _Application, *, takes_prefix: bool) -> _Application:
    """Wrap a WSGI application so that it believes the one proxy in front of it.

    It takes the client's address, the scheme, the host and, with `takes_prefix`, the
    prefix from `X-Forwarded-*`, the last value of each: the one that this proxy wrote.
    """
    fixed: _Application = ProxyFix(
        app, x_for=1, x_proto=1, x_host=1, x_port=0, x_prefix=int(takes_prefix)
    )
    return fixed
