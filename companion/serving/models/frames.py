"""Rows in the form that a model wants: a NumPy array or a pandas DataFrame."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.contract.columns import Column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["array_type", "make_frame"]

# MLflow's types as NumPy's.
_DTYPES = {
    "boolean": np.dtype("bool"),
    "integer": np.dtype("int32"),
    "long": np.dtype("int64"),
    "float": np.dtype("float32"),
    "double": np.dtype("float64"),
    "datetime": np.dtype("datetime64[ns]"),
}


def array_type(columns: Sequence[Column]) -> np.dtype[Any] | None:
    """Find the type of one array that can hold all columns of a model.

    It is the one that pandas would give the columns together; None where only a data
    frame can hold them: text, times, values that may be absent.
    """
    if not all(column.is_number and column.required for column in columns):
        return None
    kinds = {column.kind for column in columns}
    if "boolean" in kinds and len(kinds) > 1:
        return np.dtype("float64")
    return np.result_type(*(_DTYPES[kind] for kind in kinds))


def make_frame(
    columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]
) -> "pd.DataFrame":
    """Make the data frame that MLflow would make of the same, checked rows.

    It has the types of the signature. Absent numbers are NaN, for which whole numbers
    become float64.
    """
    import pandas as pd

    frame = {}
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        frame[column.name] = pd.Series(list(values), dtype=_series_type(column, values))
    return pd.DataFrame(frame)


def _series_type(column: Column, values: Sequence[Any]) -> Any:
    if column.kind == "string":
        return _text_type()
    dtype = _DTYPES[column.kind]
    if None in values and dtype.kind in "bi":
        return object if dtype.kind == "b" else np.dtype("float64")
    return dtype


@cache
def _text_type() -> Any:
    """Find pandas' own type for text; 2 and 3 differ, and a column may be empty."""
    import pandas as pd

    return pd.Series([""]).dtype
