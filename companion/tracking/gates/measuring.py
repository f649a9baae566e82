"""Compares two models row by row, on all rows and on parts of them."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError
from companion.monitoring.intervals import Interval, mean_interval
from companion.tracking.gates.rules import GateRules, QualityRules
from companion.tracking.gates.verdict import Comparison, Outcome, Slice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare", "compare_slices", "judge"]

Floats = NDArray[np.float64]
# Fewer blocks than these say nothing about how far a mean may be off.
_MIN_BLOCKS = 10
_MAX_VALUES = 12
_OTHERS, _MISSING = "other values", "missing"


def compare(
    challenger: Floats,
    champion: Floats,
    rules: QualityRules,
    *,
    title: str,
    unit: str,
    margin: float | None,
) -> Comparison:
    """Compare a figure of both models, given for each row."""

    def around(values: Floats) -> Interval:
        return mean_interval(
            values, level=rules.level, block=rules.block_rows, seed=rules.seed
        )

    return Comparison(
        title=title,
        unit=unit,
        challenger=around(challenger),
        champion=around(champion),
        difference=around(challenger - champion),
        margin=margin,
    )


def judge(difference: Interval, margin: float, n_rows: int, block: int) -> Outcome:
    """Say whether a difference lies at or below the margin, above it, or neither."""
    if n_rows < _MIN_BLOCKS * block:
        return "unclear"
    if difference.high <= margin:
        return "pass"
    return "fail" if difference.low > margin else "unclear"


def compare_slices(
    challenger: Floats, champion: Floats, data: "pd.DataFrame", rules: GateRules
) -> list[Slice]:
    """Compare the models on each part of the rows.

    A slice fails where the challenger is clearly worse than the margin allows. Of many
    slices some look bad by chance: each interval is made wider, so that all of them
    together keep the confidence of the rules.

    References
    ----------
    O. J. Dunn, "Multiple Comparisons Among Means", Journal of the American Statistical
    Association 56(293), 1961.
    """
    parts = list(_cut(data, rules))
    judged = sum(int(mask.sum()) >= rules.slices.min_rows for _, _, mask in parts)
    quality = rules.quality
    level = 1 - (1 - quality.level) / max(judged, 1)
    margin = rules.slices.margin
    margin = quality.margin if margin is None else margin
    found = []
    for column, value, mask in parts:
        n_rows = int(mask.sum())
        difference = mean_interval(
            (challenger - champion)[mask],
            level=level,
            block=quality.block_rows,
            seed=quality.seed,
        )
        outcome: Outcome = judge(difference, margin, n_rows, quality.block_rows)
        if n_rows < rules.slices.min_rows:
            outcome = "shown"
        found.append(
            Slice(
                column=column,
                value=value,
                n_rows=n_rows,
                difference=difference,
                outcome=outcome,
            )
        )
    return found


def _cut(
    data: "pd.DataFrame", rules: GateRules
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    for column in rules.slices.columns:
        if column not in data:
            raise DataError(
                f"the data has no column {column!r}, which the rules cut into slices; "
                f"it has {', '.join(map(str, list(data)[:20]))}. Correct the rules."
            )
        named = _name_values(data[column])
        for value in sorted(set(named), key=_by_number):
            yield column, value, named == value


def _name_values(values: "pd.Series[Any]") -> NDArray[np.object_]:
    """Name the slice of each row."""
    import pandas as pd

    is_missing = (values.isna() | values.eq("")).to_numpy(dtype=bool)
    texts = values.astype(str).to_numpy(dtype=object)
    texts[is_missing] = _MISSING
    distinct, counts = np.unique(texts, return_counts=True)
    if len(distinct) <= _MAX_VALUES:
        return texts
    numbers = pd.to_numeric(values.where(~is_missing), errors="coerce").to_numpy(float)
    if np.isnan(numbers[~is_missing]).any():
        # Texts of many values: the most frequent ones, and the rest together.
        frequent = distinct[np.argsort(-counts, kind="stable")[: _MAX_VALUES - 1]]
        texts[~np.isin(texts, frequent)] = _OTHERS
        return texts
    edges = np.unique(np.quantile(numbers[~is_missing], [0, 0.25, 0.5, 0.75, 1]))
    if len(edges) == 1:
        return texts
    places = np.clip(np.searchsorted(edges, numbers, side="right"), 1, len(edges) - 1)
    shown = _write_short(edges)
    names = [f"{low} to {high}" for low, high in itertools.pairwise(shown)]
    named = np.array([names[place - 1] for place in places], dtype=object)
    named[is_missing] = _MISSING
    return named


def _write_short(edges: Floats) -> list[str]:
    """Write numbers with as few digits as keep them apart, three at least."""
    shown: list[str] = []
    for digits in range(3, 18):
        shown = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(shown)) == len(edges):
            break
    return shown


def _by_number(name: str) -> tuple[bool, float, str]:
    """Sort 2 before 10, and what is no number after both."""
    try:
        return False, float(name.partition(" to ")[0]), name
    except ValueError:
        return True, 0.0, name
