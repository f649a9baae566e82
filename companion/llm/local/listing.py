"""Which language model servers of this user run on this machine.

The operating system knows: the command line of a server holds all that it was asked
for, and nothing secret. So nothing is written, and a killed server leaves nothing.
"""

import contextlib
import http.client
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from companion.llm.local.weights import model_name
from companion.system.extras import require_libraries

__all__ = [
    "HOST",
    "SERVER_OPTIONS",
    "ServerInfo",
    "find_server",
    "is_running",
    "running_servers",
    "stop_server",
]

HOST = "127.0.0.1"
# What stands between Python and a server's arguments on its command line.
# -P: not a companion.py that happens to lie in the working folder.
SERVER_OPTIONS = ["-P", "-m", "companion.llm.local.server"]

_ANSWER_S = 1.0
_PATIENCE_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """One server.

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
    started_at : float
        Seconds since 1970, UTC. It moves when the clock is set, so it does not
        tell servers apart.
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
    started_at: float = field(compare=False)
    owner_pid: int
    owner: str

    @classmethod
    def from_arguments(
        cls, arguments: list[str], pid: int, url: str, started_at: float
    ) -> Self:
        """Describe a server by the arguments of its process and by what it became."""
        file, _, context, parallel, owner_pid, owner = arguments
        return cls(
            pid=pid,
            url=url,
            model=model_name(Path(file)),
            file=file,
            context=int(context),
            parallel=int(parallel),
            started_at=started_at,
            owner_pid=int(owner_pid),
            owner=owner,
        )


def running_servers(*, loading: bool = False) -> list[ServerInfo]:
    """List the servers of this user on this machine that have loaded their model.

    Parameters
    ----------
    loading : bool, default=False
        Whether to list those too that still load it.

    Returns
    -------
    list of ServerInfo
        The oldest first.

    Raises
    ------
    MissingExtraError
        If psutil is not installed.
    """
    require_libraries("Finding language models", "psutil", extra="llm")
    import psutil

    found = [info for pid in psutil.pids() if (info := _read_process(pid))]
    servers = [info for info in found if loading or not _is_loading(info)]
    return sorted(servers, key=lambda info: info.started_at)


def find_server(url: str, *, loading: bool = False) -> ServerInfo | None:
    """Find the server of this user that has an address.

    Parameters
    ----------
    url : str
        Any address of the server, with or without ``/v1``.
    loading : bool, default=False
        Whether to find one too that still loads its model.

    Returns
    -------
    ServerInfo or None
        None if no server of this user on this machine listens there.

    Raises
    ------
    MissingExtraError
        If psutil is not installed.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port if parts.hostname in {HOST, "localhost"} else None
    except ValueError:  # a port that is not a number
        return None
    if port is None:
        return None
    servers = running_servers(loading=loading)
    return next((info for info in servers if info.url.endswith(f":{port}")), None)


def is_running(info: ServerInfo) -> bool:
    """Tell whether a server still runs.

    Parameters
    ----------
    info : ServerInfo
        What it was. Another program that has its process id now is not it.

    Returns
    -------
    bool
        False once it is killed, also where nobody has taken note of that.
    """
    return _read_process(info.pid) == info


def stop_server(info: ServerInfo) -> None:
    """End a server and wait until it is gone.

    Parameters
    ----------
    info : ServerInfo
        The server. Another program that has its process id now is left alone.
    """
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(info.pid)
        if not is_running(info):
            return
        for end in (process.terminate, process.kill):
            end()
            deadline = time.monotonic() + _PATIENCE_S
            while time.monotonic() < deadline:
                # Its starter may not take note of its end for long.
                if process.status() == psutil.STATUS_ZOMBIE:
                    return
                time.sleep(_POLL_S)


def _read_process(pid: int) -> ServerInfo | None:
    import psutil

    # It may end at this moment, be another user's, or be of another version.
    with contextlib.suppress(psutil.Error, OSError, ValueError):
        process = psutil.Process(pid)
        _, *line = process.cmdline()
        if line[:3] != SERVER_OPTIONS or process.username() != _user():
            return None
        (port,) = {
            one.laddr.port
            for one in process.net_connections(kind="tcp")
            if one.status == psutil.CONN_LISTEN
        }
        url = f"http://{HOST}:{port}"
        return ServerInfo.from_arguments(line[3:], pid, url, process.create_time())
    return None


def _user() -> str:
    import psutil

    return str(psutil.Process().username())


def _is_loading(info: ServerInfo) -> bool:
    # llama.cpp listens at once, and answers 503 until its model is loaded.
    address = info.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=_ANSWER_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/health")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False  # stopped, or too busy to answer
    return status == http.HTTPStatus.SERVICE_UNAVAILABLE
