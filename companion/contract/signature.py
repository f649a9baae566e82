"""A model's contract, read from the signature in its folder.

The columns and their types come from the signature, the ranges from the notes
that `companion.contract.notes` reads.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from companion.contract.columns import KINDS, Column, Kind
from companion.contract.ranges import Range
from companion.contract.rows import Contract
from companion.errors import ModelError

__all__ = ["read_contract"]


def read_contract(
    signature: str, ranges: Mapping[str, Range] | None = None
) -> Contract:
    """Read a model's contract from its signature and its training ranges.

    `signature` holds the inputs of an MLflow signature: a JSON list of columns, with
    the types of "MLflow Model Signatures and Input Examples" in MLflow's documentation.
    `ranges` are the values that the training data allow, in each column's own unit.
    Raises ModelError if the inputs are not named columns of numbers, booleans, text or
    times, or a range does not fit them.

    Examples
    --------
    >>> contract = read_contract('[{"type": "double", "name": "wind_ms"}]')
    >>> contract.check([{"wind_ms": 4}])
    [(4,)]
    """
    try:
        specs = json.loads(signature)
    except (TypeError, ValueError):
        specs = None
    if not isinstance(specs, list) or not all(isinstance(s, dict) for s in specs):
        raise ModelError(
            f"the signature's inputs are not a JSON list: {str(signature)[:80]!r}. "
            "Save the model again with `signature=infer_signature(...)`."
        )
    ranges = ranges or {}
    columns = [_column(spec, ranges) for spec in specs]
    names = [column.name for column in columns]
    if not columns or len(set(names)) < len(names):
        raise ModelError(
            f"the signature names the columns {names}; at least one is expected, "
            "and each name once."
        )
    if unknown := ranges.keys() - names:
        raise ModelError(
            f"there are ranges for {sorted(unknown)}, but the signature has only the "
            f"columns {names}."
        )
    return Contract(columns)


def _column(spec: dict[str, Any], ranges: Mapping[str, Range]) -> Column:
    name, kind = spec.get("name"), spec.get("type")
    if not isinstance(name, str) or not isinstance(kind, str) or kind not in KINDS:
        raise ModelError(
            f"the signature has the input {json.dumps(spec)[:120]}. Served are models "
            f"whose inputs are named columns of the types {', '.join(sorted(KINDS))}: "
            "save the model with a signature made from a pandas DataFrame."
        )
    return Column(
        name=name,
        kind=cast("Kind", kind),
        required=bool(spec.get("required", True)),
        allowed=ranges.get(name),
    )
