"""The formats in which a request may give its rows.

`/predict` takes ``{"rows": [...]}``; `/invocations` takes what MLflow's scoring
server takes as JSON, so that its clients need no change. Both end as one list
of rows, which `companion.contract.rows` checks.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from companion.contract.columns import Row
from companion.contract.refusals import refuse
from companion.contract.rows import Contract

__all__ = ["INVOCATION_FORMATS", "rows_of_invocation", "rows_of_prediction"]

INVOCATION_FORMATS = ("dataframe_records", "dataframe_split", "inputs", "instances")


def rows_of_prediction(body: object) -> list[Any]:
    """Take the rows, not yet checked, out of the parsed body of `/predict`.

    Raises RefusedError if it is not an object with the one member `rows`, a list.
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
    if len(members) > 1:
        refuse(
            "unknown",
            "The body has other members beside `rows`.",
            given=_listed(members.keys() - {"rows"}),
            expected=expected,
        )
    return _as_list(members["rows"], "rows")


def rows_of_invocation(body: object, contract: Contract) -> list[Any]:
    """Take the rows, not yet checked, out of the parsed body of `/invocations`.

    It is an object with one of `INVOCATION_FORMATS`, which are those of MLflow's "Local
    inference server specification". Other members, `params` among them, are left alone
    as MLflow does for models without parameters. The contract names the column of a
    model that has only one. Raises RefusedError if the body has none of the formats,
    several, or one that is broken.
    """
    expected = f"an object with one of {', '.join(INVOCATION_FORMATS)}"
    members = _as_object(body, "The body", expected)
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
        return _as_list(given, name)
    if name == "dataframe_split":
        return _rows_of_split(given)
    return _rows_of_tensor(given, name, contract)


def _rows_of_split(split: object) -> list[Any]:
    member = "dataframe_split"
    expected = 'an object such as {"columns": [...], "data": [[...], ...]}'
    given = _as_object(split, f"`{member}`", expected)
    unknown = given.keys() - {"columns", "data", "index"}
    if unknown or not {"columns", "data"} <= given.keys():
        refuse(
            "unknown" if unknown else "missing",
            f"`{member}` does not have the members it must have.",
            given=_listed(given),
            expected=expected,
        )
    columns = _as_list(given["columns"], f"{member}.columns")
    if not all(isinstance(column, str) for column in columns):
        refuse(
            "wrong_type",
            f"`{member}.columns` has a name that is not text.",
            given=columns,
            expected="names of columns",
        )
    if len(set(columns)) < len(columns):
        refuse(
            "unknown",
            f"`{member}.columns` has a name twice.",
            given=", ".join(columns),
            expected="each name once",
        )
    return [
        _labelled(columns, values, number)
        for number, values in enumerate(_as_list(given["data"], f"{member}.data"))
    ]


def _labelled(columns: Sequence[str], values: object, number: int) -> Row:
    if not isinstance(values, list) or len(values) != len(columns):
        refuse(
            "wrong_type",
            f"Row {number} of `dataframe_split.data` does not fit the columns.",
            given=values,
            expected=f"a list of {len(columns)} values",
        )
    return dict(zip(columns, values, strict=True))


def _rows_of_tensor(given: object, member: str, contract: Contract) -> list[Any]:
    if isinstance(given, dict):
        return _rows_of_columns(given, member)
    values = _as_list(given, member)
    # MLflow takes bare values for the column of a model that has only one.
    if len(contract.names) == 1 and not any(isinstance(v, dict) for v in values):
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
