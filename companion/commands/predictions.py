"""`companion predictions`: list the predictions in the log."""

import click

from companion.commands._listing import listing_command
from companion.store import Prediction, read_predictions

__all__ = ["command"]


def _cells(prediction: Prediction) -> tuple[str, ...]:
    return (
        f"{prediction.created_at:%Y-%m-%d %H:%M:%S}",
        prediction.model_name,
        prediction.model_version,
        f"{prediction.value:.4g}",
        f"{prediction.latency_ms:.1f}",
        ", ".join(f"{name}={value}" for name, value in prediction.inputs.items()),
    )


command = listing_command(
    Prediction,
    read_predictions,
    noun="prediction",
    text="List the predictions in the log, the newest first.",
    example="companion predictions --since 2h --model terrace-rain",
    columns=(
        "created_at (UTC)",
        "model",
        "version",
        "value",
        "latency_ms",
        "inputs",
    ),
    cells=_cells,
    right=("value", "latency_ms"),
    filters=(
        click.option("--model", metavar="NAME", help="Made by the model of this name."),
        click.option("--version", metavar="VERSION", help="Made by this version."),
    ),
)
