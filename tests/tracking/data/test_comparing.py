"""What differs between two tables, counted by hand."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from companion.errors import DataError
from companion.tracking.data import (
    Example,
    compare_tables,
    draw_diff,
    fingerprint,
    format_diff,
)

DATA = Path(__file__).parents[3] / "data"
OLD, NEW = DATA / "seattle_weather.csv", DATA / "seattle_weather_corrected.csv"


def read_svg(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


BASE = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "mm": [0.0, 1.5, None, 4.0],
        "sky": ["sun", "fog", "fog", None],
        "wet": [False, True, True, True],
    }
)


def test_the_weather_files_differ_in_391_classes_and_how_days_are_written():
    diff = compare_tables(OLD, NEW)

    day, weather = diff.columns
    assert (diff.n_old, diff.n_new, diff.n_common, diff.key) == (
        1461,
        1461,
        1461,
        ("date",),
    )
    assert (day.name, day.n_changed, day.n_rewritten) == ("date", 0, 1461)
    assert day.rewritten == Example(
        row="2012-01-01", old="2012/01/01", new="2012-01-01"
    )
    assert (weather.name, weather.n_changed, weather.n_rewritten) == ("weather", 391, 0)
    assert weather.examples[0] == Example(row="2013-04-04", old="fog", new="rain")
    assert set(weather.pairs) == {
        ("fog", "rain", 307),
        ("sun", "rain", 77),
        ("rain", "sun", 3),
        ("fog", "snow", 3),
        ("drizzle", "rain", 1),
    }
    assert sum(weather.places) == 391
    assert not any(weather.places[:18])  # 2012 and the first months of 2013
    # By data/README.md: 259 of the old ones are called rain, and 641 of the new ones.
    assert dict(weather.old.categories)["rain"] == 191 + 60 + 3 + 5
    assert dict(weather.new.categories)["rain"] == 191 + 158 + 148 + 144


def test_the_text_and_the_drawing_say_the_same():
    diff = compare_tables(OLD, NEW)

    text, svg = format_diff(diff), draw_diff(diff)

    shown = " ".join(read_svg(svg).itertext())
    for words in (
        "fog → rain",
        "sun → rain",
        "weather: 391 rows changed",
        "2012-01-01",
    ):
        assert words in text
        assert words in shown
    assert "2013-04-04: fog → rain" in text
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    bars = re.findall(r'class="bar"', svg)
    assert len(bars) == sum(1 for n in diff.columns[1].places if n) + 5


def test_equal_tables_differ_in_nothing():
    diff = compare_tables(BASE, BASE.copy())

    assert not diff.is_different
    assert format_diff(diff).endswith("No value differs.")


def test_rows_are_matched_by_the_first_column_that_names_them():
    other = pd.DataFrame(
        {
            "id": [4, 2, 3, 9],
            "mm": [4.0, 2.5, None, 0.0],
            "sky": [None, "fog", "rain", "sun"],
            "wet": [True, True, True, False],
        }
    )
    diff = compare_tables(BASE, other)

    assert diff.key == ("id",)
    assert (diff.n_added, diff.added) == (1, ("9",))
    assert (diff.n_removed, diff.removed) == (1, ("1",))
    assert diff.is_reordered
    changes = {one.name: (one.n_changed, one.examples) for one in diff.columns}
    assert changes["mm"] == (1, (Example(row="2", old="1.5", new="2.5"),))
    assert changes["sky"] == (1, (Example(row="3", old="fog", new="rain"),))
    assert "only in the new one: 9." in format_diff(diff)


def test_without_a_key_rows_are_matched_by_number():
    one, other = pd.DataFrame({"x": [1, 1, 2]}), pd.DataFrame({"x": [1, 3, 2, 2]})
    diff = compare_tables(one, other)

    assert diff.key == ()
    assert (diff.n_common, diff.added) == (3, ("row 4",))
    assert diff.columns[0].examples == (Example(row="row 2", old="1", new="3"),)


def test_a_key_of_several_columns():
    one = pd.DataFrame({"a": ["x", "x", "y"], "b": [1, 2, 1], "v": [0, 0, 0]})
    diff = compare_tables(one, one.assign(v=[0, 5, 0]), key=["a", "b"])

    assert diff.columns[0].examples == (Example(row="x, 2", old="0", new="5"),)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (["sky"], "does not name one row of the old table: fog is there 2 times"),
        (["none"], "'none' is not in the old table, which has id, mm"),
    ],
)
def test_a_key_that_is_none_is_refused(key, message):
    with pytest.raises(DataError, match=message):
        compare_tables(BASE, BASE, key=key)


def test_columns_that_came_went_and_were_renamed():
    other = BASE.rename(columns={"mm": "rain_mm"}).drop(columns="wet").assign(new=1)
    diff = compare_tables(BASE, other)

    assert diff.renamed == (("mm", "rain_mm"),)
    assert diff.columns_removed == ("wet",)
    assert diff.columns_added == ("new",)
    assert diff.columns == ()
    assert "Columns with another name: mm → rain_mm." in format_diff(diff)


def test_the_order_of_columns_is_told():
    diff = compare_tables(BASE, BASE[["id", "sky", "mm", "wet"]])

    assert diff.is_rearranged
    assert diff.columns == ()


def test_missing_values_and_types_are_told():
    other = BASE.assign(mm=[None, None, None, 4.0], id=BASE["id"].astype("int32"))
    diff = compare_tables(BASE, other, key=["id"])

    by_name = {one.name: one for one in diff.columns}
    assert by_name["id"].kinds == ("int64", "int32")
    assert by_name["id"].n_changed == 0
    assert by_name["mm"].n_changed == 2
    shares = (by_name["mm"].old.missing_share, by_name["mm"].new.missing_share)
    assert shares == (0.25, 0.75)
    text = format_diff(diff)
    assert "range: 0 to 4 → 4 to 4" in text
    assert "missing: 25.00% → 75.00%" in text
    assert "id: type int64 → int32" in text


def test_times_numbers_and_categories_are_compared_as_what_they_are():
    one = pd.DataFrame(
        {
            "id": [1, 2],
            "t": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "c": pd.Categorical(["a", "b"]),
            "l": [[1], [2]],
        }
    )
    other = one.assign(
        t=one["t"].dt.as_unit("ns").dt.tz_localize("UTC"),
        c=pd.Categorical(["a", "c"], categories=["c", "a"]),
        l=[[1], [3]],
    )
    changed = {x.name: x.n_changed for x in compare_tables(one, other).columns}

    assert changed == {"t": 2, "c": 1, "l": 1}


def test_numbers_of_csv_files_are_compared_as_numbers_where_all_are(tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("id,n,zip,mixed,long\n1,1.0,01067,1,12345678901234567890\n2,2,4,,\n")
    other.write_text(
        "id,n,zip,mixed,long\n1,1,1067,n/a,12345678901234567891\n2,3,4,,\n"
    )
    columns = {x.name: x for x in compare_tables(one, other).columns}

    assert (columns["n"].n_changed, columns["n"].n_rewritten) == (1, 1)
    assert columns["zip"].n_changed == 1
    assert columns["mixed"].n_changed == 1
    assert columns["long"].n_changed == 1


def test_a_csv_file_and_the_parquet_file_made_of_it_differ_in_types_only(tmp_path):
    pd.read_csv(OLD).to_parquet(tmp_path / "old.parquet")
    diff = compare_tables(OLD, tmp_path / "old.parquet", key=["date"])

    changed = {one.name: one.n_changed for one in diff.columns}
    # The day is text to pandas, and a day to us.
    assert {n for name, n in changed.items() if name != "date"} == {0}
    assert fingerprint(OLD).sha256 != fingerprint(tmp_path / "old.parquet").sha256


@pytest.mark.parametrize(("rows", "other"), [(0, 0), (0, 4), (4, 0)])
def test_empty_tables_are_compared(rows, other):
    diff = compare_tables(BASE.head(rows), BASE.head(other))

    assert (diff.n_added, diff.n_removed) == (other, rows)
    read_svg(draw_diff(diff))
    assert format_diff(diff)


def test_markup_in_values_stays_text():
    one = pd.DataFrame({"id": [1], "x": ["<script>&"]})
    svg = draw_diff(compare_tables(one, one.assign(x="</svg>")))

    assert "<script>" not in svg
    assert "<script>& → </svg>" in " ".join(read_svg(svg).itertext())
