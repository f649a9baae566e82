"""Replays past days one by one, with labels that come a day late."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from companion.errors import SettingError
from companion.terrace.features import make_features, make_target

__all__ = ["Day", "replay_days"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One evening: what can be asked then, and what turned out later.

    Attributes
    ----------
    date : datetime.date
        The day on whose evening the question is asked.
    features : mapping of str to float
        One row for the model, ready for JSON.
    label : int or None
        1 if it rained on the following day, else 0; None where the data end.
    label_known_on : datetime.date
        The following day. To use `label` earlier is to look ahead.
    """

    date: dt.date
    features: Mapping[str, float]
    label: int | None
    label_known_on: dt.date


def replay_days(
    weather: pd.DataFrame,
    *,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
) -> Iterator[Day]:
    """Yield days in order, as production sees them.

    Parameters
    ----------
    weather : pandas.DataFrame of shape (n_days, 5)
        As `load_weather` returns it. Days before `start` are used as the past
        of the first ones.
    start, end : str or datetime.date, optional
        First and last day, both included; by default all that have a week
        behind them.

    Yields
    ------
    Day

    Raises
    ------
    SettingError
        If no day lies between the two.

    Examples
    --------
    >>> from companion.terrace import load_weather
    >>> days = replay_days(load_weather(), start="2014-01-01")
    >>> day = next(days)
    >>> day.date.isoformat(), day.label, day.label_known_on.isoformat()
    ('2014-01-01', 1, '2014-01-02')
    """
    features = make_features(weather)
    chosen = features.loc[
        pd.Timestamp(start) if start else None : pd.Timestamp(end) if end else None
    ]
    if chosen.empty:
        raise SettingError(
            f"no days from {start} to {end}: days with a week behind them run from "
            f"{features.index[0]:%Y-%m-%d} to {features.index[-1]:%Y-%m-%d}."
        )
    # A generator function would raise only when the first day is asked for.
    return _yield_days(chosen, make_target(weather))


def _yield_days(features: pd.DataFrame, target: "pd.Series[int]") -> Iterator[Day]:
    labels = {day: int(label) for day, label in target.items()}
    rows = features.to_dict(orient="records")
    for stamp, row in zip(pd.DatetimeIndex(features.index), rows, strict=True):
        day = stamp.date()
        yield Day(
            date=day,
            features={str(name): float(value) for name, value in row.items()},
            label=labels.get(stamp),
            label_known_on=day + dt.timedelta(days=1),
        )
