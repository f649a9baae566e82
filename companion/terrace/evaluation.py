"""Evaluates a forecast: scores, and cost in EUR with its confidence interval.

Pure functions of arrays. The intervals come from resampling whole weeks,
because wet days come in rows: single days drawn at random would make a year
look like more evidence than it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError
from companion.monitoring import intervals
from companion.monitoring.intervals import Interval
from companion.terrace.costs import CostTable

__all__ = ["Evaluation", "Interval", "compare_costs", "evaluate", "mean_interval"]

_BLOCK_DAYS = 7
_N_RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How good a forecast was over some days.

    Attributes
    ----------
    n_days : int
        Number of days evaluated.
    accuracy : float
        Share of days on which "more likely than not" was right.
    auc : float or None
        Share of pairs of a wet and a dry day that the forecast puts in the
        right order; None where all days were wet, or all dry.
    brier : float
        Mean squared difference of probability and outcome: 0 is perfect, a
        constant 0.5 scores 0.25.
    cost_eur : Interval
        Cost a day of deciding by this forecast, in EUR.
    """

    n_days: int
    accuracy: float
    auc: float | None
    brier: float
    cost_eur: Interval


def evaluate(
    rained: ArrayLike,
    probability: ArrayLike,
    *,
    costs: CostTable | None = None,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a forecast against what happened.

    Parameters
    ----------
    rained : array-like of shape (n_days,)
        1 where it rained on the day that was forecast, else 0; in time order.
    probability : array-like of shape (n_days,)
        Forecast probability of rain, from 0 to 1.
    costs : CostTable, optional
        By default `CostTable()`.
    seed : int, default=0
        Seed of the interval's resampling.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If the two differ in length, are empty, or hold other values.

    References
    ----------
    G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability",
    Monthly Weather Review 78(1), 1950: half of his score for two classes.

    Examples
    --------
    >>> scores = evaluate([1, 0, 1, 0], [0.9, 0.5, 0.6, 0.1])
    >>> scores.auc, scores.cost_eur.mean
    (1.0, 20.0)
    """
    # Here, so that reading the weather need not wait seconds for it.
    from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score

    wet, chance = _check_forecast(rained, probability)
    cost = (costs or CostTable()).cost_by_day(wet, chance)
    return Evaluation(
        n_days=len(wet),
        accuracy=float(accuracy_score(wet, chance > 0.5)),
        auc=float(roc_auc_score(wet, chance)) if 0 < wet.sum() < len(wet) else None,
        brier=float(brier_score_loss(wet, chance)),
        cost_eur=mean_interval(cost, seed=seed),
    )


def compare_costs(
    rained: ArrayLike,
    probability: ArrayLike,
    other_probability: ArrayLike,
    *,
    costs: CostTable | None = None,
    seed: int = 0,
) -> Interval:
    """Return how much more one forecast costs than another on the same days.

    Day by day first, then resampled: bad days for both cancel out, so the
    interval is narrower than the two separate ones suggest.

    Parameters
    ----------
    rained : array-like of shape (n_days,)
        1 where it rained, else 0; in time order.
    probability, other_probability : array-like of shape (n_days,)
        Probability of rain by the two forecasts.
    costs : CostTable, optional
        By default `CostTable()`.
    seed : int, default=0
        Seed of the resampling.

    Returns
    -------
    Interval
        EUR a day; below 0 where the first is the cheaper one. An interval that
        holds 0 leaves open which one is.

    Raises
    ------
    DataError
        If lengths differ, or the arrays are empty or hold other values.
    """
    table = costs or CostTable()
    wet, chance = _check_forecast(rained, probability)
    _, other = _check_forecast(rained, other_probability)
    difference = table.cost_by_day(wet, chance) - table.cost_by_day(wet, other)
    return mean_interval(difference, seed=seed)


def mean_interval(
    values: ArrayLike,
    *,
    level: float = 0.95,
    block_days: int = _BLOCK_DAYS,
    n_resamples: int = _N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Put an interval around the mean of days that depend on their neighbours.

    The moving-block bootstrap: draw blocks of neighbouring days with
    replacement until the series is as long as before, take its mean, repeat,
    and keep the middle of those means.

    Parameters
    ----------
    values : array-like of shape (n_days,)
        One value a day, in time order.
    level : float, default=0.95
        Confidence, between 0 and 1.
    block_days : int, default=7
        Length of a block in days, at least 1; shorter series are one block.
    n_resamples : int, default=2000
        Number of series drawn, at least 1.
    seed : int, default=0
        Seed of the draws; the same seed gives the same interval.

    Returns
    -------
    Interval

    Raises
    ------
    DataError
        If there are no values, or not all are finite numbers.
    SettingError
        If `level`, `block_days` or `n_resamples` is out of its range.

    References
    ----------
    H. R. Künsch, "The Jackknife and the Bootstrap for General Stationary
    Observations", Annals of Statistics 17(3), 1989.
    """
    return intervals.mean_interval(
        values,
        level=level,
        block=block_days,
        n_resamples=n_resamples,
        seed=seed,
        row="day",
    )


def _check_forecast(
    rained: ArrayLike, probability: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    wet, chance = np.asarray(rained), np.asarray(probability, dtype=np.float64)
    if wet.shape != chance.shape or wet.ndim != 1 or wet.size == 0:
        raise DataError(
            f"outcomes have the shape {wet.shape} and probabilities {chance.shape}; "
            "expected one of each for every day, and at least one day."
        )
    if not np.isin(wet, (0, 1)).all():
        raise DataError("outcomes must be 1 (it rained) or 0; something else is there.")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise DataError("probabilities must lie from 0 to 1; one does not.")
    return wet.astype(np.int64), chance
