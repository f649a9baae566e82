"""`companion predictions`: list the predictions in the log."""

import json
from typing import Any

import click

from companion.commands._listing import listing_command
from companion.store import Prediction, read_predictions

__all__ = ["command"]


def _cells(prediction: Prediction) -> tuple[str, ...]:
    return (
        f"{prediction.created_at:%Y-%m-%d %H:%M:%S}",
        prediction.id,
        prediction.model_name,
        prediction.model_version,
        _number(prediction.value),
        prediction.label or "",
        _number(prediction.score),
        f"{prediction.latency_ms:.1f}",
        _compact(prediction.outputs),
        ", ".join(f"{name}={value}" for name, value in prediction.inputs.items()),
    )


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"


def _compact(outputs: Any) -> str:
    return "" if outputs is None else json.dumps(outputs, ensure_ascii=False)


command = listing_command(
    Prediction,
    read_predictions,
    noun="prediction",
    text="""List the predictions in the log, the newest first.

    A column that is empty in all rows is left out: label and score of a model that
    answers numbers, outputs where there is nothing beyond them. An id is cut where
    the rest tells nothing; --id takes its start, also that of the request's id,
    which an answer has in its header X-Request-ID, and --json prints it whole.

    --grep ignores case, takes any white space for any other, and finds an input
    as it is listed, name=value.
    """,
    example="companion predictions --since 2h --grep weather=fog",
    searched="the inputs, the outputs, the label, the parameters or the model's name",
    columns=(
        "created_at (UTC)",
        "id",
        "model",
        "version",
        "value",
        "label",
        "score",
        "latency_ms",
        "outputs",
        "inputs",
    ),
    cells=_cells,
    right=("value", "score", "latency_ms"),
    n_elastic=2,
    identity=lambda prediction: str(prediction.request_id),
    filters=(
        click.option("--model", metavar="NAME", help="Made by the model of this name."),
        click.option("--version", metavar="VERSION", help="Made by this version."),
        click.option("--label", metavar="LABEL", help="That chose this class."),
    ),
)
