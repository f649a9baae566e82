"""The values of columns: read from text, compared, described."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "Summary",
    "as_texts",
    "describe_values",
    "find_changes",
    "parse_alike",
    "plain_values",
]

# A column with more different texts holds no categories.
_MOST_CATEGORIES = 50
# Up to 15 digits a decimal number is exact. No zero in front: 01067 is no number.
_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"
_LONG = r"\d[\d.]{15,}"
# Kinds of values that have a range, and those that can be categories.
_ORDERED = ("temporal", "integer", "floating", "decimal")
_NAMED = ("string", "large_string", "boolean")
_DAY = r"^\d{4}[-/]\d\d[-/]\d\d$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the values of a column are, altogether.

    Attributes
    ----------
    low, high : str or None
        Range of numbers and times.
    categories : tuple of (text, count)
        Of a column with at most 50 different texts, the most frequent first; else
        empty.
    missing_share : float
        Share of rows without a value, from 0 to 1.
    """

    low: str | None
    high: str | None
    categories: tuple[tuple[str, int], ...]
    missing_share: float


def parse_alike(
    old: Any, old_is_text: bool, new: Any, new_is_text: bool
) -> tuple[Any, Any]:
    """Read text of two tables as numbers or days where all values are such.

    A column that is numbers in one and other text in the other stays text in both.
    """
    before = _parse_table(old) if old_is_text else old
    after = _parse_table(new) if new_is_text else new
    if not (old_is_text and new_is_text):
        return before, after
    for name in set(before.column_names) & set(after.column_names):
        kinds = {before.column(name).type, after.column(name).type}
        if len(kinds - {pa.null()}) > 1 and kinds != {pa.int64(), pa.float64()}:
            before, after = (
                table.set_column(table.column_names.index(name), name, raw.column(name))
                for table, raw in ((before, old), (after, new))
            )
    return before, after


def _parse_table(table: Any) -> Any:
    columns = [_parse(column.combine_chunks()) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _parse(texts: Any) -> Any:
    filled = pc.if_else(pc.equal(texts, ""), None, texts)
    if filled.null_count == len(filled):
        return filled.cast(pa.null()) if len(filled) else texts
    if (
        _all_match(filled, _NUMBER)
        and not pc.any(pc.match_substring_regex(filled, _LONG)).as_py()
    ):
        is_whole = _all_match(filled, r"^-?\d+$")
        return filled.cast(pa.int64() if is_whole else pa.float64())
    if _all_match(filled, _DAY):
        try:
            return pc.replace_substring(filled, "/", "-").cast(pa.date32())
        except pa.ArrowInvalid:
            return texts  # such as 31 February
    return texts


def _all_match(texts: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def find_changes(old: Any, new: Any) -> Any:
    """Say of each row whether the value is another; missing and NaN are one.

    Values of types that cannot be compared are compared as text.
    """
    old, new = plain_values(old), plain_values(new)
    try:
        unequal = pc.not_equal(old, new)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        old, new = (pa.array(as_texts(side), pa.string()) for side in (old, new))
        unequal = pc.not_equal(old, new)
    one_missing = pc.xor(pc.is_null(old), pc.is_null(new))
    changed = pc.or_(pc.fill_null(unequal, False), one_missing)
    return np.asarray(changed.to_numpy(zero_copy_only=False), bool)


def describe_values(column: Any) -> Summary:
    """Describe all values of a column."""
    values = plain_values(column)
    low = high = None
    categories: tuple[tuple[str, int], ...] = ()
    kind = values.type
    if _is_any(kind, _ORDERED):
        ends = pc.min_max(values)
        low, high = as_texts(pa.array([ends["min"].as_py(), ends["max"].as_py()], kind))
    elif _is_any(kind, _NAMED):
        counts = pc.value_counts(values.drop_null())
        if len(counts) <= _MOST_CATEGORIES:
            texts = [one or "" for one in as_texts(counts.field(0))]
            pairs = zip(texts, counts.field(1).to_pylist(), strict=True)
            categories = tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
    share = values.null_count / len(values) if len(values) else 0.0
    return Summary(low=low, high=high, categories=categories, missing_share=share)


def as_texts(column: Any) -> list[str | None]:
    """Write values for a reader; what is missing stays None."""
    kind = column.type
    if pa.types.is_floating(kind):
        return [None if v is None else f"{v:.15g}" for v in column.to_pylist()]
    try:
        texts: list[str | None] = column.cast(pa.string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return [None if v is None else repr(v) for v in column.to_pylist()]
    return texts


def _is_any(kind: Any, names: tuple[str, ...]) -> bool:
    return any(getattr(pa.types, f"is_{name}")(kind) for name in names)


def plain_values(column: Any) -> Any:
    """Decode categories, and let NaN be missing."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return column
