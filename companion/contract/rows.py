"""The contract of a model's inputs: which rows it accepts, and why it refuses others.

Pure functions of parsed JSON: nothing here knows of HTTP or of the model.
`companion.serving.http.formats` turns a request's body into rows first. Introduced
in Lab 1.
"""

import difflib
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from companion.contract.columns import Column, Row
from companion.contract.refusals import Refusals, quote_name, refuse

__all__ = ["Contract"]


class Contract:
    """The rows that a model accepts.

    Parameters
    ----------
    columns : sequence of Column
        At least one, in the order of the signature.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self.names = tuple(column.name for column in self.columns)
        self._known = frozenset(self.names)
        # Without text, times and optional columns, three comparisons a value
        # decide; NaN fails each of them.
        self._plain = all(
            column.required and column.is_number for column in self.columns
        )
        self._bounds = tuple(
            (column.types, column.limits.lowest, column.limits.highest)
            for column in self.columns
            if column.is_number
        )
        first = self.names[0]
        self._pick: Any = (
            itemgetter(*self.names)
            if len(self.names) > 1
            else lambda row: (row[first],)
        )

    def check(
        self, rows: Sequence[object], *, max_rows: int = 1000
    ) -> list[tuple[Any, ...]]:
        """Check rows and put their values in the order of the columns.

        Times become `datetime`, absent optional values None. Raises RefusedError with
        one entry for each thing that is wrong.
        """
        if not 0 < len(rows) <= max_rows:
            refuse(
                "too_many_rows" if rows else "no_rows",
                f"The request has {len(rows)} rows."
                + (" Split it into several requests." if rows else ""),
                given=len(rows),
                expected=f"from 1 to {max_rows} rows",
            )
        if self._plain:
            checked = self._check_quickly(rows)
            if checked is not None:
                return checked
        return self._check_thoroughly(rows)

    def _check_quickly(self, rows: Sequence[object]) -> list[tuple[Any, ...]] | None:
        known, pick, bounds = self._known, self._pick, self._bounds
        checked = []
        for row in rows:
            if type(row) is not dict or row.keys() != known:
                return None
            values = pick(row)
            for value, (types, low, high) in zip(values, bounds, strict=True):
                if type(value) not in types or not low <= value <= high:
                    return None
            checked.append(values)
        return checked

    def _check_thoroughly(self, rows: Sequence[object]) -> list[tuple[Any, ...]]:
        refusals = Refusals()
        checked = []
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                refusals.add(
                    "wrong_type",
                    f"Row {number} is not an object.",
                    row=number,
                    given=row,
                    expected="an object with a value for each column",
                )
                continue
            if row.keys() - self._known:
                self._refuse_unknown(number, row, refusals)
            checked.append(
                tuple(_read(column, number, row, refusals) for column in self.columns)
            )
        refusals.raise_if_any()
        return checked

    def _refuse_unknown(self, number: int, row: Row, refusals: Refusals) -> None:
        missing = [name for name in self.names if name not in row]
        for name in row:
            if name in self._known:
                continue
            refusals.add(
                "unknown",
                f"Row {number} has the column {quote_name(name)}, which the model "
                f"does not know.{_hint(name, missing)}",
                row=number,
                column=name,
                given=row[name],
                expected=f"only the columns {_listed(self.names)}",
            )


def _read(column: Column, number: int, row: Row, refusals: Refusals) -> Any:
    name = column.name
    given = row.get(name)
    if given is None:
        if column.required:
            refusals.add(
                "null" if name in row else "missing",
                f"Row {number} has no value for the column {quote_name(name)}.",
                row=number,
                column=name,
                given=None,
                expected=column.expected,
            )
        return None
    value, complaint = column.read(given)
    if complaint is not None:
        reason, what = complaint
        refusals.add(
            reason,
            f"In row {number}, the column {quote_name(name)} {what}.",
            row=number,
            column=name,
            given=given,
            expected=column.expected,
        )
    return value


def _hint(name: str, missing: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:80], missing, n=1)
    return f" Did you mean {quote_name(close[0])}?" if close else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
