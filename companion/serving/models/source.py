"""The model of a running server: loaded once, and tried again while it cannot be."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from companion.errors import CompanionError, ProblemError
from companion.serving.models.engine import Model
from companion.serving.models.loading import load_model

__all__ = ["ModelSource"]


class ModelSource:
    """Where a server gets a model from.

    `pause_s` seconds lie between two tries to load, so that requests during an outage
    do not each read a broken folder again.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._failure: CompanionError | None = None
        self._next_try = float("-inf")

    def get(self) -> Model:
        """Return the model; load it where that has not worked yet.

        Raises ModelError or MissingExtraError if it cannot be loaded. During the pause
        the same error is raised without another try.
        """
        model = self._model  # set once and never taken back: no lock to read it
        return self._load() if model is None else model

    def get_for_client(self) -> Model:
        """Return the model as `get` does, for a request.

        Raises ProblemError if it cannot be loaded. The problem does not say why: the
        reason names folders of this machine, and is for those who run it.
        """
        try:
            return self.get()
        except CompanionError as err:
            raise ProblemError(
                "no-model", "The model cannot be used now. /health/ready says why."
            ) from err

    def _load(self) -> Model:
        with self._lock:
            if self._model is not None:
                return self._model
            if self._failure is not None and self._clock() < self._next_try:
                raise self._failure
            try:
                self._model = load_model(self._path)
            except CompanionError as err:
                self._failure = err
                self._next_try = self._clock() + self._pause_s
                raise
            return self._model
