"""Checkers of chapter 5, on observability."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from companion.exercises import (
    Example,
    Verdict,
    check_function,
    check_number,
    kind,
    not_yet,
    right,
)

__all__ = ["CHECKERS"]

_Span = dict[str, Any]

# The two shares of exercise 5.3.
_N_ANSWERS, _N_UP, _N_DOWN = 400, 9, 3

# The prompt version of exercise 5.4, with USD for a million tokens.
_FRESH_TOKENS, _CACHED_TOKENS, _OUTPUT_TOKENS = 42, 85, 45
_FRESH_USD, _CACHED_USD, _OUTPUT_USD = 2.0, 0.2, 10.0
_SHARE_RIGHT = 0.4

_WARMTH_EDGES_C = (-50, 5, 10, 15, 20, 25, 50)
_SMALLEST_SHARE = 0.001


def _span(name: str, parent: str | None, start_ms: float, end_ms: float) -> _Span:
    return {"id": name, "parent": parent, "start_ms": start_ms, "end_ms": end_ms}


def _self_ms(answer: object) -> Verdict:
    spans = [
        _span("evening", None, 5, 105),
        _span("ask", "evening", 15, 45),
        _span("word", "evening", 50, 100),
        _span("check", "ask", 20, 32),
    ]
    leaf = "A step without children did all of it itself: end minus start."
    return check_function(
        answer,
        [
            Example(args=(spans, "check"), returns=_is_about(12), hint=leaf),
            Example(
                args=(spans, "ask"),
                returns=_is_about(18),
                hint="It lasts 30 ms. Which spans name it as their parent?",
            ),
            Example(
                args=(spans, "evening"),
                returns=_is_about(20),
                hint=(
                    "It lasts 100 ms and has two children. Take away each child "
                    "once; what is inside a child is in its duration already."
                ),
            ),
            Example(
                args=(spans[::-1], "evening"),
                returns=_is_about(20),
                hint="Here the same spans stand in another order. Look at the ids.",
            ),
        ],
        remark="Sort a trace by this, and you know where to start.",
    )


def _is_about(expected_ms: float) -> Callable[[object], bool]:
    # Times may be whole numbers or not: 18 and 18.0 are both right.
    return lambda result: check_number(result, expected_ms, hint="-").passed


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


def _usd_per_thousand_right(answer: object) -> Verdict:
    output = _OUTPUT_TOKENS * _OUTPUT_USD
    cached = _CACHED_TOKENS * _CACHED_USD
    all_in = _FRESH_TOKENS + _CACHED_TOKENS

    def per_thousand(usd_per_million_calls: float) -> float:
        return usd_per_million_calls / 1000

    thousand_calls = per_thousand(_FRESH_TOKENS * _FRESH_USD + cached + output)
    no_cache = per_thousand(all_in * _FRESH_USD + output)
    twice = per_thousand(all_in * _FRESH_USD + cached + output)
    return check_number(
        answer,
        thousand_calls / _SHARE_RIGHT,
        unit="USD",
        hint=(
            "First one call: fresh tokens in, cached tokens in and tokens out, each "
            "by its price. Then: how many calls make a thousand right answers?"
        ),
        slips=[
            (
                thousand_calls,
                "That is a thousand calls. How many make a thousand right answers?",
            ),
            (
                thousand_calls * _SHARE_RIGHT,
                "That is less than a thousand calls cost, but more calls are needed.",
            ),
            (
                no_cache / _SHARE_RIGHT,
                "All tokens in are paid in full there. Some of them were cached.",
            ),
            (
                twice / _SHARE_RIGHT,
                "The cached tokens are among the 127. You have paid for them twice.",
            ),
            (
                thousand_calls / (1 - _SHARE_RIGHT),
                "Is 0.6 the share of right answers, or of wrong ones?",
            ),
            (
                thousand_calls / _SHARE_RIGHT / 1000,
                "That is for one right answer; the exercise asks for a thousand.",
            ),
        ],
        remark="Dividing by all calls hides this price.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "5.1": _self_ms,
    "5.2": _season_psi,
    "5.3": _pleased,
    "5.4": _usd_per_thousand_right,
}
