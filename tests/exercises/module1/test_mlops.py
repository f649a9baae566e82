"""Chapter 1: right answers pass, and each plausible slip gets its own hint."""

import pandas as pd
import pytest

from companion.exercises import check

KINDS = {
    "takings of tomorrow, in EUR": "regression",
    "will the delivery be late, yes or no": "classification",
    "sorts of guests, from what they order": "clustering",
    "probability that a guest comes back": "classification",
    "minutes until the kitchen is free": "regression",
}

# 2 * (1.96 * 45 / 2) ** 2, worked out by hand.
EVENINGS_EACH = 3889.62


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("1.1", KINDS),
        ("1.1", {task: kind.title() for task, kind in KINDS.items()}),
        ("1.2", "rain_around_mm"),
        ("1.3", "2013-04"),
        ("1.3", pd.Period("2013-04", "M")),
        ("1.4", EVENINGS_EACH),
        ("1.4", 3890),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize(
    ("exercise", "stub"),
    [
        ("1.1", dict.fromkeys(KINDS, ...)),
        ("1.2", ...),
        ("1.3", ...),
        ("1.4", ...),
    ],
)
def test_an_untouched_stub_is_told_what_to_do(exercise, stub):
    verdict = check(exercise, stub)

    assert not verdict.passed
    assert "replace `...`" in verdict.text


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        (
            "1.1",
            KINDS | {"probability that a guest comes back": "regression"},
            "'probability that a guest comes back': Look at the label",
        ),
        (
            "1.1",
            KINDS | {"sorts of guests, from what they order": "classification"},
            "Does anybody know the right sort",
        ),
        (
            "1.1",
            KINDS | {"takings of tomorrow, in EUR": "number"},
            "none of the choices",
        ),
        ("1.1", list(KINDS.values()), "A dictionary is expected"),
        ("1.1", {"takings": "regression"}, "'takings of tomorrow, in EUR' is not in"),
        ("1.2", "wettest_3d_mm", "the two days before it"),
        ("1.2", "warming_c", "both are past"),
        ("1.2", "wet_days_7d", "the three new ones"),
        ("1.2", ["rain_around_mm"], "a list"),
        ("1.3", "2013-03", "still are wet days called rain: 93%"),
        ("1.3", "2013-05", "an earlier month"),
        ("1.3", "2013-07", "no wet day in the data"),
        ("1.3", "April 2013", "not a month as asked for"),
        ("1.3", 4, "not a month as asked for"),
        ("1.4", 2 * EVENINGS_EACH, "both versions together"),
        ("1.4", EVENINGS_EACH / 2, "the root holds two terms"),
        ("1.4", 62.37, "squared"),
        ("1.4", 4 * EVENINGS_EACH, "±1 EUR"),
        ("1.4", EVENINGS_EACH / 4, "±4 EUR"),
        ("1.4", 86.44, "as its square"),
        ("1.4", 1012.5, "1.96"),
        ("1.4", 500, "too low"),
        ("1.4", "3890", "without quotes"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_a_hint_does_not_give_the_month_away():
    for month in ("2012-05", "2013-03", "2013-05", "2013-07", "April"):
        assert "2013-04" not in check("1.3", month).text
