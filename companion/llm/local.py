"""The language model on this machine, started once and shared by all who use it.

A chapter, a script or a test says `local_model()`; the first one starts the
server, the others find it, and it ends with the last of them, also when they
are killed. How it is asked, with `curl`, the `openai` client or LangChain, is
the OpenAI protocol, and nothing here. Introduced in the chapter "Meet large
language models".
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
from types import TracebackType
from typing import Self

from companion._extras import require_libraries
from companion.errors import SettingError, StartError
from companion.llm._registry import (
    Connection,
    ServerInfo,
    forget,
    open_connection,
    running_servers,
    start_lock,
)
from companion.llm.weights import find_weights

__all__ = ["CONTEXT", "PARALLEL", "LocalModel", "local_model", "running_server"]

# SmolLM2 was trained on texts of 8,192 tokens. Every token of context costs 23 kB
# whether it is used or not; these are enough for the chapters, and 360 MB in all.
CONTEXT = 2048
PARALLEL = 4

_OUTPUT_TAIL = 1_000  # characters of llama.cpp's own words that an error repeats


@dataclass(slots=True)
class _Shared:
    """A server that this process uses, how it is held, and by how many here."""

    info: ServerInfo
    connection: Connection
    users: int = 0


_lock = threading.RLock()
_held: list[_Shared] = []


def local_model(
    *,
    file: str | Path | None = None,
    context: int | None = None,
    parallel: int | None = None,
) -> "LocalModel":
    """Have a language model on this machine.

    Parameters
    ----------
    file : str or Path, optional
        The weights, in the format GGUF; by default those of
        ``COMPANION_LLM_FILE``, and without that the course's own.
    context : int, optional
        Tokens that prompt and completion of one request may have together. By
        default what `companion llm serve` gives, if that runs, else 2,048.
    parallel : int, optional
        Requests that are worked on at once, each with a context of its own. By
        default what `companion llm serve` takes, if that runs, else 4.

    Returns
    -------
    LocalModel
        Use it in a ``with`` block, or between `start` and `stop`.

    Raises
    ------
    SettingError
        If a number is not positive.

    Examples
    --------
    >>> with local_model() as model:  # doctest: +SKIP
    ...     print(model.base_url)
    http://127.0.0.1:41873/v1
    """
    for name, value in (("context", context), ("parallel", parallel)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be 1 or more, got {value}.")
    return LocalModel(file=file, context=context, parallel=parallel)


class LocalModel:
    """The language model on this machine; `local_model` makes one."""

    def __init__(
        self,
        *,
        file: str | Path | None = None,
        context: int | None = None,
        parallel: int | None = None,
    ) -> None:
        self._file = file
        self._context = context
        self._parallel = parallel
        self._shared: _Shared | None = None
        self._known: ServerInfo | None = None  # stays after the end, to look for it

    def start(self) -> Self:
        """Find the server, or start it, and wait until it answers.

        Returns
        -------
        LocalModel
            This object. Starting it again changes nothing while its server runs.

        Raises
        ------
        MissingExtraError
            If llama.cpp is not installed.
        StartError
            If the server cannot start.
        WeightsError
            If the weights are not there, or cannot be read.
        """
        with _lock:
            if self._shared is not None:
                if self.running:
                    return self
                self.stop()
            self._shared = _hold(self._file, self._context, self._parallel)
            self._shared.users += 1
            self._known = self._shared.info
        return self

    def stop(self) -> None:
        """Stop using the server; it ends if nobody else does."""
        with _lock:
            shared, self._shared = self._shared, None
            if shared is None or shared not in _held:
                return
            shared.users -= 1
            if shared.users == 0:
                _held.remove(shared)
                shared.connection.leave()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        if self._known is None:
            return "<LocalModel, not started>"
        state = "" if self.running else ", not running"
        return f"<LocalModel {self.name} at {self.url}{state}>"

    @property
    def running(self) -> bool:
        """Whether the server is there; a killed one is not."""
        return self._shared is not None and self._shared.connection.alive

    @property
    def url(self) -> str:
        """Address of the server, such as ``http://127.0.0.1:41873``."""
        return self._info.url

    @property
    def base_url(self) -> str:
        """Address for clients of the OpenAI protocol: `url` and ``/v1``."""
        return f"{self.url}/v1"

    @property
    def name(self) -> str:
        """What the server calls the model: ``"smollm2-135m-instruct"``."""
        return self._info.model

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._info.pid

    @property
    def context(self) -> int:
        """Tokens that prompt and completion of one request may have together."""
        return self._info.context

    @property
    def parallel(self) -> int:
        """Requests that the server works on at once."""
        return self._info.parallel

    @property
    def _info(self) -> ServerInfo:
        if self._known is None:
            raise StartError(
                "This local model is not started: use it in a `with` block, or call "
                "its start() first."
            )
        return self._known


def running_server() -> ServerInfo | None:
    """Find a language model server of this user that runs now, without using it.

    Returns
    -------
    ServerInfo or None
        The one that this process uses, else that of `companion llm serve`, else
        the youngest that another program uses.
    """
    with _lock:
        for shared in reversed(_held):
            if shared.connection.alive:
                return shared.info
    for info in running_servers():
        connection = open_connection(info, {"want": "status"})
        if connection is not None:
            connection.close()
            return info
    return None


def _hold(
    file: str | Path | None, context: int | None, parallel: int | None
) -> _Shared:
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


def _find(weights: str, context: int | None, parallel: int | None) -> _Shared | None:
    for info in running_servers():
        if _fits(info, weights, context, parallel):
            connection = _become_user(info)
            if connection is not None:
                return _Shared(info, connection)
    return None


def _become_user(info: ServerInfo) -> Connection | None:
    user = {"pid": os.getpid(), "program": Path(sys.argv[0] or sys.executable).name}
    connection = open_connection(info, {"want": "stay", **user})
    if connection is None:
        forget(info.pid)  # it was killed, or is about to end
    return connection


def _start(weights: str, context: int, parallel: int) -> _Shared:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            # -P: not a companion.py that happens to lie in the working folder.
            [
                *(sys.executable, "-P", "-m", "companion.llm._keeper"),
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
                "`companion llm fetch` or give another file."
            )
    # Where this process goes on after the server's end, it must take note of it.
    threading.Thread(target=process.wait, daemon=True).start()
    return shared


def _shared_with(pid: int | None) -> _Shared | None:
    for info in running_servers():
        if info.pid == pid:
            connection = _become_user(info)
            return _Shared(info, connection) if connection is not None else None
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
