"""Checkers of chapter 1, "What is MLOps?"."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.exercises import Verdict, check_choice, not_yet, right

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHECKERS"]

_LEAK = "rain_around_mm"
_NO_LEAK = {
    "wettest_3d_mm": (
        "rolling(3) without more looks at a day and the two days before it. "
        "Compute this column with and without the days that follow."
    ),
    "warming_c": (
        "diff() takes the day before away from the day, and both are past. "
        "Compute this column with and without the days that follow."
    ),
}


def _first_month(answer: object) -> Verdict:
    share = _share_called_rain()
    expected = str(share.index[share == 0][0])
    given = str(answer).strip() if _is_month(answer) else ""
    if not re.fullmatch(r"\d{4}-\d{2}", given):
        return not_yet(
            f"{answer!r} is not a month as asked for; expected text with year and "
            'month, such as "2012-05".'
        )
    if given == expected:
        return right("From then on hardly a flag for rain arrives; a default fills in.")
    shares = {str(month): value for month, value in share.items()}
    if given not in shares:
        return not_yet(
            f"{given} has no wet day in the data, so it can say nothing about the "
            "name of one. Keep only days with rain before you count."
        )
    if shares[given] > 0:
        return not_yet(
            f"In {given} there still are wet days called rain: {shares[given]:.0%} of "
            "them. Look for the first month where that share is 0."
        )
    return not_yet(
        f"In {given} no wet day is called rain, but there is an earlier month like "
        "that. Take the first one."
    )


def _is_month(answer: object) -> bool:
    return isinstance(answer, str) or type(answer).__name__ == "Period"


def _share_called_rain() -> "pd.Series[float]":
    import pandas as pd

    from companion.terrace import load_weather

    weather = load_weather()
    rainy = weather[weather["precipitation_mm"] > 0]
    months = pd.DatetimeIndex(rainy.index).to_period("M")
    return rainy["weather"].eq("rain").astype("float64").groupby(months).mean()


def _leak(answer: object) -> Verdict:
    from companion.terrace import FEATURES

    old = dict.fromkeys(
        FEATURES,
        "That feature was there before the AUC jumped. Look at the three new ones.",
    )
    return check_choice(
        answer,
        _LEAK,
        hints={**_NO_LEAK, **old},
        remark="Its window is centred, so a third of it is tomorrow.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "1.1": _first_month,
    "1.2": _leak,
}
