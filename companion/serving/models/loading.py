"""Loading a model, and trying it on its own example.

A scikit-learn model saved as skops is loaded without MLflow, and gets NumPy
arrays where it was trained on them: one row then takes a fraction of the time
that MLflow's own path takes. Every other model goes through `mlflow.pyfunc`.
`companion.serving.models.folder` says what a folder must hold.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import MissingExtraError, ModelError
from companion.serving.models.engine import Model, Rows, make_model
from companion.serving.models.folder import ModelFolder, SkopsFile, read_model_folder
from companion.serving.models.frames import array_type, make_frame
from companion.system.extras import require_libraries

__all__ = ["load_model"]


def load_model(path: str | Path) -> Model:
    """Load a model folder and try the model on its own example.

    Raises MissingExtraError if the model needs libraries that are not installed; and
    ModelError if the folder is missing or broken, or the model cannot be loaded, does
    not answer its example, or does not give one number a row.
    """
    folder = read_model_folder(path)
    try:
        if folder.skops is None:
            predict = _load_with_mlflow(folder)
        else:
            predict = _load_skops(folder, folder.skops)
        example = predict(folder.contract.check([folder.example]))
    except (ModelError, MissingExtraError):
        raise
    except Exception as err:
        # Anything can come out of loading and running what others have saved.
        raise ModelError(
            f"The model in {folder.path} cannot be loaded or does not answer its "
            f"example: {type(err).__name__}: {_first_line(err)} Save it again with "
            "the libraries installed here and with `input_example=`."
        ) from err
    return make_model(folder, predict, example)


def _first_line(err: Exception) -> str:
    lines = str(err).strip().splitlines()
    text = lines[0][:300] if lines else "no reason given"
    return text if text.endswith(".") else f"{text}."


def _load_skops(folder: ModelFolder, file: SkopsFile) -> Callable[[Rows], Any]:
    require_libraries("Serving this model", "sklearn", "skops", extra="serving")
    import sklearn
    import skops.io

    # skops refuses every type that neither it nor the folder's list knows.
    estimator = skops.io.load(file.path, trusted=list(file.trusted_types))
    try:
        predict = _method(estimator, folder.predict_fn)
    except AttributeError:
        raise ModelError(
            f"The model in {folder.path} has no method {folder.predict_fn!r}. Save it "
            "with a `pyfunc_predict_fn` that it has."
        ) from None
    columns = folder.contract.columns
    dtype = array_type(columns)
    if dtype is None or hasattr(estimator, "feature_names_in_"):
        require_libraries("Serving this model", "pandas", extra="tracking")
        return lambda rows: predict(make_frame(columns, rows))

    def predict_array(rows: Rows) -> Any:
        # The contract has let finite numbers through only; looking again would
        # take a tenth of the time of a one-row answer. `Model.answer` looks at
        # what comes out.
        with (
            sklearn.config_context(assume_finite=True),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            return predict(np.array(rows, dtype=dtype))

    return predict_array


def _method(estimator: Any, name: str) -> Callable[[Any], Any]:
    """Find the method that answers; a pipeline's steps are walked here.

    A pipeline looks at its own parts again for each call, which takes a tenth
    of the time of a one-row request. Its answer is that of its steps in a row.
    """
    from sklearn.pipeline import Pipeline

    method: Callable[[Any], Any] = getattr(estimator, name)
    if type(estimator) is not Pipeline:
        return method
    transforms = [
        step.transform
        for _, step in estimator.steps[:-1]
        if step is not None and step != "passthrough"
    ]
    final: Callable[[Any], Any] = getattr(estimator.steps[-1][1], name)

    def walk(values: Any) -> Any:
        for transform in transforms:
            values = transform(values)
        return final(values)

    return walk


def _load_with_mlflow(folder: ModelFolder) -> Callable[[Rows], Any]:
    require_libraries("Serving this model", "mlflow", "pandas", extra="tracking")
    from companion.system.mlflow import load_mlflow

    mlflow = load_mlflow("Serving this model")
    model = mlflow.pyfunc.load_model(str(folder.path))
    columns = folder.contract.columns
    return lambda rows: model.predict(make_frame(columns, rows))
