"""What `save_model_folder` saves, `companion serve` serves; the rest it refuses."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from companion.errors import ModelError, SettingError
from companion.serving.models.loading import load_model
from companion.tracking import save_model_folder, training_metadata

FLATS = pd.DataFrame(
    {
        "area": np.arange(30.0) + 30,
        "rooms": np.arange(30) % 5,
        "city": list("ABC") * 10,
        "new": [True, False] * 15,
        "sold": pd.date_range("2024-01-01", periods=30),
    }
)
PRICE = FLATS["area"] * 5000 + FLATS["rooms"] * 1000
DEAR = PRICE.median() < PRICE
NUMBERS = FLATS[["area", "rooms"]]
GAPS = NUMBERS.assign(
    age=np.where(np.arange(30) % 3, 10.0, np.nan),
    floor=pd.array([None, 1, 2] * 10, dtype="Int64"),
)
TEXT = pd.DataFrame({"text": ["good product", "bad product"] * 15})
TREES = ["sklearn.tree._tree.Tree"]
BINNED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
LINEAR = LinearRegression().fit(NUMBERS, PRICE)
ENCODED = make_pipeline(
    make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
    Ridge(),
).fit(FLATS[["area", "city", "new"]], PRICE)
DATED = make_pipeline(
    make_column_transformer(("passthrough", ["area"]), remainder="drop"), Ridge()
).fit(FLATS[["area", "sold"]], PRICE)


def save(model, features, folder, **options):
    return save_model_folder(
        model, folder, name="flats", version="1", features=features, **options
    )


def xgboost_classifier():
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBClassifier(n_estimators=2).fit(NUMBERS, DEAR)


def lightgbm_classifier():
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1)
    return model.fit(NUMBERS, FLATS["city"])


@pytest.mark.parametrize(
    ("model", "features", "trusted", "kinds"),
    [
        pytest.param(LINEAR, NUMBERS, (), "double long", id="numbers"),
        pytest.param(
            ENCODED,
            FLATS[["area", "city", "new"]],
            (),
            "double string boolean",
            id="text",
        ),
        pytest.param(DATED, FLATS[["area", "sold"]], (), "double datetime", id="times"),
        pytest.param(
            HistGradientBoostingRegressor(max_iter=2).fit(GAPS, PRICE),
            GAPS,
            BINNED,
            "double long double? long?",
            id="missing",
        ),
        pytest.param(
            RandomForestClassifier(3).fit(NUMBERS, FLATS["city"]),
            NUMBERS,
            TREES,
            "double long",
            id="forest",
        ),
        pytest.param(
            MultiOutputClassifier(LogisticRegression()).fit(
                NUMBERS, np.column_stack([DEAR, ~DEAR])
            ),
            NUMBERS,
            (),
            "double long",
            id="two labels",
        ),
        pytest.param(
            make_pipeline(
                make_column_transformer((TfidfVectorizer(), "text")),
                LogisticRegression(),
            ).fit(TEXT, [1, 0] * 15),
            TEXT,
            (),
            "string",
            id="texts",
        ),
        pytest.param(
            LinearRegression().fit(NUMBERS.to_numpy(), PRICE),
            pd.DataFrame(NUMBERS.to_numpy()),
            (),
            "double double",
            id="whole numbers as names",
        ),
        pytest.param(
            LinearRegression().fit(NUMBERS.astype("float32"), PRICE),
            NUMBERS.astype({"area": "float32", "rooms": "int8"}),
            (),
            "float integer",
            id="small types",
        ),
        pytest.param(LINEAR, NUMBERS[:1], (), "double long", id="one row"),
        pytest.param(
            xgboost_classifier,
            NUMBERS,
            ("xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"),
            "double long",
            id="XGBoost",
        ),
        pytest.param(
            lightgbm_classifier,
            NUMBERS,
            (
                "collections.OrderedDict",
                "lightgbm.basic.Booster",
                "lightgbm.sklearn.LGBMClassifier",
            ),
            "double long",
            id="LightGBM",
        ),
    ],
)
def test_what_is_saved_is_served(tmp_path, model, features, trusted, kinds):
    model = model if hasattr(model, "predict") else model()

    folder = save(model, features, tmp_path / "model", trusted_types=trusted)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        served = load_model(folder)
        (first, *_) = served.answer(served.folder.contract.check(served.example)).rows
    columns = served.folder.contract.columns
    assert [c.kind + "?" * (not c.required) for c in columns] == kinds.split()
    assert (served.folder.name, served.folder.version) == ("flats", "1")
    assert served.folder.warnings == ()
    assert len(served.example) == min(2, len(features))
    numbers = {c.name for c in columns if c.is_number and c.kind != "boolean"}
    assert {c.name for c in columns if c.allowed} == numbers
    assert served.folder.profile.keys() >= numbers
    asked = features.to_numpy() if hasattr(features.columns, "start") else features
    expected = model.predict(asked.dropna() if hasattr(asked, "dropna") else asked)[0]
    found = first.outputs or (first.label if first.label is not None else first.value)
    if isinstance(expected, float | np.floating):
        assert found == pytest.approx(expected)
    else:
        assert np.array_equal(found, expected)


def test_the_library_of_the_model_is_required(tmp_path):
    types = ["xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"]

    folder = save(xgboost_classifier(), NUMBERS, tmp_path / "m", trusted_types=types)

    assert "xgboost" in (folder / "requirements.txt").read_text()


def test_types_that_are_not_trusted_are_named_as_they_must_be_given(tmp_path):
    model = RandomForestClassifier(3).fit(NUMBERS, FLATS["city"])

    with pytest.raises(
        ModelError, match=r"trusted_types=\['sklearn.tree._tree.Tree'\]"
    ):
        save(model, NUMBERS, tmp_path / "model")

    assert list(tmp_path.iterdir()) == []


class Unsure(BaseEstimator):
    """Answers NaN."""

    def fit(self):
        return self

    def predict(self, rows):
        return np.full(len(rows), np.nan)


UNSURE = [f"{Unsure.__module__}.Unsure"]


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (LinearRegression(), {}, ModelError, "not fitted; call its fit"),
        (LinearRegression, {}, ModelError, "expected is a fitted estimator"),
        (None, {}, ModelError, "expected is a fitted estimator"),
        ("model.pkl", {}, ModelError, "expected is a fitted estimator"),
        (LINEAR, {"predict_fn": "predict_proba"}, SettingError, "it has predict. Give"),
        (LINEAR, {"predict_fn": "score"}, SettingError, "no method 'score'"),
        (LINEAR, {"predict_fn": "coef_"}, SettingError, "no method 'coef_'"),
        (
            make_pipeline(FunctionTransformer(lambda rows: rows), Ridge()).fit(
                NUMBERS, PRICE
            ),
            {},
            ModelError,
            r"defined in this program|tests.*lambda",
        ),
        (ENCODED, {}, ModelError, "Give the columns that it was trained on"),
        (Unsure(), {"trusted_types": UNSURE}, ModelError, "is not a finite number"),
        (
            LINEAR,
            {"ranges": {"area": (0, 10), "rooms": (0, 9)}},
            ModelError,
            '"area" is outside the range',
        ),
        (
            LINEAR,
            {"ranges": {"area": "wide", "rooms": (0, 9)}},
            SettingError,
            "no.* range",
        ),
        (LINEAR, {"name": " "}, SettingError, "name is empty"),
    ],
)
def test_a_model_that_serve_would_refuse_is_not_saved(
    tmp_path, model, options, error, message
):
    given = {"name": "flats", "version": "1", "features": NUMBERS} | options

    with pytest.raises(error, match=message):
        save_model_folder(model, tmp_path / "model", **given)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (NUMBERS.to_numpy(), "expected is a pandas DataFrame"),
        (NUMBERS["area"], "expected is a pandas DataFrame"),
        (None, "expected is a pandas DataFrame"),
        (NUMBERS[:0], "0 rows and 2 columns"),
        (pd.DataFrame(index=range(3)), "3 rows and 0 columns"),
        (pd.concat([NUMBERS, NUMBERS], axis=1), "several columns called 'area'"),
        (NUMBERS.set_axis(["a", 1.5], axis=1), "is called 1.5"),
        (NUMBERS.set_axis([1, "1"], axis=1), "several columns called '1'"),
        (FLATS.astype({"city": "category"}), "'city' is of pandas' type category"),
        (NUMBERS.assign(x=[1, "a"] * 15), "'x' is of type object"),
        (NUMBERS.astype(object), "'area' is of type object"),
        (NUMBERS.assign(x=[b"a"] * 30), "'x' is of type object"),
        (NUMBERS.assign(x=[[1]] * 30), "'x' is of type object"),
        (NUMBERS.assign(x=[None] * 30), "'x' is of type object"),
        (NUMBERS.assign(x=1j), "'x' is of type complex128"),
        (NUMBERS.astype("uint64"), "'area' is of type uint64"),
        (
            NUMBERS.assign(x=FLATS["sold"] - FLATS["sold"][0]),
            "'x' is of type timedelta",
        ),
        (NUMBERS.assign(x=FLATS["sold"].dt.tz_localize("UTC")), "times with an offset"),
        (NUMBERS.assign(area=np.inf), "'area' has no finite range"),
    ],
)
def test_features_that_no_row_could_carry_are_refused(tmp_path, features, message):
    with pytest.raises(SettingError, match=message):
        save(LINEAR, features, tmp_path / "model")

    assert list(tmp_path.iterdir()) == []


def test_a_vectorizer_that_reads_the_names_of_columns_is_refused(tmp_path):
    """MLflow's own server gives one answer to all rows."""
    texts = TEXT.assign(more=TEXT["text"])
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model.fit(TEXT["text"], [1, 0] * 15)

    for features in (TEXT, texts):
        with pytest.raises(ModelError, match="belongs behind make_column_transformer"):
            save(model, features, tmp_path / "model")


def test_what_is_no_text_for_a_log_is_refused(tmp_path):
    features = FLATS[["area", "city", "new"]].assign(city="A\0")
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        Ridge(),
    ).fit(features, PRICE)

    with pytest.raises(ModelError, match="NUL"):
        save(model, features, tmp_path / "model")


def test_metadata_for_mlflows_own_functions_is_that_of_a_saved_folder(tmp_path):
    import mlflow

    folder = tmp_path / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            LINEAR,
            folder,
            signature=mlflow.models.infer_signature(NUMBERS, PRICE),
            input_example=NUMBERS[:2],
            pip_requirements=[],
            metadata=training_metadata(NUMBERS),
        )

    served = load_model(folder).folder

    assert (served.name, served.contract.columns[0].allowed.highest) == ("model", 73.5)
    assert served.profile["rooms"]["edges"] == [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]
