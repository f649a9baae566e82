"""The columns of a model, taken out of a table and brought into its types."""

import difflib
from typing import TYPE_CHECKING, Any

from companion.contract.nested import NESTED_KINDS
from companion.contract.rows import Contract
from companion.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["select_columns"]

# What stands for no value in a CSV file, and in its columns of numbers and truths.
_MISSING = ("", "NA", "NaN", "nan", "NaT", "None", "null", "NULL")
_DTYPES = {"integer": "Int32", "long": "Int64", "float": "float32", "double": "float64"}
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def select_columns(
    contract: Contract, data: "pd.DataFrame", *, advice: str
) -> "pd.DataFrame":
    """Take the columns of the model out of the data, each in the model's type.

    Columns of lists, objects and bytes are left out, and optional ones that the data
    lacks. `advice` ends the message of the DataError where a required one is missing.
    """
    import pandas as pd

    given = {str(name): name for name in data}
    found = {}
    for column in contract.columns:
        if column.kind in NESTED_KINDS or column.kind == "binary":
            continue  # they have neither a range nor bins
        if column.name not in given:
            if not column.required:
                continue
            close = difflib.get_close_matches(column.name, given, n=1)
            hint = f" Is it called {close[0]!r} there?" if close else ""
            raise DataError(
                f"the data has no column {column.name!r}, which the model needs; it "
                f"has {', '.join(list(given)[:20]) or 'none'}.{hint} {advice}"
            )
        values = data[given[column.name]]
        try:
            found[column.name] = _convert(values, column.kind)
        except (ValueError, TypeError) as err:
            raise DataError(
                f"the data's column {column.name!r} does not hold what the model "
                f"takes, {column.expected}: {str(err).splitlines()[0]}."
            ) from None
    return pd.DataFrame(found)


def _convert(values: "pd.Series[Any]", kind: str) -> "pd.Series[Any]":
    """Bring a column into the type of a signature; values of a CSV file are texts."""
    import pandas as pd

    if pd.api.types.is_string_dtype(values.dtype):
        is_missing = values.isna() | values.isin([""] if kind == "string" else _MISSING)
        values = values.astype(object).where(~is_missing, None)
    if kind == "string":
        return values.astype("string").astype(object).where(values.notna(), None)
    if kind == "datetime":
        times = pd.to_datetime(values, utc=True, format="ISO8601")
        return times.dt.tz_localize(None)
    if kind == "boolean":
        shown = values.dropna().map(lambda value: str(value).lower().removesuffix(".0"))
        if unknown := sorted(set(shown) - set(_TRUTHS)):
            raise ValueError(f"it has {unknown[0]!r}")
        return shown.map(_TRUTHS).astype("boolean").reindex(values.index)
    numbers: Any = pd.to_numeric(values)
    converted: pd.Series[Any] = numbers.astype(_DTYPES[kind])
    return converted
