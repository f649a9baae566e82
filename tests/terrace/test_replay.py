import json
from datetime import date, timedelta

import pytest

from companion.errors import SettingError
from companion.terrace import (
    FEATURES,
    load_weather,
    make_features,
    make_target,
    replay_days,
)

WEATHER = load_weather()


def test_a_year_is_replayed_in_order_with_labels_of_the_day_after():
    days = list(replay_days(WEATHER, start="2014-01-01", end=date(2014, 12, 31)))

    assert [day.date for day in days] == [
        date(2014, 1, 1) + timedelta(number) for number in range(365)
    ]
    assert all(day.label_known_on - day.date == timedelta(days=1) for day in days)
    # From the file, not from our code: it rained on 2 January 2014, not on the 1st.
    rain_mm = WEATHER["precipitation_mm"]
    assert [day.label for day in days] == [
        int(rain_mm.loc[str(day.label_known_on)] > 0) for day in days
    ]


def test_each_day_has_the_features_that_training_would_see():
    features = make_features(WEATHER)

    day = next(replay_days(WEATHER, start="2015-07-14"))

    assert tuple(day.features) == FEATURES
    assert day.features == features.loc["2015-07-14"].to_dict()
    assert json.loads(json.dumps(day.features)) == day.features


def test_the_last_day_has_no_label_yet():
    *_, before, last = replay_days(WEATHER, start="2015-12-01")

    assert (last.date, last.label) == (date(2015, 12, 31), None)
    assert last.label_known_on == date(2016, 1, 1)
    assert before.label == int(make_target(WEATHER).iloc[-1])


def test_without_dates_all_days_with_a_week_behind_them_are_replayed():
    days = list(replay_days(WEATHER))

    assert (len(days), days[0].date) == (1455, date(2012, 1, 7))


def test_no_days_are_refused_at_once():
    """Not only when the first day is asked for, which may be somewhere else."""
    with pytest.raises(SettingError, match="run from 2012-01-07 to 2015-12-31"):
        replay_days(WEATHER, start="2016-01-01")
