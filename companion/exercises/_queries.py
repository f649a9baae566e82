"""Checking an answer that is an SQL query, by running it on a small log."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from companion.exercises._kinds import kind
from companion.exercises._tables import check_table
from companion.exercises._verdict import Verdict, not_yet

if TYPE_CHECKING:
    import sqlite3

__all__ = ["check_query"]


def check_query(
    answer: object,
    log: "sqlite3.Connection",
    expected: Mapping[str, Sequence[Any]],
    *,
    parameter: float | None = None,
    log_is: str,
    hint: str,
    remark: str,
) -> Verdict:
    """Run a query on a log, and compare what it finds.

    Parameters
    ----------
    answer : str
        The text of the reader's query.
    log : sqlite3.Connection
        What it is run on.
    expected : mapping of str to sequence
        Column name to values; the first column tells the rows apart.
    parameter : float, optional
        What stands for each ``?`` of the query. Without it SQLite refuses a ``?``.
    log_is : str
        What the log is, for the reader: "a small log of two versions".
    hint, remark : str
        As in `check_table`.

    Returns
    -------
    Verdict
        Whether the table is right, or what SQLite or the comparison says.
    """
    import pandas as pd

    if not isinstance(answer, str):
        return not_yet(
            f"Your answer is {kind(answer)}; the text of the query is expected, "
            "not its result."
        )
    try:
        given = () if parameter is None else (parameter,) * answer.count("?")
        found = pd.read_sql(answer, log, params=given)
    except pd.errors.DatabaseError as err:
        why = err.__cause__ or err
        return not_yet(f"SQLite cannot run it: {why}. Try it with `pd.read_sql`.")
    except TypeError:
        return not_yet("SQLite runs it and gets no table: begin with SELECT.")
    key = next(iter(expected))
    if key in found:
        found = found.set_index(key, drop=False)
    right_table = pd.DataFrame(dict(expected), index=list(expected[key]))
    verdict = check_table(found, right_table, hint=hint, remark=remark)
    if verdict.passed:
        return verdict
    return not_yet(f"The query was run on {log_is}. {verdict.text}")
