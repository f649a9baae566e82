"""Which language model servers of this user run on this machine.

Each server leaves a file in the user's cache that says where to ask it, with a
word that only this user can read. The file may be stale, for a killed server
cleans nothing up: only a server that answers to its word is there. What servers
are for, and when they end, is decided in `companion.llm.local.keeper`.
"""

import contextlib
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from companion.errors import StartError
from companion.llm.local.weights import cache_folder
from companion.system.locks import take_lock

__all__ = [
    "Connection",
    "ServerInfo",
    "forget",
    "open_connection",
    "read_line",
    "running_servers",
    "send_line",
    "start_lock",
    "write_info",
]

# A server that loads a large model from a slow disk holds the lock for long.
_LOCK_PATIENCE_S = 300.0
_LOCK_POLL_S = 0.05
_ANSWER_PATIENCE_S = 5.0
_LONGEST_LINE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """One server, as it describes itself.

    Attributes
    ----------
    pid : int
        Its process.
    url : str
        ``http://127.0.0.1:PORT``.
    model : str
        What it calls its model.
    file : str
        Absolute path of the weights.
    context : int
        Tokens of one request, prompt and completion together.
    parallel : int
        Requests at once.
    lasting : bool
        Whether it goes on without users: `companion llm serve` does.
    started_at : float
        Seconds since 1970, UTC.
    door : int
        Port where it is asked for more than completions.
    word : str
        What to say there first.
    """

    pid: int
    url: str
    model: str
    file: str
    context: int
    parallel: int
    lasting: bool
    started_at: float
    door: int
    word: str


class Connection:
    """A conversation with a server; it counts as a user until it is closed.

    Parameters
    ----------
    talk : socket.socket
        Connected.
    answer : dict
        What the server said to the first question.
    """

    def __init__(self, talk: socket.socket, answer: dict[str, Any]) -> None:
        self._talk = talk
        self.answer = answer

    @property
    def alive(self) -> bool:
        """Whether the server is still there."""
        try:
            self._talk.setblocking(False)
            return self._talk.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True  # nothing to read is what a living server says
        except OSError:
            return False

    def leave(self) -> None:
        """Say goodbye; a server without other users is gone on return."""
        with contextlib.suppress(OSError):
            self._talk.settimeout(_ANSWER_PATIENCE_S)
            send_line(self._talk, {"want": "leave"})
            while self._talk.recv(1024):
                pass
        self.close()

    def close(self) -> None:
        """Close this process's end only; after a fork the other one stays open."""
        self._talk.close()


def open_connection(info: ServerInfo, question: dict[str, Any]) -> Connection | None:
    """Ask a server something.

    Parameters
    ----------
    info : ServerInfo
        The server.
    question : dict
        ``{"want": "stay" | "status" | "stop", …}``.

    Returns
    -------
    Connection or None
        None when no such server is there.
    """
    try:
        talk = socket.create_connection(("127.0.0.1", info.door), _ANSWER_PATIENCE_S)
    except OSError:
        return None
    try:
        send_line(talk, {"word": info.word, **question})
        answer = read_line(talk)
    except (OSError, ValueError):
        answer = None
    if answer is None or answer.get("pid") != info.pid:
        talk.close()
        return None
    return Connection(talk, answer)


def send_line(talk: socket.socket, message: dict[str, Any]) -> None:
    """Send one message.

    Raises
    ------
    OSError
        If the other side is gone.
    """
    talk.sendall(json.dumps(message).encode() + b"\n")


def read_line(talk: socket.socket) -> dict[str, Any] | None:
    """Read one message, or None when the other side has gone.

    Raises
    ------
    OSError
        If the connection broke, or nothing came in time.
    ValueError
        If what came is no message.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = talk.recv(1)
        if not piece:
            return None
        line += piece
        if len(line) > _LONGEST_LINE:
            raise ValueError("a line without an end")
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {message!r}")  # noqa: TRY004 - what json raises
    return message


def write_info(info: ServerInfo) -> None:
    """Let others find a server.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path = _path(info.pid)
    path.unlink(missing_ok=True)  # left by a killed server that had the same id
    # Nobody else may read the word, not for a moment either.
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - a Path opens without a mode
        json.dump(asdict(info), file)


def forget(pid: int) -> None:
    """Remove the file of a server that is gone or going."""
    with contextlib.suppress(OSError):
        _path(pid).unlink()


def running_servers() -> list[ServerInfo]:
    """Read which servers say that they run; whether they do, asking shows.

    Returns
    -------
    list of ServerInfo
        Those that last come first, then the younger before the older.
    """
    found = []
    for path in _folder().glob(f"server-{_host()}-*.json"):
        try:
            found.append(ServerInfo(**json.loads(path.read_text("utf-8"))))
        except (OSError, ValueError, TypeError):
            continue  # being written, or by another version of this package
    return sorted(found, key=lambda info: (not info.lasting, -info.started_at))


@contextmanager
def start_lock() -> Iterator[None]:
    """Keep others of this user from starting a server meanwhile.

    Raises
    ------
    StartError
        If the user's cache cannot be written or locked, or somebody holds the
        lock for minutes.
    """
    path = _folder() / f"start-{_host()}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("ab")
    except OSError as err:
        raise StartError(
            f"The language model keeps its address in {path.parent}, which cannot be "
            f"written: {err.strerror}. Mend the folder's rights."
        ) from err
    with file:
        deadline = time.monotonic() + _LOCK_PATIENCE_S
        while not _try_lock(file.fileno(), path):
            if time.monotonic() > deadline:
                raise StartError(
                    "Another program of yours has been starting the language model "
                    f"for {_LOCK_PATIENCE_S:.0f} seconds. See `companion llm status`, "
                    "end that program, and try again."
                )
            time.sleep(_LOCK_POLL_S)
        yield


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        return take_lock(descriptor)
    except OSError as err:  # a network's file system without locks
        raise StartError(
            f"The file {path} cannot be locked: {err.strerror}. Keep your cache on "
            "a file system that knows locks; XDG_CACHE_HOME names its folder on Linux."
        ) from err


def _folder() -> Path:
    return cache_folder() / "running"


def _path(pid: int) -> Path:
    return _folder() / f"server-{_host()}-{pid}.json"


def _host() -> str:
    # Homes may be shared by machines, and each has its own loopback.
    return "".join(c if c.isalnum() else "-" for c in platform.node()) or "here"
