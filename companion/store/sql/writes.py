"""Statements of the shipper, each run in its caller's transaction."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Table, delete, select

from companion.store.records import Label, Record
from companion.store.sql.database import insert_for
from companion.store.sql.schema import LABELS, OFFSETS, RECORD_TABLES

__all__ = ["forget_offset", "insert_new", "move_offset", "read_offset"]


def insert_new(connection: Connection, records: Sequence[Record]) -> list[Record]:
    """Insert each record that is not there yet into its table; return those.

    A label takes the place of an older one that says something else. The connection
    must be in a transaction that writes.
    """
    # A record that comes twice in one batch is one record.
    groups: dict[str, dict[str, Record]] = {name: {} for name in RECORD_TABLES}
    for record in records:
        group = groups[record.table]
        held = group.setdefault(record.id, record)
        if isinstance(record, Label) and record.created_at > held.created_at:
            group[record.id] = record
    new: list[Record] = []
    # Always in the same order: PostgreSQL would see two shippers that bring the same
    # records in another order wait for each other, and end one.
    for name, group in groups.items():
        rows = [group[id_] for id_ in sorted(group)]
        ids = _insert_into(connection, RECORD_TABLES[name], rows)
        new += [group[id_] for id_ in ids]
    return new


def _insert_into(
    connection: Connection, table: Table, records: Collection[Record]
) -> Sequence[str]:
    if not records:
        return ()
    statement = insert_for(connection, table)
    if table is LABELS:
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[table.c.id],
            set_={
                name: new[name] for name in ("created_at", "label", "value", "extra")
            },
            # By time, so that labels may arrive in any order.
            where=(new.created_at > table.c.created_at) & (new.label != table.c.label),
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=[table.c.id])
    # A column that no record fills is NULL by itself; each one left out saves time.
    names = [
        name
        for name in table.columns.keys()  # noqa: SIM118 - a collection of columns
        if any(getattr(record, name) is not None for record in records)
    ]
    rows = [{name: getattr(record, name) for name in names} for record in records]
    return connection.scalars(statement.returning(table.c.id), rows).all()


def read_offset(connection: Connection, file: str) -> int:
    """Return how far a journal file has been read, in bytes; 0 if it is not known."""
    query = select(OFFSETS.c.offset).where(OFFSETS.c.file == file)
    return connection.scalar(query) or 0


def move_offset(connection: Connection, file: str, offset: int) -> None:
    """Store how far a journal file has been read, in bytes.

    This must happen in the transaction that writes the records up to there.
    """
    statement = insert_for(connection, OFFSETS).values(file=file, offset=offset)
    statement = statement.on_conflict_do_update(
        index_elements=[OFFSETS.c.file],
        # Of two shippers the slower may move it back: then records come twice,
        # which does no harm.
        set_={"offset": statement.excluded.offset},
    )
    connection.execute(statement)


def forget_offset(connection: Connection, file: str) -> None:
    """Delete what is known about a journal file."""
    connection.execute(delete(OFFSETS).where(OFFSETS.c.file == file))
