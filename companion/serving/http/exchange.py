"""One request and what is known of it: its ids, who asks, which model answered.

`companion.serving.http.gate` makes it before Flask sees the request. It travels in
the WSGI environment, where the views and the worker find it.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

__all__ = ["Exchange", "exchange_of"]

_KEY = "companion.exchange"


class Exchange:
    """What is known of the request in a WSGI environment, in which it is put.

    `request_id` is a UUID. `trace_id` is that of the caller's trace, if the request
    came with one. `is_trusted` tells whether the client may see what concerns only
    those who run the server. `model` is name and version of the model that answered,
    once one has.
    """

    __slots__ = ("began", "is_trusted", "model", "request_id", "trace_id")

    def __init__(self, environ: dict[str, Any]) -> None:
        self.began = time.perf_counter()
        self.request_id = str(uuid.uuid4())
        self.trace_id: str | None = None
        self.is_trusted = True
        self.model: tuple[str, str] | None = None
        environ[_KEY] = self


def exchange_of(environ: Mapping[str, Any]) -> Exchange:
    """Find the exchange in a WSGI environment."""
    exchange: Exchange = environ[_KEY]
    return exchange
