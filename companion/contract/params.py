"""Parameters of a model: what a request may set beside its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.contract.nested import describe_type, read_nested
from companion.contract.refusals import Refusals, quote_name

__all__ = ["Param", "check_params"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter of a model's signature.

    Attributes
    ----------
    name : str
        Its name.
    spec : mapping
        Its type, written as in a signature.
    default : object
        Value where a request gives none.
    """

    name: str
    spec: Mapping[str, Any]
    default: Any = None


def check_params(
    params: Sequence[Param], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check the parameters that a request gives.

    Returns all parameters as the model gets them, and as the log keeps them; the
    defaults stand for those that are not given. Raises RefusedError if one is unknown
    or of another type.
    """
    refusals = Refusals()
    known = {param.name: param for param in params}
    for name in given.keys() - known.keys():
        refusals.add(
            "unknown",
            f"The model has no parameter {quote_name(name)}.",
            given=given[name],
            expected=f"only the parameters {', '.join(known) or 'of its signature'}",
        )
    values: dict[str, Any] = {}
    logged: dict[str, Any] = {}
    for param in params:
        value = given.get(param.name)
        if value is None:
            values[param.name] = logged[param.name] = param.default
            continue
        seen, kept, complaint = read_nested(param.spec, value)
        if complaint is not None:
            refusals.add(
                complaint[0],
                f"The parameter {quote_name(param.name)} {complaint[1]}.",
                given=value,
                expected=describe_type(param.spec),
            )
        values[param.name], logged[param.name] = seen, kept
    refusals.raise_if_any()
    return values, logged
