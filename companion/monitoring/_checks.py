"""What all statistics here refuse, in the same words."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, SettingError

__all__ = ["GROUPS", "check_level", "read_counts", "read_group"]

# Two versions that are compared, in the order of all arguments and arrays.
GROUPS = ("champion", "challenger")


def check_level(level: float) -> None:
    """Refuse a confidence that is not between 0 and 1.

    Raises
    ------
    SettingError
        If it is not.
    """
    if not 0 < level < 1:
        raise SettingError(f"level is {level!r}; expected a share between 0 and 1.")


def read_group(
    values: ArrayLike, group: str, *, at_least: int = 1
) -> NDArray[np.float64]:
    """Read the rows of a group as finite numbers.

    Raises
    ------
    DataError
        If the values are not one finite number a row, or too few.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 1:
        raise DataError(
            f"{group} has the shape {rows.shape}; expected one number a row."
        )
    n_unusable = int((~np.isfinite(rows)).sum())
    if n_unusable:
        raise DataError(
            f"{group} has NaN or infinite values ({n_unusable} of {rows.size}); leave "
            "rows without a value out, and say how many they were."
        )
    if rows.size < at_least:
        raise DataError(
            f"{group} has too few rows ({rows.size}); expected at least {at_least}. "
            "Without rows in both groups there is nothing to compare."
        )
    return rows


def read_counts(
    events: ArrayLike, totals: ArrayLike, *, n_dimensions: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read how many rows of each group had an event, and how many rows there were.

    Raises
    ------
    DataError
        If these are not whole numbers of two groups, if a group has more events than
        rows, or no rows at all.
    """
    hits = np.asarray(events, dtype=np.float64)
    rows = np.asarray(totals, dtype=np.float64)
    if hits.shape != rows.shape or hits.ndim != n_dimensions or len(hits) != 2:
        raise DataError(
            f"events have the shape {hits.shape} and totals {rows.shape}; expected the "
            f"same shape, the champion's first, then the challenger's."
        )
    for name, counts in (("events", hits), ("totals", rows)):
        # NaN is no whole number either: it differs from itself.
        if not ((counts >= 0) & (counts == np.floor(counts)) & (counts < np.inf)).all():
            raise DataError(f"{name} are {counts.tolist()}; expected whole numbers.")
    for group, had, of in zip(GROUPS, hits, rows, strict=True):
        if (had > of).any():
            raise DataError(
                f"{group} has {had.tolist()} events in {of.tolist()} rows; expected at "
                "most one event a row."
            )
        if of.sum() == 0:
            raise DataError(
                f"{group} has too few rows (0); expected at least 1. "
                "Without rows in both groups there is nothing to compare."
            )
    return hits, rows
