"""The records of what a model answered, as the log keeps them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from companion.contract.rows import Checked
from companion.errors import ModelFailedError, SettingError
from companion.serving.models.answers import RowAnswer, label_text
from companion.serving.models.folder import ModelFolder
from companion.store import Prediction
from companion.store.records import PredictionBatch

__all__ = ["make_predictions", "record_predictions"]

# Fewer are written one by one as quickly, and are easier to read in the journal.
_MANY = 20


def record_predictions(
    folder: ModelFolder,
    checked: Checked,
    answers: Sequence[RowAnswer],
    **shared: Any,
) -> Sequence[Prediction | PredictionBatch]:
    """Make what the log keeps of a request: its records, or one for many plain rows.

    The arguments and errors are those of `make_predictions`.
    """
    if len(answers) < _MANY or not checked.all_numbers:
        return make_predictions(folder, checked, answers, **shared)
    values, labels, scores, chances, outputs = zip(*answers, strict=True)
    all_none = outputs.count(None), chances.count(None)
    if all_none[0] < len(answers) or (None in values and all_none[1] < len(answers)):
        # More than numbers and labels: `_outputs` has something.
        return make_predictions(folder, checked, answers, **shared)
    texts = {one: None if one is None else label_text(one) for one in set(labels)}
    first = checked._replace(rows=checked.rows[:1])
    try:
        return [
            PredictionBatch(
                first=make_predictions(folder, first, answers[:1], **shared)[0],
                inputs=checked.rows,
                values=values,
                labels=[texts[one] for one in labels],
                scores=scores,
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


def _outputs(answer: RowAnswer) -> object:
    # Of two classes, value and label say it all.
    if answer.probabilities is None or answer.value is not None:
        return answer.outputs
    return {"probabilities": answer.probabilities}
