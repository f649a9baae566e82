"""A test of two versions that may be looked at every day, and stopped at any look.

Pure functions of arrays, one batch of rows a look: the mixture sequential probability
ratio test. The rows are taken as independent. A test made for one look raises a false
alarm in one of 20 tests; with 20 looks, stopped at the first alarm, in one of four:
P. Armitage, C. K. McPherson and B. C. Rowe, "Repeated Significance Tests on
Accumulating Data", Journal of the Royal Statistical Society A 132, 1969.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, SettingError
from companion.monitoring._checks import GROUPS, check_level, read_counts, read_group

__all__ = [
    "Look",
    "SequentialTest",
    "mixture_variance",
    "sequential_means",
    "sequential_rates",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What all rows up to one look say.

    Attributes
    ----------
    n_champion, n_challenger : int
        Rows of each group so far.
    difference : float or None
        Challenger minus champion; None while a group has no rows.
    low, high : float
        Ends of the confidence sequence: all looks together contain the true difference
        with the test's level. While too little is known they are -1 and 1 for rates,
        infinite for means.
    p_value : float
        Always valid: the smallest so far. It falls to ``1 - level`` or below at any
        look with at most this probability, if there is no difference.
    """

    n_champion: int
    n_challenger: int
    difference: float | None
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialTest:
    """A test of two versions over its looks.

    Attributes
    ----------
    looks : tuple of Look
        In their order, at least one.
    level : float
        Confidence of all looks together, between 0 and 1.
    mixture_variance : float
        Variance of the differences that the test was tuned for.
    """

    looks: tuple[Look, ...]
    level: float
    mixture_variance: float

    @property
    def stopped_at(self) -> int | None:
        """Index of the first look with a significant difference, or None."""
        for index, look in enumerate(self.looks):
            if look.p_value <= 1 - self.level:
                return index
        return None


def mixture_variance(smallest_difference: float, *, level: float = 0.95) -> float:
    """Choose the variance of the mixture by the smallest difference that matters.

    The rule: a difference that is seen to be just as large is significant with as few
    rows as possible. The interval reaches ``difference ± smallest_difference`` first if
    the variance is ``smallest_difference² x / (1 + x)``, where x solves
    ``x = log(1 + x) + 2 log(1 / (1 - level))``: 8.2 for a level of 0.95.

    Parameters
    ----------
    smallest_difference : float
        Smallest difference that matters, in the unit of the rate or mean, not 0; its
        sign does not count. Chosen before the test begins, never from its data.
    level : float, default=0.95
        Confidence, between 0 and 1.

    Returns
    -------
    float

    Raises
    ------
    SettingError
        If an argument is out of its range.

    References
    ----------
    The minimum of the boundary of S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon,
    "Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences", Annals of
    Statistics 49(2), 2021, proposition 3.

    Examples
    --------
    >>> round(mixture_variance(0.1), 5)
    0.00891
    """
    check_level(level)
    if smallest_difference == 0 or not math.isfinite(smallest_difference):
        raise SettingError(
            f"smallest_difference is {smallest_difference!r}; expected the smallest "
            "one that matters, which is not 0."
        )
    from scipy.special import lambertw

    # Of the two solutions, the positive one.
    x = -1 - float(lambertw(-((1 - level) ** 2) / math.e, k=-1).real)
    return smallest_difference**2 * x / (1 + x)


def sequential_rates(
    events: ArrayLike,
    totals: ArrayLike,
    *,
    smallest_difference: float,
    level: float = 0.95,
) -> SequentialTest:
    """Test two rates, such as shares of wrong answers, at every look.

    As `sequential_means`, with the variance ``s² = p (1 - p)``, where p counts one row
    with and one without an event more in each group (Agresti and Caffo): so a group
    without any event is not taken as certain, and each look counts.

    Parameters
    ----------
    events, totals : array-like of int of shape (2, n_looks)
        Rows with an event, and all rows, that came since the last look: the champion's,
        then the challenger's. Looks without new rows are fine.
    smallest_difference : float
        Smallest difference of the rates that matters; see `mixture_variance`.
    level : float, default=0.95
        Confidence of all looks together, between 0 and 1.

    Returns
    -------
    SequentialTest

    Raises
    ------
    DataError
        If a group has no rows at all, more events than rows, or counts that are not
        whole.
    SettingError
        If `smallest_difference` or `level` is out of its range.

    References
    ----------
    R. Johari, P. Koomen, L. Pekelis and D. Walsh, "Always Valid Inference: Continuous
    Monitoring of A/B Tests", Operations Research 70(3), 2022; A. Agresti and B. Caffo,
    "Simple and Effective Confidence Intervals for Proportions and Differences of
    Proportions", American Statistician 54(4), 2000.

    Examples
    --------
    Two days of 500 rows a group:

    >>> test = sequential_rates(
    ...     [[50, 50], [80, 80]], [[500, 500], [500, 500]], smallest_difference=0.05
    ... )
    >>> [round(look.p_value, 3) for look in test.looks], test.stopped_at
    ([0.092, 0.002], 1)
    """
    variance_of_mixture = mixture_variance(smallest_difference, level=level)
    hits, rows = read_counts(events, totals, n_dimensions=2)
    hits, rows = hits.cumsum(axis=1), rows.cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        rates = hits / rows
    difference = rates[1] - rates[0]
    smoothed = (hits + 1) / (rows + 2)
    variance = _estimate_variance(rows, smoothed * (1 - smoothed), difference)
    return _test(
        rows, difference, variance, variance_of_mixture, level=level, limit=1.0
    )


def sequential_means(
    champion: Sequence[ArrayLike],
    challenger: Sequence[ArrayLike],
    *,
    smallest_difference: float,
    level: float = 0.95,
    min_rows: int = 30,
) -> SequentialTest:
    """Test two means, such as costs of a prediction, at every look.

    With the difference d of the means so far, its estimated variance v, and the mixture
    N(0, m), the likelihood ratio is
    ``L = sqrt(v / (v + m)) exp(m d² / (2 v (v + m)))``. The p-value is the smallest
    ``1 / L`` so far, at most 1, and the interval holds the differences that have
    ``L < 1 / (1 - level)``:
    ``d ± sqrt(v (v + m) / m (log((v + m) / v) - 2 log(1 - level)))``.

    The variance v is the larger of two estimates: the sum of ``s² / n`` of both groups,
    right for any variances, and the variance of all rows together times
    ``1 / n1 + 1 / n2``, as in the z-test of two rates. The first alone raises false
    alarms with a small canary: while it has not met its rare large values, its mean
    and its variance are too small together.

    Means and variances are taken as those of large samples. So a look says nothing
    before both groups have `min_rows` rows, or while all values are alike.

    Parameters
    ----------
    champion, challenger : sequence of array-like of shape (n_rows,)
        The rows that came since the last look, one array a look, as many of each
        group. An array may be empty.
    smallest_difference : float
        Smallest difference of the means that matters; see `mixture_variance`.
    level : float, default=0.95
        Confidence of all looks together, between 0 and 1.
    min_rows : int, default=30
        Rows that each group needs before a look counts, at least 2.

    Returns
    -------
    SequentialTest

    Raises
    ------
    DataError
        If the groups have different numbers of looks, none, no rows at all, or values
        that are NaN or infinite.
    SettingError
        If `smallest_difference`, `level` or `min_rows` is out of its range.

    References
    ----------
    H. Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm",
    Annals of Mathematical Statistics 41(5), 1970; R. Johari, P. Koomen, L. Pekelis and
    D. Walsh, "Always Valid Inference: Continuous Monitoring of A/B Tests", Operations
    Research 70(3), 2022; for estimated variances, I. Waudby-Smith, D. Arbour, R. Sinha,
    E. H. Kennedy and A. Ramdas, "Time-uniform Central Limit Theory and Asymptotic
    Confidence Sequences", Annals of Statistics 52(6), 2024.

    Examples
    --------
    >>> day = [0.0, 80.0] * 50
    >>> better = [0.0, 80.0, 0.0, 0.0] * 25
    >>> test = sequential_means([day] * 3, [better] * 3, smallest_difference=20)
    >>> [round(look.p_value, 4) for look in test.looks], test.stopped_at
    ([0.0081, 0.0, 0.0], 0)
    """
    variance_of_mixture = mixture_variance(smallest_difference, level=level)
    if min_rows < 2:
        raise SettingError(f"min_rows is {min_rows!r}; expected at least 2.")
    if len(champion) != len(challenger):
        raise DataError(
            f"champion has {len(champion)} looks and challenger {len(challenger)}; "
            "expected as many, with an empty array where no rows came."
        )
    parts = [
        _read_batches(batches, group)
        for group, batches in zip(GROUPS, (champion, challenger), strict=True)
    ]
    rows, means, variances, lowest, highest = (
        np.stack(each) for each in zip(*parts, strict=True)
    )
    difference = means[1] - means[0]
    variance = _estimate_variance(rows, variances, difference)
    alike = lowest.min(axis=0) == highest.max(axis=0)
    variance[(rows < min_rows).any(axis=0) | alike] = np.inf
    return _test(
        rows,
        difference,
        variance,
        variance_of_mixture,
        level=level,
        limit=math.inf,
    )


def _read_batches(batches: Sequence[ArrayLike], group: str) -> tuple[Floats, ...]:
    """Give number, mean, variance, minimum and maximum of the rows up to each look.

    Mean and variance are NaN without rows.
    """
    values = [read_group(batch, group, at_least=0) for batch in batches]
    everything = read_group(np.concatenate([[], *values]), group)
    rows = np.cumsum([batch.size for batch in values])
    # Around their mean, or the squares would swallow a small variance.
    center = everything.mean()
    sums = np.cumsum([(batch - center).sum() for batch in values])
    squares = np.cumsum([((batch - center) ** 2).sum() for batch in values])
    with np.errstate(divide="ignore", invalid="ignore"):
        means = sums / rows
        variances = np.maximum(squares - sums * means, 0) / (rows - 1)
    return (
        rows.astype(np.float64),
        center + means,
        variances,
        np.minimum.accumulate([batch.min(initial=np.inf) for batch in values]),
        np.maximum.accumulate([batch.max(initial=-np.inf) for batch in values]),
    )


def _estimate_variance(rows: Floats, variances: Floats, difference: Floats) -> Floats:
    """Give the variance of the difference of two means at each look."""
    total = rows.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        separate = (variances / rows).sum(axis=0)
        within = (rows * variances).sum(axis=0) / total
        between = rows.prod(axis=0) * (difference / total) ** 2
        together = (within + between) * (1 / rows).sum(axis=0)
        larger: Floats = np.maximum(separate, together)
    return larger


def _test(
    rows: Floats,
    difference: Floats,
    variance: Floats,
    mixture: float,
    *,
    level: float,
    limit: float,
) -> SequentialTest:
    """Judge each look; an infinite or unknown variance says nothing."""
    known = np.isfinite(variance)
    v = np.where(known, variance, 1.0)
    d = np.where(known, difference, 0.0)
    evidence = mixture * d**2 / (2 * v * (v + mixture)) - np.log1p(mixture / v) / 2
    p_values = np.where(known, np.exp(-np.maximum(evidence, 0)), 1.0)
    margin = np.sqrt(
        v * (v + mixture) / mixture * (np.log1p(mixture / v) - 2 * math.log1p(-level))
    )
    low = np.where(known, np.maximum(d - margin, -limit), -limit)
    high = np.where(known, np.minimum(d + margin, limit), limit)
    columns: list[list[Any]] = [
        each.tolist() for each in (*rows.astype(int), difference, low, high)
    ]
    looks = tuple(
        Look(
            n_champion=n_champion,
            n_challenger=n_challenger,
            difference=None if math.isnan(seen) else seen,
            low=lowest,
            high=highest,
            p_value=p_value,
        )
        for n_champion, n_challenger, seen, lowest, highest, p_value in zip(
            *columns, np.minimum.accumulate(p_values).tolist(), strict=True
        )
    )
    return SequentialTest(looks=looks, level=level, mixture_variance=mixture)
