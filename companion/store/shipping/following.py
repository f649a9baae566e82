"""Ships at intervals until told to stop."""

import logging
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from companion.errors import StoreError
from companion.store.shipping.shipper import Shipper, ShipReport

__all__ = ["follow"]

# Between two attempts while the store cannot be used.
_MAX_PAUSE_S = 30.0

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
    while not stop.is_set():
        try:
            shipper.prepare()
            report, failures = shipper.ship_readable()
        except StoreError as err:
            if not is_down:
                _logger.warning(
                    "%s Records wait in %s until then.", err, shipper.folder
                )
            is_down = True
            pause_s = min(2 * pause_s, max(_MAX_PAUSE_S, interval_s))
        else:
            total += report
            warned = _warn_of(failures, warned)
            if is_down:
                _logger.warning("The log can be used again; what waited was delivered.")
            is_down = False
            pause_s = interval_s
        stop.wait(pause_s)
    report, failures = shipper.ship_readable()
    _warn_of(failures, warned)
    return total + report


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
