"""The record of one answered prediction.

A record that exists can be written: whatever the journal or a database would
refuse later (overlong text, NaN, a time without a zone) is refused when the
record is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from companion.errors import SettingError
from companion.store.records.fields import (
    check_extra,
    check_json,
    check_number,
    check_text,
    check_time,
    read_fields,
)
from companion.store.times import format_time

__all__ = ["Prediction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
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
    value : float
        What the model answered: a probability or a number in the target's unit.
    latency_ms : float
        Time that the checks of its request and the model took together, without
        reading the request and writing the record, in milliseconds; >= 0.
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
    value: float
    latency_ms: float
    # A field of a later version is optional, and goes above this one.
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_text("id", self.id)
        check_text("request_id", self.request_id)
        check_time("created_at", self.created_at)
        check_text("model_name", self.model_name)
        check_text("model_version", self.model_version)
        if not isinstance(self.inputs, dict):
            raise SettingError(f"inputs must be a dict, got {self.inputs!r:.80}")
        check_json("inputs", self.inputs)
        check_number("value", self.value)
        check_number("latency_ms", self.latency_ms)
        # SQLite has no integers of more than 64 bits.
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "latency_ms", float(self.latency_ms))
        if self.latency_ms < 0:
            raise SettingError(f"latency_ms must be >= 0, got {self.latency_ms!r}")
        check_extra(self.extra)

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values.

        Returns
        -------
        dict
            Field name to value; `created_at` as text.
        """
        return {
            "id": self.id,
            "request_id": self.request_id,
            "created_at": format_time(self.created_at),
            "model_name": self.model_name,
            "model_version": self.model_version,
            "inputs": self.inputs,
            "value": self.value,
            "latency_ms": self.latency_ms,
            **(self.extra or {}),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """Build the record from what `to_json` returned.

        Parameters
        ----------
        row : mapping
            Field name to value, as this or another version wrote it.

        Returns
        -------
        Prediction
            The record.

        Raises
        ------
        SettingError
            If a field is missing or of another kind.
        """
        return cls(**read_fields(cls, row))
