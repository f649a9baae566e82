"""The model of a running server: where it lies, loading it, trying again.

A server finds its model by an address. What the address leads to may change while it
runs; `ProvenModel` remembers what it led to when the model proved that it works.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from companion.errors import CompanionError, ProblemError
from companion.serving.models.addresses import ModelPlace, resolve_model
from companion.serving.models.engine import Model
from companion.serving.models.folder import read_model_folder
from companion.serving.models.loading import load_model

__all__ = ["ModelSource", "ProvenModel", "folder_stamp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenModel:
    """A model that was loaded and answered its example.

    `path` is its folder with all symbolic links followed, and `stamp` tells whether
    the folder still holds what it held then; "" if it changed in that moment.
    """

    path: str
    name: str
    version: str
    stamp: str

    def find(self) -> ModelPlace | None:
        """Find the model again; None if its folder was changed or has gone."""
        path = Path(self.path)
        if not self.stamp or folder_stamp(path) != self.stamp:
            return None
        return ModelPlace(path=path, name=self.name, version=self.version)


def folder_stamp(folder: Path) -> str:
    """Sum up names, sizes and times of all files of a folder; "" if there is none.

    Loading a model with Python code leaves compiled files in the folder; they do not
    count.
    """
    digest = hashlib.sha256()
    found = False
    for parent, _, names in sorted(os.walk(folder)):
        if parent.endswith("__pycache__"):
            continue
        for name in sorted(names):
            try:
                status = os.stat(f"{parent}/{name}")  # noqa: PTH116 - plain text is all
            except OSError:
                continue  # it goes at this moment
            found = True
            place = os.path.relpath(f"{parent}/{name}", folder)
            digest.update(f"{place}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest() if found else ""


class ModelSource:
    """Where a server gets a model from.

    `place` may be a folder, or what finds the place when the model is wanted; `example`
    is that of `read_model_folder`, `engine` that of `load_model`. `pause_s` seconds lie
    between two tries to load, so that requests during an outage do not each read a
    broken folder again.
    """

    def __init__(
        self,
        place: ModelPlace | Callable[[], ModelPlace] | str | Path,
        *,
        example: str | Path | None = None,
        engine: str = "native",
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if isinstance(place, str | Path):
            place = resolve_model(place)
        self._find = place
        self._example = example
        self._engine = engine
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

    def prove(self) -> ProvenModel:
        """Return what `get` returns as a proven model; it raises the same."""
        place = self._place()
        path = os.path.realpath(place.path)
        stamp = folder_stamp(Path(path))
        folder = self.get().folder
        is_same = path == os.path.realpath(place.path)
        if not is_same or stamp != folder_stamp(Path(path)):
            stamp = ""
        return ProvenModel(
            path=path, name=folder.name, version=folder.version, stamp=stamp
        )

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

    def _place(self) -> ModelPlace:
        if not isinstance(self._find, ModelPlace):
            self._find = self._find()
        return self._find

    def _load(self) -> Model:
        with self._lock:
            if self._model is not None:
                return self._model
            if self._failure is not None and self._clock() < self._next_try:
                raise self._failure
            try:
                place = self._place()
                folder = read_model_folder(
                    place.path,
                    name=place.name,
                    version=place.version,
                    example=self._example,
                )
                self._model = load_model(folder, engine=self._engine)
            except CompanionError as err:
                self._failure = err
                self._next_try = self._clock() + self._pause_s
                raise
            return self._model
