"""Which language model servers of this user run on this machine.

A server lists itself in a file of the user's cache, and holds the lock of that
file for as long as its process lives. So a file whose lock can be taken was left
by a killed server and is removed: no process id is trusted. Nothing in the file
is secret.
"""

import contextlib
import json
import os
import platform
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from companion.llm.local.weights import cache_folder
from companion.system.locks import take_lock

__all__ = [
    "InfoFile",
    "ServerInfo",
    "find_server",
    "memory_bytes",
    "running_folder",
    "running_servers",
    "stop_server",
]

_HOSTS = {"127.0.0.1", "localhost"}
# A server fills its file within milliseconds of creating it.
_EMPTY_S = 60.0
_PATIENCE_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """One server, as it lists itself.

    Attributes
    ----------
    pid : int
        Its process.
    url : str
        ``http://127.0.0.1:PORT``; empty while the model is loaded.
    model : str
        What it calls its model.
    file : str
        Absolute path of the weights.
    context : int
        Tokens of one request, prompt and completion together.
    parallel : int
        Requests at once.
    started_at : float
        Seconds since 1970, UTC.
    owner_pid : int
        The process that started it, and with which it ends.
    owner : str
        The program that this process runs.
    """

    pid: int
    url: str
    model: str
    file: str
    context: int
    parallel: int
    started_at: float
    owner_pid: int
    owner: str


class InfoFile:
    """The file that lists a server while this process lives.

    Parameters
    ----------
    info : ServerInfo
        What the server is.

    Raises
    ------
    OSError
        If it cannot be created, locked or written. Then there is none.
    """

    def __init__(self, info: ServerInfo) -> None:
        folder = running_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / f"server.{_host()}.{secrets.token_hex(8)}.json"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._path, flags, 0o600)
        # Never closed: the lock has to last as long as the process.
        self._file = os.fdopen(descriptor, "w", closefd=False)
        try:
            take_lock(descriptor)
            self.write(info)
        except OSError:
            self.remove()
            raise

    def write(self, info: ServerInfo) -> None:
        """Say anew what the server is.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        self._file.seek(0)
        json.dump(asdict(info), self._file)
        self._file.truncate()
        self._file.flush()

    def remove(self) -> None:
        """List the server no more; its process is about to end."""
        if sys.platform == "win32":  # removes no open file
            os.close(self._file.fileno())
        with contextlib.suppress(OSError):
            self._path.unlink()


def running_folder() -> Path:
    """Return the folder in which servers list themselves.

    Returns
    -------
    Path
        It need not be there yet.
    """
    return cache_folder() / "running"


def running_servers() -> list[ServerInfo]:
    """List the servers of this user on this machine that answer.

    Returns
    -------
    list of ServerInfo
        The oldest first. What killed servers left behind is removed.
    """
    return sorted(_read_folder().values(), key=lambda info: info.started_at)


def find_server(url: str) -> ServerInfo | None:
    """Find the server of this user that has an address.

    Parameters
    ----------
    url : str
        Any address of the server, with or without ``/v1``.

    Returns
    -------
    ServerInfo or None
        None if no server of this user on this machine listens there.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port if parts.hostname in _HOSTS else None
    except ValueError:  # a port that is not a number
        return None
    if port is None:
        return None
    servers = running_servers()
    return next((info for info in servers if info.url.endswith(f":{port}")), None)


def stop_server(info: ServerInfo) -> None:
    """End a server and wait until it is gone.

    Parameters
    ----------
    info : ServerInfo
        One that `running_servers` returned a moment ago.
    """
    path = next((path for path, one in _read_folder().items() if one == info), None)
    if path is None:
        return
    with contextlib.suppress(OSError), path.open("rb") as file:
        # Windows has no second way; the first is final there.
        for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            os.kill(info.pid, number)
            deadline = time.monotonic() + _PATIENCE_S
            while time.monotonic() < deadline:
                if take_lock(file.fileno(), shared=True):
                    return
                time.sleep(_POLL_S)


def memory_bytes(pid: int) -> int | None:
    """Measure the memory of a process that is not on disk.

    Parameters
    ----------
    pid : int
        The process.

    Returns
    -------
    int or None
        None where the system does not tell, as on Windows.
    """
    try:
        if sys.platform == "linux":
            pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
            size = pages * os.sysconf("SC_PAGE_SIZE")
        else:
            command = ["ps", "-o", "rss=", "-p", str(pid)]
            size = 1024 * int(subprocess.check_output(command))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return size


def _read_folder() -> dict[Path, ServerInfo]:
    found = {}
    for path in running_folder().glob(f"server.{_host()}.*.json"):
        # It may go at this moment, or be of another version of this package.
        with contextlib.suppress(OSError, ValueError, TypeError):
            text = path.read_text("utf-8")
            if not text and time.time() - path.stat().st_mtime < _EMPTY_S:
                continue
            if _is_left_behind(path):
                path.unlink()
                continue
            info = ServerInfo(**json.loads(text))
            if info.url:
                found[path] = info
    return found


def _is_left_behind(path: Path) -> bool:
    with path.open("rb") as file:
        return take_lock(file.fileno(), shared=True)


def _host() -> str:
    # Homes may be shared by machines, and each has its own loopback.
    return "".join(c if c.isalnum() else "-" for c in platform.node()) or "here"
