"""The record of one label: what turned out to be true of a prediction.

A label comes later than its prediction, from elsewhere, and perhaps before the
prediction has reached the database. So it knows its prediction by id alone.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from companion.errors import SettingError
from companion.store.records.fields import Record, check_number, check_text

__all__ = ["Label", "make_label"]

# A number as JSON has it, perhaps with zeros before it.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TRUTHS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Record):
    """What was true of one prediction; one row of the table `labels`.

    A prediction has one label: the one given last replaces those before. One that
    says the same again changes nothing.

    Attributes
    ----------
    id : str
        Identity of the prediction; 1 to 200 characters, as all texts here.
    created_at : datetime
        When the label was given, timezone-aware, UTC.
    label : str
        The label as text: ``"rain"``, ``"3"``, ``"true"``, ``"12.8"``.
    value : float or None
        The label as a number, with true as 1 and false as 0. None if it is not one.
    extra : dict or None
        Fields that another version of the package wrote and this one does not
        know, by name.

    Raises
    ------
    SettingError
        If a value is of another kind, or cannot be written.
    """

    table: ClassVar[str] = "labels"

    id: str
    created_at: datetime
    label: str
    # A field of a later version is optional, and goes above `extra`.
    value: float | None = None
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._check_shared()
        check_text("label", self.label)
        if self.value is not None:
            check_number("value", self.value)
            self._keep_float("value", self.value)


def make_label(prediction_id: object, given: object, *, created_at: datetime) -> Label:
    """Make the record of a label, given as text, number or boolean.

    A text that is a number, or ``"true"`` or ``"false"``, says the same as the number
    or boolean, so that a label is the same in JSON, CSV and Parquet.

    Parameters
    ----------
    prediction_id : str
        Identity of the prediction, as its answer and the log have it.
    given : str, float, int or bool
        The label.
    created_at : datetime
        When it was given, timezone-aware, UTC.

    Returns
    -------
    Label
        The record.

    Raises
    ------
    SettingError
        If the id or the label cannot be used.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> label = make_label("r-0", True, created_at=datetime.now(UTC))
    >>> label.label, label.value
    ('true', 1.0)
    """
    if isinstance(given, str):
        text = given
    elif isinstance(given, bool):
        text = json.dumps(given)
    elif isinstance(given, float | int):
        check_number("label", given)
        text = json.dumps(given)
    else:
        raise SettingError(
            "label must be text, a number, true or false, got "
            f"{type(given).__name__} {given!r:.80}"
        )
    check_text("id", prediction_id)
    return Label(
        id=str(prediction_id),
        created_at=created_at,
        label=text,
        value=_number_of(text),
    )


def _number_of(text: str) -> float | None:
    if text in _TRUTHS:
        return _TRUTHS[text]
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
