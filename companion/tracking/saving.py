"""Save a fitted model as a folder that our server and MLflow's both serve.

The folder is MLflow's model format: the model as skops (no pickle, so loading
it runs no foreign code), a signature with named columns, an example of
the input, and what `companion serve` needs on top: name, version, the
range in which each input is plausible, and the profile of the training data.
Introduced in Lab 1.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.contract.notes import CompanionNotes
from companion.contract.ranges import Range
from companion.contract.signature import read_contract
from companion.errors import ModelError, RefusedError, SettingError
from companion.system.exceptions import describe_error
from companion.system.mlflow import load_mlflow
from companion.tracking.columns import ColumnType, plain_rows, read_columns
from companion.tracking.profiling import make_profile
from companion.tracking.proving import (
    OTHERWISE,
    ask,
    check_types,
    prove,
    quiet,
)
from companion.tracking.ranges import allowed_ranges

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_target", "save_model_folder", "training_metadata"]

_EXAMPLE_ROWS = 2


def training_metadata(
    features: "pd.DataFrame",
    *,
    name: str | None = None,
    version: str | None = None,
    ranges: Mapping[str, Range | Sequence[float]] | None = None,
) -> dict[str, Any]:
    """Describe training data for the `metadata=` of MLflow's own `log_model`.

    `companion serve` then checks the ranges of rows, and its log is compared with the
    training data, whatever kind of model it is.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_rows, n_features)
        What the model was trained on.
    name, version : str, optional
        What the model is called in answers and in the prediction log; by default its
        registry's name, or its folder's.
    ranges : mapping of str to Range, or to a pair of numbers, optional
        Lowest and highest allowed value of each column of numbers; by default
        `allowed_ranges(features)`.

    Returns
    -------
    dict
        Texts, numbers and lists of them.

    Raises
    ------
    SettingError
        If `features` are no data frame, have a column that is not served, or a range
        is not two finite numbers in order, or not of a column of numbers.
    """
    return _make_notes(
        features, name=name, version=version, ranges=ranges
    ).to_metadata()


def check_target(folder: str | Path, *, name: str, version: str) -> Path:
    """Check, before anything is trained, that a model can be saved in a folder.

    Returns the folder's absolute path. Raises ModelError if it exists, and SettingError
    if `name` or `version` is empty.
    """
    for what, text in (("name", name), ("version", version)):
        if not text.strip():
            raise SettingError(f"the model's {what} is empty; give it one.")
    target = Path(folder).expanduser().absolute()
    _refuse_existing(target)
    return target


def save_model_folder(
    model: Any,
    folder: str | Path,
    *,
    name: str,
    version: str,
    features: "pd.DataFrame",
    ranges: Mapping[str, Range | Sequence[float]] | None = None,
    predict_fn: str | None = None,
    trusted_types: Iterable[str] = (),
) -> Path:
    """Write a model folder that `companion serve` and `mlflow models serve` take.

    It is loaded again and asked for its example before it appears.

    Parameters
    ----------
    model : estimator
        Of scikit-learn, or with its methods, as those of XGBoost and LightGBM;
        fitted on the columns of `features`.
    folder : str or pathlib.Path
        Where to put it; must not exist yet. It appears at once and whole, or
        not at all.
    name, version : str
        What the model is called in answers and in the prediction log.
    features : pandas.DataFrame of shape (n_rows, n_features)
        What the model was trained on. Its columns become the signature: numbers,
        true and false, texts, and times; optional where it has missing values. Its
        first two rows become the example.
    ranges : mapping of str to Range, or to a pair of numbers, optional
        Lowest and highest allowed value of each column of numbers; by default
        `allowed_ranges(features)`.
    predict_fn : str, optional
        Method that answers; by default "predict_proba" where the model has it, else
        "predict".
    trusted_types : iterable of str, optional
        Types beside those that skops trusts by itself, which loading the model may
        make: a forest needs "sklearn.tree._tree.Tree". The error names them.

    Returns
    -------
    pathlib.Path
        The folder, as an absolute path.

    Raises
    ------
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    ModelError
        If the folder exists or cannot be written, the model is not fitted or does not
        give one answer for each row, has parts that are not trusted, or cannot be saved
        as skops.
    SettingError
        If `name` or `version` is empty, `features` are no data frame or have a column
        that is not served, the model has no such method, a range is not two finite
        numbers in order, or `ranges` and columns of numbers differ.
    """
    target = check_target(folder, name=name, version=version)
    columns = read_columns(features)
    notes = _make_notes(features, name=name, version=version, ranges=ranges)
    trusted = [trusted_types] if isinstance(trusted_types, str) else [*trusted_types]
    mlflow = load_mlflow("Saving a model folder")
    example = _choose_example(features)
    method = _choose_method(model, predict_fn, example)
    signature = _sign(mlflow, model, method, columns, example)
    _check_example(signature, example, notes)
    libraries = check_types(model, trusted)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside its place and then renamed: a crash leaves no half folder.
        with (
            tempfile.TemporaryDirectory(
                prefix=f".{target.name}-", dir=target.parent, ignore_cleanup_errors=True
            ) as workshop,
            quiet(),
        ):
            place = Path(workshop, "model")
            mlflow.sklearn.save_model(
                model,
                place,
                serialization_format="skops",
                skops_trusted_types=trusted or None,
                signature=signature,
                input_example=example,
                pip_requirements=[
                    f"{library}=={installed_version(library)}" for library in libraries
                ],
                pyfunc_predict_fn=method,
                metadata=notes.to_metadata(),
            )
            prove(mlflow, place, model, method, example)
            _refuse_existing(target)  # it may have come meanwhile
            place.rename(target)
    except OSError as err:
        raise ModelError(
            f"{target} cannot be written: {err.strerror or err}. Choose another folder."
        ) from err
    except mlflow.exceptions.MlflowException as err:
        raise ModelError(
            f"the model cannot be saved: {describe_error(err)} {OTHERWISE}"
        ) from err
    return target


def _make_notes(
    features: "pd.DataFrame",
    *,
    name: str | None,
    version: str | None,
    ranges: Mapping[str, Range | Sequence[float]] | None,
) -> CompanionNotes:
    numbers = sorted(one.name for one in read_columns(features) if one.is_number)
    given = allowed_ranges(features) if ranges is None else ranges
    chosen = {str(column): Range.of(ends) for column, ends in given.items()}
    if sorted(chosen) != numbers:
        raise SettingError(
            f"ranges are given for {sorted(chosen)}; expected one for each of the "
            f"columns {numbers}, which hold numbers."
        )
    return CompanionNotes(
        name=name, version=version, ranges=chosen, profile=make_profile(features)
    )


def _choose_method(model: Any, given: str | None, example: "pd.DataFrame") -> str:
    has = [name for name in dir(model) if name.startswith("predict")]
    if isinstance(model, type) or "predict" not in has or not hasattr(model, "fit"):
        raise ModelError(
            f"the model is {str(model)[:80]!r} of type {type(model).__name__}; "
            "expected is a fitted estimator of scikit-learn, XGBoost or LightGBM. Save "
            "other models with MLflow's function for their kind, such as "
            "mlflow.statsmodels.save_model, with metadata=training_metadata(features)."
        )
    if given is None:
        if not hasattr(model, "predict_proba"):
            return "predict"
        # Of several labels it gives a list, with an array for each.
        several = isinstance(ask(model, "predict_proba", example), list)
        return "predict" if several else "predict_proba"
    if given not in has:
        raise SettingError(
            f"the model, a {type(model).__name__}, has no method {given!r} that "
            f"predicts; it has {', '.join(has)}. Give one of these as predict_fn."
        )
    return given


def _choose_example(features: "pd.DataFrame") -> "pd.DataFrame":
    whole = features.dropna().head(_EXAMPLE_ROWS)
    example = whole if len(whole) else features.head(_EXAMPLE_ROWS)
    return example.reset_index(drop=True)


def _sign(
    mlflow: Any,
    model: Any,
    method: str,
    columns: Sequence[ColumnType],
    example: "pd.DataFrame",
) -> Any:
    answer = ask(model, method, example)
    inputs = mlflow.types.Schema(
        [
            mlflow.types.ColSpec(one.kind, one.key, required=one.required)
            for one in columns
        ]
    )
    with quiet():
        try:
            outputs = mlflow.models.infer_signature(example.iloc[:0], answer).outputs
        except (mlflow.exceptions.MlflowException, ValueError, TypeError):
            outputs = None  # an answer that no type of MLflow's describes
    return mlflow.models.ModelSignature(inputs=inputs, outputs=outputs)


def _check_example(
    signature: Any, example: "pd.DataFrame", notes: CompanionNotes
) -> None:
    contract = read_contract(json.dumps(signature.inputs.to_dict()), notes.ranges)
    try:
        contract.check(plain_rows(example))
    except RefusedError as err:
        raise ModelError(
            f"the first rows of features do not fit the signature and ranges: {err} "
            "Correct the data or the ranges."
        ) from err


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise ModelError(
            f"{target} exists already, and a model is never written over another. "
            "Choose another folder, or remove that one first."
        )
