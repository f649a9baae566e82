"""Checkers of chapter 5, on observability."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from companion.exercises import Verdict, check_number, kind, not_yet, right

__all__ = ["CHECKERS"]

# The two shares of exercise 5.2.
_N_ANSWERS, _N_UP, _N_DOWN = 400, 9, 3

_WARMTH_EDGES_C = (-50, 5, 10, 15, 20, 25, 50)
_SMALLEST_SHARE = 0.001


def _season_psi(answer: object) -> Verdict:
    from companion.terrace import load_weather

    warmth = load_weather()["temp_max_c"]
    winter = warmth.loc["2014-01":"2014-03"].to_list()
    learned = warmth.loc["2012":"2013"]
    early = learned[[day.month <= 3 for day in learned.index]]

    def against(before: Sequence[float]) -> float:
        return _stability_index(before, winter)

    return check_number(
        answer,
        against(early.to_list()),
        hint=(
            "Compare the bins of January to March 2014 with those days of "
            "2012 and 2013 whose month is 1, 2 or 3."
        ),
        slips=[
            (
                against(learned.to_list()),
                "That is against two whole years, with summers. Keep months 1 to 3.",
            ),
            (
                against(early.loc["2012"].to_list()),
                "That is against 2012 alone; 2013 belongs to the years learned too.",
            ),
            (
                against(early.loc["2013"].to_list()),
                "That is against 2013 alone; 2012 belongs to the years learned too.",
            ),
            (
                against(warmth.loc["2012-01":"2013-03"].to_list()),
                "That slice holds a summer and an autumn. Choose by the month instead.",
            ),
            (
                _stability_index(early.to_list(), warmth.loc["2014"].to_list()),
                "Now 2014 is a whole year. Keep January to March on both sides.",
            ),
        ],
        remark="Most of the alarm was the season; what is left may be drift.",
    )


def _stability_index(before: Sequence[float], now: Sequence[float]) -> float:
    import numpy as np

    # The chapter's bins are closed on the right, as those of pandas.cut.
    edges = _WARMTH_EDGES_C[1:-1]
    n_bins = len(edges) + 1
    shares = [
        np.bincount(np.searchsorted(edges, sample, side="left"), minlength=n_bins)
        / len(sample)
        for sample in (before, now)
    ]
    p, q = np.maximum(shares, _SMALLEST_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


def _pleased(answer: object) -> Verdict:
    if isinstance(answer, str | Mapping) or not hasattr(answer, "__len__"):
        return not_yet(
            f"Your answer is {kind(answer)}; a pair is expected, (lowest, highest)."
        )
    pair: list[object] = list(answer) if hasattr(answer, "__iter__") else []
    if len(pair) != 2:
        return not_yet(
            f"Your answer holds {len(pair)} values; a pair is expected, "
            "(lowest, highest)."
        )
    silent = _N_ANSWERS - _N_UP - _N_DOWN
    rated = _N_UP + _N_DOWN
    lowest, highest = _N_UP / _N_ANSWERS, (_N_UP + silent) / _N_ANSWERS
    if pair[0] == pair[1]:
        return not_yet(
            "Both are the same, as if you knew what the silent ones think. "
            "Count them as not pleased once, and as pleased once."
        )
    first = check_number(
        pair[0],
        lowest,
        hint="The lowest: what if none of the silent 388 was pleased?",
        slips=[
            (highest, "The first is the highest. Give the lowest first."),
            (_N_UP / rated, "That is among those who pressed. Divide by all answers."),
            (0.0, "Nine have said that they were pleased, so it is not nobody."),
        ],
    )
    if not first.passed:
        return first
    second = check_number(
        pair[1],
        highest,
        hint="The highest: what if all of the silent 388 were pleased?",
        tolerance=0.001,  # or 1.0 would pass
        slips=[
            (1.0, "Three have said that they were not pleased, so it is not all."),
            (_N_UP / rated, "That is among those who pressed. Add the silent ones."),
            (silent / _N_ANSWERS, "Those are the silent ones. Who else was pleased?"),
        ],
    )
    if not second.passed:
        return second
    return right("Between the two lies almost everything: 75% was no measurement.")


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "5.1": _season_psi,
    "5.2": _pleased,
}
