"""Numbers, choices and names: what is right, and the hint for what is not."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from companion.exercises import check_choice, check_names, check_number


@pytest.mark.parametrize(
    "answer",
    [
        0.42,
        0.4241,
        Fraction(42, 100),
        np.float32(0.42),
        np.array(0.42),
        pd.Series([0.1, 0.42])[1],
    ],
)
def test_a_number_of_any_kind_within_the_tolerance_is_right(answer):
    assert check_number(answer, 0.42, hint="Count again.").passed


def test_the_remark_follows_a_right_number():
    verdict = check_number(3, 3, hint="Count again.", remark="As many as weeks.")

    assert repr(verdict) == "Right. As many as weeks."


def test_a_tolerance_of_zero_asks_for_the_very_number():
    assert check_number(0.1 + 0.2, 0.3, hint="-", tolerance=0).passed
    assert not check_number(241, 240, hint="Which?", tolerance=0).passed


def test_where_nothing_is_right_the_tolerance_is_in_its_unit():
    assert check_number(0.005, 0.0, hint="-").passed
    assert not check_number(0.02, 0.0, hint="Count again.").passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (42, "42 is a hundred times too large. Give a share between 0 and 1"),
        (0.0042, "0.0042 is a hundred times too small. Is it a share"),
        (-0.42, "wrong sign"),
        (0.3, "0.3 is too low. Count again."),
        (0.5, "0.5 is too high. Count again."),
        (0.58, "the share of dry days"),
        (math.nan, "not a finite number. Look for a gap"),
        (math.inf, "not a finite number"),
        (True, "True or False; a number in days is expected"),
        (np.bool_(True), "True or False; a number in days is expected"),
        ("42 %", "text, '42 %'; a number in days is expected, without quotes"),
        (pd.Series([0.42]), "a Series with one value in it"),
        (np.array([[0.42]]), "a ndarray with one value in it"),
        (pd.DataFrame({"wet": [0.42, 0.1]}), "a DataFrame; a number in days"),
        ([0.42], "a list; a number in days is expected. Which one value"),
        (len, "a function; a number in days is expected. Call it"),
        (0.42 + 1j, "a complex; a number in days is expected"),
    ],
)
def test_what_is_not_the_number_gets_the_hint_that_fits(answer, hint):
    verdict = check_number(
        answer,
        0.42,
        hint="Count again.",
        unit="days",
        slips=[(0.58, "That is the share of dry days.")],
    )

    assert not verdict.passed
    assert hint in verdict.text


def test_the_right_value_comes_before_a_slip_that_is_close_to_it():
    assert check_number(10.0, 10.0, hint="-", slips=[(10.05, "No.")]).passed


@pytest.mark.parametrize("answer", ["month", "Month ", " MONTH"])
def test_a_choice_counts_without_case_and_spaces(answer):
    assert check_choice(answer, "month", hints={"day": "Look again."}).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("day", "Are there 30 groups, or 12?"),
        ("year", '\'year\' is none of the choices: "day", "month".'),
        (12, 'is a number; choose one of "day", "month"'),
    ],
)
def test_another_choice_gets_the_hint_of_that_choice(answer, hint):
    verdict = check_choice(
        answer, "month", hints={"day": "Are there 30 groups, or 12?"}
    )

    assert not verdict.passed
    assert hint in verdict.text


@pytest.mark.parametrize(
    "answer",
    [
        ["fog", "sun"],
        ("sun", "fog"),
        {"Fog", "SUN"},
        pd.Series(["sun", "fog", "fog"]),
        pd.Index(["fog", " sun"]),
        np.array(["fog", "sun"]),
    ],
)
def test_names_count_in_any_order_and_kind_of_list(answer):
    assert check_names(answer, ["fog", "sun"], hint="Which class grows?").passed


def test_one_name_may_stand_alone():
    assert check_names("fog", ["fog"], hint="Which class grows?").passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (["fog"], "So far so good, but 1 name is missing. Which class grows?"),
        ([], "Your list is empty: 2 names are missing. Which class grows?"),
        (["fog", "rain"], "'rain' does not belong. It shrinks."),
        (["fog", "hail"], "'hail' does not belong. Which class grows?"),
        ({"fog": 1, "sun": 2}, "a dictionary; a list of names is expected"),
        ([1, 2], "a list; a list of names is expected"),
        (7, "a number; a list of names is expected"),
        (pd.DataFrame({"fog": [1]}), "a DataFrame; a list of names is expected"),
    ],
)
def test_other_names_are_told_what_is_off(answer, hint):
    verdict = check_names(
        answer, ["fog", "sun"], hint="Which class grows?", extra={"Rain": "It shrinks."}
    )

    assert not verdict.passed
    assert hint in verdict.text
