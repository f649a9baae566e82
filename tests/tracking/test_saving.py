import json
import stat
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression

from companion.errors import ModelError, SettingError
from companion.system.mlflow import load_mlflow
from companion.terrace import (
    FEATURE_LIMITS,
    FEATURES,
    load_weather,
    make_features,
    make_target,
    predict_rain,
    split_by_time,
    train_model,
)
from companion.tracking import allowed_ranges, save_model_folder

WEATHER = load_weather()
SPLIT = split_by_time(
    make_features(WEATHER), make_target(WEATHER), test_start="2014-01-01"
)
MODEL = train_model(SPLIT.train_features, SPLIT.train_target)


class HomeMade(ClassifierMixin, BaseEstimator):
    """A class that skops does not know."""

    def fit(self):
        return self

    def predict(self, rows):
        return np.zeros(len(rows))

    def predict_proba(self, rows):
        return np.tile([0.5, 0.5], (len(rows), 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("models") / "deep" / "terrace"
    return save_model_folder(
        MODEL,
        place,
        name="terrace-rain",
        version="7",
        features=SPLIT.train_features,
        ranges=allowed_ranges(SPLIT.train_features, limits=FEATURE_LIMITS),
    )


def read_description(folder: Path) -> dict:
    return yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))


def test_mlflow_itself_gives_the_same_answers_from_the_folder(folder):
    with warnings.catch_warnings():
        # MLflow passes a frame to a model that was fitted on bare numbers.
        warnings.filterwarnings("ignore", "X has feature names", UserWarning)
        served = load_mlflow("This test").pyfunc.load_model(str(folder))
        answers = served.predict(SPLIT.test_features.reset_index(drop=True))

    assert np.array_equal(answers[:, 1], predict_rain(MODEL, SPLIT.test_features))


def test_the_model_is_skops_and_its_own_reader_trusts_it_as_it_is(folder):
    import skops.io

    flavour = read_description(folder)["flavors"]["sklearn"]
    loaded = skops.io.load(folder / flavour["pickled_model"], trusted=None)

    assert flavour["serialization_format"] == "skops"
    # A pickle is a stream; skops writes a zip archive, whatever MLflow names it.
    assert zipfile.is_zipfile(folder / flavour["pickled_model"])
    assert np.array_equal(
        predict_rain(loaded, SPLIT.test_features),
        predict_rain(MODEL, SPLIT.test_features),
    )


def test_signature_name_version_and_ranges_are_in_the_description(folder):
    description = read_description(folder)

    inputs = json.loads(description["signature"]["inputs"])
    assert [(column["name"], column["type"]) for column in inputs] == [
        (name, "double") for name in FEATURES
    ]
    own = description["metadata"]["companion"]
    assert (own["name"], own["version"]) == ("terrace-rain", "7")
    assert list(own["ranges"]) == sorted(FEATURES)
    assert description["flavors"]["python_function"]["predict_fn"] == "predict_proba"


def test_the_example_is_two_rows_of_the_training_data(folder):
    example = json.loads((folder / "input_example.json").read_text())

    assert example["columns"] == list(FEATURES)
    assert example["data"] == SPLIT.train_features.head(2).to_numpy().tolist()


def test_requirements_pin_what_loads_it_and_name_no_machine(folder):
    lines = (folder / "requirements.txt").read_text().split()

    assert {line.split("==")[0] for line in lines} == {
        "mlflow",
        "numpy",
        "pandas",
        "scikit-learn",
        "skops",
    }
    for path in folder.iterdir():
        if not zipfile.is_zipfile(path):
            text = path.read_text()
            assert "file:/" not in text
            assert str(folder.parent) not in text


def test_the_folder_can_be_read_by_another_user(folder):
    """A temporary folder is private; what it becomes must not be."""
    beside = folder.parent / "made-by-hand"
    beside.mkdir()

    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)


def test_nothing_is_left_beside_the_folder(folder):
    assert [path.name for path in folder.parent.glob(".*")] == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_is_there_is_never_overwritten(tmp_path, kind):
    target = tmp_path / "model"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")

    with pytest.raises(ModelError, match=r"exists already.*Choose another folder"):
        save_model_folder(
            MODEL, target, name="m", version="1", features=SPLIT.train_features
        )

    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_that_skops_refuses_leaves_no_folder(tmp_path):
    target = tmp_path / "model"

    with pytest.raises(ModelError, match="cannot be saved"):
        save_model_folder(
            HomeMade(), target, name="m", version="1", features=SPLIT.train_features
        )

    assert list(tmp_path.iterdir()) == []


def test_a_folder_under_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ModelError, match=r"cannot be written.*Choose another folder"):
        save_model_folder(
            MODEL,
            tmp_path / "file" / "model",
            name="m",
            version="1",
            features=SPLIT.train_features,
        )


def test_a_regressor_is_saved_with_its_own_method(tmp_path):
    rows = pd.DataFrame({"hours": [1.0, 2.0, 3.0], "guests": [4.0, 2.0, 6.0]})
    model = LinearRegression().fit(rows.to_numpy(), [10.0, 12.0, 20.0])

    folder = save_model_folder(
        model,
        tmp_path / "sales",
        name="sales",
        version="1",
        features=rows,
        predict_fn="predict",
    )

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has feature names", UserWarning)
        mlflow = load_mlflow("This test")
        answers = mlflow.pyfunc.load_model(str(folder)).predict(rows)
    assert answers == pytest.approx(model.predict(rows.to_numpy()))
    # Without limits: half the span is added at either end.
    assert read_description(folder)["metadata"]["companion"]["ranges"] == {
        "hours": [0.0, 4.0],
        "guests": [0.0, 8.0],
    }


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("m", "  ")])
def test_a_model_without_a_name_or_version_is_refused(tmp_path, name, version):
    with pytest.raises(SettingError, match="is empty"):
        save_model_folder(
            MODEL,
            tmp_path / "model",
            name=name,
            version=version,
            features=SPLIT.train_features,
        )


def test_a_range_that_no_value_can_have_is_refused(tmp_path):
    with pytest.raises(SettingError, match="not a range"):
        save_model_folder(
            MODEL,
            tmp_path / "model",
            name="m",
            version="1",
            features=SPLIT.train_features,
            ranges=dict.fromkeys(SPLIT.train_features, (5.0, 4.0)),
        )


def test_ranges_for_other_columns_are_refused(tmp_path):
    with pytest.raises(SettingError, match="one for each of the columns"):
        save_model_folder(
            MODEL,
            tmp_path / "model",
            name="m",
            version="1",
            features=SPLIT.train_features,
            ranges={"temp_max_c": [0.0, 1.0]},
        )


def test_saving_warns_of_nothing_and_writes_nothing_to_the_working_folder(tmp_path):
    """In a process of its own, where each warning of MLflow would be an error."""
    code = (
        "from companion.terrace import *\n"
        "from companion.tracking import save_model_folder\n"
        "features = make_features(load_weather()).iloc[:-1]\n"
        "model = train_model(features, make_target(load_weather())[features.index])\n"
        "save_model_folder(model, 'out/model', name='m', version='1',"
        " features=features)\n"
    )

    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
