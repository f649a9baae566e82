"""The formats in which a request may give its rows.

`/predict` takes ``{"rows": [...]}``; `/invocations` takes what MLflow's scoring
server takes as JSON, so that its clients need no change. Both end as one list
of rows, which `companion.contract.rows` checks.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from companion.contract.columns import Row
from companion.contract.learned import LearnedContract
from companion.contract.refusals import refuse
from companion.contract.rows import Contract

__all__ = [
    "INVOCATION_FORMATS",
    "LISTS_OF_INVOCATION",
    "LISTS_OF_PREDICTION",
    "AnyContract",
    "GivenRows",
    "labels_of_feedback",
    "rows_of_invocation",
    "rows_of_prediction",
]

INVOCATION_FORMATS = ("dataframe_records", "dataframe_split", "inputs", "instances")
# Which members may hold a list of rows that are objects.
LISTS_OF_PREDICTION = ("rows",)
LISTS_OF_INVOCATION = ("dataframe_records", "inputs", "instances")
# A body with one of these is the one row of a chat, completion or embedding model.
_LLM_MEMBERS = ("messages", "prompt", "input")

AnyContract = Contract | LearnedContract


class GivenRows(NamedTuple):
    """What a body holds, not yet checked.

    Attributes
    ----------
    rows : list
        The rows.
    params : dict
        Parameters for the model.
    is_bare : bool
        Whether the body was the row itself; its answer is then bare as well.
    """

    rows: list[Any]
    params: Mapping[str, Any] = MappingProxyType({})
    is_bare: bool = False


def rows_of_prediction(body: object, contract: AnyContract) -> GivenRows:
    """Take the rows, not yet checked, out of the parsed body of `/predict`.

    Raises RefusedError if it is not an object with the member `rows`, a list, and for
    models that have parameters perhaps `params`.
    """
    expected = 'an object such as {"rows": [{"column": value, ...}, ...]}'
    members = _as_object(body, "The body", expected)
    if "rows" not in members:
        refuse(
            "missing",
            "The body has no member `rows`.",
            given=_listed(members),
            expected=expected,
        )
    if len(members) == 1:
        return GivenRows(_as_list(members["rows"], "rows"))
    known = {"rows", "params"} if contract.params else {"rows"}
    if unknown := members.keys() - known:
        refuse(
            "unknown",
            f"The body has other members beside {_quoted(known)}.",
            given=_listed(unknown),
            expected=expected,
        )
    return GivenRows(_as_list(members["rows"], "rows"), _params(members))


def labels_of_feedback(body: object) -> list[Any]:
    """Take the labels, not yet checked, out of the parsed body of `/feedback`.

    Raises RefusedError if it is not an object with the one member `labels`, a list.
    """
    expected = 'an object such as {"labels": [{"id": "...", "label": "rain"}, ...]}'
    members = _as_object(body, "The body", expected)
    if members.keys() != {"labels"}:
        refuse(
            "unknown" if "labels" in members else "missing",
            "The body must have the member `labels` and no other.",
            given=_listed(members),
            expected=expected,
        )
    return _as_list(members["labels"], "labels")


def rows_of_invocation(body: object, contract: AnyContract) -> GivenRows:
    """Take the rows, not yet checked, out of the parsed body of `/invocations`.

    It is an object with one of `INVOCATION_FORMATS`, which are those of MLflow's "Local
    inference server specification", or the one row of a language model. `params` are
    left alone, as MLflow does, for models without parameters, and so are other members.
    The contract names the column of a model that has only one. Raises RefusedError if
    the body has none of the formats, several, or one that is broken.
    """
    expected = f"an object with one of {', '.join(INVOCATION_FORMATS)}"
    members = _as_object(body, "The body", expected)
    if any(name in members for name in _LLM_MEMBERS) and _takes_llm_body(contract):
        return _rows_of_llm_body(members, contract)
    formats = [name for name in INVOCATION_FORMATS if name in members]
    if len(formats) != 1:
        refuse(
            "unknown" if formats else "missing",
            f"The body has {len(formats)} of the members that can hold rows.",
            given=_listed(formats or members),
            expected=expected,
        )
    name = formats[0]
    given = members[name]
    if name == "dataframe_records":
        rows = _without_names(_as_list(given, name), contract)
    elif name == "dataframe_split":
        rows = _without_names(_rows_of_split(given, contract), contract)
    else:
        rows = _rows_of_tensor(given, name, contract)
    return GivenRows(rows, _params(members) if contract.params else {})


def _takes_llm_body(contract: AnyContract) -> bool:
    return not contract.columns or any(one in contract.names for one in _LLM_MEMBERS)


def _rows_of_llm_body(members: Row, contract: AnyContract) -> GivenRows:
    names = {param.name for param in contract.params}
    row = {name: value for name, value in members.items() if name not in names}
    params = {name: value for name, value in members.items() if name in names}
    return GivenRows([row], params, is_bare=True)


def _params(members: Row) -> dict[str, Any]:
    given = members.get("params")
    if given is None:
        return {}
    return _as_object(given, "`params`", 'an object such as {"name": value}')


def _without_names(rows: list[Any], contract: AnyContract) -> list[Any]:
    """Take the values of a data frame's rows, for a model of columns without names."""
    if contract.has_names or not all(isinstance(row, dict) for row in rows):
        return rows
    values = [list(row.values()) for row in rows]
    if len(contract.names) > 1:
        return values
    return [one[0] if len(one) == 1 else one for one in values]


def _rows_of_split(split: object, contract: AnyContract) -> list[Any]:
    member = "dataframe_split"
    expected = 'an object such as {"columns": [...], "data": [[...], ...]}'
    given = _as_object(split, f"`{member}`", expected)
    unknown = given.keys() - {"columns", "data", "index"}
    if (
        unknown
        or "data" not in given
        or ("columns" not in given and not _counts_columns(contract))
    ):
        refuse(
            "unknown" if unknown else "missing",
            f"`{member}` does not have the members it must have.",
            given=_listed(given),
            expected=expected,
        )
    data = _as_list(given["data"], f"{member}.data")
    if "columns" not in given:
        # pandas then counts the columns.
        width = len(data[0]) if data and isinstance(data[0], list) else 0
        given = {"columns": list(range(width)), **given}
    columns = _as_list(given["columns"], f"{member}.columns")
    if not all(type(column) in (str, int) for column in columns):
        refuse(
            "wrong_type",
            f"`{member}.columns` has a name that is not text.",
            given=columns,
            expected="names of columns",
        )
    columns = list(map(str, columns))
    if len(set(columns)) < len(columns):
        refuse(
            "unknown",
            f"`{member}.columns` has a name twice.",
            given=", ".join(columns),
            expected="each name once",
        )
    return [_labelled(columns, values, number) for number, values in enumerate(data)]


def _counts_columns(contract: AnyContract) -> bool:
    """Whether the model knows its columns by their place."""
    if not contract.has_names or not contract.columns:
        return True
    return all(column.key is not None for column in contract.columns)


def _labelled(columns: Sequence[str], values: object, number: int) -> Row:
    if not isinstance(values, list) or len(values) != len(columns):
        refuse(
            "wrong_type",
            f"Row {number} of `dataframe_split.data` does not fit the columns.",
            given=values,
            expected=f"a list of {len(columns)} values",
        )
    return dict(zip(columns, values, strict=True))


def _rows_of_tensor(given: object, member: str, contract: AnyContract) -> list[Any]:
    if isinstance(given, dict):
        # Where a value may itself be a list, MLflow takes an object for one row.
        if any(column.kind in ("array", "object") for column in contract.columns):
            return [given]
        if contract.has_names:
            return _rows_of_columns(given, member)
        return _without_names(_rows_of_columns(given, member), contract)
    if not isinstance(given, list) and not contract.has_names:
        return [given]  # MLflow takes a bare value as one row
    values = _as_list(given, member)
    # MLflow takes bare values for the column of a model that has only one.
    if (
        contract.has_names
        and len(contract.names) == 1
        and not any(isinstance(value, dict) for value in values)
    ):
        return [{contract.names[0]: value} for value in values]
    return values


def _rows_of_columns(given: Row, member: str) -> list[Any]:
    if given and not any(isinstance(values, list) for values in given.values()):
        return [given]  # one row, each column with its bare value
    lengths = {
        len(values) if isinstance(values, list) else None for values in given.values()
    }
    if len(lengths) > 1 or None in lengths:
        refuse(
            "wrong_type",
            f"The columns of `{member}` do not have the same length.",
            given=given,
            expected="a list of the same length for each column",
        )
    return [
        dict(zip(given, values, strict=True))
        for values in zip(*given.values(), strict=True)
    ]


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in sorted(names, reverse=True))


def _listed(members: Iterable[str]) -> str:
    return ", ".join(sorted(members)) or "no members"


def _as_object(given: object, what: str, expected: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        refuse(
            "wrong_type", f"{what} is not an object.", given=given, expected=expected
        )
    return given


def _as_list(given: object, member: str) -> list[Any]:
    if not isinstance(given, list):
        refuse(
            "wrong_type", f"`{member}` is not a list.", given=given, expected="a list"
        )
    return given
