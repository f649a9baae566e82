"""The server's side of the prediction log: on disk before the answer leaves.

`companion.store` writes the journal; here is only what happens when it cannot
be written. By default the answer is then refused, so that every answered
prediction is in the log.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from companion.contract.rows import Checked
from companion.errors import JournalError, ModelFailedError, ProblemError, SettingError
from companion.serving.metrics import ServerMetrics
from companion.serving.models.answers import RowAnswer, label_text
from companion.serving.models.engine import Answer, Model
from companion.store import Journal, Prediction
from companion.store.journal.behind import Behind, read_behind
from companion.store.journal.losses import LossCounter

__all__ = ["PredictionLog", "make_predictions"]

_logger = logging.getLogger(__name__)


def make_predictions(
    model: Model,
    checked: Checked,
    answer: Answer,
    *,
    request_id: str,
    created_at: datetime,
    latency_ms: float,
    trace_id: str | None = None,
) -> list[Prediction]:
    """Make the record of each row that a model answered.

    Raises ModelFailedError if an answer cannot be kept, such as an object that is
    nested too deeply.
    """
    folder = model.folder
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
                params=answer.params,
                trace_id=trace_id,
            )
            for number, (row, one) in enumerate(
                zip(checked.rows, answer.rows, strict=True)
            )
        ]
    except SettingError as err:
        raise ModelFailedError("The model's answer cannot be logged.") from err


def _outputs(answer: RowAnswer) -> object:
    # Of two classes, value and label say it all.
    if answer.probabilities is None or answer.value is not None:
        return answer.outputs
    return {"probabilities": answer.probabilities}


class PredictionLog:
    """The log of one server process.

    With `answer_without`, answers pass although they could not be logged, and are
    counted.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        metrics: ServerMetrics | None = None,
        answer_without: bool = False,
    ) -> None:
        self.journal = journal
        self._metrics = metrics or ServerMetrics()
        self._answer_without = answer_without
        effect = "not logged" if answer_without else "refused"
        self._losses = LossCounter(_logger, f"Predictions are {effect} from now on: %s")

    @property
    def lost(self) -> int:
        """Predictions of this process that were answered and not logged."""
        return self._losses.lost

    def behind(self) -> Behind:
        """Say how far the database is behind; JournalError if that cannot be seen."""
        return read_behind(self.journal.folder)

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Write the predictions of one request, all or none.

        Raises ProblemError if they cannot be written and answers need the log.
        """
        try:
            self.journal.append(predictions)
        except JournalError as err:
            # What is refused was never answered, so nothing is lost.
            n_lost = len(predictions) if self._answer_without else 0
            self._losses.note_loss(err, n_lost)
            self._metrics.count_lost(n_lost)
            if not self._answer_without:
                raise ProblemError(
                    "no-log",
                    "The prediction cannot be logged, so it is not given. Try again.",
                ) from err
        else:
            self._losses.note_success()
        self._metrics.count_predictions(predictions)

    def probe(self) -> None:
        """Prove that the log can be written now; JournalError if it cannot."""
        self.journal.probe()
        self._losses.note_success()
