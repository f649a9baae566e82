"""Shipping again and again until told to stop."""

import logging
import threading

from companion.errors import StoreError
from companion.store.delivery import Shipper, ShipReport

__all__ = ["follow"]

# The longest pause between two attempts while the store cannot be used.
_LONGEST_PAUSE_S = 30.0

_logger = logging.getLogger("companion.store")


def follow(
    shipper: Shipper, *, stop: threading.Event, interval_s: float = 1.0
) -> ShipReport:
    """Ship until `stop` is set, and once more then.

    A store that cannot be used is tried again, less and less often, and logged
    once per outage.

    Parameters
    ----------
    shipper : Shipper
        What ships.
    stop : threading.Event
        Set by whoever wants the end.
    interval_s : float, default=1.0
        Pause between two shipments, in seconds; > 0.

    Returns
    -------
    ShipReport
        What was done in all.

    Raises
    ------
    StoreError
        If the last shipment fails; what it could not deliver stays.
    """
    total = ShipReport()
    pause_s = interval_s
    out_of_order = False
    while not stop.is_set():
        try:
            shipper.prepare()
            total += shipper.ship()
        except StoreError as err:
            if not out_of_order:
                _logger.warning(
                    "%s Records wait in %s until it can.", err, shipper.folder
                )
            out_of_order = True
            pause_s = min(2 * pause_s, max(_LONGEST_PAUSE_S, interval_s))
        else:
            if out_of_order:
                _logger.warning("The log can be used again; what waited is in it.")
            out_of_order = False
            pause_s = interval_s
        stop.wait(pause_s)
    return total + shipper.ship()
