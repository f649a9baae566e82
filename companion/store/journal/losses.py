"""Counts records that could not be written, and logs each outage once."""

import logging
import threading

from companion.errors import JournalError

__all__ = ["LossCounter"]


class LossCounter:
    """Counts the records that one process could not write, in `lost`.

    An outage is reported to `logger` once, as `message` with its one ``%s`` for the
    reason.
    """

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self.lost = 0
        self._logger = logger
        self._message = message
        self._failing = False
        self._lock = threading.Lock()

    def note_loss(self, err: Exception, n_records: int = 1) -> None:
        """Count a failure to write; the first of an outage is logged.

        `n_records` is 0 where nothing was lost. Only a `JournalError` is quoted: the
        text of another error may hold what people wrote.
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
