"""`companion predictions`: list the predictions in the log."""

import json
from datetime import datetime
from pathlib import Path

import click

from companion.commands._options import (
    choice_options,
    echo_waiting,
    journal_option,
    store_option,
)
from companion.commands._table import format_table
from companion.store import Prediction, read_predictions

__all__ = ["command"]

_HEADER = ("created_at (UTC)", "model", "version", "value", "latency_ms", "inputs")


@click.command(
    epilog="Example: companion predictions --since 2h --model terrace-rain",
    context_settings={"show_default": True},
)
@store_option
@journal_option
@choice_options
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
    echo_waiting(store, journal, table=Prediction.table, noun="prediction")
    predictions = read_predictions(
        store, limit=limit, since=since, until=until, model=model, version=version
    )
    if as_json:
        click.echo(json.dumps([p.to_json() for p in predictions], indent=2))
    elif predictions:
        rows = [_cells(prediction) for prediction in predictions]
        click.echo(format_table(_HEADER, rows, right=("value", "latency_ms")))
    elif any(value is not None for value in (since, until, model, version)):
        click.echo("No prediction in the log is like that.")
    else:
        click.echo("No prediction is in the log yet.")


def _cells(prediction: Prediction) -> tuple[str, ...]:
    return (
        f"{prediction.created_at:%Y-%m-%d %H:%M:%S}",
        prediction.model_name,
        prediction.model_version,
        f"{prediction.value:.4g}",
        f"{prediction.latency_ms:.1f}",
        ", ".join(f"{name}={value}" for name, value in prediction.inputs.items()),
    )
