"""Many rows of nothing but numbers, checked as one array.

A thousand rows are thousands of values, and to look at one after the other takes longer
than many models need. What is not plainly right is left to the thorough check of
`companion.contract.rows`, which says what is wrong.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.contract.columns import Column

__all__ = ["MANY", "NumberRows"]

MANY = 20  # rows from which on one array is quicker


class NumberRows:
    """Rows with a number, true or false in each of some columns.

    Their values come one row after the other, each row in the order of the columns.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._width = len(columns)
        are_whole = [column.kind in ("integer", "long") for column in columns]
        is_whole_array = all(are_whole)
        self._dtype = "int64" if is_whole_array else "float64"
        self._code = "q" if is_whole_array else "d"  # the same to `struct`
        types = {column.types for column in columns}
        # Which of all values, row by row, must be of which types.
        self._parts = [(one, slice(None)) for one in types]
        if len(types) > 1:
            self._parts = [
                (column.types, slice(number, None, self._width))
                for number, column in enumerate(columns)
            ]
        lowest, highest = [], []
        for column, is_whole in zip(columns, are_whole, strict=True):
            low, high = column.limits.lowest, column.limits.highest
            if is_whole_array:
                low, high = math.ceil(low), math.floor(high)
            else:  # beyond this it may not be exact: each value is looked at alone
                most = 2.0**53 - 1 if is_whole else 2.0**63
                low, high = max(low, -most), min(high, most)
            lowest.append(low)
            highest.append(high)
        self._lowest = np.array(lowest, self._dtype)
        self._highest = np.array(highest, self._dtype)

    def check(self, values: Sequence[Any]) -> NDArray[Any] | None:
        """Check types and limits; None if any value has to be looked at more closely.

        Returns an array of shape (n_rows, n_columns).
        """
        if all(
            types.issuperset(set(map(type, values[part])))
            for types, part in self._parts
        ):
            return self.check_limits(values)
        return None

    def check_limits(self, values: Sequence[Any]) -> NDArray[Any] | None:
        """Check values of the right types as `check` does."""
        n_values = len(values)
        array = np.empty((n_values // self._width, self._width), self._dtype)
        try:
            # In less than half of the time that NumPy takes for it.
            struct.pack_into(f"{n_values}{self._code}", array.data, 0, *values)
        except (OverflowError, struct.error):
            return None
        # NaN fails both comparisons.
        if (self._lowest <= array).all() and (array <= self._highest).all():
            return array
        return None
