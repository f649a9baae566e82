"""The child process of a server that ships its journal into the database."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from companion.settings import SETTINGS

__all__ = ["ShipperProcess"]

_OPTIONS = ("--follow", "--while-stdin-open")
# A shipper that ends at once, say for a broken installation, is not started
# again and again in a tight loop.
_PAUSE_S = 5.0
_PATIENCE_S = 20.0

_logger = logging.getLogger(__name__)


class ShipperProcess:
    """`companion ship --follow` as a child that ends with its server.

    The child reads a pipe whose other end the server and its workers hold. The kernel
    closes that end when the last of them has ended, however it did; the child then
    ships what is left and ends.
    """

    def __init__(self, store: str, journal: Path) -> None:
        # Not as arguments, which everyone on the machine can read: the address may
        # hold a password.
        self._environ = {
            **os.environ,
            SETTINGS["store"].variable: store,
            SETTINGS["journal"].variable: str(journal),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")

    def keep_running(self) -> None:
        """Start the child, or start it again if it has ended."""
        process = self._process
        if process is not None and process.poll() is None:
            return
        now = time.monotonic()
        if now - self._started < _PAUSE_S:
            return
        if process is not None:
            _logger.warning("The shipper has ended; it is started again.")
            self._close_pipe()
        self._started = now
        self._process = subprocess.Popen(
            # -P: not a companion.py that happens to lie in the working folder.
            [sys.executable, "-P", "-m", "companion", "ship", *_OPTIONS],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            # Ctrl-C reaches every process of a terminal's group; the shipper
            # must outlive the workers.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def stop(self) -> None:
        """Let the child ship what is left, and wait until it has ended."""
        if self._process is None:
            return
        self._close_pipe()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            _logger.warning(
                "The last shipment took longer than %g seconds. The rest waits in "
                "the journal for the next start, or for `companion ship`.",
                _PATIENCE_S,
            )
        self._process = None

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
