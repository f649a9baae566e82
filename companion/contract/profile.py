"""The training profile of a model: into which bins the values of its inputs fall.

A profile says, for each column of the training data, where its bins are and how many
training rows are in each. The values of a day are counted in the same bins, and the two
counts are compared. In a model folder, and in the log, a profile is JSON::

    {"rain_mm": {"kind": "number", "edges": [0.0, 0.3, 4.1, 55.9],
                 "counts": {"0": 412, "1": 98, "2": 99, "missing": 2}},
     "weather": {"kind": "category", "values": ["rain", "sun"],
                 "counts": {"0": 301, "1": 276, "other": 34}}}

A bin is named by its number, from "0" on: that of `edges` for numbers, that of `values`
for texts and booleans. Bin i of a number reaches from edge i up to edge i + 1 without
it; the last bin includes its upper edge, and may be that one value alone. Beyond the
edges are "below" and "above", a value that is not among `values` is in "other", and
what is null, NaN or absent in "missing". What is not of the column's kind is in "other"
as well. Counts of 0 are left out.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from companion.errors import ModelError

__all__ = ["ABOVE", "BELOW", "MISSING", "OTHER", "ColumnProfile", "read_profile"]

BELOW = "below"
ABOVE = "above"
MISSING = "missing"
OTHER = "other"
_NUMBER, _CATEGORY = "number", "category"


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """The bins of one column, and how many training rows are in each.

    `edges` are those of a column of numbers, None for other columns; `values` are the
    texts or booleans that have a bin of their own. Make one with `of_numbers`,
    `of_values` or `from_json`.
    """

    edges: tuple[float, ...] | None
    values: tuple[str | bool, ...]
    counts: Mapping[str, int]

    @classmethod
    def of_numbers(cls, edges: Sequence[float], counts: Mapping[str, int]) -> Self:
        """Make the profile of a column of numbers."""
        return cls(tuple(edges), (), dict(counts))

    @classmethod
    def of_values(cls, values: Sequence[str | bool], counts: Mapping[str, int]) -> Self:
        """Make the profile of a column of texts or booleans."""
        return cls(None, tuple(values), dict(counts))

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read what `to_json` gave; ModelError if it is anything else."""
        found = data if isinstance(data, dict) else {}
        edges, values = found.get("edges"), found.get("values")
        counts = found.get("counts") or {}
        are_counts = isinstance(counts, dict) and all(
            isinstance(name, str) and type(n) is int and n >= 0
            for name, n in counts.items()
        )
        if found.get("kind") == _NUMBER and _are_edges(edges) and are_counts:
            return cls.of_numbers(edges, counts)  # type: ignore[arg-type]  # a list it is
        if found.get("kind") == _CATEGORY and _are_values(values) and are_counts:
            return cls.of_values(values, counts)  # type: ignore[arg-type]  # a list it is
        raise ModelError(
            f"{str(data)[:80]} are no bins; expected are kind number with its edges, "
            "or kind category with its values"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON and YAML can hold it."""
        counts = dict(self.counts)
        if self.edges is None:
            return {"kind": _CATEGORY, "values": list(self.values), "counts": counts}
        return {"kind": _NUMBER, "edges": list(self.edges), "counts": counts}

    def bin_of(self, value: object) -> str:
        """Name the bin of a value as JSON or the log has it.

        Examples
        --------
        >>> rain = ColumnProfile.of_numbers([0.0, 0.3, 4.1], {})
        >>> [rain.bin_of(value) for value in (0, 0.3, 4.1, 4.2, None)]
        ['0', '1', '1', 'above', 'missing']
        """
        if value is None:
            return MISSING
        if self.edges is None:
            return self._bin_of_value(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return OTHER
        if value != value:  # noqa: PLR0124 - NaN alone differs from itself
            return MISSING
        number = bisect_right(self.edges, value)
        if number == len(self.edges):
            return str(number - 2) if value == self.edges[-1] else ABOVE
        return str(number - 1) if number else BELOW

    def _bin_of_value(self, value: object) -> str:
        if isinstance(value, float) and math.isnan(value):
            return MISSING
        # Types are compared as well: True is not 1, though Python finds them equal.
        for number, known in enumerate(self.values):
            if value == known and type(value) is type(known):
                return str(number)
        return OTHER


def read_profile(profile: object) -> dict[str, ColumnProfile]:
    """Read the profile of all columns; ModelError names the one that is wrong."""
    if not isinstance(profile, dict):
        raise ModelError(
            f"the profile is {str(profile)[:80]!r}; expected is, for each column, its "
            "name with its bins. `companion profile` writes one."
        )
    columns = {}
    for name, bins in profile.items():
        try:
            columns[str(name)] = ColumnProfile.from_json(bins)
        except ModelError as err:
            raise ModelError(
                f"the profile of column {name!r} is wrong: {err}."
            ) from None
    return columns


def _are_edges(edges: object) -> bool:
    if not isinstance(edges, list) or len(edges) < 2:
        return False
    if not all(type(edge) in (int, float) and math.isfinite(edge) for edge in edges):
        return False
    in_order = all(low < high for low, high in pairwise(edges[:-1]))
    return in_order and edges[-2] <= edges[-1]


def _are_values(values: object) -> bool:
    return (
        isinstance(values, list)
        and all(isinstance(value, str | bool) for value in values)
        and len({(type(value), value) for value in values}) == len(values)
    )
