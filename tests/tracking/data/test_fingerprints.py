"""What changes a fingerprint, and what must not."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mlflow.data
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import DataError
from companion.terrace import load_weather
from companion.tracking.data import fingerprint

# pyarrow reads times in a way that pandas deprecates: where a test writes Parquet.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values:DeprecationWarning")
DATA = Path(__file__).parents[3] / "data"
N = 20_000


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "number": rng.normal(size=N),
            "small": rng.normal(size=N).astype("float32"),
            "count": rng.integers(0, 9, N),
            "text": [None if n % 7 == 0 else f"t{n % 900}" for n in range(N)],
            "flag": rng.random(N) > 0.5,
            "when": pd.date_range("2026-01-01", periods=N, freq="min"),
            "zoned": pd.date_range("2026-01-01", periods=N, freq="min", tz="UTC"),
            "kind": pd.Categorical(rng.choice(["b", "a", "c"], N)),
        }
    )


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Types that pandas has no equal of."""
    return pa.table(
        {
            "list": pa.array([[1, 2], None, [], [3]]),
            "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {}]),
            "map": pa.array(
                [[("k", 1)], None, [], [("k", 2), ("l", 3)]],
                pa.map_(pa.string(), pa.int64()),
            ),
            "fixed": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
            "decimal": pa.array([1, None, 3, 4], pa.decimal128(9, 2)),
            "bytes": pa.array([b"a", None, b"", b"cd"]),
            "day": pa.array([1, None, 3, 4], pa.date32()),
            "none": pa.nulls(4),
        }
    )


def changed(frame: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    other = frame.copy()
    other.loc[row, column] = value
    return other


@pytest.mark.filterwarnings(
    "ignore:The specified dataset source:UserWarning", "ignore::DeprecationWarning"
)
def test_a_changed_value_in_row_15000_changes_it_and_not_the_digest_of_mlflow(frame):
    other = changed(frame, 15_000, "number", 123.0)

    assert fingerprint(other).sha256 != fingerprint(frame).sha256
    digests = {
        mlflow.data.from_pandas(one.drop(columns=["kind", "zoned"]), source="x").digest
        for one in (frame, other)
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("count", 99),
        ("small", np.float32(7)),
        ("text", "other"),
        ("text", ""),
        ("when", pd.Timestamp("2026-01-01 00:00:01")),
        ("zoned", pd.Timestamp("2026-01-01 00:00:01", tz="UTC")),
    ],
)
def test_any_changed_value_changes_its_column_and_no_other(frame, column, value):
    # Row 14 has a missing text.
    before, after = fingerprint(frame), fingerprint(changed(frame, 14, column, value))

    assert after.sha256 != before.sha256
    pairs = zip(before.columns, after.columns, strict=True)
    assert [old.name for old, new in pairs if old != new] == [column]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.rename(columns={"count": "total"}),
        lambda one: one[[*one.columns[1:], one.columns[0]]],
        lambda one: one.iloc[::-1],
        lambda one: one.iloc[:-1],
        lambda one: one.astype({"count": "int32"}),
        lambda one: one.assign(when=one["when"].dt.tz_localize("UTC")),
        lambda one: one.assign(zoned=one["zoned"].dt.tz_convert("Europe/Berlin")),
        lambda one: one.assign(kind=one["kind"].cat.set_categories(["c", "b", "a"])),
        lambda one: one.assign(kind=one["kind"].cat.as_ordered()),
        lambda one: one.assign(kind=one["kind"].astype(str)),
        lambda one: one.set_index("when"),
        lambda one: one.assign(none=None),
    ],
    ids=[
        *("name", "column order", "row order", "a row less", "type", "zone added"),
        *("zone", "categories", "ordered", "categories to text", "index"),
        "column more",
    ],
)
def test_schema_and_order_count(frame, change):
    assert fingerprint(change(frame)).sha256 != fingerprint(frame).sha256


def test_a_renamed_column_keeps_its_own_digest(frame):
    before = fingerprint(frame).columns[2]
    after = fingerprint(frame.rename(columns={"count": "total"})).columns[2]

    assert (before.name, after.name) == ("count", "total")
    assert before.sha256 == after.sha256


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd"},
        {"compression": "gzip", "row_group_size": 777},
        {"compression": None, "data_page_size": 999, "row_group_size": 5000},
    ],
)
def test_compression_and_row_groups_do_not_count(frame, tmp_path, options):
    path = tmp_path / "frame.parquet"
    frame.to_parquet(path, **options)

    assert fingerprint(path) == fingerprint(frame)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pieces_of_any_length_give_the_same(table, tmp_path, size):
    path = tmp_path / "table.parquet"
    # Parquet has no missing lists of a fixed length.
    readable = table.drop_columns("fixed")
    pq.write_table(readable, path, row_group_size=size)
    pieces = pa.concat_tables([table.slice(i, size) for i in range(0, 4, size)])

    assert fingerprint(pieces) == fingerprint(table)
    assert fingerprint(path) == fingerprint(readable)


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("list", [[1], [2], [], [3]]),
        ("list", [[1, 2], [], [], [3]]),
        ("struct", [{"a": 1, "b": "x"}, {}, {"a": None, "b": "y"}, {}]),
        ("map", [[("k", 1)], None, [], [("k", 2), ("l", 4)]]),
        ("fixed", [[1, 2], None, [3, 4], [5, 7]]),
        ("decimal", [1, None, 3, 5]),
        ("bytes", [b"a", None, b"c", b"d"]),
        ("day", [1, 0, 3, 4]),
    ],
)
def test_values_inside_of_values_count(table, column, other):
    place = table.schema.get_field_index(column)
    kind = table.schema.field(column).type
    changed = table.set_column(place, column, pa.array(other, kind))

    assert fingerprint(changed).sha256 != fingerprint(table).sha256


def test_what_stands_under_a_missing_value_does_not_count():
    def make(hidden: float) -> pa.Table:
        values = pa.array([1.0, hidden, 3.0]).buffers()[1]
        valid = pa.py_buffer(bytes([0b101]))
        return pa.table({"x": pa.Array.from_buffers(pa.float64(), 3, [valid, values])})

    assert fingerprint(make(5.0)) == fingerprint(make(6.0))
    assert fingerprint(make(5.0)) != fingerprint(pa.table({"x": [1.0, 5.0, 3.0]}))


def test_every_nan_is_one_and_so_is_every_zero():
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000, 1 << 63], "u8").view("f8")
    plain = np.array([np.nan, np.nan, 0.0])
    make = lambda values: pa.table({"x": pa.array(values, from_pandas=False)})  # noqa: E731

    assert fingerprint(make(odd)) == fingerprint(make(plain))
    assert fingerprint(make(plain)) != fingerprint(make([1.0, np.nan, 0.0]))
    # In Parquet, NaN is a value, and missing is none.
    assert fingerprint(make(plain)) != fingerprint(pa.table({"x": [None, None, 0.0]}))


def test_texts_do_not_run_into_each_other():
    one, other = (pa.table({"x": x}) for x in (["ab", "c"], ["a", "bc"]))

    assert fingerprint(one) != fingerprint(other)


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=20),
    st.integers(1, 7),
)
def test_slices_of_texts_give_the_same_as_the_whole(values, size):
    whole = pa.table({"x": pa.array(values, pa.string())})
    slices = [whole.slice(start, size) for start in range(0, len(values), size)]
    cut = pa.concat_tables([whole.slice(0, 0), *slices])
    large = whole.cast(pa.schema([("x", pa.large_string())]))

    assert fingerprint(cut) == fingerprint(whole) == fingerprint(large)


def test_the_digest_is_the_one_that_the_rules_say():
    """By hand: a change of the rules must change their name too."""

    def sha(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    values = np.array([1.5, 0.0, 2.0]).tobytes()
    missing = np.array([1], "i8").tobytes()
    column = sha(f"double\n3\n{sha(missing)}\n{sha(values)}\n".encode())
    content = ["companion table 1", 3, [["x", "double", column]]]
    expected = sha(json.dumps(content, separators=(",", ":")).encode())

    assert fingerprint(pa.table({"x": [1.5, None, 2.0]})).sha256 == expected


def test_empty_tables_have_one_and_their_schema_counts():
    empty = pd.DataFrame({"x": pd.Series([], dtype="float64")})

    assert fingerprint(empty).n_rows == 0
    assert fingerprint(empty) != fingerprint(empty.astype(str))
    assert fingerprint(pd.DataFrame()) != fingerprint(empty)


def test_the_weather_as_a_frame_differs_in_one_column():
    before, after = (
        fingerprint(load_weather()),
        fingerprint(load_weather(corrected=True)),
    )

    pairs = zip(before.columns, after.columns, strict=True)
    assert [old.name for old, new in pairs if old != new] == ["weather"]
    assert "date" in {one.name for one in before.columns}  # the index


# CSV files


def test_quotation_marks_and_line_ends_do_not_count(tmp_path):
    plain, quoted = tmp_path / "plain.csv", tmp_path / "quoted.csv"
    plain.write_bytes(b"a,b\n1,x\n2,y\n")
    quoted.write_bytes(b'\xef\xbb\xbf"a","b"\r\n"1","x"\r\n2,y')
    pressed = tmp_path / "pressed.csv.gz"
    import gzip

    pressed.write_bytes(gzip.compress(plain.read_bytes()))

    assert fingerprint(plain) == fingerprint(quoted) == fingerprint(pressed)


def test_values_of_a_csv_file_are_the_text_that_is_there(tmp_path):
    """A number would lose the zero, and the last digits."""
    path = tmp_path / "zip.csv"
    seen = set()
    for value in ("01067", "1067", "1067.0", "12345678901234567890", "NA", ""):
        path.write_text(f"zip,n\n{value},1\n")
        seen.add(fingerprint(path).sha256)

    assert len(seen) == 6


def test_the_two_weather_files_differ_in_day_and_class():
    before = fingerprint(DATA / "seattle_weather.csv")
    after = fingerprint(DATA / "seattle_weather_corrected.csv")

    pairs = list(zip(before.columns, after.columns, strict=True))
    assert before.n_rows == after.n_rows == 1461
    assert [old.name for old, new in pairs if old != new] == ["date", "weather"]


def test_a_csv_file_with_more_than_one_block_is_read_to_its_end(tmp_path):
    path = tmp_path / "long.csv"
    rows = [f"{n},{'x' * 90}" for n in range(30_000)]
    path.write_text("\n".join(["n,text", *rows]))
    before = fingerprint(path)
    path.write_text("\n".join(["n,text", *rows[:-1], f"29999,{'x' * 89}y"]))

    assert before.n_rows == 30_000
    assert fingerprint(path).sha256 != before.sha256


# Folders


def test_the_number_of_files_in_a_folder_does_not_count(frame, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder, step in ((whole, N), (parts, 6000)):
        folder.mkdir()
        for number, start in enumerate(range(0, N, step)):
            part = frame.iloc[start : start + step].reset_index(drop=True)
            part.to_parquet(folder / f"part-{number}.parquet")
    (parts / "_SUCCESS").touch()
    (parts / ".hidden").mkdir()
    (parts / ".hidden" / "x.csv").write_text("a\n1\n")

    assert fingerprint(whole) == fingerprint(parts) == fingerprint(frame)


def test_names_of_folders_are_columns(tmp_path):
    for year in ("2025", "2026"):
        folder = tmp_path / f"year={year}"
        folder.mkdir()
        (folder / "part.csv").write_text("rain\n1.5\n")
    before = fingerprint(tmp_path)
    (tmp_path / "year=2026").rename(tmp_path / "year=2027")

    assert [one.name for one in before.columns] == ["rain", "year"]
    assert before.n_rows == 2
    assert fingerprint(tmp_path).sha256 != before.sha256


# What has no fingerprint


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: p / "none.csv", "there is no file"),
        (lambda p: text(p / "x.txt", "a"), "of no kind that can be read"),
        (lambda p: text(p / "x.csv", ""), "cannot be read: Empty CSV file"),
        (lambda p: text(p / "x.csv", "a,b\n1\n"), "Expected 2 columns, got 1"),
        (lambda p: text(p / "x.csv", "a,a\n1,2\n"), "several columns called 'a'"),
        (lambda p: text(p / "x.parquet", "no"), "cannot be read: "),
        (lambda p: text(p / "y" / "x.txt", "a").parent, "of no kind"),
        (lambda p: text(p / "y" / ".x", "a").parent, "holds no file"),
        (
            lambda p: (
                text(text(p / "y" / "1.csv", "a\n1\n").parent / "2.csv", "b\n").parent
            ),
            "only one has 'a'",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(tmp_path, write, message):
    with pytest.raises(DataError, match=message):
        fingerprint(write(tmp_path))


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"a\n\xe4\n")

    with pytest.raises(DataError, match="UTF8"):
        fingerprint(tmp_path / "x.csv")


def test_files_of_other_types_in_one_folder_are_refused(tmp_path):
    for name, values in (("1", [1]), ("2", [1.0])):
        pd.DataFrame({"x": values}).to_parquet(tmp_path / f"{name}.parquet")

    with pytest.raises(DataError, match=r"different types in the column 'x': .*double"):
        fingerprint(tmp_path)


@pytest.mark.parametrize("mixed", [[1, "a"], [True, "a"], [{"a": 1}, 2]])
def test_a_column_of_several_types_is_refused_by_name(mixed):
    with pytest.raises(DataError, match=r"several types .*column odd"):
        fingerprint(
            pd.DataFrame({"fine": [1, 2], "odd": pd.Series(mixed, dtype=object)})
        )


def test_other_objects_are_refused():
    with pytest.raises(DataError, match="a list is no table"):
        fingerprint([1, 2])
    with pytest.raises(DataError, match="several columns called 'a'"):
        fingerprint(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(DataError, match="have no fingerprint"):
        fingerprint(pa.table({"u": union}))


def test_times_before_1970_and_far_ahead_count():
    start = datetime(1900, 1, 1, tzinfo=UTC)
    one, other = (
        pd.DataFrame({"t": [start, start + timedelta(days=days)]})
        for days in (100_000, 100_001)
    )

    assert fingerprint(one) != fingerprint(other)
