"""Checks an answer that is an SQL query, by running it on a small log."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from companion.exercises._kinds import kind
from companion.exercises._tables import check_table
from companion.exercises._verdict import Verdict, not_yet

if TYPE_CHECKING:
    import sqlite3

    from companion.store import Record

__all__ = ["check_query", "example_log"]


@contextmanager
def example_log(records: "Sequence[Record]") -> "Iterator[sqlite3.Connection]":
    """Make a small log in memory, with the tables that the store has.

    It is closed at the end of the block.
    """
    from sqlalchemy import StaticPool, create_engine

    from companion.store.sql.schema import METADATA
    from companion.store.sql.writes import insert_new

    # One connection for all: a database in memory ends with its connection.
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            METADATA.create_all(connection)
            insert_new(connection, records)
        with engine.connect() as connection:
            yield connection.connection.driver_connection  # type: ignore[misc]  # sqlite3's
    finally:
        engine.dispose()


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
    """Run the text of a query on a log, and compare what it finds.

    `expected` maps column names to values; the first column tells the rows apart.
    `parameter` stands for each ``?`` of the query; without it SQLite refuses a ``?``.
    `log_is` says what the log is, for the reader: "a small log of two versions". `hint`
    and `remark` are as in `check_table`.
    """
    import pandas as pd

    if not isinstance(answer, str):
        return not_yet(
            f"Your answer is {kind(answer)}; the text of the query is expected, "
            "not its result."
        )
    try:
        values = () if parameter is None else (parameter,) * answer.count("?")
        found = pd.read_sql(answer, log, params=values)
    except pd.errors.DatabaseError as err:
        why = err.__cause__ or err
        return not_yet(f"SQLite cannot run it: {why}. Try it with `pd.read_sql`.")
    except TypeError:
        return not_yet("SQLite runs it and gets no table: start with SELECT.")
    key = next(iter(expected))
    if key in found:
        found = found.set_index(key, drop=False)
    right_table = pd.DataFrame(dict(expected), index=list(expected[key]))
    verdict = check_table(found, right_table, hint=hint, remark=remark)
    if verdict.passed:
        return verdict
    return not_yet(f"The query was run on {log_is}. {verdict.text}")
