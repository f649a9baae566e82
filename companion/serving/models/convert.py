"""The program that converts a model to ONNX: ``python -m ... FOLDER OUT``.

It runs in a process of its own, because the converters take seconds to import, and
memory that a server should not keep. It writes the ONNX model to the file OUT, or, as
JSON, the reason why there is none. `companion.serving.models.conversion` starts it and
keeps what it wrote.
"""

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.serving.models.conversion import NotFast
from companion.serving.models.folder import read_model_folder
from companion.serving.models.loading import load_native
from companion.serving.models.onnx import find_layout, input_names, prove_fast

__all__ = ["convert_estimator", "main"]


def convert_estimator(estimator: Any, method: str, names: Sequence[str]) -> bytes:
    """Convert a scikit-learn estimator that takes columns of numbers to ONNX.

    The result takes one array of float64, or one for each name where the estimator
    chooses its columns by name. Its first output is what `method` returns; that of
    `predict` may be followed by the scores of the classes. Raises NotFast with the
    reason if that cannot be.
    """
    if method not in ("predict", "predict_proba"):
        raise NotFast(f"its method {method} is not converted")
    failure: Exception | None = None
    for inputs in _inputs(estimator, names):
        try:
            model = _convert(estimator, inputs)
        except Exception as err:  # noqa: BLE001 - a converter may raise anything
            failure = failure or err
            continue
        outputs = model.graph.output
        if method == "predict_proba":
            if len(outputs) < 2:
                raise NotFast("its conversion has no probabilities")
            del outputs[0]  # what is left out need not be computed
        content: bytes = model.SerializeToString()
        return content
    raise NotFast(f"it is not converted: {_describe(failure)}") from failure


def _inputs(estimator: Any, names: Sequence[str]) -> list[list[tuple[str, Any]]]:
    from skl2onnx.common.data_types import DoubleTensorType

    kinds = [[("X", DoubleTensorType([None, len(names)]))]]
    if hasattr(estimator, "feature_names_in_"):
        kinds.append([(name, DoubleTensorType([None, 1])) for name in names])
    return kinds


def _convert(estimator: Any, inputs: list[tuple[str, Any]]) -> Any:
    from skl2onnx import convert_sklearn
    from sklearn.base import is_classifier

    # Else probabilities come as a dictionary for each row.
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else None
    return convert_sklearn(estimator, initial_types=inputs, options=options)


def _convert_folder(path: str) -> bytes:
    """Convert and prove the model in a folder; NotFast if that fails."""
    folder = read_model_folder(path)
    find_layout(folder)
    native = load_native(folder)
    model = native.prove(folder)
    if native.estimator is None:
        raise NotFast("MLflow does not give away what it loaded")
    names = input_names(folder)
    content = convert_estimator(native.estimator, folder.predict_fn, names)
    prove_fast(model, native.ask, content)
    return content


def _describe(err: BaseException | None) -> str:
    lines = str(err).strip().splitlines() or [""]
    return f"{type(err).__name__}: {lines[0][:200]}"


def main(path: str, out: str) -> None:
    """Write the conversion of the model in a folder, or the reason, into a file."""
    warnings.simplefilter("ignore")
    try:
        content = _convert_folder(path)
    except NotFast as err:
        content = json.dumps({"reason": str(err)}).encode()
    except Exception as err:  # noqa: BLE001 - whatever it is, it is the reason
        content = json.dumps({"reason": _describe(err)}).encode()
    Path(out).write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
