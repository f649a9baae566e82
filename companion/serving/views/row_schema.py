"""JSON Schema of a model's rows and parameters, for the OpenAPI document.

References
----------
A. Wright, H. Andrews, B. Hutton and G. Dennis, "JSON Schema: A Media Type for
Describing JSON Documents", draft 2020-12, 2022.
"""

from collections.abc import Mapping
from typing import Any

from companion.contract.columns import Column
from companion.contract.learned import LearnedContract
from companion.contract.rows import Contract

__all__ = ["describe_params", "describe_row"]

_TYPES: Mapping[str, Mapping[str, Any]] = {
    # 0 and 1 are taken for false and true.
    "boolean": {"enum": [True, False, 0, 1]},
    "integer": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "datetime": {
        "type": "string",
        "description": "A time such as 2014-05-01T18:00:00, in UTC unless it has an "
        "offset, from the year 1678 to 2261.",
    },
    "binary": {"type": "string", "contentEncoding": "base64"},
}
_MISSING_TEXTS = {"enum": ["NaN", "nan", "NaT"]}


def describe_row(contract: Contract | LearnedContract) -> dict[str, Any]:
    """Describe one row of `/predict`."""
    columns = contract.columns
    if not columns:  # nothing is known before the first answer
        return {}
    if contract.has_names:
        return {
            "type": "object",
            "properties": {column.name: _column(column) for column in columns},
            "required": [column.name for column in columns if column.required],
            "additionalProperties": False,
        }
    if len(columns) == 1:
        return _column(columns[0])
    return {
        "type": "array",
        "prefixItems": [_column(column) for column in columns],
        "minItems": len(columns),
        "maxItems": len(columns),
    }


def describe_params(contract: Contract | LearnedContract) -> dict[str, Any]:
    """Describe the parameters that a request may give."""
    return {
        "type": ["object", "null"],
        "properties": {
            param.name: _or_null(_type(param.spec)) | {"default": param.default}
            for param in contract.params
        },
        "additionalProperties": False,
    }


def _column(column: Column) -> dict[str, Any]:
    schema = _type(column.spec or {"type": column.kind})
    if column.allowed is not None:
        schema |= {
            "minimum": column.allowed.lowest,
            "maximum": column.allowed.highest,
        }
    if column.required:
        return schema
    missing: list[Mapping[str, Any]] = [{"type": "null"}]
    if column.kind != "string":
        missing.append(_MISSING_TEXTS)
    return {"anyOf": [schema, *missing]}


def _type(spec: Mapping[str, Any]) -> dict[str, Any]:
    kind = spec["type"]
    if kind == "array":
        return {"type": "array", "items": _type(spec["items"])}
    if kind == "map":
        return {"type": "object", "additionalProperties": _type(spec["values"])}
    if kind == "object":
        parts = spec["properties"]
        optional = [
            name for name, one in parts.items() if not one.get("required", True)
        ]
        return {
            "type": "object",
            "properties": {
                name: _or_null(_type(one)) if name in optional else _type(one)
                for name, one in parts.items()
            },
            "required": [name for name in parts if name not in optional],
            "additionalProperties": False,
        }
    if kind == "tensor":
        return _tensor(spec["tensor-spec"])
    return dict(_TYPES.get(kind, {}))


def _tensor(tensor: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for size in reversed(tensor["shape"][1:]):
        schema = {"type": "array", "items": schema}
        if size >= 0:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}
