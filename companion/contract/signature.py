"""A model's contract, read from the signature in its folder.

The columns and their types come from the signature, the ranges from the
training data as `companion train` notes them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from companion.contract.columns import KINDS, Column, Kind, is_range
from companion.contract.rows import Contract
from companion.errors import ModelError

__all__ = ["read_contract"]


def read_contract(
    signature: str, ranges: Mapping[str, Sequence[float]] | None = None
) -> Contract:
    """Read a model's contract from its signature and its training ranges.

    Parameters
    ----------
    signature : str
        The inputs of an MLflow signature: a JSON list of columns.
    ranges : mapping of str to (lowest, highest), optional
        Values that the training data allow, in each column's own unit.

    Returns
    -------
    Contract
        What a row must look like.

    Raises
    ------
    ModelError
        If the inputs are not named columns of numbers, booleans, text or
        times, or a range does not fit them.

    References
    ----------
    "MLflow Model Signatures and Input Examples", MLflow documentation: the
    column types.

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
    if not isinstance(ranges, Mapping | None):
        raise ModelError(
            f"the ranges are {str(ranges)[:80]!r}; expected is, for each column, its "
            "name with the lowest and the highest number."
        )
    ranges = dict(ranges or {})
    columns = [_column(spec, ranges) for spec in specs]
    names = [column.name for column in columns]
    if not columns or len(set(names)) < len(names):
        raise ModelError(
            f"the signature names the columns {names}; at least one is expected, "
            "and each name once."
        )
    if ranges:
        raise ModelError(
            f"there are ranges for {sorted(map(str, ranges))}, but the signature has "
            f"only the columns {names}."
        )
    return Contract(columns)


def _column(spec: dict[str, Any], ranges: dict[str, Sequence[float]]) -> Column:
    name, kind = spec.get("name"), spec.get("type")
    if not isinstance(name, str) or not isinstance(kind, str) or kind not in KINDS:
        raise ModelError(
            f"the signature has the input {json.dumps(spec)[:120]}. Served are models "
            f"whose inputs are named columns of the types {', '.join(sorted(KINDS))}: "
            "save the model with a signature made from a pandas DataFrame."
        )
    kind = cast("Kind", kind)
    span = ranges.pop(name, None)
    required = bool(spec.get("required", True))
    if span is None:
        return Column(name=name, kind=kind, required=required)
    if not is_range(kind, span):
        raise ModelError(
            f"the range of column {name!r} is {span!r}; expected are the lowest and "
            f"the highest number, for a column of numbers (this one: {kind})."
        )
    return Column(
        name=name, kind=kind, required=required, lowest=span[0], highest=span[1]
    )
