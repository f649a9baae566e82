import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower

from companion.errors import SettingError
from companion.monitoring.sample_size import mean_sample_size, rate_sample_size


def power_of_statsmodels(champion: int, challenger: int, effect: float) -> float:
    """Give the power of the two-sided t test of groups of these sizes."""
    return TTestIndPower().power(
        effect, nobs1=champion, ratio=challenger / champion, alpha=0.05
    )


def test_rates_need_the_rows_that_rs_manual_gives():
    """Help page of power.prop.test: p1 = .50, p2 = .75, power = .90 needs n = 76.7."""
    size = rate_sample_size(0.5, 0.25, power=0.9)

    assert (size.champion, size.challenger) == (77, 77)


def test_rates_need_the_rows_of_the_hand_calculation():
    """0.10 against 0.15, level 0.95, power 0.8, equal groups.

    Root: 1.959964 * sqrt(2 * 0.125 * 0.875) + 0.841621 * sqrt(0.09 + 0.1275)
    = 0.916686 + 0.392506 = 1.309192; squared, over 0.0025: 685.6.
    """
    assert rate_sample_size(0.10, 0.05).champion == 686


def test_a_canary_needs_fewer_rows_but_its_champion_more():
    """A canary of 10 %, 0.10 against 0.15, by hand: pooled rate 0.105.

    Root: 1.959964 * sqrt(10 / 9 * 0.093975) + 0.841621 * sqrt(0.09 / 9 + 0.1275)
    = 0.633337 + 0.312081 = 0.945416; squared, over 0.0025 / 9: 3217.7 and 357.5.
    """
    size = rate_sample_size(0.10, 0.05, ratio=1 / 9)

    assert (size.champion, size.challenger) == (3218, 358)


@pytest.mark.parametrize(("effect", "rows"), [(0.5, 64), (0.8, 26)])
def test_means_need_the_rows_of_cohens_table(effect, rows):
    """Table 2.4.1: level 0.95, two-sided, power 0.80; medium and large effects."""
    assert mean_sample_size(1.0, effect).champion == rows


@pytest.mark.parametrize("effect", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("ratio", [1 / 9, 1.0, 2.0])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_means_have_the_power_that_statsmodels_says(effect, ratio, power):
    size = mean_sample_size(10.0, -10 * effect, power=power, ratio=ratio)

    assert size.challenger == pytest.approx(size.champion * ratio, abs=1)
    assert power_of_statsmodels(size.champion, size.challenger, effect) >= power
    if ratio == 1:
        fewer = size.champion - 1
        assert power_of_statsmodels(fewer, fewer, effect) < power


def test_from_a_hundred_thousand_rows_on_the_normal_distribution_is_near_enough():
    size = mean_sample_size(1.0, 0.01)

    found = power_of_statsmodels(size.champion, size.challenger, 0.01)
    assert found == pytest.approx(0.8, abs=1e-5)


@settings(deadline=None)  # a busy machine is no bug
@given(
    st.floats(0.05, 0.95),
    st.floats(0.001, 0.04),
    st.floats(0.5, 0.99),
    st.floats(0.1, 10),
)
def test_more_certainty_and_smaller_differences_never_need_fewer_rows(
    rate, difference, power, ratio
):
    size = rate_sample_size(rate, difference, power=power, ratio=ratio)
    for more in (
        rate_sample_size(rate, difference, power=(1 + power) / 2, ratio=ratio),
        rate_sample_size(rate, difference, power=power, ratio=ratio, level=0.99),
        rate_sample_size(rate, difference / 2, power=power, ratio=ratio),
    ):
        assert more.champion >= size.champion
        assert more.challenger >= size.challenger
    other_side = rate_sample_size(1 - rate, -difference, power=power, ratio=ratio)
    assert other_side.champion == pytest.approx(size.champion, abs=1)


def test_a_huge_difference_still_needs_two_rows_for_a_variance():
    size = mean_sample_size(1.0, 1e6)

    assert (size.champion, size.challenger) == (2, 2)


def test_a_tiny_difference_of_means_is_answered_at_once():
    """2 (1.959964 + 0.841621)² is 15.698 times ten to the twelfth."""
    assert mean_sample_size(1.0, 1e-6).champion == pytest.approx(1.5698e13, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"difference": 0.0}, "difference is 0.0"),
        ({"difference": math.nan}, "difference is nan"),
        ({"level": 95}, "level is 95"),
        ({"power": 0.05}, "power is 0.05; expected a probability above 0.05"),
        ({"power": 1.0}, "power is 1.0"),
        ({"power": math.nan}, "power is nan"),
        ({"ratio": 0.0}, "ratio is 0.0"),
        ({"ratio": math.inf}, "ratio is inf"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(options, expected):
    arguments = {"difference": 0.1} | options
    with pytest.raises(SettingError, match=expected):
        rate_sample_size(0.5, **arguments)
    with pytest.raises(SettingError, match=expected):
        mean_sample_size(0.5, **arguments)


@pytest.mark.parametrize(
    ("rate", "difference"), [(0.0, 0.1), (0.95, 0.05), (0.1, -0.2), (math.nan, 0.1)]
)
def test_a_rate_that_cannot_be_is_refused(rate, difference):
    with pytest.raises(SettingError, match="expected both between 0 and 1"):
        rate_sample_size(rate, difference)


@pytest.mark.parametrize("deviation", [0.0, -1.0, math.nan, math.inf])
def test_a_standard_deviation_that_cannot_be_is_refused(deviation):
    with pytest.raises(SettingError, match="standard_deviation is"):
        mean_sample_size(deviation, 0.1)
