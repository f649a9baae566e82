"""Proves that a model can be saved as skops, and that what was saved answers as it."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import ModelError
from companion.system.exceptions import describe_error

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OTHERWISE", "ask", "check_types", "prove", "quiet"]

# What is needed to load the folder again; MLflow would otherwise find it out
# by running the model in a second process.
_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")
OTHERWISE = (
    "Save one that is made of the library's own parts, or save it with "
    '`mlflow.sklearn.save_model(..., serialization_format="cloudpickle")` and add its '
    "ranges with `companion profile`."
)


def ask(model: Any, method: str, rows: "pd.DataFrame") -> Any:
    """Ask the model as it was trained: with a frame if it knows column names."""
    from sklearn.exceptions import NotFittedError

    is_plain = all(dtype.kind in "iuf" for dtype in rows.dtypes)
    has_names = hasattr(model, "feature_names_in_")
    given = rows.to_numpy() if is_plain and not has_names else rows
    try:
        with quiet():
            answer = getattr(model, method)(given)
    except NotFittedError as err:
        raise ModelError("the model is not fitted; call its fit first.") from err
    except Exception as err:
        raise ModelError(
            f"the model does not answer the first rows of features with {method}: "
            f"{describe_error(err)} Give the columns that it was "
            "trained on, in their order."
        ) from err
    return answer


def check_types(model: Any, trusted: Sequence[str]) -> list[str]:
    """Refuse types that are not trusted; return the libraries that loading needs."""
    import skops.io

    try:
        types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    except Exception as err:
        raise ModelError(
            f"the model cannot be saved as skops: {describe_error(err)} {OTHERWISE}"
        ) from err
    if own := [name for name in types if name.startswith("__main__.")]:
        raise ModelError(
            f"the model cannot be saved: {', '.join(own)} is defined in this program, "
            "where a server does not find it. Put it into a module that can be "
            "imported, or do without it."
        )
    if unknown := [name for name in types if name not in trusted]:
        raise ModelError(
            f"the model cannot be saved: it holds types that skops does not trust by "
            f"itself. If you trust them, give trusted_types={[*trusted, *unknown]!r}."
        )
    known = packages_distributions()
    more = {
        known[package][0]
        for name in types
        if (package := name.partition(".")[0]) in known and package != "sklearn"
    }
    return [*_REQUIREMENTS, *sorted(more - {*_REQUIREMENTS})]


def prove(
    mlflow: Any, place: Path, model: Any, method: str, example: "pd.DataFrame"
) -> None:
    """Load the folder as MLflow does, and compare its answers with the model's."""
    import numpy as np
    import pandas as pd

    rows = example
    while len(rows) in (1, len(rows.columns)):
        # A model that is given column names in place of rows would not be noticed.
        rows = pd.concat([rows, example.head(1)], ignore_index=True)
    expected = np.asarray(ask(model, method, rows))
    try:
        answer = np.asarray(mlflow.pyfunc.load_model(str(place)).predict(rows))
    except Exception as err:
        raise ModelError(
            "the saved model does not load and answer: "
            f"{describe_error(err)} {OTHERWISE}"
        ) from err
    if answer.shape[:1] != (len(rows),):
        raise ModelError(
            f"the model gave {len(np.atleast_1d(answer))} answers to {len(rows)} rows; "
            "expected is one for each. A step that takes texts, such as "
            "TfidfVectorizer, belongs behind make_column_transformer((TfidfVectorizer()"
            ", 'NAME OF THE COLUMN'))."
        )
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        raise ModelError(
            "the model's answer to the first rows of features is not a finite number: "
            f"{answer.tolist()!r:.200}. Correct the data or the model."
        )
    if answer.shape != expected.shape or not all(
        map(_same, answer.flat, expected.flat)
    ):
        raise ModelError(
            f"the saved model answers otherwise than the model: {answer!r:.200} in "
            f"place of {expected!r:.200}. {OTHERWISE}"
        )


def _same(one: Any, other: Any) -> bool:
    try:
        # Not to the last digit: MLflow may hand over other types of numbers.
        return bool(abs(one - other) <= 1e-6 * (1 + abs(other)))
    except TypeError:
        return bool(one == other)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of libraries away while a model is saved and asked."""
    # MLflow warns of a missing pip, as in every environment made by uv, of integer
    # columns, and of a way to compare names that pandas 3.1 deprecates. That a model
    # was fitted on bare numbers is on purpose (see `train_model`).
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
