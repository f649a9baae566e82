"""Times as the log stores them, and as people type them.

Everywhere in the log a moment is text of one width, such as
``2026-11-23 14:55:44.123456Z``. Texts of one width sort as the moments do, the
``Z`` says UTC to pandas and to people, and the blank makes SQLite's own
``datetime('now', '-1 hour')`` comparable with it.
"""

import re
from datetime import UTC, datetime, timedelta

from companion.errors import SettingError

__all__ = ["format_time", "parse_time", "read_time"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


def format_time(moment: datetime) -> str:
    """Write a moment in UTC as the log does, in 27 characters.

    Examples
    --------
    >>> format_time(datetime(2026, 11, 23, 14, 55, 44, tzinfo=UTC))
    '2026-11-23 14:55:44.000000Z'
    """
    # The last six characters are "+00:00".
    return moment.isoformat(" ", "microseconds")[:-6] + "Z"


def read_time(text: str) -> datetime:
    """Read a moment that `format_time` wrote; the result is in UTC.

    Raises ValueError if the text is not a moment, or has no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"the time {text!r} has no time zone; expected one like ...Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"the time {text!r} is outside the calendar in UTC") from None


def parse_time(text: str, *, now: datetime) -> datetime:
    """Read a moment as a person types it.

    Parameters
    ----------
    text : str
        ISO 8601 (``2014-06-01``, ``2014-06-01T08:30+02:00``), UTC where it has
        no zone; or an age before `now`: ``90s``, ``30m``, ``2h``, ``3d``, ``1w``.
    now : datetime
        The moment that an age counts from, timezone-aware.

    Returns
    -------
    datetime
        Timezone-aware, UTC.

    Raises
    ------
    SettingError
        If the text is neither.

    Examples
    --------
    >>> now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    >>> parse_time("2h", now=now).isoformat()
    '2026-11-23T10:00:00+00:00'
    >>> parse_time("2014-06-01", now=now).isoformat()
    '2014-06-01T00:00:00+00:00'
    """
    text = text.strip()
    try:
        if age := _AGO.fullmatch(text):
            amount, unit = float(age[1]), _UNITS[age[2]]
            return now.astimezone(UTC) - timedelta(**{unit: amount})
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SettingError(
            f"{text!r} is not a time. Give ISO 8601, such as 2014-06-01 or "
            "2014-06-01T08:30 (UTC unless it names a zone), or an age such as "
            "30m, 2h or 3d."
        ) from None
