"""Looking at the processes of a real server."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest


class Processes:
    """The processes that have a text in their command line or environment.

    One of them may be left out: the one that started the others.
    """

    def __init__(self, text: str, *, but: int | None = None) -> None:
        self._text = text.encode()
        self._left_out = {os.getpid(), but}

    def alive(self) -> dict[int, str]:
        """Return the command line of each, by process id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                environ = (folder / "environ").read_bytes()
            except OSError:
                continue
            pid = int(folder.name)
            # A process that has ended and waits for its parent has no command.
            if command and self._text in command + environ:
                found[pid] = command.replace(b"\0", b" ").decode()
        return {pid: found[pid] for pid in found.keys() - self._left_out}

    def workers(self, arbiter: int) -> list[int]:
        """Return the workers of a server."""
        return [pid for pid in self._children(arbiter) if not self._is_shipper(pid)]

    def shipper(self, arbiter: int) -> int:
        """Return the shipper of a server."""
        (pid,) = (pid for pid in self._children(arbiter) if self._is_shipper(pid))
        return pid

    def wait_until_gone(self, seconds: float = 10.0) -> None:
        """Wait until none is left; fail and name those that stay."""
        deadline = time.monotonic() + seconds
        while left := self.alive():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)

    def _children(self, parent: int) -> list[int]:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [int(pid) for pid in text.split()]

    def _is_shipper(self, pid: int) -> bool:
        return b"ship" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


@pytest.fixture
def processes_with() -> Callable[[str], Processes]:
    if not Path("/proc/self/environ").exists():
        pytest.skip("reads the list of processes from /proc, as on Linux")
    return Processes
