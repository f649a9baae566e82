"""Notices that the process that started this one has ended."""

import os
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["watch_parent", "watch_stdin"]

_POLL_S = 0.5


def watch_parent(parent: int, on_end: Callable[[], None]) -> None:
    """Call a function once the parent of this process has ended.

    On Windows this does nothing: a parent's end cannot be seen there.

    Parameters
    ----------
    parent : int
        The parent, as `os.getppid` returned it when this process started.
    on_end : callable
        Called once, in a thread of its own.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        on_end()

    if sys.platform != "win32":
        threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def watch_stdin(on_end: Callable[[], None]) -> None:
    """Call a function once the standard input of this process has ended.

    The system closes a pipe when the process at its other end dies, however it
    dies, so a pipe as standard input tells that the starter has gone.

    Parameters
    ----------
    on_end : callable
        Called once, in a thread of its own.
    """

    def watch() -> None:
        try:
            # os.read, not sys.stdin: a thread inside the buffered reader would
            # hold its lock when the interpreter ends.
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # closed from the start is an end too
        on_end()

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()
