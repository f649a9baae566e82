"""A command that lists one kind of record of the log, the newest first."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from companion.commands._options import journal_option, store_option
from companion.commands._table import format_table
from companion.errors import SettingError
from companion.store import Record, count_waiting, parse_time

__all__ = ["listing_command"]


def listing_command(
    record: type[Record],
    read: Callable[..., Sequence[Record]],
    *,
    noun: str,
    text: str,
    example: str,
    columns: Sequence[str],
    cells: Callable[[Any], Sequence[str]],
    right: Sequence[str] = (),
    n_elastic: int = 1,
    filters: Sequence[Callable[..., Any]] = (),
) -> click.Command:
    """Make the command that lists one kind of record.

    `read` takes the store and, by name, `limit`, `since`, `until` and the filters, and
    returns records; `noun` is what one is called: "prediction". `text` and `example`
    are for the help. `cells` returns the cells of one record, under the names in
    `columns`; `right` and `n_elastic` are as in `format_table`. The command has the
    options of every listing, and the `filters`.
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
        if waiting := count_waiting(store, journal, table=record.table):
            wait = f"{noun} waits" if waiting == 1 else f"{noun}s wait"
            click.echo(
                f"{waiting} {wait} in the journal and not yet in the list; `companion "
                "ship` brings them in.",
                err=True,  # standard output may be JSON
            )
        found = read(store, limit=limit, since=since, until=until, **chosen)
        if as_json:
            click.echo(json.dumps([one.to_json() for one in found], indent=2))
        elif found:
            rows = [cells(one) for one in found]
            click.echo(format_table(columns, rows, right=right, n_elastic=n_elastic))
        elif any(value is not None for value in (since, until, *chosen.values())):
            click.echo(f"No {noun} in the log matches.")
        else:
            click.echo(f"No {noun} is in the log yet.")

    options = (store_option, journal_option, *_COMMON_OPTIONS, *filters, _JSON)
    for option in reversed(options):
        run = option(run)
    make = click.command(
        f"{noun}s",
        help=text,
        epilog=f"Example: {example}",
        context_settings={"show_default": True},
    )
    return make(run)


def _read_time(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_time(value, now=datetime.now(UTC))
    except SettingError as err:
        raise click.BadParameter(str(err), ctx, param) from None


_COMMON_OPTIONS = (
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=20,
        show_default=True,
        help="Show at most this many.",
    ),
    click.option(
        "--since",
        callback=_read_time,
        metavar="TIME",
        help="Made at this time or later: 2014-06-01T08:30 (UTC), or an age such "
        "as 2h.",
    ),
    click.option(
        "--until",
        callback=_read_time,
        metavar="TIME",
        help="Made before this time.",
    ),
)
_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print whole rows, as JSON."
)
