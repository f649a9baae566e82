"""A model's contract, read from the signature in its folder.

The columns and their types come from the signature, the ranges from the notes
that `companion.contract.notes` reads.
"""

import json
from collections.abc import Mapping
from typing import Any

from companion.contract.columns import KINDS, Column
from companion.contract.nested import find_unknown_type
from companion.contract.params import Param
from companion.contract.ranges import Range
from companion.contract.rows import UNNAMED, Contract, Layout
from companion.errors import ModelError

__all__ = ["read_contract"]


def read_contract(
    signature: str,
    ranges: Mapping[str, Range] | None = None,
    *,
    params: str | None = None,
) -> Contract:
    """Read a model's contract from its signature and its training ranges.

    `signature` holds the inputs of an MLflow signature: a JSON list of columns, with
    the types of "MLflow Model Signatures and Input Examples" in MLflow's documentation;
    `params` its parameters. `ranges` are the values that the training data allow, in
    each column's own unit. Raises ModelError if the inputs are of a type that JSON
    cannot carry, or a range does not fit them.

    Examples
    --------
    >>> contract = read_contract('[{"type": "double", "name": "wind_ms"}]')
    >>> contract.check([{"wind_ms": 4}]).tuples
    [(4,)]
    """
    specs = _parse(signature, "inputs")
    ranges = ranges or {}
    layout = _layout(specs)
    columns = [
        _column(spec, number, len(specs), ranges) for number, spec in enumerate(specs)
    ]
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
    found = [_param(spec) for spec in _parse(params or "[]", "params")]
    return Contract(columns, layout=layout, params=found)


def _parse(text: object, what: str) -> list[dict[str, Any]]:
    try:
        specs = json.loads(text)  # type: ignore[arg-type]  # TypeError is caught
    except (TypeError, ValueError):
        specs = None
    if not isinstance(specs, list) or not all(isinstance(s, dict) for s in specs):
        raise ModelError(
            f"the signature's {what} are not a JSON list: {str(text)[:80]!r}. "
            "Save the model again with `signature=infer_signature(...)`."
        )
    return specs


def _layout(specs: list[dict[str, Any]]) -> Layout:
    is_tensor = any(spec.get("type") == "tensor" for spec in specs)
    has_names = any("name" in spec for spec in specs)
    if is_tensor:
        return "arrays" if has_names else "array"
    return "frame" if has_names or not specs else "list"


def _column(
    spec: dict[str, Any], number: int, n_columns: int, ranges: Mapping[str, Range]
) -> Column:
    key, kind = spec.get("name"), spec.get("type")
    unnamed = UNNAMED if n_columns == 1 else str(number)
    name = unnamed if key is None else str(key)
    if (
        not isinstance(key, str | int | None)
        or not isinstance(kind, str)
        or kind not in KINDS
        or find_unknown_type(spec)
        or (kind == "tensor" and not _is_tensor(spec.get("tensor-spec")))
    ):
        raise ModelError(
            f"the signature has the input {json.dumps(spec)[:120]}, which JSON cannot "
            f"carry. Served are the types {', '.join(sorted(KINDS))}: save the model "
            "with a signature made from a pandas DataFrame or a NumPy array."
        )
    return Column(
        name=name,
        kind=kind,
        required=bool(spec.get("required", True)),
        allowed=ranges.get(name),
        key=key if isinstance(key, int) else None,
        # What is composed of parts may be missing as a whole by `required` above.
        spec=spec if kind in ("array", "object", "map", "any", "tensor") else {},
    )


def _is_tensor(tensor: object) -> bool:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("dtype"), str):
        return False
    shape = tensor.get("shape")
    return (
        isinstance(shape, list)
        and bool(shape)
        and all(isinstance(size, int) for size in shape)
    )


def _param(spec: dict[str, Any]) -> Param:
    kind: dict[str, Any] = {"type": spec.get("type")}
    if kind["type"] == "object":
        kind["properties"] = spec.get("properties") or {}
    if spec.get("shape"):
        kind = {"type": "array", "items": kind}
    if not isinstance(spec.get("name"), str) or find_unknown_type(kind):
        raise ModelError(
            f"the signature has the parameter {json.dumps(spec)[:120]}; expected are a "
            "name and a type that JSON can carry."
        )
    return Param(name=spec["name"], spec=kind, default=spec.get("default"))
