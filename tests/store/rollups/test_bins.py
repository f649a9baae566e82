import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.store.rollups.bins import bin_of, estimate_quantile, upper_edge


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (9.9e-7, "0"),
        (-9.9e-7, "0"),
        (1e-6, "1e-06"),
        (0.1, "0.1"),
        (0.3, "0.3"),  # as text: three times 0.1 is more
        (0.2999999, "0.25"),
        (0.95, "0.9"),
        (1.0, "1"),
        (12.8, "12"),
        (-3.0, "-3"),
        (-3.49, "-3"),
        (-3.5, "-3.5"),
        (999_999_999_999.0, "9e+11"),
        (1e12, "1e+12"),
        (1.7e308, "1e+12"),
        (-1.7e308, "-1e+12"),
    ],
)
def test_a_bin_is_named_by_its_edge_towards_zero(number, name):
    assert bin_of(number) == name


@given(st.floats(min_value=1e-6, max_value=1e12, exclude_max=True))
def test_a_number_lies_in_its_bin_which_is_at_most_a_quarter_wide(number):
    lower = float(bin_of(number))

    assert lower <= number < upper_edge(lower)
    assert upper_edge(lower) <= lower * 1.2500001
    assert bin_of(-number) == f"-{bin_of(number)}"


def test_each_tenth_is_an_edge():
    """So that the share of probabilities above 0.4 can be read off exactly."""
    for tenth in range(1, 11):
        assert float(bin_of(tenth / 10)) == tenth / 10


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99, 1.0])
def test_a_quantile_is_estimated_within_its_bin(share):
    """NumPy's, of the numbers themselves, is what is to be met."""
    times = np.random.default_rng(3).lognormal(1.0, 1.2, 5000)
    counts: dict[str, int] = {}
    for time in times:
        counts[bin_of(time)] = counts.get(bin_of(time), 0) + 1

    estimate = estimate_quantile(counts, share)

    exact = np.quantile(times, share, method="inverted_cdf")
    assert estimate == pytest.approx(exact, rel=0.25)
    assert abs(estimate - exact) < upper_edge(float(bin_of(exact))) - float(
        bin_of(exact)
    )


def test_a_quantile_of_few_numbers_is_in_a_bin_that_holds_one():
    assert 2 <= estimate_quantile({"2": 1, "900": 1}, 0.5) <= 2.5
    assert 900 <= estimate_quantile({"2": 1, "900": 1}, 0.95) <= 1000
    assert estimate_quantile({"1e+12": 3}, 0.5) == 1e12
    assert 0 < estimate_quantile({"0": 1}, 0.5) < 1e-6


def test_a_quantile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="one number at least"):
        estimate_quantile({}, 0.5)
