"""How often tests that are looked at every day raise an alarm, in simulations."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from companion.monitoring.sample_size import rate_sample_size
from companion.monitoring.sequential import sequential_means, sequential_rates


def count_alarms(
    rates: tuple[float, float],
    per_day: tuple[int, int],
    *,
    days: int,
    smallest_difference: float,
    n_tests: int = 1000,
    seed: int = 1,
) -> tuple[float, float]:
    """Look at many tests every day, and stop at the first alarm.

    Gives the share of tests that stop: by the sequential test, and by the z-test of two
    rates as it stands in textbooks, for one look.
    """
    rng = np.random.default_rng(seed)
    totals = np.repeat(np.array(per_day)[:, None], days, axis=1)
    events = rng.binomial(totals, np.array(rates)[:, None], size=(n_tests, 2, days))
    sequential = [
        sequential_rates(
            each, totals, smallest_difference=smallest_difference
        ).stopped_at
        is not None
        for each in events
    ]
    naive = z_test_p_values(events.cumsum(axis=2), totals.cumsum(axis=1)) <= 0.05
    return float(np.mean(sequential)), float(naive.any(axis=1).mean())


def z_test_p_values(
    events: NDArray[np.int64], totals: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give the p-values of the pooled z-test, 1 where no row had an event, or each."""
    pooled = events.sum(axis=1) / totals.sum(axis=0)
    error = np.sqrt(pooled * (1 - pooled) * (1 / totals).sum(axis=0))
    rates = events / totals
    z = np.divide(
        rates[:, 1] - rates[:, 0], error, out=np.zeros_like(error), where=error > 0
    )
    return 2 * stats.norm.sf(np.abs(z))


def test_daily_looks_at_equal_versions_alarm_in_at_most_one_of_20_tests():
    """Four weeks of 200 rows a day and group; the naive test alarms in every fourth."""
    sequential, naive = count_alarms(
        (0.1, 0.1), (200, 200), days=28, smallest_difference=0.03
    )

    assert sequential <= 0.05
    assert 0.20 < naive < 0.40


def test_the_naive_test_alarms_as_often_as_armitage_counted():
    """Armitage, McPherson and Rowe, 1969: 24.8 % with 20 looks at the level 0.95."""
    events = np.random.default_rng(1).binomial(500, 0.5, size=(20_000, 2, 20))
    totals = np.full((2, 20), 500).cumsum(axis=1)

    alarms = (z_test_p_values(events.cumsum(axis=2), totals) <= 0.05).any(axis=1)

    # Three standard errors of a share of 20,000 tests.
    assert alarms.mean() == pytest.approx(0.248, abs=0.0092)


@pytest.mark.parametrize(
    ("rate", "per_day", "smallest_difference"),
    [
        (0.02, (990, 10), 0.02),
        (0.02, (900, 100), 0.01),
        (0.5, (1, 1), 0.5),
        (0.3, (100, 100), 0.05),
    ],
)
def test_two_hundred_looks_keep_the_promise_with_a_small_canary_too(
    rate, per_day, smallest_difference
):
    """Separate variances alone give 6 to 9 % in the first three."""
    sequential, _ = count_alarms(
        (rate, rate), per_day, days=200, smallest_difference=smallest_difference
    )

    assert sequential <= 0.05


@pytest.mark.parametrize("per_day", [(20, 20), (45, 5)])
def test_costs_with_rare_large_values_keep_the_promise(per_day):
    """80 EUR for one day in seven, 120 EUR for one in twenty, else nothing."""
    rng = np.random.default_rng(2)
    stopped = []
    for _ in range(300):
        groups = [
            rng.choice([0.0, 80.0, 120.0], p=[0.8, 0.15, 0.05], size=(28, n))
            for n in per_day
        ]
        test = sequential_means(*groups, smallest_difference=15.0)
        stopped.append(test.stopped_at is not None)

    assert np.mean(stopped) <= 0.05


def test_a_real_difference_is_found_without_a_plan_of_the_last_day():
    """Twice the rows that one look needs for a power of 80 %."""
    size = rate_sample_size(0.1, 0.03)
    days = 2 * size.champion // 100
    found, _ = count_alarms(
        (0.1, 0.13), (100, 100), days=days, smallest_difference=0.03, n_tests=300
    )

    assert found >= 0.8


def test_the_intervals_of_all_looks_hold_the_true_difference_together():
    """Rates of 0.05 and 0.15, so that the variances differ, in groups of 300 and 60."""
    rng = np.random.default_rng(3)
    totals = np.repeat([[300], [60]], 40, axis=1)
    missed = 0
    for _ in range(500):
        events = rng.binomial(totals, [[0.05], [0.15]])
        looks = sequential_rates(events, totals, smallest_difference=0.05).looks
        missed += not all(look.low <= 0.1 <= look.high for look in looks)

    assert missed <= 25
