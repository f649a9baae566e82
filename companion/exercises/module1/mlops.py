"""Checkers of chapter 1, "What is MLOps?"."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.exercises import Verdict, check_choice, check_number, not_yet, right

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHECKERS"]

_KINDS = ("classification", "regression", "clustering")

# Each wish of the café: its kind, and what to ask oneself about another one.
_TASKS = {
    "takings of tomorrow, in EUR": (
        "regression",
        "The takings of past days are known. Are they numbers, or a few classes?",
    ),
    "will the delivery be late, yes or no": (
        "classification",
        "Past deliveries are known. How many different answers are there?",
    ),
    "sorts of guests, from what they order": (
        "clustering",
        "Does anybody know the right sort of a past guest, as a label to learn from?",
    ),
    "probability that a guest comes back": (
        "classification",
        "Look at the label, not at the answer: what is known of each past guest?",
    ),
    "minutes until the kitchen is free": (
        "regression",
        "The minutes of past evenings are known. Are they numbers, or a few classes?",
    ),
}

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

_SPREAD_EUR = 45.0
_HALF_WIDTH_EUR = 2.0
_FACTOR = 1.96  # of a 95 % interval


def _kinds_of_task(answer: object) -> Verdict:
    if not isinstance(answer, Mapping):
        return not_yet(
            "A dictionary is expected, each wish with its kind. Keep the one of the "
            "exercise and replace only the `...`."
        )
    missing = [task for task in _TASKS if task not in answer]
    if missing:
        return not_yet(
            f"The wish {missing[0]!r} is not in your dictionary. Keep the wishes as "
            "they are and replace only the `...`."
        )
    for task, (kind, hint) in _TASKS.items():
        hints = {other: f"{task!r}: {hint}" for other in _KINDS if other != kind}
        verdict = check_choice(answer[task], kind, hints=hints)
        if not verdict.passed:
            return verdict
    return right("The kind follows from the label, whatever the answer looks like.")


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
        return right("From then on the word no longer means what a model learned.")
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


def _evenings_each(answer: object) -> Verdict:
    one_mean = (_FACTOR * _SPREAD_EUR / _HALF_WIDTH_EUR) ** 2
    each = 2 * one_mean
    return check_number(
        answer,
        each,
        unit="evenings",
        hint="Set the half width to 2 EUR and solve for n, step by step.",
        slips=[
            (2 * each, "That is both versions together; the exercise asks for each."),
            (
                one_mean,
                "That is for the mean of one version; here the root holds two terms.",
            ),
            (each**0.5, "Both sides have to be squared to get n out of the root."),
            (
                4 * each,
                "Is that for ±1 EUR? The half width is 2 EUR, the whole one 4 EUR.",
            ),
            (each / 4, "Is that for ±4 EUR? 2 EUR is the half width."),
            (each / _SPREAD_EUR, "The standard deviation enters as its square."),
            (each / _FACTOR**2, "Where is the 1.96 of the 95 % interval?"),
        ],
        remark="Half the width would take four times as many.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "1.1": _kinds_of_task,
    "1.2": _leak,
    "1.3": _first_month,
    "1.4": _evenings_each,
}
