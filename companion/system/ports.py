"""Finds and takes TCP ports of this machine."""

import errno
import socket
import sys

from companion.errors import PortInUseError, SettingError

__all__ = ["free_port", "take_port"]

_BACKLOG = 512


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that nothing listens on at this moment.

    Parameters
    ----------
    host : str, default="127.0.0.1"
        Address that the port is wanted on.

    Returns
    -------
    int
        A port number above 1023.
    """
    with take_port(host, 0) as probe:
        port: int = probe.getsockname()[1]
    return port


def take_port(host: str, port: int) -> socket.socket:
    """Take a port, so that no other program can have it; 0 takes one that is free.

    The socket listens. To see whether a port is free, close it again. Raises
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
                f"choose another port, such as --port {port + 1}."
            ) from err
        raise SettingError(
            f"Port {port} of {host!r} cannot be listened on: {err.strerror}. Choose "
            "a port above 1023 and an address of this machine."
        ) from err
    return listener
