# ruff: noqa: ARG002 - MLflow asks for context and params
"""Kinds of models that people save with MLflow, each with requests for it.

`KINDS` is the one list: tests/serving/models/test_matrix.py asks MLflow's scoring
server and ours the same, `nox -s bench` prints the table, and the page "Bring your own
model" is compared with it.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of model.

    Attributes
    ----------
    name : str
        What it is called in the table.
    save : callable
        Writes a model of this kind into a folder that does not exist yet.
    bodies : sequence
        JSON bodies of /invocations; MLflow and we answer them alike, if it is served.
    better : sequence of (body, predictions)
        Bodies that MLflow refuses or answers wrongly, and our answer.
    refused : str
        Part of the reason why it is not served; empty where it is.
    """

    name: str
    save: Callable[[Path], None]
    bodies: Sequence[Any]
    better: Sequence[tuple[Any, Any]] = ()
    refused: str = ""


RNG = np.random.default_rng(9)
FLATS = pd.DataFrame(
    {
        "area": np.round(RNG.uniform(30, 150, 60), 1),
        "rooms": RNG.integers(1, 6, 60),
        "city": np.array(["A", "B", "C"])[RNG.integers(0, 3, 60)],
        "new": RNG.integers(0, 2, 60).astype(bool),
        "sold": pd.date_range("2024-01-01", periods=60, freq="31h"),
    }
)
PRICE = FLATS["area"] * 5000 + FLATS["rooms"] * 1000 + RNG.normal(0, 900, 60)
NUMBERS = FLATS[["area", "rooms"]]
DEAR = PRICE.median() < PRICE
TEXTS = ["good product", "bad product", "very good", "very bad"] * 5
GOOD = [1, 0, 1, 0] * 5

ROWS = [{"area": 60.5, "rooms": 2}, {"area": 100.0, "rooms": 4}]
SPLIT = {"columns": ["rooms", "area"], "data": [[2, 60.5], [4, 100.0]]}
FRAME = (
    {"dataframe_records": ROWS},
    {"dataframe_records": ROWS[:1]},
    {"dataframe_split": SPLIT},
    {"inputs": {"area": [60.5, 100.0], "rooms": [2, 4]}},
)
ARRAY = ({"inputs": [[60.5, 2.0], [100.0, 4.0]]}, {"instances": [[60.5, 2.0]]})
FOREST = ["sklearn.tree._tree.Tree"]


def save_sklearn(
    model: Any, example: Any, *, method: str = "predict", **options: Any
) -> Callable[[Path], None]:
    """Save a fitted scikit-learn model as its users do."""

    def save(folder: Path) -> None:
        given = {"serialization_format": "skops", "input_example": example[:2]}
        if "signature" not in options:
            given["signature"] = infer_signature(
                example, getattr(model, method)(example)
            )
        mlflow.sklearn.save_model(
            model,
            folder,
            pip_requirements=[],
            **{"pyfunc_predict_fn": method, **given, **options},
        )

    return save


def save_python(
    model: Any, example: Any = None, output: Any = None, **options: Any
) -> Callable[[Path], None]:
    """Save a Python model."""

    def save(folder: Path) -> None:
        if output is not None:
            params = options.pop("params", None)
            options["signature"] = infer_signature(example, output, params=params)
        mlflow.pyfunc.save_model(
            folder,
            python_model=model,
            input_example=example,
            pip_requirements=[],
            **options,
        )

    return save


class Area(mlflow.pyfunc.PythonModel):
    """Plain Python: a list of numbers."""

    def predict(self, context, model_input, params=None):
        per_m2 = (params or {}).get("per_m2", 5000.0)
        return [float(area) * per_m2 for area in model_input["area"]]


class Objects(mlflow.pyfunc.PythonModel):
    """An object for each row."""

    def predict(self, context, model_input, params=None):
        return [
            {"price": area * 5000, "tags": ["big"] if area > 80 else []}
            for area in model_input["area"]
        ]


class Table(mlflow.pyfunc.PythonModel):
    """A data frame of several columns, such as quantiles."""

    def predict(self, context, model_input, params=None):
        price = model_input["area"] * 5000
        return pd.DataFrame({"q05": price * 0.8, "q50": price, "q95": price * 1.2})


class Columns(mlflow.pyfunc.PythonModel):
    """An array by column."""

    def predict(self, context, model_input, params=None):
        area = model_input["area"].to_numpy()
        return {"low": area * 4000, "high": area * 6000}


class Words(mlflow.pyfunc.PythonModel):
    """A text for each row."""

    def predict(self, context, model_input, params=None):
        return [f"A flat of {area} m2. " * 12 for area in model_input["area"]]


class Sum(mlflow.pyfunc.PythonModel):
    """One number for all rows: not served."""

    def predict(self, context, model_input, params=None):
        return np.array([model_input["area"].sum()])


class Hour(mlflow.pyfunc.PythonModel):
    """Takes times."""

    def predict(self, context, model_input, params=None):
        return model_input["sold"].dt.hour.tolist()


class Optional(mlflow.pyfunc.PythonModel):
    """Takes columns that may be missing."""

    def predict(self, context, model_input, params=None):
        extra = np.zeros(len(model_input))
        if "rooms" in model_input:
            extra = model_input["rooms"].fillna(0).astype(float)
        return (model_input["area"] * 5000 + extra).tolist()


class Nested(mlflow.pyfunc.PythonModel):
    """Takes lists and objects."""

    def predict(self, context, model_input, params=None):
        pairs = zip(model_input["tags"], model_input["owner"], strict=True)
        return [len(tags) + owner["age"] for tags, owner in pairs]


class Counts(mlflow.pyfunc.PythonModel):
    """Takes a list."""

    def predict(self, context, model_input, params=None):
        return [len(words) for words in model_input["words"]]


class Bytes(mlflow.pyfunc.PythonModel):
    """Takes bytes."""

    def predict(self, context, model_input, params=None):
        return [len(content) for content in model_input["picture"]]


class Tensors(mlflow.pyfunc.PythonModel):
    """Takes an array for each name."""

    def predict(self, context, model_input, params=None):
        return model_input["a"].sum(axis=(1, 2)) + model_input["b"]


class Hinted(mlflow.pyfunc.PythonModel):
    """Says by type hints what it takes."""

    def predict(self, model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]


class Chat(mlflow.pyfunc.ChatModel):
    """A chat model."""

    def predict(self, context, messages, params):
        from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage

        text = f"{len(messages)} messages at {params.temperature}"
        message = ChatMessage(role="assistant", content=text)
        return ChatCompletionResponse(
            choices=[ChatChoice(index=0, message=message)],
            model="tiny",
            created=1,
        )


def save_xgboost(make: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Save an XGBoost model; `make` gets the module."""

    def save(folder: Path) -> None:
        import xgboost

        model = make(xgboost)
        given = NUMBERS if hasattr(model, "fit") else xgboost.DMatrix(NUMBERS)
        mlflow.xgboost.save_model(
            model,
            folder,
            signature=infer_signature(NUMBERS, model.predict(given)),
            input_example=NUMBERS[:2],
            pip_requirements=[],
        )

    return save


def save_lightgbm(make: Callable[[Any], Any], data: Any = NUMBERS) -> Callable:
    """Save a LightGBM model; `make` gets the module."""

    def save(folder: Path) -> None:
        import lightgbm

        model = make(lightgbm)
        mlflow.lightgbm.save_model(
            model,
            folder,
            signature=infer_signature(data, model.predict(data)),
            input_example=data[:2],
            pip_requirements=[],
        )

    return save


def save_statsmodels(folder: Path) -> None:
    """Save a regression with a formula."""
    import statsmodels.formula.api as smf

    model = smf.ols("price ~ area + rooms", NUMBERS.assign(price=PRICE)).fit()
    mlflow.statsmodels.save_model(
        model,
        folder,
        signature=infer_signature(NUMBERS, model.predict(NUMBERS)),
        input_example=NUMBERS[:2],
        pip_requirements=[],
    )


def save_from_code(folder: Path) -> None:
    """Save a Python model as its source file."""
    source = folder.parent / f"{folder.name}_model.py"
    source.write_text(
        "import mlflow\n"
        "class Half(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return model_input['area'] / 2\n"
        "mlflow.models.set_model(Half())\n"
    )
    save_python(str(source), NUMBERS[:2], [1.0])(folder)


def save_torch(folder: Path) -> None:
    """Write a folder of a library that is not installed here."""
    save_python(Area(), NUMBERS[:2], [1.0])(folder)
    conf = (folder / "MLmodel").read_text()
    conf = conf.replace(
        "loader_module: mlflow.pyfunc.model", "loader_module: mlflow.pytorch"
    )
    (folder / "MLmodel").write_text(conf)


def _fitted(model: Any, data: Any, target: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(data, target)


LINEAR = _fitted(LinearRegression(), NUMBERS.to_numpy(), PRICE)
NAMED = _fitted(make_pipeline(StandardScaler(), LogisticRegression()), NUMBERS, DEAR)
BINARY = _fitted(
    make_pipeline(StandardScaler(), LogisticRegression()),
    NUMBERS.to_numpy(),
    DEAR.astype(int),
)
CITY = _fitted(LogisticRegression(max_iter=500), NUMBERS, FLATS["city"])
ROOMS = _fitted(LogisticRegression(max_iter=500), NUMBERS[["area"]], FLATS["rooms"])
TREES = _fitted(RandomForestClassifier(5, random_state=0), NUMBERS, FLATS["city"])
TWO = _fitted(LinearRegression(), NUMBERS, np.column_stack([PRICE, FLATS["rooms"]]))
MANY_LABELS = _fitted(
    MultiOutputClassifier(LogisticRegression()),
    NUMBERS,
    np.column_stack([DEAR, FLATS["new"]]).astype(int),
)
SEARCH = _fitted(GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2), NUMBERS, PRICE)
CLUSTERS = _fitted(KMeans(3, n_init=1, random_state=0), NUMBERS, None)
UNUSUAL = _fitted(IsolationForest(n_estimators=5, random_state=0), NUMBERS, None)
GAPS = NUMBERS.assign(age=np.where(np.arange(60) % 3, RNG.uniform(1, 90, 60), np.nan))
BOOSTED = _fitted(
    HistGradientBoostingRegressor(max_iter=10), GAPS, PRICE + GAPS["rooms"]
)
GAPPY_ARRAY = _fitted(
    HistGradientBoostingRegressor(max_iter=10), GAPS.to_numpy(), PRICE
)
ENCODED = _fitted(
    make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        Ridge(),
    ),
    FLATS[["area", "city", "new"]],
    PRICE,
)
COUNTED = pd.DataFrame(NUMBERS.to_numpy())
COUNTED_LINEAR = _fitted(LinearRegression(), COUNTED, PRICE)
TEXT_FRAME = pd.DataFrame({"text": TEXTS})
TEXT_COLUMN = _fitted(
    make_pipeline(
        make_column_transformer((TfidfVectorizer(), "text")), LogisticRegression()
    ),
    TEXT_FRAME,
    GOOD,
)
TEXT_ARRAY = np.array(TEXTS, dtype=object)
BARE_TEXT = _fitted(make_pipeline(TfidfVectorizer(), LogisticRegression()), TEXTS, GOOD)
CATEGORIES = FLATS[["area", "city"]].astype({"city": "category"})
TREE_TYPES = {"skops_trusted_types": FOREST}
PICKLE = {"serialization_format": "cloudpickle"}

KINDS: Sequence[Kind] = (
    Kind(
        name="linear regression",
        save=save_sklearn(LINEAR, NUMBERS),
        bodies=[*FRAME, {"dataframe_records": [{"area": 60.5, "rooms": 2.0}]}],
    ),
    Kind(
        name="linear regression on an array",
        save=save_sklearn(LINEAR, NUMBERS.to_numpy()),
        bodies=ARRAY,
    ),
    Kind(
        name="whole numbers as column names",
        save=save_sklearn(COUNTED_LINEAR, COUNTED),
        bodies=[{"dataframe_split": {"data": [[60.5, 2.0]]}}],
        better=[({"dataframe_records": [{"0": 60.5, "1": 2.0}]}, None)],
    ),
    Kind(
        name="binary classifier, probabilities",
        save=save_sklearn(BINARY, NUMBERS, method="predict_proba"),
        bodies=FRAME,
    ),
    Kind(
        name="binary classifier, true and false",
        save=save_sklearn(NAMED, NUMBERS),
        bodies=FRAME,
    ),
    Kind(
        name="three classes, probabilities",
        save=save_sklearn(CITY, NUMBERS, method="predict_proba"),
        bodies=FRAME,
    ),
    Kind(
        name="three classes, text labels",
        save=save_sklearn(CITY, NUMBERS),
        bodies=FRAME,
    ),
    Kind(
        name="classes that are whole numbers",
        save=save_sklearn(ROOMS, NUMBERS[["area"]]),
        bodies=[{"dataframe_records": [{"area": 60.5}]}, {"inputs": [60.5, 70.0]}],
    ),
    Kind(
        name="logarithms of probabilities",
        save=save_sklearn(CITY, NUMBERS, method="predict_log_proba"),
        bodies=FRAME,
    ),
    Kind(
        name="random forest (skops)",
        save=save_sklearn(TREES, NUMBERS, method="predict_proba", **TREE_TYPES),
        bodies=FRAME,
    ),
    Kind(
        name="random forest (pickle)",
        save=save_sklearn(TREES, NUMBERS, method="predict_proba", **PICKLE),
        bodies=FRAME,
    ),
    Kind(
        name="grid search",
        save=save_sklearn(SEARCH, NUMBERS, **PICKLE),
        bodies=FRAME,
    ),
    Kind(
        name="two targets",
        save=save_sklearn(TWO, NUMBERS),
        bodies=FRAME,
    ),
    Kind(
        name="two labels",
        save=save_sklearn(MANY_LABELS, NUMBERS),
        bodies=FRAME,
    ),
    Kind(
        name="linear regression on a sparse matrix",
        save=save_sklearn(LINEAR, csr_matrix(NUMBERS.to_numpy())),
        bodies=ARRAY[:1],
    ),
    Kind(
        name="clusters",
        save=save_sklearn(CLUSTERS, NUMBERS),
        bodies=FRAME,
    ),
    Kind(
        name="outliers",
        save=save_sklearn(UNUSUAL, NUMBERS, **PICKLE),
        bodies=FRAME,
    ),
    Kind(
        name="missing numbers",
        save=save_sklearn(BOOSTED, GAPS, **PICKLE),
        bodies=[
            {"dataframe_records": [ROWS[0] | {"age": 7.5}, ROWS[1] | {"age": None}]}
        ],
        better=[({"dataframe_records": [ROWS[0]]}, None)],
    ),
    Kind(
        name="missing numbers in an array",
        save=save_sklearn(GAPPY_ARRAY, GAPS.to_numpy(), **PICKLE),
        bodies=[{"inputs": [[60.5, 2.0, None], [100.0, 4.0, 7.5]]}],
    ),
    Kind(
        name="text and boolean columns",
        save=save_sklearn(ENCODED, FLATS[["area", "city", "new"]]),
        bodies=[{"dataframe_records": [{"area": 60.5, "city": "B", "new": True}]}],
    ),
    Kind(
        name="no example",
        save=save_sklearn(ENCODED, FLATS[["area", "city", "new"]], input_example=None),
        bodies=[{"dataframe_records": [{"area": 60.5, "city": "B", "new": True}]}],
    ),
    Kind(
        name="no signature, an example",
        save=save_sklearn(LINEAR, NUMBERS.to_numpy(), signature=False),
        bodies=ARRAY,
    ),
    Kind(
        name="no signature, no example",
        save=save_sklearn(NAMED, NUMBERS, signature=False, input_example=None),
        bodies=FRAME[:2],
    ),
    Kind(
        name="text column behind a column transformer",
        save=save_sklearn(TEXT_COLUMN, TEXT_FRAME, method="predict_proba"),
        bodies=[{"dataframe_records": [{"text": "good"}, {"text": "very bad"}]}],
    ),
    Kind(
        name="bare texts",
        save=save_sklearn(BARE_TEXT, TEXT_ARRAY, method="predict_proba"),
        bodies=[{"inputs": ["good", "very bad", "so so"]}],
    ),
    Kind(
        name="vectorizer on a data frame",
        save=save_sklearn(
            BARE_TEXT,
            TEXT_FRAME,
            method="predict_proba",
            signature=infer_signature(TEXT_FRAME, np.array([1])),
        ),
        bodies=[{"dataframe_records": [{"text": "good"}, {"text": "very bad"}]}],
        refused="reads the names of a data frame's columns",
    ),
    Kind(
        name="categories of pandas",
        save=save_lightgbm(
            lambda lgb: lgb.LGBMRegressor(n_estimators=3, verbose=-1).fit(
                CATEGORIES, PRICE
            ),
            CATEGORIES,
        ),
        bodies=[{"dataframe_records": [{"area": 60.5, "city": "B"}]}],
        refused="no type for categories",
    ),
    Kind(
        name="XGBoost regressor",
        save=save_xgboost(
            lambda xgb: xgb.XGBRegressor(n_estimators=5).fit(NUMBERS, PRICE)
        ),
        bodies=FRAME,
    ),
    Kind(
        name="XGBoost classifier",
        save=save_xgboost(
            lambda xgb: xgb.XGBClassifier(n_estimators=5).fit(NUMBERS, DEAR.astype(int))
        ),
        bodies=FRAME,
    ),
    Kind(
        name="XGBoost booster",
        save=save_xgboost(
            lambda xgb: xgb.train({}, xgb.DMatrix(NUMBERS, PRICE), num_boost_round=5)
        ),
        bodies=FRAME,
    ),
    Kind(
        name="LightGBM regressor",
        save=save_lightgbm(
            lambda lgb: lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(
                NUMBERS, PRICE
            )
        ),
        bodies=FRAME,
    ),
    Kind(
        name="LightGBM classifier",
        save=save_lightgbm(
            lambda lgb: lgb.LGBMClassifier(n_estimators=5, verbose=-1).fit(
                NUMBERS, FLATS["city"]
            )
        ),
        bodies=FRAME,
    ),
    Kind(
        name="LightGBM booster",
        save=save_lightgbm(
            lambda lgb: lgb.train(
                {"verbose": -1}, lgb.Dataset(NUMBERS, PRICE), num_boost_round=5
            )
        ),
        bodies=FRAME,
    ),
    Kind(
        name="statsmodels",
        save=save_statsmodels,
        bodies=FRAME,
    ),
    Kind(
        name="Python model, numbers",
        save=save_python(Area(), NUMBERS[:2], [1.0]),
        bodies=FRAME,
    ),
    Kind(
        name="Python model from code",
        save=save_from_code,
        bodies=FRAME,
    ),
    Kind(
        name="Python model with parameters",
        save=save_python(Area(), NUMBERS[:2], [1.0], params={"per_m2": 5000.0}),
        bodies=[*FRAME, FRAME[0] | {"params": {"per_m2": 7000.0}}],
    ),
    Kind(
        name="Python model, objects",
        save=save_python(Objects(), NUMBERS[:2], [{"price": 1.0, "tags": ["big"]}]),
        bodies=FRAME,
    ),
    Kind(
        name="Python model, quantiles in a table",
        save=save_python(Table(), NUMBERS[:2], pd.DataFrame({"q05": [1.0]})),
        bodies=FRAME,
    ),
    Kind(
        name="Python model, an array by column",
        save=save_python(Columns(), NUMBERS[:2], {"low": np.ones(2)}),
        bodies=FRAME,
    ),
    Kind(
        name="Python model, texts",
        save=save_python(Words(), NUMBERS[:2], ["text"]),
        bodies=FRAME,
    ),
    Kind(
        name="Python model, one answer to all rows",
        save=save_python(Sum(), NUMBERS[:2], np.array([1.0])),
        bodies=FRAME,
        refused="answered 3 rows with 1 value",
    ),
    Kind(
        name="Python model with type hints",
        save=save_python(Hinted(), ["a", "b"]),
        bodies=[{"inputs": ["good", "bad"]}],
    ),
    Kind(
        name="times",
        save=save_python(Hour(), FLATS[["sold"]][:2], [1]),
        bodies=[{"dataframe_records": [{"sold": "2024-01-02T07:00:00"}]}],
        better=[
            ({"dataframe_records": [{"sold": "2024-01-02T07:00:00Z"}]}, [7]),
            ({"dataframe_records": [{"sold": "2024-01-02T07:00:00+02:00"}]}, [5]),
        ],
    ),
    Kind(
        name="optional columns",
        save=save_python(
            Optional(),
            signature=ModelSignature(
                Schema(
                    [
                        ColSpec("double", "area"),
                        ColSpec("long", "rooms", required=False),
                        ColSpec("boolean", "new", required=False),
                    ]
                ),
                Schema([ColSpec("double")]),
            ),
        ),
        bodies=[
            {"dataframe_records": [{"area": 60.5, "rooms": 2, "new": True}]},
            {"dataframe_records": [{"area": 60.5}]},
        ],
        better=[
            ({"dataframe_records": [{"area": 1.0, "rooms": None}]}, [5000.0]),
            (
                {"dataframe_records": [{"area": 1.0, "rooms": 2}, {"area": 1.0}]},
                [5002.0, 5000.0],
            ),
        ],
    ),
    Kind(
        name="lists and objects as inputs",
        save=save_python(
            Nested(),
            [{"tags": ["a"], "owner": {"name": "x", "age": 3}}] * 2,
            [1.0],
        ),
        bodies=[
            {
                "dataframe_records": [
                    {"tags": ["a", "b"], "owner": {"name": "y", "age": 4}}
                ]
            }
        ],
    ),
    Kind(
        name="one list as input",
        save=save_python(Counts(), {"words": ["a", "b"]}, [1.0]),
        bodies=[
            {"inputs": {"words": ["a", "b", "c"]}},
            {"dataframe_records": [{"words": ["a"]}, {"words": []}]},
        ],
    ),
    Kind(
        name="bytes",
        save=save_python(Bytes(), pd.DataFrame({"picture": [b"abc", b"d"]}), [1]),
        bodies=[{"dataframe_records": [{"picture": "YWJjZA=="}]}],
    ),
    Kind(
        name="tensors by name",
        save=save_python(
            Tensors(),
            {"a": np.ones((3, 2, 2)), "b": np.ones(3)},
            np.ones(3),
        ),
        bodies=[
            {"inputs": {"a": [[[1.0, 2.0], [3.0, 4.0]]], "b": [5.0]}},
            {"instances": [{"a": [[1.0, 2.0], [3.0, 4.0]], "b": 5.0}]},
        ],
    ),
    Kind(
        name="chat model",
        save=save_python(Chat()),
        bodies=[
            {"messages": [{"role": "user", "content": "Hi"}]},
            {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0.2},
        ],
    ),
    Kind(
        name="a library that is not installed",
        save=save_torch,
        bodies=FRAME,
        refused="torch",
    ),
)
