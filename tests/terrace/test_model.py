import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from companion.terrace import (
    load_weather,
    make_features,
    make_target,
    naive_rule,
    predict_rain,
    split_by_time,
    train_model,
)

WEATHER = load_weather()
FEATURES, TARGET = make_features(WEATHER), make_target(WEATHER)


def split_year(year: int, *, learn_before: int = 2014):
    learn = split_by_time(FEATURES, TARGET, test_start=f"{learn_before}-01-01")
    judge = split_by_time(
        FEATURES, TARGET, test_start=f"{year}-01-01", test_end=f"{year}-12-31"
    )
    model = train_model(learn.train_features, learn.train_target)
    return model, judge.test_features, judge.test_target


def test_the_naive_rule_repeats_today():
    features = pd.DataFrame({"precipitation_mm": [0.0, 0.1, 12.0]})

    assert naive_rule(features).tolist() == [0.0, 1.0, 1.0]


def test_the_model_equals_a_regression_on_features_standardised_by_hand():
    split = split_by_time(FEATURES, TARGET, test_start="2014-01-01")
    learn, judge = split.train_features.to_numpy(), split.test_features.to_numpy()
    centre, spread = learn.mean(axis=0), learn.std(axis=0)
    by_hand = LogisticRegression().fit((learn - centre) / spread, split.train_target)

    model = train_model(split.train_features, split.train_target)

    expected = by_hand.predict_proba((judge - centre) / spread)[:, 1]
    assert predict_rain(model, split.test_features) == pytest.approx(expected)


def test_the_model_answers_bare_numbers_without_knowing_names():
    """The server passes arrays; a model that knows names would warn of them."""
    model, features, _ = split_year(2014)

    assert not hasattr(model, "feature_names_in_")
    assert np.array_equal(
        model.predict_proba(features.to_numpy())[:, 1], predict_rain(model, features)
    )


@pytest.mark.parametrize(
    ("year", "auc", "accuracy", "naive_accuracy"),
    [(2014, 0.78, 0.72, 0.74), (2015, 0.78, 0.72, 0.70)],
)
def test_scores_are_those_that_the_design_expects(year, auc, accuracy, naive_accuracy):
    """Figures of a first trial, made before this code was written."""
    model, features, rained = split_year(year)

    said, naive = predict_rain(model, features), naive_rule(features)

    assert roc_auc_score(rained, said) == pytest.approx(auc, abs=0.01)
    assert np.mean((said > 0.5) == rained) == pytest.approx(accuracy, abs=0.01)
    assert np.mean(naive == rained) == pytest.approx(naive_accuracy, abs=0.01)


def test_training_twice_gives_the_same_model():
    first, features, _ = split_year(2014)
    second, _, _ = split_year(2014)

    assert np.array_equal(predict_rain(first, features), predict_rain(second, features))
