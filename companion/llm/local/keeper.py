"""The process of the language model: llama.cpp's server, and who uses it.

`companion.llm.local.sharing` starts it with a pipe as its standard input, and
reads from its standard output one line of JSON: what the server is, or what went wrong.
A user holds a connection to the process's door for as long as the user lives:
the operating system closes it however the user dies. When the last one is
closed the process ends, and the model with it. `companion llm serve` is the same
process with a terminal, and it lasts until it is told to end.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from companion.llm.local.engine import resident_bytes, start_engine
from companion.llm.local.registry import (
    ServerInfo,
    forget,
    read_line,
    send_line,
    write_info,
)
from companion.llm.local.weights import model_name

__all__ = ["Keeper", "main", "watch_parent"]

# The starter becomes a user within milliseconds, unless it has died.
_FIRST_USER_S = 30.0
_PARENT_POLL_S = 0.5
_ASK_S = 10.0


class Keeper:
    """Runs one server until it is told to end, or nobody uses it any more.

    Parameters
    ----------
    file : Path
        The weights.
    port : int
        Port of the server; 0 takes one that is free.
    context, parallel : int
        As in `start_engine`.
    lasting : bool
        Whether it goes on without users.

    Raises
    ------
    RuntimeError
        If the server cannot start.
    OSError
        If its address cannot be written down.
    """

    def __init__(
        self, *, file: Path, port: int, context: int, parallel: int, lasting: bool
    ) -> None:
        self._engine = start_engine(
            file=file, port=port, context=context, parallel=parallel
        )
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._users: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.info = ServerInfo(
            pid=os.getpid(),
            url=self._engine.listening_address,
            model=model_name(file),
            file=str(file),
            context=context,
            parallel=parallel,
            lasting=lasting,
            started_at=time.time(),
            door=self._door.getsockname()[1],
            word=secrets.token_hex(16),
        )
        write_info(self.info)
        self._start(self._welcome)

    def run(self) -> None:
        """Wait until it is over, and end the process."""
        while not self._over.wait(0.5):
            pass  # Windows lets no signal through to a wait without an end
        self.end()

    def stop(self) -> None:
        """Let `run` end; may be called by a handler of a signal."""
        self._over.set()

    def end(self) -> None:
        """End the process at once.

        Nothing is left to finish: llama.cpp keeps no files, and waiting for its
        threads would wait for the longest answer.
        """
        forget(self.info.pid)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # whoever read it may have died
                stream.flush()
        os._exit(0)

    def end_without_users(self) -> None:
        """End unless somebody uses it, or it lasts."""
        with self._lock:
            # Inside the lock, so that nobody is let in meanwhile.
            if not self._users and not self.info.lasting:
                self.end()

    def _start(self, job: Callable[..., None], *words: Any) -> None:
        threading.Thread(target=job, args=words, daemon=True).start()

    def _welcome(self) -> None:
        while True:
            talk, _ = self._door.accept()
            self._start(self._talk, talk)

    def _talk(self, talk: socket.socket) -> None:
        with talk:
            try:
                talk.settimeout(_ASK_S)
                message = read_line(talk)
                talk.settimeout(None)
                said = str((message or {}).pop("word", ""))
                if message and secrets.compare_digest(
                    said.encode(), self.info.word.encode()
                ):
                    self._answer(talk, message)
            except (OSError, ValueError):
                pass  # who breaks off or talks rubbish has left

    def _answer(self, talk: socket.socket, message: dict[str, Any]) -> None:
        match message.pop("want", None):
            case "status":
                with self._lock:
                    users = list(self._users.values())
                status = {"users": users, "memory_bytes": resident_bytes()}
                send_line(talk, {"pid": self.info.pid, **status})
            case "stop":
                send_line(talk, {"pid": self.info.pid})
                self.stop()
                self._over.wait()
                time.sleep(_ASK_S)  # the connection closes with the process
            case "stay":
                self._keep_company(talk, message)

    def _keep_company(self, talk: socket.socket, user: dict[str, Any]) -> None:
        with self._lock:
            self._users[talk.fileno()] = user | {"since": time.time()}
        try:
            send_line(talk, {"pid": self.info.pid})
            read_line(talk)  # "leave", or the end of the connection
        finally:
            with self._lock:
                del self._users[talk.fileno()]
            self.end_without_users()


def watch_parent(parent: int, on_end: Callable[[], None]) -> None:
    """Call a function once the parent of this process has died.

    Windows does not tell of it: there nothing is called.

    Parameters
    ----------
    parent : int
        The parent, as `os.getppid` said at the beginning.
    on_end : callable
        What to do then.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_S)
        on_end()

    threading.Thread(target=watch, daemon=True).start()


def _end_with_starter(keeper: Keeper) -> None:
    # The starter closes the pipe when it has become a user, or has died.
    while os.read(0, 1024):
        pass
    keeper.end_without_users()


def main(words: list[str]) -> int:
    """Serve as told until the last user has gone."""
    file, context, parallel = words
    # What C++ writes to the standard output must not come among our one line.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        return _serve(answers, file, context, parallel)


def _serve(answers: IO[str], file: str, context: str, parallel: str) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the users
    try:
        keeper = Keeper(
            file=Path(file),
            port=0,
            context=int(context),
            parallel=int(parallel),
            lasting=False,
        )
    except (OSError, RuntimeError) as err:
        answers.write(json.dumps({"error": str(err)}) + "\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: keeper.stop())
    with contextlib.suppress(OSError):  # the starter has died; see the next line
        answers.write(json.dumps({"pid": keeper.info.pid}) + "\n")
        answers.flush()
    threading.Thread(target=_end_with_starter, args=(keeper,), daemon=True).start()
    latest = threading.Timer(_FIRST_USER_S, keeper.end_without_users)
    latest.daemon = True
    latest.start()
    keeper.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
