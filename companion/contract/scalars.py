"""One value of one of MLflow's simple types: whether it can be used, and as what.

Pure functions of values as Python's JSON parser gives them.
`companion.contract.nested` goes into lists and objects, `companion.contract.columns`
adds a column's range.
"""

import base64
import binascii
import datetime as dt
import math
import sys
from collections.abc import Mapping
from typing import Any

from companion.contract.ranges import Range

__all__ = [
    "DESCRIPTIONS",
    "NUMBER_TYPES",
    "WIDEST",
    "Complaint",
    "as_logged",
    "is_missing",
    "read_scalar",
]

Complaint = tuple[str, str]

# What Python's JSON parser gives for each kind of number. `bool` is a subclass of
# `int`, so types are compared exactly: `true` is not a number.
NUMBER_TYPES: Mapping[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "long": frozenset({int}),
    "float": frozenset({int, float}),
    "double": frozenset({int, float}),
}
DESCRIPTIONS: Mapping[str, str] = {
    "boolean": "true or false",
    "integer": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "string": "text",
    "datetime": "a time such as 2014-05-01T18:00:00, in UTC unless it has an offset",
    "binary": "bytes, as text in base64",
}
_FIRST_INEXACT = 2**53
_LARGEST_FLOAT32 = 3.4028234663852886e38  # IEEE 754 binary32
WIDEST: Mapping[str, Range] = {
    "boolean": Range(0, 1),
    "integer": Range(-(2**31), 2**31 - 1),
    "long": Range(-(2**63), 2**63 - 1),
    "float": Range(-_LARGEST_FLOAT32, _LARGEST_FLOAT32),
    "double": Range(-sys.float_info.max, sys.float_info.max),
}
# A model's times are counted in nanoseconds in 64 bits; these years fit.
_EARLIEST, _LATEST = dt.datetime(1678, 1, 1), dt.datetime(2262, 1, 1)  # noqa: DTZ001 - UTC without an offset, as MLflow wants it
# MLflow writes NaN and NaT for what is missing in a data frame, some of it as text.
_MISSING_TEXTS = frozenset({"NaN", "nan", "NaT"})


def is_missing(kind: str, value: object) -> bool:
    """Tell whether a value stands for none: null, NaN, or NaT.

    As text these two are missing in all columns but those of text.
    """
    if value is None:
        return True
    if type(value) is float:
        return value != value  # noqa: PLR0124 - NaN alone differs from itself
    return type(value) is str and kind != "string" and value in _MISSING_TEXTS


def read_scalar(kind: str, value: object) -> tuple[Any, Complaint | None]:
    """Check one value that is not missing.

    Returns what the model gets (times as `datetime` in UTC without an offset, base64
    as bytes) and, where the value is refused, the code of the reason and the end of a
    sentence that begins "the column … ".
    """
    if kind in NUMBER_TYPES:
        return _read_number(kind, value)
    if not isinstance(value, str):
        return value, ("wrong_type", f"is not {DESCRIPTIONS[kind]}")
    if kind == "datetime":
        return _read_time(value)
    if kind == "binary":
        return _read_bytes(value)
    return value, _complain_about_text(value)


def as_logged(value: Any, given: Any) -> Any:
    """Choose what the log keeps of a checked value: JSON, times with an offset in UTC.

    `value` is what `read_scalar` made of `given`.
    """
    if isinstance(value, dt.datetime):
        has_offset = dt.datetime.fromisoformat(given).tzinfo is not None
        return f"{value.isoformat()}Z" if has_offset else given
    return given if isinstance(value, bytes) else value


def _read_number(kind: str, value: Any) -> tuple[Any, Complaint | None]:
    if type(value) is float and not math.isfinite(value):
        return value, ("not_finite", "is not a finite number")
    if kind == "boolean" and type(value) in (int, float) and value in (0, 1):
        value = bool(value)
    elif kind in ("integer", "long") and type(value) is float and value.is_integer():
        # Programs that know only one kind of number write 3 as 3.0. From 2**53 on
        # a float may stand for several whole numbers, and nobody knows for which.
        if abs(value) >= _FIRST_INEXACT:
            return value, ("out_of_range", "is too large for a whole number as a float")
        value = int(value)
    if type(value) not in NUMBER_TYPES[kind]:
        return value, ("wrong_type", f"is not {DESCRIPTIONS[kind]}")
    if not WIDEST[kind].holds(value):
        return value, ("out_of_range", f"does not fit the type {kind}")
    return value, None


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
        if time.tzinfo is not None:
            time = time.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return value, ("wrong_type", "is not a time")
    if not _EARLIEST <= time < _LATEST:
        return value, ("out_of_range", "is not between the years 1678 and 2261")
    return time, None


def _read_bytes(value: str) -> tuple[Any, Complaint | None]:
    try:
        # MLflow's own examples have line feeds in their base64.
        return base64.b64decode("".join(value.split()), validate=True), None
    except (binascii.Error, ValueError):
        return value, ("wrong_type", "is not base64")
