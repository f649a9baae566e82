"""Chapter 1: right answers pass, and each plausible slip gets its own hint."""

import pandas as pd
import pytest

from companion.exercises import check


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("1.1", "2013-04"),
        ("1.1", pd.Period("2013-04", "M")),
        ("1.2", "rain_around_mm"),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["1.1", "1.2"])
def test_an_untouched_stub_is_told_what_to_do(exercise):
    verdict = check(exercise, ...)

    assert not verdict.passed
    assert "replace `...`" in verdict.text


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        ("1.1", "2013-03", "still are wet days called rain: 93%"),
        ("1.1", "2013-05", "an earlier month"),
        ("1.1", "2013-07", "no wet day in the data"),
        ("1.1", "April 2013", "not a month as asked for"),
        ("1.1", 4, "not a month as asked for"),
        ("1.2", "wettest_3d_mm", "the two days before it"),
        ("1.2", "warming_c", "both are past"),
        ("1.2", "wet_days_7d", "the three new ones"),
        ("1.2", ["rain_around_mm"], "a list"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_a_hint_does_not_give_the_month_away():
    for month in ("2012-05", "2013-03", "2013-05", "2013-07", "April"):
        assert "2013-04" not in check("1.1", month).text
