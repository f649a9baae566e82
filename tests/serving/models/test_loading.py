import copy
import json
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from companion.errors import ModelError, RefusedError
from companion.serving.models.folder import read_model_folder
from companion.serving.models.loading import load_model

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
# Stands for an environment with the extra `serving` alone.
WITHOUT_TRACKING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mlflow", "pandas"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from companion.serving import ServerConfig, create_app
config = ServerConfig(model=sys.argv[1], store="sqlite:///" + sys.argv[2])
row = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
answer = create_app(config).test_client().post("/predict", json={"rows": [row]})
print(answer.json["predictions"][0]["value"])
assert not {"mlflow", "pandas"} & set(sys.modules)
"""


def ask(model, *rows):
    """Ask a model as the server does."""
    return model.answer(model.check(rows))


def values(model, *rows):
    return [row.value for row in ask(model, *rows).rows]


def edit_conf(folder, change):
    path = folder / "MLmodel"
    conf = yaml.safe_load(path.read_text())
    change(conf)
    path.write_text(yaml.safe_dump(conf))


@pytest.fixture
def copied(rain_model, tmp_path):
    import shutil

    return shutil.copytree(rain_model, tmp_path / "copied")


def test_a_skops_model_answers_without_mlflow_and_without_pandas(rain_model, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TRACKING, rain_model, tmp_path / "log.db"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert float(done.stdout) == values(load_model(rain_model), ROW)[0]


def test_the_value_is_the_probability_of_the_second_class(rain_model):
    import skops.io

    estimator = skops.io.load(rain_model / "model.skops")
    other = {"rain_mm": 9.0, "temp_c": -3.0, "wind_ms": 5.5}

    answer = ask(load_model(rain_model), ROW, other)

    expected = estimator.predict_proba([list(ROW.values()), list(other.values())])
    assert [row.value for row in answer.rows] == expected[:, 1].tolist()
    assert answer.raw.tolist() == expected.tolist()


def test_name_and_version_come_from_our_notes_then_the_registry_then_the_folder(copied):
    def names():
        folder = read_model_folder(copied)
        return folder.name, folder.version

    assert names() == ("rain", "3")

    edit_conf(copied, lambda conf: conf.pop("metadata"))
    edit_conf(copied, lambda conf: conf.update(model_uuid="abc", model_id=None))
    assert names() == ("copied", "abc")

    meta = copied / "registered_model_meta"
    meta.write_text("model_name: terrace\nmodel_version: '12'\n")
    assert names() == ("terrace", "12")


def test_a_regressor_gives_its_number(save_sklearn_model, tmp_path):
    x = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0]})
    model = LinearRegression().fit(x.to_numpy(), [1.0, 3.0, 5.0])
    folder = save_sklearn_model(model, tmp_path / "m", x)

    found = values(load_model(folder), {"a": 4.0, "b": 0.0})

    assert found == pytest.approx([9.0])  # 2 a + 1


def test_a_model_of_named_columns_and_text_gets_a_data_frame(
    save_sklearn_model, tmp_path
):
    x = pd.DataFrame(
        {
            "sky": ["sun", "fog", "sun", "fog"],
            "days": [1, 2, 3, 4],
            "open": [True, False, True, False],
        }
    )
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sky"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(x, [0, 1, 0, 1])
    folder = save_sklearn_model(
        model, tmp_path / "m", x, pyfunc_predict_fn="predict_proba"
    )
    served = load_model(folder)

    rows = [{"sky": "fog", "days": 2, "open": False}]
    found = values(served, *rows)

    assert found == model.predict_proba(pd.DataFrame(rows))[:, 1].tolist()
    with pytest.raises(RefusedError, match="unknown categories"):
        ask(served, {"sky": "snow", "days": 2, "open": False})


def test_a_pickled_model_goes_through_mlflow(save_sklearn_model, tmp_path):
    x = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(x, [0, 0, 1, 1])
    folder = save_sklearn_model(
        model,
        tmp_path / "m",
        x,
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
    )

    served = load_model(folder)

    assert served.folder.skops is None
    assert values(served, {"a": 3.0}) == model.predict_proba(x)[3:, 1].tolist()


def test_a_row_without_a_finite_answer_is_refused_and_named(
    save_sklearn_model, tmp_path
):
    """The largest double times two is infinite."""
    x = pd.DataFrame({"a": [0.0, 1.0]})
    folder = save_sklearn_model(
        LinearRegression().fit(x.to_numpy(), [0.0, 2.0]), tmp_path / "m", x
    )

    with pytest.raises(RefusedError) as caught:
        ask(load_model(folder), {"a": 1.0}, {"a": 1.7e308})

    assert [entry["row"] for entry in caught.value.entries] == [1]


def test_a_pipeline_with_an_idle_step_answers_as_scikit_learn_does(
    save_sklearn_model, tmp_path
):
    from sklearn.pipeline import Pipeline

    x = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    model = Pipeline(
        [
            ("idle", "passthrough"),
            ("scale", StandardScaler()),
            ("fit", LinearRegression()),
        ]
    ).fit(x.to_numpy(), [1.0, 3.0, 5.0, 8.0])
    folder = save_sklearn_model(model, tmp_path / "m", x)

    assert values(load_model(folder), {"a": 2.5}) == model.predict([[2.5]]).tolist()


def test_a_model_without_an_example_is_tried_on_a_made_up_row(copied):
    for file in copied.glob("*example.json"):
        file.unlink()

    assert read_model_folder(copied).example == {
        "rain_mm": 30.0,
        "temp_c": 10.0,
        "wind_ms": 20.0,
    }
    assert 0 <= values(load_model(copied), ROW)[0] <= 1


def test_the_example_is_answered_once_while_loading(rain_model, monkeypatch):
    calls = []
    predict = LogisticRegression.predict_proba
    monkeypatch.setattr(
        LogisticRegression,
        "predict_proba",
        lambda self, rows: calls.append(len(rows)) or predict(self, rows),
    )

    load_model(rain_model)

    # The example's two rows together, and once in a number other than its columns'.
    assert calls == [2]


def break_nothing_but(change):
    return lambda folder: edit_conf(folder, change)


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def example_with(value):
    body = {"dataframe_split": {"columns": ["rain_mm"], "data": [[value]]}}
    return write("serving_input_example.json", json.dumps(body))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "MLmodel").unlink(), "no file MLmodel"),
        (write("MLmodel", "a: ]"), "not YAML at line 1"),
        (write("MLmodel", "just words"), "holds no settings"),
        (break_nothing_but(lambda c: c.pop("flavors")), "no flavor python_function"),
        (lambda folder: (folder / "model.skops").unlink(), "model.skops is missing"),
        (write("model.skops", "rubbish"), "cannot be loaded"),
        (
            break_nothing_but(
                lambda c: c["flavors"]["sklearn"].update(skops_trusted_types=5)
            ),
            "skops_trusted_types are '5'",
        ),
        (
            break_nothing_but(
                lambda c: c["metadata"]["companion"].update(ranges=[1, 2])
            ),
            "the ranges are",
        ),
        (write("serving_input_example.json", "{"), "cannot be read"),
        (example_with("much"), "does not fit its signature"),
        (
            break_nothing_but(
                lambda c: c["flavors"]["python_function"].update(predict_fn="guess")
            ),
            "no method 'guess'",
        ),
    ],
)
def test_a_broken_folder_is_refused_with_its_path_and_the_reason(
    copied, damage, message
):
    damage(copied)

    with pytest.raises(ModelError, match=message) as caught:
        load_model(copied)

    assert str(copied) in str(caught.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no model folder .*companion train"):
        load_model(tmp_path / "nowhere")


def test_a_type_that_the_folder_does_not_list_is_not_loaded(
    save_sklearn_model, tmp_path
):
    """copy.copy stands for code that only its author trusts."""
    from sklearn.preprocessing import FunctionTransformer

    x = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
    model = make_pipeline(FunctionTransformer(copy.copy), LinearRegression())
    model.fit(x.to_numpy(), [0.0, 2.0, 4.0])
    folder = save_sklearn_model(
        model, tmp_path / "m", x, skops_trusted_types=["copy.copy"]
    )
    assert values(load_model(folder), {"a": 2.0}) == pytest.approx([4.0])

    edit_conf(
        folder, lambda conf: conf["flavors"]["sklearn"].update(skops_trusted_types=[])
    )
    with pytest.raises(ModelError, match="UntrustedTypes"):
        load_model(folder)


def test_a_folder_of_another_library_version_names_both(copied):
    import sklearn

    (copied / "requirements.txt").write_text("mlflow\nscikit-learn==1.3.0\n")
    (copied / "model.skops").write_text("rubbish")

    with pytest.raises(ModelError, match=r"scikit-learn 1\.3\.0 \(installed") as caught:
        load_model(copied)

    assert sklearn.__version__ in str(caught.value)


def test_name_version_and_example_can_be_given(copied, tmp_path):
    for file in copied.glob("*example.json"):
        file.unlink()
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps({"rows": [ROW, ROW | {"temp_c": 451}]}))

    folder = read_model_folder(copied, name="roof", version="7", example=rows)

    assert (folder.name, folder.version) == ("roof", "7")
    assert folder.example_rows == (ROW,)
    assert any("1 of 2 rows" in warning for warning in folder.warnings)
    assert list(load_model(folder).example) == [ROW]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ROW]),
        json.dumps(ROW),
        json.dumps({"dataframe_records": [ROW]}),
        json.dumps({"columns": list(ROW), "data": [list(ROW.values())]}),
        json.dumps({name: [value] for name, value in ROW.items()}),
    ],
)
def test_an_example_may_be_written_in_any_usual_form(copied, tmp_path, text):
    (tmp_path / "rows.json").write_text(text)

    folder = read_model_folder(copied, example=tmp_path / "rows.json")

    assert folder.example_rows == (ROW,)


def test_a_given_example_that_is_missing_is_an_error(copied, tmp_path):
    with pytest.raises(ModelError, match=r"no file .*rows\.json"):
        read_model_folder(copied, example=tmp_path / "rows.json")


def test_a_model_without_a_signature_is_served_with_a_warning(copied):
    edit_conf(copied, lambda conf: conf.pop("signature"))

    folder = read_model_folder(copied)

    assert any("no signature" in warning for warning in folder.warnings)
