"""The record of one request that got a problem instead of an answer.

It says what was wrong by codes only: a value that a client sent, or the text of an
error, may be personal.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from companion.errors import SettingError
from companion.store.records.fields import Record, check_text

__all__ = ["FailedRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRequest(Record):
    """One refused or failed request; one row of the table `failed_requests`.

    Attributes
    ----------
    id : str
        Identity of the request; 1 to 200 characters, as all texts here.
    created_at : datetime
        When it was answered, timezone-aware, UTC.
    status : int
        HTTP status, 400 to 599: below 500 the request was at fault, from 500 on
        the server or its model.
    problem : str
        Kind of problem, the last part of its type's address: ``refused-rows``.
    reason : str or None
        Code of the first thing that is wrong with the rows: ``out_of_range``.
    model_name, model_version : str or None
        The model that was asked; None if there was none.
    latency_ms : float or None
        Time until the request was refused, in milliseconds.
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

    table: ClassVar[str] = "failed_requests"

    id: str
    created_at: datetime
    status: int
    problem: str
    # A field of a later version is optional, and goes above `extra`.
    reason: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    latency_ms: float | None = None
    trace_id: str | None = None
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._check_shared()
        check_text("problem", self.problem)
        for name in ("reason", "model_name", "model_version", "trace_id"):
            if getattr(self, name) is not None:
                check_text(name, getattr(self, name))
        if type(self.status) is not int or not 400 <= self.status <= 599:
            raise SettingError(f"status must be 400 to 599, got {self.status!r:.80}")
        if self.latency_ms is not None:
            self._keep_duration("latency_ms")
