"""One column of a model's inputs: which values it accepts, and why it refuses others.

Pure functions of values as Python's JSON parser gives them. The types are
MLflow's; `companion.contract.signature` reads them from a model folder, and
`companion.contract.rows` checks whole rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.contract.nested import NESTED_KINDS, describe_type, read_nested
from companion.contract.ranges import Range
from companion.contract.scalars import (
    DESCRIPTIONS,
    NUMBER_TYPES,
    WIDEST,
    Complaint,
    as_logged,
    is_missing,
    read_scalar,
)
from companion.errors import ModelError

__all__ = ["KINDS", "Column", "Row"]

Row = dict[str, Any]

KINDS = frozenset(DESCRIPTIONS) | NESTED_KINDS
_PLAUSIBLE: Mapping[str, Any] = {
    "boolean": False,
    "string": "",
    "datetime": "2000-01-01T00:00:00",
    "binary": "",
    "array": [],
    "map": {},
    "any": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One input of a model.

    Attributes
    ----------
    name : str
        Name of the column in a row.
    kind : str
        Type as MLflow names it, such as ``"double"``.
    required : bool
        Whether each row must give a value.
    allowed : Range or None
        Values that the training data allow, in the column's own unit; None where
        the model folder states none.
    key : int or None
        Name by which the model knows the column, where that is a number.
    spec : mapping
        The whole type, for kinds that are composed of others.

    Raises
    ------
    ModelError
        If the column's type cannot hold the allowed values.
    """

    name: str
    kind: str
    required: bool = True
    allowed: Range | None = None
    key: int | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.allowed is None:
            return
        widest = WIDEST.get(self.kind)
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
        nested = self.kind in NESTED_KINDS
        description = describe_type(self.spec) if nested else DESCRIPTIONS[self.kind]
        return f"{description}, {self.allowed}" if self.allowed else description

    @property
    def is_number(self) -> bool:
        """Whether values are compared with limits: numbers, true and false."""
        return self.kind in NUMBER_TYPES

    @property
    def types(self) -> frozenset[type]:
        """Python types that are accepted as they are; only where `is_number`."""
        return NUMBER_TYPES[self.kind]

    @property
    def limits(self) -> Range:
        """The accepted values; only where `is_number`."""
        return self.allowed or WIDEST[self.kind]

    def is_missing(self, value: object) -> bool:
        """Tell whether a value stands for none."""
        if self.kind in ("any", "tensor"):
            return False  # it is the model that decides
        return is_missing(self.kind, value)

    def read(self, value: object) -> tuple[Any, Any, Complaint | None]:
        """Check one value, parsed from JSON and not missing.

        Returns what the model gets, what the log keeps, and, where the value is
        refused, the code of the reason and the end of a sentence that begins "the
        column … ".
        """
        if self.kind in NESTED_KINDS:
            return read_nested(self.spec, value)
        seen, complaint = read_scalar(self.kind, value)
        if complaint is not None:
            return seen, None, complaint
        if self.allowed is not None and not self.allowed.holds(seen):
            what = "is outside the range that the model was trained for"
            return seen, None, ("out_of_range", what)
        return seen, as_logged(seen, value), None

    def plausible(self) -> Any:
        """Make up a value, for models that came without an example.

        It is the middle of the range, zero, empty, or the first day of the year 2000.
        """
        if self.kind == "object":
            parts = self.spec["properties"]
            return {name: _plausible_part(part) for name, part in parts.items()}
        if self.kind == "tensor":
            return _zeros(self.spec["tensor-spec"])
        if self.kind in _PLAUSIBLE:
            return _PLAUSIBLE[self.kind]
        span = self.allowed
        middle = 0.0 if span is None else span.lowest / 2 + span.highest / 2
        return int(middle) if self.kind in ("integer", "long") else middle


def _plausible_part(spec: Mapping[str, Any]) -> Any:
    return Column(name="", kind=spec["type"], spec=spec).plausible()


def _zeros(tensor: Mapping[str, Any]) -> Any:
    dtype = str(tensor["dtype"])
    value: Any = "" if dtype.startswith(("str", "<U", "object")) else 0
    for size in reversed(tensor["shape"][1:]):
        value = [value] * max(size, 1)
    return value
