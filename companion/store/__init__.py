"""The log: a journal that loses nothing, and the database it is brought into.

Writers append records to a :class:`Journal`. A shipper brings them into SQLite
or PostgreSQL, each once.
"""

from companion.store.address import journal_folder
from companion.store.journal import Journal
from companion.store.records import Prediction, Record

__all__ = ["Journal", "Prediction", "Record", "journal_folder"]
