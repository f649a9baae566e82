"""The records of what a model answered, as the log keeps them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from companion.contract.rows import Checked
from companion.errors import ModelFailedError, SettingError
from companion.serving.models.answers import AnswerColumns, RowAnswer, label_text
from companion.serving.models.folder import ModelFolder
from companion.store import Prediction
from companion.store.records import PredictionBatch

__all__ = ["fields_of_answers", "make_predictions", "record_predictions"]


def record_predictions(
    folder: ModelFolder,
    checked: Checked,
    answers: Sequence[RowAnswer],
    **shared: Any,
) -> Sequence[Prediction | PredictionBatch]:
    """Make what the log keeps of a request: its records, or one for many plain rows.

    The arguments and the errors are those of `make_predictions`.
    """
    columns = None if checked.array is None else _columns_of(answers)
    if columns is None:
        if checked.text is not None and len(checked.rows) < checked.n_rows:
            checked = checked._replace(rows=json.loads(checked.text))
        return make_predictions(folder, checked, answers, **shared)
    answer = RowAnswer(**{name: column[0] for name, column in columns.items()})
    one = checked._replace(rows=checked.rows[:1])
    try:
        return [
            PredictionBatch(
                first=make_predictions(folder, one, [answer], **shared)[0],
                inputs=checked.rows if checked.text is None else checked.text,
                columns=columns,
            )
        ]
    except SettingError as err:
        raise ModelFailedError("The model's answer cannot be logged.") from err


def make_predictions(
    folder: ModelFolder,
    checked: Checked,
    answers: Sequence[RowAnswer],
    *,
    params: dict[str, Any] | None,
    request_id: str,
    created_at: datetime,
    latency_ms: float,
    trace_id: str | None = None,
) -> list[Prediction]:
    """Make the record of each row that a model answered.

    Raises ModelFailedError if an answer cannot be kept, such as an object that is
    nested too deeply.
    """
    try:
        return [
            Prediction(
                id=f"{request_id}-{number}",
                request_id=request_id,
                created_at=created_at,
                model_name=folder.name,
                model_version=folder.version,
                inputs=row,
                value=one.value,
                latency_ms=latency_ms,
                label=None if one.label is None else label_text(one.label),
                score=one.score,
                outputs=_outputs(one),
                params=params,
                trace_id=trace_id,
            )
            for number, (row, one) in enumerate(zip(checked.rows, answers, strict=True))
        ]
    except SettingError as err:
        raise ModelFailedError("The model's answer cannot be logged.") from err


def fields_of_answers(answers: Sequence[RowAnswer]) -> Mapping[str, Sequence[Any]]:
    """Return answers as the log keeps them, a column for each field that they have."""
    if isinstance(answers, AnswerColumns):
        return answers.by_field
    labels = (one.label for one in answers)
    return {
        "value": [one.value for one in answers],
        "label": [None if one is None else label_text(one) for one in labels],
        "score": [one.score for one in answers],
        "outputs": [_outputs(one) for one in answers],
    }


def _columns_of(answers: Sequence[RowAnswer]) -> Mapping[str, Sequence[Any]] | None:
    """Return answers a column each; None if they are more than numbers and labels."""
    columns = dict(fields_of_answers(answers))
    outputs = columns.pop("outputs", ())
    return None if any(one is not None for one in outputs) else columns


def _outputs(answer: RowAnswer) -> object:
    # Of two classes, value and label say it all.
    if answer.probabilities is None or answer.value is not None:
        return answer.outputs
    return {"probabilities": answer.probabilities}
