import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from companion.errors import DataError, SettingError
from companion.monitoring.comparison import (
    mean_difference,
    quantile_difference,
    quantile_ratio,
    rate_difference,
)

COUNTS = st.integers(1, 500).flatmap(
    lambda rows: st.tuples(st.integers(0, rows), st.just(rows))
)
VALUES = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
SAMPLES = st.lists(VALUES, min_size=2, max_size=30)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_rates_have_the_intervals_of_newcombes_table(first, second, low, high):
    """His table II, method 10: p1 - p2, so his first is our challenger."""
    change = rate_difference([second[0], first[0]], [second[1], first[1]])

    assert round(change.low, 4) == low
    assert round(change.high, 4) == high


def test_other_levels_have_the_intervals_of_statsmodels():
    expected = confint_proportions_2indep(
        37, 410, 90, 1200, method="newcomb", alpha=0.1, compare="diff"
    )

    change = rate_difference([90, 37], [1200, 410], level=0.9)

    assert (change.low, change.high) == pytest.approx(expected)


@settings(deadline=None)  # a busy machine is no bug
@given(COUNTS, COUNTS, st.floats(0.5, 0.999))
def test_an_interval_of_rates_holds_its_estimate_and_mirrors(first, second, level):
    """Swapped groups, and what had no event instead of what had one."""
    events, totals = np.transpose([first, second])
    change = rate_difference(events, totals, level=level)
    swapped = rate_difference(events[::-1], totals[::-1], level=level)
    others = rate_difference(totals - events, totals, level=level)

    assert -1 <= change.low <= change.estimate <= change.high <= 1
    assert change.low < change.high
    for mirrored in (swapped, others):
        assert mirrored.estimate == pytest.approx(-change.estimate)
        assert mirrored.low == pytest.approx(-change.high)
        assert mirrored.high == pytest.approx(-change.low)


def test_one_row_of_each_group_says_next_to_nothing_of_their_rates():
    """By hand: the Wilson interval of 1 in 1 is 1 / (1 + z²) to 1, so 0.2065 to 1."""
    change = rate_difference([0, 1], [1, 1])

    assert change.low == pytest.approx(1 - math.hypot(0.7935, 0.7935), abs=1e-4)
    assert change.high == 1.0


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_means_have_welchs_interval_of_scipy(level):
    rng = np.random.default_rng(4)
    champion, challenger = rng.normal(5, 1, 40), rng.exponential(7, 11)
    test = stats.ttest_ind(challenger, champion, equal_var=False)
    expected = test.confidence_interval(level)

    change = mean_difference(champion, challenger, level=level)

    assert change.estimate == pytest.approx(challenger.mean() - champion.mean())
    assert (change.low, change.high) == pytest.approx((expected.low, expected.high))


@settings(deadline=None)  # a busy machine is no bug
@given(SAMPLES, SAMPLES)
def test_an_interval_of_means_holds_its_estimate_and_mirrors(first, second):
    change, swapped = mean_difference(first, second), mean_difference(second, first)

    assert change.low <= change.estimate <= change.high
    assert (swapped.low, swapped.high) == pytest.approx((-change.high, -change.low))


def test_means_of_one_constant_group_use_the_variance_of_the_other():
    """By hand: 4800 / 4 is the variance, three degrees of freedom, t 3.18245."""
    change = mean_difference([0, 0, 0], [0, 0, 120, 120])

    assert change.high - change.estimate == pytest.approx(110.243, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_means_that_never_change_have_no_width(value):
    change = mean_difference([0.0] * 3, [value] * 5)

    assert change.low == change.estimate == change.high == value


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(quantile_difference, np.subtract), (quantile_ratio, np.divide)],
)
@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_quantiles_have_the_interval_of_scipys_bootstrap(ours, theirs, quantile):
    rng = np.random.default_rng(5)
    champion, challenger = rng.gamma(4, 5, 400), rng.gamma(4, 6, 300)

    def change_of(new, old, axis):
        both = [
            np.quantile(rows, quantile, axis=axis, method="inverted_cdf")
            for rows in (new, old)
        ]
        return theirs(*both)

    expected = stats.bootstrap(
        (challenger, champion),
        change_of,
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(6),
    ).confidence_interval

    change = ours(champion, challenger, quantile=quantile, n_resamples=20_000)

    width = expected.high - expected.low
    assert change.estimate == change_of(challenger, champion, axis=0)
    assert change.low == pytest.approx(expected.low, abs=0.05 * width)
    assert change.high == pytest.approx(expected.high, abs=0.05 * width)


def test_a_median_of_three_is_drawn_as_often_as_counted_by_hand():
    """Of 27 ways to draw three rows, 7 have the median 1, 13 have 2, 7 have 3.

    So 1 is the lowest of the middle 48 %, whose tails are 26 %, but not of the middle
    46 % and less, whose tails of 27 % are more than 7 / 27, which is 25.9 %.
    """
    wide = quantile_difference([0.0], [1, 2, 3], quantile=0.5, level=0.6)
    narrow = quantile_difference([0.0], [1, 2, 3], quantile=0.5, level=0.4)

    assert (wide.low, wide.high) == (1, 3)
    assert (narrow.low, narrow.high) == (2, 2)


@settings(deadline=None)  # a busy machine is no bug
@given(
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30),
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30),
    st.floats(0.01, 0.99),
)
def test_quantiles_keep_to_what_was_seen_and_follow_the_unit(first, second, quantile):
    """Milliseconds or another unit: doubling is exact, also in floats."""
    change = quantile_difference(first, second, quantile=quantile, n_resamples=50)
    doubled = quantile_difference(
        np.multiply(first, 2), np.multiply(second, 2), quantile=quantile, n_resamples=50
    )
    ratio = quantile_ratio(first, second, quantile=quantile, n_resamples=50)

    assert change.champion in first
    assert change.challenger in second
    assert min(second) - max(first) <= change.low <= change.high
    assert change.high <= max(second) - min(first)
    assert (doubled.low, doubled.high) == (2 * change.low, 2 * change.high)
    assert min(second) / max(first) <= ratio.low <= ratio.high
    assert ratio.high <= max(second) / min(first)


def test_a_quantile_is_the_smallest_value_that_its_share_does_not_exceed():
    """Seven of 100 rows are 7 %, although 0.07 * 100 is more than 7 in floats."""
    rows = np.arange(1, 101)

    assert quantile_difference([0.0], rows, quantile=0.07).challenger == 7
    assert quantile_difference([0.0], rows, quantile=0.071).challenger == 8
    assert quantile_difference([0.0], rows, quantile=0.001).challenger == 1
    assert quantile_difference([0.0], rows, quantile=0.999).challenger == 100


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    rows = np.random.default_rng(7).exponential(size=200)
    once, again, other = (
        quantile_difference(rows, rows + 1, seed=seed) for seed in (1, 1, 2)
    )

    assert once == again
    assert (once.low, once.high) != (other.low, other.high)


def test_one_row_of_each_group_has_a_quantile_without_width():
    change = quantile_difference([3.0], [5.0])

    assert (change.low, change.estimate, change.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("events", "totals", "expected"),
    [
        ([1, 0], [5, 0], r"challenger has too few rows \(0\)"),
        ([0, 1], [0, 5], r"champion has too few rows \(0\)"),
        ([6, 1], [5, 5], "champion has 6.0 events in 5.0 rows"),
        ([-1, 1], [5, 5], "events are .*whole"),
        ([0.5, 1], [5, 5], "events are .*whole"),
        ([1, 1], [5, math.nan], "totals are .*whole"),
        ([1, 1], [5, math.inf], "totals are .*whole"),
        ([1], [5], "champion's first"),
        ([], [], "champion's first"),
        ([1, 1, 1], [5, 5, 5], "champion's first"),
        (1, 5, "champion's first"),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(events, totals, expected):
    with pytest.raises(DataError, match=expected):
        rate_difference(events, totals)


@pytest.mark.parametrize(
    ("champion", "challenger", "expected"),
    [
        ([], [1.0, 2.0], r"champion has too few rows \(0\)"),
        ([1.0, 2.0], [], r"challenger has too few rows \(0\)"),
        (
            [1.0, math.nan],
            [1.0, 2.0],
            r"champion has NaN or infinite values \(1 of 2\)",
        ),
        (
            [1.0, 2.0],
            [1.0, -math.inf],
            r"challenger has NaN or infinite values \(1 of 2\)",
        ),
        ([[1.0, 2.0]], [1.0, 2.0], r"champion has the shape \(1, 2\)"),
    ],
)
@pytest.mark.parametrize(
    "compare", [mean_difference, quantile_difference, quantile_ratio]
)
def test_rows_that_cannot_be_compared_are_refused(
    compare, champion, challenger, expected
):
    with pytest.raises(DataError, match=expected):
        compare(champion, challenger)


def test_the_mean_of_one_row_has_no_variance():
    with pytest.raises(
        DataError, match=r"challenger has too few rows \(1\); expected at least 2"
    ):
        mean_difference([1.0, 2.0], [1.0])


@pytest.mark.parametrize("champion", [[0.0, 1.0], [-1.0, 1.0]])
def test_a_ratio_to_zero_or_below_is_refused(champion):
    with pytest.raises(
        DataError, match=r"champion has the value .* difference instead"
    ):
        quantile_ratio(champion, [1.0])


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(SettingError, match="level is"):
        rate_difference([1, 1], [5, 5], level=level)
    with pytest.raises(SettingError, match="level is"):
        mean_difference([1, 2], [1, 2], level=level)
    with pytest.raises(SettingError, match="level is"):
        quantile_ratio([1, 2], [1, 2], level=level)


def test_a_quantile_out_of_range_or_no_draws_are_refused():
    with pytest.raises(SettingError, match="quantile is 95"):
        quantile_difference([1], [1], quantile=95)
    with pytest.raises(SettingError, match="n_resamples is 0"):
        quantile_difference([1], [1], n_resamples=0)
