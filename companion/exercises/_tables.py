"""Checks an answer that is a table."""

from typing import TYPE_CHECKING, Any

from companion.exercises._kinds import kind, shown
from companion.exercises._verdict import Verdict, not_yet, right

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_table"]


def check_table(
    answer: object,
    expected: "pd.DataFrame",
    *,
    hint: str,
    tolerance: float = 0.01,
    remark: str = "",
) -> Verdict:
    """Check a table: its columns, its rows, then its values.

    Parameters
    ----------
    answer : object
        A pandas DataFrame. Further columns, and the order of rows and columns,
        do not count.
    expected : pandas.DataFrame of shape (n_rows, n_columns)
        The right columns and values; the index names the rows, each once.
    hint : str
        What to look at when a value is off, in whole sentences.
    tolerance : float, default=0.01
        How far off a number may be, as a share of the right one.
    remark : str, default=""
        What to notice about the right answer.

    Returns
    -------
    Verdict
        Whether the table is right, or the first thing about it that is not.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"wet": [3, 5]}, index=[2012, 2013])
    >>> check_table(counts.T, counts, hint="Count the days.")
    Not yet. Your table lacks the column 'wet'; its columns are 2012, 2013.
    """
    import pandas as pd

    if isinstance(answer, pd.Series):
        return not_yet(
            "Your answer is a Series, one column; a DataFrame is expected, with "
            f"the columns {_listed(expected.columns)}."
        )
    if not isinstance(answer, pd.DataFrame):
        return not_yet(
            f"Your answer is {kind(answer)}; a DataFrame is expected, with the "
            f"columns {_listed(expected.columns)}."
        )
    return (
        _frame_verdict(answer, expected)
        or _value_verdict(answer, expected, tolerance=tolerance, hint=hint)
        or right(remark)
    )


def _frame_verdict(answer: "pd.DataFrame", expected: "pd.DataFrame") -> Verdict | None:
    for column in expected.columns:
        if column not in answer.columns:
            return not_yet(
                f"Your table lacks the column {column!r}; "
                f"its columns are {_listed(answer.columns) or 'none'}."
            )
    if len(answer) != len(expected):
        return not_yet(
            f"Your table has {len(answer)} rows, {len(expected)} are expected: "
            f"{_listed(expected.index)}."
        )
    for row in expected.index:
        if row not in answer.index:
            return not_yet(
                f"Your table has no row {_label(row)}; "
                f"its index is {_listed(answer.index)}."
            )
    return None


def _value_verdict(
    answer: "pd.DataFrame", expected: "pd.DataFrame", *, tolerance: float, hint: str
) -> Verdict | None:
    import pandas as pd

    for column in expected.columns:
        for row in expected.index:
            given = answer.loc[row, column]
            if not _equal(given, expected.loc[row, column], tolerance):
                gap = pd.isna(given) is True
                says = "your table has a gap" if gap else f"your table says {given}"
                return not_yet(
                    f"In column {column!r}, row {_label(row)}, {says}. {hint}"
                )
    return None


def _equal(given: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(given, str) or isinstance(wanted, str):
        return bool(given == wanted)
    try:
        margin = tolerance * abs(float(wanted))
        return abs(float(given) - float(wanted)) <= margin + 1e-9
    except (TypeError, ValueError):
        return bool(given == wanted)


def _listed(labels: Any) -> str:
    names = [_label(label) for label in labels]
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _label(value: Any) -> str:
    # NumPy's and pandas' scalars would show their type.
    return str(value) if not isinstance(value, str) else shown(value)
