"""Files that are read and written, and those that cannot be."""

import datetime as dt
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from companion.contract.columns import Column
from companion.errors import DataError, SettingError
from companion.serving.batch.tables import open_table

NUMBER = Column(name="a", kind="double")
NOON = dt.datetime(2014, 5, 1, 12)  # noqa: DTZ001 - as Parquet files of pandas have it


def read(path, columns, *, keep=(), start=0):
    table = open_table(path, path.with_name(f"out{path.suffix}"))
    rows = list(table.rows(columns, keep, start))
    assert table.position == table.size or start
    return rows


def test_csv_has_values_as_a_request_in_csv_has(tmp_path):
    path = tmp_path / "in.csv"
    text = '\ufeffa,b,c\n1,"x\ny",NA\n\n2.5,,true\nno,01,1\n'
    path.write_text(text, encoding="utf-8", newline="")
    columns = {
        "a": NUMBER,
        "b": Column(name="b", kind="string"),
        "c": Column(name="c", kind="boolean"),
    }

    rows = read(path, columns, keep=["b"])

    assert [row.given for row in rows] == [
        {"a": 1, "b": "x\ny", "c": None},
        {"a": 2.5, "b": None, "c": True},
        {"a": "no", "b": "01", "c": True},
    ]
    assert [(row.number, row.kept) for row in rows] == [
        (0, ("x\ny",)),
        (1, ("",)),
        (2, ("01",)),
    ]


def test_a_line_that_does_not_fit_is_refused_alone(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n7,8\n")

    rows = read(path, {"a": NUMBER}, start=1)

    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.refusal and row.refusal["given"] for row in rows] == [1, 3, None]
    assert rows[0].refusal["detail"] == "Row 1 does not fit the line of names."
    assert rows[0].refusal["expected"] == "2 values"
    assert rows[2].given == {"a": 7}


def test_parquet_has_values_as_a_request_in_json_has(tmp_path):
    path = tmp_path / "in.parquet"
    table = pa.table(
        {
            "a": pa.array([1.5, None, float("nan")]),
            "time": pa.array([NOON] * 3, pa.timestamp("us")),
            "bytes": pa.array([b"\x00\xff"] * 3),
            "price": pa.array([Decimal("1.50"), Decimal("2.00"), None]),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
            "list": pa.array([[dt.date(2014, 5, 1)], [], None]),
            "left": [1, 2, 3],
        }
    )
    pq.write_table(table, path)
    names = ["a", "time", "bytes", "price", "kind", "list"]

    rows = read(path, dict.fromkeys(names, NUMBER), keep=["time"])

    assert rows[0].given == {
        "a": 1.5,
        "time": "2014-05-01T12:00:00",
        "bytes": "AP8=",
        "price": 1.5,
        "kind": "x",
        "list": ["2014-05-01"],
    }
    assert rows[0].kept == (NOON,)
    assert rows[1].given["a"] is None
    assert rows[2].given["a"] != rows[2].given["a"]
    assert rows[1].given["price"] == 2
    assert isinstance(rows[1].given["price"], int)


@pytest.mark.parametrize("start", [0, 3, 4, 5, 9, 10])
def test_parquet_begins_at_any_row_of_any_group(tmp_path, start):
    path = tmp_path / "in.parquet"
    pd.DataFrame({"a": range(10)}).to_parquet(path, row_group_size=4)

    rows = read(path, {"a": NUMBER}, start=start)

    assert [row.number for row in rows] == list(range(start, 10))
    assert [row.given["a"] for row in rows] == list(range(start, 10))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a line of names"),
        (b"a,b,a\n1,2,3\n", "has several columns of the name 'a'"),
        (b'a,b\n1,"2\n', "cannot be read: unexpected end of data. Give a CSV file"),
        (b"a,b\n1,\xff\n", "cannot be read: 'utf-8' codec"),
        (b"a,b\n1,2\r3,4\n", "cannot be read: new-line character"),
    ],
)
def test_a_broken_csv_file_is_named(content, message, tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(content)

    with pytest.raises(DataError, match=message):
        read(path, {"a": NUMBER})


def test_a_broken_parquet_file_is_named(tmp_path):
    path = tmp_path / "in.parquet"
    path.write_bytes(b"a,b\n1,2\n")

    with pytest.raises(DataError, match=r"in\.parquet cannot be read: .*Parquet"):
        open_table(path, tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("data", "out", "message"),
    [
        ("in.json", "out.json", r"in\.json is neither a CSV nor a Parquet file"),
        ("in.csv", "out.parquet", r"of the same kind. Call it \*\.csv"),
        ("in.parquet", "out", r"of the same kind. Call it \*\.parquet"),
    ],
)
def test_a_wrong_kind_of_file_is_named(data, out, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        open_table(tmp_path / data, tmp_path / out)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*in\.csv"):
        open_table(tmp_path / "in.csv", tmp_path / "out.csv")
    with pytest.raises(DataError, match="is a folder"):
        open_table(tmp_path, tmp_path / "out.csv")
