"""`companion prune`: remove old records from the log."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from companion.commands._options import read_time, store_option
from companion.commands._progress import progress_bar
from companion.commands._table import format_table
from companion.store.sql.database import Database
from companion.store.sql.opening import open_log
from companion.store.sql.pruning import PRUNABLE, PRUNED_BY_DEFAULT, count_older, prune

__all__ = ["command"]

# Fewer are gone before anyone reads a progress bar.
_BAR_FROM_ROWS = 10_000
_SAID_FROM_BYTES = 1_000_000


@click.command(
    epilog="Example: companion prune --older-than 90d --dry-run",
    context_settings={"show_default": True},
)
@store_option
@click.option(
    "--older-than",
    "before",
    required=True,
    callback=read_time,
    metavar="AGE",
    help="Remove what is older: 90d, 12w, or made before a time, such as 2026-01-31.",
)
@click.option(
    "--table",
    "tables",
    type=click.Choice(list(PRUNABLE)),
    multiple=True,
    default=PRUNED_BY_DEFAULT,
    help="Remove from this table; give it again for another.",
)
@click.option("--dry-run", is_flag=True, help="Count only; remove nothing.")
@click.option(
    "--vacuum",
    is_flag=True,
    help="Then return the free space to the disk. An SQLite file is locked while it "
    "is rewritten, and needs as much room again.",
)
def command(
    *,
    store: str,
    before: datetime,
    tables: Sequence[str],
    dry_run: bool,
    vacuum: bool,
) -> None:
    """Remove old records from the log.

    A server may run meanwhile: records go a thousand at a time. The counts per
    minute, which `companion stats` reads, stay unless `--table rollups` names
    them. To keep what goes, run `companion export` first.
    """
    if before > datetime.now(UTC):
        raise click.BadParameter(
            f"{before:%Y-%m-%d %H:%M} UTC is in the future; give an age, such as 90d.",
            param_hint="'--older-than'",
        )
    tables = list(dict.fromkeys(tables))
    with open_log(store) as database:
        counts = count_older(database, before, tables)
        if not dry_run:
            counts = _remove(database, before, counts)
        header = ("table", "would be removed" if dry_run else "removed")
        rows = [(name, f"{count:,}") for name, count in counts.items()]
        click.echo(f"Older than {before:%Y-%m-%d %H:%M:%S} UTC:")
        click.echo(format_table(header, rows, right=header[1:]))
        if dry_run:
            return
        if vacuum:
            database.vacuum(tables)
        elif (free := database.free_bytes()) > _SAID_FROM_BYTES:
            click.echo(
                f"{free / 1e6:,.1f} MB of the file are free for new records; --vacuum "
                "returns them to the disk."
            )


def _remove(
    database: Database, before: datetime, counts: dict[str, int]
) -> dict[str, int]:
    total = sum(counts.values())
    with progress_bar(total, "Removing", is_long=total >= _BAR_FROM_ROWS) as advance:
        return {name: prune(database, before, name, advance) for name in counts}
