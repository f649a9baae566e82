"""The contract of a model's inputs: which rows it accepts, and why it refuses others.

Pure functions of parsed JSON: nothing here knows of HTTP or of the model.
`companion.serving.http.formats` turns a request's body into rows first. Introduced
in Lab 1.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from companion.contract.columns import Column, Row
from companion.contract.numbers import MANY, NumberRows
from companion.contract.params import Param
from companion.contract.refusals import Refusals, quote_name, refuse

__all__ = ["UNNAMED", "Checked", "Contract", "Layout", "check_number_of_rows"]

# How the columns reach the model: as a data frame, as a list of values (columns
# without names), as one array, or as an array for each name.
Layout = Literal["frame", "list", "array", "arrays"]
UNNAMED = "input"  # what the one input without a name is called in the log


class Checked(NamedTuple):
    """Rows that a contract accepts.

    Attributes
    ----------
    tuples : list of tuple
        What the model gets, in the order of the columns; None is missing.
    rows : list of dict
        What the log keeps of each row, JSON values by column.
    has_names : bool
        Whether a row was an object of named values rather than a bare value.
    dropped : frozenset of str
        Columns that the model does not know and that were left out.
    array : ndarray of shape (n_rows, n_columns) or None
        The same as `tuples`, where the rows are many and hold nothing but finite
        numbers, true and false; in columns of whole numbers each is exact.
    text : bytes or None
        The list of such rows as JSON, as it was sent. Where no rows were made of it,
        `tuples` is empty, and `rows` has the first one only.
    """

    tuples: list[tuple[Any, ...]]
    rows: list[Row]
    has_names: bool = True
    dropped: frozenset[str] = frozenset()
    array: NDArray[Any] | None = None
    text: bytes | None = None

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.rows) if self.array is None else len(self.array)

    def to_array(self, dtype: DTypeLike | None) -> NDArray[Any]:
        """Return the values as a new array of a type; what is missing becomes NaN."""
        return np.array(self.tuples if self.array is None else self.array, dtype)

    def columns(self) -> Iterable[Any]:
        """Go through the values a column at a time, each a tuple or an array."""
        return zip(*self.tuples, strict=True) if self.array is None else self.array.T


class Contract:
    """The rows that a model accepts.

    Parameters
    ----------
    columns : sequence of Column
        At least one, in the order of the signature.
    layout : {"frame", "list", "array", "arrays"}, default="frame"
        How the columns reach the model. In "list" and "array" a row is a bare value,
        or a list of them where there are several columns.
    params : sequence of Param, optional
        Parameters that a request may give beside its rows.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        layout: Layout = "frame",
        params: Sequence[Param] = (),
    ) -> None:
        self.columns = tuple(columns)
        self.layout = layout
        self.params = tuple(params)
        self.names = tuple(column.name for column in self.columns)
        self._known = frozenset(self.names)
        # Without text, times and optional columns, three comparisons a value
        # decide; NaN fails each of them.
        is_plain = self.has_names and all(
            column.required and column.is_number for column in self.columns
        )
        self.numbers = NumberRows(self.columns) if is_plain else None
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

    @property
    def has_names(self) -> bool:
        """Whether a row is an object of named values; else it is the bare value."""
        return self.layout in ("frame", "arrays")

    def plausible_row(self) -> Any:
        """Make up a row, for models that came without an example."""
        values = {column.name: column.plausible() for column in self.columns}
        if self.has_names:
            return values
        return list(values.values()) if len(values) > 1 else values[self.names[0]]

    def check(
        self,
        rows: Sequence[object],
        *,
        max_rows: int = 1000,
        drop_unknown: bool = False,
        first_row: int = 0,
    ) -> Checked:
        """Check rows and put their values in the order of the columns.

        Times become `datetime`, absent optional values None. Unknown columns are
        refused, or left out with `drop_unknown`. Raises RefusedError with one entry
        for each thing that is wrong; it counts rows from `first_row` on.
        """
        check_number_of_rows(rows, max_rows)
        if self.numbers is not None:
            checked = self._check_quickly(rows, self.numbers)
            if checked is not None:
                return checked
        return self._check_thoroughly(
            rows, drop_unknown=drop_unknown, first_row=first_row
        )

    def _check_quickly(
        self, rows: Sequence[Any], numbers: NumberRows
    ) -> Checked | None:
        """Check rows of numbers; None if any has to be looked at more closely."""
        if len(rows) >= MANY:
            return self._check_many(rows, numbers)
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
        return Checked(checked, rows)  # type: ignore[arg-type]  # all are dicts

    def _check_many(self, rows: Sequence[Any], numbers: NumberRows) -> Checked | None:
        """Check many rows of numbers at once, as one array."""
        width = len(self.names)
        try:
            tuples = list(map(self._pick, rows))
        except (KeyError, TypeError):  # a column is missing, or it is no object
            return None
        if sum(map(len, rows)) > width * len(rows):  # there are other columns
            return None
        array = numbers.check(list(chain.from_iterable(tuples)))
        if array is None:
            return None
        return Checked(tuples, rows, array=array)  # type: ignore[arg-type]  # all are dicts

    def _check_thoroughly(
        self, rows: Sequence[object], *, drop_unknown: bool, first_row: int
    ) -> Checked:
        refusals = Refusals()
        values, logged = [], []
        dropped: set[str] = set()
        for number, given in enumerate(rows, first_row):
            row = self._named(number, given, refusals)
            if row is None:
                continue
            if unknown := row.keys() - self._known:
                if drop_unknown:
                    dropped |= unknown
                else:
                    self._refuse_unknown(number, row, refusals)
            kept: Row = {}
            values.append(
                tuple(_read(one, number, row, kept, refusals) for one in self.columns)
            )
            logged.append(kept)
        refusals.raise_if_any()
        return Checked(values, logged, self.has_names, frozenset(dropped))

    def _named(self, number: int, row: object, refusals: Refusals) -> Row | None:
        expected = "an object with a value for each column"
        what = "is not an object"
        if self.has_names:
            if isinstance(row, dict):
                return row
        elif len(self.names) == 1:
            return {self.names[0]: row}
        elif isinstance(row, list) and len(row) == len(self.names):
            return dict(zip(self.names, row, strict=True))
        else:
            expected = f"a list of {len(self.names)} values"
            what = "does not fit the columns"
        refusals.add(
            "wrong_type",
            f"Row {number} {what}.",
            row=number,
            given=row,
            expected=expected,
        )
        return None

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


def check_number_of_rows(
    rows: Sequence[object], max_rows: int, *, noun: str = "rows"
) -> None:
    """Refuse a request without rows, or with more than it may have."""
    if not 0 < len(rows) <= max_rows:
        refuse(
            "too_many_rows" if rows else "no_rows",
            f"The request has {len(rows)} {noun}."
            + (" Split it into several requests." if rows else ""),
            given=len(rows),
            expected=f"from 1 to {max_rows} {noun}",
        )


def _read(column: Column, number: int, row: Row, kept: Row, refusals: Refusals) -> Any:
    name = column.name
    given = row.get(name)
    # In a required column NaN is a wrong number rather than none.
    if (given is None and column.kind not in ("any", "tensor")) or (
        not column.required and column.is_missing(given)
    ):
        if column.required:
            refusals.add(
                "null" if name in row else "missing",
                f"Row {number} has no value for the column {quote_name(name)}.",
                row=number,
                column=name,
                given=None,
                expected=column.expected,
            )
        elif name in row:
            kept[name] = None
        return None
    value, kept[name], complaint = column.read(given)
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
    if not close:
        return ""
    return f" Did you mean {quote_name(close[0])}?{_strange(name[:80], close[0])}"


def _strange(name: str, meant: str) -> str:
    """Point out a character that looks like another, or like none."""
    new = next((one for one in name if one not in meant and not one.isascii()), None)
    if new is None:
        return ""
    code = f"U+{ord(new):04X}"
    return f" The given name has the character {code}, {unicodedata.name(new, code)}."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
