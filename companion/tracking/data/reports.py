"""A comparison of two tables for a reader: as text, and as a drawing in SVG."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from companion.tracking.data.comparing import ColumnDiff, DataDiff
    from companion.tracking.data.values import Summary

__all__ = ["draw_diff", "format_diff"]

_BARS = " ▁▂▃▄▅▆▇█"
_PAIRS = 8
_WIDTH, _MARGIN = 720, 16
_STRIP_HEIGHT, _LINE = 56, 22
# Readable on white and on black; text takes the colors of the reader's system.
_STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2328}"
    ".name{font-weight:600}.bar{fill:#2a7f9e}.axis{stroke:#7d8590}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#58b4d1}}"
)


def format_diff(diff: "DataDiff") -> str:
    """Write a comparison as text.

    Parameters
    ----------
    diff : DataDiff
        What `compare_tables` found.

    Returns
    -------
    str
        Lines without a line feed at the end. A row of bars shows where in the table
        the changed rows are.
    """
    lines = [_describe_rows(diff)]
    lines += _list_rows("only in the new one", diff.n_added, diff.added)
    lines += _list_rows("only in the old one", diff.n_removed, diff.removed)
    if diff.is_reordered:
        lines.append("The rows in common have another order.")
    for what, names in (
        ("Columns only in the new one", diff.columns_added),
        ("Columns only in the old one", diff.columns_removed),
        ("Columns with another name", [f"{a} → {b}" for a, b in diff.renamed]),
    ):
        if names:
            lines.append(f"{what}: {', '.join(names)}.")
    if diff.is_rearranged:
        lines.append("The columns in common have another order.")
    for column in diff.columns:
        lines += ["", *_describe_column(column, diff)]
    if not diff.is_different:
        lines.append("No value differs.")
    return "\n".join(lines)


def draw_diff(diff: "DataDiff") -> str:
    """Draw where in the table values changed, and which changes are frequent.

    Parameters
    ----------
    diff : DataDiff
        What `compare_tables` found.

    Returns
    -------
    str
        An SVG document that needs nothing else, for light and dark pages.
    """
    heading = _describe_rows(diff)
    parts = [_text(_MARGIN, 28, heading)]
    top = 48
    for column in diff.columns:
        parts.append(_text(_MARGIN, top + 12, _count_changes(column), "name"))
        top += 24
        if column.n_changed:
            parts += _draw_strip(column, diff, top)
            top += _STRIP_HEIGHT + _LINE
            for old, new, count in column.pairs[:_PAIRS]:
                parts += _draw_pair(old, new, count, column.n_changed, top)
                top += _LINE
        top += 12
    title = escape("; ".join([heading, *map(_count_changes, diff.columns)]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" '
        f'width="{_WIDTH}" height="{top}" role="img"><title>{title}</title>'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _draw_strip(column: "ColumnDiff", diff: "DataDiff", top: int) -> "Iterator[str]":
    bottom = top + _STRIP_HEIGHT
    room = _WIDTH - 2 * _MARGIN
    width = room / len(column.places)
    most = max(column.places)
    for number, count in enumerate(column.places):
        height = round(_STRIP_HEIGHT * count / most, 1)
        if count:
            yield (
                f'<rect class="bar" x="{_MARGIN + number * width:.1f}" '
                f'y="{bottom - height:.1f}" width="{max(width - 1, 1):.1f}" '
                f'height="{height:.1f}"/>'
            )
    yield (
        f'<path class="axis" d="M{_MARGIN} {bottom}.5H{_WIDTH - _MARGIN}"/>'
        + _text(_MARGIN, bottom + 16, diff.first)
        + _text(_WIDTH - _MARGIN, bottom + 16, diff.last, anchor="end")
    )


def _draw_pair(
    old: str | None, new: str | None, count: int, total: int, top: int
) -> "Iterator[str]":
    length = max((_WIDTH - 420) * count / total, 1)
    yield _text(_MARGIN, top + 15, _cut(f"{_show(old)} → {_show(new)}", 40))
    yield f'<rect class="bar" x="320" y="{top + 4}" width="{length:.1f}" height="14"/>'
    yield _text(328 + length, top + 15, f"{count:,}")


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    chosen = f' class="{kind}"' if kind else ""
    return (
        f'<text{chosen} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(_cut(text, 90))}</text>"
    )


def _describe_rows(diff: "DataDiff") -> str:
    matched = f"matched by {', '.join(diff.key)}" if diff.key else "matched by number"
    rows = (
        f"{diff.n_old:,}"
        if diff.n_old == diff.n_new
        else (f"{diff.n_old:,} → {diff.n_new:,}")
    )
    return f"{rows} rows; {diff.n_common:,} in common, {matched}."


def _list_rows(what: str, count: int, examples: tuple[str, ...]) -> list[str]:
    if not count:
        return []
    more = ", …" if count > len(examples) else ""
    return [f"{count:,} {_noun(count)} {what}: {'; '.join(examples)}{more}."]


def _count_changes(column: "ColumnDiff") -> str:
    found = []
    if column.n_changed:
        found.append(f"{column.n_changed:,} {_noun(column.n_changed)} changed")
    if column.n_rewritten:
        found.append(
            f"{column.n_rewritten:,} {_noun(column.n_rewritten)} written in another way"
        )
    if column.kinds[0] != column.kinds[1]:
        found.append(f"type {column.kinds[0]} → {column.kinds[1]}")
    return f"{column.name}: {'; '.join(found) or 'other rows, other summary'}"


def _describe_column(column: "ColumnDiff", diff: "DataDiff") -> "Iterator[str]":
    yield _count_changes(column)
    if column.n_changed:
        yield f"  {_draw_bars(column.places)}  {diff.first} to {diff.last}"
    if one := column.rewritten:
        yield f"  the same value, such as {_show(one.old)} → {_show(one.new)}"
    for old, new, count in column.pairs[:_PAIRS]:
        yield f"  {_show(old)} → {_show(new)}: {count:,}"
    if column.n_changed:
        shown = "; ".join(
            f"{one.row}: {_show(one.old)} → {_show(one.new)}" for one in column.examples
        )
        yield f"  first: {shown}"
    yield from _describe_summaries(column.old, column.new)


def _describe_summaries(old: "Summary", new: "Summary") -> "Iterator[str]":
    if (old.low, old.high) != (new.low, new.high):
        yield (
            f"  range: {_show(old.low)} to {_show(old.high)} → "
            f"{_show(new.low)} to {_show(new.high)}"
        )
    if old.categories != new.categories:
        before, after = dict(old.categories), dict(new.categories)
        counts = [
            f"{_show(name)} {before.get(name, 0):,} → {after.get(name, 0):,}"
            for name in dict.fromkeys([*before, *after])
            if before.get(name) != after.get(name)
        ]
        yield f"  rows by value: {', '.join(counts)}"
    if old.missing_share != new.missing_share:
        yield f"  missing: {old.missing_share:.2%} → {new.missing_share:.2%}"


def _draw_bars(places: tuple[int, ...]) -> str:
    most = max(places)
    # The lowest bar for a single row too: rounded off, it would be hidden.
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in places)


def _show(value: str | None) -> str:
    return "missing" if value is None else _cut(value, 40) or "(empty)"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _noun(count: int) -> str:
    return "row" if count == 1 else "rows"
