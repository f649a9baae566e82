"""Labels: loaded with an account of what was new, counted, joined with predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from companion.errors import SettingError
from companion.store.records import Label, Prediction
from companion.store.sql.database import Database
from companion.store.sql.opening import open_log
from companion.store.sql.queries import check_zone
from companion.store.sql.schema import LABELS, PREDICTIONS
from companion.store.sql.writes import insert_new

__all__ = [
    "LabelCounts",
    "LabelledPrediction",
    "LoadReport",
    "count_labels",
    "load_labels",
    "read_labelled",
]

_MOMENT = timedelta(microseconds=1)  # the least by which times in the log differ


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What loading some labels did.

    Attributes
    ----------
    new : int
        Labels of predictions that had none.
    same : int
        Labels that were there already; they changed nothing.
    corrected : int
        Labels that took the place of another one.
    unknown : int
        How many of all these belong to no prediction in the log.
    """

    new: int = 0
    same: int = 0
    corrected: int = 0
    unknown: int = 0

    def __add__(self, other: "LoadReport") -> "LoadReport":
        return LoadReport(
            new=self.new + other.new,
            same=self.same + other.same,
            corrected=self.corrected + other.corrected,
            unknown=self.unknown + other.unknown,
        )


class LabelCounts(NamedTuple):
    """How many labels and predictions a log has, and how many of them are pairs."""

    labels: int
    predictions: int
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPrediction:
    """A prediction, and what turned out to be true of it.

    Attributes
    ----------
    prediction : Prediction
        The prediction.
    label : Label
        Its label, the one given last.
    """

    prediction: Prediction
    label: Label


def load_labels(database: Database, labels: Sequence[Label]) -> LoadReport:
    """Write labels in one transaction, and say what each of them did.

    They count in their order, and after all that the log has: a clock that is behind
    another one must not make a label too old to be taken. So few thousand at a time.
    """
    report = LoadReport()
    with database.write() as connection:
        ids = {one.id for one in labels}
        held, newest = _read_held(connection, ids)
        known = _known_predictions(connection, ids)
        changed: dict[str, Label] = {}
        for one in labels:
            was = held.get(one.id)
            report += LoadReport(
                new=was is None,
                same=was == one.label,
                corrected=was is not None and was != one.label,
                unknown=one.id not in known,
            )
            if was != one.label:
                held[one.id] = one.label
                changed[one.id] = one
        least = None if newest is None else newest + _MOMENT
        insert_new(connection, [_not_before(least, one) for one in changed.values()])
    return report


def _read_held(
    connection: Connection, ids: set[str]
) -> tuple[dict[str, str], datetime | None]:
    """Return the labels that are there, by prediction, and when the last was given."""
    columns = LABELS.c
    query = select(columns.id, columns.label, columns.created_at)
    rows = connection.execute(query.where(columns.id.in_(ids))).all()
    held = {id_: label for id_, label, _ in rows}
    return held, max((given_at for _, _, given_at in rows), default=None)


def _known_predictions(connection: Connection, ids: set[str]) -> set[str]:
    columns = PREDICTIONS.c
    return set(connection.scalars(select(columns.id).where(columns.id.in_(ids))))


def _not_before(least: datetime | None, label: Label) -> Label:
    if least is None or label.created_at >= least:
        return label
    return replace(label, created_at=least)


def count_labels(store_url: str) -> LabelCounts:
    """Count labels, predictions, and the pairs of both; StoreError as `open_log`."""
    pairs = LABELS.join(PREDICTIONS, LABELS.c.id == PREDICTIONS.c.id)
    with open_log(store_url) as database, database.read() as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (LABELS, PREDICTIONS, pairs)
        ]
    return LabelCounts(*counts)


def read_labelled(
    store_url: str,
    *,
    limit: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    version: str | None = None,
) -> list[LabelledPrediction]:
    """Return the last predictions in the database whose labels have come.

    Parameters
    ----------
    store_url : str
        Address of the store.
    limit : int or None, optional
        At most this many, >= 1; by default all.
    since, until : datetime, optional
        Only predictions made at `since` or later, and before `until`; timezone-aware.
    model, version : str, optional
        Only those of this model name, and of this version.

    Returns
    -------
    list of LabelledPrediction
        Prediction and label, the newest prediction first.

    Raises
    ------
    SettingError
        If an argument cannot be used.
    StoreError
        If there is no log there, or it cannot be read.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"limit must be at least 1, or None for all; got {limit}")
    check_zone(since=since, until=until)
    made, given = PREDICTIONS.c, LABELS.c
    query = (
        select(PREDICTIONS, LABELS)
        .join_from(PREDICTIONS, LABELS, made.id == given.id)
        .order_by(made.created_at.desc(), made.id.desc())
        .limit(limit)
    )
    for condition in (
        None if since is None else made.created_at >= since,
        None if until is None else made.created_at < until,
        None if model is None else made.model_name == model,
        None if version is None else made.model_version == version,
    ):
        if condition is not None:
            query = query.where(condition)
    with open_log(store_url) as database, database.read() as connection:
        rows = connection.execute(query)
        return [
            LabelledPrediction(
                prediction=Prediction(**{one.key: row[one] for one in made}),
                label=Label(**{one.key: row[one] for one in given}),
            )
            for row in (found._mapping for found in rows)
        ]
