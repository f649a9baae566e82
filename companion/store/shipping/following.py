"""Ships at intervals until told to stop."""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from companion.errors import StoreError
from companion.store.journal.behind import note_offsets
from companion.store.shipping.shipper import Shipper, ShipReport

__all__ = ["follow"]

# Between two attempts while the store cannot be used.
_MAX_PAUSE_S = 30.0
_NOTE_PAUSE_S = 1.0

_logger = logging.getLogger("companion.store")


def follow(
    shipper: Shipper, *, stop: threading.Event, interval_s: float = 1.0
) -> ShipReport:
    """Ship until `stop` is set, and once more then.

    A store that cannot be used is tried again, less and less often, and logged
    once per outage. A file of the journal that cannot be read holds up no other:
    it is logged once and tried again with each shipment.

    Parameters
    ----------
    shipper : Shipper
        What ships.
    stop : threading.Event
        Set it to end.
    interval_s : float, default=1.0
        Pause between two shipments, in seconds; > 0.

    Returns
    -------
    ShipReport
        What was done in all.

    Raises
    ------
    StoreError
        If the store cannot be used for the last shipment; what it could not
        deliver stays.
    """
    total = ShipReport()
    warned: Collection[Path] = ()
    pause_s = interval_s
    is_down = False
    note = _Note(shipper)
    while not stop.is_set():
        try:
            shipper.prepare()
            report, failures = shipper.ship_readable(note.update_sometimes)
        except StoreError as err:
            if not is_down:
                _logger.warning(
                    "%s Records wait in %s until then.", err, shipper.folder
                )
            is_down = True
            pause_s = min(2 * pause_s, max(_MAX_PAUSE_S, interval_s))
        else:
            total += report
            note.update()
            warned = _warn_of(failures, warned)
            if is_down:
                _logger.warning("The log can be used again; what waited was delivered.")
            is_down = False
            pause_s = interval_s
        stop.wait(pause_s)
    report, failures = shipper.ship_readable(note.update_sometimes)
    note.update()
    _warn_of(failures, warned)
    return total + report


class _Note:
    """The note of how far the shipper is, for those who ask how much waits."""

    def __init__(self, shipper: Shipper) -> None:
        self._shipper = shipper
        self._noted: Mapping[str, int] | None = None
        self._next = float("-inf")

    def update(self) -> None:
        """Write the note if the shipper got on since the last one."""
        offsets = self._shipper.offsets
        if offsets != self._noted:
            note_offsets(self._shipper.folder, offsets)
        self._noted = offsets

    def update_sometimes(self, _n_bytes: int) -> None:
        """Write it during a shipment, which may take minutes after an outage."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _NOTE_PAUSE_S
            self.update()


def _warn_of(
    failures: Mapping[Path, str], warned: Collection[Path]
) -> Collection[Path]:
    for path, reason in failures.items():
        if path not in warned:
            _logger.warning(
                "The journal file %s cannot be read: %s. Fix its permissions; its "
                "records wait, and all other files are shipped.",
                path,
                reason,
            )
    return failures.keys()
