"""`companion score`: predict the rows of a file."""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from companion.commands._options import journal_option, setting_option, store_option
from companion.commands._progress import progress_bar
from companion.errors import StoreError
from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from companion.serving.batch.scoring import ScoreReport
    from companion.serving.models.engine import Model

__all__ = ["command"]

# A smaller file is done before anyone reads a progress bar.
_BAR_FROM_BYTES = 1_000_000


@click.command(
    "score",
    epilog="Example: companion score models/terrace --data days.csv --out rain.csv "
    "--keep date",
    short_help="Predict the rows of a CSV or Parquet file.",
)
@click.argument("model")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The rows: a CSV file in UTF-8 with a line of names, or a Parquet file.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File to write, of the same kind as the data.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="Column of the data to write beside the predictions, such as an id; give it "
    "again for another.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at the first row that is refused, and write nothing.  [default: write "
    "refused rows into a file of their own]",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Begin anew.  [default: go on where an earlier run was ended]",
)
@click.option(
    "--name",
    "model_name",
    metavar="NAME",
    help="Name in the log.  [default: the registry's or the folder's]",
)
@click.option(
    "--model-version",
    metavar="VERSION",
    help="Version in the log.  [default: as for the name]",
)
@click.option(
    "--example",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON file of rows to prove the model on.  [default: the folder's own]",
)
@setting_option("engine", type=click.Choice(["auto", "native", "onnx"]))
@click.option(
    "--log",
    "is_logged",
    is_flag=True,
    help="Record each prediction in the log, as a server does.",
)
@store_option
@journal_option
def command(
    *,
    model: str,
    data: Path,
    out: Path,
    keep: Sequence[str],
    strict: bool,
    restart: bool,
    model_name: str | None,
    model_version: str | None,
    example: Path | None,
    engine: str,
    is_logged: bool,
    store: str,
    journal: Path | None,
) -> None:
    """Predict the rows of a file with the model MODEL.

    MODEL is a folder or an address, as for `companion serve`, and rows are checked and
    answered as it would. The output has the number of each row, counted from 0, the
    kept columns, and what the log keeps of an answer: value, label, score, outputs (as
    JSON). Rows that the model cannot use go with the reason into a CSV file
    beside OUT, such as rain.csv.refused.csv.

    The file may be larger than the memory. The output is there when it is whole; until
    then its parts lie beside it, and the same command goes on where it was ended.

    With --log each prediction is in the journal before it is in the output, and in the
    store at the end.
    """
    needed = ("numpy", "orjson", "prometheus_client", "yaml")
    require_libraries("`companion score`", *needed, extra="serving")
    from companion.serving.batch.scoring import score_table
    from companion.serving.batch.tables import open_table
    from companion.store import Journal, journal_folder

    table = open_table(data, out)
    loaded = _load(model, model_name, model_version, example, engine)
    opened = Journal(journal_folder(store, journal)) if is_logged else None
    is_long = data.stat().st_size >= _BAR_FROM_BYTES
    with (
        closing(opened) if opened else nullcontext(),
        progress_bar(table.size, "Scoring", is_long=is_long) as advance,
    ):
        report = score_table(
            loaded,
            table,
            out,
            keep=keep,
            strict=strict,
            restart=restart,
            journal=opened,
            progress=advance,
        )
    click.echo(_sentence(report, out))
    if is_logged:
        _ship(store, journal)


def _load(
    address: str,
    name: str | None,
    version: str | None,
    example: Path | None,
    engine: str,
) -> "Model":
    from companion.serving.models.addresses import resolve_model
    from companion.serving.models.source import ModelSource

    place = resolve_model(address)
    place = replace(place, name=name or place.name, version=version or place.version)
    model = ModelSource(place, example=example, engine=engine).get()
    for warning in model.folder.warnings:
        click.echo(f"Note: {warning}", err=True)
    return model


def _ship(store: str, journal: Path | None) -> None:
    """Bring the journal into the store; if it is out of reach, say what to do."""
    from companion.store import ship

    try:
        ship(store, journal)
    except StoreError as err:
        click.echo(
            f"Warning: the predictions wait in the journal: {err} Then run "
            "`companion ship`.",
            err=True,
        )


def _sentence(report: "ScoreReport", out: Path) -> str:
    n_answered = report.n_rows - report.n_refused
    text = f"Predicted {_rows(n_answered)} into {out}"
    if report.refused_file:
        text += f", refused {_rows(report.n_refused)}: see {report.refused_file}"
    if report.n_before:
        text += f". The first {_rows(report.n_before)} were done before"
    return f"{text}."


def _rows(n: int) -> str:
    return f"{n:,} row{'' if n == 1 else 's'}"
