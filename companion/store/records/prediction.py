"""The record of one answered prediction.

A record that exists can be written: whatever the journal or a database would
refuse later (overlong text, NaN, a time without a zone) is refused when the
record is built.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from companion.errors import SettingError
from companion.store.records.fields import (
    Record,
    check_json,
    check_number,
    check_text,
)

__all__ = ["Prediction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Record):
    """One answered prediction; one row of the table `predictions`.

    Attributes
    ----------
    id : str
        Identity of this prediction, unique over time and machines; 1 to 200
        characters, as all texts here.
    request_id : str
        Identity of the request that it answered.
    created_at : datetime
        When the model answered, timezone-aware, UTC.
    model_name : str
        Name of the model.
    model_version : str
        Version of the model.
    inputs : dict
        The row that the model saw: column name to JSON value, no NaN.
    value : float or None
        The number that the model answered: a probability, or a number in the
        target's unit. None if its answer is not one number.
    latency_ms : float
        Time that the checks of its request and the model took together, without
        reading the request and writing the record, in milliseconds; >= 0.
    label : str or None
        The class that the model chose, as text: ``"rain"``, ``"3"``, ``"true"``.
    score : float or None
        The probability that the model gave that class.
    outputs : JSON value or None
        What else it answered: probabilities of several classes, several
        numbers, a text, an object.
    params : dict or None
        Parameters that the request gave the model.
    trace_id : str or None
        Trace that the request belongs to (W3C Trace Context).
    extra : dict or None
        Fields that another version of the package wrote and this one does not
        know, by name.

    Raises
    ------
    SettingError
        If a value is of another kind, or cannot be written.
    """

    table: ClassVar[str] = "predictions"

    id: str
    request_id: str
    created_at: datetime
    model_name: str
    model_version: str
    inputs: dict[str, Any]
    value: float | None
    latency_ms: float
    # A field of a later version is optional, and goes above `extra`.
    label: str | None = None
    score: float | None = None
    outputs: Any = None
    params: dict[str, Any] | None = None
    trace_id: str | None = None
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._check_shared()
        check_text("request_id", self.request_id)
        check_text("model_name", self.model_name)
        check_text("model_version", self.model_version)
        if not isinstance(self.inputs, dict):
            raise SettingError(f"inputs must be a dict, got {self.inputs!r:.80}")
        check_json("inputs", self.inputs)
        for name in ("value", "score"):
            if (number := getattr(self, name)) is not None:
                check_number(name, number)
                self._keep_float(name, number)
        self._keep_duration("latency_ms")
        for name in ("label", "trace_id"):
            if getattr(self, name) is not None:
                check_text(name, getattr(self, name))
        if self.outputs is not None:
            check_json("outputs", self.outputs)
        if not isinstance(self.params, dict | None):
            raise SettingError(f"params must be a dict, got {self.params!r:.80}")
        if self.params is not None:
            check_json("params", self.params)
