"""Collects what is wrong with the content of a request.

An entry names the row, the column, what was given and what was expected, so
that the sender can fix the request without asking. `companion.serving.http.problems`
sends the entries.
"""

import math
from typing import Any, NoReturn

from companion.errors import RefusedError

__all__ = ["MAX_ENTRIES", "Entry", "Refusals", "quote_name", "refuse"]

Entry = dict[str, Any]

MAX_ENTRIES = 100  # enough to see the pattern; a body of 1 MiB can hold thousands
_LONGEST_TEXT = 80  # characters of a given value that are repeated


class Refusals:
    """Collector of entries; it counts all and keeps the first `MAX_ENTRIES`."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._total = 0

    def add(
        self,
        reason: str,
        detail: str,
        *,
        given: object,
        expected: str,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        """Note one thing that is wrong.

        `reason` is a code such as ``"out_of_range"``, `detail` a sentence for people.
        `given` was parsed from JSON; long values are shortened. Rows count from 0;
        `row` is None where the whole body is meant, `column` where the whole row is.
        """
        self._total += 1
        if len(self._entries) < MAX_ENTRIES:
            self._entries.append(
                {
                    "row": row,
                    "column": None if column is None else _shortened(column),
                    "reason": reason,
                    "given": _as_json(given),
                    "expected": expected,
                    "detail": detail,
                }
            )

    def error(self) -> RefusedError:
        """Return what was collected, at least one entry, as an error."""
        return RefusedError(self._entries, self._total)

    def raise_if_any(self) -> None:
        """Raise a RefusedError if anything was collected."""
        if self._total:
            raise self.error()


def refuse(reason: str, detail: str, *, given: object, expected: str) -> NoReturn:
    """Refuse a whole body for one reason; the arguments are those of `Refusals.add`."""
    refusals = Refusals()
    refusals.add(reason, detail, given=given, expected=expected)
    raise refusals.error()


def quote_name(column: str) -> str:
    """Quote a column's name, shortened where a sender made it absurdly long.

    Examples
    --------
    >>> quote_name("wind_ms")
    '"wind_ms"'
    """
    return f'"{_shortened(column)}"'


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _as_json(given: object) -> object:
    """Make a given value fit for strict JSON: short, finite and flat."""
    if isinstance(given, str):
        return _shortened(given)
    if isinstance(given, dict):
        return f"an object with {len(given)} members"
    if isinstance(given, list):
        return f"a list of {len(given)} values"
    if isinstance(given, float) and not math.isfinite(given):
        return "NaN" if math.isnan(given) else f"{'-' * (given < 0)}Infinity"
    if isinstance(given, int) and abs(given) >= 2**63:  # too large for many readers
        return f"a whole number of {given.bit_length()} bits"
    return given
