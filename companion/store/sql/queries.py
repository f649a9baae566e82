"""Queries on the log."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import select

from companion.errors import SettingError
from companion.store.records import (
    OUTCOMES,
    FailedRequest,
    LLMCall,
    Prediction,
    Record,
)
from companion.store.sql.opening import open_log
from companion.store.sql.schema import RECORD_TABLES

__all__ = ["check_zone", "read_calls", "read_failures", "read_predictions"]

_Record = TypeVar("_Record", bound=Record)


def read_predictions(
    store_url: str,
    *,
    limit: int | None = 20,
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    version: str | None = None,
    label: str | None = None,
) -> list[Prediction]:
    """Return the last predictions in the database.

    Parameters
    ----------
    store_url : str
        Address of the store.
    limit : int or None, default=20
        At most this many, >= 1; None for all.
    since, until : datetime, optional
        Only those made at `since` or later, and before `until`; timezone-aware.
    model, version : str, optional
        Only those of this model name, and of this version.
    label : str, optional
        Only those with this label.

    Returns
    -------
    list of Prediction
        The newest first.

    Raises
    ------
    SettingError
        If an argument cannot be used.
    StoreError
        If there is no log there, or it cannot be read.
    """
    return _read_last(
        Prediction,
        store_url,
        limit,
        since,
        until,
        model_name=model,
        model_version=version,
        label=label,
    )


def read_calls(
    store_url: str,
    *,
    limit: int | None = 20,
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    outcome: str | None = None,
) -> list[LLMCall]:
    """Return the last calls to language models in the database.

    Parameters
    ----------
    store_url : str
        Address of the store.
    limit : int or None, default=20
        At most this many, >= 1; None for all.
    since, until : datetime, optional
        Only those made at `since` or later, and before `until`; timezone-aware.
    model : str, optional
        Only those to the model of this name.
    outcome : {"ok", "error", "closed"}, optional
        Only those with this outcome.

    Returns
    -------
    list of LLMCall
        The newest first.

    Raises
    ------
    SettingError
        If an argument cannot be used.
    StoreError
        If there is no log there, or it cannot be read.
    """
    if outcome not in (None, *OUTCOMES):
        raise SettingError(
            f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r:.80}"
        )
    return _read_last(
        LLMCall, store_url, limit, since, until, model=model, outcome=outcome
    )


def read_failures(
    store_url: str,
    *,
    limit: int | None = 20,
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    version: str | None = None,
    problem: str | None = None,
    reason: str | None = None,
) -> list[FailedRequest]:
    """Return the last requests in the database that were refused or failed.

    Parameters
    ----------
    store_url : str
        Address of the store.
    limit : int or None, default=20
        At most this many, >= 1; None for all.
    since, until : datetime, optional
        Only those answered at `since` or later, and before `until`;
        timezone-aware.
    model, version : str, optional
        Only those to this model name, and to this version.
    problem, reason : str, optional
        Only those with this problem, and with this reason.

    Returns
    -------
    list of FailedRequest
        The newest first.

    Raises
    ------
    SettingError
        If an argument cannot be used.
    StoreError
        If there is no log there, or it cannot be read.
    """
    return _read_last(
        FailedRequest,
        store_url,
        limit,
        since,
        until,
        model_name=model,
        model_version=version,
        problem=problem,
        reason=reason,
    )


def _read_last(
    kind: type[_Record],
    store_url: str,
    limit: int | None,
    since: datetime | None,
    until: datetime | None,
    **equal: str | None,
) -> list[_Record]:
    if limit is not None and limit < 1:
        raise SettingError(f"limit must be at least 1, or None for all; got {limit}")
    check_zone(since=since, until=until)
    table = RECORD_TABLES[kind.table]
    columns = table.c
    query = select(table).order_by(columns.created_at.desc(), columns.id.desc())
    if since is not None:
        query = query.where(columns.created_at >= since)
    if until is not None:
        query = query.where(columns.created_at < until)
    for name, value in equal.items():
        if value is not None:
            query = query.where(columns[name] == value)
    query = query.limit(limit)
    with open_log(store_url) as database, database.read() as connection:
        return [kind(**row) for row in connection.execute(query).mappings()]


def check_zone(**moments: datetime | None) -> None:
    """Refuse moments without a time zone."""
    for name, moment in moments.items():
        if moment is not None and moment.tzinfo is None:
            raise SettingError(
                f"{name} has no time zone: {moment}. Add one, such as tzinfo=UTC."
            )
