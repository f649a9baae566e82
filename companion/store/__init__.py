"""The log: a journal that loses nothing, and the database it is brought into.

Writers append records to a :class:`Journal`. A shipper (:func:`ship`) brings
them into SQLite or PostgreSQL, each once, and counts them per minute.
:func:`read_predictions`, :func:`read_failures` and :func:`read_calls` query the
records, :func:`read_labelled` predictions with their labels, :func:`read_rollups`
the counts.
"""

from companion.store.journal.writer import Journal
from companion.store.records import (
    OUTCOMES,
    FailedRequest,
    Label,
    LLMCall,
    ModelProfile,
    Prediction,
    Record,
)
from companion.store.shipping.following import follow
from companion.store.shipping.shipper import Shipper, ShipReport, ship
from companion.store.shipping.waiting import count_waiting
from companion.store.sql.address import journal_folder
from companion.store.sql.labels import LabelledPrediction, read_labelled
from companion.store.sql.queries import read_calls, read_failures, read_predictions
from companion.store.sql.rollup_queries import Rollup, read_rollups
from companion.store.times import parse_time

__all__ = [
    "OUTCOMES",
    "FailedRequest",
    "Journal",
    "LLMCall",
    "Label",
    "LabelledPrediction",
    "ModelProfile",
    "Prediction",
    "Record",
    "Rollup",
    "ShipReport",
    "Shipper",
    "count_waiting",
    "follow",
    "journal_folder",
    "parse_time",
    "read_calls",
    "read_failures",
    "read_labelled",
    "read_predictions",
    "read_rollups",
    "ship",
]
