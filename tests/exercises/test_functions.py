"""Functions: run on examples; the first call that went wrong is reported."""

import pytest

from companion.exercises import Example, check_function

EXAMPLES = [
    Example(args=([1, 2, 3],), returns=2.0, hint="Add up, then divide."),
    Example(
        args=([0, 1],),
        options={"digits": 1},
        returns=lambda mean: 0.4 < mean < 0.6,
        hint="Is it rounded?",
    ),
    Example(args=([],), raises=ValueError, hint="An empty list has no mean."),
]


def _mean(values, digits=3):
    if not values:
        raise ValueError("no values")
    return round(sum(values) / len(values), digits)


def test_a_function_that_passes_every_example_is_right():
    assert check_function(_mean, EXAMPLES).passed


def _total(values, digits=3):
    return round(sum(values), digits)


def _returns_nothing(values):
    sum(values)


def _no_option(values):
    return _mean(values)


def _divides_by_nothing(values, digits=3):
    return round(sum(values) / len(values), digits)


def _zero_for_nothing(values, digits=3):
    return _mean(values, digits) if values else 0.0


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_total, "_total([1, 2, 3]) returned 6. Add up, then divide."),
        (_returns_nothing, "returned None. Is there a `return`, also at the end?"),
        (_no_option, "_no_option([0, 1], digits=1) raised TypeError"),
        (_divides_by_nothing, "raised ZeroDivisionError: division by zero. An empty"),
        (_zero_for_nothing, "returned 0.0, but should raise ValueError. An empty"),
        (2.0, "is a number; a function is expected"),
    ],
)
def test_another_function_is_told_the_first_call_that_went_wrong(answer, hint):
    verdict = check_function(answer, EXAMPLES)

    assert not verdict.passed
    assert hint in verdict.text


def test_a_whole_number_is_not_taken_for_a_yes():
    verdict = check_function(
        lambda: 1, [Example(returns=True, hint="Return whether it is.")]
    )

    assert not verdict.passed
