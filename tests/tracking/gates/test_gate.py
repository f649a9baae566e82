import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import brier_score_loss

from companion.errors import DataError
from companion.tracking import read_rules, run_gate

RAIN = {
    "target": "wet",
    "quality": {"margin": 0.02},
    "cost": {
        "margin": 5,
        "wrong": [
            {"truth": 1, "answer": 0, "cost": 120},
            {"truth": 0, "answer": 1, "cost": 80},
        ],
    },
    "slices": {"columns": ["season"]},
}


def outcomes(verdict):
    return {f"{one.group}: {one.title}": one.outcome for one in verdict.checks}


def group(verdict, name):
    return [one.outcome for one in verdict.checks if one.group == name]


def test_a_model_that_knows_less_is_refused_with_its_evidence(rain_models, rain_rows):
    good, bad = rain_models

    verdict = run_gate(bad, good, rain_rows, read_rules(RAIN))

    assert verdict.outcome == "fail"
    assert group(verdict, "quality") == ["fail"]
    assert group(verdict, "cost") == ["fail"]
    assert group(verdict, "slices") == ["fail"]
    assert set(group(verdict, "data")) == {"pass"}
    assert [one.n_rows for one in verdict.slices] == [200, 200]
    assert "fail" in {one.outcome for one in verdict.slices}
    assert verdict.quality.difference.low > 0.02
    assert verdict.challenger.title == "rain, version 2"
    assert verdict.champion.title == "rain, version 1"
    assert len(verdict.challenger.latency_ms) == 100
    assert verdict.challenger.size_bytes > 1000


def test_a_better_model_passes(rain_models, rain_rows):
    good, bad = rain_models

    verdict = run_gate(good, bad, rain_rows, read_rules(RAIN))

    assert verdict.outcome == "pass"
    assert verdict.quality.difference.high < 0


def test_the_figures_are_those_of_the_models_own_library(rain_models, rain_rows):
    import mlflow

    good, bad = rain_models
    truth = rain_rows["wet"]
    expected = [
        brier_score_loss(
            truth, model.predict_proba(rain_rows[["clouds", "noise"]])[:, 1]
        )
        for model in (mlflow.sklearn.load_model(str(one)) for one in (bad, good))
    ]

    verdict = run_gate(bad, good, rain_rows, read_rules(RAIN))

    quality = verdict.quality
    assert [quality.challenger.mean, quality.champion.mean] == pytest.approx(expected)
    assert quality.difference.mean == pytest.approx(expected[0] - expected[1])


def test_a_model_against_itself_passes_even_without_a_margin(rain_models, rain_rows):
    good, _ = rain_models
    rules = read_rules(RAIN | {"quality": {"margin": 0}})

    verdict = run_gate(good, good, rain_rows, rules)

    difference = verdict.quality.difference
    assert (difference.low, difference.mean, difference.high) == (0.0, 0.0, 0.0)
    assert verdict.outcome == "pass"


def test_a_margin_within_the_interval_leaves_it_unclear(rain_models, rain_rows):
    """As with a margin that is what the few rows show on average."""
    good, bad = rain_models
    few = rain_rows[:120]
    shown = run_gate(bad, good, few, read_rules(RAIN)).quality.difference.mean
    rules = read_rules({"target": "wet", "quality": {"margin": shown}})

    verdict = run_gate(bad, good, few, rules)

    assert group(verdict, "quality") == ["unclear"]
    assert verdict.outcome == "unclear"


def test_too_few_rows_are_no_evidence(rain_models, rain_rows):
    verdict = run_gate(*rain_models, rain_rows[:60], read_rules(RAIN))

    assert outcomes(verdict)["data: rows"] == "fail"
    assert verdict.outcome == "fail"


def test_a_csv_file_of_texts_gives_the_same_verdict(rain_models, rain_rows, tmp_path):
    """`1.0` and `1` are one class."""
    good, bad = rain_models
    rain_rows.assign(wet=rain_rows["wet"].astype(float)).to_csv(
        tmp_path / "rows.csv", index=False
    )
    texts = pd.read_csv(tmp_path / "rows.csv", dtype=str, keep_default_na=False)
    rules = read_rules(RAIN)

    verdict = run_gate(bad, good, texts, rules)

    assert verdict.quality.difference.mean == pytest.approx(
        run_gate(bad, good, rain_rows, rules).quality.difference.mean
    )


def test_limits_on_latency_size_and_calibration_are_held(rain_models, rain_rows):
    good, bad = rain_models
    strict = {
        "latency": {"max_ms": 0.0001, "max_ratio": 0.0001},
        "size": {"max_mb": 0.0001, "max_ratio": 0.5},
        "calibration": {"max_error": 0.0001},
    }
    loose = {
        "latency": {"max_ms": 1e6, "max_ratio": 1e6},
        "size": {"max_mb": 100, "max_ratio": 2},
        "calibration": {"max_error": 0.5},
    }

    refused = run_gate(good, bad, rain_rows, read_rules(RAIN | strict))
    passed = run_gate(good, bad, rain_rows, read_rules(RAIN | loose))

    for name in ("latency", "size", "calibration"):
        assert set(group(refused, name)) == {"fail"}, name
        assert set(group(passed, name)) == {"pass"}, name
    assert (refused.outcome, passed.outcome) == ("fail", "pass")


def test_broken_data_is_no_evidence(rain_models, rain_rows):
    good, bad = rain_models
    broken = pd.concat([rain_rows.iloc[:200]] * 2, ignore_index=True)
    broken.loc[:99, "clouds"] = 1e6

    verdict = run_gate(good, bad, broken, read_rules(RAIN))

    found = outcomes(verdict)
    assert found["data: rows that repeat an earlier one"] == "fail"
    assert found["data: rows with a number outside the challenger's ranges"] == "fail"
    assert verdict.outcome == "fail"


def test_a_row_with_one_number_outside_its_range_counts_as_a_whole(
    rain_models, rain_rows
):
    """A tenth of the rows, though few of all numbers; a server refuses such rows."""
    good, bad = rain_models
    n_odd = len(rain_rows) // 10
    odd = rain_rows.copy()
    odd.iloc[:n_odd, odd.columns.get_loc("clouds")] = 1e6

    verdict = run_gate(good, bad, odd, read_rules(RAIN))

    title = "rows with a number outside the challenger's ranges"
    check = next(one for one in verdict.checks if one.title == title)
    assert check.outcome == "fail"
    assert check.measured == f"{100 * n_odd / len(odd):.3g} %"


def test_a_class_that_the_challenger_never_saw_is_named(rain_models, rain_rows):
    good, bad = rain_models
    odd = rain_rows.assign(wet=["hail", *rain_rows["wet"].astype(str)[1:]])

    verdict = run_gate(good, bad, odd, read_rules(RAIN))

    (check,) = [one for one in verdict.checks if "does not know" in one.title]
    assert (check.outcome, check.measured) == ("fail", "hail")


def test_several_classes_are_compared_and_sliced(save):
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    names = np.array(["fog", "rain", "sun"])
    truth = names[np.digitize(rows["a"] + rng.normal(0, 0.3, 600), [-0.5, 0.5])]
    good = LogisticRegression().fit(rows[:300], truth[:300])
    bad = LogisticRegression(C=1e-4).fit(rows[:300], truth[:300])
    data = rows[300:].assign(kind=truth[300:])
    rules = read_rules(
        {
            "target": "kind",
            "quality": {"margin": 0.01},
            "slices": {"columns": ["kind"]},
            "cost": {"wrong": [{"truth": "rain", "answer": "sun", "cost": 9}]},
        }
    )
    folders = save(good, rows, "sky", "1"), save(bad, rows, "sky", "2")

    better = run_gate(*folders, data, rules)
    worse = run_gate(*folders[::-1], data, rules)

    assert (better.outcome, worse.outcome) == ("pass", "fail")
    assert [one.value for one in worse.slices] == ["fog", "rain", "sun"]
    assert better.cost.difference.mean <= 0


def test_numbers_are_compared(save):
    rng = np.random.default_rng(4)
    rows = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    price = 3 * rows["a"] + rng.normal(0, 0.5, 600)
    good = LinearRegression().fit(rows[:300], price[:300])
    bad = LinearRegression().fit(
        rows[["b", "a"]].set_axis(["a", "b"], axis=1)[:300], price[:300]
    )
    data = rows[300:].assign(price=price[300:])
    rules = read_rules(
        {
            "target": "price",
            "quality": {"margin": 0.1, "metric": "squared_error"},
            "cost": {"over": 1, "under": 2, "margin": 0.2},
            "calibration": {"max_error": 0.3},
        }
    )
    folders = save(good, rows, "price", "1"), save(bad, rows, "price", "2")

    better = run_gate(*folders, data, rules)
    worse = run_gate(*folders[::-1], data, rules)

    assert (better.task, better.outcome, worse.outcome) == ("numbers", "pass", "fail")
    assert group(worse, "calibration") == ["fail"]
    said = good.predict(rows[300:])
    expected = float(((said - price[300:]) ** 2).mean())
    assert better.quality.challenger.mean == pytest.approx(expected)


def test_the_evidence_is_json(rain_models, rain_rows):
    good, bad = rain_models

    verdict = run_gate(good, bad, rain_rows, read_rules(RAIN))
    read = json.loads(json.dumps(verdict.to_json(), allow_nan=False))

    assert read["outcome"] == "pass"
    assert read["quality"]["difference"]["level"] == 0.95
    assert read["rules"]["cost"]["wrong"][0]["cost"] == 120.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows[:0], "the data has no rows"),
        (lambda rows: rows.drop(columns="wet"), "no column 'wet', the target"),
        (lambda rows: rows.assign(wet=[*[1.0] * 399, None]), "1 of 400 .* is row 400"),
        (lambda rows: rows.assign(wet=["", *["1"] * 399]), "1 of 400 .* is row 1"),
        (lambda rows: rows.drop(columns="clouds"), "no column 'clouds'"),
    ],
)
def test_data_that_cannot_judge_is_refused(change, expected, rain_models, rain_rows):
    with pytest.raises(DataError, match=expected):
        run_gate(*rain_models, change(rain_rows), read_rules(RAIN))


def test_a_target_of_texts_does_not_judge_numbers(save):
    rows = pd.DataFrame({"a": np.arange(120.0)})
    folder = save(LinearRegression().fit(rows, rows["a"]), rows, "line", "1")
    rules = read_rules({"target": "y", "quality": {"margin": 1}})

    with pytest.raises(DataError, match="'y' holds values that are no finite numbers"):
        run_gate(folder, folder, rows.assign(y="high"), rules)
