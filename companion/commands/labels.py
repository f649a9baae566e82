"""`companion labels`: what turned out to be true of predictions, loaded and counted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from companion.commands._label_file import GivenLabel, read_label_file
from companion.commands._options import store_option
from companion.commands._progress import progress_bar
from companion.errors import DataError, SettingError
from companion.store import Label
from companion.store.records import make_label
from companion.store.sql.labels import LoadReport, count_labels, load_labels
from companion.store.sql.opening import open_log

__all__ = ["command"]

# A smaller file is loaded before anyone reads a progress bar.
_BAR_FROM_BYTES = 200_000


@click.group(
    "labels",
    epilog="Example: companion labels load truth.csv",
    short_help="Load labels that came later, and count those in the log.",
)
def command() -> None:
    """Load labels that came later, and count those in the log.

    A label says what turned out to be true of a prediction, which it knows by id. The
    one given last counts. A server takes labels as well, on /feedback.
    """


@command.command(
    "load",
    epilog="Example: companion labels load truth.csv --label-column rained",
    context_settings={"show_default": True},
    short_help="Load the labels in a file into the log.",
)
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE"
)
@click.option(
    "--id-column", default="id", metavar="NAME", help="Column of the predictions' ids."
)
@click.option(
    "--label-column", default="label", metavar="NAME", help="Column of the labels."
)
@store_option
def _load(*, file: Path, id_column: str, label_column: str, store: str) -> None:
    """Load the labels in FILE, CSV or Parquet (*.parquet), into the log.

    Nothing is loaded unless every row of the file can be. A row without a label is
    left out. If loading is interrupted, load the file again: a label that is there
    already changes nothing.
    """
    now = datetime.now(UTC)
    without = 0

    def read(doing: str) -> Iterator[list[Label]]:
        nonlocal without
        without = 0
        chunks = read_label_file(file, id_column=id_column, label_column=label_column)
        size, done = file.stat().st_size, 0
        with progress_bar(size, doing, is_long=size >= _BAR_FROM_BYTES) as advance:
            for chunk in chunks:
                without += chunk.without
                yield [_make(one, now, file) for one in chunk.labels]
                advance(chunk.end - done)
                done = chunk.end

    with open_log(store) as database:
        for _ in read("Checking"):
            pass
        report = LoadReport()
        for labels in read("Loading"):
            report += load_labels(database, labels)
    click.echo(_sentence(report, file))
    if without:
        click.echo(f"Rows without a label, left out: {without:,}.")
    if report.unknown:
        click.echo(
            f"Labels whose prediction is not in the log: {report.unknown:,}. They are "
            "kept, and count as soon as it is there."
        )


@command.command(
    "status",
    epilog="Example: companion labels status",
    short_help="Count labels with and without a prediction.",
)
@store_option
def _status(*, store: str) -> None:
    """Say how many predictions have a label, and which labels have no prediction."""
    counts = count_labels(store)
    click.echo(
        f"Predictions: {counts.predictions:,}, with a label: {counts.pairs:,}.\n"
        f"Labels: {counts.labels:,}, without a prediction in the log: "
        f"{counts.labels - counts.pairs:,}."
    )


def _make(given: GivenLabel, now: datetime, file: Path) -> Label:
    try:
        return make_label(given.id, given.label, created_at=now)
    except SettingError as err:
        raise DataError(
            f"{file}, {given.place}: {err}. Correct it and load the file again; "
            "nothing was loaded."
        ) from None


def _sentence(report: LoadReport, file: Path) -> str:
    total = report.new + report.same + report.corrected
    noun = "label" if total == 1 else "labels"
    return (
        f"Loaded {total:,} {noun} from {file}: {report.new:,} new, "
        f"{report.same:,} the same as before, {report.corrected:,} corrected."
    )
