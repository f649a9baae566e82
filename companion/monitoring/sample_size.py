"""How many rows a comparison of two versions needs, worked out before it begins.

Pure functions, for one look at the end. A test that is looked at every day
(`companion.monitoring.sequential`) needs more rows at worst, and often stops sooner.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from companion.errors import SettingError
from companion.monitoring._checks import check_level

__all__ = ["SampleSize", "mean_sample_size", "rate_sample_size"]

# From here on Student's t and the normal distribution differ by less than two rows,
# and by less than 0.00001 in power; the noncentral t is slow and inexact far beyond.
_LARGE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """How many rows each group needs.

    Attributes
    ----------
    champion, challenger : int
        Rows of each group.
    difference : float
        The true difference, challenger minus champion, that is to be found.
    power : float
        With which probability it is found, if it is there.
    level : float
        Confidence: one minus the probability to find one that is not there.
    """

    champion: int
    challenger: int
    difference: float
    power: float
    level: float


def rate_sample_size(
    rate: float,
    difference: float,
    *,
    level: float = 0.95,
    power: float = 0.8,
    ratio: float = 1.0,
) -> SampleSize:
    """Say how many rows find a difference of two rates, two-sided.

    With ``p2 = p1 + difference``, r challenger rows for each champion row, and the mean
    rate ``p = (p1 + r p2) / (1 + r)``, the champion needs
    ``(z_level sqrt((1 + r) p q) + z_power sqrt(r p1 q1 + p2 q2))² / (r difference²)``
    rows, where q is 1 - p.

    Parameters
    ----------
    rate : float
        The champion's rate, between 0 and 1.
    difference : float
        Smallest difference that matters, challenger minus champion, not 0.
    level : float, default=0.95
        Confidence, between 0 and 1.
    power : float, default=0.8
        With which probability it is found: above ``1 - level``, below 1.
    ratio : float, default=1.0
        Challenger rows for each champion row: a canary of 10 % has 1 / 9.

    Returns
    -------
    SampleSize

    Raises
    ------
    SettingError
        If an argument is out of its range, or the challenger's rate would be.

    References
    ----------
    J. L. Fleiss, A. Tytun and H. K. Ury, "A Simple Approximation for Calculating Sample
    Sizes for Comparing Independent Proportions", Biometrics 36(2), 1980, before its
    continuity correction.

    Examples
    --------
    >>> rate_sample_size(0.5, 0.25, power=0.9).challenger
    77
    """
    _check_plan(difference, level, power, ratio)
    other = rate + difference
    if not (0 < rate < 1 and 0 < other < 1):
        raise SettingError(
            f"rate is {rate!r}, and {other!r} with the difference; expected both "
            "between 0 and 1."
        )
    z_level, z_power = _normal_quantiles(level, power)
    pooled = (rate + ratio * other) / (1 + ratio)
    root = z_level * math.sqrt((1 + ratio) * pooled * (1 - pooled))
    root += z_power * math.sqrt(ratio * rate * (1 - rate) + other * (1 - other))
    return _make(root**2 / (ratio * difference**2), difference, level, power, ratio)


def mean_sample_size(
    standard_deviation: float,
    difference: float,
    *,
    level: float = 0.95,
    power: float = 0.8,
    ratio: float = 1.0,
) -> SampleSize:
    """Say how many rows find a difference of two means, two-sided.

    The power of Student's t test, from the noncentral t distribution. It starts at the
    normal approximation, ``(1 + 1 / r) (z_level + z_power)² (sd / difference)²`` rows
    of the champion, which is one or two rows short, and goes up.

    Parameters
    ----------
    standard_deviation : float
        Of the rows in a group, above 0.
    difference : float
        Smallest difference that matters, in the same unit, not 0.
    level : float, default=0.95
        Confidence, between 0 and 1.
    power : float, default=0.8
        With which probability it is found: above ``1 - level``, below 1.
    ratio : float, default=1.0
        Challenger rows for each champion row: a canary of 10 % has 1 / 9.

    Returns
    -------
    SampleSize

    Raises
    ------
    SettingError
        If an argument is out of its range.

    References
    ----------
    J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd edition,
    1988, chapter 2.

    Examples
    --------
    Half a standard deviation takes 64 rows of each group:

    >>> mean_sample_size(2.0, 1.0).challenger
    64
    """
    _check_plan(difference, level, power, ratio)
    if not 0 < standard_deviation < math.inf:
        raise SettingError(
            f"standard_deviation is {standard_deviation!r}; expected a number above 0."
        )
    effect = abs(difference) / standard_deviation
    n_champion = (1 + 1 / ratio) * (sum(_normal_quantiles(level, power)) / effect) ** 2
    size = _make(n_champion, difference, level, power, ratio)
    while size.champion + size.challenger < _LARGE and (
        _t_test_power(size, effect) < power
    ):
        size = _make(size.champion + 1, difference, level, power, ratio)
    return size


def _check_plan(difference: float, level: float, power: float, ratio: float) -> None:
    check_level(level)
    if difference == 0 or not math.isfinite(difference):
        raise SettingError(
            f"difference is {difference!r}; expected the smallest one that matters, "
            "which is not 0."
        )
    if not 1 - level < power < 1:
        raise SettingError(
            f"power is {power!r}; expected a probability above {1 - level:g}, which is "
            "the share of false alarms, and below 1."
        )
    if not 0 < ratio < math.inf:
        raise SettingError(
            f"ratio is {ratio!r}; expected challenger rows for each champion row, "
            "above 0."
        )


def _normal_quantiles(level: float, power: float) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf((1 + level) / 2), normal.inv_cdf(power)


def _make(
    n_champion: float, difference: float, level: float, power: float, ratio: float
) -> SampleSize:
    # A variance takes two rows.
    champion = max(2, math.ceil(n_champion))
    return SampleSize(
        champion=champion,
        challenger=max(2, math.ceil(n_champion * ratio)),
        difference=difference,
        power=power,
        level=level,
    )


def _t_test_power(size: SampleSize, effect: float) -> float:
    from scipy.special import nctdtr, stdtrit

    freedom = size.champion + size.challenger - 2
    shift = effect / math.sqrt(1 / size.champion + 1 / size.challenger)
    limit = float(stdtrit(freedom, (1 + size.level) / 2))
    found = 1 - nctdtr(freedom, shift, limit) + nctdtr(freedom, shift, -limit)
    return float(found)
