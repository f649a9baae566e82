"""Writes the calls of this process to the journal, and never fails.

Recording must not break a call: one that cannot be written is counted, and an
outage is logged once. The log message says nothing of the prompt.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from companion.settings import resolve_store
from companion.store import Journal, LLMCall, journal_folder
from companion.store.journal.losses import LossCounter

__all__ = ["CallLog"]

_logger = logging.getLogger("companion.llm")


class CallLog:
    """Writes calls to language models to the journal of one process.

    The arguments are those of `companion.settings.resolve_store`; SettingError is
    raised if the URL is not a valid store address. `store` is the store's address.
    """

    def __init__(
        self, store: str | None = None, journal: str | Path | None = None
    ) -> None:
        self.store = resolve_store(store).url
        self._journal = Journal(journal_folder(store, journal))
        self._losses = LossCounter(
            _logger, "Calls to language models are not recorded from now on: %s"
        )

    @property
    def lost(self) -> int:
        """Calls that could not be written since the log was made."""
        return self._losses.lost

    @property
    def folder(self) -> Path:
        """Folder of the journal."""
        return self._journal.folder

    def write(self, make_record: Callable[[], LLMCall]) -> LLMCall | None:
        """Write one call; return its record, or None if it was lost.

        What `make_record` raises is a loss as well.
        """
        try:
            record = make_record()
            self._journal.append([record])
        except Exception as err:  # noqa: BLE001 - recording must not break a call
            self.note_loss(err)
            return None
        self._losses.note_success()
        return record

    def note_loss(self, err: Exception) -> None:
        """Count a call that could not be written, and log an outage once."""
        self._losses.note_loss(err)

    def close(self) -> None:
        """Close the journal's file; a later call starts a new one."""
        self._journal.close()
