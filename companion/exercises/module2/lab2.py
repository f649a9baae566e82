"""Checkers of Lab 2."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.exercises import (
    Example,
    Verdict,
    check_function,
    check_number,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHECKERS"]

_VALIDATION = slice("2014-07", "2014-12")
_EASY = slice("2014-07", "2014-09")


def _check_always_dry(answer: object) -> Verdict:
    from companion.terrace import load_weather, make_features, make_target

    weather = load_weather()
    days = make_features(weather).loc[_VALIDATION].index
    wet = _wet_by_class(weather)[days].mean()
    rained = make_target(weather)[days].mean()
    return check_number(
        answer,
        1 - wet,
        tolerance=0.001,
        slips=[
            (wet, "That is the share of wet days, and dry is said on all of them."),
            (
                1 - rained,
                "That is by the measured rain. Version 1 has the old file's class.",
            ),
            (
                _accuracy_of_version_1(),
                "That is the accuracy of version 1. What would saying dry have had?",
            ),
        ],
        hint="On which share of the validation days does the class of the next day say "
        "neither rain nor drizzle nor snow?",
        remark="Saying nothing but dry beats version 1.",
    )


def _wet_by_class(weather: "pd.DataFrame") -> "pd.Series[int]":
    wet = weather["weather"].isin(["rain", "drizzle", "snow"])
    return wet.shift(-1).dropna().astype(int)


@functools.cache
def _accuracy_of_version_1() -> float:
    from companion.terrace import load_weather, make_features

    weather = load_weather()
    features, label = make_features(weather), _wet_by_class(weather)
    days = features.loc[_VALIDATION]
    return float(((_train(features, label, days) >= 0.5) == label[days.index]).mean())


def _train(features: "pd.DataFrame", label: Any, days: "pd.DataFrame") -> Any:
    """Train as the lab does, and return the probabilities of some days."""
    from companion.terrace import predict_rain, train_model

    past = features.loc[:"2014-06-30"]
    return predict_rain(train_model(past, label[past.index]), days)


def _check_easier_days(answer: object) -> Verdict:
    brier = _briers()
    return check_number(
        answer,
        brier["2"],
        tolerance=0.002,  # version 3 is less than a percent away
        slips=[
            (
                brier["2, all"],
                "That is version 2 on all its validation days. Take three months.",
            ),
            (brier["3"], "That is version 3. Ask models:/terrace/2."),
            (round(brier["2"], 2), "That is rounded. Give it unrounded."),
        ],
        hint="Ask version 2 about the evenings from 2014-07-01 to 2014-09-30, and "
        "compare with the measured rain of the next days.",
        remark="The days were easier, not the model better.",
    )


@functools.cache
def _briers() -> Mapping[str, float]:
    import pandas as pd

    from companion.terrace import evaluate, load_weather, make_features, make_target

    weather = load_weather()
    features, rained = make_features(weather), make_target(weather)
    summers = features[pd.DatetimeIndex(features.index).month.isin([6, 7, 8, 9])]
    days, easy = features.loc[_VALIDATION], features.loc[_EASY]

    def brier(learned: "pd.DataFrame", asked: "pd.DataFrame") -> float:
        said = _train(learned, rained, asked)
        return float(evaluate(rained[asked.index], said).brier)

    return {
        "2": brier(features, easy),
        "2, all": brier(features, days),
        "3": brier(summers, easy),
    }


def _check_served_at(answer: object) -> Verdict:
    promote = _entry("2015-01-05 09:00:00.000000Z", "1")
    again = _entry("2015-01-12 16:30:00.000000Z", "2")
    back = _entry("2015-01-19 08:00:00.000000Z", "1", action="rollback")
    other = _entry("2015-01-06 10:00:00.000000Z", "7", alias="challenger")
    void = _entry("2015-01-06 10:00:00.000000Z", "8", state="void")
    gone = _entry("2015-01-20 08:00:00.000000Z", None, action="take-in")
    gone_for_good = _entry("2015-01-06 10:00:00.000000Z", None, action="delete")
    gone_for_good["alias"] = ""
    return check_function(
        answer,
        [
            Example(
                args=([promote, again], "2015-01-10 12:00:00.000000Z"),
                returns="1",
                hint="Version 2 came two days later. The last entry up to `when` "
                "counts, and its version is text.",
            ),
            Example(
                args=([promote, again], "2015-01-12 16:30:00.000000Z"),
                returns="2",
                hint="At the moment of an entry its new version serves already.",
            ),
            Example(
                args=([promote], "2015-01-01 12:00:00.000000Z"),
                returns=None,
                hint="That was before the first entry: there was no champion, so the "
                "answer is None.",
            ),
            Example(
                args=([promote, again, back], "2015-01-20 12:00:00.000000Z"),
                returns="1",
                hint="The rollback moved the alias back to version 1. Largest number "
                "and latest version are not the same.",
            ),
            Example(
                args=([promote, other], "2015-01-10 12:00:00.000000Z"),
                returns="1",
                hint="The entry of version 7 moved another alias.",
            ),
            Example(
                args=([promote, void], "2015-01-10 12:00:00.000000Z"),
                returns="1",
                hint="The state of the entry of version 8 is void: it never took "
                "effect.",
            ),
            Example(
                args=([again, promote], "2015-01-20 12:00:00.000000Z"),
                returns="2",
                hint="The entries may come in another order. Sort them by `made_at`.",
            ),
            Example(
                args=([promote, gone], "2015-01-21 12:00:00.000000Z"),
                returns=None,
                hint="Somebody has taken the alias away, so `new` is None there.",
            ),
            Example(
                args=([promote, gone_for_good], "2015-01-10 12:00:00.000000Z"),
                returns="1",
                hint="A version was deleted, and that entry moved no alias.",
            ),
            Example(
                args=([], "2015-01-10 12:00:00.000000Z"),
                returns=None,
                hint="Without any entry there was no champion.",
            ),
        ],
        remark="With this question the work on an incident begins.",
    )


def _entry(
    made_at: str,
    version: str | None,
    *,
    action: str = "promote",
    alias: str = "champion",
    state: str = "done",
) -> dict[str, Any]:
    # What `companion history --json` prints, with what an answer may look at.
    return {
        "made_at": made_at,
        "actor": "ada",
        "action": action,
        "alias": alias,
        "new": version and {"version": version, "identity": f"m-{version}"},
        "reason": "an example",
        "state": state,
    }


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "lab2.1": _check_always_dry,
    "lab2.2": _check_easier_days,
    "lab2.3": _check_served_at,
}
