"""Finds the checker of an exercise and runs it.

A chapter's checkers are imported with the first of its exercises that is
checked, so that `import companion.exercises` stays light.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from companion.errors import ExerciseError
from companion.exercises._kinds import kind, unanswered
from companion.exercises._verdict import Verdict, not_yet

__all__ = ["MODULES", "chapter_checkers", "check", "exercise_ids"]

# What an exercise's id begins with, and the module that checks its chapter.
MODULES: Mapping[str, str] = {
    "1": "module1.mlops",
    "2": "module1.cicd",
    "3": "module1.llms",
    "4": "module1.prompts",
    "5": "module1.observability",
    "6": "module2.environments",
    "7": "module2.mlflow",
    "8": "module2.tracking",
    "9": "module2.versions",
    "lab1": "module1.lab1",
    "lab1b": "module1.lab1_llm",
    "lab2": "module2.lab2",
}

Checker = Callable[[Any], Verdict]


def check(exercise: str, answer: object) -> Verdict:
    """Check your answer to an exercise.

    Parameters
    ----------
    exercise : str
        The number in the exercise's title: `"1.2"`, `"lab1.3"`.
    answer : object
        What you found; the exercise says what it should be.

    Returns
    -------
    Verdict
        "Right", or what to look at next. `passed` tells which.

    Raises
    ------
    ExerciseError
        If no exercise with a checker has that number.

    Examples
    --------
    >>> check("lab1.3", ...)
    Not yet. There is no answer yet: replace `...` by your own and run the cell again.
    """
    checker = _find(exercise)
    if unanswered(answer):
        return not_yet(
            "There is no answer yet: replace `...` by your own and run the cell again."
        )
    try:
        return checker(answer)
    except Exception as err:  # noqa: BLE001 - any answer gets a sentence, not a traceback
        return not_yet(
            f"Your answer is {kind(answer)}, and looking at it failed with "
            f"{type(err).__name__}: {err}. Read again what the exercise asks for, "
            "and look at your answer by itself."
        )


def _find(exercise: str) -> Checker:
    if not isinstance(exercise, str):
        raise ExerciseError(
            f"the number of an exercise is text, got {exercise!r}. "
            'Put it in quotes, as in check("1.2", answer).'
        )
    chapter = exercise.strip().rpartition(".")[0]
    checkers = chapter_checkers(chapter) if chapter in MODULES else {}
    if exercise.strip() not in checkers:
        # Only here is every chapter imported, for a number that is not known.
        known = exercise_ids()
        near = difflib.get_close_matches(exercise, known, n=3) or list(checkers)
        raise ExerciseError(
            f"no exercise with a checker has the number {exercise!r}. "
            f"{_alternatives(near or known)} The number stands in the exercise's title."
        )
    return checkers[exercise.strip()]


def _alternatives(ids: list[str]) -> str:
    return f"There are: {', '.join(ids)}." if ids else "None is known."


def chapter_checkers(chapter: str) -> Mapping[str, Checker]:
    """Import the checkers of one chapter, a key of `MODULES`, by exercise id."""
    module = importlib.import_module(f"companion.exercises.{MODULES[chapter]}")
    checkers: Mapping[str, Checker] = module.CHECKERS
    return checkers


def exercise_ids() -> list[str]:
    """List every exercise that has a checker.

    Returns
    -------
    list of str
        The ids, chapter by chapter. This imports every chapter's checkers.

    Examples
    --------
    >>> "lab1.1" in exercise_ids()
    True
    """
    return [id_ for chapter in MODULES for id_ in chapter_checkers(chapter)]
