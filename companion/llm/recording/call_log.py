"""Writes the calls of this process to the journal, and never fails.

What watches a call must not break it: a call that cannot be written is counted
and named in the log of the process, once an outage. Neither says what was in
the prompt.
"""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from companion.errors import JournalError
from companion.settings import SETTINGS
from companion.store import Journal, LLMCall, journal_folder

__all__ = ["CallLog"]

_logger = logging.getLogger("companion.llm")


class CallLog:
    """The log of calls to language models, as one process writes it.

    Parameters
    ----------
    store : str, optional
        Address of the store; by default ``COMPANION_STORE``, and without that
        ``sqlite:///companion.db``.
    journal : str or Path, optional
        Folder of the journal; by default the one that belongs to `store`, or,
        where that was not given either, ``COMPANION_JOURNAL``.

    Attributes
    ----------
    store : str
        Address of the store.
    folder : Path
        Folder of the journal.
    lost : int
        Calls that could not be written since the log was made.

    Raises
    ------
    SettingError
        If the address is none.
    """

    def __init__(
        self, store: str | None = None, journal: str | Path | None = None
    ) -> None:
        if store is None:
            store = _setting("store") or ""
            journal = journal or _setting("journal")
        self.store = store
        self.lost = 0
        self._journal = Journal(journal_folder(store, journal))
        self._failing = False
        self._lock = threading.Lock()

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
        with self._lock:
            self._failing = False
        return record

    def note_loss(self, err: Exception) -> None:
        """Count a call that could not be written, and say so once an outage.

        Parameters
        ----------
        err : Exception
            Why it could not.
        """
        with self._lock:
            is_news, self._failing = not self._failing, True
            self.lost += 1
        if is_news:
            # Other errors may quote what people wrote.
            reason = err if isinstance(err, JournalError) else type(err).__name__
            _logger.error(
                "Calls to language models are not recorded from now on: %s", reason
            )

    def close(self) -> None:
        """Let go of the journal's file; a later call begins a new one."""
        self._journal.close()


def _setting(name: str) -> str | None:
    setting = SETTINGS[name]
    return os.environ.get(setting.variable) or setting.default
