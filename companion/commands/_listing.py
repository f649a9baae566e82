"""A command that lists one kind of record of the log, the newest first."""

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from companion.commands._options import (
    journal_option,
    json_option,
    since_option,
    store_option,
    until_option,
)
from companion.commands._table import format_table
from companion.store import Record, count_waiting

__all__ = ["listing_command", "note_waiting"]


def listing_command(
    record: type[Record],
    read: Callable[..., Sequence[Record]],
    *,
    noun: str,
    text: str,
    example: str,
    searched: str,
    columns: Sequence[str],
    cells: Callable[[Any], Sequence[str]],
    right: Sequence[str] = (),
    n_elastic: int = 1,
    identity: Callable[[Any], str] = lambda record: str(record.id),
    filters: Sequence[Callable[..., Any]] = (),
) -> click.Command:
    """Make the command that lists one kind of record.

    `read` takes the store and, by name, `limit`, `since`, `until`, `id_prefix`, `text`
    and the filters, and returns records; `noun` is what one is called: "prediction".
    `text` and `example` are for the help, and so is `searched`, where ``--grep`` looks.
    `cells` returns the cells of one record, under the names in `columns`; `right` and
    `n_elastic` are as in `format_table`. A column that is empty in all rows is left
    out. One that is named "id" is cut where that still tells the identities apart,
    unless an id was asked for. The command has the options of every listing, and the
    `filters`.
    """

    def run(
        *,
        store: str,
        journal: Path | None,
        limit: int,
        since: datetime | None,
        until: datetime | None,
        as_json: bool,
        **chosen: Any,
    ) -> None:
        note_waiting(count_waiting(store, journal, table=record.table), noun)
        # One more than is shown tells whether there are more; counting all is slow.
        found = read(store, limit=limit + 1, since=since, until=until, **chosen)
        are_more, found = len(found) > limit, found[:limit]
        if as_json:
            click.echo(json.dumps([one.to_json() for one in found], indent=2))
        elif found:
            rows = [cells(one) for one in found]
            if "id" in columns and chosen["id_prefix"] is None:
                length = _shortest_length({identity(one) for one in found})
                rows = [_cut(row, columns.index("id"), length) for row in rows]
            click.echo(_format_filled(columns, rows, right, n_elastic))
        elif any(value is not None for value in (since, until, *chosen.values())):
            click.echo(f"No {noun} in the log matches.")
        else:
            click.echo(f"No {noun} is in the log yet.")
        if are_more:
            click.echo(
                f"Shown: the newest {limit}. There are more; a higher --limit shows "
                "them.",
                err=True,  # standard output may be JSON
            )

    grep = click.option(
        "--grep", "text", metavar="TEXT", help=f"With TEXT in {searched}."
    )
    options = (store_option, journal_option, *_COMMON_OPTIONS, grep, *filters, _JSON)
    for option in reversed(options):
        run = option(run)
    make = click.command(
        f"{noun}s",
        help=text,
        epilog=f"Example: {example}",
        context_settings={"show_default": True},
    )
    return make(run)


def _shortest_length(identities: Collection[str]) -> int:
    """Say after how many characters, 8 at least, no two identities are alike."""
    length = _ID_LENGTH
    while len({one[:length] for one in identities}) < len(identities):
        length += 1
    return length


def _cut(row: Sequence[str], place: int, length: int) -> Sequence[str]:
    return (*row[:place], row[place][:length], *row[place + 1 :])


def _format_filled(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str],
    n_elastic: int,
) -> str:
    filled = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    n_fixed = len(columns) - n_elastic
    return format_table(
        [columns[place] for place in filled],
        [[row[place] for place in filled] for row in rows],
        right=right,
        n_elastic=sum(place >= n_fixed for place in filled),
    )


def note_waiting(waiting: int, noun: str, *, place: str = "list") -> None:
    """Say how many records are not in the database yet."""
    if waiting:
        wait = f"{noun} waits" if waiting == 1 else f"{noun}s wait"
        click.echo(
            f"{waiting} {wait} in the journal and not yet in the {place}; `companion "
            "ship` brings them in.",
            err=True,  # standard output may be JSON
        )


_ID_LENGTH = 8
_COMMON_OPTIONS = (
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=20,
        show_default=True,
        help="Show at most this many.",
    ),
    since_option,
    until_option,
    click.option(
        "--id",
        "id_prefix",
        metavar="ID",
        help="With this id; its start is enough where it fits no other.",
    ),
)
_JSON = json_option("Print whole rows, as JSON.")
