import json

import pytest

from companion.contract.profile import ColumnProfile, read_profile
from companion.errors import ModelError

RAIN = {"kind": "number", "edges": [0.0, 0.5, 4.0, 60.0], "counts": {"0": 3}}
SKY = {"kind": "category", "values": ["rain", "sun"], "counts": {"0": 2, "other": 1}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-0.1, "below"),
        (-(10**400), "below"),
        (float("-inf"), "below"),
        (0, "0"),
        (0.49, "0"),
        (0.5, "1"),
        (3.999, "1"),
        (4, "2"),
        (60.0, "2"),
        (60, "2"),
        (60.001, "above"),
        (10**400, "above"),
        (float("inf"), "above"),
        (None, "missing"),
        (float("nan"), "missing"),
        ("3", "other"),
        (True, "other"),
        ([1], "other"),
        ({}, "other"),
    ],
)
def test_a_number_is_in_the_bin_that_its_edges_say(value, expected):
    assert ColumnProfile.from_json(RAIN).bin_of(value) == expected


@pytest.mark.parametrize(
    ("edges", "value", "expected"),
    [
        ([2, 2], 2, "0"),
        ([2, 2], 1.9, "below"),
        ([2, 2], 2.1, "above"),
        ([1, 2, 3, 3], 2.9, "1"),
        ([1, 2, 3, 3], 3, "2"),
        ([1, 2, 3, 3], 3.1, "above"),
    ],
)
def test_the_last_bin_may_be_one_value(edges, value, expected):
    bins = ColumnProfile.from_json({"kind": "number", "edges": edges})

    assert bins.bin_of(value) == expected


@pytest.mark.parametrize(
    ("values", "value", "expected"),
    [
        (["rain", "sun"], "rain", "0"),
        (["rain", "sun"], "sun", "1"),
        (["rain", "sun"], "Sun", "other"),
        (["rain", "sun"], "", "other"),
        (["rain", "sun"], None, "missing"),
        (["rain", "sun"], float("nan"), "missing"),
        (["rain", "sun"], 1, "other"),
        (["rain", "sun"], ["rain"], "other"),
        (["missing", "other"], "missing", "0"),
        (["missing", "other"], "other", "1"),
        ([False, True], True, "1"),
        ([False, True], False, "0"),
        ([False, True], 1, "other"),
        ([False, True], "True", "other"),
        ([], "rain", "other"),
    ],
)
def test_a_text_or_boolean_is_in_the_bin_of_its_own_value(values, value, expected):
    """A value that is called "other" is not mistaken for the other values."""
    bins = ColumnProfile.from_json({"kind": "category", "values": values})

    assert bins.bin_of(value) == expected


def test_a_profile_comes_back_from_json_as_it_was():
    profile = {"rain_mm": RAIN, "sky": SKY}

    columns = read_profile(json.loads(json.dumps(profile)))

    assert {name: bins.to_json() for name, bins in columns.items()} == profile


@pytest.mark.parametrize(
    "bins",
    [
        None,
        [],
        {},
        "number",
        {"kind": "number"},
        {"kind": "text", "values": []},
        {"kind": "number", "edges": []},
        {"kind": "number", "edges": [1]},
        {"kind": "number", "edges": [2, 1]},
        {"kind": "number", "edges": [1, 1, 2]},
        {"kind": "number", "edges": [1, float("nan")]},
        {"kind": "number", "edges": [1, float("inf")]},
        {"kind": "number", "edges": [False, True]},
        {"kind": "number", "edges": ["1", "2"]},
        {"kind": "number", "edges": [1, 2], "counts": [1]},
        {"kind": "number", "edges": [1, 2], "counts": {"0": -1}},
        {"kind": "number", "edges": [1, 2], "counts": {"0": 0.5}},
        {"kind": "category"},
        {"kind": "category", "values": "ab"},
        {"kind": "category", "values": [1, 2]},
        {"kind": "category", "values": ["a", "a"]},
    ],
)
def test_what_are_no_bins_is_refused_by_name(bins):
    with pytest.raises(ModelError, match="profile of column 'x' is wrong"):
        read_profile({"x": bins})


@pytest.mark.parametrize("profile", [None, [], "text", 3])
def test_what_is_no_profile_is_refused(profile):
    with pytest.raises(ModelError, match="the profile is"):
        read_profile(profile)
