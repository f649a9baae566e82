"""Shares one server among all processes of a test run, and ends it with the last.

The first that needs the server starts a program, its keeper, which starts the server.
Each process that uses the server holds a shared lock, and the kernel drops it however
that process ends. The keeper waits for the exclusive lock: when it gets it, nobody is
left, and it stops the server. Not for Windows, which has no such locks.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

__all__ = ["end_on_sigterm", "join", "keep"]

_PATIENCE_S = 120.0
# Kept, because Python warns of a process that is forgotten while it runs.
_keepers: list[subprocess.Popen[bytes]] = []


def join(folder: Path, program: Sequence[str]) -> tuple[dict[str, Any], int]:
    """Start the keeper that belongs to a folder, or join those who use its server.

    `program` is a Python file that calls `keep(folder, note)`, and its arguments.
    Returns the note, and the lock: the server lives until each of its users has ended
    or closed the lock.
    """
    folder.mkdir(exist_ok=True)
    note = folder / "server.json"
    with FileLock(folder / "starting.lock"):
        lock = _take_users_lock(folder, exclusive=False)
        if not note.exists():
            _start_keeper(folder, note, program)
    return json.loads(note.read_text()), lock


def keep(folder: Path, note: dict[str, Any]) -> None:
    """Say in a note where the server is; return when its last user has ended.

    The lock stays with this process, so that a new user waits until it has ended.
    """
    place = folder / "server.json"
    half = folder / "half.json"
    half.write_text(json.dumps(note))
    half.rename(place)
    try:
        _take_users_lock(folder, exclusive=True)
    finally:
        place.unlink(missing_ok=True)


def end_on_sigterm() -> None:
    """Let SIGTERM end this program as an exception does, with its `finally` blocks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def _start_keeper(folder: Path, note: Path, program: Sequence[str]) -> None:
    log = folder / "keeper.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-W", "ignore", *program],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # What ends the tests must not end it before it has stopped the server.
            start_new_session=True,
        )
    _keepers.append(keeper)
    deadline = time.monotonic() + _PATIENCE_S
    while not note.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The server did not start: {log.read_text()}")
        time.sleep(0.02)


def _take_users_lock(folder: Path, *, exclusive: bool) -> int:
    import fcntl

    descriptor = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
    return descriptor
