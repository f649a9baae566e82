"""ONNX Runtime in place of a model's own library, where the two answer alike.

One row takes microseconds there, where scikit-learn spends a fraction of a millisecond
in Python. The answers are compared on the rows of `companion.serving.models.proof`
whenever a model is loaded. ONNX Runtime is used only if labels are the same and no
number differs by more than `MAX_DIFFERENCE`.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from companion.contract.rows import Checked, Contract
from companion.errors import MissingExtraError, ModelError
from companion.serving.models.conversion import (
    NotFast,
    find_conversion,
    forget_conversion,
)
from companion.serving.models.engine import EngineUse, Model
from companion.serving.models.folder import ModelFolder
from companion.serving.models.proof import make_proof, make_tensor_proof
from companion.system.extras import require_libraries

__all__ = [
    "MAX_DIFFERENCE",
    "Fast",
    "find_layout",
    "input_names",
    "prepare_conversion",
    "prove_fast",
    "put_behind_onnx",
]

MAX_DIFFERENCE = 1e-9
_N_ALONE = 5  # rows that are also compared one at a time

Predict = Callable[[Checked, Any], Any]
# Tells how a method of the model is asked through the model's own library.
Ask = Callable[[str], Predict]
Array = NDArray[Any]


class Fast(NamedTuple):
    """A model behind ONNX Runtime.

    `difference` is the largest that was found between its numbers and those of the
    model's own library.
    """

    predict: Predict
    difference: float


def put_behind_onnx(model: Model, ask: Ask, *, required: bool) -> Model:
    """Let ONNX Runtime answer for a model, if it gives the same answers.

    `ask` returns how a method of the model is asked through its own library. Where that
    goes on to answer, the model says why. With `required`, ModelError is raised
    instead, or MissingExtraError if ONNX Runtime is not installed.
    """
    try:
        _require_onnx()
        fast = _make_fast(model, ask, patient=required)
    except MissingExtraError as err:
        if required:
            raise
        return replace(model, engine=EngineUse(reason=str(err)))
    except NotFast as err:
        if required:
            raise ModelError(
                f"ONNX Runtime cannot answer for the model in {model.folder.path}: "
                f"{err}. Serve it with `--engine auto` or `--engine native`."
            ) from err
        return replace(model, engine=EngineUse(reason=str(err)))
    native = model.predict

    def predict(checked: Checked, params: Any) -> Any:
        try:
            return fast.predict(checked, params)
        except Exception:  # noqa: BLE001 - the library's own error says more
            return native(checked, params)

    use = EngineUse(name="onnx", largest_difference=fast.difference)
    return replace(model, predict=predict, engine=use)


def prepare_conversion(folder: ModelFolder, *, required: bool) -> None:
    """Convert a model, unless that was done, for processes that are to be forked.

    Whether it can be converted is said by `put_behind_onnx`; with `required`,
    MissingExtraError is raised if ONNX Runtime is not installed.
    """
    try:
        _require_onnx()
        find_layout(folder)
        find_conversion(folder, patient=required)
    except NotFast:
        pass
    except MissingExtraError:
        if required:
            raise


def _require_onnx() -> None:
    require_libraries(
        "`--engine onnx`", "onnxruntime", "onnx", "skl2onnx", extra="fast"
    )


def _make_fast(model: Model, ask: Ask, *, patient: bool) -> Fast:
    find_layout(model.folder)  # before anything slow
    content = find_conversion(model.folder, patient=patient)
    try:
        return prove_fast(model, ask, content)
    except Exception:  # noqa: BLE001 - it worked when it was kept
        forget_conversion(model.folder)
        content = find_conversion(model.folder, patient=patient)
        try:
            return prove_fast(model, ask, content)
        except NotFast:
            raise
        except Exception as err:
            raise NotFast(f"ONNX Runtime fails: {type(err).__name__}") from err


def prove_fast(model: Model, ask: Ask, content: bytes) -> Fast:
    """Put an ONNX model in place of a model, if both answer alike.

    Raises NotFast if they do not; whatever ONNX Runtime raises is passed on.
    """
    to_array = find_layout(model.folder)
    outputs = _open_session(content)
    native = ask(model.folder.predict_fn)
    proof = _make_proof(model)
    want = native(proof, {})
    if not isinstance(want, np.ndarray):
        raise NotFast(f"it answers with a {type(want).__name__}, not an array")
    rest, dtype = want.shape[1:], want.dtype
    first = outputs[0]

    def predict(checked: Checked, _: Any) -> Any:
        answer: Array = first(to_array(checked))
        return answer.reshape(-1, *rest).astype(dtype, copy=False)

    difference = _compare(predict(proof, {}), want)
    for row in proof.tuples[:_N_ALONE]:
        alone = Checked([row], [{}])
        difference = max(difference, _compare(predict(alone, {}), native(alone, {})))
    if dtype.kind != "f":
        difference = max(difference, _compare_scores(outputs, to_array, proof, ask))
    return Fast(predict, difference)


def find_layout(folder: ModelFolder) -> Callable[[Checked], Array]:
    """Return how rows become the one array of float64 that a converted model takes.

    Raises NotFast if the model takes something else than numbers.
    """
    contract = folder.contract
    if folder.loader != "mlflow.sklearn":
        raise NotFast("it is not a model of scikit-learn")
    if not isinstance(contract, Contract) or contract.layout == "arrays":
        raise NotFast("its inputs are not columns of numbers")
    if contract.params:
        raise NotFast("it takes parameters")
    if contract.layout == "array":
        dtype = np.dtype(contract.columns[0].spec["tensor-spec"]["dtype"])
        shape = contract.columns[0].spec["tensor-spec"]["shape"]
        if dtype.kind not in "fiub" or len(shape) != 2 or shape[1] < 1:
            raise NotFast("its inputs are not numbers")
        return lambda checked: np.array(
            [values[0] for values in checked.tuples], dtype=dtype
        ).astype(np.float64, copy=False)
    if not all(column.is_number for column in contract.columns):
        raise NotFast("its inputs are not all numbers")
    single = [n for n, column in enumerate(contract.columns) if column.kind == "float"]

    def to_array(checked: Checked) -> Array:
        array = checked.to_array(np.float64)
        if single:
            array[:, single] = array[:, single].astype(np.float32)
        return array

    return to_array


def input_names(folder: ModelFolder) -> list[str]:
    """Name the columns of the one array."""
    columns = folder.contract.columns
    if folder.contract.layout == "array":
        width = columns[0].spec["tensor-spec"]["shape"][-1]
        return [str(number) for number in range(width)]
    return [column.name for column in columns]


def _make_proof(model: Model) -> Checked:
    folder, contract = model.folder, model.folder.contract
    assert isinstance(contract, Contract)  # noqa: S101 - find_layout has seen it
    rows = model.example or [contract.plausible_row()]
    example = contract.check(rows, max_rows=len(rows)).tuples
    if contract.layout == "array":
        return make_tensor_proof(example)
    return make_proof(contract.columns, example, folder.profile)


def _open_session(content: bytes) -> list[Callable[[Array], Array]]:
    """Open an ONNX model; return a function for each of its outputs."""
    # It reports its use to its makers by default, from a thread of its own.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A worker answers with threads of its own.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is raised
    session = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
    inputs = [one.name for one in session.get_inputs()]
    run = session.run

    def output(name: str) -> Callable[[Array], Array]:
        if len(inputs) == 1:
            return lambda array: np.asarray(run([name], {inputs[0]: array})[0])

        def from_columns(array: Array) -> Array:
            columns = {name: array[:, [n]] for n, name in enumerate(inputs)}
            return np.asarray(run([name], columns)[0])

        return from_columns

    return [output(one.name) for one in session.get_outputs()]


def _compare(got: Array, want: Any) -> float:
    """Return the largest difference; NotFast if it is one that counts."""
    want = np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        raise NotFast(
            f"ONNX Runtime answers with {got.dtype} of shape {got.shape}, its library "
            f"with {want.dtype} of shape {want.shape}"
        )
    if want.dtype.kind != "f":
        others = int((got != want).sum())
        if others:
            raise NotFast(
                f"ONNX Runtime gives another label for {others} of {len(want)} rows"
            )
        return 0.0
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    difference = float(np.abs(np.where(same, 0.0, got - want)).max(initial=0.0))
    if not difference <= MAX_DIFFERENCE:
        raise NotFast(
            f"its answers and those of ONNX Runtime differ by up to {difference:.1g}"
        )
    return difference


def _compare_scores(
    outputs: list[Callable[[Array], Array]],
    to_array: Callable[[Checked], Array],
    proof: Checked,
    ask: Ask,
) -> float:
    """Compare what labels are chosen by, since labels differ only near a border."""
    for method in ("predict_proba", "decision_function"):
        try:
            want = ask(method)(proof, {})
        except Exception:  # noqa: BLE001, S112 - not every classifier has both
            continue
        for output in outputs[1:]:
            got = output(to_array(proof))
            if got.shape != want.shape and got.size == want.size:
                got = got.reshape(want.shape)
            return _compare(got, want)
    raise NotFast("the scores that its labels are chosen by cannot be compared")
