"""Checkers of Lab 1, part two."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.exercises import (
    Example,
    Verdict,
    check_function,
)
from companion.exercises._queries import check_query, example_log

if TYPE_CHECKING:
    from companion.store import LLMCall

__all__ = ["CHECKERS"]


def _check_outcomes(answer: object) -> Verdict:
    with example_log(_example_calls()) as log:
        return check_query(
            answer,
            log,
            {
                "outcome": ["error", "ok"],
                "calls": [2, 3],
                "output_tokens": [12.0, 40.0],
            },
            log_is="a small log of five calls",
            hint="For each outcome count the rows and take the mean of the tokens that "
            "are known: `avg` skips NULL, and so must you.",
            remark="An unknown count is NULL, and no mean is pulled down by it.",
        )


def _example_calls() -> "list[LLMCall]":
    # One failed call knows its tokens and one does not.
    from companion.store import LLMCall

    rows = [
        ("a", 30, "ok"),
        ("b", 50, "ok"),
        ("c", 40, "ok"),
        ("d", 12, "error"),
        ("e", None, "error"),
    ]
    return [
        LLMCall(
            id=id_,
            created_at=dt.datetime(2014, 3, 1, tzinfo=dt.UTC),
            model="small",
            prompt=[],
            completion="",
            outcome=outcome,
            input_tokens=100,
            cached_tokens=50,
            output_tokens=output_tokens,
            latency_ms=300.0,
        )
        for id_, output_tokens, outcome in rows
    ]


def _check_invented(answer: object) -> Verdict:
    given = "Rain: 57 %\nMaximum: 7.2 °C"
    return check_function(
        answer,
        [
            Example(
                args=("Rain 57 %, wind 20 km/h.", given),
                returns=["20"],
                hint="20 is in the text and not among what was given. Return a list "
                "of texts.",
            ),
            Example(
                args=("Rain 57 %, maximum 7.2 °C.", given),
                returns=[],
                hint="Both numbers were given, 7.2 as one number with its point.",
            ),
            Example(
                args=("Rain 57.", given),
                returns=[],
                hint="The point after 57 ends the sentence and is no part of the "
                "number: after a point that belongs to it comes a digit.",
            ),
            Example(
                args=("5 guests", given),
                returns=["5"],
                hint="Compare whole numbers: 5 is a part of 57, and nobody gave a 5.",
            ),
            Example(
                args=("7 tables", given),
                returns=["7"],
                hint="Compare whole numbers: 7 is a part of 57 and of 7.2, and nobody "
                "gave a 7.",
            ),
            Example(
                args=("Tables 9, 3, 14, 2 and 8", given),
                returns=["9", "3", "14", "2", "8"],
                hint="Keep the order of the text. A set has none.",
            ),
            Example(
                args=("No number at all", given),
                returns=[],
                hint="Nothing was invented, so the list is empty.",
            ),
        ],
        remark="What is missing and what was invented are two different checks.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "lab1b.1": _check_outcomes,
    "lab1b.2": _check_invented,
}
