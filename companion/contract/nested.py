"""Values of MLflow's composed types: arrays, objects, maps, tensors, anything.

Pure functions of values as Python's JSON parser gives them. A type is written as in
the signature of an MLmodel file: ``{"type": "array", "items": {"type": "double"}}``.

References
----------
MLflow, "MLflow Model Signatures and Input Examples", 2026.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from companion.contract.scalars import (
    DESCRIPTIONS,
    Complaint,
    as_logged,
    is_missing,
    read_scalar,
)

__all__ = ["NESTED_KINDS", "describe_type", "find_unknown_type", "read_nested"]

Type = Mapping[str, Any]

NESTED_KINDS = frozenset({"array", "object", "map", "any", "tensor"})
_DEEPEST = 24  # a record's JSON may be nested 32 deep
# Kind of a NumPy type -> MLflow's type of its elements. Objects may be anything.
_ELEMENTS = {"b": "boolean", "i": "long", "u": "long", "f": "double", "U": "string"}


class _RefusedError(Exception):
    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint[1])
        self.complaint = complaint


def read_nested(spec: Type, value: object) -> tuple[Any, Any, Complaint | None]:
    """Check one value of a composed type.

    Returns what the model gets, what the log keeps, and, where the value is refused,
    the code of the reason and the end of a sentence that begins "the column … ".
    """
    try:
        seen, logged = _read(spec, value, "", 0)
    except _RefusedError as err:
        return value, value, err.complaint
    return seen, logged, None


def describe_type(spec: Type) -> str:
    """Describe the values of a type in a few words."""
    kind = spec.get("type")
    if kind == "array":
        return f"a list, each element {describe_type(spec.get('items') or {})}"
    if kind == "object":
        names = ", ".join(list(spec.get("properties") or {})[:8])
        return f"an object with {names}"
    if kind == "map":
        return f"an object, each value {describe_type(spec.get('values') or {})}"
    if kind == "tensor":
        inner = _element_shape(spec)
        element = DESCRIPTIONS.get(_element_kind(spec), "any value")
        if not inner:
            return element
        sizes = " by ".join("any" if size < 0 else str(size) for size in inner)
        return f"nested lists of shape {sizes}, each element {element}"
    return DESCRIPTIONS.get(str(kind), "any JSON value")


def find_unknown_type(spec: object) -> str | None:
    """Return the first type in a signature that is not known, or None."""
    if not isinstance(spec, dict):
        return str(spec)
    kind = spec.get("type")
    if kind in DESCRIPTIONS or kind in ("any", "tensor"):
        return None
    if kind == "array":
        return find_unknown_type(spec.get("items"))
    if kind == "map":
        return find_unknown_type(spec.get("values"))
    if kind == "object":
        found = map(find_unknown_type, (spec.get("properties") or {}).values())
        return next((one for one in found if one), None)
    return str(kind)


def _read(spec: Type, value: Any, place: str, depth: int) -> tuple[Any, Any]:
    kind: str = spec["type"]
    if depth > _DEEPEST:
        raise _refused("wrong_type", place, "is nested too deeply")
    if kind == "any":
        return value, _check_any(value, place, depth)
    if kind == "tensor":
        shape = _element_shape(spec)
        return _read_tensor(_element_kind(spec), shape, value, place, depth)
    if is_missing(kind, value):
        if spec.get("required", True):
            raise _refused("null", place, "has no value")
        return None, None
    if kind == "array":
        if not isinstance(value, list):
            raise _refused("wrong_type", place, "is not a list")
        return _read_list([spec["items"]] * len(value), value, place, depth)
    if kind in ("object", "map"):
        return _read_object(spec, value, place, depth)
    seen, complaint = read_scalar(kind, value)
    if complaint is not None:
        raise _refused(complaint[0], place, complaint[1])
    return seen, as_logged(seen, value)


def _read_list(
    specs: Sequence[Type], values: Sequence[Any], place: str, depth: int
) -> tuple[list[Any], list[Any]]:
    pairs = [
        _read(spec, value, f"{place}[{number}]", depth + 1)
        for number, (spec, value) in enumerate(zip(specs, values, strict=True))
    ]
    return [seen for seen, _ in pairs], [logged for _, logged in pairs]


def _read_object(
    spec: Type, value: Any, place: str, depth: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(value, dict):
        raise _refused("wrong_type", place, "is not an object")
    if spec["type"] == "map":
        specs: Mapping[str, Any] = dict.fromkeys(value, spec["values"])
    else:
        specs = spec["properties"]
        if unknown := value.keys() - specs.keys():
            name = min(unknown)[:80]
            raise _refused("unknown", place, f"has the unknown member {name!r}")
    seen: dict[str, Any] = {}
    logged: dict[str, Any] = {}
    for name, inner in specs.items():
        if name not in value and not inner.get("required", True):
            continue
        where = f"{place}.{name}" if place else name
        seen[name], logged[name] = _read(inner, value.get(name), where, depth + 1)
    return seen, logged


def _read_tensor(
    element: str, shape: Sequence[int], value: Any, place: str, depth: int
) -> tuple[Any, Any]:
    if shape:
        if not isinstance(value, list):
            raise _refused("wrong_type", place, "is not a list")
        if shape[0] >= 0 and len(value) != shape[0]:
            what = f"has {len(value)} elements, not {shape[0]}"
            raise _refused("wrong_type", place, what)
        pairs = [
            _read_tensor(element, shape[1:], inner, f"{place}[{number}]", depth + 1)
            for number, inner in enumerate(value)
        ]
        return [seen for seen, _ in pairs], [logged for _, logged in pairs]
    if element == "any":
        return value, _check_any(value, place, depth)
    if element == "double" and is_missing(element, value):
        return math.nan, None
    seen, complaint = read_scalar(element, value)
    if complaint is not None:
        raise _refused(complaint[0], place, complaint[1])
    return seen, as_logged(seen, value)


def _check_any(value: Any, place: str, depth: int) -> Any:
    """Return a value as the log keeps it; text and numbers are checked."""
    if depth > _DEEPEST:
        raise _refused("wrong_type", place, "is nested too deeply")
    if isinstance(value, list):
        return [_check_any(inner, place, depth + 1) for inner in value]
    if isinstance(value, dict):
        for name in value:
            _check_any(name, place, depth)
        return {name: _check_any(v, place, depth + 1) for name, v in value.items()}
    if is_missing("string", value) or value is None or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    kind = "string" if isinstance(value, str) else "double"
    _, complaint = read_scalar(kind, value)
    if complaint is not None:
        raise _refused(complaint[0], place, complaint[1])
    return value


def _element_kind(spec: Type) -> str:
    dtype = str(spec["tensor-spec"]["dtype"])
    if dtype.startswith("datetime64"):
        return "datetime"
    names = {"float": "f", "int": "i", "uint": "u", "bool": "b", "str": "U"}
    kind = names.get(dtype.rstrip("0123456789"), dtype.lstrip("<>|=")[:1])
    return _ELEMENTS.get(kind, "any")


def _element_shape(spec: Type) -> Sequence[int]:
    shape: Sequence[int] = spec["tensor-spec"]["shape"][1:]
    return shape


def _refused(reason: str, place: str, what: str) -> _RefusedError:
    return _RefusedError((reason, f"{what} at {place[:80]}" if place else what))
