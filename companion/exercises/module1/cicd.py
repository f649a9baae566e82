"""Checkers of chapter 2, on CI/CD for machine learning."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.exercises import (
    Example,
    Verdict,
    check_choice,
    check_function,
    kind,
    not_yet,
    right,
    shown,
)

__all__ = ["CHECKERS"]

# Each stage with the question that it puts to a change, in the pipeline's order.
_STAGES: Mapping[str, str] = {
    "unit": "The unit tests call functions with numbers made by hand: would one of "
    "those calls come out otherwise?",
    "data": "The data tests read the newest weather file and nothing else: what "
    "would they see in it?",
    "performance": "The performance tests look at the time an answer takes, and "
    "whether the recipe beats a coin on old years: would they notice?",
    "training": "train.py only has to end well: what in it would raise an error?",
    "comparison": "The comparison puts two models side by side on the same days, "
    "in EUR: which difference between the two would it see?",
    "staging": "Staging starts the server and asks it: would that fail?",
    "none": "Nothing would stop it then. Go through the stages once more: one of "
    "them looks at exactly this.",
}
# What goes wrong -> the stage that stops it first, and hints that fit a wrong
# choice better than the stage's own question does.
_CHANGES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "keep_in returns the opposite": ("unit", {}),
    "the weather file ends in November": (
        "data",
        {
            "training": "Training would go well: a file that ends early is still a "
            "file. An earlier stage looks at its newest day."
        },
    ),
    "an answer takes half a second": (
        "performance",
        {
            "staging": "Staging waits patiently for its two answers. An earlier "
            "stage holds a clock."
        },
    ),
    "the recipe learns from two years and loses 8 EUR a day": (
        "comparison",
        {
            "performance": "A recipe that learns from two years beats a coin easily, "
            "and that is all those tests ask of it. Who knows about EUR?"
        },
    ),
    "the server cannot load the saved model": (
        "staging",
        {
            "comparison": "gate.py reads the model's file without a server. Which "
            "stage is the first to start one?"
        },
    ),
    "next spring the weather class is 'sun' every day": (
        "none",
        {
            "data": "Our test_data.py looks at the newest day and at temperatures. "
            "Does it read the class, and does the model?",
            "comparison": "Which columns do the models read? If neither reads the "
            "class, both answer as before.",
        },
    ),
}


def _check_stages(answer: object) -> Verdict:
    if not isinstance(answer, dict):
        return not_yet(
            f"Your answer is {kind(answer)}; a dictionary is expected that gives "
            "each of the six changes a stage, as in the exercise."
        )
    missing = [change for change in _CHANGES if change not in answer]
    if missing:
        return not_yet(
            f"Your dictionary lacks {shown(missing[0])}. Leave the texts on the left "
            "as they are, and replace only what stands on the right."
        )
    for change, (stage, hints) in _CHANGES.items():
        others = {name: ask for name, ask in _STAGES.items() if name != stage}
        verdict = check_choice(answer[change], stage, hints={**others, **hints})
        if not verdict.passed:
            return not_yet(f"{change!r}: {verdict.text}")
    return right("Five are stopped, each as early as it can be; the last one may pass.")


def _check_verdict(answer: object) -> Verdict:
    from companion.terrace import Interval

    def example(
        interval: tuple[float, float, float], most_eur: float, verdict: str, hint: str
    ) -> Example:
        mean, low, high = interval
        more = Interval(mean=mean, low=low, high=high, level=0.95)
        return Example(args=(more, most_eur), returns=verdict, hint=hint)

    return check_function(
        answer,
        [
            example(
                (9.0, 4.0, 14.0),
                3.0,
                "stop",
                hint="The challenger costs 4 to 14 EUR a day more, and 3 are allowed.",
            ),
            example(
                (-5.0, -8.0, -2.0),
                3.0,
                "better",
                hint="Costs below 0 are savings: the whole interval lies below 0, so "
                "the challenger is cheaper.",
            ),
            example(
                (0.2, -2.2, 2.6),
                3.0,
                "good enough",
                hint="The interval holds 0, so nothing is proven; at worst it is 2.6 "
                "EUR a day, and 3 are allowed.",
            ),
            example(
                (-1.0, -4.0, 2.0),
                3.0,
                "good enough",
                hint="The mean is below 0, but the interval reaches up to +2: cheaper "
                "is likely here, and not proven.",
            ),
            example(
                (1.0, -6.0, 8.0),
                3.0,
                "stop",
                hint="The mean is small, but the days do not rule out 8 EUR a day. "
                "Which end of the interval says how bad it could be?",
            ),
            example(
                (0.2, -2.2, 2.6),
                2.0,
                "stop",
                hint="Here only 2 EUR a day are allowed. Is the limit that you were "
                "given the one that you compare with?",
            ),
            example(
                (0.2, -2.2, 2.6),
                2.6,
                "good enough",
                hint="The exercise says 'at worst most_eur': exactly that much is "
                "still allowed.",
            ),
        ],
        remark="The mean is never asked: the upper end says how bad it could be.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "2.1": _check_stages,
    "2.2": _check_verdict,
}
