"""The server's side of the prediction log: on disk before the answer leaves.

`companion.store` writes the journal; here is only what happens when it cannot
be written. By default the answer is then refused, so that every answered
prediction is in the log.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from companion.errors import JournalError, ProblemError
from companion.serving.metrics import ServerMetrics
from companion.store import FailedRequest, Journal, ModelProfile, Prediction
from companion.store.journal.behind import Behind, read_behind
from companion.store.journal.losses import LossCounter
from companion.store.records import Label, PredictionBatch

__all__ = ["PredictionLog", "record_of_profile"]

_logger = logging.getLogger(__name__)


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
        # The training profile that is in the journal, by name and version.
        self._profiled: dict[tuple[str, str], Mapping[str, Any]] = {}

    @property
    def lost(self) -> int:
        """Predictions that were answered and not logged, by all workers."""
        return self._metrics.lost()

    def behind(self) -> Behind:
        """Say how far the database is behind; JournalError if that cannot be seen."""
        return read_behind(self.journal.folder)

    def write(
        self,
        predictions: Sequence[Prediction | PredictionBatch],
        profile: Mapping[str, Any],
    ) -> None:
        """Write the predictions of one request, all or none.

        Before the first ones of a model goes its training profile, so that the shipper
        can count the inputs by its bins. Raises ProblemError if they cannot be written
        and answers need the log.
        """
        n_rows = sum(
            len(one) if isinstance(one, PredictionBatch) else 1 for one in predictions
        )
        one = predictions[0]
        one = one.first if isinstance(one, PredictionBatch) else one
        model = (one.model_name, one.model_version)
        # By identity: to compare it would take longer than to write the record.
        is_new = bool(profile) and self._profiled.get(model) is not profile
        first = [record_of_profile(*model, profile)] if is_new else []
        try:
            self.journal.append([*first, *predictions])
            if is_new:
                self._profiled[model] = profile
        except JournalError as err:
            # What is refused was never answered, so nothing is lost.
            n_lost = n_rows if self._answer_without else 0
            self._losses.note_loss(err, n_lost)
            self._metrics.count_lost(n_lost)
            if not self._answer_without:
                raise ProblemError(
                    "no-log",
                    "The prediction cannot be logged, so it is not given. Try again.",
                ) from err
        else:
            self._losses.note_success()
        self._metrics.count_predictions(*model, n_rows)

    def write_labels(self, labels: Sequence[Label]) -> None:
        """Write the labels of one request, all or none.

        Raises ProblemError if they cannot be written, whether or not answers need the
        log: a label that is not in the log has come to nothing.
        """
        try:
            self.journal.append(labels)
        except JournalError as err:
            self._losses.note_loss(err, 0)
            raise ProblemError(
                "no-log", "The labels cannot be logged, so none was taken. Try again."
            ) from err
        self._losses.note_success()
        self._metrics.count_labels(len(labels))

    def write_failure(self, failed: FailedRequest) -> None:
        """Write that a request got a problem; one that cannot be written is let go."""
        try:
            self.journal.append([failed])
        except JournalError as err:
            self._losses.note_loss(err, 0)

    def probe(self) -> None:
        """Prove that the log can be written now; JournalError if it cannot."""
        self.journal.probe()
        self._losses.note_success()


def record_of_profile(
    name: str, version: str, profile: Mapping[str, Any]
) -> ModelProfile:
    """Make the record of a model's training profile, which goes before predictions."""
    text = json.dumps([name, version, profile], sort_keys=True)
    return ModelProfile(
        id=hashlib.sha256(text.encode()).hexdigest()[:32],
        created_at=datetime.now(UTC),
        model_name=name,
        model_version=version,
        columns=dict(profile),
    )
