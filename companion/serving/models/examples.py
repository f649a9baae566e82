"""The rows of a model's example: MLflow's files, or a file that the user gives."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.contract.learned import LearnedContract
from companion.contract.rows import Checked, Contract
from companion.errors import ModelError, RefusedError
from companion.serving.http.formats import (
    INVOCATION_FORMATS,
    rows_of_invocation,
)

__all__ = ["read_example"]

_FILES = ("serving_input_example.json", "input_example.json")


def read_example(
    folder: Path,
    contract: Contract | LearnedContract,
    given: str | Path | None = None,
) -> tuple[Sequence[Any], str | None]:
    """Read the example of a model folder, or of the file that is given instead.

    Returns the rows that fit the contract, and a sentence for the user where there is
    no example or some of its rows do not fit. Raises ModelError if the file cannot be
    read, or none of its rows fits.
    """
    paths = [Path(given)] if given else [folder / name for name in _FILES]
    for path in paths:
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if given:
                raise ModelError(f"there is no file {given} for its example.") from None
            continue
        except (OSError, ValueError) as err:
            raise ModelError(f"its file {path.name} cannot be read: {err}.") from err
        return _rows_that_fit(path, body, contract)
    return (), (
        "It has no example, so nothing has proven that it answers. Save it with "
        "`input_example=`, or give rows with --example FILE."
    )


def _rows_that_fit(
    path: Path, body: Any, contract: Contract | LearnedContract
) -> tuple[Sequence[Any], str | None]:
    fit, failures = [], []
    try:
        rows = rows_of_invocation(_as_invocation(body, contract), contract).rows
    except RefusedError as err:
        rows, failures = [], [err]
    for row in rows:
        try:
            checked = contract.check([row])
        except RefusedError as err:
            failures.append(err)
        else:
            # As the log would keep it: plain JSON, which has no NaN.
            fit.append(_bare(checked))
    if not fit:
        reason = failures[0] if failures else "it has no rows."
        raise ModelError(
            f"its own example, {path.name}, does not fit its signature and ranges: "
            f"{reason}"
        ) from None
    if not failures:
        return fit, None
    return fit, (
        f"Of its example, {path.name}, {len(failures)} of {len(rows)} rows do not fit "
        f"its signature and ranges: {failures[0]}"
    )


def _bare(checked: Checked) -> Any:
    row = checked.rows[0]
    if checked.has_names:
        return row
    values = list(row.values())
    return values if len(values) > 1 else values[0]


def _as_invocation(body: Any, contract: Contract | LearnedContract) -> Any:
    """Bring the forms that MLflow and people write into one of /invocations."""
    if isinstance(body, dict):
        if body.keys() & {*INVOCATION_FORMATS}:
            return body
        if isinstance(body.get("rows"), list):
            return {"inputs": body["rows"]}
        if "data" in body and body.keys() <= {"columns", "data", "index"}:
            return {"dataframe_split": body}
        if contract.has_names and set(contract.names) & body.keys():
            # One row, or a list for each column: both are forms of "inputs".
            is_row = contract.layout == "frame" and not _is_table(body)
            return {"inputs": [body] if is_row else body}
    return {"inputs": body if isinstance(body, list) else [body]}


def _is_table(body: dict[str, Any]) -> bool:
    values = list(body.values())
    lengths = {len(value) for value in values if isinstance(value, list)}
    return len(lengths) == 1 and all(isinstance(value, list) for value in values)
