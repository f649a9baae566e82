"""What differs between two tables: rows, columns, and the values of each column.

Both tables are read into memory. The values of a CSV file are compared as numbers or
days where all of them are such, so that 2012/01/31 and 2012-01-31 are one day that is
written in two ways; a change of the writing alone is counted apart.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from companion.errors import DataError
from companion.tracking.data.matching import Matching, match_rows
from companion.tracking.data.tables import read_table
from companion.tracking.data.values import (
    as_texts,
    describe_values,
    find_changes,
    parse_alike,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from companion.tracking.data.values import Summary

__all__ = ["ColumnDiff", "DataDiff", "Example", "compare_tables"]

_EXAMPLES = 5
_PAIRS = 20
_BINS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One changed value: `row` is the value of the key, or the number of the row."""

    row: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiff:
    """What differs in one column that both tables have.

    Attributes
    ----------
    name : str
        Its name.
    n_changed : int
        Rows of both tables in which the value is another.
    n_rewritten : int
        Rows in which the same value is written in another way, as in CSV files.
    rewritten : Example or None
        The first of them.
    kinds : tuple of str
        Its type in the old table and in the new one.
    examples : tuple of Example
        The first changes, in the order of the new table.
    pairs : tuple of (old, new, count)
        The most frequent changes of a column of texts or of true and false.
    places : tuple of int
        Changed rows in each of up to 60 equal parts of the rows in common.
    old, new : Summary
        Range, categories and missing values in all rows of each table.
    """

    name: str
    n_changed: int
    n_rewritten: int
    rewritten: Example | None
    kinds: tuple[str, str]
    examples: tuple[Example, ...]
    pairs: tuple[tuple[str | None, str | None, int], ...]
    places: tuple[int, ...]
    old: "Summary"
    new: "Summary"

    @property
    def is_different(self) -> bool:
        """Whether anything differs."""
        return (
            bool(self.n_changed or self.n_rewritten)
            or self.kinds[0] != self.kinds[1]
            or self.old != self.new
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDiff:
    """What differs between an old table and a new one.

    Attributes
    ----------
    n_old, n_new, n_common : int
        Rows of each, and those that are in both.
    key : tuple of str
        The columns by which rows were matched; empty: by their number.
    added, removed : tuple of str
        The first keys of rows that only the new, or only the old table has.
    n_added, n_removed : int
        How many there are.
    is_reordered : bool
        Whether the rows in common have another order.
    columns_added, columns_removed : tuple of str
        Columns that only one table has.
    renamed : tuple of (str, str)
        Old and new name of columns with exactly the same values.
    is_rearranged : bool
        Whether the columns in common have another order.
    columns : tuple of ColumnDiff
        The columns in common in which anything differs.
    first, last : str
        The keys of the first and the last row in common.
    """

    n_old: int
    n_new: int
    n_common: int
    key: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    n_added: int
    n_removed: int
    is_reordered: bool
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    is_rearranged: bool
    columns: tuple[ColumnDiff, ...]
    first: str
    last: str

    @property
    def is_different(self) -> bool:
        """Whether anything differs."""
        return bool(
            self.n_added
            or self.n_removed
            or self.is_reordered
            or self.columns_added
            or self.columns_removed
            or self.renamed
            or self.is_rearranged
            or self.columns
        )


def compare_tables(
    old: "pd.DataFrame | Any | str | Path",
    new: "pd.DataFrame | Any | str | Path",
    *,
    key: "Sequence[str] | None" = None,
) -> DataDiff:
    """Find what differs between two tables.

    Parameters
    ----------
    old, new : pandas.DataFrame, pyarrow.Table, str or pathlib.Path
        What `fingerprint` takes.
    key : sequence of str, optional
        Columns whose values together name a row. By default the first column of both,
        not of decimal numbers, that names each row of both; else the row's number.

    Returns
    -------
    DataDiff

    Raises
    ------
    DataError
        If a table cannot be read, or the key is missing from one or repeats.
    MissingExtraError
        If a library of the extra `tracking` is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> before = pd.DataFrame({"day": [1, 2, 3], "sky": ["sun", "fog", "fog"]})
    >>> diff = compare_tables(before, before.replace("fog", "rain"))
    >>> diff.key, diff.columns[0].pairs
    (('day',), (('fog', 'rain', 2),))
    """
    (old_table, old_is_text), (new_table, new_is_text) = map(read_table, (old, new))
    before, after = parse_alike(old_table, old_is_text, new_table, new_is_text)
    renamed = _find_renamed(before, after)
    names = [dict(renamed).get(name, name) for name in before.column_names]
    before, old_table = before.rename_columns(names), old_table.rename_columns(names)
    written = (old_table if old_is_text else None, new_table if new_is_text else None)
    for name in key or ():
        for table, which in ((before, "old"), (after, "new")):
            if name not in table.column_names:
                raise DataError(
                    f"the key column {name!r} is not in the {which} table, which has "
                    f"{', '.join(table.column_names)}. Give another one."
                )
    rows = match_rows(before, after, key=key)
    names = [name for name in after.column_names if name in before.column_names]
    columns = [_compare_column(name, before, after, rows, written) for name in names]
    in_old_order = [name for name in before.column_names if name in names]
    return DataDiff(
        n_old=before.num_rows,
        n_new=after.num_rows,
        n_common=len(rows.old),
        key=rows.key,
        added=rows.labels(after, rows.added[:_EXAMPLES]),
        removed=rows.labels(before, rows.removed[:_EXAMPLES]),
        n_added=len(rows.added),
        n_removed=len(rows.removed),
        is_reordered=bool((np.diff(rows.old) < 0).any()),
        columns_added=tuple(n for n in after.column_names if n not in names),
        columns_removed=tuple(n for n in before.column_names if n not in names),
        renamed=renamed,
        is_rearranged=names != in_old_order,
        columns=tuple(one for one in columns if one.is_different),
        first="".join(rows.labels(after, rows.new[:1])),
        last="".join(rows.labels(after, rows.new[-1:])),
    )


def _compare_column(
    name: str,
    before: Any,
    after: Any,
    rows: Matching,
    written: tuple[Any, Any],
) -> ColumnDiff:
    all_old, all_new = (one.column(name).combine_chunks() for one in (before, after))
    old, new = all_old.take(pa.array(rows.old)), all_new.take(pa.array(rows.new))
    changed = find_changes(old, new)
    where = np.flatnonzero(changed)
    examples = _list_examples(old, new, after, rows, where[:_EXAMPLES])
    n_rewritten, rewritten = 0, None
    if written[0] is not None and written[1] is not None:
        old_text, new_text = (
            table.column(name).combine_chunks().take(pa.array(places))
            for table, places in ((written[0], rows.old), (written[1], rows.new))
        )
        only = np.flatnonzero(find_changes(old_text, new_text) & ~changed)
        n_rewritten = len(only)
        found = _list_examples(old_text, new_text, after, rows, only[:1])
        rewritten = next(iter(found), None)
    edges = np.linspace(0, max(len(changed), 1), min(_BINS, len(changed)) + 1)
    edges = edges if len(edges) > 1 else np.array([0, 1])
    return ColumnDiff(
        name=name,
        n_changed=len(where),
        n_rewritten=n_rewritten,
        rewritten=rewritten,
        kinds=(_kind(all_old, written[0]), _kind(all_new, written[1])),
        examples=examples,
        pairs=_count_pairs(old, new, where),
        places=tuple(int(n) for n in np.histogram(where, edges)[0]),
        old=describe_values(all_old),
        new=describe_values(all_new),
    )


def _list_examples(
    old: Any, new: Any, after: Any, rows: Matching, chosen: Any
) -> tuple[Example, ...]:
    labels = rows.labels(after, rows.new[chosen])
    texts = (as_texts(side.take(pa.array(chosen))) for side in (old, new))
    return tuple(
        Example(row=row, old=one, new=other)
        for row, one, other in zip(labels, *texts, strict=True)
    )


def _count_pairs(
    old: Any, new: Any, where: Any
) -> tuple[tuple[str | None, str | None, int], ...]:
    plain = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean)
    if not all(any(test(side.type) for test in plain) for side in (old, new)):
        return ()
    chosen = pa.array(where)
    pairs = Counter(
        zip(as_texts(old.take(chosen)), as_texts(new.take(chosen)), strict=True)
    )
    return tuple((*pair, count) for pair, count in pairs.most_common(_PAIRS))


def _kind(column: Any, written: Any) -> str:
    # A CSV file has no types; what its values were read as is our guess.
    return "text of a CSV file" if written is not None else str(column.type)


def _find_renamed(before: Any, after: Any) -> tuple[tuple[str, str], ...]:
    """Find columns of only one table that have the same values, row by row."""
    if before.num_rows != after.num_rows or not before.num_rows:
        return ()
    lost = [name for name in before.column_names if name not in after.column_names]
    come = [name for name in after.column_names if name not in before.column_names]
    found = []
    for name in lost:
        for other in come:
            if before.column(name).equals(after.column(other)):
                found.append((name, other))
                come.remove(other)
                break
    return tuple(found)
