"""The servers that this process uses, and how each is found, started and left.

A server is started by the first that wants it and ends with the last, whoever
they are: `companion.llm.local.keeper` sees to that. What a user of the model sees is
in `companion.llm.local.model`.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from companion.errors import SettingError, StartError
from companion.llm.local.registry import (
    Connection,
    ServerInfo,
    forget,
    open_connection,
    running_servers,
    start_lock,
)
from companion.llm.local.weights import find_weights
from companion.system.extras import require_libraries

__all__ = [
    "CONTEXT",
    "PARALLEL",
    "Shared",
    "check_room",
    "held_server",
    "hold",
    "release",
]

# SmolLM2 was trained on texts of 8,192 tokens. Every token of context costs 23 kB
# whether it is used or not; these are enough for the chapters, and 360 MB in all.
CONTEXT = 2048
PARALLEL = 4

# What llama.cpp takes: with less than this its trial run may end the process, as
# may more slots than it has; it counts the tokens of all slots in 32 bits.
_LEAST_CONTEXT = 64
_MOST_PARALLEL = 256
_MOST_TOKENS = 2**31 - 1

_OUTPUT_TAIL = 1_000  # characters of llama.cpp's own words that an error repeats


@dataclass(slots=True, eq=False)
class Shared:
    """A server that this process uses, how it is held, and by how many here."""

    info: ServerInfo
    connection: Connection
    users: int = 0


_lock = threading.RLock()
_held: list[Shared] = []


def check_room(context: int, parallel: int) -> None:
    """Check that llama.cpp can be asked for so much.

    Parameters
    ----------
    context : int
        Tokens of one request; at least 64.
    parallel : int
        Requests at once, from 1 to 256.

    Raises
    ------
    SettingError
        If it cannot. Whether there is the memory shows when it starts.
    """
    given: list[tuple[str, object, int]] = [
        ("context", context, _LEAST_CONTEXT),
        ("parallel", parallel, 1),
    ]
    for name, value, least in given:
        if not isinstance(value, int) or value < least:
            raise SettingError(
                f"{name} must be a whole number, {least} or more, got {value!r:.80}."
            )
    if parallel > _MOST_PARALLEL:
        raise SettingError(
            f"parallel must be {_MOST_PARALLEL} or less, got {parallel}."
        )
    if context * parallel > _MOST_TOKENS:
        raise SettingError(
            f"{parallel} requests of {context} tokens each are more than the "
            f"{_MOST_TOKENS} that llama.cpp counts. Ask for less context."
        )


def hold(file: str | Path | None, context: int | None, parallel: int | None) -> Shared:
    """Use a server: one that this process has, one that runs, or a new one.

    Parameters
    ----------
    file, context, parallel
        As in `companion.llm.local_model`.

    Returns
    -------
    Shared
        Give it back to `release`.

    Raises
    ------
    MissingExtraError, StartError, WeightsError
        As `companion.llm.LocalModel.start`.
    """
    with _lock:
        shared = _held_or_new(file, context, parallel)
        shared.users += 1
    return shared


def release(shared: Shared) -> None:
    """Stop using a server; it ends if nobody else does."""
    with _lock:
        if shared not in _held:
            return  # the server died, or this is a fork of its user
        shared.users -= 1
        if shared.users == 0:
            _held.remove(shared)
            shared.connection.leave()


def held_server() -> ServerInfo | None:
    """Return the server that this process uses, the last one begun."""
    with _lock:
        alive = [shared.info for shared in _held if shared.connection.alive]
    return alive[-1] if alive else None


def _held_or_new(
    file: str | Path | None, context: int | None, parallel: int | None
) -> Shared:
    weights = str(find_weights(file))
    for shared in list(_held):
        if not shared.connection.alive:
            _held.remove(shared)
            shared.connection.close()
        elif _fits(shared.info, weights, context, parallel):
            return shared
    require_libraries("The local language model", "xllamacpp", extra="llm")
    with start_lock():
        shared = _find(weights, context, parallel) or _start(
            weights, context or CONTEXT, parallel or PARALLEL
        )
    _held.append(shared)
    return shared


def _fits(
    info: ServerInfo, weights: str, context: int | None, parallel: int | None
) -> bool:
    # Who says nothing takes what somebody serves on purpose, but not the small
    # context that another program had for itself.
    usual = (info.context, info.parallel) if info.lasting else (CONTEXT, PARALLEL)
    wanted = (weights, context or usual[0], parallel or usual[1])
    return wanted == (info.file, info.context, info.parallel)


def _find(weights: str, context: int | None, parallel: int | None) -> Shared | None:
    for info in running_servers():
        if _fits(info, weights, context, parallel):
            connection = _become_user(info)
            if connection is not None:
                return Shared(info, connection)
    return None


def _become_user(info: ServerInfo) -> Connection | None:
    user = {"pid": os.getpid(), "program": Path(sys.argv[0] or sys.executable).name}
    connection = open_connection(info, {"want": "stay", **user})
    if connection is None:
        forget(info.pid)  # it was killed, or is about to end
    return connection


def _start(weights: str, context: int, parallel: int) -> Shared:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            # -P: not a companion.py that happens to lie in the working folder.
            [
                *(sys.executable, "-P", "-m", "companion.llm.local.keeper"),
                *(weights, str(context), str(parallel)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # A folder that is there to stay: Windows deletes none that is in use.
            cwd=Path(weights).parent,
            # Whoever kills the group of a user must not kill what others use.
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        # The end of the pipe tells the server that its starter has died; until
        # then the starter is waiting, and afterwards a user.
        with process.stdin, process.stdout:
            try:
                line = process.stdout.readline()
                answer = json.loads(line) if line else {}
                shared = _shared_with(answer.get("pid"))
            except BaseException:
                process.kill()
                process.wait()
                raise
        if shared is None:
            process.wait()
            log.seek(0)
            words = log.read().decode("utf-8", "replace").strip()[-_OUTPUT_TAIL:]
            raise StartError(
                f"The language model in {weights} could not be started. It said: "
                f"{words or answer.get('error') or 'nothing'} "
                f"(exit code {process.returncode}). If that is about the file, run "
                "`companion llm fetch` or give another file; if it is about memory, "
                "ask for less context."
            )
    # Where this process goes on after the server's end, it must take note of it.
    threading.Thread(target=process.wait, daemon=True).start()
    return shared


def _shared_with(pid: int | None) -> Shared | None:
    for info in running_servers():
        if info.pid == pid:
            connection = _become_user(info)
            return Shared(info, connection) if connection is not None else None
    return None


def _leave_all() -> None:
    with _lock, contextlib.suppress(Exception):
        while _held:
            _held.pop().connection.leave()


def _forget_all() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may hold the old one
    _lock = threading.RLock()
    while _held:
        _held.pop().connection.close()


atexit.register(_leave_all)
if hasattr(os, "register_at_fork"):
    # A child that holds its parent's connection would keep the server alive.
    os.register_at_fork(after_in_child=_forget_all)
