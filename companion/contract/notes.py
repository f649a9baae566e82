"""What this package adds to the file `MLmodel` of a model folder.

MLflow leaves a place for it, the `metadata`. `companion.tracking` writes the
notes, `companion.serving` reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from companion.contract.profile import ColumnProfile, read_profile
from companion.contract.ranges import Range
from companion.errors import ModelError, SettingError

__all__ = ["CompanionNotes"]

_PLACE, _NAME, _VERSION = "companion", "name", "version"
_RANGES, _PROFILE = "ranges", "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionNotes:
    """Name, version, ranges and training profile of a model.

    Name and version are what the model is called in answers and in the log; None where
    the folder was not written by this package. `ranges` holds the values that each
    column allows, `profile` the bins that its values are counted in.
    """

    name: str | None = None
    version: str | None = None
    ranges: Mapping[str, Range] = field(default_factory=dict)
    profile: Mapping[str, ColumnProfile] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, Any]:
        """Return the notes as MLflow's `metadata`, of values that YAML can hold."""
        ranges = {name: [one.lowest, one.highest] for name, one in self.ranges.items()}
        notes: dict[str, Any] = {
            _NAME: self.name,
            _VERSION: self.version,
            _RANGES: ranges,
        }
        if self.profile:
            notes[_PROFILE] = {
                name: bins.to_json() for name, bins in self.profile.items()
            }
        return {_PLACE: notes}

    @classmethod
    def from_metadata(cls, metadata: object) -> Self:
        """Read the notes out of MLflow's `metadata`, as it was parsed from YAML.

        They are empty where the metadata is None or holds none of ours. Raises
        ModelError if the ranges are not ranges, or the profile is not one.
        """
        notes = metadata.get(_PLACE) if isinstance(metadata, dict) else None
        if not isinstance(notes, dict):
            return cls()
        given = {} if notes.get(_RANGES) is None else notes[_RANGES]
        if not isinstance(given, dict):
            raise ModelError(
                f"the ranges are {str(given)[:80]!r}; expected is, for each column, "
                "its name with the lowest and the highest number."
            )
        return cls(
            name=_as_text(notes.get(_NAME)),
            version=_as_text(notes.get(_VERSION)),
            ranges={str(name): _range(name, ends) for name, ends in given.items()},
            profile=read_profile(notes.get(_PROFILE) or {}),
        )


def _as_text(value: object) -> str | None:
    return str(value) if value else None


def _range(name: object, ends: object) -> Range:
    try:
        return Range.of(ends)
    except SettingError as err:
        raise ModelError(f"the range of column {name!r} is wrong: {err}") from None
