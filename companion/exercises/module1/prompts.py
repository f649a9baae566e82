"""Checkers of chapter 4, on APIs and prompts."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.exercises import (
    Example,
    Verdict,
    check_function,
    kind,
    not_yet,
    right,
    shown,
)

if TYPE_CHECKING:
    from companion.terrace.briefing import BriefingFacts

__all__ = ["CHECKERS"]


def _check_whole(answer: object) -> Verdict:
    def example(reason: str, text: str | None, *, returns: bool, hint: str) -> Example:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return Example(args=({"choices": [choice]},), returns=returns, hint=hint)

    return check_function(
        answer,
        [
            example("stop", "It rains.", returns=True, hint="This answer is whole."),
            example(
                "length",
                "It rains.",
                returns=False,
                hint="It was cut, even though the text looks whole. "
                "What does `finish_reason` say?",
            ),
            example(
                "stop",
                " \n",
                returns=False,
                hint="It came to its end and says nothing but blanks.",
            ),
            example(
                "content_filter",
                "It",
                returns=False,
                hint="There are other reasons than `length`. "
                "Ask for the good one, not for a bad one.",
            ),
            example(
                "stop",
                None,
                returns=False,
                hint="`content` can be None. Turn it into text before you look at it.",
            ),
        ],
        remark="Now no half answer gets past your program.",
    )


def _check_guard(answer: object) -> Verdict:
    if not callable(answer):
        return not_yet(
            f"Your answer is {kind(answer)}; a function is expected. "
            "Hand it over by its name, without ()."
        )
    for facts in (_facts("out", 0.34, -1.6), _facts("in", 0.83, 12.8)):
        good = (
            f"On 6 February 2014 it was {facts.temp_max_c} °C. Rain: "
            f"{facts.rain_percent} %. The terrace will be {facts.terrace} tomorrow."
        )
        wrong = good.replace("The terrace will be", "The terrace will not be")
        for text, keep in ((good, True), (wrong, False), ("", False)):
            complaint = _guard_complaint(answer, text, facts, keep=keep)
            if complaint:
                return not_yet(complaint)
    return right("Every line is right now. Count how often the guard steps in.")


def _facts(terrace: Any, rain: float, temp_max_c: float) -> "BriefingFacts":
    from companion.terrace.briefing import BriefingFacts

    return BriefingFacts(
        evening=dt.date(2014, 2, 6),
        rain_probability=rain,
        temp_max_c=temp_max_c,
        terrace=terrace,
    )


def _guard_complaint(
    guard: Callable[..., Any], text: str, facts: "BriefingFacts", *, keep: bool
) -> str:
    from companion.terrace.briefing import check_briefing

    try:
        line = guard(text, facts)
    except Exception as err:  # noqa: BLE001 - the reader's function may raise anything
        return (
            f"For the text {shown(text)} your function raised "
            f"{type(err).__name__}: {err}."
        )
    if not isinstance(line, str):
        return (
            f"For the text {shown(text)} your function returned {kind(line)}; "
            "a line of text is expected. Is there a `return` on each way through?"
        )
    if keep and line != text:
        return (
            f"The text {shown(text)} is right, and your function changed it. "
            "Return it as it is when `check_briefing` has no complaint."
        )
    complaints = check_briefing(line, facts)
    if complaints and line == text:
        return (
            f"A wrong text came through. `check_briefing` says of it: {complaints[0]}."
        )
    if complaints:
        return (
            f"Your own line, {shown(line)}, does not pass the check for a terrace "
            f"that is {facts.terrace}: {complaints[0]}."
        )
    return ""


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "4.1": _check_whole,
    "4.2": _check_guard,
}
