"""Serve the language model in this process until it is told to end.

What differs from the server of `companion.llm.local.model`: it has a port that is
known, and it goes on without users. It ends with Ctrl-C, SIGTERM, `companion llm
stop`, and with the program that started it.
"""

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from companion.errors import CompanionError, PortInUseError, SettingError, StartError
from companion.llm.local.keeper import Keeper, watch_parent
from companion.llm.local.registry import ServerInfo, running_servers, start_lock
from companion.llm.local.sharing import check_room
from companion.llm.local.weights import cache_folder, find_weights
from companion.system.extras import require_libraries

__all__ = ["serve_model"]

_HOST = "127.0.0.1"


def serve_model(
    *,
    file: str | Path | None,
    port: int,
    context: int,
    parallel: int,
    ready: Callable[[ServerInfo], None],
) -> None:
    """Serve a model; this process ends with the server.

    Parameters
    ----------
    file : str or Path or None
        As in `find_weights`.
    port : int
        Port to listen on, on this machine only; 0 takes one that is free.
    context : int
        Tokens that prompt and completion of one request may have together.
    parallel : int
        Requests that are worked on at once.
    ready : callable
        Called once the server answers.

    Raises
    ------
    MissingExtraError
        If llama.cpp is not installed.
    PortInUseError
        If another program listens on the port.
    SettingError
        If the port cannot be used, or a number is none that llama.cpp takes.
    StartError
        If the model cannot be loaded, or its address not be written down.
    WeightsError
        If the weights are not there, or cannot be read.
    """
    parent = os.getppid()  # now: it may die while the model is loaded
    check_room(context, parallel)
    weights = find_weights(file)
    require_libraries("`companion llm serve`", "xllamacpp", extra="llm")
    # Loading holds Python's lock, so a handler in Python would come too late.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with start_lock():
            _check_port(port)  # here, for another that starts may be about to take it
            keeper = Keeper(
                file=weights,
                port=port,
                context=context,
                parallel=parallel,
                lasting=True,
            )
    except CompanionError:
        raise
    except OSError as err:
        raise StartError(
            f"The server's address cannot be written to your cache: {err.strerror}. "
            f"Make room in {cache_folder()}, or mend the folder's rights."
        ) from err
    except RuntimeError as err:
        raise StartError(
            f"llama.cpp could not serve {weights} with {parallel} x {context} tokens "
            "of context; the reason is above. Give another --model, or less "
            "--context or --parallel."
        ) from err
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: keeper.stop())
    # nohup says that it is meant to stay.
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        watch_parent(parent, keeper.stop)
    ready(keeper.info)
    keeper.run()


def _check_port(port: int) -> None:
    # llama.cpp only says that it failed. Whoever takes the port in the moment
    # between is still refused, in less good words.
    with socket.socket() as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
            probe.listen()
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                raise PortInUseError(_who_listens(port)) from err
            raise SettingError(
                f"Port {port} cannot be listened on: {err.strerror}. Choose one above "
                "1023, such as --port 8081."
            ) from err


def _who_listens(port: int) -> str:
    for info in running_servers():
        if info.url.endswith(f":{port}"):
            return (
                f"A language model of yours listens on port {port} already: "
                f"{info.model}, process {info.pid}. Use it, end it with `companion "
                f"llm stop`, or choose another port, such as --port {port + 1}."
            )
    return (
        f"Another program listens on port {port} of {_HOST}. Stop it, or choose "
        f"another port, such as --port {port + 1}."
    )
