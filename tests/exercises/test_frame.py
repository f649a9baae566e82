"""`check` itself: what it takes, what it refuses, and how it says so."""

import subprocess
import sys

import pytest

from companion.errors import ExerciseError
from companion.exercises import Verdict, check, exercise_ids
from companion.exercises._registry import MODULES


def test_a_verdict_reads_as_a_sentence_in_a_notebook_and_in_a_terminal():
    right = Verdict(passed=True, text="The rain stays.")

    assert repr(right) == str(right) == f"{right}" == "Right. The rain stays."
    assert repr(Verdict(passed=True)) == "Right."
    assert repr(Verdict(passed=False, text="Count days.")) == "Not yet. Count days."


def test_a_verdict_cannot_say_only_that_an_answer_is_wrong():
    with pytest.raises(ValueError, match="with a hint, got an empty text"):
        Verdict(passed=False, text=" ")


def _stub(one, two=2): ...


def _stub_with_docstring():
    """Do it."""


@pytest.mark.parametrize(
    "answer",
    [
        ...,
        None,
        [1, ...],
        (..., 2),
        {"rows": 3, "columns": ...},
        _stub,
        _stub_with_docstring,
    ],
)
def test_an_answer_that_still_holds_its_stub_is_told_to_replace_it(answer):
    assert repr(check("lab1.3", answer)) == (
        "Not yet. There is no answer yet: "
        "replace `...` by your own and run the cell again."
    )


def test_a_function_that_does_something_is_an_answer():
    assert (
        "no answer yet"
        not in check("lab1b.2", lambda *_: None if time_flies else 0).text
    )


time_flies = True


def test_a_function_that_hands_back_what_it_was_given_is_an_answer():
    """It is as short as a stub: one thing is loaded and returned."""
    assert "no answer yet" not in check("4.2", lambda text, _: text).text


@pytest.mark.parametrize(
    ("exercise", "message"),
    [
        ("lab1.33", r"has the number 'lab1.33'. There are: lab1.3.* exercise's title"),
        ("lab1.9", r"lab1\.\d, "),
        ("lap1.2", "There are: lab1.2"),
        ("zebra", "There are: "),
        ("", "There are: "),
        (1.2, r"is text, got 1.2. Put it in quotes"),
    ],
)
def test_an_unknown_number_is_answered_with_those_that_look_like_it(exercise, message):
    with pytest.raises(ExerciseError, match=message):
        check(exercise, 0)


def test_spaces_around_the_number_do_not_matter():
    assert check(" lab1.3 ", 240).passed


def test_a_checker_that_stumbles_says_what_it_was_handed(monkeypatch):
    from companion.exercises.module1 import lab1

    def stumbles(answer):
        return answer["rain"]

    monkeypatch.setattr(lab1, "CHECKERS", {"lab1.1": stumbles})

    verdict = check("lab1.1", {"snow": 1})

    assert not verdict.passed
    assert "is a dictionary, and looking at it failed with KeyError" in verdict.text


def test_each_chapters_ids_begin_with_its_own_number():
    for id_ in exercise_ids():
        chapter, _, number = id_.rpartition(".")

        assert chapter in MODULES
        assert number.isdigit()


def test_importing_the_checks_loads_no_heavy_library_and_no_chapter():
    code = (
        "import sys, companion.exercises; "
        "heavy = {'mlflow', 'numpy', 'openai', 'pandas', 'sklearn', 'sqlalchemy'}; "
        "print(sorted(heavy & set(sys.modules)), "
        "[name for name in sys.modules if name.startswith('companion.exercises.')"
        " and '._' not in name])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split("\n")[0] == "[] []"


@pytest.mark.parametrize("exercise", exercise_ids())
def test_the_stub_of_every_exercise_is_told_apart_from_an_answer(exercise):
    assert "no answer yet" in check(exercise, ...).text


@pytest.mark.parametrize("exercise", exercise_ids())
@pytest.mark.parametrize("answer", [object(), "a word", -17.25, [], {}, print])
def test_no_exercise_takes_anything_nor_answers_with_a_traceback(exercise, answer):
    """A stumbling checker would say so: each has to name what it expected."""
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert "looking at it failed" not in verdict.text
    assert verdict.text.rstrip("`*\"')").endswith((".", "?", "!"))
