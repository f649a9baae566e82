"""Counts records that could not be written, and logs each outage once."""

import logging
import threading

from companion.errors import JournalError

__all__ = ["LossCounter"]


class LossCounter:
    """Counts the records that one process could not write.

    Parameters
    ----------
    logger : logging.Logger
        Where an outage is reported.
    message : str
        What to report, with one ``%s`` for the reason.

    Attributes
    ----------
    lost : int
        Records that could not be written since the counter was made.
    """

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self.lost = 0
        self._logger = logger
        self._message = message
        self._failing = False
        self._lock = threading.Lock()

    def note_loss(self, err: Exception, n_records: int = 1) -> None:
        """Count a failure to write; the first of an outage is logged.

        Parameters
        ----------
        err : Exception
            Why it failed. Only a `JournalError` is quoted: the text of another
            error may hold what people wrote.
        n_records : int, default=1
            How many records were lost by it; 0 where nothing was lost.
        """
        with self._lock:
            is_first, self._failing = not self._failing, True
            self.lost += n_records
        if is_first:
            reason = err if isinstance(err, JournalError) else type(err).__name__
            self._logger.error(self._message, reason)

    def note_success(self) -> None:
        """End the outage: the next failure is logged again."""
        self._failing = False  # one assignment: no lock needed
