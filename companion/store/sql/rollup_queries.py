"""Queries on the roll-ups."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    cast,
    func,
    null,
    select,
    text,
    type_coerce,
)

from companion.errors import SettingError
from companion.store.rollups.counting import METRICS
from companion.store.sql.opening import open_log
from companion.store.sql.queries import check_zone
from companion.store.sql.schema import ROLLUPS, UtcTime

__all__ = ["Rollup", "read_rollups"]

# Period -> how much of a moment's text names it, and what makes it a moment again.
_PERIODS = {
    "minute": (16, ":00.000000Z"),
    "hour": (13, ":00:00.000000Z"),
    "day": (10, " 00:00:00.000000Z"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """How many records of one kind a model had in one period.

    Attributes
    ----------
    metric : str
        What is counted: one of ``METRICS``.
    start : datetime or None
        When the period begins, in UTC; None for all time that was asked for.
    model_name, model_version : str
        The model; empty for requests that reached none, and the version of a
        language model is empty.
    field : str
        Column of an input, problem of a refusal or an error; else empty.
    bin : str
        Bin of a number, label, reason or outcome; else empty.
    n : int
        How many records.
    total : float
        Sum of their numbers: milliseconds, values, tokens; 0.0 where there is
        none. Numbers of 1e100 and above are left out.
    """

    metric: str
    start: datetime | None
    model_name: str
    model_version: str
    field: str
    bin: str
    n: int
    total: float


def read_rollups(
    store_url: str,
    *,
    metrics: Collection[str] = METRICS,
    every: str | None = "minute",
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    version: str | None = None,
) -> list[Rollup]:
    """Return counts per period, model and version.

    Its cost grows with the time range and not with the traffic: the shipper adds
    each record to its minute when it brings it into the database.

    Parameters
    ----------
    store_url : str
        Address of the store.
    metrics : collection of str
        What to read, by default everything: ``predictions``, ``requests``,
        ``latency_ms``, ``value``, ``score``, ``label``, ``input``, ``refusals``,
        ``errors``; of language models ``calls``, ``call_latency_ms``,
        ``first_token_ms``, ``input_tokens``, ``cached_tokens``, ``output_tokens``.
    every : {"minute", "hour", "day"} or None, default="minute"
        Length of a period; None for one that is the whole range.
    since, until : datetime, optional
        Only minutes from that of `since` on, and those that begin before `until`;
        timezone-aware. Minutes are not cut.
    model, version : str, optional
        Only of this model name, and of this version.

    Returns
    -------
    list of Rollup
        Ordered by metric, start, model, version, field and bin.

    Raises
    ------
    SettingError
        If an argument cannot be used.
    StoreError
        If there is no log there, or it cannot be read.

    Notes
    -----
    Bins of numbers (latencies in milliseconds, values, scores) are the same for all
    models: a power of ten is cut at 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6,
    7, 8 and 9, from 0.000001 to 1,000,000,000,000 on both sides of zero. A bin is
    named by its edge towards zero: ``0.25`` holds 0.25 up to 0.3, ``-3`` holds -3
    down to -3.5, ``0`` what is nearer to zero than all edges.

    Bins of inputs are those of the training profile that was the newest when the
    record came in: the number of a bin, or ``below``, ``above``, ``missing``,
    ``other``. Records that came in before there was one are not counted there.

    Of one model and minute 50 labels are counted one by one; the rest is in the bin
    of the empty text. ``requests`` and ``latency_ms`` count a request of several rows
    once: by its first row, whose id is the request's, or adds ``-0`` to it.
    """
    if unknown := set(metrics) - set(METRICS):
        raise SettingError(
            f"metrics must be of {', '.join(METRICS)}; got {sorted(unknown)!s:.80}"
        )
    if every is not None and every not in _PERIODS:
        raise SettingError(
            f"every must be one of {', '.join(_PERIODS)}, or None; got {every!r:.80}"
        )
    check_zone(since=since, until=until)
    columns = ROLLUPS.c
    with open_log(store_url) as database, database.read() as connection:
        start = _start_of_period(every, is_sqlite=database.is_sqlite)
        key = [
            columns.metric,
            start.label("start"),
            columns.model_name,
            columns.model_version,
            columns.field,
            columns.bin,
        ]
        query = select(
            *key,
            # PostgreSQL would give a decimal number.
            cast(func.sum(columns.n), BigInteger).label("n"),
            func.sum(columns.total).label("total"),
        ).where(columns.metric.in_(metrics))
        if since is not None:
            query = query.where(
                columns.minute >= since.replace(second=0, microsecond=0)
            )
        if until is not None:
            query = query.where(columns.minute < until)
        for column, value in (
            (columns.model_name, model),
            (columns.model_version, version),
        ):
            if value is not None:
                query = query.where(column == value)
        # By number: a bound parameter in both places makes two expressions of one.
        places = [text(str(place)) for place in range(1, len(key) + 1)]
        query = query.group_by(*places).order_by(*places)
        return [Rollup(**row) for row in connection.execute(query).mappings()]


def _start_of_period(every: str | None, *, is_sqlite: bool) -> ColumnElement[Any]:
    minute = ROLLUPS.c.minute
    if every is None:
        return type_coerce(null(), UtcTime)
    if is_sqlite:
        width, rest = _PERIODS[every]
        # The text of a moment, cut and made whole again.
        return type_coerce(func.substr(minute, 1, width, type_=String) + rest, UtcTime)
    return func.date_trunc(every, minute, "UTC", type_=UtcTime)
