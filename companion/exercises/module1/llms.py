"""Checkers of chapter 3, on large language models."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.exercises import Example, Verdict, check_function, check_number

__all__ = ["CHECKERS"]


def _check_fit(answer: object) -> Verdict:
    n_parameters, bits = 405e9, 4
    gb = n_parameters * bits / 8 / 1e9
    return check_number(
        answer,
        gb,
        unit="GB",
        slips=[
            (8 * gb, "That is the number of gigabits. How many bits are a byte?"),
            (2 * gb, "That is one byte for each parameter. How many bits have they?"),
            (4 * gb, "That is at 16 bits, as trained. They are rounded to 4."),
            (gb * 1e9, "That is in bytes. A GB is a billion of them."),
            (gb * 1e9 / 2**30, "That counts 2 to the power of 30 bytes as one GB."),
        ],
        hint="Multiply parameters by bits, then go from bits to bytes.",
        remark="That is for the weights alone; the context comes on top.",
    )


def _check_right_sum(answer: object) -> Verdict:
    def example(text: str, *, returns: bool, hint: str) -> Example:
        return Example(args=(text, 17, 25), returns=returns, hint=hint)

    return check_function(
        answer,
        [
            example("42", returns=True, hint="17 + 25 is 42, so this one is right."),
            example("17 + 25 = 32.", returns=False, hint="32 is not 17 + 25."),
            example(
                "17 + 25 = 42.",
                returns=True,
                hint="Find the last whole number in the answer; other text may "
                "stand around it.",
            ),
            example(
                "The answer is 142.",
                returns=False,
                hint="142 holds the digits 42 and is another number. Take out "
                "whole numbers, then compare numbers.",
            ),
            example(
                "It is not 42, it is 32.",
                returns=False,
                hint="The last number counts, not any of them.",
            ),
            example(
                "To add them, we need to be careful.",
                returns=False,
                hint="There is no number in this answer, so it is not right.",
            ),
            Example(
                args=("2 + 3 = 5", 2, 3),
                returns=True,
                hint="Is the right sum computed from a and b?",
            ),
        ],
        remark="A few lines, and no wrong sum gets past them.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "3.1": _check_fit,
    "3.2": _check_right_sum,
}
