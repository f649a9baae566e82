"""The records of what a model answered, as the log keeps them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from companion.contract.rows import Checked
from companion.errors import ModelFailedError, SettingError
from companion.serving.models.answers import RowAnswer, label_text
from companion.serving.models.folder import ModelFolder
from companion.store import Prediction

__all__ = ["make_predictions"]


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
