"""Which row of an old table is which row of a new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from companion.errors import DataError
from companion.tracking.data.values import as_texts, plain_values

__all__ = ["Matching", "match_rows"]

Places = Any  # NumPy's whole numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Places of rows, counted from 0.

    Attributes
    ----------
    key : tuple of str
        Columns that name a row; empty: rows were matched by their number.
    old, new : numpy.ndarray of shape (n_common,)
        Where each row in common is, in the order of the new table.
    removed, added : numpy.ndarray
        Rows that only the old, and only the new table has.
    """

    key: tuple[str, ...]
    old: Places
    new: Places
    removed: Places
    added: Places

    def labels(self, table: Any, places: Places) -> tuple[str, ...]:
        """Name rows of a table for a reader."""
        if not self.key:
            return tuple(f"row {place + 1:,}" for place in places)
        chosen = [as_texts(table.column(n).take(pa.array(places))) for n in self.key]
        return tuple(
            ", ".join("" if one is None else one for one in row)
            for row in zip(*chosen, strict=True)
        )


def match_rows(before: Any, after: Any, *, key: Sequence[str] | None) -> Matching:
    """Match the rows of two tables.

    `key` are columns of both; by default the first that will do. Raises DataError if
    a key that was asked for repeats in one of them.
    """
    if key is None:
        chosen = _choose_key(before, after)
        if chosen is None:
            return _match_by_number(before.num_rows, after.num_rows)
        key = (chosen,)
    old, new = _join_keys(before, after, key)
    for values, which in ((old, "old"), (new, "new")):
        counts = pc.value_counts(values)
        most = np.argmax(counts.field(1)) if len(counts) else 0
        if len(counts) and counts.field(1)[most].as_py() > 1:
            times = counts.field(1)[most].as_py()
            raise DataError(
                f"the key {', '.join(key)} does not name one row of the {which} table: "
                f"{str(counts.field(0)[most]).replace(_BETWEEN, ', ')} is there "
                f"{times} times. Give more columns."
            )
    found = pc.index_in(new, value_set=old)
    is_common = found.is_valid().to_numpy(zero_copy_only=False)
    places = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    common = places[is_common]
    is_kept = np.zeros(len(old), bool)
    is_kept[common] = True
    return Matching(
        key=tuple(key),
        old=common,
        new=np.flatnonzero(is_common),
        removed=np.flatnonzero(~is_kept),
        added=np.flatnonzero(~is_common),
    )


# No text has it: it stands between the values of a key of several columns.
_BETWEEN = "\x1f"


def _join_keys(before: Any, after: Any, key: Sequence[str]) -> tuple[Any, Any]:
    """Make one array of each table's key, both of one type."""
    columns = [
        [plain_values(table.column(name).combine_chunks()) for name in key]
        for table in (before, after)
    ]
    first, second = (side[0] for side in columns)
    if len(key) == 1 and first.type == second.type and _can_name_rows(first.type):
        return first, second
    old, new = (
        pc.binary_join_element_wise(
            *(pa.array(as_texts(column), pa.string()) for column in side),
            _BETWEEN,
            null_handling="replace",
            null_replacement="",
        )
        for side in columns
    )
    return old, new


def _choose_key(before: Any, after: Any) -> str | None:
    for name in after.column_names:
        if name not in before.column_names:
            continue
        columns = [plain_values(one.column(name)) for one in (before, after)]
        if columns[0].type != columns[1].type or not _can_name_rows(columns[0].type):
            continue
        if all(
            len(one) and not one.null_count and len(one.unique()) == len(one)
            for one in columns
        ):
            return str(name)
    return None


def _can_name_rows(kind: Any) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_temporal(kind)
    )


def _match_by_number(n_old: int, n_new: int) -> Matching:
    common = np.arange(min(n_old, n_new))
    return Matching(
        key=(),
        old=common,
        new=common,
        removed=np.arange(len(common), n_old),
        added=np.arange(len(common), n_new),
    )
