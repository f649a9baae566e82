"""Servers of language models that this process started.

Each runs `companion.llm.local.server` in a process of its own that holds the other
end of a pipe, so it ends with this process, however that dies. A fork of this
process neither keeps a server nor ends it.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from companion.errors import SettingError, StartError
from companion.llm.local.listing import SERVER_OPTIONS, ServerInfo, is_running
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
        require_libraries(
            "The local language model", "xllamacpp", "psutil", extra="llm"
        )
        context, parallel = context or CONTEXT, parallel or PARALLEL
        given = (weights, port, context, parallel, os.getpid(), owner)
        arguments = [str(one) for one in given]
        self._process = subprocess.Popen(
            [sys.executable, *SERVER_OPTIONS, *arguments],
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
        self._starter_pid = os.getpid()
        self._lines: deque[bytes] = deque(maxlen=_LINES_KEPT)
        self._reader = threading.Thread(
            target=self._lines.extend, args=(self._errors,), daemon=True
        )
        self._reader.start()
        try:
            line = self._answer.readline()
        except BaseException:
            self._process.kill()
            self.stop()
            raise
        if not line.endswith(b"\n"):
            code = self.stop()
            raise StartError(
                f"The language model in {weights} could not be started with "
                f"{parallel} x {context} tokens of context. {self.last_output} (exit "
                f"code {code}). If that is about the file, run `companion llm fetch` "
                "or give another file; if it is about memory, ask for less context "
                "or fewer requests at once."
            )
        pid, url = line.decode().split()
        self.info = ServerInfo.from_arguments(arguments, int(pid), url, time.time())
        _started.append(self)

    @property
    def running(self) -> bool:
        """Whether the server is there; a killed one is not."""
        if os.getpid() != self._starter_pid:
            return is_running(self.info)
        return self._process.poll() is None

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
        if os.getpid() != self._starter_pid:
            return 0
        with contextlib.suppress(ValueError):  # it never answered, or is stopped
            _started.remove(self)
        self._input.close()
        self._process.terminate()  # a fork may hold the pipe open
        try:
            code = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(_PATIENCE_S)
        self._answer.close()
        self._errors.close()
        return code


_started: list[ServerProcess] = []


def last_started() -> ServerInfo | None:
    """Return the server that this process started last and that still runs.

    Returns
    -------
    ServerInfo or None
        In a fork, also one of its parent's.
    """
    started = reversed(_started.copy())
    return next((one.info for one in started if one.running), None)


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
    given: list[tuple[str, object, int, int]] = [
        ("context", context, _LEAST_CONTEXT, _MOST_TOKENS),
        ("parallel", parallel, 1, _MOST_PARALLEL),
    ]
    for name, value, least, most in given:
        if not isinstance(value, int) or not least <= value <= most:
            raise SettingError(
                f"{name} must be a whole number from {least} to {most}, got "
                f"{value!r:.80}."
            )
    if context * parallel > _MOST_TOKENS:
        raise SettingError(
            f"{parallel} requests of {context} tokens each are more than the "
            f"{_MOST_TOKENS} that llama.cpp counts. Ask for less context."
        )
