import numpy as np
import pandas as pd
import pytest

from companion.errors import SettingError
from companion.terrace import (
    FEATURE_LIMITS,
    load_weather,
    make_features,
    make_target,
    split_by_time,
)
from companion.tracking import Range, allowed_ranges

WEATHER = load_weather()
SPLIT = split_by_time(
    make_features(WEATHER), make_target(WEATHER), test_start="2014-01-01"
)


class TestAllowedRanges:
    def test_half_the_span_is_added_at_either_end_and_limits_hold(self):
        """Seen 0 to 40: half the span is 20, and rain is never below 0."""
        frame = pd.DataFrame({"rain": [0.0, 40.0], "temperature": [-10.0, 30.0]})

        ranges = allowed_ranges(frame, limits={"rain": (0.0, 50.0)})

        assert ranges == {
            "rain": Range(0.0, 50.0),
            "temperature": Range(-30.0, 50.0),
        }

    @pytest.mark.parametrize(
        "values",
        [
            [0.1234567890126, 0.1234567890132],
            [-0.1234567890126, 0.0],
            [1_700_000_000_123_456_789.0, 1_700_000_086_523_456_789.0],
        ],
    )
    @pytest.mark.parametrize("margin", [0.0, 1e-15])
    def test_what_was_seen_passes_to_the_last_digit(self, values, margin):
        frame = pd.DataFrame({"x": values})

        (allowed,) = allowed_ranges(frame, margin=margin).values()

        assert all(map(allowed.holds, values))

    def test_rounding_does_not_pass_a_limit(self):
        floor, ceiling = 0.1234567890126, 9.1234567890124
        frame = pd.DataFrame({"x": [floor, ceiling]})

        ranges = allowed_ranges(frame, limits={"x": (floor, ceiling)})

        assert ranges == {"x": Range(floor, ceiling)}

    def test_bounds_are_written_without_the_noise_of_floats(self):
        """0.3 - 0.1 is 0.19999999999999998 to a computer."""
        frame = pd.DataFrame({"x": [0.1, 0.3]})

        assert allowed_ranges(frame, margin=1.0) == {"x": Range(-0.1, 0.5)}

    @pytest.mark.parametrize(
        ("seen", "expected"),
        [
            # 6.1 - 12.2 / 2 is -8.9e-16 to a computer.
            ([6.1, 18.3], "from 0 to 24.4"),
            ([-18.3, -6.1], "from -24.4 to 0"),
            # 1000.3 - 1000.0 is 0.2999999999999545.
            ([1000.3, 3000.3], "from 0.3 to 4000.3"),
        ],
    )
    def test_a_difference_has_no_noise_of_the_larger_numbers(self, seen, expected):
        (allowed,) = allowed_ranges(pd.DataFrame({"x": seen})).values()

        assert str(allowed) == expected
        assert repr(allowed.lowest) in ("0.0", "-24.4", "0.3")

    @pytest.mark.parametrize(
        ("value", "expected"), [(5, (2.5, 7.5)), (-8, (-12, -4)), (0, (-0.5, 0.5))]
    )
    def test_a_column_of_one_value_is_widened_by_its_size(self, value, expected):
        frame = pd.DataFrame({"x": [value] * 3})

        assert allowed_ranges(frame) == {"x": Range(*expected)}

    def test_every_day_of_the_two_later_years_passes(self):
        ranges = allowed_ranges(SPLIT.train_features, limits=FEATURE_LIMITS)

        assert len(SPLIT.test_features) == 729
        for name, allowed in ranges.items():
            assert SPLIT.test_features[name].map(allowed.holds).all(), name

    def test_a_record_day_passes_and_impossible_values_do_not(self):
        """Seattle's records: 42.2 °C in June 2021, -17.8 °C in January 1950.

        National Weather Service, climate of Seattle-Tacoma airport.
        """
        ranges = allowed_ranges(SPLIT.train_features, limits=FEATURE_LIMITS)

        assert ranges["temp_max_c"].holds(42.2)
        assert ranges["temp_min_c"].holds(-17.8)
        for impossible in (285.4, 90.0, 1e12, -1e12):
            assert not ranges["temp_max_c"].holds(impossible), impossible

    def test_kelvin_is_refused_every_day_and_fahrenheit_on_most_summer_days(self):
        """Fahrenheit that could be Celsius passes a check of single rows."""
        ranges = allowed_ranges(SPLIT.train_features, limits=FEATURE_LIMITS)
        high = ranges["temp_max_c"].highest
        celsius = SPLIT.test_features["temp_max_c"]
        summer = celsius[celsius.index.month.isin([6, 7, 8])]

        assert (celsius + 273.15 > high).all()
        assert (summer * 1.8 + 32 > high).all()
        assert 0.5 < (celsius * 1.8 + 32 > high).mean() < 1

    @pytest.mark.parametrize(
        ("values", "options", "expected"),
        [
            ([1.0, 2.0], {"margin": -0.1}, "margin is -0.1"),
            ([1.0, float("inf")], {}, "'x' has no finite range"),
            ([float("nan"), float("nan")], {}, "'x' has no finite range"),
            ([], {}, "0 rows and 1 columns"),
            ([-1.0, 2.0], {"limits": {"x": (0.0, 9.0)}}, "outside its limits"),
        ],
    )
    def test_what_gives_no_range_is_refused(self, values, options, expected):
        with pytest.raises(SettingError, match=expected):
            allowed_ranges(pd.DataFrame({"x": values}), **options)

    def test_only_numbers_have_a_range_and_what_is_missing_does_not_count(self):
        frame = pd.DataFrame(
            {
                "area": [1.0, np.nan, 3.0],
                "rooms": pd.array([1, None, 3], dtype="Int64"),
                "city": ["A", None, "B"],
                "new": [True, False, True],
                "sold": pd.date_range("2024-01-01", periods=3),
            }
        )

        ranges = allowed_ranges(frame)

        assert ranges == {"area": Range(0.0, 4.0), "rooms": Range(0.0, 4.0)}

    @pytest.mark.parametrize(
        ("dtype", "value", "end"),
        [
            ("int64", 2**63 - 1, 2**63 - 1),
            ("int32", 2**31 - 1, 2**31 - 1),
            ("float64", 1.7e308, np.finfo("float64").max),
            ("float32", 3.4e38, np.finfo("float32").max),
        ],
    )
    def test_a_range_is_not_wider_than_the_type(self, dtype, value, end):
        (allowed,) = allowed_ranges(
            pd.DataFrame({"x": [value] * 2}, dtype=dtype)
        ).values()

        assert allowed.highest == pytest.approx(float(end), rel=1e-11)
        assert allowed.highest <= end
