import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from companion.errors import DataError, SettingError
from companion.monitoring.sequential import (
    mixture_variance,
    sequential_means,
    sequential_rates,
)

# Level 0.95: x = log(1 + x) + 2 log(20), by Newton's method.
X = 8.21197

DAYS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).flatmap(
        lambda rows: st.tuples(
            st.tuples(st.integers(0, rows[0]), st.integers(0, rows[1])), st.just(rows)
        )
    ),
    min_size=1,
    max_size=12,
)
BATCHES = st.integers(1, 6).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(-50, 50), max_size=30), min_size=n, max_size=n
    )
)


def means_with(difference: float) -> tuple[list[NDArray[np.float64]], ...]:
    """Make one look of 200 rows a group whose difference has the variance 1 / 100.

    The variance of all 400 rows is the sample variance in the groups and a quarter of
    the squared difference: together 1, for two times 1 / 200.
    """
    spread = math.sqrt((1 - difference**2 / 4) * 199 / 200)
    rows = np.repeat([-spread, spread], 100)
    return [rows], [rows + difference]


def test_the_boundary_is_that_of_the_reference_implementation():
    """Howard's confseq: two-sided normal mixture, rho 12.60056, bound at 100: 30.35209.

    A sum of 100 rows of variance 1 there is 100 times our difference, and 1 / rho our
    variance of the mixture.
    """
    tuned = math.sqrt((1 + X) / X / 12.60056)
    champion, challenger = means_with(0.3035209)

    test = sequential_means(champion, challenger, smallest_difference=tuned)

    (look,) = test.looks
    assert test.mixture_variance == pytest.approx(1 / 12.60056, rel=1e-5)
    assert look.high - look.difference == pytest.approx(0.3035209, rel=1e-5)
    assert look.p_value == pytest.approx(0.05, rel=1e-4)


def test_the_boundary_is_the_one_that_robbins_published():
    """1970: |S_n| stays below sqrt((n + m)(a² + log(1 + n / m))), a² = 2 log 20."""
    n, m = 100, 40.0
    expected = math.sqrt((n + m) * (2 * math.log(20) + math.log(1 + n / m))) / n
    champion, challenger = means_with(0.2)

    test = sequential_means(
        champion, challenger, smallest_difference=math.sqrt((1 + X) / X / m)
    )

    (look,) = test.looks
    assert look.difference - look.low == pytest.approx(expected, rel=1e-5)


def test_the_p_value_of_rates_is_that_of_the_hand_calculation():
    """10 in 98 against 25 in 98, a mixture of 0.1² * 8.21197 / 9.21197.

    Smoothed rates 0.11 and 0.26, so variances 0.0979 and 0.1924, whose mean 0.14515 and
    the quarter of 0.153061² make 0.151007, times 2 / 98: v is 0.00308177. With
    m = 0.00891446, m d² / (2 v (v + m)) is 2.82455 and half of log(1 + m / v) 0.67954.
    """
    (look,) = sequential_rates(
        [[10], [25]], [[98], [98]], smallest_difference=0.1
    ).looks

    assert look.p_value == pytest.approx(math.exp(0.67954 - 2.82455), rel=1e-4)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_rule_finds_the_smallest_difference_with_the_fewest_rows(level):
    """Tried one by one: with no other mixture the interval is narrow enough sooner."""
    chosen = mixture_variance(0.1, level=level)
    variances = np.geomspace(1e-5, 1e-1, 40_001)

    def largest_variance(mixture):
        margin = np.sqrt(
            variances
            * (variances + mixture)
            / mixture
            * (np.log1p(mixture / variances) - 2 * math.log(1 - level))
        )
        return variances[margin <= 0.1].max()

    ours = largest_variance(chosen)

    assert mixture_variance(-0.1, level=level) == chosen
    for factor in (0.25, 0.5, 0.8, 1.25, 2, 4):
        assert largest_variance(chosen * factor) < ours


@settings(deadline=None)  # a busy machine is no bug
@given(DAYS)
def test_looks_at_rates_mirror_stay_in_bounds_and_never_forget(days):
    events, totals = (np.array(each).T for each in zip(*days, strict=True))
    assume(totals.sum(axis=1).all())

    looks = sequential_rates(events, totals, smallest_difference=0.1).looks
    swapped = sequential_rates(
        events[::-1], totals[::-1], smallest_difference=0.1
    ).looks

    assert len(looks) == len(days)
    p_values = [look.p_value for look in looks]
    assert p_values == sorted(p_values, reverse=True)
    for look, mirrored in zip(looks, swapped, strict=True):
        assert 0 < look.p_value <= 1
        assert -1 <= look.low < look.high <= 1
        assert mirrored.p_value == pytest.approx(look.p_value)
        assert (mirrored.low, mirrored.high) == pytest.approx((-look.high, -look.low))
        if look.difference is None:
            assert 0 in (look.n_champion, look.n_challenger)
            assert (look.low, look.high, look.p_value) == (-1, 1, 1)
        else:
            assert look.low <= look.difference <= look.high
    assert looks[-1].n_champion == totals[0].sum()


@settings(deadline=None)  # a busy machine is no bug
@given(BATCHES, BATCHES)
def test_looks_at_means_mirror_and_do_not_depend_on_the_batches(first, second):
    n_looks = max(len(first), len(second))
    first, second = ([*each, *[[]] * (n_looks - len(each))] for each in (first, second))
    assume(any(first) and any(second))

    def test_of(champion, challenger):
        return sequential_means(
            champion, challenger, smallest_difference=5, min_rows=5
        ).looks

    looks, swapped = test_of(first, second), test_of(second, first)
    (at_once,) = test_of([sum(first, [])], [sum(second, [])])  # noqa: RUF017

    for look, mirrored in zip(looks, swapped, strict=True):
        assert (mirrored.low, mirrored.high) == pytest.approx((-look.high, -look.low))
        assert 0 <= look.p_value <= 1
    last = looks[-1]
    assert (last.n_champion, last.n_challenger) == (
        at_once.n_champion,
        at_once.n_challenger,
    )
    assert (last.low, last.high) == pytest.approx((at_once.low, at_once.high))
    assert last.p_value <= at_once.p_value * (1 + 1e-9)


@settings(deadline=None)  # a busy machine is no bug
@given(DAYS)
def test_a_test_stops_at_the_first_interval_without_zero(days):
    """The p-value and the interval are two sides of one boundary."""
    events, totals = (np.array(each).T for each in zip(*days, strict=True))
    assume(totals.sum(axis=1).all())

    test = sequential_rates(events, totals, smallest_difference=0.1)

    outside = [
        index for index, look in enumerate(test.looks) if look.low > 0 or look.high < 0
    ]
    assert test.stopped_at == (outside[0] if outside else None)


@pytest.mark.parametrize("events", [0, 50])
def test_rates_of_all_or_nothing_are_not_taken_as_certain(events):
    test = sequential_rates(
        [[events], [events]], [[50], [50]], smallest_difference=0.02
    )

    (look,) = test.looks
    assert look.difference == 0
    assert look.low < -0.05
    assert look.high > 0.05
    assert look.p_value == 1


def test_one_row_of_each_group_proves_nothing():
    (look,) = sequential_rates([[0], [1]], [[1], [1]], smallest_difference=0.5).looks

    assert look.p_value > 0.3
    assert (look.low, look.high) == (-1, 1) or look.low < 0 < look.high


def test_a_look_without_rows_of_the_canary_waits_for_them():
    test = sequential_rates(
        [[5, 5], [0, 9]], [[50, 50], [0, 50]], smallest_difference=0.1
    )

    first, second = test.looks
    assert first.difference is None
    assert (first.low, first.high, first.p_value) == (-1, 1, 1)
    assert second.difference == pytest.approx(9 / 50 - 10 / 100)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_means_of_rows_that_are_all_alike_say_nothing_yet(value):
    """0.1 and others leave a rest of rounding, which is no variance."""
    test = sequential_means(
        [[value] * 40, [value] * 7], [[value] * 40, []], smallest_difference=1
    )

    for look in test.looks:
        assert (look.low, look.high, look.p_value) == (-math.inf, math.inf, 1)


def test_a_small_spread_around_a_large_value_is_not_lost_in_rounding():
    """Squares of times in seconds since 1970 leave no digit for hundredths."""
    rows = np.random.default_rng(8).normal(0, 0.01, size=(2, 3, 40))
    here, there = (
        sequential_means(*(rows + start), smallest_difference=0.01)
        for start in (0.0, 1.8e9)
    )

    for look, moved in zip(here.looks, there.looks, strict=True):
        # The rows themselves are only exact to 0.0000002 there.
        assert (moved.low, moved.high) == pytest.approx((look.low, look.high), abs=1e-6)


def test_a_group_that_never_costs_anything_is_told_from_one_that_always_does():
    test = sequential_means([[0.0] * 40], [[80.0] * 40], smallest_difference=10)

    assert test.stopped_at == 0


def test_a_look_at_means_counts_from_the_smallest_number_of_rows_on():
    rows = [1.0, 2.0] * 10
    test = sequential_means([rows] * 3, [[5.0, 6.0] * 10] * 3, smallest_difference=1)

    waiting, first, _ = test.looks
    assert waiting.difference == 4
    assert (waiting.low, waiting.high, waiting.p_value) == (-math.inf, math.inf, 1)
    assert first.n_champion == 40
    assert test.stopped_at == 1


@pytest.mark.parametrize(
    ("events", "totals", "expected"),
    [
        ([[1, 2], [0, 0]], [[5, 5], [0, 0]], r"challenger has too few rows \(0\)"),
        ([[], []], [[], []], r"champion has too few rows \(0\)"),
        ([[1, 6], [0, 0]], [[5, 5], [5, 5]], "champion has .* events in"),
        ([[1, math.nan], [0, 0]], [[5, 5], [5, 5]], "events are .*whole"),
        ([1, 0], [5, 5], "same shape"),
        ([[1, 2]], [[5, 5]], "champion's first"),
        ([[1, 2], [0, 0]], [[5], [5]], "same shape"),
    ],
)
def test_counts_that_cannot_be_tested_are_refused(events, totals, expected):
    with pytest.raises(DataError, match=expected):
        sequential_rates(events, totals, smallest_difference=0.1)


@pytest.mark.parametrize(
    ("champion", "challenger", "expected"),
    [
        ([[1.0]], [[]], r"challenger has too few rows \(0\)"),
        ([], [], r"champion has too few rows \(0\)"),
        ([[1.0], []], [[1.0]], "champion has 2 looks and challenger 1"),
        ([[1.0, math.nan]], [[1.0]], r"champion has NaN or infinite values \(1 of 2\)"),
        ([1.0, 2.0], [1.0, 2.0], r"champion has the shape \(\)"),
    ],
)
def test_rows_that_cannot_be_tested_are_refused(champion, challenger, expected):
    with pytest.raises(DataError, match=expected):
        sequential_means(champion, challenger, smallest_difference=0.1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"smallest_difference": 0.0}, "smallest_difference is 0.0"),
        ({"smallest_difference": math.nan}, "smallest_difference is nan"),
        ({"level": 1.0}, "level is 1.0"),
        ({"min_rows": 1}, "min_rows is 1"),
    ],
)
def test_options_out_of_range_are_refused(options, expected):
    with pytest.raises(SettingError, match=expected):
        sequential_means([[1.0]], [[1.0]], **{"smallest_difference": 0.1} | options)
