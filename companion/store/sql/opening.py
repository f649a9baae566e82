"""Opening a log to read it; this never creates one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from companion.errors import NoLogError
from companion.store.sql.database import Database
from companion.store.sql.migrations import is_log, migrate

__all__ = ["open_log"]


@contextmanager
def open_log(store_url: str) -> Iterator[Database]:
    """Open a log that is there already.

    A log that an older version of the package made is brought up to date. In any other
    database nothing is written. Raises SettingError if the URL is not a valid store
    address, NoLogError if there is no log yet, and StoreError if the database is
    something else or cannot be used.
    """
    with closing(Database(store_url, must_exist=True)) as database:
        if not is_log(database):
            raise NoLogError(database.name)
        migrate(database)
        yield database
