"""Rows as a table that fits the terminal."""

import shutil
import sys
from collections.abc import Sequence

__all__ = ["format_table"]

_NARROWEST = 20
# Where no terminal says how wide it is, as in a pipe.
_USUAL_COLUMNS = 120


def format_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    n_elastic: int = 1,
) -> str:
    """Lay rows out as a table.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells, as many in each row as there are columns. What cannot be printed
        is shown as ``?``: text of strangers must not steer the terminal.
    right : sequence of str, optional
        The columns that are set to the right.
    n_elastic : int, default=1
        So many columns at the end share what room the others leave, and are cut
        where it is not enough.

    Returns
    -------
    str
        Lines without a line feed at the end.
    """
    table = [header, *(tuple(map(_printable, row)) for row in rows)]
    n_fixed = len(header) - n_elastic
    widths = [max(len(row[column]) for row in table) for column in range(n_fixed)]
    columns = shutil.get_terminal_size((_USUAL_COLUMNS, 24)).columns
    left_over = columns - sum(widths) - 2 * (len(header) - 1)
    room = max(left_over // n_elastic, _NARROWEST)
    widths += [
        min(room, max(len(row[column]) for row in table))
        for column in range(n_fixed, len(header))
    ]
    return "\n".join(
        "  ".join(
            _fit(cell, width, is_right=name in right)
            for cell, width, name in zip(row, widths, header, strict=True)
        ).rstrip()
        for row in table
    )


def _fit(cell: str, width: int, *, is_right: bool) -> str:
    if len(cell) > width:
        cell = cell[: width - 1] + "…"
    return f"{cell:>{width}}" if is_right else f"{cell:<{width}}"


def _printable(cell: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in cell)
    # A terminal may have no letters for what is in the log.
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)
