"""`companion score`: what it says, and the log."""

import json

import pandas as pd
import pytest
import yaml
from score_rows import COLUMNS, make_rows, save_rows
from sklearn.linear_model import LinearRegression

from companion.cli import main
from companion.commands import score
from companion.store import read_predictions
from companion.tracking.saving import save_model_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with rows in it, in which the command runs."""
    save_rows(make_rows(50), tmp_path / "in.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(model, *options):
    arguments = ("--data", "in.csv", "--out", "out.csv", *options)
    return main(["score", str(model), *arguments])


def test_it_says_how_many_rows_it_predicted(rain_model, place, capsys):
    assert run(rain_model, "--keep", "day") == 0

    assert capsys.readouterr().out == "Predicted 50 rows into out.csv.\n"
    header = "row,day,value,label,score,outputs"
    assert (place / "out.csv").read_text("utf-8").splitlines()[0] == header
    assert not (place / "companion.db.journal").exists()


def test_it_says_where_the_refused_rows_are(rain_model, place, capsys):
    rows = make_rows(50)
    rows.loc[3, "rain_mm"] = -1.0
    save_rows(rows, place / "in.csv")

    assert run(rain_model) == 0

    assert capsys.readouterr().out == (
        "Predicted 49 rows into out.csv, refused 1 row: see out.csv.refused.csv.\n"
    )


def test_strict_ends_with_the_first_refused_row(rain_model, place, capsys):
    rows = make_rows(50)
    rows.loc[3, "rain_mm"] = -1.0
    save_rows(rows, place / "in.csv")

    assert run(rain_model, "--strict") == 1

    assert capsys.readouterr().err == (
        'Error: In row 3, the column "rain_mm" is outside the range that the model was '
        "trained for. Expected: a number, from 0 to 60. Rows count from 0. With "
        "--strict the first such row ends the run, and nothing is written.\n"
    )
    assert not (place / "out.csv").exists()


def test_missing_columns_are_named_with_those_that_are_there(rain_model, place, capsys):
    rows = make_rows(50).rename(columns={"rain_mm": "rain"}).drop(columns="wind_ms")
    save_rows(rows, place / "in.csv")

    assert run(rain_model) == 1

    assert (
        "in.csv lacks the columns 'rain_mm', 'wind_ms', which the model needs. It has "
        "the columns 'rain', 'temp_c', 'day'."
    ) in capsys.readouterr().err


def test_the_log_has_each_prediction_as_a_server_would_write_it(rain_model, place):
    store = f"sqlite:///{place}/log.db"
    names = ("--name", "wet", "--model-version", "7")

    assert run(rain_model, "--log", "--store", store, *names) == 0

    found = pd.read_csv(place / "out.csv").set_index("prediction_id")
    rows = make_rows(50)
    logged = read_predictions(store, limit=100)
    assert {one.id for one in logged} == set(found.index)
    assert len({one.request_id for one in logged}) == 1
    for one in logged:
        row = found.loc[one.id]
        assert (one.model_name, one.model_version) == ("wet", "7")
        assert one.inputs == pytest.approx(rows.loc[row["row"], COLUMNS].to_dict())
        assert (one.value, one.score) == (row["value"], row["score"])
        assert one.label == str(int(row["label"]))
        assert one.latency_ms > 0


def test_a_store_that_is_out_of_reach_gets_its_rows_later(rain_model, place, capsys):
    (place / "in_the_way").write_text("")
    store = ("--store", "sqlite:///in_the_way/log.db", "--journal", "waiting")

    assert run(rain_model, "--log", *store) == 0

    printed = capsys.readouterr()
    assert "Predicted 50 rows" in printed.out
    assert "Warning: the predictions wait in the journal: " in printed.err
    assert "Then run `companion ship`." in printed.err
    assert main(["ship", "--store", "sqlite:///log.db", "--journal", "waiting"]) == 0
    assert len(read_predictions("sqlite:///log.db", limit=100)) == 50


def test_a_journal_that_cannot_be_written_ends_the_run(rain_model, place, capsys):
    (place / "in_the_way").write_text("")

    assert run(rain_model, "--log", "--journal", "in_the_way/journal") == 1

    assert "The journal in" in capsys.readouterr().err
    assert not (place / "out.csv").exists()


def test_a_model_without_signature_and_example_says_what_is_missing(place, capsys):
    features = make_rows(50)[COLUMNS]
    model = LinearRegression().fit(features, features["rain_mm"])
    folder = save_model_folder(
        model, place / "m", name="m", version="1", features=features
    )
    conf = yaml.safe_load((folder / "MLmodel").read_text())
    conf.pop("signature")
    (folder / "MLmodel").write_text(yaml.safe_dump(conf))
    for path in folder.glob("*input_example.json"):
        path.unlink()

    assert run(folder) == 1
    assert "has neither a signature nor an example" in capsys.readouterr().err

    rows = features.head(2).to_dict("split", index=False)
    (place / "rows.json").write_text(json.dumps({"dataframe_split": rows}))
    assert run(folder, "--example", "rows.json") == 0
    assert "Note: It has no signature" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_a_large_file_has_a_progress_bar(rain_model, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(score, "_BAR_FROM_BYTES", 1)

    assert run(rain_model) == 0

    assert "Scoring" in capsys.readouterr().out
