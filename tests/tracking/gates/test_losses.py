import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error

from companion.errors import SettingError
from companion.tracking.gates.losses import (
    calibration_pair,
    choose_metric,
    costs_by_row,
    losses_by_row,
    reliability,
)
from companion.tracking.gates.models import Answers
from companion.tracking.gates.rules import CostRules, WrongDecision


def labels(*names):
    return np.array(names, dtype=object)


def chances(rows, classes):
    rows = np.array(rows)
    names = np.array(classes, dtype=object)
    return Answers(
        labels=names[rows.argmax(axis=1)], probabilities=rows, classes=tuple(classes)
    )


TWO = chances([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]], ["dry", "wet"])
THREE = chances([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], ["a", "b", "c"])
NUMBERS = Answers(numbers=np.array([1.0, 5.0]))
TERRACE = CostRules(
    wrong=(
        WrongDecision(truth="wet", answer="dry", cost=120.0),
        WrongDecision(truth="dry", answer="wet", cost=80.0),
    )
)


def test_the_brier_score_of_two_classes_is_that_of_scikit_learn():
    truth = labels("wet", "wet", "dry")

    losses = losses_by_row("brier", truth, TWO)

    assert losses == pytest.approx([0.04, 0.81, 0.25])
    assert losses.mean() == pytest.approx(brier_score_loss([1, 1, 0], [0.8, 0.1, 0.5]))


def test_the_brier_score_of_three_classes_is_the_sum_over_them():
    """Row 1, truth a: 0.25 + 0.09 + 0.04; row 2, truth b: 0.01 + 0.81 + 0.64."""
    losses = losses_by_row("brier", labels("a", "b"), THREE)

    assert losses == pytest.approx([0.38, 1.46])


def test_log_loss_is_that_of_scikit_learn():
    losses = losses_by_row("log_loss", labels("a", "b"), THREE)

    expected = log_loss(["a", "b"], THREE.probabilities, labels=["a", "b", "c"])
    assert losses.mean() == pytest.approx(expected)


def test_a_class_that_the_model_does_not_know_is_as_wrong_as_can_be():
    """No probability for it: 0.25 + 0.09 + 0.04 + 1, and not that of another class."""
    truth = labels("d", "a")

    assert losses_by_row("brier", truth, THREE)[0] == pytest.approx(
        0.25 + 0.09 + 0.04 + 1
    )
    assert losses_by_row("log_loss", truth, THREE)[0] == pytest.approx(15 * np.log(10))


def test_errors_of_labels_and_numbers():
    truth = np.array([2.0, 3.0], dtype=object)

    assert losses_by_row("error", labels("a", "b"), THREE).tolist() == [0.0, 1.0]
    assert losses_by_row("absolute_error", truth, NUMBERS).mean() == (
        mean_absolute_error([2, 3], [1, 5])
    )
    assert losses_by_row("squared_error", truth, NUMBERS).tolist() == [1.0, 4.0]


def test_the_metric_follows_the_answers():
    only_labels = Answers(labels=labels("a", "b"), classes=("a", "b"))

    assert choose_metric(None, (THREE, TWO)) == "brier"
    assert choose_metric(None, (THREE, only_labels)) == "error"
    assert choose_metric(None, (NUMBERS, NUMBERS)) == "absolute_error"
    assert choose_metric("log_loss", (THREE, TWO)) == "log_loss"
    with pytest.raises(SettingError, match="needs probabilities, and a model gives"):
        choose_metric("brier", (THREE, only_labels))
    with pytest.raises(SettingError, match="answer with numbers; choose one of abs"):
        choose_metric("brier", (NUMBERS, NUMBERS))
    with pytest.raises(SettingError, match="one model answers with numbers"):
        choose_metric(None, (THREE, NUMBERS))


def test_the_decision_is_the_one_that_costs_least_on_average():
    """At 0.41 staying in costs 0.59 * 80 = 47.2, putting out 0.41 * 120 = 49.2."""
    said = chances([[0.59, 0.41], [0.61, 0.39]], ["dry", "wet"])

    assert costs_by_row(TERRACE, labels("dry", "wet"), said).tolist() == [80.0, 120.0]
    assert costs_by_row(TERRACE, labels("wet", "dry"), said).tolist() == [0.0, 0.0]


def test_of_three_classes_the_costs_of_each_pair_count():
    """Of a 0.5, b 0.3 and c 0.2 saying a costs 20 on average, b 0.5, and c 1.

    So b is said, although it is not the most likely; of the second row as well.
    """
    rules = CostRules(
        wrong=(
            WrongDecision(truth="c", answer="a", cost=100.0),
            WrongDecision(truth="a", answer="b", cost=1.0),
            WrongDecision(truth="a", answer="c", cost=2.0),
        )
    )

    costs = costs_by_row(rules, labels("a", "c"), THREE)

    assert costs[0] == 1.0
    assert costs[1] == 0.0


def test_labels_alone_cost_what_they_say():
    said = Answers(labels=labels("dry", "wet"), classes=("dry", "wet"))

    assert costs_by_row(TERRACE, labels("wet", "wet"), said).tolist() == [120.0, 0.0]


def test_numbers_cost_by_how_far_they_are_over_and_under():
    costs = costs_by_row(
        CostRules(over=2.0, under=10.0), np.array([2.0, 3.0], dtype=object), NUMBERS
    )

    assert costs.tolist() == [10.0, 4.0]


def test_costs_that_do_not_fit_the_answers_are_refused():
    with pytest.raises(SettingError, match="over and under"):
        costs_by_row(TERRACE, np.array([2.0, 3.0], dtype=object), NUMBERS)
    with pytest.raises(SettingError, match="needs the list wrong"):
        costs_by_row(CostRules(over=1.0, under=1.0), labels("a", "b"), THREE)
    with pytest.raises(SettingError, match="class 'wet'; the data and the models have"):
        costs_by_row(TERRACE, labels("a", "b"), THREE)


def test_the_calibration_error_is_the_mean_distance_of_the_bins():
    """Two bins of two rows: 0.15 said and 0.5 came, 0.85 said and 1 came."""
    bins, error = reliability(
        np.array([0.1, 0.9, 0.2, 0.8]), np.array([0.0, 1.0, 1.0, 1.0]), n_bins=2
    )

    assert bins == [
        (pytest.approx(0.15), 0.5, 2),
        (pytest.approx(0.85), 1.0, 2),
    ]
    assert error == pytest.approx((0.35 + 0.15) / 2)


def test_equal_predictions_stay_in_one_bin():
    """Their order says nothing, and bins of it would look badly calibrated."""
    bins, error = reliability(np.full(10, 0.5), np.repeat([0.0, 1.0], 5), n_bins=5)

    assert bins == [(0.5, 0.5, 10)]
    assert error == 0.0


def test_calibration_is_of_the_second_of_two_and_of_the_chosen_of_more():
    said, came = calibration_pair(labels("wet", "dry", "dry"), TWO)
    assert said.tolist() == [0.8, 0.1, 0.5]
    assert came.tolist() == [1.0, 0.0, 0.0]

    said, came = calibration_pair(labels("b", "c"), THREE)
    assert said.tolist() == [0.5, 0.8]
    assert came.tolist() == [0.0, 1.0]

    assert calibration_pair(labels("a"), Answers(labels=labels("a"))) is None
