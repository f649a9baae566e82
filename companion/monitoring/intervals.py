"""Means with confidence intervals, for rows that may depend on their neighbors.

Pure functions of arrays. `companion.terrace` uses them for days in EUR, the gate of
`companion.tracking` for the difference between two models.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, SettingError
from companion.monitoring._checks import check_level

__all__ = ["Interval", "mean_interval"]

# Rows drawn at once: enough for NumPy to be quick, and 32 MB of memory.
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its confidence interval.

    Attributes
    ----------
    mean : float
        Mean of the rows (such as days) seen, in their unit.
    low, high : float
        Ends of the interval, in the same unit.
    level : float
        Its confidence, between 0 and 1.
    """

    mean: float
    low: float
    high: float
    level: float


def mean_interval(
    values: ArrayLike,
    *,
    level: float = 0.95,
    block: int = 1,
    n_resamples: int = 2000,
    seed: int = 0,
    row: str = "row",
) -> Interval:
    """Put an interval around the mean of rows that depend on their neighbors.

    The moving-block bootstrap: draw blocks of neighboring rows with replacement until
    the series is as long as before, take its mean, repeat, and keep the middle of those
    means. Blocks of one row are the plain bootstrap.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        One value a row, in their order.
    level : float, default=0.95
        Confidence, between 0 and 1.
    block : int, default=1
        Length of a block in rows, at least 1; shorter series are one block.
    n_resamples : int, default=2000
        Number of series drawn, at least 1.
    seed : int, default=0
        Seed of the draws; the same seed gives the same interval.
    row : str, default="row"
        What a row is called in messages, such as "day".

    Returns
    -------
    Interval

    Raises
    ------
    DataError
        If there are no values, or not all are finite numbers.
    SettingError
        If `level`, `block` or `n_resamples` is out of its range.

    References
    ----------
    H. R. Künsch, "The Jackknife and the Bootstrap for General Stationary
    Observations", Annals of Statistics 17(3), 1989.
    """
    for name, number in ((f"block_{row}s", block), ("n_resamples", n_resamples)):
        if number < 1:
            raise SettingError(f"{name} is {number!r}; expected at least 1.")
    check_level(level)
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or series.size == 0 or not np.isfinite(series).all():
        raise DataError(
            f"values have the shape {series.shape}; expected one finite number a "
            f"{row}, for at least one {row}."
        )
    means = _resample_means(series, min(block, series.size), n_resamples, seed)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(
        mean=float(series.mean()), low=float(low), high=float(high), level=level
    )


def _resample_means(
    series: NDArray[np.float64], block: int, n_resamples: int, seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    n_blocks = -(-series.size // block)
    step = max(1, _CHUNK // series.size)
    parts = []
    for first in range(0, n_resamples, step):
        size = (min(step, n_resamples - first), n_blocks, 1)
        starts = rng.integers(0, series.size - block + 1, size=size)
        rows = (starts + np.arange(block)).reshape(size[0], -1)[:, : series.size]
        parts.append(series[rows].mean(axis=1))
    means: NDArray[np.float64] = np.concatenate(parts)
    return means
