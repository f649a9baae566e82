"""Which types of MLflow's the columns of a data frame have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.contract.scalars import NUMBER_TYPES
from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnType", "plain_rows", "read_columns"]

# Kind and size of NumPy's types to MLflow's; what is smaller becomes the next larger.
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "integer"),
    **dict.fromkeys(("int64", "uint32"), "long"),
    **dict.fromkeys(("float16", "float32"), "float"),
    "float64": "double",
    "bool": "boolean",
}
_EXPECTED = "Numbers, true and false, texts, and times without an offset are served."


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """The type of one column; `key` is its name as the model knows it."""

    key: str | int
    kind: str
    required: bool

    @property
    def name(self) -> str:
        """Name in rows, ranges and profile."""
        return str(self.key)

    @property
    def is_number(self) -> bool:
        """Whether the column has a range."""
        return self.kind in NUMBER_TYPES and self.kind != "boolean"


def read_columns(features: object) -> Sequence[ColumnType]:
    """Find the type of each column; one with missing values is optional.

    Raises SettingError if it is no data frame with rows and unique column names, or a
    column is of a type that JSON cannot carry.
    """
    import pandas as pd

    if not isinstance(features, pd.DataFrame):
        raise SettingError(
            f"features are of type {type(features).__name__}; expected is a pandas "
            "DataFrame. Make one with pandas.DataFrame(features, columns=[...])."
        )
    if not len(features) or not len(features.columns):
        raise SettingError(
            f"features have {len(features)} rows and {len(features.columns)} columns; "
            "give the data that the model was trained on."
        )
    names = [str(name) for name in features]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SettingError(
            f"features have several columns called {doubled[0]!r}; give each its name."
        )
    return [
        ColumnType(
            key=_check_key(key),
            kind=_kind(str(key), features[key]),
            required=not bool(features[key].isna().any()),
        )
        for key in features
    ]


def plain_rows(features: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows as JSON would carry them, without what is missing."""
    names = [str(name) for name in features]
    return [
        {
            name: _plain(value)
            for name, value in zip(names, values, strict=True)
            if not _is_missing(value)
        }
        for values in features.itertuples(index=False, name=None)
    ]


def _check_key(key: object) -> str | int:
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    raise SettingError(
        f"a column of features is called {key!r}; expected are texts or whole "
        "numbers. Rename it."
    )


def _kind(name: str, column: "pd.Series[Any]") -> str:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        raise SettingError(
            f"column {name!r} is of pandas' type category, which no signature has. Fit "
            f"the model on texts, features[{name!r}].astype(str), and encode them in "
            "its pipeline, for example with OrdinalEncoder."
        )
    # Int64 and int64 are one type to a signature.
    kind = _KINDS.get(str(getattr(dtype, "numpy_dtype", dtype)))
    if kind is None and str(dtype) == "boolean":
        kind = "boolean"
    if kind is not None:
        return kind
    if pd.api.types.is_datetime64_dtype(dtype):
        return "datetime"
    seen = pd.api.types.infer_dtype(column, skipna=True)
    if isinstance(dtype, pd.DatetimeTZDtype):
        raise SettingError(
            f"column {name!r} holds times with an offset, which a model gets in UTC "
            "without one. Fit it on such times: "
            f"features[{name!r}].dt.tz_convert('UTC').dt.tz_localize(None)."
        )
    if seen == "string":
        return "string"
    raise SettingError(
        f"column {name!r} is of type {dtype} and holds {seen} values. {_EXPECTED} "
        "Convert it with astype, or leave it out of the model."
    )


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
