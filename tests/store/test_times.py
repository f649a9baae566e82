import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import SettingError
from companion.store.times import format_time, parse_time, read_time

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
moments = st.datetimes(timezones=st.just(UTC))


@given(moments, moments)
def test_written_moments_sort_as_the_moments_do(one, other):
    assert (format_time(one) < format_time(other)) == (one < other)
    assert read_time(format_time(one)) == one


def test_sqlite_compares_a_written_moment_with_its_own_clock():
    """With a T between date and time the whole day would count as later."""
    now = datetime.now(UTC)
    query = "SELECT ? > datetime('now', '-1 hour')"
    with sqlite3.connect(":memory:") as connection:
        answers = [
            connection.execute(query, [format_time(now - age)]).fetchone()[0]
            for age in (timedelta(minutes=59), timedelta(minutes=61))
        ]
    connection.close()

    assert answers == [1, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", "2026-11-23 11:58:30"),
        ("30m", "2026-11-23 11:30:00"),
        ("2h", "2026-11-23 10:00:00"),
        (" 1.5 h ", "2026-11-23 10:30:00"),
        ("3d", "2026-11-20 12:00:00"),
        ("1w", "2026-11-16 12:00:00"),
        ("2014-06-01", "2014-06-01 00:00:00"),
        ("2014-06-01T08:30", "2014-06-01 08:30:00"),
        ("2014-06-01 08:30:00Z", "2014-06-01 08:30:00"),
        ("2014-06-01T08:30+02:00", "2014-06-01 06:30:00"),
    ],
)
def test_a_person_may_type_a_moment_or_an_age(text, expected):
    assert f"{parse_time(text, now=NOON):%Y-%m-%d %H:%M:%S}" == expected


@pytest.mark.parametrize(
    "text", ["", "2x", "-2h", "yesterday", "2014-02-30", "9999999d", "9" * 400 + "s"]
)
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(SettingError, match=r"is not a time.*2014-06-01.*2h"):
        parse_time(text, now=NOON)


def test_a_written_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        read_time("2014-06-01 08:30:00.000000")
