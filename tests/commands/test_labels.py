import csv
import io
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

from companion.cli import main
from companion.commands import labels as labels_command
from companion.store import Journal, Prediction, journal_folder, read_labelled, ship

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def prediction(number):
    return Prediction(
        id=f"r-{number}",
        request_id="r",
        created_at=NOON,
        model_name="m",
        model_version="1",
        inputs={"a": 1.0},
        value=0.5,
        latency_ms=1.0,
    )


def fill(url, n):
    journal = Journal(journal_folder(url))
    journal.append([prediction(number) for number in range(n)])
    journal.close()
    ship(url)


@pytest.fixture
def log(store_url):
    """A log of four predictions, r-0 to r-3."""
    fill(store_url, 4)
    return store_url


@pytest.fixture
def load(log, tmp_path):
    """Load a CSV file of some text, or the file that is given."""

    def run(given, *options):
        path = given
        if isinstance(given, str):
            path = tmp_path / "truth.csv"
            path.write_text(given, encoding="utf-8")
        return main(["labels", "load", str(path), "--store", log, *options])

    return run


def labels_in(url):
    pairs = read_labelled(url)
    return {one.prediction.id: (one.label.label, one.label.value) for one in pairs}


def test_it_says_how_many_were_new_the_same_corrected_and_unknown(
    load, log, tmp_path, capsys
):
    path = tmp_path / "truth.csv"

    assert load("id,label\nr-0,rain\nr-1,dry\nx-0,dry\nr-2,\n") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Loaded 3 labels from {path}: 3 new, 0 the same as before, 0 corrected.",
        "Rows without a label, left out: 1.",
        (
            "Labels whose prediction is not in the log: 1. They are kept, and count as "
            "soon as it is there."
        ),
    ]
    assert load("id,label\nr-0,rain\nr-1,rain\nr-2,dry\n") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Loaded 3 labels from {path}: 1 new, 1 the same as before, 1 corrected.",
    ]
    assert labels_in(log) == {
        "r-0": ("rain", None),
        "r-1": ("rain", None),
        "r-2": ("dry", None),
    }


def test_the_same_file_again_changes_nothing(load, log, capsys):
    text = "id,label\nr-0,1\nr-1,0\n"
    load(text)
    before = read_labelled(log)
    capsys.readouterr()

    assert load(text) == 0

    assert "0 new, 2 the same as before, 0 corrected" in capsys.readouterr().out
    assert read_labelled(log) == before


def test_csv_and_parquet_give_the_same_labels(load, log, tmp_path):
    """Text, numbers, booleans as pandas writes them, and missing ones."""
    values = {
        "text": ["rain", None, "räin, heavy", "dry"],
        "number": [2.5, None, -1.0, 0.1],
        "integer": [1, 0, 3, 7],
        "truth": [True, False, True, False],
    }
    frame = pd.DataFrame({"prediction": [f"r-{i}" for i in range(4)], **values})
    frame.to_csv(tmp_path / "all.csv", index=False)
    frame.to_parquet(tmp_path / "all.parquet")
    options = ("--id-column", "prediction", "--label-column")
    found = {}
    for name in values:
        for kind in ("csv", "parquet"):
            assert load(tmp_path / f"all.{kind}", *options, name) == 0
            found[name, kind] = labels_in(log)

    assert found["text", "csv"]["r-2"] == ("räin, heavy", None)
    assert found["number", "csv"]["r-0"] == ("2.5", 2.5)
    assert found["integer", "csv"]["r-2"] == ("3", 3.0)
    assert found["truth", "csv"]["r-1"] == ("false", 0.0)
    for name in values:
        assert found[name, "csv"] == found[name, "parquet"]


def test_a_file_as_spreadsheets_write_it_is_read(load, log):
    """With a byte order mark, CRLF, quotes, other columns and a blank line."""
    text = '\ufeffnote,id,label\r\n"a, b",r-0,"rain"\r\n\r\n"two\nlines",r-1,dry\r\n'

    assert load(text) == 0

    assert labels_in(log) == {"r-0": ("rain", None), "r-1": ("dry", None)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'id', but none"),
        ("prediction,label\nr-0,1\n", "no column 'id', but prediction, label. Name"),
        ("id,truth\nr-0,1\n", "has no column 'label', but id, truth"),
        ("id,label\nr-0,1\n,1\n", "line 3: id must be text of 1 to 200 characters"),
        (f"id,label\nr-0,1\nr-1,{'x' * 201}\n", "line 3: label must be text of 1 to"),
        (
            "id,label\nr-0,1\nr-1\n",
            "line 3: the number of values is 1, and the first line has 2",
        ),
        ('id,label\nr-0,1\nr-1,"0\n', "line 3: it is not CSV: unexpected end of data"),
    ],
)
def test_a_file_with_a_bad_line_is_named_and_nothing_of_it_is_loaded(
    load, log, capsys, text, message
):
    assert load(text) == 1

    assert message in capsys.readouterr().err
    assert labels_in(log) == {}


def test_files_that_are_none_get_a_message(load, log, tmp_path, capsys):
    (tmp_path / "latin.csv").write_bytes(b"id,label\nr-0,r\xe4in\n")
    (tmp_path / "broken.parquet").write_bytes(b"id,label\nr-0,rain\n")
    pd.DataFrame({"id": ["r-0"], "label": [[1, 2]]}).to_parquet(
        tmp_path / "lists.parquet"
    )
    pd.DataFrame({"id": [7], "label": [1]}).to_parquet(tmp_path / "numbers.parquet")

    for name, message in (
        ("latin.csv", "is not UTF-8"),
        ("broken.parquet", "is not a Parquet file"),
        ("lists.parquet", "row 1: label must be text, a number, true or false"),
        ("numbers.parquet", "row 1: id must be text of 1 to 200 characters, got 7"),
    ):
        assert load(tmp_path / name) == 1
        assert message in capsys.readouterr().err
    assert load(tmp_path / "gone.csv") == 2
    assert load(tmp_path) == 2
    assert labels_in(log) == {}


def test_an_empty_table_loads_nothing(load, tmp_path, capsys):
    empty = pd.DataFrame({"id": pd.Series(dtype=str), "label": pd.Series(dtype=str)})
    empty.to_parquet(tmp_path / "empty.parquet")

    assert load(tmp_path / "empty.parquet") == 0
    assert load("id,label\n") == 0

    assert capsys.readouterr().out.count("Loaded 0 labels") == 2


def test_a_log_that_is_not_there_is_not_made(tmp_path, store_url, capsys):
    path = tmp_path / "truth.csv"
    path.write_text("id,label\nr-0,1\n")

    assert main(["labels", "load", str(path), "--store", store_url]) == 1

    assert "There is no log" in capsys.readouterr().err
    assert not (tmp_path / "log.db").exists()


def test_a_large_file_shows_progress_and_an_interrupted_load_is_finished_by_another(
    store_url, tmp_path, monkeypatch
):
    """2,500 labels, whose load breaks off after the first thousand."""
    n = 2500
    fill(store_url, n)
    path = tmp_path / "truth.csv"
    truth = {f"r-{number}": number / 7 for number in range(n)}
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "label"), *truth.items()])
    command = ["labels", "load", str(path), "--store", store_url]
    load_labels, n_loads = labels_command.load_labels, 0

    def break_off(database, labels):
        nonlocal n_loads
        n_loads += 1
        if n_loads == 2:
            raise KeyboardInterrupt
        return load_labels(database, labels)

    with monkeypatch.context() as patch:
        patch.setattr(labels_command, "load_labels", break_off)
        assert main(command) == 130
    assert len(read_labelled(store_url)) == 1000
    monkeypatch.setattr(labels_command, "_BAR_FROM_BYTES", 1000)
    monkeypatch.setattr("sys.stdout", Terminal())

    assert main(command) == 0

    shown = sys.stdout.getvalue()
    assert "Checking" in shown
    assert "Loading" in shown
    assert "100%" in shown
    assert "1,500 new, 1,000 the same as before, 0 corrected" in shown
    found = {id_: value for id_, (_, value) in labels_in(store_url).items()}
    assert found == truth


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_status_counts_labels_with_and_without_their_prediction(load, log, capsys):
    load("id,label\nr-0,1\nr-1,0\nx-0,1\n")
    capsys.readouterr()

    assert main(["labels", "status", "--store", log]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "Predictions: 4, with a label: 2.",
        "Labels: 3, without a prediction in the log: 1.",
    ]
