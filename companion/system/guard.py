"""Runs one program, and ends it when the process that asked for it has died.

`companion.system.background` starts this module with a pipe as its standard
input and a log file as its standard error. It prints the program's process id,
lets the program write to the log, and ends with the program's exit code. The
end of the pipe means that the starter has died: then the program is asked to
end, and killed if it does not, and a log that is temporary is deleted.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from companion.system.parents import watch_stdin

_TIMEOUT_S = 10.0
# CREATE_NEW_PROCESS_GROUP: a group of its own, so that it can be asked to end.
_CREATION_FLAGS = 0x00000200 if sys.platform == "win32" else 0


def main(temporary_log: Path | None, command: list[str]) -> int:
    """Run `command` until it or the starter ends; return the exit code."""
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            stderr=sys.stderr.fileno(),
            start_new_session=True,
            creationflags=_CREATION_FLAGS,
        )
    except OSError as err:
        sys.stderr.write(f"{err.strerror}: {command[0]}")
        return 127
    sys.stdout.write(f"{program.pid}\n")
    sys.stdout.flush()
    watch_stdin(lambda: _end(program, temporary_log))
    code: int = program.wait()
    _kill_rest(program.pid)
    # As a shell says it: a process cannot end with a negative code itself.
    return code if code >= 0 else 128 - code


def _end(program: subprocess.Popen[bytes], temporary_log: Path | None) -> None:
    if temporary_log is not None:
        with contextlib.suppress(OSError):
            temporary_log.unlink()  # nobody is left to read it
    with contextlib.suppress(OSError):
        program.terminate()
    deadline = time.monotonic() + _TIMEOUT_S
    while program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if program.poll() is None:
        with contextlib.suppress(OSError):
            program.kill()


def _kill_rest(pid: int) -> None:
    # Children that the program left in its group; Windows has no such groups.
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1] else None, sys.argv[2:]))
