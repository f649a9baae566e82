"""What the staff briefing of one evening may say."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal

from companion.errors import SettingError

__all__ = ["MONTHS", "BriefingFacts", "date_text"]

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefingFacts:
    """The facts of one evening, all known before anything is written.

    Attributes
    ----------
    evening : datetime.date
        The day on whose evening the briefing is written.
    rain_probability : float
        The classic model's probability of rain on the next day, from 0 to 1.
    temp_max_c : float
        The highest temperature of the evening's own day, in °C.
    terrace : {"in", "out"}
        Whether the terrace stays in or goes out on the next day. Decided
        before, from the probability and the costs, never by the language model.

    Raises
    ------
    SettingError
        If the probability, the temperature or the decision is not valid.

    Examples
    --------
    >>> facts = BriefingFacts(
    ...     evening=dt.date(2014, 1, 2),
    ...     rain_probability=0.573,
    ...     temp_max_c=7.2,
    ...     terrace="in",
    ... )
    >>> facts.rain_percent
    57
    """

    evening: dt.date
    rain_probability: float
    temp_max_c: float
    terrace: Literal["in", "out"]

    def __post_init__(self) -> None:
        if not 0 <= self.rain_probability <= 1:
            raise SettingError(
                f"rain_probability is {self.rain_probability!r}; expected a number "
                "from 0 to 1. Divide a percentage by 100."
            )
        if not math.isfinite(self.temp_max_c):
            raise SettingError(
                f"temp_max_c is {self.temp_max_c!r}; expected a temperature in °C."
            )
        if self.terrace not in ("in", "out"):
            raise SettingError(
                f"terrace is {self.terrace!r}; expected 'in' or 'out'. Decide it from "
                "the probability, for example with `CostTable().decide`."
            )

    @property
    def rain_percent(self) -> int:
        """The probability of rain in whole percent, as the staff read it."""
        return round(100 * self.rain_probability)


def date_text(day: dt.date) -> str:
    """Write a date as the briefing does, in English on any system.

    Parameters
    ----------
    day : datetime.date
        The day.

    Returns
    -------
    str
        Day, name of the month and year.

    Examples
    --------
    >>> date_text(dt.date(2014, 1, 2))
    '2 January 2014'
    """
    # strftime would use the language of the reader's system.
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
