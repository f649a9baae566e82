"""Loading a model, and proving it on its own example.

A scikit-learn model saved as skops is loaded without MLflow, and gets NumPy
arrays where it was trained on them: one row then takes a fraction of the time
that MLflow's own path takes. Every other model goes through `mlflow.pyfunc`.
`companion.serving.models.folder` says what a folder must hold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from companion.contract.rows import Checked
from companion.errors import MissingExtraError, ModelError
from companion.serving.models.advice import advise
from companion.serving.models.answers import AnswerReader
from companion.serving.models.engine import Model, Params, prove
from companion.serving.models.folder import ModelFolder, SkopsFile, read_model_folder
from companion.serving.models.inputs import array_type, make_input
from companion.serving.models.onnx import put_behind_onnx
from companion.system.exceptions import describe_error
from companion.system.extras import require_libraries

__all__ = ["Native", "load_model", "load_native"]

Predict = Callable[[Checked, Params], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """A model behind the library that made it.

    `ask` returns how one of its methods is asked. `estimator` is what the library
    loaded; None where MLflow does not give it away.
    """

    ask: Callable[[str], Predict]
    reader: AnswerReader
    estimator: Any

    def prove(self, folder: ModelFolder) -> Model:
        """Prove the model on its example; ModelError if it does not work."""
        return prove(folder, self.ask(folder.predict_fn), self.reader)


def load_model(folder: ModelFolder | str | Path, *, engine: str = "native") -> Model:
    """Load a model and prove it on its own example.

    `engine` says what answers: "native" the library that made the model, "onnx" ONNX
    Runtime, "auto" ONNX Runtime where it gives the same answers.

    Raises MissingExtraError if the model needs libraries that are not installed; and
    ModelError if the folder is missing or broken, or the model cannot be loaded, does
    not answer its example, or does not give one answer for each row.
    """
    if not isinstance(folder, ModelFolder):
        folder = read_model_folder(folder)
    native = load_native(folder)
    model = native.prove(folder)
    if engine == "native":
        return model
    return put_behind_onnx(model, native.ask, required=engine == "onnx")


def load_native(folder: ModelFolder) -> Native:
    """Load a model with its library; raises the errors of `load_model`."""
    try:
        if folder.skops is None:
            return _load_with_mlflow(folder)
        return _load_skops(folder, folder.skops)
    except (ModelError, MissingExtraError):
        raise
    except (Exception, SystemExit) as err:
        # Anything can come out of loading what others have saved.
        raise ModelError(
            f"The model in {folder.path} cannot be loaded: {describe_error(err)} "
            f"{advise(folder, err)}"
        ) from err


def _load_skops(folder: ModelFolder, file: SkopsFile) -> Native:
    require_libraries("Serving this model", "sklearn", "skops", extra="serving")
    import sklearn
    import skops.io

    # skops refuses every type that neither it nor the folder's list knows.
    estimator = skops.io.load(file.path, trusted=list(file.trusted_types))
    if not hasattr(estimator, folder.predict_fn):
        raise ModelError(
            f"The model in {folder.path} has no method {folder.predict_fn!r}. Save it "
            "with a `pyfunc_predict_fn` that it has."
        )
    contract = folder.contract
    dtype = array_type(contract.columns) if contract.layout == "frame" else None
    has_array = dtype is not None and not hasattr(estimator, "feature_names_in_")
    if not has_array and contract.layout != "array":
        require_libraries("Serving this model", "pandas", extra="tracking")

    def ask(name: str) -> Predict:
        predict = _method(estimator, name)

        def predict_array(checked: Checked, _: Params) -> Any:
            # The contract has let finite numbers through only; looking again would
            # take a tenth of the time of a one-row answer. `Model.answer` looks at
            # what comes out.
            with (
                sklearn.config_context(assume_finite=True),
                np.errstate(over="ignore", invalid="ignore"),
            ):
                return predict(checked.to_array(dtype))

        if has_array:
            return predict_array
        return lambda checked, _: predict(make_input(contract, checked))

    return Native(ask=ask, reader=_reader(folder, estimator), estimator=estimator)


def _reader(folder: ModelFolder, estimator: Any) -> AnswerReader:
    """Find out which classes an estimator knows; a regressor has none."""
    try:
        classes = estimator.classes_
        one_target = all(np.isscalar(one) for one in classes)
    except Exception:  # noqa: BLE001 - a property of a foreign class may raise anything
        classes, one_target = None, False
    is_probability = folder.predict_fn == "predict_proba"
    return AnswerReader(classes if one_target else None, is_probability=is_probability)


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


def _load_with_mlflow(folder: ModelFolder) -> Native:
    require_libraries("Serving this model", "mlflow", "pandas", extra="tracking")
    from companion.system.mlflow import load_mlflow

    mlflow = load_mlflow("Serving this model")
    model = mlflow.pyfunc.load_model(str(folder.path))
    _leave_checks_to_us(mlflow, model, folder)
    contract, omit_absent = folder.contract, folder.is_python_model

    def predict(checked: Checked, params: Params) -> Any:
        given = make_input(
            contract, checked, omit_absent=omit_absent, as_given=folder.takes_list
        )
        return model.predict(given, params=dict(params) or None)

    try:
        estimator = model.get_raw_model()
    except Exception:  # noqa: BLE001 - not every kind of model has one
        estimator = None

    def ask(name: str) -> Predict:
        if name == folder.predict_fn:
            return predict
        method = getattr(estimator, name)
        return lambda checked, _: method(make_input(contract, checked))

    return Native(ask=ask, reader=_reader(folder, estimator), estimator=estimator)


def _leave_checks_to_us(mlflow: Any, model: Any, folder: ModelFolder) -> None:
    """Take the inputs out of the loaded model's signature.

    The contract has checked the rows. MLflow would do it again, for longer than most
    models take to answer, and refuse a whole number that is missing.
    """
    signature = model.metadata.signature
    if signature is None or folder.takes_list:
        return
    params = signature.params
    model.metadata.signature = (
        mlflow.models.ModelSignature(params=params) if params else None
    )
