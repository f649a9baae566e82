"""The server's side of the prediction log: on disk before the answer leaves.

`companion.store` writes the journal; here is only what happens when it cannot
be written. By default the answer is then refused, so that every answered
prediction is in the log. Who would rather answer than log says so.
"""

import logging
import threading
from collections.abc import Sequence

from companion.errors import JournalError
from companion.serving.http.problems import ProblemError
from companion.store import Journal, Prediction

__all__ = ["PredictionLog"]

_logger = logging.getLogger(__name__)


class PredictionLog:
    """The log of one server process.

    Parameters
    ----------
    journal : Journal
        Where predictions are written.
    answer_without : bool, default=False
        Let answers through although they could not be logged, and count them.

    Attributes
    ----------
    lost : int
        Predictions that were answered and not logged since the process began.
    """

    def __init__(self, journal: Journal, *, answer_without: bool = False) -> None:
        self.journal = journal
        self.lost = 0
        self._answer_without = answer_without
        self._failing = False
        self._lock = threading.Lock()

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Write the predictions of one request, all or none.

        Parameters
        ----------
        predictions : sequence of Prediction
            One for each row.

        Raises
        ------
        ProblemError
            If they cannot be written and answers need the log.
        """
        try:
            self.journal.append(predictions)
        except JournalError as err:
            self._note_failure(err, len(predictions))
            if not self._answer_without:
                raise ProblemError(
                    "no-log",
                    "The prediction cannot be logged, so it is not given. Try again.",
                ) from err
        else:
            self._failing = False

    def probe(self) -> None:
        """Prove that the log can be written now.

        Raises
        ------
        JournalError
            If it cannot.
        """
        self.journal.probe()
        self._failing = False

    def _note_failure(self, err: JournalError, n_predictions: int) -> None:
        with self._lock:
            is_news, self._failing = not self._failing, True
            if self._answer_without:
                self.lost += n_predictions
        if is_news:  # once an outage, not once a request
            effect = "not logged" if self._answer_without else "refused"
            _logger.error("Predictions are %s from now on: %s", effect, err)
