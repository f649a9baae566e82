"""Finds and takes TCP ports and Unix sockets of this machine."""

import errno
import os
import secrets
import socket
import stat
import sys
from pathlib import Path

from companion.errors import PortInUseError, SettingError

__all__ = ["free_port", "remove_dead_socket", "take_port", "take_unix_socket"]

_BACKLOG = 512
# Below the ports that Linux, macOS and Windows give to outgoing connections (from
# 32768 and 49152 on): one of those could take a free port before the server does, and
# a client that asks a stopped server again and again can even be connected to itself.
_FIRST, _AFTER_LAST = 20_000, 32_768
_TRIES = 50
# The user who starts the server and its group may connect, such as that of a proxy.
_UMASK = 0o117


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that nothing listens on at this moment.

    Parameters
    ----------
    host : str, default="127.0.0.1"
        Address that the port is wanted on.

    Returns
    -------
    int
        A port number from 20,000 to 32,767, so none that the system would give to
        an outgoing connection; a higher one only where those tried are taken.

    Raises
    ------
    SettingError
        If this machine has no such address.
    """
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_AFTER_LAST - _FIRST)
        try:
            take_port(host, port).close()
        except (PortInUseError, SettingError):  # Windows forbids some
            continue
        return port
    with take_port(host, 0) as probe:
        taken: int = probe.getsockname()[1]
    return taken


def take_port(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """Take a port, so that no other program can have it; 0 takes one that is free.

    The socket listens. To see whether a port is free, close it again. `option` is what
    the message says to choose another port with. Raises
    PortInUseError if another program listens there, and SettingError if this machine
    has no such address, or the port may not be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as err:
        raise SettingError(
            f"{host!r} is not an address of this machine: {err.strerror}. Give "
            "--host 127.0.0.1 for this machine only, or 0.0.0.0 for its network."
        ) from err
    listener = socket.socket(family, kind, protocol)
    if sys.platform == "win32":
        # Windows would otherwise share the port with its owner.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        # Skips only the pause after a server has ended.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as err:
        listener.close()
        if err.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"Another program listens on port {port} of {host}. Stop it, or "
                f"choose another port, such as {option} {port + 1}."
            ) from err
        raise SettingError(
            f"Port {port} of {host!r} cannot be listened on: {err.strerror}. Choose "
            "a port above 1023 and an address of this machine."
        ) from err
    return listener


def take_unix_socket(path: str | Path) -> socket.socket:
    """Take a Unix socket, so that no other program can have it.

    The socket listens; its file is made, for this user and group. A file that a program
    left there when it was killed is replaced. Raises PortInUseError if another program
    listens there, and SettingError if there can be no socket.
    """
    path = Path(path).absolute()
    if sys.platform == "win32":
        raise SettingError("Windows has no Unix sockets. Use --host and --port.")
    try:
        remove_dead_socket(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        umask = os.umask(_UMASK)
        try:
            listener.bind(str(path))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(umask)
    except PortInUseError:
        raise
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise _socket_in_use(path) from err
        raise SettingError(
            f"There can be no Unix socket {path}: {err.strerror or err}. Give a path "
            "of at most 100 characters in a folder that you may write."
        ) from err
    return listener


def remove_dead_socket(path: Path) -> None:
    """Delete a Unix socket that no program listens on; nothing may be there.

    Raises PortInUseError if a program listens on it, SettingError if the file is no
    socket, and OSError if it cannot be told or deleted.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SettingError(
                f"{path} is no socket and is left as it is. Give another path."
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # a full queue is a program too
            probe.connect(str(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
        return
    except BlockingIOError:
        pass
    raise _socket_in_use(path)


def _socket_in_use(path: Path) -> PortInUseError:
    return PortInUseError(
        f"Another program listens on {path}. Stop it, or choose another path."
    )
