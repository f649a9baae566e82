"""Rows on which two ways of asking one model are compared.

The rows of the example, rows at the ends of the columns' ranges, and random rows
between them. Pure functions: the same columns always give the same rows.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from companion.contract.columns import Column
from companion.contract.profile import ColumnProfile
from companion.contract.rows import Checked

__all__ = ["N_RANDOM", "make_proof", "make_tensor_proof"]

N_RANDOM = 1000
_SEED = 20140101
_WHOLE = frozenset({"integer", "long"})

Rows = list[tuple[Any, ...]]


def make_proof(
    columns: Sequence[Column],
    example: Sequence[tuple[Any, ...]],
    profile: Mapping[str, ColumnProfile],
) -> Checked:
    """Make rows for columns that are all numbers.

    Values lie within each column's allowed range, else within the bins of the training
    data's profile, else around those of the example; an optional value is missing in
    some rows. Values are rounded in two thirds of the rows, because measured ones are:
    a model's steps lie at such values, or halfway between them.
    """
    rng = np.random.default_rng(_SEED)
    by_column = []
    for number, column in enumerate(columns):
        known = [row[number] for row in example if row[number] is not None]
        by_column.append(_values(column, known, profile.get(column.name), rng))
    rows = [*example, *zip(*by_column, strict=True)]
    return Checked(rows, [{} for _ in rows])


def make_tensor_proof(example: Sequence[tuple[Any, ...]]) -> Checked:
    """Make rows for a model that takes one array, around those of its example."""
    rng = np.random.default_rng(_SEED)
    seen = np.array([row[0] for row in example], dtype=float)
    low, high = seen.min(axis=0), seen.max(axis=0)
    width = np.maximum(high - low, np.maximum(1.0, np.abs(seen).max(axis=0)))
    random = rng.uniform(low - width, high + width, (N_RANDOM, *low.shape))
    random[: N_RANDOM // 3] = np.round(random[: N_RANDOM // 3], 1)
    rows = [*example, *((row.tolist(),) for row in random)]
    return Checked(rows, [{} for _ in rows])


def _values(
    column: Column,
    known: Sequence[Any],
    bins: ColumnProfile | None,
    rng: np.random.Generator,
) -> list[Any]:
    """Make the values of one column: its two ends, and random ones between them."""
    values: list[Any]
    if column.kind == "boolean":
        values = [False, True, *(rng.random(N_RANDOM) < 0.5).tolist()]
    else:
        low, high = _ends(column, known, bins)
        if column.kind in _WHOLE:
            first, last = math.ceil(low), math.floor(high)
            whole = rng.integers(first, last, N_RANDOM, endpoint=True)
            values = [first, last, *whole.tolist()]
        else:
            drawn = rng.uniform(low, high, N_RANDOM)
            third = N_RANDOM // 3
            drawn[:third] = np.round(drawn[:third])
            drawn[third : 2 * third] = np.round(drawn[third : 2 * third], 1)
            values = [low, high, *np.clip(drawn, low, high).tolist()]
    if not column.required:
        missing = rng.random(len(values)) < 0.1
        values = [None if gone else v for v, gone in zip(values, missing, strict=True)]
    return values


def _ends(
    column: Column, known: Sequence[Any], bins: ColumnProfile | None
) -> tuple[float, float]:
    if column.allowed is not None:
        return column.allowed.lowest, column.allowed.highest
    if bins is not None and bins.edges:
        return bins.edges[0], bins.edges[-1]
    low, high = min(known, default=0.0), max(known, default=0.0)
    width = max(1.0, high - low, abs(low), abs(high))
    return low - width, high + width
