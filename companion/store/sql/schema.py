"""The tables of the log as this version of the package reads and writes them.

`companion.store.sql.migrations` brings an older database there; a test compares
the two.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from companion.store.times import format_time, read_time

__all__ = [
    "FAILED_REQUESTS",
    "LABELS",
    "LLM_CALLS",
    "METADATA",
    "MODEL_PROFILES",
    "OFFSETS",
    "PREDICTIONS",
    "RECORD_TABLES",
    "ROLLUPS",
    "UtcTime",
]


class UtcTime(TypeDecorator[datetime]):
    """A moment: text of one width in SQLite, a timestamp with zone elsewhere."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | str | None:
        """Turn a moment into what the database takes."""
        if value is None or dialect.name != "sqlite":
            return value
        return format_time(value.astimezone(UTC))

    def process_result_value(
        self, value: datetime | str | None, dialect: Dialect
    ) -> datetime | None:
        """Turn what the database gives into a moment in UTC."""
        del dialect  # the type of the value shows how it was stored
        if isinstance(value, str):
            return read_time(value)
        return None if value is None else value.astimezone(UTC)


METADATA = MetaData()

PREDICTIONS = Table(
    "predictions",
    METADATA,
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
    Column("outputs", JSON(none_as_null=True)),
    Column("params", JSON(none_as_null=True)),
    Column("trace_id", String),
    Column("extra", JSON(none_as_null=True)),
    Index("predictions_by_time", "created_at"),
    Index("predictions_by_model", "model_name", "model_version", "created_at"),
)

LLM_CALLS = Table(
    "llm_calls",
    METADATA,
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
    Column("extra", JSON(none_as_null=True)),
    Index("llm_calls_by_time", "created_at"),
    Index("llm_calls_by_model", "model", "created_at"),
)

FAILED_REQUESTS = Table(
    "failed_requests",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("status", Integer, nullable=False),
    Column("problem", String, nullable=False),
    Column("reason", String),
    Column("model_name", String),
    Column("model_version", String),
    Column("latency_ms", Float(53)),
    Column("trace_id", String),
    Column("extra", JSON(none_as_null=True)),
    Index("failed_requests_by_time", "created_at"),
)

MODEL_PROFILES = Table(
    "model_profiles",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("model_name", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("columns", JSON, nullable=False),
    Column("extra", JSON(none_as_null=True)),
    Index("model_profiles_by_model", "model_name", "model_version", "created_at"),
)

# The label of a prediction has its id; the one given last is kept.
LABELS = Table(
    "labels",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("label", String, nullable=False),
    Column("value", Float(53)),
    Column("extra", JSON(none_as_null=True)),
    Index("labels_by_time", "created_at"),
)

# Counts per minute, written in the transaction that writes the records; what the
# columns mean is in companion.store.rollups.counting. The metric comes first in the
# key: a question about a few metrics reads nothing of the others, however many
# columns a model has.
ROLLUPS = Table(
    "rollups",
    METADATA,
    Column("metric", String, primary_key=True),
    Column("minute", UtcTime, primary_key=True),
    Column("model_name", String, primary_key=True),
    Column("model_version", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("bin", String, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("total", Float(53), nullable=False),
    sqlite_with_rowid=False,  # the key is all there is to look up
)

# How many bytes of each journal file are in the tables above. It moves in the
# transaction that writes the records, so neither can be there without the other.
OFFSETS = Table(
    "journal_offsets",
    METADATA,
    Column("file", String, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

MIGRATIONS_DONE = Table(
    "schema_migrations",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("applied_at", UtcTime, nullable=False),
)

# Name in a record -> the table it goes to; the keys are those of RECORD_TYPES.
RECORD_TABLES: Mapping[str, Table] = {
    PREDICTIONS.name: PREDICTIONS,
    LLM_CALLS.name: LLM_CALLS,
    FAILED_REQUESTS.name: FAILED_REQUESTS,
    MODEL_PROFILES.name: MODEL_PROFILES,
    LABELS.name: LABELS,
}
