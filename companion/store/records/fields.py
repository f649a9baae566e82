"""What every record shares: the checks of its fields, and its way to JSON.

A check that fails raises SettingError with the field's name and value.

Versions of the package may meet in one journal. So a field that came later is
optional, and None where an older version wrote the line; a field that this
version does not know is kept in the record's `extra`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from companion.errors import SettingError
from companion.store.times import format_time, read_time

__all__ = ["Record", "check_json", "check_number", "check_text", "check_time"]

# Long enough for any name; short enough for an index row of PostgreSQL.
_MAX_LENGTH = 200
_PLAIN = frozenset({str, bool, type(None)})
# Python reads and writes nested values recursively, and its limit varies.
_MAX_DEPTH = 32
# Whole numbers with more bits may be beyond what a float can hold.
_MAX_BITS = 1023


def check_text(name: str, text: object) -> None:
    """Refuse what is not text of 1 to 200 characters that a database accepts."""
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_LENGTH:
        raise SettingError(
            f"{name} must be text of 1 to {_MAX_LENGTH} characters, got {text!r:.80}"
        )
    # PostgreSQL accepts no NUL in text, and a lone surrogate cannot be encoded.
    if "\0" in text or (not text.isascii() and _has_surrogate(text)):
        raise SettingError(f"{name} holds a character that is not text: {text!r:.80}")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def check_time(name: str, moment: object) -> None:
    """Refuse what is not a moment in UTC."""
    if not isinstance(moment, datetime) or (
        moment.tzinfo is not UTC and moment.utcoffset() != timedelta(0)
    ):
        raise SettingError(
            f"{name} must be a datetime in UTC, such as datetime.now(UTC), "
            f"got {moment!r:.80}"
        )


def check_number(name: str, number: object) -> None:
    """Refuse what is not a finite number."""
    if isinstance(number, bool) or not isinstance(number, float | int):
        raise SettingError(f"{name} must be a finite number, got {number!r:.80}")
    if isinstance(number, int):
        # Not the number itself: Python refuses to print thousands of digits.
        if (bits := number.bit_length()) > _MAX_BITS:
            raise SettingError(
                f"{name} must be a finite number, got an integer of {bits} bits"
            )
    elif not math.isfinite(number):
        raise SettingError(f"{name} must be a finite number, got {number!r:.80}")


def check_json(name: str, value: object, depth: int = 0) -> None:
    """Refuse what JSON cannot hold, or what is nested too deeply."""
    # Most values are plain and never come here; a subclass of text may.
    if isinstance(value, str | bool):
        return
    if isinstance(value, float | int):
        check_number(name, value)
        return
    if depth > _MAX_DEPTH:
        raise SettingError(
            f"{name:.80} is nested too deeply; at most {_MAX_DEPTH} levels"
        )
    for key, inner in _items(name, value):
        kind = type(inner)  # no function call: this runs for each value of each record
        if kind not in _PLAIN and not (kind is float and math.isfinite(inner)):
            check_json(f"{name}[{key!r:.80}]", inner, depth + 1)


def _items(name: str, value: object) -> Iterable[tuple[object, Any]]:
    if isinstance(value, list | tuple):
        return enumerate(value)
    if not isinstance(value, dict):
        raise SettingError(
            f"{name} must be a JSON value, got {type(value).__name__} {value!r:.80}"
        )
    if set(map(type, value)) != {str}:  # one look at all keys: most are plain text
        for key in value:
            if not isinstance(key, str):
                raise SettingError(f"{name} has the key {key!r:.80}, which is not text")
    return value.items()


class Record:
    """One row of one table of the log; a subclass is a dataclass of its fields.

    Attributes
    ----------
    table : str
        Name of the table that the record belongs to.
    id : str
        Identity of the record, the same however often it is delivered.
    created_at : datetime
        In UTC.
    extra : dict or None
        Fields that another version of the package wrote and this one does not
        know, by name.
    """

    __slots__ = ()
    table: ClassVar[str]

    if TYPE_CHECKING:
        id: str
        created_at: datetime
        extra: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values, `created_at` as text."""
        kind: Any = type(self)
        row = {name: getattr(self, name) for name in _field_names(kind)}
        row["created_at"] = format_time(self.created_at)
        return row | self.extra if self.extra else row

    def to_line(self) -> dict[str, Any]:
        """Return the row as `to_json` does, without optional fields that are None."""
        kind: Any = type(self)
        row = {
            name: value
            for name, is_required in _field_names(kind).items()
            if (value := getattr(self, name)) is not None or is_required
        }
        row["created_at"] = format_time(self.created_at)
        if self.extra:
            row |= {
                key: value for key, value in self.extra.items() if value is not None
            }
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """Build the record from such a row, of this or another version.

        Raises
        ------
        SettingError
            If a field that every version writes is missing, or a value is not
            valid.
        """
        kind: Any = cls
        names = _field_names(kind)
        if missing := [name for name in names if names[name] and name not in row]:
            raise SettingError(
                f"a row of {cls.table} lacks {missing}, it has {sorted(row)!s:.300}"
            )
        created_at = row["created_at"]
        if not isinstance(created_at, str):
            raise SettingError(f"created_at must be text, got {created_at!r:.80}")
        values = {**row, "created_at": read_time(created_at)}
        extra = {}
        if not row.keys() <= names.keys():
            extra = {name: values.pop(name) for name in row if name not in names}
        return kind(**values, extra=extra or None)  # type: ignore[no-any-return]

    def _check_shared(self) -> None:
        check_text("id", self.id)
        check_time("created_at", self.created_at)
        if self.extra is None:
            return
        if not isinstance(self.extra, dict):
            raise SettingError(f"extra must be a dict or None, got {self.extra!r:.80}")
        check_json("extra", self.extra)

    def _keep_duration(self, name: str) -> None:
        duration = getattr(self, name)
        check_number(name, duration)
        if duration < 0:
            raise SettingError(f"{name} must be >= 0, got {duration!r}")
        self._keep_float(name, duration)

    def _keep_float(self, name: str, number: float) -> None:
        # SQLite has no integers of more than 64 bits.
        if type(number) is not float:
            object.__setattr__(self, name, float(number))


@cache
def _field_names(kind: Any) -> Mapping[str, bool]:
    """Name the fields of a record but `extra`, and whether each is required."""
    names = {field.name: field.default is MISSING for field in fields(kind)}
    del names["extra"]
    return names
