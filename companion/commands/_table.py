"""Rows as a table that fits the terminal."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

__all__ = ["DEFAULT_COLUMNS", "format_table", "printable"]

_MIN_WIDTH = 20
# Where the terminal's width is unknown, as in a pipe.
DEFAULT_COLUMNS = 120


def format_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    n_elastic: int = 1,
    wrap: bool = False,
) -> str:
    """Format rows as a table, without a line feed at the end.

    What cannot be printed is shown as ``?``: untrusted text must not control the
    terminal. The columns named in `right` are aligned to the right. The last
    `n_elastic` columns share the room that the others leave; their cells are cut to
    fit or, with `wrap`, go on in the lines below.
    """
    table = [header, *(tuple(map(printable, row)) for row in rows)]
    n_fixed = len(header) - n_elastic
    widths = [max(len(row[column]) for row in table) for column in range(n_fixed)]
    columns = shutil.get_terminal_size((DEFAULT_COLUMNS, 24)).columns
    left_over = columns - sum(widths) - 2 * (len(header) - 1)
    room = max(left_over // max(n_elastic, 1), _MIN_WIDTH)
    widths += [
        min(room, max(len(row[column]) for row in table))
        for column in range(n_fixed, len(header))
    ]
    return "\n".join(
        "  ".join(
            _fit(cell, width, is_right=name in right)
            for cell, width, name in zip(row, widths, header, strict=True)
        ).rstrip()
        for row in (_wrapped(table, widths, n_fixed) if wrap else table)
    )


def _wrapped(
    table: Sequence[Sequence[str]], widths: Sequence[int], n_fixed: int
) -> Iterator[tuple[str, ...]]:
    """Give each row as one or more, of which the elastic columns fill all."""
    for row in table:
        elastic = [
            textwrap.wrap(cell, width)
            for cell, width in zip(row[n_fixed:], widths[n_fixed:], strict=True)
        ]
        yield from zip_longest(
            *([cell] for cell in row[:n_fixed]), *elastic, fillvalue=""
        )


def _fit(cell: str, width: int, *, is_right: bool) -> str:
    if len(cell) > width:
        cell = cell[: width - 1] + "…"
    return f"{cell:>{width}}" if is_right else f"{cell:<{width}}"


def printable(cell: str) -> str:
    """Replace what the terminal cannot show, or would obey."""
    shown = "".join(c if c.isprintable() else "?" for c in cell)
    # The terminal's encoding may lack characters that are in the log.
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)
