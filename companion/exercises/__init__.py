"""Checkers that tell a reader whether an exercise is solved, or what to look at.

A reader calls one name::

    from companion.exercises import check

    check("1.2", answer)

For authors: a chapter's checkers are in a module of its own, which ends with
the mapping ``CHECKERS``, exercise id to function::

    from companion.exercises import Verdict, check_number, not_yet, right

    def _share_of_wet_days(answer: object) -> Verdict:
        from companion.terrace import load_weather      # heavy imports: inside

        wet = load_weather()["precipitation_mm"].gt(0)
        return check_number(
            answer,
            wet.mean(),                                 # computed, not typed
            slips=[(1 - wet.mean(), "That is the share of dry days.")],
            hint="Which comparison makes a day wet?",
        )

    CHECKERS = {"1.1": _share_of_wet_days}

A checker gets the answer as it is, except that `None` and an answer that is or
holds ``...`` never reach it. Numbers, choices, names, tables and functions have
a helper each: `check_number`, `check_choice`, `check_names`, `check_table`,
`check_function`. For anything else return ``right("remark")`` or
``not_yet("hint")``; `kind` and `shown` describe the answer. A hint says what
the answer is and what to look at next; it is never only "wrong" and does not
give the answer away.
"""

from companion.exercises._functions import Example, check_function
from companion.exercises._kinds import kind, shown
from companion.exercises._registry import check, exercise_ids
from companion.exercises._tables import check_table
from companion.exercises._values import check_choice, check_names, check_number
from companion.exercises._verdict import Verdict, not_yet, right

__all__ = [
    "Example",
    "Verdict",
    "check",
    "check_choice",
    "check_function",
    "check_names",
    "check_number",
    "check_table",
    "exercise_ids",
    "kind",
    "not_yet",
    "right",
    "shown",
]
