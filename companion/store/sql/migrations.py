"""The steps that make a database of any age the one of `companion.store.sql.schema`.

`MIGRATIONS` only grows. A step that was released is never changed: it describes
the tables as they were then, and uses none of today's. Two things of the schema
never change and are used here: how a moment is kept, and the table of the steps
that a database has had.
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
    Integer,
    MetaData,
    String,
    Table,
    func,
    inspect,
    select,
    text,
)

from companion.errors import StoreError
from companion.store.sql.database import Database
from companion.store.sql.schema import MIGRATIONS_DONE, UtcTime

__all__ = ["MIGRATIONS", "Migration", "is_log", "migrate"]

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


def _add_llm_calls(connection: Connection) -> None:
    calls = Table(
        "llm_calls",
        MetaData(),
        Column("id", String, primary_key=True),
        Column("created_at", UtcTime, nullable=False),
        Column("model", String, nullable=False),
        Column("prompt", JSON, nullable=False),
        Column("completion", String, nullable=False),
        Column("outcome", String, nullable=False),
        Column("input_tokens", BigInteger),
        Column("cached_tokens", BigInteger),
        Column("output_tokens", BigInteger),
        Column("latency_ms", Float(53)),
        Column("first_token_ms", Float(53)),
        Column("finish_reason", String),
        Column("error", String),
        Index("llm_calls_by_time", "created_at"),
        Index("llm_calls_by_model", "model", "created_at"),
    )
    calls.create(connection)


def _add_extra(connection: Connection) -> None:
    # The type has this name in both databases.
    connection.execute(text("ALTER TABLE predictions ADD COLUMN extra JSON"))
    connection.execute(text("ALTER TABLE llm_calls ADD COLUMN extra JSON"))


def _add_other_answers(connection: Connection) -> None:
    """Let a prediction be more than one number."""
    new = (
        ("label", "VARCHAR"),
        ("score", "DOUBLE PRECISION"),
        ("outputs", "JSON"),
        ("params", "JSON"),
        ("trace_id", "VARCHAR"),
    )
    if connection.dialect.name == "sqlite":
        _rebuild_predictions(connection)
    else:
        connection.execute(
            text("ALTER TABLE predictions ALTER COLUMN value DROP NOT NULL")
        )
        for name, kind in new:
            connection.execute(
                text(f"ALTER TABLE predictions ADD COLUMN {name} {kind}")
            )


def _rebuild_predictions(connection: Connection) -> None:
    """Copy the table: SQLite cannot take back that a column is never NULL."""
    old = (
        "id, request_id, created_at, model_name, model_version, inputs, value, "
        "latency_ms, extra"
    )
    for statement in (
        "DROP INDEX predictions_by_time",
        "DROP INDEX predictions_by_model",
        "ALTER TABLE predictions RENAME TO predictions_of_step_3",
    ):
        connection.execute(text(statement))
    Table(
        "predictions",
        MetaData(),
        Column("id", String, primary_key=True),
        Column("request_id", String, nullable=False),
        Column("created_at", UtcTime, nullable=False),
        Column("model_name", String, nullable=False),
        Column("model_version", String, nullable=False),
        Column("inputs", JSON, nullable=False),
        Column("value", Float(53)),
        Column("latency_ms", Float(53), nullable=False),
        Column("label", String),
        Column("score", Float(53)),
        Column("outputs", JSON),
        Column("params", JSON),
        Column("trace_id", String),
        Column("extra", JSON),
        Index("predictions_by_time", "created_at"),
        Index("predictions_by_model", "model_name", "model_version", "created_at"),
    ).create(connection)
    connection.execute(
        text(
            f"INSERT INTO predictions ({old}) SELECT {old} FROM predictions_of_step_3"  # noqa: S608 - names of columns
        )
    )
    connection.execute(text("DROP TABLE predictions_of_step_3"))


def _add_failed_requests_and_profiles(connection: Connection) -> None:
    metadata = MetaData()
    Table(
        "failed_requests",
        metadata,
        Column("id", String, primary_key=True),
        Column("created_at", UtcTime, nullable=False),
        Column("status", Integer, nullable=False),
        Column("problem", String, nullable=False),
        Column("reason", String),
        Column("model_name", String),
        Column("model_version", String),
        Column("latency_ms", Float(53)),
        Column("trace_id", String),
        Column("extra", JSON),
        Index("failed_requests_by_time", "created_at"),
    )
    Table(
        "model_profiles",
        metadata,
        Column("id", String, primary_key=True),
        Column("created_at", UtcTime, nullable=False),
        Column("model_name", String, nullable=False),
        Column("model_version", String, nullable=False),
        Column("columns", JSON, nullable=False),
        Column("extra", JSON),
        Index("model_profiles_by_model", "model_name", "model_version", "created_at"),
    )
    metadata.create_all(connection, checkfirst=False)


def _add_rollups(connection: Connection) -> None:
    Table(
        "rollups",
        MetaData(),
        Column("metric", String, primary_key=True),
        Column("minute", UtcTime, primary_key=True),
        Column("model_name", String, primary_key=True),
        Column("model_version", String, primary_key=True),
        Column("field", String, primary_key=True),
        Column("bin", String, primary_key=True),
        Column("n", BigInteger, nullable=False),
        Column("total", Float(53), nullable=False),
        sqlite_with_rowid=False,
    ).create(connection)


def _add_labels(connection: Connection) -> None:
    Table(
        "labels",
        MetaData(),
        Column("id", String, primary_key=True),
        Column("created_at", UtcTime, nullable=False),
        Column("label", String, nullable=False),
        Column("value", Float(53)),
        Column("extra", JSON),
        Index("labels_by_time", "created_at"),
    ).create(connection)


# The number of a step is its place in the list, from 1.
MIGRATIONS: Sequence[Migration] = (
    _begin_with_predictions,
    _add_llm_calls,
    _add_extra,
    _add_other_answers,
    _add_failed_requests_and_profiles,
    _add_rollups,
    _add_labels,
)


def migrate(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a database up to date; a current one is only read.

    Several processes may do it at once; steps that the database has had are skipped.
    Raises StoreError if a newer version of the package made the database, or it cannot
    be written.
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


def is_log(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> bool:
    """Tell whether a database holds a log; it is only read.

    A reader may bring a log up to date with `migrate`, but must not create one in a
    database that is something else. False means that the database is still empty.
    Raises StoreError if it is something else or a newer log, or cannot be read.
    """
    with database.read() as connection:
        inspector = inspect(connection)
        if not inspector.get_table_names():
            return False
        if _has_migrations_table(connection) and _last_number(
            connection, database, migrations
        ):
            return True
    raise StoreError(
        f"{database.name} is not a log of companion: it holds other tables. Give the "
        "log's address with --store or COMPANION_STORE."
    )


def _has_migrations_table(connection: Connection) -> bool:
    """Tell our table of steps from one of another program with its name."""
    inspector = inspect(connection)
    if not inspector.has_table(MIGRATIONS_DONE.name):
        return False
    names = {column["name"] for column in inspector.get_columns(MIGRATIONS_DONE.name)}
    return names == set(MIGRATIONS_DONE.columns.keys())


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
