"""Writes the log as Parquet files, one a day and table, in folders as Hive names them.

``FOLDER/predictions/date=2026-11-25/part-0.parquet``: a reader such as pandas, DuckDB
or Spark finds the days by itself. A day is written beside its old file, which it then
replaces in one step, so that a reader sees either. JSON columns are text.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Float,
    Integer,
    Row,
    String,
    Table,
    func,
    select,
)

from companion.errors import CompanionError, ExportError
from companion.store.sql.database import Database
from companion.store.sql.queries import check_zone
from companion.store.sql.schema import RECORD_TABLES, ROLLUPS, UtcTime
from companion.system.extras import require_libraries
from companion.system.locks import take_lock

__all__ = ["EXPORTABLE", "EXPORTED_BY_DEFAULT", "ExportedDay", "export_days"]

EXPORTABLE: Mapping[str, Table] = {**RECORD_TABLES, ROLLUPS.name: ROLLUPS}
EXPORTED_BY_DEFAULT = tuple(RECORD_TABLES)

_FILE = "part-0.parquet"
# Rows are fetched in steps and written in groups; a group ends at whichever comes
# first, because one prompt may be as long as a thousand predictions.
_STEP_ROWS = 1_000
_GROUP_ROWS = 50_000
_GROUP_BYTES = 32 * 1024 * 1024
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedDay:
    """One day of one table, its rows, and whether they were written.

    They were not if the file that is there holds more: the log has been pruned since.
    """

    table: str
    day: str
    rows: int
    written: bool


def export_days(
    database: Database,
    folder: Path,
    tables: Collection[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[ExportedDay]:
    """Write the days of each table that have rows, and yield each when it is there.

    `since` and `until` are cut to whole days in UTC: from that of `since` on, and
    before that of `until`. Raises MissingExtraError without pyarrow, ExportError if the
    folder cannot be written or another export writes there, and StoreError if the log
    cannot be read.
    """
    require_libraries("`companion export`", "pyarrow", extra="tracking")
    check_zone(since=since, until=until)
    with _translated_errors(folder), _alone_in(folder):
        for name in tables:
            table = EXPORTABLE[name]
            for day in _days(database, table, since, until):
                yield _export_day(database, table, day, folder / name)


def _days(
    database: Database, table: Table, since: datetime | None, until: datetime | None
) -> Iterator[datetime]:
    """Find the days that have rows, by looking up one moment of each."""
    moment = _moment_of(table)
    start = since and _midnight(since)
    while True:
        query = select(func.min(moment))
        if start is not None:
            query = query.where(moment >= start)
        if until is not None:
            query = query.where(moment < _midnight(until))
        with database.read() as connection:
            first = connection.scalar(query)
        if first is None:
            return
        day = _midnight(first)
        yield day
        start = day + _DAY


def _export_day(
    database: Database, table: Table, day: datetime, folder: Path
) -> ExportedDay:
    file = folder / f"date={day:%Y-%m-%d}" / _FILE
    draft = file.with_name(f".{_FILE}.draft")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = _write(database, table, day, draft)
        written = rows >= _rows_in(file)
        if written:
            draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return ExportedDay(
        table=table.name, day=f"{day:%Y-%m-%d}", rows=rows, written=written
    )


def _write(database: Database, table: Table, day: datetime, draft: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    moment = _moment_of(table)
    query = (
        select(table)
        .where(moment >= day, moment < day + _DAY)
        .order_by(moment, *table.primary_key)
        .execution_options(yield_per=_STEP_ROWS)
    )
    schema = pa.schema([_field(column) for column in table.columns])
    total = 0
    with (
        draft.open("wb") as output,
        pq.ParquetWriter(output, schema, compression="zstd") as writer,
        database.read() as connection,
    ):
        steps = connection.execute(query).partitions(_STEP_ROWS)
        for group in _groups(_as_arrow(table, step, schema) for step in steps):
            writer.write_table(group)
            total += group.num_rows
    with draft.open("rb+") as file:
        os.fsync(file.fileno())  # before it takes the place of the old one
    return total


def _groups(steps: Iterable[Any]) -> Iterator[Any]:
    """Join Arrow tables to larger ones."""
    import pyarrow as pa

    held: list[Any] = []
    for step in steps:
        held.append(step)
        n_rows = sum(one.num_rows for one in held)
        if n_rows >= _GROUP_ROWS or sum(one.nbytes for one in held) >= _GROUP_BYTES:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _as_arrow(table: Table, rows: Sequence[Row[Any]], schema: Any) -> Any:
    import pyarrow as pa

    arrays = []
    columns = zip(*rows, strict=True)
    for column, field, values in zip(table.columns, schema, columns, strict=True):
        cells = map(_json_text, values) if isinstance(column.type, JSON) else values
        arrays.append(pa.array(cells, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _field(column: Column[Any]) -> Any:
    import pyarrow as pa

    # The first that fits: a subclass comes before its base.
    types: Mapping[type, Callable[[], Any]] = {
        UtcTime: lambda: pa.timestamp("us", tz="UTC"),
        JSON: pa.string,
        Float: pa.float64,
        BigInteger: pa.int64,
        Integer: pa.int64,
        String: pa.string,
    }
    made = next(make for kind, make in types.items() if isinstance(column.type, kind))
    return pa.field(column.name, made(), nullable=bool(column.nullable))


def _rows_in(file: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file).num_rows)
    except FileNotFoundError:
        return 0
    except pa.ArrowInvalid as err:
        raise ExportError(
            f"{file} is not a Parquet file: {err}. Move it away, and export again."
        ) from err


def _moment_of(table: Table) -> ColumnElement[datetime]:
    return table.c.minute if table is ROLLUPS else table.c.created_at


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep a second export out: the two would write the same drafts."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        if not take_lock(lock.fileno()):
            raise ExportError(
                f"Another `companion export` writes to {folder}. Wait for it, or give "
                "another folder with --to."
            )
        yield


@contextmanager
def _translated_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except CompanionError:
        raise
    except OSError as err:
        raise ExportError(
            f"The export to {folder} cannot be written: {err.strerror or err}. Make "
            "room or fix the folder's permissions, or give another one with --to."
        ) from err
