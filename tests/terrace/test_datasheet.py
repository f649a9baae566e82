"""What `data/README.md` says of the file, compared with the file."""

import hashlib
import re
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


def test_the_file_is_the_one_that_the_datasheet_describes():
    content = (DATA / "seattle_weather.csv").read_bytes()

    assert f"`{hashlib.sha256(content).hexdigest()}`" in SHEET


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
