"""Writes the calls of this process to the journal, and never fails.

What watches a call must not break it: a call that cannot be written is counted
and named in the log of the process, once an outage. Neither says what was in
the prompt.
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
    """The log of calls to language models, as one process writes it.

    Parameters
    ----------
    store, journal
        As in `companion.settings.resolve_store`.

    Attributes
    ----------
    store : str
        Address of the store.
    folder : Path
        Folder of the journal.

    Raises
    ------
    SettingError
        If the URL is not a valid store address.
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
        """Write one call.

        Parameters
        ----------
        make_record : callable
            Makes the record; what it raises is a loss as well.

        Returns
        -------
        LLMCall or None
            The record that was written; None if it was lost.
        """
        try:
            record = make_record()
            self._journal.append([record])
        except Exception as err:  # noqa: BLE001 - what watches must not break
            self.note_loss(err)
            return None
        self._losses.note_success()
        return record

    def note_loss(self, err: Exception) -> None:
        """Count a call that could not be written, and say so once an outage.

        Parameters
        ----------
        err : Exception
            Why it could not.
        """
        self._losses.note_loss(err)

    def close(self) -> None:
        """Let go of the journal's file; a later call begins a new one."""
        self._journal.close()
