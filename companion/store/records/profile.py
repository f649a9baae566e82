"""The record of a model's training profile, by which its inputs are counted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from companion.errors import SettingError
from companion.store.records.fields import Record, check_json, check_text

__all__ = ["ModelProfile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile(Record):
    """The training profile of one model version; one row of `model_profiles`.

    A server writes it before its first prediction, so that the shipper can
    count each input per bin of the profile.

    Attributes
    ----------
    id : str
        Digest of the model's name, its version and the profile.
    created_at : datetime
        When a server wrote it, timezone-aware, UTC.
    model_name, model_version : str
        The model.
    columns : dict
        Column name to its bins, as `companion.contract.profile` has them.
    extra : dict or None
        Fields that another version of the package wrote and this one does not
        know, by name.

    Raises
    ------
    SettingError
        If a value is of another kind, or cannot be written.
    """

    table: ClassVar[str] = "model_profiles"

    id: str
    created_at: datetime
    model_name: str
    model_version: str
    columns: dict[str, Any]
    # A field of a later version is optional, and goes above `extra`.
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._check_shared()
        check_text("model_name", self.model_name)
        check_text("model_version", self.model_version)
        if not isinstance(self.columns, dict):
            raise SettingError(f"columns must be a dict, got {self.columns!r:.80}")
        check_json("columns", self.columns)
