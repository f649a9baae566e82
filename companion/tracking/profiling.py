"""The profile of training data; `companion.contract.profile` says what it holds."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from companion.contract.profile import ColumnProfile
from companion.tracking.columns import read_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["make_profile"]

_MAX_BINS = 10
_MAX_VALUES = 20
_MAX_LENGTH = 100
# A rarer text may be a person's name, and is kept nowhere.
_MIN_SHARE = 0.01


def make_profile(features: "pd.DataFrame") -> dict[str, ColumnProfile]:
    """Make the profile of the columns that hold numbers, texts or booleans.

    Numbers get at most ten bins, whose edges are values of the data at evenly spread
    ranks; a value that takes up several of them gets a bin of its own. Texts get a bin
    for each of the twenty most frequent values that at least two rows and one row in a
    hundred have, of at most 100 characters.
    """
    profile = {}
    for column in read_columns(features):
        values = features[column.key]
        if column.is_number:
            profile[column.name] = _profile_numbers(values)
        elif column.kind in ("string", "boolean"):
            profile[column.name] = _profile_values(values)
    return profile


def _profile_numbers(column: "pd.Series[Any]") -> ColumnProfile:
    import numpy as np

    values = np.sort(column.dropna().to_numpy(dtype="float64"))
    values = values[np.isfinite(values)]
    edges = _edges(values) if values.size else [0.0, 0.0]
    return _count(ColumnProfile.of_numbers(edges, {}), column.to_list())


def _edges(values: Any) -> list[float]:
    """Choose edges among sorted values: strictly rising, or the last one twice."""
    ranks = [round(i * (len(values) - 1) / _MAX_BINS) for i in range(_MAX_BINS + 1)]
    found = Counter(float(values[rank]) for rank in ranks)
    edges = set(found)
    highest = float(values[-1])
    for value, n in found.items():
        if n > 1 and value != highest:
            edges.add(float(values[values > value][0]))
    in_order = sorted(edges)
    is_heap = found[highest] > 1 or len(in_order) == 1
    return [*in_order, highest] if is_heap else in_order


def _profile_values(column: "pd.Series[Any]") -> ColumnProfile:
    values = [value for value in column.to_list() if isinstance(value, str | bool)]
    enough = max(2, _MIN_SHARE * len(column))
    frequent = [
        value
        for value, n in Counter(values).most_common(_MAX_VALUES)
        if isinstance(value, bool) or (n >= enough and len(value) <= _MAX_LENGTH)
    ]
    return _count(ColumnProfile.of_values(frequent, {}), column.to_list())


def _count(bins: ColumnProfile, values: list[Any]) -> ColumnProfile:
    import pandas as pd

    counts = Counter(bins.bin_of(None if value is pd.NA else value) for value in values)
    return ColumnProfile(bins.edges, bins.values, dict(sorted(counts.items())))
