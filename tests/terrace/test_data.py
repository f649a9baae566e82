from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion.errors import DataError, SettingError
from companion.terrace import load_weather, weather_file

HEADER = "date,precipitation,temp_max,temp_min,wind,weather"
GOOD = (
    "2012/01/01,0.0,12.8,5.0,4.7,drizzle",
    "2012/01/02,10.9,10.6,2.8,4.5,rain",
    "2012/01/03,0.8,11.7,7.2,2.3,rain",
)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "weather.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_packaged_file_equals_what_pandas_reads():
    """pandas' own reader is the second opinion."""
    source = Path(__file__).parents[2] / "data" / "seattle_weather.csv"
    expected = pd.read_csv(source)

    weather = load_weather()

    assert list(weather.columns) == [
        "precipitation_mm",
        "temp_max_c",
        "temp_min_c",
        "wind_ms",
        "weather",
    ]
    assert weather.index.name == "date"
    assert weather.index.equals(pd.DatetimeIndex(pd.to_datetime(expected["date"])))
    for column, name in zip(weather.columns, expected.columns[1:], strict=True):
        assert weather[column].tolist() == expected[name].tolist()
    assert set(weather.dtypes.iloc[:4]) == {np.dtype("float64")}


def test_a_file_and_the_corrected_one_together_are_refused(tmp_path):
    with pytest.raises(SettingError, match="one of the two"):
        load_weather(tmp_path / "weather.csv", corrected=True)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_files_that_come_with_the_package_are_those_that_are_read(corrected):
    from_file = load_weather(weather_file(corrected=corrected))

    assert from_file.equals(load_weather(corrected=corrected))


def test_dates_may_be_written_with_hyphens(tmp_path):
    path = write(tmp_path, HEADER, *(line.replace("/", "-") for line in GOOD))

    assert [str(day.date()) for day in load_weather(path).index] == [
        "2012-01-01",
        "2012-01-02",
        "2012-01-03",
    ]


def test_columns_may_stand_in_any_order_and_the_file_may_start_with_a_byte_mark(
    tmp_path,
):
    path = tmp_path / "weather.csv"
    path.write_bytes(
        b"\xef\xbb\xbfweather,wind,temp_min,temp_max,precipitation,date\r\n"
        b"sun,1.5,2.0,9.0,0.0,2020/02/28\r\nsun,1.6,2.1,9.1,0.2,2020/02/29\r\n"
    )

    weather = load_weather(path)

    assert weather.loc["2020-02-29"].to_dict() == {
        "precipitation_mm": 0.2,
        "temp_max_c": 9.1,
        "temp_min_c": 2.1,
        "wind_ms": 1.6,
        "weather": "sun",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "2012/01/04,lots,12.2,5.6,4.7,rain",
            "line 5, column precipitation: 'lots' given, expected a number from 0",
        ),
        (
            "2012/01/04,-0.1,12.2,5.6,4.7,rain",
            "column precipitation: '-0.1' given, expected a number from 0 to 1825",
        ),
        ("2012/01/04,nan,12.2,5.6,4.7,rain", "column precipitation: 'nan' given"),
        ("2012/01/04,inf,12.2,5.6,4.7,rain", "column precipitation: 'inf' given"),
        ("2012/01/04,1_0,12.2,5.6,4.7,rain", "column precipitation: '1_0' given"),
        ("2012/01/04,,12.2,5.6,4.7,rain", "column precipitation: '' given"),
        (
            "2012/01/04,0.0,285.4,5.6,4.7,rain",
            "column temp_max: '285.4' given, expected a number from -90 to 57",
        ),
        (
            "2012/01/04,0.0,5.5,5.6,4.7,rain",
            "column temp_max: '5.5' given, expected at least the day's temp_min, 5.6",
        ),
        ("2012/01/04,0.0,12.2,5.6,-1,rain", "column wind: '-1' given"),
        (
            "2012/01/04,0.0,12.2,5.6,4.7,hail",
            "column weather: 'hail' given, expected one of drizzle, fog, rain",
        ),
        (
            "2012/01/05,0.0,12.2,5.6,4.7,rain",
            "column date: '2012/01/05' given, expected 2012/01/04, the day after",
        ),
        (
            "2012/01/03,0.0,12.2,5.6,4.7,rain",
            "column date: '2012/01/03' given, expected 2012/01/04",
        ),
        (
            "2011/12/31,0.0,12.2,5.6,4.7,rain",
            "column date: '2011/12/31' given, expected 2012/01/04",
        ),
        (
            "2012/02/30,0.0,12.2,5.6,4.7,rain",
            "column date: '2012/02/30' given, expected a date such as 2012/01/31",
        ),
        ("2012/01/04,0.0,12.2,5.6,4.7", "line 5 has 5 values; expected 6"),
        ("2012/01/04,0,0,12.2,5.6,4.7,rain", "line 5 has 7 values; expected 6"),
        ("", "line 5 is empty"),
        ('"2012/01/04,0.0,12.2', "line 5 cannot be read as CSV"),
    ],
)
def test_a_broken_row_is_named_with_line_column_value_and_what_was_expected(
    tmp_path, line, expected
):
    """The fourth day stands on the fifth line."""
    after = "2012/01/05,0.0,12.2,5.6,4.7,rain" if line.startswith("2012/02") else None
    path = write(tmp_path, HEADER, *GOOD, line, *([after] if after else []))

    with pytest.raises(DataError) as caught:
        load_weather(path)

    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "more problem" not in str(caught.value)


def test_a_day_as_warm_at_night_as_at_noon_is_fine(tmp_path):
    path = write(tmp_path, HEADER, "2012/01/01,0.0,5.0,5.0,0.0,fog")

    assert load_weather(path).iloc[0].tolist() == [0.0, 5.0, 5.0, 0.0, "fog"]


def test_further_problems_are_counted(tmp_path):
    path = write(
        tmp_path,
        HEADER,
        *GOOD,
        "2012/01/04,a,12.2,5.6,4.7,rain",
        "2012/01/05,0.0,12.2,5.6,b,hail",
    )

    with pytest.raises(DataError, match=r"'a' given.*The file has 2 more problems\."):
        load_weather(path)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER.replace(",wind", ""), "lacks the column 'wind'"),
        (f"{HEADER},humidity", "has the unknown column 'humidity'"),
        (HEADER.replace("wind", "temp_max"), "lacks the column 'wind'"),
        (f"{HEADER},wind", "repeats the column 'wind'"),
        (HEADER.replace(",", ";"), "line 1 lacks the column 'date'"),
        ("\x00\x01\x02", "line 1"),
    ],
)
def test_wrong_column_names_are_named_with_what_was_expected(
    tmp_path, header, expected
):
    path = write(tmp_path, header, *GOOD)

    with pytest.raises(DataError) as caught:
        load_weather(path)

    assert expected in str(caught.value)
    assert "date, precipitation, temp_max, temp_min, wind, weather" in str(caught.value)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "weather.csv"
    path.touch()

    with pytest.raises(DataError, match="is empty; expected a first line"):
        load_weather(path)


def test_a_file_without_days_is_refused(tmp_path):
    with pytest.raises(DataError, match="column names and no days"):
        load_weather(write(tmp_path, HEADER))


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*nowhere\.csv"):
        load_weather(tmp_path / "nowhere.csv")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_weather(tmp_path)


def test_another_encoding_is_named_by_its_first_strange_byte(tmp_path):
    path = tmp_path / "weather.csv"
    path.write_bytes(f"{HEADER}\n{GOOD[0]}é".encode("latin-1"))

    with pytest.raises(DataError, match=r"not text in UTF-8: byte \d+ is 0xe9"):
        load_weather(path)


def test_a_picture_is_not_a_table(tmp_path):
    path = tmp_path / "weather.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))

    with pytest.raises(DataError, match="not text in UTF-8"):
        load_weather(path)


def test_a_very_long_value_is_shortened_in_the_message(tmp_path):
    path = write(tmp_path, HEADER, f"2012/01/01,{'9' * 5000}x,1,0,1,sun")

    with pytest.raises(DataError) as caught:
        load_weather(path)

    assert len(str(caught.value)) < 300 + len(str(path))
