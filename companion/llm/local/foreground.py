"""Serve the language model until somebody ends it: `companion llm serve`.

The server is the same as that of `companion.llm.local.model`, on a port that is
known. It belongs to this process, which ends with Ctrl-C, SIGTERM, `companion llm
stop`, its terminal, and the program that started it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from companion.errors import PortInUseError, StartError
from companion.llm.local.listing import ServerInfo, find_server
from companion.llm.local.process import ServerProcess, check_room
from companion.system.parents import watch_parent
from companion.system.ports import take_port

__all__ = ["serve_model"]

_HOST = "127.0.0.1"
_POLL_S = 0.1
# Another that takes the port is listed once it has loaded its model.
_LISTED_S = 5.0


def serve_model(
    *,
    file: str | Path | None,
    port: int,
    context: int,
    parallel: int,
    ready: Callable[[ServerInfo], None],
) -> None:
    """Serve a model until it is told to end.

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
        If the port cannot be used, or llama.cpp does not take a number.
    StartError
        If the server cannot start, or ends without being told to.
    WeightsError
        If the weights are not there, or cannot be read.
    """
    parent = os.getppid()  # now: it may die while the model is loaded
    check_room(context, parallel)
    _check_port(port)
    try:
        server = ServerProcess(
            file,
            owner="companion llm serve",
            port=port,
            context=context,
            parallel=parallel,
        )
    except StartError:
        _check_port(port, patience_s=_LISTED_S)  # it may have been taken meanwhile
        raise
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    # nohup says that it is meant to stay.
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        watch_parent(parent, over.set)
    ready(server.info)
    while server.running and not over.wait(_POLL_S):
        pass  # Windows lets no signal through to a wait without an end
    code = server.stop()
    # On Windows the code is the number of the signal that `companion llm stop` sends.
    if code not in (0, signal.SIGTERM):
        raise StartError(
            f"The server of the language model ended by itself. {server.last_output} "
            f"(exit code {code}). Start it again with `companion llm serve`."
        )


def _check_port(port: int, patience_s: float = 0.0) -> None:
    try:
        take_port(_HOST, port).close()
    except PortInUseError:
        deadline = time.monotonic() + patience_s
        while (info := find_server(f"http://{_HOST}:{port}")) is None:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        raise PortInUseError(
            f"A language model of yours listens on port {port} already: {info.model}, "
            f"started by {info.owner} (process {info.owner_pid}). Use it, end it with "
            f"`companion llm stop --port {port}`, or choose another port, such as "
            f"--port {port + 1}."
        ) from None
