"""The checkers of Lab 1: stubs and plausible wrong answers get a hint that fits."""

import pandas as pd
import pytest

from companion.exercises import check
from companion.terrace import (
    Interval,
    load_weather,
    make_features,
    make_target,
    split_by_time,
    train_model,
)

QUERY = """
    SELECT model_version, count(*) AS predictions,
           sum(value >= ?) AS terrace_in, max(latency_ms) AS longest_ms
    FROM predictions GROUP BY model_version ORDER BY model_version DESC
"""


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        QUERY.replace("?", "0.4"),
        QUERY.replace("sum(value >= ?)", "count(*) FILTER (WHERE value >= ?)"),
        QUERY.replace("model_version, count", "model_name, model_version, count"),
    ],
)
def test_a_query_is_right_however_it_is_written(query):
    verdict = check("lab1.1", query)

    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("", "start with SELECT"),
        (
            QUERY.replace("FROM", "FORM"),
            'SQLite cannot run it: near "FORM": syntax error',
        ),
        (QUERY.replace("GROUP BY model_version", ""), "has 1 rows, 2 are expected"),
        (
            QUERY.replace(">=", ">"),
            "In column 'terrace_in', row '1', your table says 1",
        ),
        (QUERY.replace("sum(", "count("), "In column 'terrace_in', row '1'"),
        (QUERY.replace("max(", "avg("), "In column 'longest_ms', row '1'"),
        (QUERY.replace(" AS terrace_in", ""), "lacks the column 'terrace_in'"),
        (pd.DataFrame({"predictions": [306]}), "is a DataFrame; the text of the query"),
    ],
)
def test_other_queries_are_told_what_differs(query, hint):
    verdict = check("lab1.1", query)

    assert not verdict.passed
    assert hint in verdict.text


def test_the_costs_of_2015_counted_day_by_day_are_right():
    """120 EUR for each wet terrace, 80 for each dry day without one."""
    weather = load_weather()
    features, target = make_features(weather), make_target(weather)
    split = split_by_time(features, target, test_start="2014-01-01")
    model = train_model(split.train_features, split.train_target)
    total = n_days = 0
    for date, row in features.loc["2015"].iterrows():
        if date in target.index:
            rained = target[date] == 1
            stays_in = model.predict_proba([row.to_numpy()])[0, 1] >= 0.4
            was_wet = weather["precipitation_mm"][date] > 0
            total += (120 if rained else 80) * int(stays_in != rained)
            total -= (120 if rained else 80) * int(was_wet != rained)
            n_days += 1

    assert n_days == 364  # nobody knows what follows the last day
    assert check("lab1.2", total / n_days).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (2.97, "wrong sign"),
        (4.16, "the difference of 2014"),
        (-2.75, "has also learned from 2014"),
        (0.60, "2014 and 2015 together"),
        (-1080.0, "too low"),
        (-3, "That is rounded"),
        ("-2.97 EUR", "text, '-2.97 EUR'; a number in EUR a day is expected"),
        (
            Interval(mean=-2.97, low=-6.2, high=0.1, level=0.95),
            "an Interval; a number in EUR a day is expected",
        ),
    ],
)
def test_other_differences_are_told_where_they_come_from(answer, hint):
    verdict = check("lab1.2", answer)

    assert not verdict.passed
    assert hint in verdict.text


def test_240_eur_is_the_amount():
    assert check("lab1.3", 240).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (120, "the costs of the lab"),
        (160, "both ends of the interval"),
        (320, "a smaller amount"),
        (200, "among the four amounts"),
        ([240, 320], "a list; a number in EUR is expected"),
    ],
)
def test_other_amounts_are_told_what_to_look_at(answer, hint):
    verdict = check("lab1.3", answer)

    assert not verdict.passed
    assert hint in verdict.text
