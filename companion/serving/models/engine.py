"""Asking a loaded model, and picking one number a row out of what it returns.

`companion.serving.models.loading` loads it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.contract.refusals import Refusals, refuse
from companion.errors import ModelError, RefusedError
from companion.serving.models.folder import ModelFolder

__all__ = ["Answer", "Model", "Rows", "make_model"]

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to some rows.

    `raw` is what its method returned, as MLflow would pass it on; `numbers` has one
    number for each row.
    """

    raw: Any
    numbers: list[float]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is ready to answer; `make_model` makes one."""

    folder: ModelFolder
    _predict: Callable[[Rows], Any]
    _pick: Callable[[Any], list[float]]

    def answer(self, rows: Rows) -> Answer:
        """Answer rows that the contract has checked, in the same order.

        Raises RefusedError if the model has no finite number for a row, or refuses the
        values, such as a category that it never saw.
        """
        try:
            raw = self._predict(rows)
        except ValueError as err:
            refuse(
                "refused_by_model",
                f"The model refuses the rows: {str(err).splitlines()[0][:200]}",
                given=f"{len(rows)} rows",
                expected="values that the model can use",
            )
        return Answer(raw, _check_numbers(self._pick(raw), len(rows)))

    def try_example(self) -> None:
        """Answer the folder's example, to prove that the model works.

        Whatever the model raises is passed on.
        """
        self.answer(self.folder.contract.check([self.folder.example]))


def make_model(
    folder: ModelFolder, predict: Callable[[Rows], Any], example: Any
) -> Model:
    """Make a model of a method and what it returned for the folder's example.

    Raises ModelError if the example has no finite number for its row.
    """
    pick = _find_picker(folder, example)
    try:
        _check_numbers(pick(example), 1)
    except RefusedError as err:
        raise ModelError(
            f"The model in {folder.path} does not answer its own example: {err}"
        ) from err
    return Model(folder, predict, pick)


def _find_picker(folder: ModelFolder, raw: Any) -> Callable[[Any], list[float]]:
    """Decide once how one number a row is taken out of what the model returns."""
    array = np.asarray(raw)
    is_number = array.dtype.kind in "biuf"
    if is_number and array.shape in ((1,), (1, 1)):
        return lambda raw: np.asarray(raw).ravel().tolist()
    if is_number and array.shape == (1, 2) and folder.predict_fn == "predict_proba":
        return lambda raw: np.asarray(raw)[:, 1].tolist()
    what = "numbers" if is_number else "values that are no numbers"
    raise ModelError(
        f"The model in {folder.path} answers one row by `{folder.predict_fn}` with "
        f"{what} of shape {array.shape}. Served are models that give one number a row: "
        "a regressor, or a classifier of two classes saved with "
        '`pyfunc_predict_fn="predict_proba"`.'
    )


def _check_numbers(values: list[float], n_rows: int) -> list[float]:
    """Return the values if there is a finite one for each row; else raise."""
    if len(values) != n_rows:
        raise ModelError(f"the model answered {n_rows} rows with {len(values)} values")
    if all(map(math.isfinite, values)):
        return values
    refusals = Refusals()
    for number, value in enumerate(values):
        if not math.isfinite(value):
            refusals.add(
                "refused_by_model",
                f"The model has no finite answer for row {number}.",
                row=number,
                given=value,
                expected="values that the model can use",
            )
    raise refusals.error()
