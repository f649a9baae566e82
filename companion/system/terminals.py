"""Tells a terminal that closes from somebody who sends SIGHUP.

The two look the same to a program that gets the signal. But a terminal that has closed
is gone, and was there a moment ago.
"""

import os
import time
from collections.abc import Callable

__all__ = ["Terminal"]

# A shell passes the signal on to its jobs a little after the terminal has gone.
_RECENTLY_S = 5.0


def _is_there() -> bool:
    """Tell whether this process has a controlling terminal."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    os.close(descriptor)
    return True


class Terminal:
    """The controlling terminal of this process, if it has one.

    Call `look` every second or so. `is_there` and `clock` are for tests.
    """

    def __init__(
        self,
        *,
        is_there: Callable[[], bool] = _is_there,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_there = is_there
        self._clock = clock
        self._seen = float("-inf")
        self.look()

    def look(self) -> None:
        """Note whether the terminal is there."""
        if self._is_there():
            self._seen = self._clock()

    def has_just_closed(self) -> bool:
        """Tell whether the terminal has gone since one of the last looks."""
        return self._clock() - self._seen < _RECENTLY_S and not self._is_there()
