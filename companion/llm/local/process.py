"""Servers of language models that this process started.

Each runs `companion.llm.local.server` in a process of its own that holds the other
end of a pipe, so it ends with this process, however that dies. A fork of this
process closes its copy of the pipe, so that it neither keeps a server nor ends it.
"""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

from companion.errors import SettingError, StartError
from companion.llm.local.listing import ServerInfo, running_servers
from companion.llm.local.weights import find_weights
from companion.system.extras import require_libraries

__all__ = ["CONTEXT", "PARALLEL", "ServerProcess", "check_room", "last_started"]

# SmolLM2 was trained on texts of 8,192 tokens. Every token of context costs 23 kB
# whether it is used or not; these are enough for the chapters, and 360 MB in all.
CONTEXT = 2048
PARALLEL = 4

# What llama.cpp takes: with less than this its trial run may end the process, as
# may more slots than it has; it counts the tokens of all slots in 32 bits.
_LEAST_CONTEXT = 64
_MOST_PARALLEL = 256
_MOST_TOKENS = 2**31 - 1

_PATIENCE_S = 10.0
_LINES_KEPT = 40  # of what llama.cpp prints, for an error message
_OUTPUT_TAIL = 1_000  # characters of them


class ServerProcess:
    """A server that this process started; it answers already.

    Parameters
    ----------
    file : str or Path or None
        The weights, as in `find_weights`.
    owner : str
        The program that this process runs, for those who list the servers.
    port : int, default=0
        Port to listen on; 0 takes one that is free.
    context : int, optional
        Tokens that prompt and completion of one request may have together.
    parallel : int, optional
        Requests that are worked on at once.

    Attributes
    ----------
    info : ServerInfo
        What the server is and where.

    Raises
    ------
    MissingExtraError
        If llama.cpp is not installed.
    StartError
        If the server cannot start.
    WeightsError
        If the weights are not there, or cannot be read.
    """

    def __init__(
        self,
        file: str | Path | None,
        *,
        owner: str,
        port: int = 0,
        context: int | None = None,
        parallel: int | None = None,
    ) -> None:
        weights = find_weights(file)
        require_libraries("The local language model", "xllamacpp", extra="llm")
        context, parallel = context or CONTEXT, parallel or PARALLEL
        arguments = (weights, port, context, parallel, os.getpid(), owner)
        self._is_ours, self._answers = True, False
        self._lines: deque[bytes] = deque(maxlen=_LINES_KEPT)
        with _lock:  # no fork before it is known which pipe a child has to close
            self._process = subprocess.Popen(
                # -P: not a companion.py that happens to lie in the working folder.
                [
                    *(sys.executable, "-P", "-m", "companion.llm.local.server"),
                    *map(str, arguments),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # A folder that is there to stay: Windows deletes none that is in use.
                cwd=weights.parent,
                # Ctrl-C in this process's terminal is not meant for the server.
                start_new_session=True,
            )
            pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
            # All three are there; the condition is for the type checker.
            self._input, self._answer, self._errors = (one for one in pipes if one)
            _started.append(self)
        self._reader = threading.Thread(
            target=self._lines.extend, args=(self._errors,), daemon=True
        )
        self._reader.start()
        try:
            line = self._answer.readline()
            answer = json.loads(line) if line.endswith(b"\n") else {}
        except BaseException:
            self._process.kill()
            self.stop()
            raise
        if "pid" not in answer:
            code = self.stop()
            raise StartError(
                answer.get("error")
                or f"The language model in {weights} could not be started with "
                f"{parallel} x {context} tokens of context. {self.last_output} (exit "
                f"code {code}). If that is about the file, run `companion llm fetch` "
                "or give another file; if it is about memory, ask for less context "
                "or fewer requests at once."
            )
        self.info = ServerInfo(**answer)
        self._answers = True

    @property
    def running(self) -> bool:
        """Whether the server is there; a killed one is not."""
        if self._is_ours:
            return self._answers and self._process.poll() is None
        return self._answers and self.info in running_servers()

    @property
    def last_output(self) -> str:
        """What llama.cpp said last, for the message of an error."""
        output = b"".join(self._lines).decode("utf-8", "replace").strip()
        return f"It said: {output[-_OUTPUT_TAIL:] or 'nothing'}"

    def stop(self) -> int:
        """End the server; a fork of its starter leaves it alone.

        Returns
        -------
        int
            Exit code of the server; negative where a signal ended it.
        """
        if not self._is_ours:
            return 0
        with _lock:
            if self in _started:
                _started.remove(self)
        self._input.close()
        try:
            code = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        self._answer.close()
        self._errors.close()
        return code

    def leave_to_parent(self) -> None:
        """Let go of a server that is the parent's; a fork calls this."""
        self._is_ours = False
        self._process.returncode = 0  # no child of this process: nothing to wait for
        self._input.close()


_lock = threading.RLock()
_started: list[ServerProcess] = []


def last_started() -> ServerInfo | None:
    """Return the server that this process started last and that still runs.

    Returns
    -------
    ServerInfo or None
        In a fork, also one of its parent's.
    """
    with _lock:
        started = list(_started)
    return next((one.info for one in reversed(started) if one.running), None)


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
            f"parallel must be {_MOST_PARALLEL} or less, got {parallel!r:.80}."
        )
    if context * parallel > _MOST_TOKENS:
        raise SettingError(
            f"{parallel} requests of {context} tokens each are more than the "
            f"{_MOST_TOKENS} that llama.cpp counts. Ask for less context."
        )


def _after_fork() -> None:
    for server in _started:
        server.leave_to_parent()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork
    )
