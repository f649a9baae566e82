"""`companion profile`: ranges and profile for a model folder that has none."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from companion.commands._data_file import read_data_file
from companion.commands._table import format_table
from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from companion.contract.profile import ColumnProfile
    from companion.tracking.annotating import Annotation

__all__ = ["command"]

_HEADER = ("COLUMN", "RANGE", "BINS", "MISSING", "EDGES OR VALUES")


@click.command(
    "profile",
    epilog="Example: companion profile models/prices --data train.csv",
    short_help="Add ranges and the training data's profile to a model folder.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What the model was trained on, as CSV or Parquet.",
)
@click.option(
    "--replace-ranges",
    is_flag=True,
    help="Work out all ranges anew.  [default: those in the folder stay]",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
def command(*, model: Path, data: Path, replace_ranges: bool, dry_run: bool) -> None:
    """Add ranges and a profile to the model folder MODEL.

    MODEL is a folder in MLflow's model format, of any kind of model whose columns have
    names. A range is the one seen in the data, wider by half at either end: `companion
    serve` refuses numbers outside. The profile says how the values of each column are
    spread; the log's counts per minute are kept in its bins. Frequent texts are kept,
    rare ones are not. Columns of the data that the model does not have are left out.

    Everything else in the folder stays as it is. A server that runs takes the new
    ranges over when it is reloaded.
    """
    require_libraries("`companion profile`", "pandas", "yaml", extra="tracking")
    from companion.tracking.annotating import annotate, write_annotation

    annotation = annotate(model, read_data_file(data), replace_ranges=replace_ranges)
    click.echo(_format(annotation))
    if annotation.left_out:
        click.echo(f"\nLeft out, not of the model: {', '.join(annotation.left_out)}.")
    if dry_run:
        click.echo("\nNothing was written.")
        return
    write_annotation(annotation)
    click.echo(f"\nWritten to {annotation.path}.")


def _format(annotation: "Annotation") -> str:
    rows = []
    for name in sorted(annotation.ranges.keys() | annotation.profile.keys()):
        allowed = annotation.ranges.get(name)
        kept = " (kept)" if name in annotation.kept else ""
        bins = annotation.profile.get(name)
        rows.append(
            (
                name,
                f"{allowed}{kept}" if allowed else "",
                *(("", "", "") if bins is None else _describe(bins)),
            )
        )
    return format_table(_HEADER, rows, right=("BINS", "MISSING"))


def _describe(bins: "ColumnProfile") -> tuple[str, str, str]:
    missing = str(bins.counts.get("missing", 0))
    if bins.edges is None:
        names = bins.values
        return str(len(names)), missing, ", ".join(map(str, names))
    shown = ", ".join(f"{edge:g}" for edge in bins.edges)
    return str(len(bins.edges) - 1), missing, shown
