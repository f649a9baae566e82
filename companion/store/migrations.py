"""The steps that make a database of any age the one of `companion.store.schema`.

`MIGRATIONS` only grows. A step that was released is never changed: it describes
the tables as they were then, so nothing here uses today's schema.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    MetaData,
    String,
    Table,
    func,
    inspect,
    select,
)

from companion.errors import StoreError
from companion.store.database import Database
from companion.store.schema import MIGRATIONS_DONE, UtcTime

__all__ = ["MIGRATIONS", "Migration", "migrate"]

Migration = Callable[[Connection], None]

# Any number, as long as every process takes the same one.
_POSTGRESQL_LOCK = 7_203_115


def _begin_with_predictions(connection: Connection) -> None:
    metadata = MetaData()
    Table(
        "predictions",
        metadata,
        Column("id", String, primary_key=True),
        Column("request_id", String, nullable=False),
        Column("created_at", UtcTime, nullable=False),
        Column("model_name", String, nullable=False),
        Column("model_version", String, nullable=False),
        Column("inputs", JSON, nullable=False),
        Column("value", Float(53), nullable=False),
        Column("latency_ms", Float(53), nullable=False),
        Index("predictions_by_time", "created_at"),
        Index("predictions_by_model", "model_name", "model_version", "created_at"),
    )
    Table(
        "journal_offsets",
        metadata,
        Column("file", String, primary_key=True),
        Column("offset", BigInteger, nullable=False),
    )
    metadata.create_all(connection, checkfirst=False)


# The number of a step is its place in the list, from 1.
MIGRATIONS: Sequence[Migration] = (_begin_with_predictions,)


def migrate(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a database up to date; one that is so already is only read.

    Parameters
    ----------
    database : Database
        Where to work. Several processes may do it at once.
    migrations : sequence of callable, default=MIGRATIONS
        All steps; those that the database has had are passed over.

    Raises
    ------
    StoreError
        If a newer version of the package made the database, or it cannot be
        written.
    """
    with database.read() as connection:
        if _last_number(connection, database, migrations) == len(migrations):
            return
    if database.is_sqlite:
        database.use_wal()
    with database.write() as connection:
        if not database.is_sqlite:
            # SQLite's transaction is alone already.
            connection.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        MIGRATIONS_DONE.create(connection, checkfirst=True)
        last = _last_number(connection, database, migrations)
        for number, migration in enumerate(migrations[last:], start=last + 1):
            migration(connection)
            connection.execute(
                MIGRATIONS_DONE.insert().values(
                    number=number,
                    name=migration.__name__.strip("_"),
                    applied_at=datetime.now(UTC),
                )
            )


def _last_number(
    connection: Connection, database: Database, migrations: Sequence[Migration]
) -> int:
    if not inspect(connection).has_table(MIGRATIONS_DONE.name):
        return 0
    last = connection.scalar(select(func.max(MIGRATIONS_DONE.c.number))) or 0
    if last > len(migrations):
        raise StoreError(
            f"The log {database.name} was made by a newer companion: its schema has "
            f"number {last}, this version knows up to {len(migrations)}. Upgrade with "
            "`pip install --upgrade mlops-companion`."
        )
    return last
