"""How far two versions are apart: rates, means and quantiles, with an interval.

Pure functions of arrays, for data that are complete: each interval holds for one look.
To look again and again, use `companion.monitoring.sequential`. The rows are taken as
independent, within a group and between the groups.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, SettingError
from companion.monitoring._checks import GROUPS, check_level, read_counts, read_group

__all__ = [
    "Comparison",
    "mean_difference",
    "quantile_difference",
    "quantile_ratio",
    "rate_difference",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far the challenger is from the champion, with a confidence interval.

    Attributes
    ----------
    champion, challenger : float
        The rate, mean or quantile of each group.
    estimate : float
        Challenger minus champion, or their ratio, as the function's name says.
    low, high : float
        Ends of the interval of the estimate.
    level : float
        Its confidence, between 0 and 1.
    """

    champion: float
    challenger: float
    estimate: float
    low: float
    high: float
    level: float


def rate_difference(
    events: ArrayLike, totals: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """Compare two rates, such as the shares of wrong answers.

    Newcombe's hybrid score interval: the Wilson interval of each rate (l, u) gives the
    distance to the ends, ``d - sqrt((p2 - l2)² + (u1 - p1)²)`` and
    ``d + sqrt((u2 - p2)² + (p1 - l1)²)`` for ``d = p2 - p1``. It never leaves -1 to 1,
    and has a width when no row, or each row, had an event.

    Parameters
    ----------
    events, totals : array-like of int of shape (2,)
        Rows with an event, and all rows: the champion's, then the challenger's.
    level : float, default=0.95
        Confidence, between 0 and 1.

    Returns
    -------
    Comparison
        Its estimate is the challenger's rate minus the champion's.

    Raises
    ------
    DataError
        If a group has no rows, more events than rows, or counts that are not whole.
    SettingError
        If `level` is not between 0 and 1.

    References
    ----------
    R. G. Newcombe, "Interval Estimation for the Difference Between Independent
    Proportions: Comparison of Eleven Methods", Statistics in Medicine 17, 1998, method
    10; E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
    Inference", Journal of the American Statistical Association 22, 1927.

    Examples
    --------
    >>> change = rate_difference(events=[48, 56], totals=[80, 70])
    >>> round(change.estimate, 4), round(change.low, 4), round(change.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    check_level(level)
    hits, rows = read_counts(events, totals, n_dimensions=1)
    z = NormalDist().inv_cdf((1 + level) / 2)
    rates = hits / rows
    center = (rates + z**2 / (2 * rows)) / (1 + z**2 / rows)
    spread = z * np.sqrt(rates * (1 - rates) / rows + z**2 / (4 * rows**2))
    spread /= 1 + z**2 / rows
    below, above = rates - (center - spread), center + spread - rates
    estimate = float(rates[1] - rates[0])
    return Comparison(
        champion=float(rates[0]),
        challenger=float(rates[1]),
        estimate=estimate,
        low=max(-1.0, estimate - math.hypot(below[1], above[0])),
        high=min(1.0, estimate + math.hypot(above[1], below[0])),
        level=level,
    )


def mean_difference(
    champion: ArrayLike, challenger: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """Compare two means, such as the costs of a prediction.

    Welch's interval: ``d ± t * sqrt(s1²/n1 + s2²/n2)``, with Student's t at the degrees
    of freedom of Welch and Satterthwaite. The groups may differ in size and variance.
    Values that never change within both groups give an interval without width.

    Parameters
    ----------
    champion, challenger : array-like of shape (n_rows,)
        One value a row, at least two of each, in the same unit.
    level : float, default=0.95
        Confidence, between 0 and 1.

    Returns
    -------
    Comparison
        Its estimate is the challenger's mean minus the champion's, in their unit.

    Raises
    ------
    DataError
        If a group has fewer than two rows, or values that are NaN or infinite.
    SettingError
        If `level` is not between 0 and 1.

    References
    ----------
    B. L. Welch, "The Generalization of 'Student's' Problem When Several Different
    Population Variances Are Involved", Biometrika 34, 1947.

    Examples
    --------
    >>> change = mean_difference([0, 80, 0, 120], [0, 80, 0, 0])
    >>> change.estimate, round(change.low), round(change.high)
    (-30.0, -121, 61)
    """
    check_level(level)
    groups = _read_both(champion, challenger, at_least=2)
    from scipy.special import stdtrit

    means = [float(rows.mean()) for rows in groups]
    parts = [float(rows.var(ddof=1)) / rows.size for rows in groups]
    variance = sum(parts)
    margin = 0.0
    if variance > 0:
        # As shares of the whole: the squares of tiny variances would be zero.
        freedom = 1 / sum(
            (part / variance) ** 2 / (rows.size - 1)
            for part, rows in zip(parts, groups, strict=True)
        )
        margin = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance)
    estimate = means[1] - means[0]
    return Comparison(
        champion=means[0],
        challenger=means[1],
        estimate=estimate,
        low=estimate - margin,
        high=estimate + margin,
        level=level,
    )


def quantile_difference(
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    quantile: float = 0.95,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare a quantile of two groups, such as the p95 of the latency.

    The percentile bootstrap: both groups are drawn anew with replacement, many times.
    A quantile is the smallest value that at least this share of rows does not exceed.
    The k-th smallest of n rows drawn anew is the row at ``floor(n * B)``, with B from
    the beta distribution of k and n - k + 1, so a million rows cost no more than ten.

    Parameters
    ----------
    champion, challenger : array-like of shape (n_rows,)
        One value a row, such as `latency_ms`.
    quantile : float, default=0.95
        Which quantile, between 0 and 1. The data should hold 20 rows or more beyond it:
        the bootstrap knows no value that was not seen.
    level : float, default=0.95
        Confidence, between 0 and 1.
    n_resamples : int, default=2000
        How often both groups are drawn anew, at least 1.
    seed : int, default=0
        Seed of the draws; the same seed gives the same interval.

    Returns
    -------
    Comparison
        Its estimate is the challenger's quantile minus the champion's.

    Raises
    ------
    DataError
        If a group has no rows, or values that are NaN or infinite.
    SettingError
        If `quantile`, `level` or `n_resamples` is out of its range.

    References
    ----------
    B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics
    7(1), 1979; H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition, 2003,
    section 2.1, for the beta distribution.

    Examples
    --------
    >>> quantile_difference([10, 20, 30], [15, 25, 35], quantile=0.5).estimate
    5.0
    """
    groups = _read_both(champion, challenger)
    seen, drawn = _draw_quantiles(groups, quantile, level, n_resamples, seed)
    return _compare(seen, seen[1] - seen[0], drawn[1] - drawn[0], level)


def quantile_ratio(
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    quantile: float = 0.95,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare a quantile of two groups as a ratio: 1.1 is ten percent more.

    The same draws as `quantile_difference`, which says how they are made.

    Parameters
    ----------
    champion, challenger : array-like of shape (n_rows,)
        One value a row, above 0, such as `latency_ms`.
    quantile : float, default=0.95
        Which quantile, between 0 and 1.
    level : float, default=0.95
        Confidence, between 0 and 1.
    n_resamples : int, default=2000
        How often both groups are drawn anew, at least 1.
    seed : int, default=0
        Seed of the draws; the same seed gives the same interval.

    Returns
    -------
    Comparison
        Its estimate is the challenger's quantile divided by the champion's.

    Raises
    ------
    DataError
        If a group has no rows, or values that are NaN, infinite, zero or below.
    SettingError
        If `quantile`, `level` or `n_resamples` is out of its range.

    Examples
    --------
    >>> quantile_ratio([10, 20, 30], [15, 25, 35], quantile=0.5).estimate
    1.25
    """
    groups = _read_both(champion, challenger)
    for group, rows in zip(GROUPS, groups, strict=True):
        if rows.min() <= 0:
            raise DataError(
                f"{group} has the value {rows.min():g}; a ratio needs values above 0. "
                "Ask for the difference instead."
            )
    seen, drawn = _draw_quantiles(groups, quantile, level, n_resamples, seed)
    return _compare(seen, seen[1] / seen[0], drawn[1] / drawn[0], level)


def _read_both(
    champion: ArrayLike, challenger: ArrayLike, *, at_least: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = (
        read_group(values, group, at_least=at_least)
        for group, values in zip(GROUPS, (champion, challenger), strict=True)
    )
    return first, second


def _draw_quantiles(
    groups: tuple[NDArray[np.float64], NDArray[np.float64]],
    quantile: float,
    level: float,
    n_resamples: int,
    seed: int,
) -> tuple[list[float], list[NDArray[np.float64]]]:
    check_level(level)
    if not 0 < quantile < 1:
        raise SettingError(
            f"quantile is {quantile!r}; expected a share between 0 and 1."
        )
    if n_resamples < 1:
        raise SettingError(f"n_resamples is {n_resamples!r}; expected at least 1.")
    rng = np.random.default_rng(seed)
    seen, drawn = [], []
    for rows in groups:
        ordered = np.sort(rows)
        # Rounded first: 0.07 * 100 is a little more than 7.
        k = max(1, math.ceil(round(quantile * rows.size, 9)))
        seen.append(float(ordered[k - 1]))
        where = rows.size * rng.beta(k, rows.size - k + 1, size=n_resamples)
        # A draw that rounds to 1 would be a row past the last.
        drawn.append(ordered[np.minimum(where.astype(np.int64), rows.size - 1)])
    return seen, drawn


def _compare(
    seen: list[float], estimate: float, drawn: NDArray[np.float64], level: float
) -> Comparison:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Comparison(
        champion=seen[0],
        challenger=seen[1],
        estimate=estimate,
        low=float(low),
        high=float(high),
        level=level,
    )
