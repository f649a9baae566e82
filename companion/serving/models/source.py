"""The model of a running server: loaded once, and tried again while it cannot be."""

import threading
import time
from pathlib import Path

from companion.errors import CompanionError
from companion.serving.models.model import Model, load_model

__all__ = ["ModelSource"]

# Requests during an outage must not each read a broken folder again.
_PAUSE_S = 1.0


class ModelSource:
    """Where a server gets its model from.

    Parameters
    ----------
    path : str or Path
        A folder in MLflow's model format.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._failure: CompanionError | None = None
        self._next_try = float("-inf")

    def get(self) -> Model:
        """Return the model; load it where that has not worked yet.

        Returns
        -------
        Model
            Ready to answer.

        Raises
        ------
        ModelError, MissingExtraError
            If it cannot be loaded. Within the next second the same error comes
            back without another try.
        """
        model = self._model  # set once and never taken back: no lock to read it
        return self._load() if model is None else model

    def _load(self) -> Model:
        with self._lock:
            if self._model is not None:
                return self._model
            if self._failure is not None and time.monotonic() < self._next_try:
                raise self._failure
            try:
                self._model = load_model(self._path)
            except CompanionError as err:
                self._failure = err
                self._next_try = time.monotonic() + _PAUSE_S
                raise
            return self._model
