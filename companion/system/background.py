"""Programs in the background that never outlive the one that started them.

A chapter, a test or a script starts a server here and goes on; the server ends
when it is told to, when the block ends, and also when its starter is killed
without a chance to clean up. For that the program runs under a small guard,
`companion.system.guard`, which holds one end of a pipe: the kernel closes the other
end however the starter dies. What a server *does* is not here. Introduced in
Lab 1.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from companion.errors import StartError

__all__ = ["BackgroundProcess", "answers", "start_background"]

_POLL_S = 0.05
_GUARD_TIMEOUT_S = 5.0  # a guard follows its program within milliseconds
_TAIL_LENGTH = 2_000  # characters of output that an error message repeats


def start_background(
    command: Sequence[str | Path],
    *,
    url: str | None = None,
    ready_path: str = "/",
    timeout_s: float = 60.0,
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> "BackgroundProcess":
    """Start a program in the background and wait until it answers.

    Parameters
    ----------
    command : sequence of str or Path
        The program and its arguments; no shell is involved.
    url : str, optional
        Address of the server that the program is, such as
        ``http://127.0.0.1:8000``. Without it the call returns as soon as the
        program has been started.
    ready_path : str, default="/"
        Path below `url` that answers once the server is ready, with any status
        below 500: a server that says 404 is there, one that says 503 is not yet.
    timeout_s : float, default=60
        Seconds to wait for that answer.
    environ : mapping of str to str, optional
        Environment of the program; by default that of this process.
    log : Path, optional
        File to add the program's output to; it stays. By default the output is in a
        temporary file that goes with the program.

    Returns
    -------
    BackgroundProcess
        Stop it with `stop()`, or use it in a `with` block.

    Raises
    ------
    StartError
        If the program cannot be started, ends before it answers, or does not
        answer in time. Nothing is left running.
    """
    arguments = [str(argument) for argument in command]
    process = BackgroundProcess(arguments, url=url, environ=environ, log=log)
    try:
        if url is not None:
            process.wait_ready(url + ready_path, timeout_s=timeout_s)
    except BaseException:
        process.kill()
        raise
    return process


class BackgroundProcess:
    """A program in the background; `start_background` makes one.

    Attributes
    ----------
    command : list of str
        The program and its arguments.
    url : str or None
        Address of the server that the program is.
    pid : int
        Process id of the program, which leads a process group of its own.
    """

    def __init__(
        self,
        command: list[str],
        *,
        url: str | None = None,
        environ: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.command = command
        self.url = url
        self._output = ""
        self._log_stays = log is not None
        if log is None:
            descriptor, name = tempfile.mkstemp(prefix="companion-", suffix=".log")
            log = Path(name)
        else:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            descriptor = os.open(log, flags, 0o600)  # it may hold what was asked
        self._log = log
        self._log_start = os.fstat(descriptor).st_size
        temporary = "" if self._log_stays else str(log)
        guard = [sys.executable, "-P", "-m", "companion.system.guard", temporary]
        self._guard = subprocess.Popen(
            [*guard, *command],  # -P: ignore a companion.py in the working folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            env=None if environ is None else dict(environ),
            # A signal to the starter's process group must not reach the guard.
            start_new_session=True,
        )
        os.close(descriptor)
        assert self._guard.stdout is not None  # noqa: S101 - for the type checker
        first_line = self._guard.stdout.readline().strip()
        if not first_line.isdigit():
            output = self.output()
            self._close()
            raise StartError(f"{command[0]!r} could not be started. {output}".strip())
        self.pid = int(first_line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the program is still there."""
        return self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """As `stop` returns it; None while the program runs."""
        return self._guard.poll()

    def output(self) -> str:
        """Return what the program has printed so far.

        Returns
        -------
        str
            Its standard output and standard error, in the order written.
        """
        with (
            contextlib.suppress(FileNotFoundError),
            self._log.open(encoding="utf-8", errors="replace") as file,
        ):
            file.seek(self._log_start)
            self._output = file.read()
        return self._output

    def wait_ready(self, url: str, *, timeout_s: float = 60.0) -> None:
        """Wait until an address of the program answers.

        Parameters
        ----------
        url : str
            Address to ask, on this machine.
        timeout_s : float, default=60
            Seconds to wait.

        Raises
        ------
        StartError
            If the program ended, or did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while not answers(url):
            if not self.running:
                raise StartError(
                    f"`{' '.join(self.command)}` ended with exit code "
                    f"{self._guard.returncode} before {url} answered. "
                    f"It printed: {self._output_tail()}"
                )
            if time.monotonic() > deadline:
                raise StartError(
                    f"{url} did not answer within {timeout_s:g} seconds. "
                    f"`{' '.join(self.command)}` printed: {self._output_tail()}"
                )
            time.sleep(_POLL_S)

    def stop(self, *, timeout_s: float = 30.0) -> int:
        """Ask the program to end, wait for it, and kill it if it does not.

        Parameters
        ----------
        timeout_s : float, default=30
            Seconds that the program has for its running work.

        Returns
        -------
        int
            Its exit code; 128 plus the number of the signal that ended it.
        """
        if self.running:
            with contextlib.suppress(OSError):  # it may have ended meanwhile
                _ask_to_end(self.pid)
            try:
                self._guard.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._close()

    def kill(self) -> int:
        """End the program and its children at once, as `kill -9` does.

        Returns
        -------
        int
            Its exit code; 128 plus the number of the signal that ended it.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            _kill_group(self.pid)
        return self._close()

    def _output_tail(self) -> str:
        return self.output().strip()[-_TAIL_LENGTH:] or "nothing"

    def _close(self) -> int:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(_GUARD_TIMEOUT_S)
        self.output()
        for stream in (self._guard.stdin, self._guard.stdout):
            if stream is not None:
                stream.close()
        # Its pipe is closed: a guard that was still there ends the program now.
        code = self._guard.wait()
        if not self._log_stays:
            self._log.unlink(missing_ok=True)
        return code


def answers(url: str) -> bool:
    """Tell whether a server gives any answer with a status below 500.

    Parameters
    ----------
    url : str
        Address to ask, on this machine.

    Returns
    -------
    bool
        False also if there is no answer within five seconds.
    """
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
            return True
    except urllib.error.HTTPError as err:
        with err:
            return err.code < 500
    except OSError:
        return False


if sys.platform == "win32":

    def _ask_to_end(pid: int) -> None:
        os.kill(pid, signal.CTRL_BREAK_EVENT)

    def _kill_group(pid: int) -> None:
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(pid)], check=False, capture_output=True
        )

else:

    def _ask_to_end(pid: int) -> None:
        os.kill(pid, signal.SIGTERM)

    def _kill_group(pid: int) -> None:
        os.killpg(pid, signal.SIGKILL)
