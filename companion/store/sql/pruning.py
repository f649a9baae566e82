"""Removes what is older than a moment, in steps that lock the log only briefly."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, tuple_

from companion.store.sql.database import Database
from companion.store.sql.queries import check_zone
from companion.store.sql.schema import (
    FAILED_REQUESTS,
    LABELS,
    LLM_CALLS,
    PREDICTIONS,
    ROLLUPS,
)

__all__ = ["PRUNABLE", "PRUNED_BY_DEFAULT", "count_older", "prune"]

# A training profile is needed for as long as its model serves, and there are few.
PRUNABLE: Mapping[str, Table] = {
    table.name: table
    for table in (PREDICTIONS, LLM_CALLS, FAILED_REQUESTS, LABELS, ROLLUPS)
}
# Roll-ups are small, and what is left of records that have been removed.
PRUNED_BY_DEFAULT = tuple(name for name in PRUNABLE if name != ROLLUPS.name)

# One transaction removes so many: a few hundredths of a second.
_BATCH_ROWS = 1_000

Condition = ColumnElement[bool]


def count_older(
    database: Database, before: datetime, tables: Collection[str]
) -> dict[str, int]:
    """Count the rows of each table that are older than a moment."""
    check_zone(before=before)
    counts = {}
    with database.read() as connection:
        for name in tables:
            table = PRUNABLE[name]
            query = select(func.count()).select_from(table)
            conditions = _conditions(connection, table, before)
            counts[name] = sum(
                connection.scalar(query.where(condition)) or 0
                for condition in conditions
            )
    return counts


def prune(
    database: Database,
    before: datetime,
    table: str,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Remove the rows of a table that are older than a moment; return how many.

    `progress` is called after each transaction with the number of rows it removed.
    """
    check_zone(before=before)
    with database.read() as connection:
        conditions = _conditions(connection, PRUNABLE[table], before)
    removed = 0
    for condition in conditions:
        while n_rows := _remove_some(database, PRUNABLE[table], condition):
            removed += n_rows
            if progress is not None:
                progress(n_rows)
    return removed


def _conditions(
    connection: Connection, table: Table, before: datetime
) -> list[Condition]:
    """Say which rows are older, so that an index finds them."""
    if table is not ROLLUPS:
        return [table.c.created_at < before]
    metrics = connection.scalars(select(ROLLUPS.c.metric).distinct())
    return [(ROLLUPS.c.metric == one) & (ROLLUPS.c.minute < before) for one in metrics]


def _remove_some(database: Database, table: Table, condition: Condition) -> int:
    started = time.monotonic()
    key = list(table.primary_key)
    some = select(*key).where(condition).limit(_BATCH_ROWS)
    with database.write() as connection:
        done = connection.execute(delete(table).where(tuple_(*key).in_(some)))
    if database.is_sqlite and done.rowcount:
        # SQLite has no queue: a shipper that waits looks only now and then. A pause
        # brought its longest wait from 0.46 s to 0.08 s.
        time.sleep(time.monotonic() - started)
    return done.rowcount
