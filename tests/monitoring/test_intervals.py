import numpy as np
import pytest

from companion.errors import DataError, SettingError
from companion.monitoring import intervals
from companion.monitoring.intervals import mean_interval


def test_many_rows_drawn_in_parts_give_the_interval_of_all_at_once(monkeypatch):
    """Otherwise the same data and seed would give another verdict on another day."""
    values = np.random.default_rng(1).normal(size=301)
    at_once = mean_interval(values, block=7)

    monkeypatch.setattr(intervals, "_CHUNK", 5 * 301)

    assert mean_interval(values, block=7) == at_once


def test_rows_are_independent_unless_a_block_is_given():
    """Weeks of seven equal days: single days claim an interval far too narrow."""
    days = np.repeat(np.random.default_rng(3).normal(size=60), 7)

    single, weekly = mean_interval(days), mean_interval(days, block=7)

    assert single == mean_interval(days, block=1)
    assert weekly.high - weekly.low > 1.5 * (single.high - single.low)


def test_messages_name_the_rows_as_the_caller_does():
    with pytest.raises(SettingError, match="block_weeks is 0"):
        mean_interval([1.0], block=0, row="week")
    with pytest.raises(DataError, match="one finite number a week"):
        mean_interval([], row="week")
