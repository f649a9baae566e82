"""The two models of a gate: loaded as MLflow does, asked, timed and weighed."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from companion.contract.notes import CompanionNotes
from companion.contract.rows import Contract
from companion.contract.signature import read_contract
from companion.errors import CompanionError, ModelError
from companion.system.exceptions import describe_error
from companion.system.mlflow import load_mlflow
from companion.tracking.proving import quiet
from companion.tracking.selecting import select_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answers", "GateModel", "label_texts", "load_gate_model", "time_models"]

_ADVICE = "Give data with the columns of both models."
_NOT_LABELS = "fc"  # NumPy's kinds of numbers that are no labels
_N_TIMED, _N_WARM_UP = 100, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a model answered to the rows: numbers, or labels and perhaps probabilities.

    Attributes
    ----------
    numbers : ndarray of shape (n_rows,), optional
        Answers of a model of numbers.
    labels : ndarray of str of shape (n_rows,), optional
        Most likely class, as text.
    probabilities : ndarray of shape (n_rows, n_classes), optional
        One column for each of `classes`.
    classes : tuple of str
        Names of the classes, in the model's order.
    """

    numbers: NDArray[np.float64] | None = None
    labels: NDArray[np.object_] | None = None
    probabilities: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GateModel:
    """A model that takes part in a gate.

    Attributes
    ----------
    path : Path
        Its folder.
    name, version : str
        What it is called.
    contract : Contract
        Its columns.
    notes : CompanionNotes
        Its ranges.
    predict : callable
        Asks it, as a server does.
    classes : tuple of str
        Classes of a classifier, as its library names them; empty if unknown.
    """

    path: Path
    name: str
    version: str
    contract: Contract
    notes: CompanionNotes
    predict: Callable[["pd.DataFrame"], Any]
    classes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name}, version {self.version}" if self.version else self.name

    @cached_property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(one.stat().st_size for one in self.path.rglob("*") if one.is_file())

    def features(self, data: "pd.DataFrame") -> "pd.DataFrame":
        """Take its columns out of the data; raises DataError if they do not fit."""
        found = select_columns(self.contract, data, advice=_ADVICE)
        for name in found:
            column = found[name]
            if str(column.dtype) not in ("Int32", "Int64", "boolean"):
                continue
            # Libraries know NumPy's types, where a missing number is a NaN.
            is_truth = str(column.dtype) == "boolean"
            if column.isna().any():
                found[name] = column.astype(object if is_truth else "float64")
            else:
                found[name] = column.to_numpy()
        return found

    def ask(self, features: "pd.DataFrame", *, task: str | None = None) -> Answers:
        """Return the answer to each row.

        `task` is that of the rules. Raises ModelError if the model fails, or answers
        with something else than a number or a class for each row.
        """
        return self._read(self._predict(features), len(features), task)

    def _predict(self, features: "pd.DataFrame") -> Any:
        try:
            with quiet():
                return self.predict(features)
        except Exception as err:  # anything can come out of a foreign model
            raise ModelError(
                f"The model {self.title} does not answer the data: "
                f"{describe_error(err)} Give data that it can use."
            ) from err

    def _read(self, raw: Any, n_rows: int, task: str | None) -> Answers:
        try:
            values = np.asarray(raw)
        except ValueError:
            values = np.empty(0)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.shape[:1] != (n_rows,) or values.ndim > 2:
            raise ModelError(
                f"The model {self.title} answered {n_rows} rows with the shape "
                f"{values.shape}; a gate compares models with one answer for each row."
            )
        if values.dtype.kind in _NOT_LABELS and not np.isfinite(values).all():
            raise ModelError(
                f"The model {self.title} has no finite answer to some rows; give data "
                "that it can use."
            )
        if values.ndim == 2:
            return self._read_probabilities(values)
        is_float = values.dtype.kind in _NOT_LABELS
        if task is None:
            is_number = values.dtype.kind in "iuf" and not self.classes
            task = "numbers" if is_number else "classes"
        if task == "numbers":
            return self._read_numbers(values)
        if is_float and not self.classes and np.any(values % 1):
            # One number from 0 to 1, as of XGBoost's own trees: of the second class.
            chances = values.astype(np.float64)
            return self._read_probabilities(np.column_stack([1 - chances, chances]))
        return Answers(labels=label_texts(values), classes=self.classes)

    def _read_numbers(self, values: NDArray[Any]) -> Answers:
        if values.dtype.kind not in "iufb":
            raise ModelError(
                f"The model {self.title} answers with {values.tolist()[0]!r:.60}, "
                'which is no number. Set task = "classes" in the rules, or give '
                "another model."
            )
        return Answers(numbers=values.astype(np.float64))

    def _read_probabilities(self, values: NDArray[Any]) -> Answers:
        is_share = values.dtype.kind == "f" and bool(
            ((values >= -1e-9) & (values <= 1 + 1e-9)).all()
            and np.allclose(values.sum(axis=1), 1, atol=1e-3)
        )
        if not is_share:
            raise ModelError(
                f"The model {self.title} answers with several numbers a row that are "
                "no probabilities; a gate compares one number or class for each."
            )
        width = values.shape[1]
        classes = self.classes
        if len(classes) != width:
            classes = tuple(map(str, range(width)))
        names = np.array(classes, dtype=object)
        return Answers(
            labels=names[values.argmax(axis=1)],
            probabilities=values.astype(np.float64),
            classes=classes,
        )


def load_gate_model(
    folder: Path, *, name: str | None = None, version: str | None = None
) -> GateModel:
    """Load a model folder with MLflow; raises ModelError if that does not work.

    `name` and `version` are what it is called, by default as its notes say, or as its
    folder.
    """
    mlflow = load_mlflow("A gate")
    if not (folder / "MLmodel").is_file():
        raise ModelError(
            f"There is no file {folder / 'MLmodel'}, so it is no model folder. Give "
            "the folder that holds MLmodel, or an address such as models:/NAME@ALIAS."
        )
    try:
        with quiet():
            model = mlflow.pyfunc.load_model(str(folder))
            signature = model.metadata.signature
            notes = CompanionNotes.from_metadata(model.metadata.metadata)
    except CompanionError:
        raise
    except Exception as err:  # anything can come out of loading what others have saved
        raise ModelError(
            f"The model in {folder} cannot be loaded: {describe_error(err)} Install "
            "what its requirements.txt names."
        ) from err
    if signature is None or not signature.inputs:
        raise ModelError(
            f"The model in {folder} has no signature, so its columns are not known. "
            "Save it again with `signature=infer_signature(inputs, outputs)`."
        )
    contract = read_contract(json.dumps(signature.inputs.to_dict()), notes.ranges)
    if contract.layout != "frame":
        raise ModelError(
            f"The model in {folder} takes arrays or columns without names. Save it "
            "with a signature made from a pandas DataFrame."
        )
    # The columns are brought into its types here; MLflow would refuse some of them.
    model.metadata.signature = None
    return GateModel(
        path=folder,
        name=name or notes.name or folder.name,
        version=version or notes.version or "",
        contract=contract,
        notes=notes,
        predict=model.predict,
        classes=_find_classes(model),
    )


def _find_classes(model: Any) -> tuple[str, ...]:
    try:
        classes = np.asarray(model.get_raw_model().classes_)
        return tuple(label_texts(classes)) if classes.ndim == 1 else ()
    except Exception:  # noqa: BLE001 - not every kind of model has them, or gives itself
        return ()


def label_texts(values: Sequence[Any] | NDArray[Any]) -> NDArray[np.object_]:
    """Name classes as text: ``rain``, ``3`` also for 3.0, ``true``."""
    plain = values.tolist() if hasattr(values, "tolist") else list(values)
    return np.array([_label_text(one) for one in plain], dtype=object)


def _label_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def time_models(
    models: Sequence[GateModel],
    data: "pd.DataFrame",
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> list[NDArray[np.float64]]:
    """Time how long each model takes to answer one row, in milliseconds.

    They take turns row by row, so that a busy moment of the machine hits both.
    """
    inputs = [model.features(data) for model in models]
    n_timed = min(_N_TIMED, max(len(data), 1))
    taken: list[list[float]] = [[] for _ in models]
    with quiet():
        for turn in range(-_N_WARM_UP, n_timed):
            row = turn % len(data)
            for model, features, times in zip(models, inputs, taken, strict=True):
                given = features.iloc[row : row + 1]
                start = clock()
                model.predict(given)
                if turn >= 0:
                    times.append((clock() - start) * 1000)
    return [np.array(times) for times in taken]
