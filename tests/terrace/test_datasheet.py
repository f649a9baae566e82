"""What `data/README.md` says of the file, compared with the file."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from companion.terrace import load_weather

DATA = Path(__file__).parents[2] / "data"
SHEET = (DATA / "README.md").read_text(encoding="utf-8")
YEARS = (2012, 2013, 2014, 2015)


def read_table(first_header: str, key: str) -> list[str]:
    """Give the cells of the row that starts with `key` in one table."""
    table = SHEET[SHEET.index(first_header) :]
    row = re.search(rf"^\| {re.escape(key)} \|(.*)\|$", table, flags=re.MULTILINE)
    assert row is not None, (first_header, key)
    return [cell.strip() for cell in row.group(1).split("|")]


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    return load_weather()


@pytest.mark.parametrize(
    "name", ["seattle_weather.csv", "seattle_weather_corrected.csv"]
)
def test_each_file_is_the_one_that_the_datasheet_describes(name):
    content = (DATA / name).read_bytes()

    assert f"`{hashlib.sha256(content).hexdigest()}`" in SHEET


def test_each_wheel_is_the_one_that_the_datasheet_lists_and_no_other_is_there():
    there = {
        (one.name, hashlib.sha256(one.read_bytes()).hexdigest())
        for one in (DATA / "wheels").iterdir()
    }

    rows = re.findall(r"^\| `(\S+\.whl)` \|.*\| `(\w{64})` \|$", SHEET, re.MULTILINE)
    assert set(rows) == there


@pytest.mark.parametrize("year", YEARS)
def test_counts_of_each_year_are_those_of_the_file(weather, year):
    days = weather.loc[str(year)]
    counts = days["weather"].value_counts()
    expected = [
        str(len(days)),
        str(int((days["precipitation_mm"] > 0).sum())),
        f"{days['precipitation_mm'].sum():.1f}",
        *(str(counts.get(name, 0)) for name in ("rain", "fog", "sun")),
        *(str(counts.get(name, 0)) for name in ("drizzle", "snow")),
    ]

    assert read_table("| Year | Days |", str(year)) == expected


@pytest.mark.parametrize("year", YEARS)
def test_mean_temperatures_are_those_of_the_file(weather, year):
    means = weather.loc[str(year), ["temp_max_c", "temp_min_c"]].mean()

    stated = [float(cell) for cell in read_table("| Year | Mean", str(year))]
    assert stated == pytest.approx(list(means), abs=0.05)


@pytest.mark.parametrize(
    ("key", "column"),
    [
        ("`precipitation`", "precipitation_mm"),
        ("`temp_max`", "temp_max_c"),
        ("`temp_min`", "temp_min_c"),
        ("`wind`", "wind_ms"),
    ],
)
def test_ranges_are_those_of_the_file(weather, key, column):
    cells = read_table("| In the file", key)

    assert cells[0] == f"`{column}`"
    assert [float(cell) for cell in cells[-2:]] == [
        weather[column].min(),
        weather[column].max(),
    ]


def test_wet_class_days_without_rain_are_counted_right(weather):
    called_rain = weather.loc["2012"].query("weather == 'rain'")

    n_dry = int((called_rain["precipitation_mm"] == 0).sum())

    assert f"{n_dry} of the {len(called_rain)} days" in SHEET


@pytest.mark.parametrize("year", YEARS)
def test_counts_of_the_corrected_file_are_right(year):
    counts = load_weather(corrected=True).loc[str(year), "weather"].value_counts()
    names = ("rain", "fog", "sun", "drizzle", "snow")

    stated = read_table("| Year of the corrected file |", str(year))
    assert stated == [str(counts.get(name, 0)) for name in names]


def test_the_two_files_differ_only_in_the_classes_that_the_datasheet_counts(weather):
    corrected = load_weather(corrected=True)
    changed = weather["weather"] != corrected["weather"]
    pairs = zip(
        weather.loc[changed, "weather"], corrected.loc[changed, "weather"], strict=True
    )

    numbers = list(weather.columns.drop("weather"))
    pd.testing.assert_frame_equal(weather[numbers], corrected[numbers])
    assert changed.idxmax() == pd.Timestamp("2013-04-04")
    assert changed[::-1].idxmax() == pd.Timestamp("2015-12-28")
    for (old, new), count in Counter(pairs).items():
        assert f"\n| `{old}` | `{new}` | {count} |\n" in SHEET
    assert f"{changed.sum()} weather classes differ" in SHEET


def test_wet_days_of_the_corrected_file_are_rain_or_snow():
    later = load_weather(corrected=True).loc["2013-04-04":]

    wet = later.query("precipitation_mm > 0")["weather"]
    assert set(wet) == {"rain", "snow"}


def test_dry_days_of_the_corrected_2012_are_counted_right():
    dry = load_weather(corrected=True).loc["2012"].query("precipitation_mm == 0")
    counts = dry["weather"].value_counts()

    stated = f"{counts['rain']} days of `rain` and {counts['drizzle']} of `drizzle`"
    assert stated in SHEET
