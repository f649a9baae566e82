"""One column of a model's inputs: which values it accepts, and why not others.

Pure functions of values as Python's JSON parser gives them. The types are
MLflow's; `companion.contract.signature` reads them from a model folder, and
`companion.contract.rows` checks whole rows.
"""

import datetime as dt
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["KINDS", "Column", "Complaint", "Kind", "Row", "is_range"]

Row = dict[str, Any]
Complaint = tuple[str, str]
Kind = Literal["boolean", "integer", "long", "float", "double", "string", "datetime"]

KINDS = frozenset(get_args(Kind))
_NUMBERS = frozenset({int, float})
# What Python's JSON parser gives for each kind. `bool` is a subclass of `int`,
# so types are compared exactly: `true` is not a number.
_PYTHON_TYPES: Mapping[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "long": frozenset({int}),
    "float": _NUMBERS,
    "double": _NUMBERS,
}
_WORDS: Mapping[str, str] = {
    "boolean": "true or false",
    "integer": "a whole number, written without a decimal point",
    "long": "a whole number, written without a decimal point",
    "float": "a number",
    "double": "a number",
    "string": "text",
    "datetime": "a UTC time without an offset, such as 2014-05-01T18:00:00",
}
_LARGEST_FLOAT32 = 3.4028234663852886e38  # IEEE 754 binary32
_WIDEST: Mapping[str, tuple[float, float]] = {
    "boolean": (False, True),
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "float": (-_LARGEST_FLOAT32, _LARGEST_FLOAT32),
    "double": (-sys.float_info.max, sys.float_info.max),
}
# A model's times are counted in nanoseconds in 64 bits; these years fit.
_EARLIEST, _LATEST = dt.datetime(1678, 1, 1), dt.datetime(2262, 1, 1)  # noqa: DTZ001 - UTC without an offset, as MLflow wants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One input of a model.

    Attributes
    ----------
    name : str
        Name of the column.
    kind : str
        Type in MLflow's words, such as ``"double"``.
    required : bool
        Whether each row must give a value.
    lowest, highest : float or None
        Range that the training data allow, in the column's own unit; None where
        the model folder states none.
    """

    name: str
    kind: Kind
    required: bool = True
    lowest: float | None = None
    highest: float | None = None

    @property
    def expected(self) -> str:
        """What a value of this column must be, in words."""
        words = _WORDS[self.kind]
        if self.lowest is None:
            return words
        return f"{words}, from {self.lowest:g} to {self.highest:g}"

    @property
    def is_number(self) -> bool:
        """Whether values are compared with limits: numbers, true and false."""
        return self.kind in _PYTHON_TYPES

    @property
    def types(self) -> frozenset[type]:
        """Python types of the accepted values; only where `is_number`."""
        return _PYTHON_TYPES[self.kind]

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest accepted value; only where `is_number`."""
        if self.lowest is None or self.highest is None:
            return _WIDEST[self.kind]
        return self.lowest, self.highest

    def read(self, value: object) -> tuple[Any, Complaint | None]:
        """Check one value.

        Parameters
        ----------
        value : object
            Parsed from JSON; not None.

        Returns
        -------
        value : object
            What the model gets; times as `datetime`.
        complaint : tuple of str, or None
            Where the value is refused: a word for programs, and what the value
            is, to go on after "the column … ".
        """
        if self.is_number:
            return value, self._complain_about_number(value)
        if not isinstance(value, str):
            return value, ("wrong_type", f"is not {_WORDS[self.kind]}")
        if self.kind == "datetime":
            return _read_time(value)
        return value, _complain_about_text(value)

    def plausible(self) -> bool | float | str:
        """Make up a value, for models that came without an example.

        Returns
        -------
        bool, int, float or str
            The middle of the range, zero, an empty text, or the first day of
            the year 2000.
        """
        if self.kind == "boolean":
            return False
        if self.kind == "string":
            return ""
        if self.kind == "datetime":
            return "2000-01-01T00:00:00"
        low, high = self.limits
        middle = 0.0 if self.lowest is None else low / 2 + high / 2
        return int(middle) if self.kind in ("integer", "long") else middle

    def _complain_about_number(self, value: Any) -> Complaint | None:
        if type(value) is float and not math.isfinite(value):
            return "not_finite", "is not a finite number"
        if type(value) not in self.types:
            return "wrong_type", f"is not {_WORDS[self.kind]}"
        low, high = self.limits
        if low <= value <= high:
            return None
        if self.lowest is None:
            return "out_of_range", f"does not fit the type {self.kind}"
        return "out_of_range", "is outside the range that the model was trained for"


def is_range(kind: Kind, span: object) -> bool:
    """Tell whether a range can belong to a column.

    Parameters
    ----------
    kind : str
        Type of the column in MLflow's words.
    span : object
        What the model folder states.

    Returns
    -------
    bool
        True for two finite numbers in order, within the type.

    Examples
    --------
    >>> is_range("double", [0, 12.5]), is_range("double", [5, 4])
    (True, False)
    """
    if kind not in _WIDEST or not isinstance(span, list | tuple) or len(span) != 2:
        return False
    if not all(type(end) in _NUMBERS for end in span):
        return False
    widest_low, widest_high = _WIDEST[kind]
    return bool(widest_low <= span[0] <= span[1] <= widest_high)


def _complain_about_text(value: str) -> Complaint | None:
    # Databases refuse both, so such a row could be answered but never logged.
    if "\x00" in value:
        return "wrong_type", "holds a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "wrong_type", "holds half of a surrogate pair, which is not a character"
    return None


def _read_time(value: str) -> tuple[Any, Complaint | None]:
    try:
        time = dt.datetime.fromisoformat(value)
    except ValueError:
        return value, ("wrong_type", "is not a time")
    if time.tzinfo is not None:
        return value, ("wrong_type", "has an offset; times are UTC without one")
    if not _EARLIEST <= time < _LATEST:
        return value, ("out_of_range", "is not between the years 1678 and 2261")
    return time, None
