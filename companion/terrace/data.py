"""Reads the weather file, with exact messages about a broken one.

The file is small, so it is read with the standard library's `csv`: that keeps
the line number of each value, which a message about a broken file needs. What
the columns mean and where they come from is in `data/README.md`. Introduced in
Lab 1.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from companion.errors import DataError, SettingError

__all__ = ["PHYSICAL_LIMITS", "WEATHER_CLASSES", "load_weather", "weather_file"]

WEATHER_CLASSES = ("drizzle", "fog", "rain", "snow", "sun")

# Lowest and highest value that any weather station has measured: World
# Meteorological Organization, "World Weather and Climate Extremes Archive"
# (24-hour rain 1825 mm, Réunion 1966; 56.7 °C, California 1913; -89.2 °C,
# Vostok 1983; gust 113.2 m/s, Barrow Island 1996), rounded outwards.
PHYSICAL_LIMITS: Mapping[str, tuple[float, float]] = {
    "precipitation_mm": (0.0, 1825.0),
    "temp_max_c": (-90.0, 57.0),
    "temp_min_c": (-90.0, 57.0),
    "wind_ms": (0.0, 114.0),
}

# Name in the file -> name with its unit, as used everywhere else.
_COLUMNS = {
    "date": "date",
    "precipitation": "precipitation_mm",
    "temp_max": "temp_max_c",
    "temp_min": "temp_min_c",
    "wind": "wind_ms",
    "weather": "weather",
}
_NUMBERS = tuple(name for name, new in _COLUMNS.items() if new in PHYSICAL_LIMITS)
_FILE_NAME = "seattle_weather.csv"
_CORRECTED_NAME = "seattle_weather_corrected.csv"

_Row = dict[str, Any]


def load_weather(
    path: str | Path | None = None, *, corrected: bool = False
) -> pd.DataFrame:
    """Read daily weather and check every value of it.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        A CSV file in UTF-8 with the columns `date` (2012/01/31 or 2012-01-31),
        `precipitation` (mm), `temp_max` and `temp_min` (°C), `wind` (m/s) and
        `weather` (one of `WEATHER_CLASSES`), one row a day, no day left out.
        By default Seattle 2012-2015, which comes with the package.
    corrected : bool, default=False
        Instead of `path`: the same days with the weather class as it was corrected
        in 2020, which also comes with the package. It differs in 391 classes.

    Returns
    -------
    pandas.DataFrame of shape (n_days, 5)
        Index `date`, oldest first; columns `precipitation_mm`, `temp_max_c`,
        `temp_min_c`, `wind_ms` (float64) and `weather` (text).

    Raises
    ------
    DataError
        If the file is missing, is not such a CSV, or holds a value that cannot
        be. The message names line, column, value and what was expected.
    SettingError
        If both `path` and `corrected` are given.

    Examples
    --------
    >>> weather = load_weather()
    >>> len(weather), weather.index[0].year, weather.index[-1].year
    (1461, 2012, 2015)
    >>> int((weather["weather"] != load_weather(corrected=True)["weather"]).sum())
    391
    """
    if corrected and path is not None:
        raise SettingError(
            f"load_weather got the file {path} and corrected=True, which stands for a "
            "file of its own. Give one of the two."
        )
    source = weather_file(corrected=corrected) if path is None else Path(path)
    lines = _read_lines(source)
    rows: list[_Row] = []
    problems: list[str] = []
    previous: date | None = None
    for number, cells in lines:
        row, found = _check_row(number, cells, previous)
        problems += found
        # A broken date must not make every later day look out of order.
        previous = row.get("date") or (previous + timedelta(1) if previous else None)
        rows.append(row)
    if problems:
        raise DataError(f"{source}: {problems[0]}{_count_others(len(problems) - 1)}")
    frame = pd.DataFrame(rows).rename(columns=_COLUMNS)
    # One resolution whatever the pandas version, so that frames compare equal.
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[ns]")
    return frame.set_index("date")


def weather_file(*, corrected: bool = False) -> Path:
    """Return the path of a weather file that comes with the package.

    Parameters
    ----------
    corrected : bool, default=False
        The file with the corrected weather classes, as `load_weather` reads it.

    Returns
    -------
    pathlib.Path
        A CSV file; `data/README.md` describes it.

    Examples
    --------
    >>> weather_file(corrected=True).name
    'seattle_weather_corrected.csv'
    """
    name = _CORRECTED_NAME if corrected else _FILE_NAME
    # Inside an installed wheel the file lies beside this module, in a checkout
    # in data/.
    installed = Path(__file__).with_name(name)
    checkout = Path(__file__).parents[2] / "data" / name
    return installed if installed.exists() else checkout


def _read_lines(source: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(
            f"there is no file {source}. Check the path, or leave it out to use "
            "the weather that comes with the package."
        ) from None
    except UnicodeDecodeError as err:
        raise DataError(
            f"{source} is not text in UTF-8: byte {err.start} is "
            f"{err.object[err.start]:#04x}. Save it as CSV in UTF-8."
        ) from None
    except OSError as err:
        raise DataError(f"{source} cannot be read: {err.strerror}.") from None
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        header = next(reader, [])
        _check_header(source, header)
        lines = []
        for cells in reader:
            if not cells:
                raise DataError(
                    f"{source}: line {reader.line_num} is empty; expected one "
                    "day a line. Remove it."
                )
            if len(cells) != len(header):
                raise DataError(
                    f"{source}: line {reader.line_num} has {len(cells)} values; "
                    f"expected {len(header)}, one for each of {', '.join(header)}."
                )
            lines.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as err:
        raise DataError(
            f"{source}: line {reader.line_num} cannot be read as CSV ({err}). "
            "Expected values separated by commas."
        ) from None
    if not lines:
        raise DataError(
            f"{source} holds column names and no days; expected one row a day."
        )
    return lines


def _check_header(source: Path, header: list[str]) -> None:
    wanted = ", ".join(_COLUMNS)
    if not header:
        raise DataError(
            f"{source} is empty; expected a first line with the columns {wanted}."
        )
    missing = [name for name in _COLUMNS if name not in header]
    unknown = [name for name in header if name not in _COLUMNS]
    repeated = sorted({name for name in header if header.count(name) > 1})
    for what, names in (
        ("lacks the column", missing),
        ("has the unknown column", unknown),
        ("repeats the column", repeated),
    ):
        if names:
            listed = ", ".join(repr(_shorten(name)) for name in names[:5])
            raise DataError(
                f"{source}: line 1 {what} {listed}; expected {wanted}, "
                "separated by commas. Correct the first line."
            )


def _check_row(
    number: int, cells: dict[str, str], previous: date | None
) -> tuple[_Row, list[str]]:
    row: _Row = {}
    problems = []
    for name, value, expected in _read_cells(cells, previous, row):
        problems.append(
            f"line {number}, column {name}: {_shorten(value)!r} given, "
            f"expected {expected}"
        )
    return row, problems


def _read_cells(
    cells: dict[str, str], previous: date | None, row: _Row
) -> Iterator[tuple[str, str, str]]:
    """Fill `row` and yield (column, value, what was expected) of each problem."""
    day = _parse_date(cells["date"])
    if day is None:
        yield "date", cells["date"], "a date such as 2012/01/31"
    else:
        row["date"] = day
        if previous is not None and day != previous + timedelta(1):
            yield (
                "date",
                cells["date"],
                f"{previous + timedelta(1):%Y/%m/%d}, the day after the row above",
            )
    for name in _NUMBERS:
        low, high = PHYSICAL_LIMITS[_COLUMNS[name]]
        number = _parse_number(cells[name])
        if number is None or not low <= number <= high:
            yield name, cells[name], f"a number from {low:g} to {high:g}"
        else:
            row[name] = number
    if row.get("temp_max", math.inf) < row.get("temp_min", -math.inf):
        yield (
            "temp_max",
            cells["temp_max"],
            f"at least the day's temp_min, {cells['temp_min']}",
        )
    if cells["weather"] not in WEATHER_CLASSES:
        yield "weather", cells["weather"], f"one of {', '.join(WEATHER_CLASSES)}"
    else:
        row["weather"] = cells["weather"]


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None


def _parse_number(text: str) -> float | None:
    # float() also takes "1_000", which in a CSV is a typo. NaN and
    # infinity get through here and then lie outside every range.
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _shorten(text: str) -> str:
    longest = 40
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _count_others(n_others: int) -> str:
    if n_others == 0:
        return "."
    noun = "problem" if n_others == 1 else "problems"
    return f". The file has {n_others} more {noun}."
