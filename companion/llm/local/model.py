"""The language model on this machine, started once and shared by all who use it.

A chapter, a script or a test says `local_model()`; the first one starts the
server, the others find it, and it ends with the last of them, also when they
are killed. How it is asked, with `curl`, the `openai` client or LangChain, is
the OpenAI protocol, and nothing here. Introduced in the chapter "Meet large
language models".
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from companion.errors import StartError
from companion.llm.local.registry import ServerInfo, open_connection, running_servers
from companion.llm.local.sharing import (
    CONTEXT,
    PARALLEL,
    Shared,
    check_room,
    held_server,
    hold,
    release,
)

__all__ = ["LocalModel", "local_model", "running_server"]


def local_model(
    *,
    file: str | Path | None = None,
    context: int | None = None,
    parallel: int | None = None,
) -> "LocalModel":
    """Have a language model on this machine.

    Parameters
    ----------
    file : str or Path, optional
        The weights, in the format GGUF; by default those of
        ``COMPANION_LLM_FILE``, and without that the course's own.
    context : int, optional
        Tokens that prompt and completion of one request may have together, at
        least 64. By default what `companion llm serve` gives, if that runs, else 2,048.
    parallel : int, optional
        Requests that are worked on at once, each with a context of its own; at
        most 256. By default what `companion llm serve` takes, if that runs, else 4.

    Returns
    -------
    LocalModel
        Use it in a ``with`` block, or between `start` and `stop`.

    Raises
    ------
    SettingError
        If a number is none that llama.cpp takes.

    Examples
    --------
    >>> with local_model() as model:  # doctest: +SKIP
    ...     print(model.base_url)
    http://127.0.0.1:41873/v1
    """
    check_room(
        CONTEXT if context is None else context,
        PARALLEL if parallel is None else parallel,
    )
    return LocalModel(file=file, context=context, parallel=parallel)


class LocalModel:
    """The language model on this machine; `local_model` makes one."""

    def __init__(
        self,
        *,
        file: str | Path | None = None,
        context: int | None = None,
        parallel: int | None = None,
    ) -> None:
        self._file = file
        self._context = context
        self._parallel = parallel
        self._shared: Shared | None = None
        # Threads that start one object at once must not hold the server twice.
        self._lock = threading.RLock()
        self._known: ServerInfo | None = None  # stays after the end, to look for it

    def start(self) -> Self:
        """Find the server, or start it, and wait until it answers.

        Returns
        -------
        LocalModel
            This object. Starting it again changes nothing while its server runs.

        Raises
        ------
        MissingExtraError
            If llama.cpp is not installed.
        StartError
            If the server cannot start.
        WeightsError
            If the weights are not there, or cannot be read.
        """
        with self._lock:
            if self._shared is not None and not self.running:
                self.stop()
            if self._shared is None:
                self._shared = hold(self._file, self._context, self._parallel)
                self._known = self._shared.info
        return self

    def stop(self) -> None:
        """Stop using the server; it ends if nobody else does."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            release(shared)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        if self._known is None:
            return "<LocalModel, not started>"
        state = "" if self.running else ", not running"
        return f"<LocalModel {self.name} at {self.url}{state}>"

    @property
    def running(self) -> bool:
        """Whether the server is there; a killed one is not."""
        return self._shared is not None and self._shared.connection.alive

    @property
    def url(self) -> str:
        """Address of the server, such as ``http://127.0.0.1:41873``."""
        return self._info.url

    @property
    def base_url(self) -> str:
        """Address for clients of the OpenAI protocol: `url` and ``/v1``."""
        return f"{self.url}/v1"

    @property
    def name(self) -> str:
        """What the server calls the model: ``"smollm2-135m-instruct"``."""
        return self._info.model

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._info.pid

    @property
    def context(self) -> int:
        """Tokens that prompt and completion of one request may have together."""
        return self._info.context

    @property
    def parallel(self) -> int:
        """Requests that the server works on at once."""
        return self._info.parallel

    @property
    def _info(self) -> ServerInfo:
        if self._known is None:
            raise StartError(
                "This local model is not started: use it in a `with` block, or call "
                "its start() first."
            )
        return self._known


def running_server() -> ServerInfo | None:
    """Find a language model server of this user that runs now, without using it.

    Returns
    -------
    ServerInfo or None
        The one that this process uses, else that of `companion llm serve`, else
        the youngest that another program uses.
    """
    if (held := held_server()) is not None:
        return held
    for info in running_servers():
        connection = open_connection(info, {"want": "status"})
        if connection is not None:
            connection.close()
            return info
    return None
