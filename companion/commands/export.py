"""`companion export`: write the log as Parquet files."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from companion.commands._options import read_time, store_option
from companion.store.sql.opening import open_log
from companion.store.sql.parquet import EXPORTABLE, EXPORTED_BY_DEFAULT, export_days

__all__ = ["command"]


@click.command(
    epilog="Example: companion export --to archive --since 7d",
    context_settings={"show_default": True},
)
@store_option
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder of the files; made if it is missing.",
)
@click.option(
    "--table",
    "tables",
    type=click.Choice(list(EXPORTABLE)),
    multiple=True,
    default=EXPORTED_BY_DEFAULT,
    help="Write this table; give it again for another.",
)
@click.option(
    "--since",
    callback=read_time,
    metavar="TIME",
    help="From the day of this time on: 2026-11-25, or an age such as 7d.",
)
@click.option(
    "--until", callback=read_time, metavar="TIME", help="Before the day of this time."
)
def command(
    *,
    store: str,
    folder: Path,
    tables: Sequence[str],
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Write the log as Parquet files, one for each day (UTC) and table.

    FOLDER/predictions/date=2026-11-25/part-0.parquet is one. A day that is there
    already is written anew and replaced in one step; it is kept if it has more
    rows than the log, which then has been pruned. Columns of JSON are text.
    """
    n_files = n_rows = 0
    with open_log(store) as database:
        days = export_days(
            database, folder, list(dict.fromkeys(tables)), since=since, until=until
        )
        for one in days:
            count = f"{one.rows:,} row{'' if one.rows == 1 else 's'}"
            place = f"{one.table}/date={one.day}"
            if one.written:
                n_files, n_rows = n_files + 1, n_rows + one.rows
                click.echo(f"{place}: {count}")
            else:
                click.echo(f"{place}: kept as it is; the log has only {count} of it.")
    files = "1 file" if n_files == 1 else f"{n_files} files"
    click.echo(f"Wrote {n_rows:,} rows in {files} to {folder}.")
