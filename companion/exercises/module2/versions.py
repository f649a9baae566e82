"""Checkers of chapter 9, on versions of data and models."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.exercises import Example, Verdict, check_function, check_names

__all__ = ["CHECKERS"]

_BACK = ("rollback", None)


def _same_content(answer: object) -> Verdict:
    return check_names(
        answer,
        ["snappy", "gzip", "halves"],
        hint=(
            "Compute each one's fingerprint and compare its `sha256` with that of "
            "`table`. Compression and the number of files are no content."
        ),
        extra={
            "csv": "A CSV file has no types: its numbers are text, so the schema is "
            "another.",
            "newest first": "The order of rows counts: training may depend on it.",
            "float32": "Another type is another schema, and 4.7 in 32 bits is not "
            "quite 4.7.",
        },
        remark="Storage may change; content may not.",
    )


def _champion(answer: object) -> Verdict:
    two = [("promote", 1), ("promote", 2)]
    three = [*two, ("promote", 3)]
    examples = [
        Example(
            args=([("promote", 1)],),
            returns=1,
            hint="After one promotion the champion is the version promoted.",
        ),
        Example(args=(two,), returns=2, hint="The last promotion counts."),
        Example(
            args=([],), returns=None, hint="With no entry at all there is no champion."
        ),
        Example(
            args=([*two, _BACK],),
            returns=1,
            hint="A rollback leads to the version before.",
        ),
        Example(
            args=([("promote", 5), ("promote", 4), _BACK],),
            returns=5,
            hint="What was there before need not be the number below: keep the "
            "versions in the order of their promotion.",
        ),
        Example(
            args=([*three, _BACK, _BACK],),
            returns=1,
            hint="A second rollback goes one further back. It does not take the first "
            "rollback back.",
        ),
        Example(
            args=([*two, _BACK, ("promote", 3), _BACK],),
            returns=1,
            hint="Version 2 was taken back before 3 was promoted, so what stood before "
            "3 is 1.",
        ),
        Example(
            args=([("promote", 1), _BACK],),
            returns=1,
            hint="A rollback with nothing before it changes nothing.",
        ),
    ]
    return check_function(
        answer, examples, remark="The journal knows what an alias forgets."
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "9.1": _same_content,
    "9.2": _champion,
}
