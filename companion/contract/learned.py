"""The contract of a model without a signature: what its first rows looked like."""

from collections.abc import Sequence
from typing import Any

from companion.contract.columns import Column, Row
from companion.contract.params import Param
from companion.contract.refusals import Refusals
from companion.contract.rows import (
    UNNAMED,
    Checked,
    Contract,
    Layout,
    check_number_of_rows,
)

__all__ = ["LearnedContract"]

_ANYTHING = {"type": "any"}


class LearnedContract:
    """Rows like the first ones that the model answered.

    Until then any row passes: an object with a value for each column, or a bare value
    for a model that takes an array. Then columns and their types are fixed, which
    catches a misspelled column or a text where a number was.
    """

    params: tuple[Param, ...] = ()

    def __init__(self) -> None:
        self._learned: Contract | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; none before the first rows."""
        return self._learned.columns if self._learned else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns; none before the first rows."""
        return self._learned.names if self._learned else ()

    @property
    def layout(self) -> Layout | None:
        """How the columns reach the model; None before the first rows."""
        return self._learned.layout if self._learned else None

    @property
    def has_names(self) -> bool:
        """Whether a row is an object of named values."""
        return self._learned is None or self._learned.has_names

    def plausible_row(self) -> Any:
        """Make up a row: there is nothing to go by."""
        return {} if self._learned is None else self._learned.plausible_row()

    def check(
        self,
        rows: Sequence[object],
        *,
        max_rows: int = 1000,
        drop_unknown: bool = False,
        first_row: int = 0,
    ) -> Checked:
        """Check rows as `Contract.check` does, before the first ones for JSON only."""
        check_number_of_rows(rows, max_rows)
        contract = self._learned or _contract_of(rows[0])
        return contract.check(
            rows, max_rows=max_rows, drop_unknown=drop_unknown, first_row=first_row
        )

    def learn(self, checked: Checked) -> None:
        """Keep the shape of rows that the model answered, if they are the first."""
        if self._learned is None:
            first = checked.rows[0]
            row = first if checked.has_names else first[UNNAMED]
            self._learned = _contract_of(row, strict=True)


def _contract_of(first: object, *, strict: bool = False) -> Contract:
    if not isinstance(first, dict):
        column = Column(name=UNNAMED, kind="any", spec=_ANYTHING)
        return Contract([column], layout="array")
    if not first:
        refusals = Refusals()
        refusals.add(
            "wrong_type",
            "Row 0 has no columns.",
            row=0,
            given=first,
            expected="an object with a value for each column",
        )
        raise refusals.error()
    return Contract([_column(name, first, strict=strict) for name in first])


def _column(name: str, row: Row, *, strict: bool) -> Column:
    value = row[name]
    kind = "any"
    if strict and isinstance(value, bool):
        kind = "boolean"
    elif strict and isinstance(value, int | float):
        kind = "double"
    elif strict and isinstance(value, str):
        kind = "string"
    required = strict and value is not None
    return Column(name=name, kind=kind, required=required, spec=_ANYTHING)
