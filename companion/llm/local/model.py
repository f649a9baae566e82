"""The language model on this machine.

A chapter, a script or a test says `local_model()`. The model's server belongs to
the process that started it and ends with it, also when that is killed. How it is
asked, with `curl`, the `openai` client or LangChain, is the OpenAI protocol, and
nothing here. Introduced in the chapter "Meet large language models".
"""

import sys
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from companion.errors import StartError
from companion.llm.local.listing import ServerInfo, find_server, is_running
from companion.llm.local.process import CONTEXT, PARALLEL, ServerProcess, check_room
from companion.llm.local.weights import find_weights
from companion.settings import resolve_setting

__all__ = ["LocalModel", "local_model"]

# Kept, so that the server of `local_model().start()` alone goes on.
_latest: "LocalModel | None" = None


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
        least 64. By default 2,048.
    parallel : int, optional
        Requests that are worked on at once, each with a context of its own; at
        most 256. By default 4.

    Returns
    -------
    LocalModel
        Use it in a ``with`` block, or between `start` and `stop`. It starts a
        server of its own, unless ``COMPANION_LLM_URL`` names one of yours that
        runs on this machine (`companion llm serve`) and is as asked for.

    Raises
    ------
    SettingError
        If llama.cpp does not accept a number.

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
        self._server: ServerProcess | None = None  # none where another one serves
        self._info: ServerInfo | None = None  # stays after the end, to look for it
        # Threads that start one object at once must not start two servers.
        self._lock = threading.RLock()

    def start(self) -> Self:
        """Start the server and wait until it answers.

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
        global _latest  # noqa: PLW0603 - one per process
        with self._lock:
            if not self.running:
                self.stop()
                self._info = self._find_served() or self._start_server()
                _latest = self
        return self

    def stop(self) -> None:
        """End the server, unless it is another process's."""
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None

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
        if self._info is None:
            return "<LocalModel, not started>"
        state = "" if self.running else ", not running"
        return f"<LocalModel {self.name} at {self.url}{state}>"

    @property
    def running(self) -> bool:
        """Whether the server is there; a killed one is not."""
        if self._server is not None:
            return self._server.running
        return self._info is not None and is_running(self._info)

    @property
    def url(self) -> str:
        """Address of the server, such as ``http://127.0.0.1:41873``."""
        return self._known.url

    @property
    def base_url(self) -> str:
        """Address for clients of the OpenAI protocol: `url` and ``/v1``."""
        return f"{self.url}/v1"

    @property
    def name(self) -> str:
        """What the server calls the model: ``"smollm2-135m-instruct"``."""
        return self._known.model

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._known.pid

    @property
    def context(self) -> int:
        """Tokens that prompt and completion of one request may have together."""
        return self._known.context

    @property
    def parallel(self) -> int:
        """Requests that the server works on at once."""
        return self._known.parallel

    @property
    def _known(self) -> ServerInfo:
        if self._info is None:
            raise StartError(
                "This local model is not started: use it in a `with` block, or call "
                "its start() first."
            )
        return self._info

    def _start_server(self) -> ServerInfo:
        self._server = ServerProcess(
            self._file,
            owner=Path(sys.argv[0] or sys.executable).name,
            context=self._context,
            parallel=self._parallel,
        )
        # A cell that is run again leaves one server, not two.
        weakref.finalize(self, self._server.stop)
        return self._server.info

    def _find_served(self) -> ServerInfo | None:
        info = find_server(resolve_setting("llm-url") or "")
        if info is None:
            return None
        file = None if self._file is None else str(find_weights(self._file))
        pairs = (
            (file, info.file),
            (self._context, info.context),
            (self._parallel, info.parallel),
        )
        return info if all(wanted in (None, has) for wanted, has in pairs) else None
