"""Rows in CSV, as MLflow's scoring server takes them on /invocations."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from companion.contract.columns import Column
from companion.contract.learned import LearnedContract
from companion.contract.refusals import refuse
from companion.contract.rows import Contract
from companion.errors import ProblemError

__all__ = ["CSV_TYPE", "read_cell", "rows_of_csv"]

CSV_TYPE = "text/csv"

# What pandas, and so MLflow, reads as missing in a CSV file; beside the empty text.
_MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NaT", "null", "NULL", "None"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def rows_of_csv(text: str, contract: Contract | LearnedContract) -> list[Any]:
    """Read rows, not yet checked, from CSV with a line of names.

    A value becomes a number or a boolean where its column is one; a text that is none
    stays text, for the check to name it. Raises ProblemError if it is not CSV, and
    RefusedError if a line has more or fewer values than there are names.
    """
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as err:
        raise ProblemError("broken-csv", f"The body is not CSV: {err}.") from None
    lines = [line for line in lines if line]
    if not lines:
        raise ProblemError("broken-csv", "The body is empty; expected a line of names.")
    names = lines[0]
    columns = {column.name: column for column in contract.columns}
    rows = []
    for number, line in enumerate(lines[1:]):
        if len(line) != len(names):
            refuse(
                "wrong_type",
                f"Row {number} does not fit the line of names.",
                given=len(line),
                expected=f"{len(names)} values",
            )
        row = {
            name: read_cell(columns.get(name), cell)
            for name, cell in zip(names, line, strict=True)
        }
        rows.append(row if contract.has_names else _bare(row))
    return rows


def _bare(row: Mapping[str, Any]) -> Any:
    values = list(row.values())
    return values[0] if len(values) == 1 else values


def read_cell(column: Column | None, cell: str) -> Any:
    """Read one value as what its column holds, not yet checked; None is missing."""
    if cell in _MISSING:
        return None
    kind = "any" if column is None else column.kind
    if kind == "boolean":
        return _BOOLEANS.get(cell.lower(), cell)
    if kind in ("string", "datetime", "binary"):
        return cell
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return cell
