"""Chapter 5: right answers pass, and each plausible slip gets its own hint."""

import numpy as np
import pandas as pd
import pytest

from companion.exercises import check
from companion.terrace import load_weather

# (42 * 2 + 85 * 0.2 + 45 * 10) USD for a million calls, worked out by hand.
USD_PER_THOUSAND_CALLS = 0.551
USD_PER_THOUSAND_RIGHT = 1.3775


def _duration(one):
    return one["end_ms"] - one["start_ms"]


def _self_ms(spans, span_id):
    own = next(one for one in spans if one["id"] == span_id)
    return _duration(own) - sum(
        _duration(one) for one in spans if one["parent"] == span_id
    )


def _whole_duration(spans, span_id):
    return next(_duration(one) for one in spans if one["id"] == span_id)


def _without_all_below(spans, span_id):
    children = [one for one in spans if one["parent"] == span_id]
    below = [one for child in children for one in _below(spans, child)]
    return _whole_duration(spans, span_id) - sum(map(_duration, below))


def _below(spans, span):
    children = [one for one in spans if one["parent"] == span["id"]]
    return [span, *(one for child in children for one in _below(spans, child))]


def _first_is_the_one(spans, span_id):
    # Right as long as the root comes first and children follow in order.
    root = spans[0]["id"] == span_id
    return _self_ms(spans, span_id) if root or span_id != "evening" else 0


def _psi(before, now):
    """As the chapter writes it, with pandas."""
    shares = pd.DataFrame({"p": before.value_counts(), "q": now.value_counts()})
    p, q = (shares.fillna(0) / shares.sum()).clip(lower=0.001).to_numpy().T
    return float(np.sum((q - p) * np.log(q / p)))


WARMTH = pd.cut(load_weather()["temp_max_c"], [-50, 5, 10, 15, 20, 25, 50])
WINTER = WARMTH["2014-01":"2014-03"]
LEARNED = WARMTH["2012":"2013"]
EARLY = LEARNED[LEARNED.index.month <= 3]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("5.1", _self_ms),
        ("5.1", lambda spans, span_id: float(_self_ms(spans, span_id))),
        ("5.2", _psi(EARLY, WINTER)),
        ("5.2", np.float64(_psi(EARLY, WINTER))),
        ("5.3", (0.0225, 0.9925)),
        ("5.3", [0.0225, 0.9925]),
        ("5.3", np.array([0.0225, 0.9925])),
        ("5.4", USD_PER_THOUSAND_RIGHT),
        ("5.4", 1.38),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["5.1", "5.2", "5.3", "5.4"])
def test_an_untouched_stub_is_told_what_to_do(exercise):
    assert "replace `...`" in check(exercise, ...).text


def _stub(spans, span_id): ...


def test_an_untouched_function_is_told_what_to_do():
    assert "replace `...`" in check("5.1", _stub).text


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        ("5.1", _whole_duration, "Which spans name it as their parent?"),
        ("5.1", _without_all_below, "Take away each child once"),
        ("5.1", _first_is_the_one, "in another order"),
        ("5.1", lambda *_: 0, "end minus start"),
        ("5.1", 20, "a function is expected"),
        ("5.2", _psi(LEARNED, WINTER), "two whole years"),
        ("5.2", _psi(EARLY["2012"], WINTER), "2012 alone"),
        ("5.2", _psi(EARLY["2013"], WINTER), "2013 alone"),
        ("5.2", _psi(WARMTH["2012-01":"2013-03"], WINTER), "Choose by the month"),
        ("5.2", _psi(EARLY, WARMTH["2014"]), "on both sides"),
        ("5.2", 7.5, "whose month is 1, 2 or 3"),
        ("5.2", "0.2", "without quotes"),
        ("5.3", (0.9925, 0.0225), "the lowest first"),
        ("5.3", (0.75, 0.9925), "among those who pressed"),
        ("5.3", (0, 0.9925), "not nobody"),
        ("5.3", (0.0225, 1), "not all"),
        ("5.3", (0.0225, 0.75), "Add the silent ones"),
        ("5.3", (0.0225, 0.97), "Who else was pleased?"),
        ("5.3", (2.25, 99.25), "not percent"),
        ("5.3", (0.75, 0.75), "Both are the same"),
        ("5.3", 0.75, "a pair is expected"),
        ("5.3", (0.75,), "a pair is expected"),
        ("5.4", USD_PER_THOUSAND_CALLS, "a thousand calls"),
        ("5.4", 0.2204, "more calls are needed"),
        ("5.4", 1.76, "Some of them were cached"),
        ("5.4", 1.8025, "paid for them twice"),
        ("5.4", 0.551 / 0.6, "or of wrong ones"),
        ("5.4", 0.0013775, "for one right answer"),
        ("5.4", 12, "First one call"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_the_chapter_and_its_checker_compute_the_same_index():
    """The checker has an own one, without pandas: the two must not part."""
    assert check("5.2", _psi(EARLY, WINTER) * 1.005).passed
    assert not check("5.2", _psi(EARLY, WINTER) * 1.05).passed
