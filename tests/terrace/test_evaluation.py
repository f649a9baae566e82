import math

import numpy as np
import pytest
from scipy import stats

from companion.errors import DataError, SettingError
from companion.terrace import CostTable, compare_costs, evaluate, mean_interval


def test_scores_match_the_hand_calculation():
    """Ranks: 0.9 beats both dry days, 0.3 beats 0.2 only: AUC 3/4.

    Brier: (0.01 + 0.49 + 0.04 + 0.36) / 4. Above one half: 0.9 right, 0.3 wrong,
    0.2 right, 0.6 wrong. Costs at 0.4: 0 + 120 + 0 + 80 over four days.
    """
    scores = evaluate([1, 1, 0, 0], [0.9, 0.3, 0.2, 0.6])

    assert scores.n_days == 4
    assert scores.auc == 0.75
    assert scores.brier == pytest.approx(0.225)
    assert scores.accuracy == 0.5
    assert scores.cost_eur.mean == 50.0


@pytest.mark.parametrize("rained", [[1, 1], [0, 0]])
def test_the_auc_of_days_that_are_all_alike_is_unknown(rained):
    assert evaluate(rained, [0.2, 0.7]).auc is None


def test_other_costs_change_the_decisions_as_well_as_the_amounts():
    """With 300 and 100 the threshold is 0.25: 0.3 counts as rain."""
    costs = CostTable(wrong_dry_eur=300.0, wrong_rain_eur=100.0)

    assert evaluate([1, 0], [0.3, 0.3]).cost_eur.mean == 60.0
    assert evaluate([1, 0], [0.3, 0.3], costs=costs).cost_eur.mean == 50.0


@pytest.mark.parametrize(
    ("rained", "probability", "expected"),
    [
        ([], [], "at least one day"),
        ([1, 0], [0.5], r"\(2,\).*\(1,\)"),
        ([1, 2], [0.5, 0.5], "must be 1"),
        ([1, 0], [0.5, 1.1], "from 0 to 1"),
        ([1, 0], [0.5, math.nan], "from 0 to 1"),
    ],
)
def test_an_invalid_forecast_is_refused(rained, probability, expected):
    with pytest.raises(DataError, match=expected):
        evaluate(rained, probability)


def test_single_days_give_the_interval_of_scipys_bootstrap():
    values = np.random.default_rng(1).exponential(40.0, size=300)
    expected = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval

    ours = mean_interval(values, block_days=1, n_resamples=20_000)

    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx(tuple(expected), abs=0.2)


def test_days_that_hang_together_get_the_wider_interval_they_deserve():
    """Independent weeks of seven equal days: the truth is known.

    The mean of 60 weeks has the standard error 1 / sqrt(60); single days would
    claim 1 / sqrt(420). Blocks that straddle two weeks fall short of the truth
    by design, so the claim is: well above single days and near the truth.
    """
    weeks = np.random.default_rng(3).normal(size=60)
    days = np.repeat(weeks / weeks.std(), 7)

    by_week, by_day = mean_interval(days), mean_interval(days, block_days=1)

    truth = 2 * 1.96 / math.sqrt(60)
    assert by_day.high - by_day.low == pytest.approx(truth / math.sqrt(7), rel=0.1)
    assert 0.7 * truth < by_week.high - by_week.low < 1.1 * truth


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    values = np.arange(100.0) % 17

    assert mean_interval(values, seed=5) == mean_interval(values, seed=5)
    assert mean_interval(values, seed=5) != mean_interval(values, seed=6)


def test_a_series_shorter_than_a_block_is_one_block():
    interval = mean_interval([1.0, 2.0, 6.0])

    assert (interval.low, interval.mean, interval.high) == (3.0, 3.0, 3.0)


def test_a_higher_level_is_never_narrower():
    values = np.random.default_rng(4).normal(size=200)

    narrow, wide = mean_interval(values, level=0.5), mean_interval(values, level=0.99)

    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"block_days": 0}, "block_days is 0"),
        ({"n_resamples": 0}, "n_resamples is 0"),
        ({"level": 1.0}, "level is 1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, expected):
    with pytest.raises(SettingError, match=expected):
        mean_interval([1.0, 2.0], **options)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0], [2.0]]])
def test_an_invalid_series_is_refused(values):
    with pytest.raises(DataError, match="one finite number a day"):
        mean_interval(values)


def test_two_forecasts_are_compared_day_by_day():
    """First: 0 and 80; second: 120 and 0. So -120 and +80, a mean of -20."""
    difference = compare_costs([1, 0], [0.9, 0.9], [0.1, 0.1])

    assert difference.mean == -20.0


def test_equal_forecasts_differ_by_exactly_nothing():
    """Two separate intervals would be wide; the paired one knows better."""
    rng = np.random.default_rng(7)
    rained, said = rng.integers(0, 2, 100), rng.uniform(size=100)

    difference = compare_costs(rained, said, said)

    assert (difference.low, difference.mean, difference.high) == (0.0, 0.0, 0.0)
    own = evaluate(rained, said).cost_eur
    assert own.high - own.low > 10
