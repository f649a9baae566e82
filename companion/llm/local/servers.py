"""Look at the language model servers of this user, and end them.

What starts them is `companion.llm.local.model`, or `companion llm serve`; either kind
is found here, also when another program of the same user runs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from companion.llm.local.registry import (
    ServerInfo,
    forget,
    open_connection,
    running_servers,
)

__all__ = ["ServerStatus", "User", "list_servers", "stop_servers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A program that uses a server.

    Attributes
    ----------
    pid : int
        Its process.
    program : str
        What it runs.
    since : float
        Seconds since 1970, UTC.
    """

    pid: int
    program: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What a server says of itself.

    Attributes
    ----------
    server : ServerInfo
        Where it is and what it runs.
    users : tuple of User
        Who uses it by `local_model`. Requests of others are not counted.
    memory_bytes : int or None
        Memory that it takes; None where the system does not tell.
    """

    server: ServerInfo
    users: tuple[User, ...]
    memory_bytes: int | None


def list_servers() -> list[ServerStatus]:
    """Ask every server of this user on this machine.

    Returns
    -------
    list of ServerStatus
        Those that answer; what killed ones left behind is cleared away.
    """
    return _ask("status")


def stop_servers() -> list[ServerStatus]:
    """End every server of this user on this machine, used or not.

    Returns
    -------
    list of ServerStatus
        What was ended, as it was before. Their processes end at this moment.
    """
    before = list_servers()
    _ask("stop")
    return before


def _ask(question: str) -> list[ServerStatus]:
    found = []
    for info in running_servers():
        connection = open_connection(info, {"want": question})
        if connection is None:
            forget(info.pid)
            continue
        found.append(_read(info, connection.answer))
        connection.leave()
    return found


def _read(info: ServerInfo, answer: dict[str, object]) -> ServerStatus:
    users = answer.get("users")
    memory = answer.get("memory_bytes")
    return ServerStatus(
        server=info,
        users=tuple(User(**user) for user in users)
        if isinstance(users, Sequence)
        else (),
        memory_bytes=memory if isinstance(memory, int) else None,
    )
