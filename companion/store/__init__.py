"""The log: a journal that loses nothing, and the database it is brought into.

Writers append records to a :class:`Journal`. A shipper (:func:`ship`) brings
them into SQLite or PostgreSQL, each once. :func:`read_predictions` and
:func:`read_calls` ask.
"""

from companion.store.address import journal_folder
from companion.store.calls import OUTCOMES, LLMCall
from companion.store.delivery import Shipper, ShipReport, ship
from companion.store.following import follow
from companion.store.journal import Journal
from companion.store.queries import read_calls, read_predictions
from companion.store.records import Prediction, Record
from companion.store.times import parse_time
from companion.store.waiting import count_waiting

__all__ = [
    "OUTCOMES",
    "Journal",
    "LLMCall",
    "Prediction",
    "Record",
    "ShipReport",
    "Shipper",
    "count_waiting",
    "follow",
    "journal_folder",
    "parse_time",
    "read_calls",
    "read_predictions",
    "ship",
]
