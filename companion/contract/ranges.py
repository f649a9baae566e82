"""The range of values that a column of a model allows."""

import math
from dataclasses import dataclass
from typing import Self

from companion.errors import SettingError

__all__ = ["Range"]


@dataclass(frozen=True, slots=True)
class Range:
    """The values from `lowest` to `highest`, both included.

    Attributes
    ----------
    lowest, highest : float
        Finite, in order, in the unit of the column.

    Raises
    ------
    SettingError
        If they are not two finite numbers in order.

    Examples
    --------
    >>> Range(-30, 50.0).holds(11), str(Range(-30, 50.0))
    (True, 'from -30 to 50')
    """

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        ends = (self.lowest, self.highest)
        if (
            not all(type(end) in (int, float) for end in ends)
            or not -math.inf < self.lowest <= self.highest < math.inf
        ):
            raise _not_a_range(list(ends))

    def __str__(self) -> str:
        return f"from {self.lowest:g} to {self.highest:g}"

    @classmethod
    def of(cls, ends: object) -> Self:
        """Make a range of a pair.

        Parameters
        ----------
        ends : Range, or list or tuple of two numbers
            The lowest and the highest value.

        Returns
        -------
        Range
            A range is returned as it is.

        Raises
        ------
        SettingError
            If `ends` is anything else.
        """
        if isinstance(ends, cls):
            return ends
        if not isinstance(ends, list | tuple) or len(ends) != 2:
            raise _not_a_range(ends)
        return cls(*ends)

    def holds(self, value: float) -> bool:
        """Tell whether a value lies in the range.

        Parameters
        ----------
        value : float
            NaN lies in none.

        Returns
        -------
        bool
            Whether it does.
        """
        return self.lowest <= value <= self.highest


def _not_a_range(given: object) -> SettingError:
    return SettingError(
        f"{str(given)[:80]} is not a range; expected are the lowest and the highest "
        "number."
    )
