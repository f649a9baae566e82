"""The access log: one line of JSON for each request, on standard output.

It holds what operators need and nothing that a client may regard as a secret: neither
the query string nor headers nor bodies.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from companion.serving.http.exchange import Exchange

__all__ = ["AccessLog"]

_STDOUT = 1
# Lines of up to 4096 bytes from several workers do not mix in a pipe.
_LONGEST_PATH = 500
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _write_to_stdout(line: bytes) -> None:
    # One call for a line. A reader who has gone must not cost a client its answer.
    with contextlib.suppress(OSError):
        os.write(_STDOUT, line)


class AccessLog:
    """Writes a line about each request that was answered."""

    def __init__(self, write: Callable[[bytes], None] = _write_to_stdout) -> None:
        self._write = write

    def note(
        self,
        exchange: Exchange,
        environ: Mapping[str, Any],
        status: str,
        headers: Iterable[tuple[str, str]],
    ) -> None:
        """Write the line of one request, whose answer has this status and headers.

        `environ` is the request's WSGI environment; what it lacks, because the request
        could not be read, is null.
        """
        duration_s = time.perf_counter() - exchange.began
        name, version = exchange.model or (None, None)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lengths = (int(value) for name, value in headers if name == "Content-Length")
        entry = {
            "time": now.replace("+00:00", "Z"),
            "request_id": exchange.request_id,
            "trace_id": exchange.trace_id,
            "method": environ.get("REQUEST_METHOD"),
            "path": _path(environ),
            "status": int(status[:3]),
            "bytes": next(lengths, None),
            "duration_ms": round(duration_s * 1000.0, 3),
            "model": name,
            "model_version": version,
            "remote_addr": environ.get("REMOTE_ADDR"),
        }
        self._write(_encode(entry).encode() + b"\n")


def _path(environ: Mapping[str, Any]) -> str | None:
    path: str | None = environ.get("PATH_INFO")
    if path is None:
        return None
    path = environ.get("SCRIPT_NAME", "") + path
    # WSGI gives each byte as a character.
    return path.encode("latin-1").decode("utf-8", "replace")[:_LONGEST_PATH]
