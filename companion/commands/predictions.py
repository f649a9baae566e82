"""`companion predictions`: list the predictions in the log."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from companion.commands._options import journal_option, store_option
from companion.errors import SettingError
from companion.store import (
    Prediction,
    count_waiting,
    parse_time,
    read_predictions,
)

__all__ = ["command"]

_HEADER = ("created_at (UTC)", "model", "version", "value", "latency_ms", "inputs")
_NARROWEST_INPUTS = 20


def _read_time(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_time(value, now=datetime.now(UTC))
    except SettingError as err:
        raise click.BadParameter(str(err), ctx, param) from None


@click.command(
    epilog="Example: companion predictions --since 2h --model terrace-rain",
    context_settings={"show_default": True},
)
@store_option
@journal_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, help="At most so many."
)
@click.option(
    "--since",
    callback=_read_time,
    metavar="TIME",
    help="Made at this time or later: 2014-06-01T08:30 (UTC), or an age such as 2h.",
)
@click.option(
    "--until", callback=_read_time, metavar="TIME", help="Made before this time."
)
@click.option("--model", metavar="NAME", help="Made by the model of this name.")
@click.option("--version", metavar="VERSION", help="Made by this version.")
@click.option("--json", "as_json", is_flag=True, help="Print whole rows, as JSON.")
def command(
    *,
    store: str,
    journal: Path | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    model: str | None,
    version: str | None,
    as_json: bool,
) -> None:
    """List the predictions in the log, the newest first."""
    # On standard error, for standard output may be read as JSON.
    if waiting := count_waiting(store, journal, table=Prediction.table):
        words = "prediction waits" if waiting == 1 else "predictions wait"
        click.echo(
            f"{waiting} {words} in the "
            "journal and not in the list; `companion ship` brings them in.",
            err=True,
        )
    predictions = read_predictions(
        store, limit=limit, since=since, until=until, model=model, version=version
    )
    if as_json:
        click.echo(json.dumps([p.to_json() for p in predictions], indent=2))
    elif predictions:
        click.echo(_table(predictions, shutil.get_terminal_size((120, 24)).columns))
    elif any(value is not None for value in (since, until, model, version)):
        click.echo("No prediction in the log is like that.")
    else:
        click.echo("No prediction is in the log yet.")


def _table(predictions: Sequence[Prediction], width: int) -> str:
    rows = [_HEADER, *map(_cells, predictions)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    room = max(width - sum(widths) - 2 * len(widths), _NARROWEST_INPUTS)
    return "\n".join(_line(row, widths, room) for row in rows)


def _cells(prediction: Prediction) -> tuple[str, ...]:
    cells = (
        f"{prediction.created_at:%Y-%m-%d %H:%M:%S}",
        prediction.model_name,
        prediction.model_version,
        f"{prediction.value:.4g}",
        f"{prediction.latency_ms:.1f}",
        ", ".join(f"{name}={value}" for name, value in prediction.inputs.items()),
    )
    # A text that came with a request must not steer the reader's terminal.
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)


def _line(row: Sequence[str], widths: Sequence[int], room: int) -> str:
    *cells, inputs = row
    left = (f"{cells[column]:<{widths[column]}}" for column in (0, 1, 2))
    right = (f"{cells[column]:>{widths[column]}}" for column in (3, 4))
    shown = inputs if len(inputs) <= room else inputs[: room - 1] + "…"
    return "  ".join([*left, *right, shown])
