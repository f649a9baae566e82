"""Chapter 5: right answers pass, and each plausible slip gets its own hint."""

import numpy as np
import pandas as pd
import pytest

from companion.exercises import check
from companion.terrace import load_weather


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
        ("5.1", _psi(EARLY, WINTER)),
        ("5.1", np.float64(_psi(EARLY, WINTER))),
        ("5.2", (0.0225, 0.9925)),
        ("5.2", [0.0225, 0.9925]),
        ("5.2", np.array([0.0225, 0.9925])),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["5.1", "5.2"])
def test_an_untouched_stub_is_told_what_to_do(exercise):
    assert "replace `...`" in check(exercise, ...).text


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        ("5.1", _psi(LEARNED, WINTER), "two whole years"),
        ("5.1", _psi(EARLY["2012"], WINTER), "2012 alone"),
        ("5.1", _psi(EARLY["2013"], WINTER), "2013 alone"),
        ("5.1", _psi(WARMTH["2012-01":"2013-03"], WINTER), "Choose by the month"),
        ("5.1", _psi(EARLY, WARMTH["2014"]), "on both sides"),
        ("5.1", 7.5, "whose month is 1, 2 or 3"),
        ("5.1", "0.2", "without quotes"),
        ("5.2", (0.9925, 0.0225), "the lowest first"),
        ("5.2", (0.75, 0.9925), "among those who pressed"),
        ("5.2", (0, 0.9925), "not nobody"),
        ("5.2", (0.0225, 1), "not all"),
        ("5.2", (0.0225, 0.75), "Add the silent ones"),
        ("5.2", (0.0225, 0.97), "Who else was pleased?"),
        ("5.2", (2.25, 99.25), "not percent"),
        ("5.2", (0.75, 0.75), "Both are the same"),
        ("5.2", 0.75, "a pair is expected"),
        ("5.2", (0.75,), "a pair is expected"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_the_chapter_and_its_checker_compute_the_same_index():
    """The checker has an own one, without pandas: the two must not part."""
    assert check("5.1", _psi(EARLY, WINTER) * 1.005).passed
    assert not check("5.1", _psi(EARLY, WINTER) * 1.05).passed
