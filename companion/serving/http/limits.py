"""How much a server takes on: which threads refuse what there is no room for.

A worker that has as many requests as it may (`companion.serving.run.worker`) hands
further ones to threads of their own. These answer the health pages and `/metrics` as
ever, and refuse all else, so that a crowd neither waits without end nor hides how
things are.
"""

import threading

from companion.errors import ProblemError

__all__ = ["check_room", "refuse_in_this_thread"]


class _Thread(threading.local):
    refuses = False


_thread = _Thread()


def refuse_in_this_thread() -> None:
    """Let `check_room` refuse all requests of the current thread."""
    _thread.refuses = True


def check_room() -> None:
    """Raise ProblemError if the server has no room for the current request."""
    if _thread.refuses:
        raise ProblemError(
            "too-many-requests",
            "The server is answering as many requests as it may. Try again.",
        )
