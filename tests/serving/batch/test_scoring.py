"""A file's predictions beside the server's, refused rows, and runs that go on."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from score_rows import COLUMNS, make_rows, save_rows

from companion.errors import ModelFailedError, RefusedError, ScoreError, SettingError
from companion.serving import ServerConfig, create_app
from companion.serving.batch import scoring
from companion.serving.batch.parts import open_parts
from companion.serving.batch.scoring import refused_path, score_table
from companion.serving.batch.tables import open_table
from companion.serving.models.loading import load_model

READ = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


def run(model, data, out, **options):
    return score_table(load_model(model), open_table(data, out), out, **options)


def refused_rows(out):
    with refused_path(out).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


small_parts = pytest.mark.usefixtures("small_parts")


@pytest.mark.parametrize("suffix", READ)
@pytest.mark.parametrize("kind", ["number", "two classes", "three classes"])
def test_predictions_are_those_of_the_server(kind, suffix, score_models, tmp_path):
    rows = make_rows(150)
    data, out = save_rows(rows, tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    config = ServerConfig(model=score_models[kind], store=f"sqlite:///{tmp_path}/log")
    body = {"rows": rows[COLUMNS].to_dict("records")}
    answer = create_app(config).test_client().post("/predict", json=body)
    expected = answer.get_json()["predictions"]
    n_classes = len(expected[0].get("probabilities", ()))

    report = run(score_models[kind], data, out)

    found = READ[suffix](out)
    assert (report.n_rows, report.n_refused) == (150, 0)
    assert not refused_path(out).exists()
    assert list(found) == ["row", "value", "label", "score", "outputs"]
    assert found["row"].tolist() == list(range(150))
    assert n_classes == {"number": 0, "two classes": 2, "three classes": 3}[kind]
    for row, one in zip(found.itertuples(), expected, strict=True):
        if one["value"] is None:
            assert math.isnan(row.value)
        else:
            assert row.value == one["value"]
        if n_classes:
            assert str(row.label) == str(one["label"])
            assert row.score == max(one["probabilities"].values())
        else:
            assert pd.isna(row.label)
            assert pd.isna(row.score)
        if n_classes == 3:
            assert json.loads(row.outputs) == {"probabilities": one["probabilities"]}
        else:
            assert pd.isna(row.outputs)


def test_parquet_output_has_types_even_where_it_has_no_rows(score_models, tmp_path):
    data = save_rows(make_rows(5).head(0), tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"

    report = run(score_models["number"], data, out, keep=["day"])

    assert report.n_rows == 0
    types = pd.read_parquet(out).dtypes.astype(str).to_dict()
    assert types["row"] == "int64"
    assert types["value"] == types["score"] == "float64"
    assert types["label"] == types["outputs"] == "str"
    assert types["day"].startswith("datetime64")


@pytest.mark.parametrize("suffix", READ)
def test_kept_columns_are_as_they_were(suffix, score_models, tmp_path):
    rows = make_rows(150)
    rows["site"] = [f"à,{number}\n" for number in range(150)]
    data, out = save_rows(rows, tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"

    run(score_models["number"], data, out, keep=["site", "day", "rain_mm"])

    given, found = READ[suffix](data), READ[suffix](out)
    pd.testing.assert_frame_equal(
        found[["site", "day", "rain_mm"]], given[["site", "day", "rain_mm"]]
    )


@small_parts
@pytest.mark.parametrize("suffix", READ)
def test_refused_rows_go_into_a_file_and_the_others_are_answered(
    suffix, score_models, tmp_path
):
    rows = make_rows(150)
    whole, data = tmp_path / f"whole{suffix}", tmp_path / f"in{suffix}"
    run(score_models["two classes"], save_rows(rows, data), whole)
    rows.loc[7, ["rain_mm", "temp_c"]] = [1000.0, -400.0]
    rows.loc[148, "wind_ms"] = np.nan
    out = tmp_path / f"out{suffix}"

    report = run(score_models["two classes"], save_rows(rows, data), out)

    assert (report.n_rows, report.n_refused) == (150, 2)
    assert report.refused_file == refused_path(out)
    found = [(one["row"], one["column"], one["reason"]) for one in refused_rows(out)]
    assert found == [
        ("7", "rain_mm", "out_of_range"),
        ("7", "temp_c", "out_of_range"),
        ("148", "wind_ms", "null"),
    ]
    assert refused_rows(out)[0]["given"] == "1000.0"
    assert refused_rows(out)[0]["detail"].startswith('In row 7, the column "rain_mm"')
    expected = READ[suffix](whole).drop(index=[7, 148]).reset_index(drop=True)
    answered = READ[suffix](out)
    assert answered["row"].tolist() == expected["row"].tolist()
    # Sums over other batches may differ in the last digit.
    np.testing.assert_allclose(answered["value"], expected["value"], rtol=1e-12)


@small_parts
def test_rows_that_the_model_refuses_are_found_among_the_others(score_models, tmp_path):
    """Rows 33 and 34 raise, as a category would that the model never saw."""
    model = load_model(score_models["number"])

    def predict(checked, params):
        values = checked.to_array("float64")
        if (values[:, 0] == 2.25).any():
            raise ValueError("never seen")
        answers = model.predict(checked, params)
        answers[values[:, 0] == 2.75] = np.inf
        return answers

    rows = make_rows(50)
    rows.loc[[33, 34], "rain_mm"] = 2.25
    rows.loc[41, "rain_mm"] = 2.75
    data, out = save_rows(rows, tmp_path / "in.csv"), tmp_path / "out.csv"

    report = score_table(replace(model, predict=predict), open_table(data, out), out)

    assert report.n_refused == 3
    found = refused_rows(out)
    assert [(one["row"], one["reason"]) for one in found] == [
        ("33", "refused_by_model"),
        ("34", "refused_by_model"),
        ("41", "refused_by_model"),
    ]
    assert "never seen" in found[0]["detail"]
    assert found[2]["detail"] == "The model has no finite answer for row 41."
    kept = sorted(set(range(50)) - {33, 34, 41})
    answered = pd.read_csv(out)
    assert answered["row"].tolist() == kept
    np.testing.assert_allclose(answered["value"], rows["rain_mm"][kept] * 0.5)


@small_parts
def test_a_model_that_breaks_loses_nothing_that_was_done(score_models, tmp_path):
    model = load_model(score_models["number"])
    data, out = save_rows(make_rows(150), tmp_path / "in.csv"), tmp_path / "out.csv"
    n_calls = 0

    def predict(checked, params):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 5:
            raise MemoryError("no room")
        return model.predict(checked, params)

    table = open_table(data, out)
    with pytest.raises(ModelFailedError, match=r"at rows 80 to 99: .*no room"):
        score_table(replace(model, predict=predict), table, out)

    assert not out.exists()
    report = score_table(model, table, out)
    assert report.n_before == 60
    assert pd.read_csv(out)["row"].tolist() == list(range(150))
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


@small_parts
def test_strict_stops_at_the_first_refused_row_and_writes_nothing(
    score_models, tmp_path
):
    rows = make_rows(150)
    rows.loc[[140, 141], "rain_mm"] = 1000.0
    data, out = save_rows(rows, tmp_path / "in.csv"), tmp_path / "out.csv"

    with pytest.raises(RefusedError, match=r'In row 140, .*"rain_mm".* --strict'):
        run(score_models["two classes"], data, out, strict=True)

    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@small_parts
def test_an_interrupted_run_ends_in_the_same_bytes(score_models, tmp_path):
    data, out = save_rows(make_rows(150), tmp_path / "in.csv"), tmp_path / "out.csv"
    other = tmp_path / "other.csv"
    model, table = load_model(score_models["number"]), open_table(data, out)

    def stop(_):
        if table.position >= table.size / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_table(model, table, out, progress=stop)
    assert score_table(model, table, out).n_before == 60
    score_table(model, table, other)

    assert out.read_bytes() == other.read_bytes()


def test_a_slow_model_is_saved_by_time(score_models, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "_BATCH_ROWS", 20)
    monkeypatch.setattr(scoring, "_PART_S", 0.0)
    data, out = save_rows(make_rows(150), tmp_path / "in.csv"), tmp_path / "out.csv"
    model, taken = load_model(score_models["number"]), []

    def stop(size):
        taken.append(size)
        if len(taken) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_table(model, open_table(data, out), out, progress=stop)
    report = score_table(model, open_table(data, out), out, progress=taken.append)

    assert report.n_before == 60
    assert sum(taken[3:]) == data.stat().st_size


@small_parts
def test_an_unfinished_run_with_other_arguments_is_not_mixed_in(score_models, tmp_path):
    rows = make_rows(150)
    data, out = save_rows(rows, tmp_path / "in.csv"), tmp_path / "out.csv"

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(score_models["number"], data, out, progress=stop)
    with pytest.raises(ScoreError, match="another model and another --keep"):
        run(score_models["two classes"], data, out, keep=["day"])
    save_rows(rows.head(100), data)
    with pytest.raises(ScoreError, match=r"with another data file\. Give --restart"):
        run(score_models["number"], data, out)

    assert run(score_models["number"], data, out, restart=True).n_before == 0
    assert pd.read_csv(out)["row"].tolist() == list(range(100))


def test_two_runs_do_not_write_the_same_output(score_models, tmp_path):
    data, out = save_rows(make_rows(5), tmp_path / "in.csv"), tmp_path / "out.csv"

    with (
        open_parts(out, {}),
        pytest.raises(ScoreError, match="Another `companion score` writes"),
    ):
        run(score_models["number"], data, out)


def test_a_file_that_is_there_is_not_overwritten(score_models, tmp_path):
    data, out = save_rows(make_rows(5), tmp_path / "in.csv"), tmp_path / "out.csv"
    for path in (out, refused_path(out)):
        path.write_text("mine")
        with pytest.raises(ScoreError, match=f"{path.name} exists already"):
            run(score_models["number"], data, out)
        assert path.read_text() == "mine"
        path.unlink()


def test_an_output_that_cannot_be_written_says_why(score_models, tmp_path):
    data = save_rows(make_rows(5), tmp_path / "in.csv")

    with pytest.raises(ScoreError, match=r"cannot be written: .*directory"):
        run(score_models["number"], data, data / "out.csv")


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("value", "'value' cannot be kept: the predictions have one of that name"),
        ("date", "no column 'date' to keep; it has 'rain_mm', 'temp_c', 'wind_ms'"),
    ],
)
def test_a_column_that_cannot_be_kept_is_named(keep, message, score_models, tmp_path):
    data, out = save_rows(make_rows(5), tmp_path / "in.csv"), tmp_path / "out.csv"

    with pytest.raises(SettingError, match=message):
        run(score_models["number"], data, out, keep=[keep])
