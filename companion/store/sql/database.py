"""Connections and transactions for SQLite and PostgreSQL, with readable errors."""

import importlib
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Pool,
    QueuePool,
    Table,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from companion.errors import MissingExtraError, NoLogError, StoreError
from companion.store.sql.address import parse_store_url, public_name
from companion.system.private import create_private_file

__all__ = ["Database", "insert_for"]

# How long a statement waits for another program's transaction.
_BUSY_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 10
_BEGIN = "companion_begin"

_SQLITE_MESSAGES: dict[int, str] = {
    sqlite3.SQLITE_BUSY: (
        "another program has kept {file} locked for {busy:.0f} s. Wait for it or end it"
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "{file} cannot be opened. Check the permissions of the file and its folder"
    ),
    sqlite3.SQLITE_CORRUPT: (
        "{file} is damaged. Move it away and keep it: `sqlite3 {file} .recover` may "
        "read it"
    ),
    sqlite3.SQLITE_FULL: "the disk that holds {file} is full. Make room",
    sqlite3.SQLITE_NOTADB: (
        "{file} is not an SQLite database. Move it away or give another --store"
    ),
    sqlite3.SQLITE_PERM: "{file} may not be read. Change its permissions",
    sqlite3.SQLITE_READONLY: (
        "{file}, its -wal file or their folder is read-only. Change the permissions or "
        "give another --store"
    ),
}


class Database:
    """A store's database; `name` is its address as messages may show it.

    With `must_exist` an SQLite file that is not there raises NoLogError instead of
    being made. A URL that is no store address raises SettingError, a missing folder
    StoreError, and a missing driver of PostgreSQL MissingExtraError.
    """

    def __init__(self, store_url: str, *, must_exist: bool = False) -> None:
        self._url = parse_store_url(store_url)
        self.name = public_name(self._url)
        if self.is_sqlite:
            _check_file(Path(self._url.database or ""), must_exist=must_exist)
            self._engine = _sqlite_engine(self._url)
        else:
            self._engine = _postgresql_engine(self._url)
        self._writer = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        _databases.add(self)
        # Closes the connections of an object dropped without close(). Not at exit: a
        # forked child must leave the parent's SQLite connection alone.
        weakref.finalize(self, self._engine.dispose).atexit = False

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an SQLite file; else it is PostgreSQL."""
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection whose transaction is rolled back at the end.

        Each error of the database, also inside the block, becomes a StoreError.
        """
        with self._translated_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed when the block ends well.

        In SQLite it holds the right to write from the start: a transaction that first
        reads could not wait for another writer later. Each error of the database, also
        inside the block, becomes a StoreError.
        """
        with self._translated_errors(), self._writer.begin() as connection:
            yield connection

    def use_wal(self) -> None:
        """Switch SQLite to WAL for good: readers and a writer then work at once.

        Raises StoreError if the file cannot be written.
        """
        with self._translated_errors():
            connection = self._engine.raw_connection()
            try:
                _switch_to_wal(connection.cursor())
            finally:
                connection.close()

    def vacuum(self, tables: Iterable[str]) -> None:
        """Free the space of removed rows.

        An SQLite file becomes smaller. PostgreSQL keeps the space for new rows of
        these tables, which it also does by itself in time.
        """
        with self._translated_errors():
            if self.is_sqlite:
                connection = self._engine.raw_connection()
                try:
                    connection.cursor().execute("VACUUM")
                    # It wrote the new file into the -wal file.
                    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    connection.close()
                return
            outside = {"isolation_level": "AUTOCOMMIT"}  # of a transaction
            with self._engine.connect().execution_options(**outside) as connected:
                for table in tables:
                    connected.exec_driver_sql(f"VACUUM (ANALYZE) {table}")

    def free_bytes(self) -> int:
        """Return how much of an SQLite file is free for new rows; else 0."""
        if not self.is_sqlite:
            return 0
        with self.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar()
            size = connection.exec_driver_sql("PRAGMA page_size").scalar()
        return int(pages or 0) * int(size or 0)

    def release(self) -> None:
        """Close an SQLite file until the next transaction.

        A connection that is kept would go on writing into a file that has been
        deleted or replaced meanwhile, without an error.
        """
        if self.is_sqlite:
            self._engine.dispose()

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as err:
            cause = err.orig if isinstance(err, DBAPIError) else err
            raise StoreError(self._message(cause)) from err

    def _leave_to_parent(self) -> None:
        """Start afresh after a fork: the connections are the parent's."""
        # Kept, for to close an SQLite connection that was opened before the fork is
        # as harmful as to use it. https://www.sqlite.org/howtocorrupt.html, 2.6
        _pools_of_parents.append(self._engine.pool)
        self._engine.dispose(close=False)

    def _message(self, cause: BaseException | None) -> str:
        """Return what is wrong, without the statement: it holds people's data."""
        file = self._url.database
        code = getattr(cause, "sqlite_errorcode", -1)
        if code >= 0 and (template := _SQLITE_MESSAGES.get(code & 0xFF)):
            reason = template.format(file=file, busy=_BUSY_TIMEOUT_S)
        else:
            # The first line: PostgreSQL quotes the data in those that follow.
            reason = (str(cause).splitlines() or [""])[0].rstrip(". ")
            if not self.is_sqlite:
                reason += ". Check that the server runs and that the address is right"
        return f"The log {self.name} cannot be used: {reason}."


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_pools_of_parents: list[Pool] = []


def _leave_to_parents() -> None:
    for one in list(_databases):
        one._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parents)


def insert_for(connection: Connection, table: Table) -> Any:
    """Start an INSERT that supports ON CONFLICT, in the connection's dialect."""
    inserts: dict[str, Callable[[Table], Any]] = {
        "postgresql": postgresql.insert,
        "sqlite": sqlite.insert,
    }
    return inserts[connection.dialect.name](table)


def _check_file(file: Path, *, must_exist: bool) -> None:
    if must_exist and not file.exists():
        raise NoLogError(file)
    if not file.parent.is_dir():
        raise StoreError(
            f"The folder {file.parent} for the log {file.name} does not exist. "
            "Make it, or give another --store."
        )


def _sqlite_engine(url: URL) -> Engine:
    if sqlite3.sqlite_version_info < (3, 35):
        raise StoreError(
            f"This Python carries SQLite {sqlite3.sqlite_version}; the log needs 3.35 "
            "or newer. Use a newer Python, or PostgreSQL."
        )
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        connect_args={"timeout": _BUSY_TIMEOUT_S},
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def keep_private(*_: object) -> None:
        # SQLite would let everyone read a new file. Its -wal and -shm files get the
        # permissions of this one.
        create_private_file(Path(url.database or ""))

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        # The driver would begin transactions by its own rules; see "begin".
        connection.isolation_level = None
        # A journal file is deleted once its records are committed, so a commit
        # must be on the disk. There is one commit per batch: it costs little.
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(options.get(_BEGIN, "BEGIN"))

    return engine


def _switch_to_wal(cursor: DBAPICursor) -> None:
    # Of several processes that switch at once SQLite refuses all but one without
    # waiting; by the next attempt the file is switched.
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as err:
            if not _is_busy(err) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _is_busy(err: sqlite3.Error) -> bool:
    return err.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _postgresql_engine(url: URL) -> Engine:
    try:
        importlib.import_module("psycopg")
    except ImportError as err:
        raise MissingExtraError(
            "A log in PostgreSQL", library="psycopg", extra="postgres"
        ) from err
    return create_engine(
        url.update_query_dict(
            {"connect_timeout": str(_CONNECT_TIMEOUT_S), **url.query}
        ),
        pool_pre_ping=True,
        pool_size=1,
        hide_parameters=True,
    )
