import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import DataError, SettingError
from companion.terrace import (
    FEATURE_LIMITS,
    FEATURES,
    load_weather,
    make_features,
    make_target,
    split_by_time,
)

WEATHER = load_weather()


def make_weather(rain_mm: list[float], start: str = "2020-01-01") -> pd.DataFrame:
    days = pd.date_range(start, periods=len(rain_mm), name="date")
    return pd.DataFrame(
        {
            "precipitation_mm": rain_mm,
            "temp_max_c": [10.0 + day for day in range(len(rain_mm))],
            "temp_min_c": 1.0,
            "wind_ms": 2.0,
            "weather": "sun",
        },
        index=days,
    )


def test_features_of_a_day_match_the_hand_calculation():
    """Seven days with 1, 0, 0, 2, 0, 4 and 0.5 mm: 7.5 mm on four wet days."""
    weather = make_weather([1.0, 0.0, 0.0, 2.0, 0.0, 4.0, 0.5])

    features = make_features(weather)

    angle = 2 * math.pi * 6 / 365.25
    assert features.index.tolist() == [pd.Timestamp("2020-01-07")]
    assert features.iloc[0].to_dict() == pytest.approx(
        {
            "precipitation_mm": 0.5,
            "temp_max_c": 16.0,
            "temp_min_c": 1.0,
            "wind_ms": 2.0,
            "wet_today": 1.0,
            "season_sin": math.sin(angle),
            "season_cos": math.cos(angle),
            "precipitation_7d_mm": 7.5,
            "wet_days_7d": 4.0,
        },
        abs=1e-6,
    )


def test_rain_that_ended_seven_days_ago_is_forgotten():
    weather = make_weather([50.0, 0, 0, 0, 0, 0, 0, 0])

    week = make_features(weather)["precipitation_7d_mm"]

    assert week.tolist() == [50.0, 0.0]


def test_features_are_numbers_without_gaps_within_their_limits():
    features = make_features(WEATHER)

    assert tuple(features.columns) == FEATURES
    assert set(features.dtypes) == {np.dtype("float64")}
    assert len(features) == len(WEATHER) - 6
    assert np.isfinite(features.to_numpy()).all()
    assert set(FEATURE_LIMITS) == set(FEATURES)
    for name, (low, high) in FEATURE_LIMITS.items():
        assert features[name].between(low, high).all(), name


def test_new_years_eve_lies_beside_new_years_day():
    season = make_features(WEATHER)[["season_sin", "season_cos"]]

    step = np.linalg.norm(season.loc["2014-12-31"] - season.loc["2015-01-01"])

    assert step < 2 * math.pi / 365 * 1.5


@settings(max_examples=60, deadline=None)
@given(
    first_changed=st.integers(7, 200),
    new_rain=st.floats(0, 1825),
    new_temperature=st.floats(-90, 57),
)
def test_changing_the_future_moves_no_feature(first_changed, new_rain, new_temperature):
    weather = WEATHER.iloc[:201]
    changed = weather.copy()
    later = changed.index[first_changed:]
    changed.loc[later, "precipitation_mm"] = new_rain
    changed.loc[later, ["temp_max_c", "temp_min_c", "wind_ms"]] = new_temperature
    changed.loc[later, "weather"] = "snow"

    before = make_features(weather).iloc[: first_changed - 6]
    after = make_features(changed).iloc[: first_changed - 6]

    assert len(before) > 0
    pd.testing.assert_frame_equal(before, after, check_exact=True)


@settings(max_examples=30, deadline=None)
@given(n_days=st.integers(7, 200))
def test_a_day_has_the_same_features_whether_or_not_later_days_exist(n_days):
    """Training on a whole file and serving one evening must agree to the bit."""
    whole = make_features(WEATHER.iloc[:201])
    evening = make_features(WEATHER.iloc[:n_days]).iloc[-1]

    assert evening.tolist() == whole.loc[evening.name].tolist()


def test_the_features_do_not_change_the_weather_they_are_made_of():
    weather = make_weather([1.0] * 8)
    before = weather.copy()

    make_features(weather)

    pd.testing.assert_frame_equal(weather, before)


def test_less_than_a_week_is_refused():
    with pytest.raises(DataError, match="has 6 days; expected at least 7"):
        make_features(make_weather([0.0] * 6))


def test_the_target_is_rain_on_the_next_day_and_the_last_day_has_none():
    target = make_target(make_weather([0.0, 0.1, 0.0, 3.0]))

    assert target.tolist() == [1, 0, 1]
    assert target.index[-1] == pd.Timestamp("2020-01-03")


def test_a_split_keeps_the_order_of_time_and_shares_no_day():
    features, target = make_features(WEATHER), make_target(WEATHER)

    split = split_by_time(
        features, target, test_start="2014-01-01", test_end=date(2014, 12, 31)
    )

    assert str(split.train_features.index[0].date()) == "2012-01-07"
    assert str(split.train_features.index[-1].date()) == "2013-12-31"
    assert str(split.test_features.index[0].date()) == "2014-01-01"
    assert str(split.test_features.index[-1].date()) == "2014-12-31"
    # 366 + 365 days less the first six; a whole year.
    assert (len(split.train_target), len(split.test_target)) == (725, 365)
    assert split.train_features.index.equals(split.train_target.index)
    assert split.test_features.index.equals(split.test_target.index)


def test_a_split_without_an_end_stops_at_the_last_labelled_day():
    split = split_by_time(
        make_features(WEATHER), make_target(WEATHER), test_start="2015-01-01"
    )

    assert str(split.test_target.index[-1].date()) == "2015-12-30"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2012-01-07", None, "no days to learn from"),
        ("2020-01-01", None, "no days to judge on"),
        ("2014-01-01", "2013-01-01", "no days to judge on"),
    ],
)
def test_an_empty_part_is_refused_with_the_days_there_are(start, end, expected):
    with pytest.raises(SettingError, match=f"{expected}.*2012-01-07 to 2015-12-30"):
        split_by_time(
            make_features(WEATHER),
            make_target(WEATHER),
            test_start=start,
            test_end=end,
        )
