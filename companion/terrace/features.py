"""Turns weather into features known this evening and the label of tomorrow.

Pure functions of frames. No feature looks ahead: the row of a day is made of
that day and of days before it, and a test changes the future to prove it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from companion.errors import DataError, SettingError
from companion.terrace.data import PHYSICAL_LIMITS

__all__ = [
    "FEATURES",
    "FEATURE_LIMITS",
    "Split",
    "make_features",
    "make_target",
    "split_by_time",
]

# Seven days average out a single front and are what a person remembers.
_WINDOW_DAYS = 7

FEATURES = (
    "precipitation_mm",
    "temp_max_c",
    "temp_min_c",
    "wind_ms",
    "wet_today",
    "season_sin",
    "season_cos",
    "precipitation_7d_mm",
    "wet_days_7d",
)

FEATURE_LIMITS: Mapping[str, tuple[float, float]] = {
    **PHYSICAL_LIMITS,
    "wet_today": (0.0, 1.0),
    "season_sin": (-1.0, 1.0),
    "season_cos": (-1.0, 1.0),
    "precipitation_7d_mm": (0.0, _WINDOW_DAYS * PHYSICAL_LIMITS["precipitation_mm"][1]),
    "wet_days_7d": (0.0, float(_WINDOW_DAYS)),
}

Day = str | date | pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Days to train on and later days to test on.

    Attributes
    ----------
    train_features, test_features : pandas.DataFrame of shape (n_days, n_features)
        Features, indexed by the day on whose evening they are known.
    train_target, test_target : pandas.Series of shape (n_days,)
        1 where it rained on the following day, else 0; same index.
    """

    train_features: pd.DataFrame
    train_target: pd.Series
    test_features: pd.DataFrame
    test_target: pd.Series


def make_features(weather: pd.DataFrame) -> pd.DataFrame:
    """Describe each day by what is known on its evening.

    Parameters
    ----------
    weather : pandas.DataFrame of shape (n_days, 5)
        As `load_weather` returns it.

    Returns
    -------
    pandas.DataFrame of shape (n_days - 6, 9)
        Columns `FEATURES`, all float64: the day's rain (mm), temperatures (°C)
        and wind (m/s); 1 where the day was wet at all, so that a linear model
        can say what the naive rule says; its place in the year as sine and
        cosine; rain (mm) and number of wet days of the last seven days, today
        included. The first six days have no such week behind them and are left
        out.

    Raises
    ------
    DataError
        If there are fewer than seven days.

    Examples
    --------
    >>> from companion.terrace import load_weather
    >>> row = make_features(load_weather()).loc["2012-01-07"]
    >>> float(row["wet_days_7d"]), float(row["precipitation_7d_mm"])
    (5.0, 35.8)
    """
    if len(weather) < _WINDOW_DAYS:
        raise DataError(
            f"the weather has {len(weather)} days; expected at least "
            f"{_WINDOW_DAYS}, because features look back over a week."
        )
    rain_mm = weather["precipitation_mm"]
    dates = pd.DatetimeIndex(weather.index)
    # A year as a circle: 31 December lies beside 1 January. A leap year's extra
    # day moves a date by less than one degree.
    angle = 2 * np.pi * (dates.day_of_year.to_numpy() - 1) / 365.25
    features = weather[["precipitation_mm", "temp_max_c", "temp_min_c", "wind_ms"]]
    wet = (rain_mm > 0).astype("float64")
    features = features.assign(
        wet_today=wet,
        season_sin=np.sin(angle),
        season_cos=np.cos(angle),
        precipitation_7d_mm=_sum_of_week(rain_mm),
        wet_days_7d=_sum_of_week(wet),
    )
    # Six decimals are more than any station measures, and a row stays readable
    # in a request: 0.3 rather than 0.30000000000000004.
    known = features.iloc[_WINDOW_DAYS - 1 :][list(FEATURES)]
    return known.astype("float64").round(6)


def _sum_of_week(values: pd.Series) -> "pd.Series[float]":
    # A running sum (pandas' rolling) carries rounding errors from earlier days
    # along; one window at a time gives each day the same answer alone or not.
    windows = np.lib.stride_tricks.sliding_window_view(values, _WINDOW_DAYS)
    padding = np.full(_WINDOW_DAYS - 1, np.nan)
    sums = np.concatenate([padding, windows.sum(axis=1)])
    return pd.Series(sums, index=values.index)


def make_target(weather: pd.DataFrame) -> "pd.Series[int]":
    """Return for each day whether it rained on the next.

    Parameters
    ----------
    weather : pandas.DataFrame of shape (n_days, 5)
        As `load_weather` returns it.

    Returns
    -------
    pandas.Series of shape (n_days - 1,)
        `rain_tomorrow`: 1 where the following day has more than 0 mm, else 0.
        The last day has no label yet and is left out.

    Examples
    --------
    >>> from companion.terrace import load_weather
    >>> make_target(load_weather()).head(2).tolist()
    [1, 1]
    """
    wet = (weather["precipitation_mm"] > 0).astype("int64").to_numpy()
    return pd.Series(wet[1:], index=weather.index[:-1], name="rain_tomorrow")


def split_by_time(
    features: pd.DataFrame,
    target: "pd.Series[int]",
    *,
    test_start: Day,
    test_end: Day | None = None,
) -> Split:
    """Split days by time into training and test days.

    Nothing is shuffled: a shuffled split lets a model learn from Tuesday and
    Thursday what Wednesday was like, which it cannot do at work.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_days, n_features)
        As `make_features` returns it.
    target : pandas.Series of shape (n_days,)
        As `make_target` returns it. Days with features and no label, or the
        other way, are left out.
    test_start : str, datetime.date or pandas.Timestamp
        First test day; all days before it are for training. The last of those
        has its label from `test_start` itself, whose rain is known on the
        evening of the first test prediction: nothing is seen too early.
    test_end : str, datetime.date or pandas.Timestamp, optional
        Last test day; by default the last there is.

    Returns
    -------
    Split

    Raises
    ------
    SettingError
        If one of the two parts would be empty.
    """
    days = features.index.intersection(target.index)
    first = pd.Timestamp(test_start)
    last = days.max() if test_end is None else pd.Timestamp(test_end)
    train = days[days < first]
    test = days[(days >= first) & (days <= last)]
    for name, part in (("to learn from", train), ("to judge on", test)):
        if len(part) == 0:
            raise SettingError(
                f"no days {name}: the labelled days run from {days.min():%Y-%m-%d} "
                f"to {days.max():%Y-%m-%d}, and the test from {first:%Y-%m-%d} to "
                f"{last:%Y-%m-%d}. Choose a test that starts after the first "
                "labelled day and not after the last."
            )
    return Split(
        train_features=features.loc[train],
        train_target=target.loc[train],
        test_features=features.loc[test],
        test_target=target.loc[test],
    )
