"""Checkers of Lab 1."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.exercises import Verdict, check_number
from companion.exercises._queries import check_query, example_log

if TYPE_CHECKING:
    from companion.store import Prediction

__all__ = ["CHECKERS"]


def _check_query(answer: object) -> Verdict:
    with example_log(_example_predictions()) as log:
        return check_query(
            answer,
            log,
            {
                "model_version": ["1", "2"],
                "predictions": [3, 2],
                "terrace_in": [2, 1],
                "longest_ms": [7.0, 4.0],
            },
            parameter=0.4,
            log_is="a small log of two versions",
            hint="For each version count the rows, sum those whose value is the "
            "threshold or more, and take the largest latency.",
            remark="The same query will compare versions once there are more.",
        )


def _example_predictions() -> "list[Prediction]":
    # A value at the threshold, and a longest latency in the middle.
    from companion.store import Prediction

    rows = [
        ("a", "1", 0.39, 1.0),
        ("b", "1", 0.40, 7.0),
        ("c", "1", 0.95, 2.0),
        ("d", "2", 0.10, 3.0),
        ("e", "2", 0.70, 4.0),
    ]
    return [
        Prediction(
            id=id_,
            request_id="request",
            created_at=dt.datetime(2014, 3, 1, tzinfo=dt.UTC),
            model_name="terrace",
            model_version=version,
            inputs={},
            value=value,
            latency_ms=latency_ms,
        )
        for id_, version, value, latency_ms in rows
    ]


def _check_other_year(answer: object) -> Verdict:
    eur = _extra_costs_eur()
    rounded = "That is rounded. Hand over the number as it came out."
    return check_number(
        answer,
        eur["2015"],
        unit="EUR a day",
        slips=[
            (
                eur["2014"],
                "That is the difference of 2014. Ask for the days from 2015-01-01 on.",
            ),
            (
                eur["trained again"],
                "That model has also learned from 2014. Keep the one of the lab.",
            ),
            (
                eur["both years"],
                "That is 2014 and 2015 together. Start the test days in 2015.",
            ),
            (round(eur["2015"]), rounded),
        ],
        hint="Compare the costs on the days of 2015, and take `mean`.",
        remark="Two years, two verdicts.",
    )


@functools.cache
def _extra_costs_eur() -> Mapping[str, float]:
    # How much more the model costs than the rule, EUR a day: the right figure and
    # those of common mistakes.
    from companion.terrace import (
        CostTable,
        load_weather,
        make_features,
        make_target,
        naive_rule,
        predict_rain,
        split_by_time,
        train_model,
    )

    weather = load_weather()
    features, target = make_features(weather), make_target(weather)
    lab = split_by_time(features, target, test_start="2014-01-01")
    later = split_by_time(features, target, test_start="2015-01-01")
    model = train_model(lab.train_features, lab.train_target)
    trained_again = train_model(later.train_features, later.train_target)

    def extra_cost(model: Any, days: Any, rained: Any) -> float:
        costs = CostTable()
        of_model = costs.cost_by_day(rained, predict_rain(model, days))
        of_rule = costs.cost_by_day(rained, naive_rule(days))
        return float((of_model - of_rule).mean())

    days, rained = lab.test_features, lab.test_target
    return {
        "2014": extra_cost(model, days.loc["2014"], rained.loc["2014"]),
        "2015": extra_cost(model, later.test_features, later.test_target),
        "both years": extra_cost(model, days, rained),
        "trained again": extra_cost(
            trained_again, later.test_features, later.test_target
        ),
    }


def _check_other_costs(answer: object) -> Verdict:
    still_holds = "Look at both ends of the interval: one of them is not below 0 there."
    return check_number(
        answer,
        240,
        tolerance=0,
        unit="EUR",
        slips=[
            (
                120,
                f"120 EUR are the costs of the lab, where the rule won. {still_holds}",
            ),
            (160, still_holds),
            (320, "There it does, too, but a smaller amount of the four is enough."),
        ],
        hint="Choose among the four amounts. For which is `high` below 0?",
        remark="A probability can move its threshold, the rule cannot.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "lab1.1": _check_query,
    "lab1.2": _check_other_year,
    "lab1.3": _check_other_costs,
}
