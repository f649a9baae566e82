import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from companion.errors import ModelError
from companion.serving import ServerConfig, create_app
from companion.serving.models import conversion, convert, onnx
from companion.serving.models.conversion import NotFast
from companion.serving.models.folder import read_model_folder
from companion.serving.models.loading import load_model, load_native

RNG = np.random.default_rng(3)
X = pd.DataFrame(
    {
        "rain_mm": np.round(RNG.exponential(4, 300), 1),
        "wet_days": RNG.integers(0, 8, 300),
        "windy": RNG.random(300) < 0.4,
    }
)
Y = X["rain_mm"] * 2 + X["wet_days"] + RNG.normal(0, 1, 300)
WET = (Y.median() < Y).to_numpy()
SKY = np.array(["dry", "showers", "wet"])[np.digitize(Y, [6, 12])]
A = X.to_numpy(float)
ROWS = [
    {"rain_mm": 0.0, "wet_days": 0, "windy": False},
    {"rain_mm": 3.1, "wet_days": 2, "windy": True},
    {"rain_mm": 44.4, "wet_days": 7, "windy": True},
]
SCALED = make_pipeline(StandardScaler(), LogisticRegression())
BY_NAME = make_column_transformer(
    (StandardScaler(), ["rain_mm"]), remainder="passthrough"
)
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
]


def copy(estimator):
    from sklearn.base import clone

    return clone(estimator)


ALIKE = {
    "a number": (LinearRegression().fit(A, Y), "predict"),
    "two numbers": (Ridge().fit(A, np.c_[Y, -Y]), "predict"),
    "probabilities": (copy(SCALED).fit(A, WET.astype(int)), "predict_proba"),
    "three classes": (copy(SCALED).fit(A, SKY), "predict_proba"),
    "a label of text": (copy(SCALED).fit(A, SKY), "predict"),
    "a whole label": (copy(SCALED).fit(A, WET * 2 + 3), "predict"),
    "a label that is true or false": (copy(SCALED).fit(A, WET), "predict"),
    "calibrated": (
        CalibratedClassifierCV(LogisticRegression()).fit(A, WET),
        "predict_proba",
    ),
    "naive Bayes": (GaussianNB().fit(A, SKY), "predict_proba"),
    "a small network": (
        make_pipeline(
            StandardScaler(), MLPClassifier((4,), tol=0.1, max_iter=400, random_state=0)
        ).fit(A, SKY),
        "predict_proba",
    ),
    "a data frame": (copy(SCALED).fit(X, WET.astype(int)), "predict_proba"),
    "columns by name": (make_pipeline(BY_NAME, Ridge()).fit(X, Y), "predict"),
}
OTHERWISE = {
    # Forests are computed in single precision.
    "a forest": (RandomForestRegressor(5, random_state=0).fit(A, Y), "predict", "ONNX"),
    "a kernel": (SVC().fit(A, SKY), "predict", "cannot be compared|differ|label"),
    "an encoder": (
        make_pipeline(
            make_column_transformer((OneHotEncoder(), ["windy"]), remainder="drop"),
            Ridge(),
        ).fit(X, Y),
        "predict",
        "not converted|differ|ONNX",
    ),
}


@pytest.fixture(scope="module")
def folder_of(save_sklearn_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("fast")

    def make(name, estimator, method, **given):
        folder = root / name.replace(" ", "-")
        if not folder.exists():
            # What was trained on an array came from one, as at work.
            options = {"pyfunc_predict_fn": method, "skops_trusted_types": TRUSTED}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                save_sklearn_model(estimator, folder, X[:3], **options, **given)
        return folder

    return make


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Convert in this process, and keep nothing of another test."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(conversion, "_found", {})
    monkeypatch.setattr(
        conversion.platformdirs, "user_cache_path", lambda *_, **__: cache
    )
    conversions = []

    def in_this_process(folder, seconds):
        conversions.append(seconds)
        out = tmp_path / "out.onnx"
        with warnings.catch_warnings():
            convert.main(str(folder.path), str(out))
        return out.read_bytes()

    monkeypatch.setattr(conversion, "_convert", in_this_process)
    return conversions


def raw(model, rows):
    return model.predict(model.check(rows), {})


@pytest.mark.parametrize("name", ALIKE)
def test_onnx_runtime_gives_what_the_model_gives(name, folder_of):
    folder = folder_of(name, *ALIKE[name])

    fast, native = load_model(folder, engine="onnx"), load_model(folder)

    assert fast.engine.name == "onnx"
    assert 0 <= fast.engine.largest_difference <= onnx.MAX_DIFFERENCE
    for rows in (ROWS, ROWS[:1], ROWS * 50):
        got, want = raw(fast, rows), raw(native, rows)
        assert type(got) is type(want)
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        if want.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-9)
        else:
            assert got.tolist() == want.tolist()
        assert fast.answer(fast.check(rows)).rows[0].label == (
            native.answer(native.check(rows)).rows[0].label
        )


def test_a_pickled_model_that_mlflow_loads_is_put_behind_onnx_too(folder_of):
    estimator = copy(SCALED).fit(X, SKY)
    pickled = {"serialization_format": "cloudpickle"}
    folder = folder_of("pickled", estimator, "predict", **pickled)
    assert read_model_folder(folder).skops is None

    fast, native = load_model(folder, engine="onnx"), load_model(folder)

    assert raw(fast, ROWS).tolist() == raw(native, ROWS).tolist()


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_would_answer_otherwise_stays_with_its_library(name, folder_of):
    estimator, method, reason = OTHERWISE[name]
    folder = folder_of(name, estimator, method)

    model = load_model(folder, engine="auto")

    assert model.engine.name == "native"
    import re

    assert re.search(reason, model.engine.reason), model.engine.reason
    assert raw(model, ROWS).tolist() == raw(load_model(folder), ROWS).tolist()
    with pytest.raises(ModelError, match="--engine auto") as caught:
        load_model(folder, engine="onnx")
    assert model.engine.reason in str(caught.value)


def test_a_conversion_of_another_model_is_noticed_and_made_anew(folder_of, own_cache):
    folder = folder_of("a number", *ALIKE["a number"])
    load_model(folder, engine="auto")
    (kept,) = conversion._path("").parent.glob("*.onnx")
    other = Ridge(alpha=1e6).fit(A, Y)
    kept.write_bytes(convert.convert_estimator(other, "predict", list(X)))
    conversion._found.clear()

    model = load_model(folder, engine="auto")

    assert model.engine.name == "onnx"
    assert len(own_cache) == 2
    want = raw(load_model(folder), ROWS)
    np.testing.assert_allclose(raw(model, ROWS), want, rtol=0, atol=1e-9)


@pytest.mark.parametrize("content", [b"", b"\x08\x0anot a model", b"{", b"{}", b"null"])
def test_a_broken_file_in_the_cache_is_replaced(content, folder_of, own_cache):
    folder = folder_of("a number", *ALIKE["a number"])
    load_model(folder, engine="auto")
    (kept,) = conversion._path("").parent.glob("*.onnx")
    kept.write_bytes(content)
    conversion._found.clear()

    assert load_model(folder, engine="auto").engine.name == "onnx"
    assert len(own_cache) == 2
    assert kept.read_bytes() != content


def test_a_second_load_converts_nothing(folder_of, own_cache):
    for name, engine in (("a number", "onnx"), ("a forest", "native")):
        folder = folder_of(name, *{**ALIKE, **OTHERWISE}[name][:2])
        for _ in range(2):
            assert load_model(folder, engine="auto").engine.name == engine
            conversion._found.clear()  # as in another process

    assert len(own_cache) == 2


def test_whoever_asks_for_onnx_by_name_waits_longer(folder_of, own_cache):
    folder = folder_of("a forest", *OTHERWISE["a forest"][:2])
    load_model(folder, engine="auto")
    conversion._found.clear()  # as in another process
    with pytest.raises(ModelError):
        load_model(folder, engine="onnx")

    assert own_cache[0] < own_cache[1]


def test_a_cache_that_cannot_be_written_is_done_without(
    folder_of, own_cache, monkeypatch, tmp_path
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(
        conversion.platformdirs, "user_cache_path", lambda *_, **__: blocked
    )
    folder = folder_of("a number", *ALIKE["a number"])

    assert load_model(folder, engine="auto").engine.name == "onnx"
    assert load_model(folder, engine="auto").engine.name == "onnx"
    assert len(own_cache) == 1  # kept in memory, also for forked workers


def test_old_conversions_are_deleted(folder_of):
    import os

    folder = folder_of("a number", *ALIKE["a number"])
    cache = conversion._path("").parent
    cache.mkdir(parents=True)
    for name, days in (("old.onnx", 200), ("new.onnx", 1)):
        (cache / name).write_bytes(b"x")
        then = (cache / name).stat().st_mtime - days * 86400
        os.utime(cache / name, (then, then))

    load_model(folder, engine="auto")

    names = {path.name for path in cache.iterdir()}
    assert "old.onnx" not in names
    assert "new.onnx" in names


def test_without_the_extra_auto_says_so_and_onnx_names_the_command(
    folder_of, monkeypatch
):
    from companion.errors import MissingExtraError
    from companion.system import extras

    real = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util,
        "find_spec",
        lambda name: None if name == "onnxruntime" else real(name),
    )
    folder = folder_of("a number", *ALIKE["a number"])

    model = load_model(folder, engine="auto")

    assert model.engine.name == "native"
    assert "mlops-companion[fast]" in model.engine.reason
    with pytest.raises(MissingExtraError, match=r"pip install .*\[fast\]"):
        load_model(folder, engine="onnx")


def test_a_failure_of_onnx_runtime_is_answered_by_the_library(folder_of, monkeypatch):
    folder = folder_of("a number", *ALIKE["a number"])
    real, broken = onnx.prove_fast, []

    def prove_fast(*given):
        fast = real(*given)

        def predict(*given):
            broken.append(given)
            raise RuntimeError("out of memory")

        return fast._replace(predict=predict)

    monkeypatch.setattr(onnx, "prove_fast", prove_fast)
    model = load_model(folder, engine="auto")

    assert raw(model, ROWS).tolist() == raw(load_model(folder), ROWS).tolist()
    assert broken


def test_the_labels_of_a_classifier_are_proven_by_its_scores(folder_of):
    # Two logistic models that choose the same labels, with other probabilities.
    estimator = copy(SCALED).fit(A, WET.astype(int))
    folder = folder_of("labels", estimator, "predict")
    other = copy(SCALED).fit(A, WET.astype(int))
    other[-1].coef_ = other[-1].coef_ * 1.001
    other[-1].intercept_ = other[-1].intercept_ * 1.001
    native = load_native(read_model_folder(folder))
    content = convert.convert_estimator(other, "predict", list(X))

    with pytest.raises(NotFast, match="differ"):
        onnx.prove_fast(load_model(folder), native.ask, content)


def test_version_says_what_answers_and_why(folder_of, tmp_path):
    def version(name, engine, number):
        folder = folder_of(name, *{**ALIKE, **OTHERWISE}[name][:2])
        store = f"sqlite:///{tmp_path / f'{number}.db'}"
        config = ServerConfig(model=folder, store=store, engine=engine)
        return create_app(config).test_client().get("/version").json["engine"]

    fast = version("a number", "auto", 1)
    forest = version("a forest", "auto", 2)

    assert fast["name"] == "onnx"
    assert fast["largest_difference"] <= 1e-9
    assert forest["name"] == "native"
    assert forest["reason"]
    assert version("a number", "native", 3) == {"name": "native"}
