"""Statements that add to the roll-ups, each run in the shipper's transaction.

Everything is added to what is there, so that the counts of several shippers, on
several machines, make one sum. Rows are written in the order of their key: two
shippers that meet wait for each other, and neither waits in a circle.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from companion.contract.profile import read_profile
from companion.errors import ModelError
from companion.store.records import Prediction, Record
from companion.store.rollups.counting import (
    OTHER_LABELS,
    Binning,
    Cell,
    Counts,
    Profiles,
    count_records,
    make_binning,
)
from companion.store.sql.database import insert_for
from companion.store.sql.schema import MODEL_PROFILES, ROLLUPS

__all__ = ["MAX_LABELS", "RollupWriter"]

# So many labels are counted one by one for a model and minute, the rest together.
MAX_LABELS = 50
_logger = logging.getLogger("companion.store")

_KEY = [column.name for column in ROLLUPS.primary_key]


class RollupWriter:
    """Adds records to the roll-ups; keeps the training profiles that it has read."""

    def __init__(self) -> None:
        self._binnings: dict[str, Binning] = {}

    def add(self, connection: Connection, records: Sequence[Record]) -> None:
        """Count records that are new in the database.

        This must happen in the transaction that writes them.
        """
        counts = count_records(records, self._profiles(connection, records))
        labels = [cell for cell in counts if cell.metric == "label"]
        label_counts = {cell: counts.pop(cell) for cell in labels}
        _add(connection, counts)
        # Now this transaction holds the rows of these models and minutes, so that
        # nobody else adds a label to them meanwhile.
        _add(connection, _limit_labels(connection, label_counts))

    def _profiles(self, connection: Connection, records: Iterable[Record]) -> Profiles:
        """Read the newest training profile of each model that predicted."""
        names = {one.model_name for one in records if isinstance(one, Prediction)}
        if not names:
            return {}
        columns = MODEL_PROFILES.c
        query = (
            select(columns.model_name, columns.model_version, columns.id)
            .where(columns.model_name.in_(names))
            .order_by(columns.created_at, columns.id)
        )
        newest = {
            (name, version): id_ for name, version, id_ in connection.execute(query)
        }
        self._read_binnings(connection, set(newest.values()) - self._binnings.keys())
        return {model: self._binnings[id_] for model, id_ in newest.items()}

    def _read_binnings(self, connection: Connection, ids: set[str]) -> None:
        if ids:
            query = select(MODEL_PROFILES.c.id, MODEL_PROFILES.c["columns"])
            rows = connection.execute(query.where(MODEL_PROFILES.c.id.in_(ids)))
            self._binnings |= {id_: _read_binning(profile) for id_, profile in rows}


def _read_binning(profile: object) -> Binning:
    try:
        return make_binning(read_profile(profile))
    except ModelError as err:
        # Another version may have written it; the records must come in all the same.
        _logger.warning("Inputs are not counted by a training profile: %s", err)
        return ()


def _add(connection: Connection, counts: Counts) -> None:
    if not counts:
        return
    statement = insert_for(connection, ROLLUPS)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={"n": ROLLUPS.c.n + new.n, "total": ROLLUPS.c.total + new.total},
    )
    rows = [
        {**cell._asdict(), "n": n, "total": total}
        for cell, (n, total) in sorted(counts.items())
    ]
    connection.execute(statement, rows)


def _limit_labels(connection: Connection, labels: Counts) -> Counts:
    """Count labels beyond the limit of their model and minute together."""
    limited: Counts = {}
    if not labels:
        return limited
    known = _known_labels(connection, labels)
    for cell, (n, total) in sorted(labels.items()):
        seen = known[cell.minute, cell.model_name, cell.model_version]
        if len(seen) < MAX_LABELS:
            seen.add(cell.bin)
        counted = cell if cell.bin in seen else cell._replace(bin=OTHER_LABELS)
        n_before, total_before = limited.get(counted, (0, 0.0))
        limited[counted] = (n_before + n, total_before + total)
    return limited


def _known_labels(
    connection: Connection, labels: Iterable[Cell]
) -> dict[tuple[datetime, str, str], set[str]]:
    columns = ROLLUPS.c
    query = select(
        columns.minute, columns.model_name, columns.model_version, columns.bin
    ).where(
        columns.metric == "label",
        columns.minute.in_({cell.minute for cell in labels}),
        columns.model_name.in_({cell.model_name for cell in labels}),
        columns.bin != OTHER_LABELS,
    )
    known = defaultdict(set)
    for minute, name, version, label in connection.execute(query):
        known[minute, name, version].add(label)
    return known
