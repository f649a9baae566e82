"""Queries on the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, select

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
from companion.store.sql.searching import check_wanted, holds_text, starts_with

__all__ = ["check_zone", "read_calls", "read_failures", "read_predictions"]

_Record = TypeVar("_Record", bound=Record)

# The columns of each table in which a text is looked for.
_SEARCHED: Mapping[str, Sequence[str]] = {
    Prediction.table: ("model_name", "inputs", "label", "outputs", "params"),
    LLMCall.table: ("model", "prompt", "completion", "error"),
    FailedRequest.table: ("problem", "reason", "model_name"),
}
_MOST_NAMED = 3  # of ids that start alike


def read_predictions(
    store_url: str,
    *,
    limit: int | None = 20,
    since: datetime | None = None,
    until: datetime | None = None,
    id_prefix: str | None = None,
    text: str | None = None,
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
    id_prefix : str, optional
        Only the one with this id, or the one whose id starts so; of a request that
        had several rows, all that start so.
    text : str, optional
        Only those of which the model's name, the inputs, the label, other outputs or
        the parameters hold this text, whatever its case.
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
        If an argument cannot be used, or the start of an id fits several.
    StoreError
        If there is no log there, or it cannot be read.
    """
    return _read_last(
        Prediction,
        store_url,
        limit=limit,
        since=since,
        until=until,
        id_prefix=id_prefix,
        text=text,
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
    id_prefix: str | None = None,
    text: str | None = None,
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
    id_prefix : str, optional
        Only the one with this id, or the one whose id starts so.
    text : str, optional
        Only those of which the model's name, the prompt, the completion or the error
        hold this text, whatever its case.
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
        If an argument cannot be used, or the start of an id fits several.
    StoreError
        If there is no log there, or it cannot be read.
    """
    if outcome not in (None, *OUTCOMES):
        raise SettingError(
            f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r:.80}"
        )
    return _read_last(
        LLMCall,
        store_url,
        limit=limit,
        since=since,
        until=until,
        id_prefix=id_prefix,
        text=text,
        model=model,
        outcome=outcome,
    )


def read_failures(
    store_url: str,
    *,
    limit: int | None = 20,
    since: datetime | None = None,
    until: datetime | None = None,
    id_prefix: str | None = None,
    text: str | None = None,
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
    id_prefix : str, optional
        Only the one with this id, or the one whose id starts so.
    text : str, optional
        Only those of which the problem, the reason or the model's name hold this
        text, whatever its case.
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
        If an argument cannot be used, or the start of an id fits several.
    StoreError
        If there is no log there, or it cannot be read.
    """
    return _read_last(
        FailedRequest,
        store_url,
        limit=limit,
        since=since,
        until=until,
        id_prefix=id_prefix,
        text=text,
        model_name=model,
        model_version=version,
        problem=problem,
        reason=reason,
    )


def _read_last(
    kind: type[_Record],
    store_url: str,
    *,
    limit: int | None,
    since: datetime | None,
    until: datetime | None,
    id_prefix: str | None,
    text: str | None,
    **equal: str | None,
) -> list[_Record]:
    if limit is not None and limit < 1:
        raise SettingError(f"limit must be at least 1, or None for all; got {limit}")
    check_zone(since=since, until=until)
    for name, wanted in (("the id", id_prefix), ("the text", text)):
        if wanted is not None:
            check_wanted(name, wanted)
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
    if text is not None:
        searched = [columns[name] for name in _SEARCHED[kind.table]]
        query = query.where(holds_text(searched, text))
    with open_log(store_url) as database, database.read() as connection:
        if id_prefix is not None:
            query = query.where(_chosen(connection, query, table, id_prefix))
        rows = connection.execute(query.limit(limit)).mappings()
        return [kind(**row) for row in rows]


def _chosen(
    connection: Connection, query: Select[Any], table: Table, start: str
) -> ColumnElement[bool]:
    """Find what an id, or the start of one, means among the rows of a query."""
    columns = table.c
    if connection.execute(query.where(columns.id == start).limit(1)).first():
        return columns.id == start
    # The rows of one request are meant together.
    group = columns.get("request_id", columns.id)
    found = connection.scalars(
        query.where(starts_with(columns.id, start))
        .with_only_columns(group)
        .order_by(None)
        .order_by(group)
        .distinct()
        .limit(_MOST_NAMED + 1)
    ).all()
    if start in found:
        return group == start
    if len(found) > 1:
        named = ", ".join(found[:_MOST_NAMED])
        more = ", …" if len(found) > _MOST_NAMED else ""
        raise SettingError(
            f"The start of an id {start!r:.80} fits several: {named}{more}. Give more "
            "of the one that you want."
        )
    return starts_with(columns.id, start)


def check_zone(**moments: datetime | None) -> None:
    """Refuse moments without a time zone."""
    for name, moment in moments.items():
        if moment is not None and moment.tzinfo is None:
            raise SettingError(
                f"{name} has no time zone: {moment}. Add one, such as tzinfo=UTC."
            )
