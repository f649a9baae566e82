"""What a model returned, taken apart: one answer for each row.

MLflow's models return arrays, data frames, lists or objects. Here these become a
number that can be watched, a label with its probability, and all else as JSON.
`companion.serving.models.engine` asks the model.
"""

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from companion.contract.numbers import MANY
from companion.contract.refusals import Refusals
from companion.errors import ModelError

__all__ = [
    "AnswerColumns",
    "AnswerReader",
    "RowAnswer",
    "as_json",
    "is_whole",
    "label_text",
]

_LONGEST_LABEL = 200  # characters; what is longer is a text rather than a class


class RowAnswer(NamedTuple):
    """What a model answered to one row.

    Attributes
    ----------
    value : float or None
        A number: the target, or the probability of the second of two classes.
    label : str, int, float, bool or None
        The class that the model chose.
    score : float or None
        The probability of that class.
    probabilities : mapping of str to float or None
        The probability of each class, by its name.
    outputs : JSON value or None
        What is not one number or one label.
    """

    value: float | None = None
    label: Any = None
    score: float | None = None
    probabilities: Mapping[str, float] | None = None
    outputs: Any = None


class AnswerColumns(Sequence[RowAnswer]):
    """The answers to many rows, as the log keeps them: a column each.

    `by_field` has a list for each of `value`, `label` (as text) and `score` that the
    answers have. The answers themselves are made by `make_rows` once somebody looks at
    one: a thousand take longer than many models take for theirs.
    """

    def __init__(
        self, make_rows: Callable[[], list[RowAnswer]], by_field: Mapping[str, Any]
    ) -> None:
        self._make_rows = make_rows
        self.by_field = by_field

    @cached_property
    def _rows(self) -> list[RowAnswer]:
        return self._make_rows()

    def __len__(self) -> int:
        return len(self.by_field["value"])

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[RowAnswer]:
        return iter(self._rows)


class AnswerReader:
    """Takes apart what one model returns.

    `classes` are those of a classifier, in its own order; None for other models.
    `is_probability` says that the model returns a probability for each class.
    """

    def __init__(
        self, classes: Sequence[Any] | None = None, *, is_probability: bool = False
    ) -> None:
        self.classes: tuple[Any, ...] = tuple(
            map(_plain, () if classes is None else classes)
        )
        self.is_probability = is_probability
        # Names of the classes, as in an answer's probabilities.
        self.names = tuple(map(label_text, self.classes))

    @property
    def value_of(self) -> Any:
        """The class whose probability is the value, of a classifier of two."""
        two = self.is_probability and len(self.classes) == 2
        return self.classes[1] if two else None

    def read(self, raw: Any, n_rows: int, first_row: int = 0) -> Sequence[RowAnswer]:
        """Return the answer to each row, for many perhaps as `AnswerColumns`.

        Raises ModelError if there is not one for each row, or it is of a type that
        JSON cannot carry; and RefusedError if the number for a row is not finite, which
        counts rows from `first_row` on.
        """
        if isinstance(raw, np.ndarray) and raw.dtype.kind == "f" and raw.ndim:
            _check_number(len(raw), n_rows)
            if np.isfinite(raw).all():
                if self.is_probability and raw.ndim == 2:
                    return self._read_probabilities(raw)
                if n_rows >= MANY and raw.size == n_rows and not self.classes:
                    return _read_numbers(raw)
        items = _split(raw, n_rows)
        _refuse_not_finite(items, first_row)
        return [self._read_one(as_json(item)) for item in items]

    def _read_probabilities(self, raw: Any) -> Sequence[RowAnswer]:
        width = raw.shape[1]
        classes, names = self.classes, self.names
        if len(classes) != width:
            classes = tuple(range(width))
            names = tuple(map(str, classes))
        if width == 2:
            (first, second), (no, yes) = names, classes

            def make_rows() -> list[RowAnswer]:
                return [
                    RowAnswer(b, yes if b > a else no, max(a, b), {first: a, second: b})
                    for a, b in raw.tolist()
                ]

            if len(raw) < MANY:
                return make_rows()
            is_yes = (raw[:, 1] > raw[:, 0]).tolist()
            columns = {
                "value": raw[:, 1].tolist(),
                "label": [second if chosen else first for chosen in is_yes],
                "score": np.maximum(raw[:, 0], raw[:, 1]).tolist(),
            }
            return AnswerColumns(make_rows, columns)
        answers = []
        for chances in raw.tolist():
            score = max(chances)
            value = score if width == 1 else None
            label = classes[chances.index(score)]
            by_name = dict(zip(names, chances, strict=True))
            answers.append(RowAnswer(value, label, score, by_name))
        return answers

    def _read_one(self, item: Any) -> RowAnswer:
        if isinstance(item, list | tuple) and len(item) == 1:
            item = item[0]
        if isinstance(item, bool | int | float):
            return self._read_number(item)
        is_text = isinstance(item, str) and item.isprintable()
        if is_text and 0 < len(item) <= _LONGEST_LABEL:
            return RowAnswer(label=item)
        return RowAnswer(outputs=item)

    def _read_number(self, number: float) -> RowAnswer:
        if isinstance(number, int) and abs(number) >= 2**63:
            return RowAnswer(outputs=str(number))
        is_label = bool(self.classes) or isinstance(number, bool)
        return RowAnswer(float(number), number if is_label else None)


def _read_numbers(raw: Any) -> AnswerColumns:
    values = raw.ravel().tolist()
    return AnswerColumns(lambda: list(map(RowAnswer, values)), {"value": values})


def is_whole(raw: Any) -> bool:
    """Tell whether a model gave one answer to all rows, as a chat model does."""
    if isinstance(raw, dict):
        return any(
            not hasattr(v, "__len__") or isinstance(v, str) for v in raw.values()
        )
    return not hasattr(raw, "__len__") or isinstance(raw, str | bytes)


def label_text(label: Any) -> str:
    """Name a class as the log and an answer's keys do: ``rain``, ``3``, ``true``."""
    return label if isinstance(label, str) else json.dumps(label)


def _split(raw: Any, n_rows: int) -> list[Any]:
    """Divide what a model returned among the rows."""
    if hasattr(raw, "to_dict") and hasattr(raw, "columns"):  # a pandas DataFrame
        records = raw.to_dict(orient="records")
        if len(raw.columns) == 1:
            records = [next(iter(record.values())) for record in records]
        return _checked(records, n_rows)
    if hasattr(raw, "tolist") and getattr(raw, "ndim", 1) != 0:  # an array, or a Series
        return _checked(raw.tolist(), n_rows)
    if isinstance(raw, list | tuple):
        return _checked(list(map(_plain, raw)), n_rows)
    if isinstance(raw, dict) and raw:
        columns = [_as_column(values, n_rows) for values in raw.values()]
        if all(column is not None for column in columns):
            rows = zip(*columns, strict=True)
            return [dict(zip(map(str, raw), row, strict=True)) for row in rows]
    if hasattr(raw, "shape") and not hasattr(raw, "tolist"):
        raise ModelError(
            f"the model answers with a {type(raw).__name__}, which JSON cannot carry"
        )
    if n_rows == 1:
        return [raw]
    raise ModelError(f"the model answered {n_rows} rows with one {type(raw).__name__}")


def _refuse_not_finite(items: list[Any], first_row: int) -> None:
    refusals = Refusals()
    for number, item in enumerate(items, first_row):
        value = item[0] if isinstance(item, list | tuple) and len(item) == 1 else item
        if isinstance(value, float) and not math.isfinite(value):
            refusals.add(
                "refused_by_model",
                f"The model has no finite answer for row {number}.",
                row=number,
                given=value,
                expected="values that the model can use",
            )
    refusals.raise_if_any()


def _checked(items: list[Any], n_rows: int) -> list[Any]:
    _check_number(len(items), n_rows)
    return items


def _check_number(found: int, n_rows: int) -> None:
    if found != n_rows:
        rows = "1 row" if n_rows == 1 else f"{n_rows} rows"
        values = "1 value" if found == 1 else f"{found} values"
        raise ModelError(f"the model answered {rows} with {values}")


def _as_column(values: Any, n_rows: int) -> list[Any] | None:
    if hasattr(values, "tolist") and getattr(values, "ndim", 1) != 0:
        values = values.tolist()
    if not isinstance(values, list) or len(values) != n_rows:
        return None
    # A list of objects in the answer to one row, such as the choices of a chat model,
    # is part of that answer rather than a column.
    if any(isinstance(value, dict) for value in values):
        return None
    return values


def as_json(value: Any) -> Any:  # noqa: PLR0911 - a case each
    """Turn what a model returned into JSON values; NaN and infinity become None.

    Raises ModelError if it holds something else.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [as_json(inner) for inner in value]
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return None if text == "NaT" else text
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "tolist"):
        return as_json(value.tolist())
    for method in ("model_dump", "to_dict"):  # pydantic; dataclasses of MLflow's
        if hasattr(value, method):
            return as_json(getattr(value, method)())
    raise ModelError(
        f"the model answers with a {type(value).__name__}, which JSON cannot carry"
    )


def _key(key: Any) -> str:
    return key if isinstance(key, str) else label_text(_plain(key))


def _plain(value: Any) -> Any:
    """Turn a NumPy scalar into Python's."""
    return value.item() if isinstance(value, np.generic) else value
