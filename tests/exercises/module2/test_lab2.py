"""The checkers of Lab 2: plausible wrong answers get a hint that fits."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from companion.exercises import check
from companion.terrace import load_weather, make_features, make_target


def test_always_dry_counted_day_by_day_is_right():
    weather = load_weather()["weather"].tolist()
    first = 366 + 365 + 181  # 1 July 2014
    following = weather[first + 1 : first + 185]

    n_dry = sum(one in ("sun", "fog") for one in following)

    assert check("lab2.1", n_dry / 184).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (3 / 184, "the share of wet days"),
        (0.6304, "by the measured rain"),
        (0.8967, "the accuracy of version 1"),
        (98.37, "a hundred times too large"),
        (0.5, "On which share of the validation days"),
        ("0.98", "without quotes"),
    ],
)
def test_other_accuracies_are_told_where_they_come_from(answer, hint):
    verdict = check("lab2.1", answer)

    assert not verdict.passed
    assert hint in verdict.text


@pytest.fixture(scope="module")
def weather():
    found = load_weather()
    return make_features(found), make_target(found)


def brier(weather, *, months=range(1, 13), last="2014-09-30"):
    """Train as `train.py` of the lab does, and let scikit-learn judge."""
    features, rained = weather
    past = features[features.index.month.isin(months)].loc[:"2014-06-30"]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(past, rained[past.index])
    days = features.loc["2014-07-01":last]
    said = model.predict_proba(days)[:, 1]
    return brier_score_loss(rained[days.index], said)


def test_version_2_on_the_days_of_version_3_is_right(weather):
    assert check("lab2.2", brier(weather)).passed


@pytest.mark.parametrize(
    ("choice", "hint"),
    [
        ({"last": "2014-12-31"}, "on all its validation days"),
        ({"months": [6, 7, 8, 9]}, "That is version 3"),
        ({"last": "2014-08-31"}, "Ask version 2 about the evenings"),
    ],
)
def test_other_scores_are_told_what_they_are(weather, choice, hint):
    verdict = check("lab2.2", brier(weather, **choice))

    assert not verdict.passed
    assert hint in verdict.text


def test_a_rounded_score_is_told_so():
    assert "That is rounded" in check("lab2.2", 0.14).text


def served_at(entries, when):
    serving = None
    for one in sorted(entries, key=lambda one: one["made_at"]):
        is_champion = one["alias"] == "champion" and one["state"] != "void"
        if is_champion and one["made_at"] <= when:
            serving = one["new"]["version"] if one["new"] else None
    return serving


def last_one(entries, when):
    moved = [one for one in entries if one["made_at"] <= when]
    return moved[-1]["new"]["version"] if moved else None


def of_champion(entries):
    return [one for one in entries if one["alias"] == "champion"]


def in_effect(entries):
    return [one for one in of_champion(entries) if one["state"] != "void"]


def in_order(entries):
    return sorted(in_effect(entries), key=lambda one: one["made_at"])


def with_deletions(entries, when):
    """Takes an entry that names no alias for one of the champion."""
    chosen = [one for one in entries if one["alias"] in ("champion", "")]
    return served_at([one | {"alias": "champion"} for one in chosen], when)


def test_the_version_at_a_time_is_found():
    assert check("lab2.3", served_at).passed


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda entries, when: last_one(entries, f"9{when}"), "two days later"),
        (lambda entries, when: int(last_one(entries, when)), "its version is text"),
        (
            lambda entries, when: last_one(
                [one for one in entries if one["made_at"] < when], when
            ),
            "At the moment of an entry",
        ),
        (
            lambda entries, when: last_one(entries, when) or "1",
            "before the first entry",
        ),
        (
            lambda entries, when: max(
                (one["new"]["version"] for one in entries if one["made_at"] <= when),
                default=None,
            ),
            "The rollback moved the alias back",
        ),
        (last_one, "moved another alias"),
        (
            lambda entries, when: last_one(of_champion(entries), when),
            "never took effect",
        ),
        (
            lambda entries, when: last_one(in_effect(entries), when),
            "Sort them by `made_at`",
        ),
        (
            lambda entries, when: last_one(in_order(entries), when),
            "`new` is None there",
        ),
        (with_deletions, "moved no alias"),
        (
            lambda entries, when: served_at(entries, when) if entries else "none",
            "Without any entry",
        ),
        ("2", "a function is expected"),
    ],
)
def test_other_functions_are_told_what_to_look_at(function, hint):
    verdict = check("lab2.3", function)

    assert not verdict.passed
    assert hint in verdict.text
