"""Checked rows in the form that a model wants: a data frame, an array, a list."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.contract.columns import Column
from companion.contract.learned import LearnedContract
from companion.contract.rows import UNNAMED, Checked, Contract

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["array_type", "make_array", "make_frame", "make_input"]

# MLflow's types as NumPy's.
_DTYPES = {
    "boolean": np.dtype("bool"),
    "integer": np.dtype("int32"),
    "long": np.dtype("int64"),
    "float": np.dtype("float32"),
    "double": np.dtype("float64"),
    "datetime": np.dtype("datetime64[ns]"),
}


def make_input(
    contract: Contract | LearnedContract,
    checked: Checked,
    *,
    omit_absent: bool = False,
    as_given: bool = False,
) -> Any:
    """Make what a model gets, in the form that MLflow's scoring server would give it.

    With `omit_absent`, optional columns that no row gives are left out of the frame.
    With `as_given`, bare values stay a list, for models whose type hints ask for one.
    """
    layout = contract.layout
    if isinstance(contract, LearnedContract):
        return _make_unchecked(checked)
    columns = contract.columns
    if as_given and layout == "list":
        return [row[UNNAMED] for row in checked.rows]
    if layout == "array":
        return make_array(columns[0], (values[0] for values in checked.tuples))
    if layout == "arrays":
        by_column = zip(columns, checked.columns(), strict=True)
        return {column.name: make_array(column, values) for column, values in by_column}
    import pandas as pd

    frame = make_frame(columns, checked.columns())
    if layout == "list":
        frame.columns = pd.RangeIndex(len(columns))
    elif omit_absent and checked.array is None:  # an array has every column
        given = set().union(*checked.rows)
        frame = frame[
            [one for one, c in zip(frame, columns, strict=True) if c.name in given]
        ]
    return frame


def _make_unchecked(checked: Checked) -> Any:
    """Make what MLflow makes where there is no signature."""
    if not checked.has_names:
        return np.array([values[0] for values in checked.tuples])
    import pandas as pd

    return pd.DataFrame(checked.rows)


def make_array(column: Column, values: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Make the array of one tensor, of its own type."""
    return np.array(list(values), dtype=column.spec["tensor-spec"]["dtype"])


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


def make_frame(columns: Sequence[Column], by_column: Iterable[Any]) -> "pd.DataFrame":
    """Make the data frame that MLflow would make of the same, checked values.

    They come as a tuple or an array for each column. The frame has the types of the
    signature. Absent numbers are NaN, for which whole numbers become float64.
    """
    import pandas as pd

    frame = {}
    for column, values in zip(columns, by_column, strict=True):
        name = column.name if column.key is None else column.key
        frame[name] = pd.Series(values, dtype=_series_type(column, values))
    return pd.DataFrame(frame)


def _series_type(column: Column, values: Sequence[Any]) -> Any:
    if column.kind == "string":
        return _text_type()
    dtype = _DTYPES.get(column.kind)
    if dtype is None:
        return object
    if None in values and dtype.kind in "bi":
        return object if dtype.kind == "b" else np.dtype("float64")
    return dtype


@cache
def _text_type() -> Any:
    """Find pandas' own type for text; 2 and 3 differ, and a column may be empty."""
    import pandas as pd

    return pd.Series([""]).dtype
