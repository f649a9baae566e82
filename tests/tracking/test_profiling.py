import json

import numpy as np
import pandas as pd
import pytest

from companion.tracking.profiling import make_profile


def profile_of(values, **options):
    (column,) = make_profile(pd.DataFrame({"x": pd.Series(values, **options)})).values()
    return column.to_json()


def test_edges_are_values_at_evenly_spread_ranks():
    """Of 0 to 100, each tenth; the last bin holds its upper edge too."""
    assert profile_of(range(101)) == {
        "kind": "number",
        "edges": [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
        "counts": {str(number): 10 + (number == 9) for number in range(10)},
    }


def test_a_value_of_many_rows_has_a_bin_of_its_own():
    """Of 11 ranks among 100 values, 0 takes eight: no rain is told from drizzle."""
    profile = profile_of([0.0] * 79 + [0.1 * step for step in range(1, 22)])

    assert profile["edges"][:2] == [0.0, 0.1]
    assert profile["counts"]["0"] == 79


def test_so_has_the_largest_one():
    profile = profile_of([1, 2, 3, 4, 5] * 20)

    assert profile["edges"] == [1, 2, 3, 4, 5, 5]
    assert profile["counts"] == dict.fromkeys("01234", 20)


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([7.5] * 4, [7.5, 7.5], {"0": 4}),
        ([1.0], [1.0, 1.0], {"0": 1}),
        ([1.0, 2.0], [1.0, 2.0, 2.0], {"0": 1, "1": 1}),
        ([1.0, np.nan, 2.0, np.nan], [1.0, 2.0, 2.0], {"0": 1, "1": 1, "missing": 2}),
        ([np.nan, np.nan], [0.0, 0.0], {"missing": 2}),
    ],
)
def test_few_values_make_few_bins(values, edges, counts):
    assert profile_of(values) == {"kind": "number", "edges": edges, "counts": counts}


@pytest.mark.parametrize("seed", range(8))
def test_any_numbers_make_at_most_ten_bins_that_hold_them_all(seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.lognormal(0, 1 + seed / 2, 500), seed % 3)

    profile = profile_of(values)

    assert 2 <= len(profile["edges"]) <= 11
    assert sum(profile["counts"].values()) == 500
    assert all(name.isdigit() for name in profile["counts"])
    json.dumps(profile, allow_nan=False)


def test_missing_whole_numbers_and_booleans_are_counted():
    whole = profile_of([1, None, 3], dtype="Int64")
    true = profile_of([True, None, True], dtype="boolean")

    assert whole["counts"] == {"0": 1, "1": 1, "missing": 1}
    assert true == {
        "kind": "category",
        "values": [True],
        "counts": {"0": 2, "missing": 1},
    }


def test_texts_have_bins_for_frequent_values_only():
    """Names of people are not frequent, and must not be kept."""
    texts = ["sun"] * 5 + ["rain"] * 3 + ["Ann Smith", "Bob Jones", None]

    assert profile_of(texts) == {
        "kind": "category",
        "values": ["sun", "rain"],
        "counts": {"0": 5, "1": 3, "missing": 1, "other": 2},
    }


def test_a_text_of_less_than_one_row_in_a_hundred_is_not_kept():
    profile = profile_of(["sun"] * 398 + ["Ann"] * 2 + ["x" * 101] * 100)

    assert profile["values"] == ["sun"]
    assert profile["counts"] == {"0": 398, "other": 102}


def test_at_most_twenty_texts_have_a_bin():
    profile = profile_of([f"city {number}" for number in range(30)] * 3)

    assert len(profile["values"]) == 20
    assert profile["counts"]["other"] == 30


def test_times_have_no_bins():
    frame = pd.DataFrame({"sold": pd.date_range("2024-01-01", periods=3)})

    assert make_profile(frame) == {}
