"""Notices that the process that started this one has ended."""

import os
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["wait_for_stdin", "watch_parent", "watch_stdin"]

_POLL_S = 0.5


def watch_parent(parent: int, on_end: Callable[[], None]) -> None:
    """Call a function in a thread, once, when the parent of this process has ended.

    `parent` is what `os.getppid` returned when this process started. On Windows this
    does nothing: a parent's end cannot be seen there.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        on_end()

    if sys.platform != "win32":
        threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def wait_for_stdin() -> None:
    """Return once this process's standard input has ended.

    The system closes a pipe when the process at its other end dies, however it dies, so
    a pipe as standard input tells that the starter has gone.
    """
    try:
        # os.read, not sys.stdin: a thread inside the buffered reader would hold its
        # lock when the interpreter ends.
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # closed from the start is an end too


def watch_stdin(on_end: Callable[[], None]) -> None:
    """Call a function in a thread, once, when `wait_for_stdin` returns."""

    def watch() -> None:
        wait_for_stdin()
        on_end()

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()
