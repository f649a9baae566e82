"""Save a fitted model as a folder that our server and MLflow's both serve.

The folder is MLflow's model format: the model as skops (no pickle, so loading
it runs no foreign code), a signature with named columns, an example of
the input, and what `companion serve` needs on top: name, version, and the
range in which each input is plausible. Introduced in Lab 1.
"""

import logging
import math
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.contract.notes import CompanionNotes
from companion.contract.ranges import Range
from companion.errors import ModelError, SettingError
from companion.system.mlflow import load_mlflow

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["allowed_ranges", "save_model_folder"]

# What is needed to load the folder again; MLflow would otherwise find it out
# by running the model in a second process.
_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")
_EXAMPLE_ROWS = 2


def allowed_ranges(
    features: "pd.DataFrame",
    *,
    margin: float = 0.5,
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Range]:
    """Work out between which values an input of the model is plausible.

    A record must pass, an impossible value or a wrong unit must not. So the
    range seen in training is made wider on both sides, yet not wider than
    nature allows. A wrong unit whose value happens to lie inside still passes:
    45 °F reads as a hot day in °C. Monitoring looks at such days together.
    A column of one value has no span; the value's distance from zero stands for
    it, or 1 where the value is zero.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_rows, n_features)
        What the model was trained on; numbers only.
    margin : float, default=0.5
        Part of the seen span that is added at either end; >= 0.
    limits : mapping of str to (float, float), optional
        Lowest and highest value that a column can have at all.

    Returns
    -------
    dict of str to Range
        Lowest and highest allowed value of each column, in its own unit, to 12
        digits unless that would shut out a value that was seen.

    Raises
    ------
    SettingError
        If `margin` is negative, or a column is empty, has a value that is
        missing or not finite, or lies outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> rain = pd.DataFrame({"rain_mm": [0.0, 40.0]})
    >>> allowed_ranges(rain, limits={"rain_mm": (0.0, 1825.0)})
    {'rain_mm': Range(lowest=0.0, highest=60.0)}
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise SettingError(f"margin is {margin!r}; expected a number from 0 on.")
    ranges = {}
    for column in features:
        name = str(column)
        values = features[column].astype("float64")
        # Not skipna: the model cannot have learned from a row with a gap.
        lowest, highest = values.min(skipna=False), values.max(skipna=False)
        floor, ceiling = (limits or {}).get(name, (-math.inf, math.inf))
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise SettingError(
                f"column {name!r} has no finite range: it runs from {lowest} to "
                f"{highest}. Remove such rows before training."
            )
        if lowest < floor or highest > ceiling:
            raise SettingError(
                f"column {name!r} runs from {lowest} to {highest}, outside its "
                f"limits {floor} to {ceiling}. Correct the data or the limits."
            )
        widening = margin * ((highest - lowest) or abs(highest) or 1.0)
        low, high = max(floor, lowest - widening), min(ceiling, highest + widening)
        ranges[name] = Range(
            _drop_noise(low, floor, lowest), _drop_noise(high, highest, ceiling)
        )
    return ranges


def _drop_noise(number: float, at_least: float, at_most: float) -> float:
    # -19.8 reads better in a model folder than -19.799999999999997.
    rounded = float(f"{number:.12g}")
    return rounded if at_least <= rounded <= at_most else float(number)


def save_model_folder(
    model: Any,
    folder: str | Path,
    *,
    name: str,
    version: str,
    features: "pd.DataFrame",
    ranges: Mapping[str, Range | Sequence[float]] | None = None,
    predict_fn: str = "predict_proba",
) -> Path:
    """Write a model folder that `companion serve` and `mlflow models serve` take.

    Parameters
    ----------
    model : scikit-learn estimator
        Fitted on the columns of `features`, as numbers.
    folder : str or pathlib.Path
        Where to put it; must not exist yet. It appears at once and whole, or
        not at all.
    name, version : str
        What the model is called in answers and in the prediction log.
    features : pandas.DataFrame of shape (n_rows, n_features)
        What the model was trained on. Its columns become the signature, its
        first two rows the example.
    ranges : mapping of str to Range, or to a pair of numbers, optional
        Lowest and highest allowed value of each column; by default
        `allowed_ranges(features)`.
    predict_fn : str, default="predict_proba"
        Method that answers: "predict_proba", or "predict" for a regressor.

    Returns
    -------
    pathlib.Path
        The folder, as an absolute path.

    Raises
    ------
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    ModelError
        If the folder exists, cannot be written, or the model cannot be saved
        as skops.
    SettingError
        If `name` or `version` is empty, a range is not two finite numbers in order,
        or `ranges` and columns differ.
    """
    target = Path(folder).expanduser().absolute()
    for what, text in (("name", name), ("version", version)):
        if not text.strip():
            raise SettingError(f"the model's {what} is empty; give it one.")
    given = allowed_ranges(features) if ranges is None else ranges
    chosen = {column: Range.of(ends) for column, ends in given.items()}
    if sorted(chosen) != sorted(str(column) for column in features):
        raise SettingError(
            f"ranges are given for {sorted(chosen)}; expected one for each of the "
            f"columns {list(features)}."
        )
    notes = CompanionNotes(name=name, version=version, ranges=chosen)
    _refuse_existing(target)
    mlflow = load_mlflow("Saving a model folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside its place and then renamed: a crash leaves no half folder.
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}-", dir=target.parent, ignore_cleanup_errors=True
        ) as workshop:
            place = Path(workshop, "model")
            _write(
                mlflow,
                model,
                place,
                features=features.astype("float64"),
                predict_fn=predict_fn,
                metadata=notes.to_metadata(),
            )
            _refuse_existing(target)
            place.rename(target)
    except OSError as err:
        raise ModelError(
            f"{target} cannot be written: {err.strerror or err}. Choose another folder."
        ) from err
    except mlflow.exceptions.MlflowException as err:
        raise ModelError(
            f"the model cannot be saved: {err.message} Save one that is made of "
            "scikit-learn's own parts."
        ) from err
    return target


def _write(
    mlflow: Any,
    model: Any,
    place: Path,
    *,
    features: "pd.DataFrame",
    predict_fn: str,
    metadata: dict[str, Any],
) -> None:
    example = features.head(_EXAMPLE_ROWS).reset_index(drop=True)
    answer = getattr(model, predict_fn)(example.to_numpy())
    with _quiet_log("mlflow"), warnings.catch_warnings():
        # MLflow tries the example as a frame; that the model was fitted on bare
        # numbers is on purpose (see `train_model`).
        warnings.filterwarnings("ignore", "X has feature names", UserWarning)
        # MLflow 3.17 compares column names in a way that pandas 3.1 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        mlflow.sklearn.save_model(
            model,
            place,
            serialization_format="skops",
            signature=mlflow.models.infer_signature(example, answer),
            input_example=example,
            pip_requirements=[
                f"{library}=={installed_version(library)}" for library in _REQUIREMENTS
            ],
            pyfunc_predict_fn=predict_fn,
            metadata=metadata,
        )


@contextmanager
def _quiet_log(name: str) -> Iterator[None]:
    # MLflow warns of a missing pip, as in every environment made by uv.
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise ModelError(
            f"{target} exists already, and a model is never written over another. "
            "Choose another folder, or remove that one first."
        )
