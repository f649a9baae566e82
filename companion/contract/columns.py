"""One column of a model's inputs: which values it accepts, and why it refuses others.

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

from companion.contract.ranges import Range
from companion.errors import ModelError

__all__ = ["KINDS", "Column", "Complaint", "Kind", "Row"]

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
_DESCRIPTIONS: Mapping[str, str] = {
    "boolean": "true or false",
    "integer": "a whole number, written without a decimal point",
    "long": "a whole number, written without a decimal point",
    "float": "a number",
    "double": "a number",
    "string": "text",
    "datetime": "a UTC time without an offset, such as 2014-05-01T18:00:00",
}
_LARGEST_FLOAT32 = 3.4028234663852886e38  # IEEE 754 binary32
_WIDEST: Mapping[str, Range] = {
    "boolean": Range(0, 1),
    "integer": Range(-(2**31), 2**31 - 1),
    "long": Range(-(2**63), 2**63 - 1),
    "float": Range(-_LARGEST_FLOAT32, _LARGEST_FLOAT32),
    "double": Range(-sys.float_info.max, sys.float_info.max),
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
        Type as MLflow names it, such as ``"double"``.
    required : bool
        Whether each row must give a value.
    allowed : Range or None
        Values that the training data allow, in the column's own unit; None where
        the model folder states none.

    Raises
    ------
    ModelError
        If the column's type cannot hold the allowed values.
    """

    name: str
    kind: Kind
    required: bool = True
    allowed: Range | None = None

    def __post_init__(self) -> None:
        if self.allowed is None:
            return
        widest = _WIDEST.get(self.kind)
        if (
            widest is None
            or not widest.holds(self.allowed.lowest)
            or not widest.holds(self.allowed.highest)
        ):
            raise ModelError(
                f"the range of column {self.name!r} is {self.allowed}; expected are "
                "the lowest and the highest number, for a column of numbers (this "
                f"one: {self.kind})."
            )

    @property
    def expected(self) -> str:
        """Description of the values that this column accepts."""
        description = _DESCRIPTIONS[self.kind]
        return f"{description}, {self.allowed}" if self.allowed else description

    @property
    def is_number(self) -> bool:
        """Whether values are compared with limits: numbers, true and false."""
        return self.kind in _PYTHON_TYPES

    @property
    def types(self) -> frozenset[type]:
        """Python types of the accepted values; only where `is_number`."""
        return _PYTHON_TYPES[self.kind]

    @property
    def limits(self) -> Range:
        """The accepted values; only where `is_number`."""
        return self.allowed or _WIDEST[self.kind]

    def read(self, value: object) -> tuple[Any, Complaint | None]:
        """Check one value, parsed from JSON and not None.

        Returns what the model gets, times as `datetime`, and, where the value is
        refused, the code of the reason and the end of a sentence that begins "the
        column … ".
        """
        if self.is_number:
            return value, self._complain_about_number(value)
        if not isinstance(value, str):
            return value, ("wrong_type", f"is not {_DESCRIPTIONS[self.kind]}")
        if self.kind == "datetime":
            return _read_time(value)
        return value, _complain_about_text(value)

    def plausible(self) -> bool | float | str:
        """Make up a value, for models that came without an example.

        It is the middle of the range, zero, an empty text, or the first day of the year
        2000.
        """
        if self.kind == "boolean":
            return False
        if self.kind == "string":
            return ""
        if self.kind == "datetime":
            return "2000-01-01T00:00:00"
        span = self.allowed
        middle = 0.0 if span is None else span.lowest / 2 + span.highest / 2
        return int(middle) if self.kind in ("integer", "long") else middle

    def _complain_about_number(self, value: Any) -> Complaint | None:
        if type(value) is float and not math.isfinite(value):
            return "not_finite", "is not a finite number"
        if type(value) not in self.types:
            return "wrong_type", f"is not {_DESCRIPTIONS[self.kind]}"
        if self.limits.holds(value):
            return None
        if self.allowed is None:
            return "out_of_range", f"does not fit the type {self.kind}"
        return "out_of_range", "is outside the range that the model was trained for"


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
