"""The checkers of chapter 3: right answers pass, each slip gets its own hint."""

import re

import pytest

from companion.exercises import check


def right_sum(answer, a, b):
    numbers = re.findall(r"\d+", answer)
    return bool(numbers) and int(numbers[-1]) == a + b


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("3.1", 202.5),  # 405 billion, half a byte each
        ("3.2", right_sum),
    ],
)
def test_the_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["3.1", "3.2"])
def test_the_untouched_stub_is_told_to_begin(exercise):
    verdict = check(exercise, ...)

    assert not verdict.passed
    assert "..." in repr(verdict)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (1620, "bits are a byte"),
        (405, "one byte for each"),
        (810, "16 bits"),
        (202.5e9, "in bytes"),
        (188.6, "power of 30"),
        (3, "Multiply parameters by bits"),
    ],
)
def test_a_wrong_size_gets_the_hint_that_fits(answer, hint):
    verdict = check("3.1", answer)

    assert not verdict.passed
    assert hint in repr(verdict)


def looks_for_the_digits(answer, a, b):
    return str(a + b) in answer


def takes_any_number(answer, a, b):
    return str(a + b) in re.findall(r"\d+", answer)


def wants_the_bare_number(answer, a, b):
    return answer == str(a + b)


def trips_over_no_number(answer, a, b):
    return int(re.findall(r"\d+", answer)[-1]) == a + b


def knows_one_sum(answer, *_terms):
    return (re.findall(r"\d+", answer) or [""])[-1] == "42"


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (looks_for_the_digits, "another number"),
        (takes_any_number, "The last number counts"),
        (wants_the_bare_number, "other text may stand around it"),
        (trips_over_no_number, "no number in this answer"),
        (knows_one_sum, "computed from a and b"),
    ],
)
def test_a_check_with_a_hole_is_shown_the_answer_that_slips_through(function, hint):
    verdict = check("3.2", function)

    assert not verdict.passed
    assert hint in repr(verdict)
