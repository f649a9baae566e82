"""Checkers of chapter 8, on tracking experiments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.exercises import Verdict, check_number, kind, not_yet, right

__all__ = ["CHECKERS"]

_TAGS = {
    "question": "terrace-recipes",
    "stage": "candidate",
    "data": "seattle_weather",
    "owner": "forecast-team",
}


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run that the filter of exercise 8.1 is tried on.

    Attributes
    ----------
    model : str
        Its parameter `model`.
    cost, brier : float
        Its metrics `val_cost_eur` and `val_brier`.
    tags : mapping of str to str
        Tags in which it differs from the runs that are asked for.
    hint : str
        What to look at if the filter is wrong about it.
    """

    model: str
    cost: float
    brier: float
    tags: Mapping[str, str] = field(default_factory=dict)
    hint: str


_WANTED = (
    _Run(
        model="cautious forest",
        cost=27.1,
        brier=0.185,
        hint="Its model is not called `forest` alone, but it is one.",
    ),
    _Run(
        model="forest",
        cost=29.9,
        brier=0.189,
        hint="What stands before the word `forest` may be nothing.",
    ),
    _Run(
        model="boosted forest",
        cost=9.5,
        brier=0.15,
        hint="Kinds of forests that do not exist yet count, too: compare a pattern.",
    ),
)
_UNWANTED = (
    _Run(
        model="logistic",
        cost=28.8,
        brier=0.187,
        hint="Only models whose name ends in `forest` are asked for.",
    ),
    _Run(
        model="forest",
        cost=27.8,
        brier=0.204,
        hint="Its Brier score is not below 0.19.",
    ),
    _Run(
        model="cautious forest",
        cost=33.5,
        brier=0.183,
        hint="It costs 30 EUR a day or more.",
    ),
    _Run(
        model="cautious forest",
        cost=30.0,
        brier=0.185,
        hint="It costs exactly 30 EUR; less than 30 is asked for.",
    ),
    _Run(
        model="cautious forest",
        cost=27.1,
        brier=0.19,
        hint="Its Brier score is exactly 0.19; below 0.19 is asked for.",
    ),
    _Run(
        model="cautious forest",
        cost=27.1,
        brier=0.185,
        tags={"stage": "baseline"},
        hint="A tag says what a run is for, and this one is no candidate.",
    ),
    _Run(
        model="cautious forest",
        cost=27.1,
        brier=0.185,
        tags={"question": "terrace-hours"},
        hint="It belongs to another question, which a tag says.",
    ),
)


def _filter(answer: object) -> Verdict:
    from companion.system.mlflow import load_mlflow

    if not isinstance(answer, str):
        return not_yet(
            f"Your answer is {kind(answer)}; the filter string itself is expected, "
            "not what it finds."
        )
    mlflow = load_mlflow("exercise 8.1")
    try:
        found = _find(answer)
    except mlflow.exceptions.MlflowException as err:
        said = str(err).rstrip(".")
        return not_yet(
            f"MLflow cannot read it: {said}. A part is a name such as "
            "metrics.val_brier or tags.stage, a comparison and a value; text stands in "
            "quotes, and parts are joined by AND."
        )
    for one in _UNWANTED:
        if one in found:
            return not_yet(f"It also finds {_describe(one)}. {one.hint}")
    for one in _WANTED:
        if one not in found:
            return not_yet(f"It misses {_describe(one)}. {one.hint}")
    return right("It will still find them when there are thousands of runs.")


def _find(filter_string: str) -> list[_Run]:
    from mlflow.utils.search_utils import SearchUtils

    tried = (*_WANTED, *_UNWANTED)
    runs = [_as_run(number, one) for number, one in enumerate(tried)]
    found = SearchUtils.filter(runs, filter_string)
    return [tried[int(one.info.run_id)] for one in found]


def _as_run(number: int, one: _Run) -> Any:
    from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunTag

    metrics = {"val_cost_eur": one.cost, "val_brier": one.brier}
    params = {"features": "all nine", "n_features": "9", "model": one.model}
    name = f"all nine, {one.model}"
    tags = {**_TAGS, "mlflow.runName": name, **one.tags}
    info = RunInfo(
        run_id=str(number),
        experiment_id="1",
        user_id="analyst",
        status="FINISHED",
        start_time=1_767_225_600_000,  # any time will do
        end_time=1_767_225_601_000,
        lifecycle_stage="active",
        run_name=name,
    )
    data = RunData(
        metrics=[Metric(key, value, 0, 0) for key, value in metrics.items()],
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    return Run(info, data)


def _describe(one: _Run) -> str:
    tags = {**_TAGS, **one.tags}
    return (
        f"a run with the model {one.model!r}, {one.cost:.2f} EUR a day and a Brier "
        f"score of {one.brier:.3f} (question {tags['question']!r}, stage "
        f"{tags['stage']!r})"
    )


def _luck(answer: object) -> Verdict:
    n, one_side, both_sides = 12, 0.025, 0.05
    return check_number(
        answer,
        1 - (1 - one_side) ** n,
        hint="First: how likely is it that none of the twelve looks cheaper?",
        slips=[
            (
                1 - (1 - both_sides) ** n,
                "That counts intervals above 0, too. Which errors look like a saving?",
            ),
            (
                (1 - one_side) ** n,
                "That is the chance that none looks cheaper.",
            ),
            (
                (1 - both_sides) ** n,
                "That is the chance that no interval errs at all, on either side.",
            ),
            (
                n * one_side,
                "That adds up chances. With fifty recipes it would exceed 1.",
            ),
            (
                n * both_sides,
                "That adds up chances, and of errors on both sides.",
            ),
            (one_side, "That is the chance for one recipe; there are twelve."),
            (both_sides, "That is one recipe's chance to err, on either side."),
        ],
        remark="One such series in four has a winner that looks better by luck alone.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {"8.1": _filter, "8.2": _luck}
