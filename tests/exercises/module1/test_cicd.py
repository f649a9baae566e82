"""The checkers of chapter 2: stubs and plausible wrong answers get a fitting hint."""

import pytest

from companion.exercises import check

# By reading the files of the chapter's pipeline, stage after stage.
STAGES = {
    "keep_in returns the opposite": "unit",
    "the weather file ends in November": "data",
    "an answer takes half a second": "performance",
    "the recipe learns from two years and loses 8 EUR a day": "comparison",
    "the server cannot load the saved model": "staging",
    "next spring the weather class is 'sun' every day": "none",
}


def test_an_untouched_stub_is_told_that_the_answer_is_missing():
    verdict = check("2.1", dict.fromkeys(STAGES, ...))

    assert not verdict.passed
    assert "no answer yet" in verdict.text


def test_each_change_belongs_to_the_stage_that_stops_it_first():
    verdict = check("2.1", STAGES)

    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("change", "stage", "hint"),
    [
        ("keep_in returns the opposite", "comparison", "two models side by side"),
        ("keep_in returns the opposite", "none", "Go through the stages"),
        ("the weather file ends in November", "training", "looks at its newest day"),
        ("the weather file ends in November", "unit", "numbers made by hand"),
        ("an answer takes half a second", "staging", "holds a clock"),
        (
            "the recipe learns from two years and loses 8 EUR a day",
            "performance",
            "Who knows about EUR?",
        ),
        ("the server cannot load the saved model", "comparison", "without a server"),
        ("the server cannot load the saved model", "training", "raise an error"),
        ("next spring the weather class is 'sun' every day", "data", "does the model?"),
        ("an answer takes half a second", "production", "none of the choices"),
        ("an answer takes half a second", 3, "is a number"),
    ],
)
def test_a_wrong_stage_is_asked_what_that_stage_looks_at(change, stage, hint):
    verdict = check("2.1", {**STAGES, change: stage})

    assert not verdict.passed
    assert hint in verdict.text
    assert change in verdict.text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (list(STAGES.values()), "a list; a dictionary is expected"),
        ({"keep_in": "unit"}, "lacks 'keep_in returns the opposite'"),
    ],
)
def test_another_form_than_the_dictionary_is_named(answer, hint):
    verdict = check("2.1", answer)

    assert not verdict.passed
    assert hint in verdict.text


def _three_words(more, most_eur):
    if more.high < 0:
        return "better"
    return "good enough" if more.high <= most_eur else "stop"


def test_a_verdict_by_the_upper_end_is_right():
    verdict = check("2.2", _three_words)

    assert verdict.passed, verdict


def _stub(more, most_eur): ...


def _by_the_mean(more, most_eur):
    if more.mean < 0:
        return "better"
    return "good enough" if more.mean <= most_eur else "stop"


def _with_the_sign_turned(more, most_eur):
    return "better" if more.low > most_eur else "good enough"


def _mean_for_the_limit(more, most_eur):
    if more.high < 0:
        return "better"
    return "good enough" if more.mean <= most_eur else "stop"


def _with_a_limit_of_its_own(more, most_eur):
    return _three_words(more, max(most_eur, 3.0))


def _without_the_limit_itself(more, most_eur):
    if more.high < 0:
        return "better"
    return "good enough" if more.high < most_eur else "stop"


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (_stub, "no answer yet"),
        (_by_the_mean, "likely here, and not proven"),
        (_with_the_sign_turned, "costs 4 to 14 EUR a day more"),
        (_mean_for_the_limit, "Which end of the interval"),
        (_with_a_limit_of_its_own, "only 2 EUR a day are allowed"),
        (_without_the_limit_itself, "exactly that much is still allowed"),
        ("better", "a function is expected"),
    ],
)
def test_a_verdict_by_something_else_gets_the_hint_that_fits(function, hint):
    verdict = check("2.2", function)

    assert not verdict.passed
    assert hint in verdict.text
