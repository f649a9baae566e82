"""Opening a log to read it; this never creates one."""

from collections.abc import Iterator
from contextlib import contextmanager

from companion.errors import NoLogError
from companion.store.sql.database import Database
from companion.store.sql.migrations import is_log, migrate

__all__ = ["open_log"]


@contextmanager
def open_log(store_url: str) -> Iterator[Database]:
    """Open a log that is there already.

    A log that an older version of the package made is brought up to date. In
    any other database nothing is written.

    Parameters
    ----------
    store_url : str
        Address of the store.

    Yields
    ------
    Database
        It holds the tables of `companion.store.sql.schema`.

    Raises
    ------
    SettingError
        If the URL is not a valid store address.
    NoLogError
        If there is no log yet.
    StoreError
        If the database is something else, or cannot be used.
    """
    database = Database(store_url, must_exist=True)
    try:
        if not is_log(database):
            raise NoLogError(database.name)
        migrate(database)
        yield database
    finally:
        database.close()
