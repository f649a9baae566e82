"""`companion reproduce`: run a recorded run again, and compare what both gave."""

import json
from pathlib import Path

import click

from companion.commands._options import json_option, setting_option
from companion.commands._table import printable

__all__ = ["command"]

# As of `companion gate`: nothing is broken, but a pipeline should stop.
_DEVIATES = 3


@click.command(
    "reproduce",
    epilog="Example: companion reproduce models:/terrace@champion",
    short_help="Run a model's run again, and compare the metrics.",
)
@click.argument("address")
@click.option(
    "--repo",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    metavar="FOLDER",
    help="A clone of the repository of the code.",
)
@setting_option("data-store", metavar="ADDRESS")
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="A metric or parameter that may differ, such as a measured time; * stands "
    "for any characters. Repeat it for more.",
)
@json_option("Print the result as JSON.")
def command(
    *,
    address: str,
    repo: Path,
    data_store: str | None,
    ignore: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run the run at ADDRESS again, and compare what both gave.

    ADDRESS is models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN; the run is one of
    companion.tracking.run. The recorded commit is checked out into a temporary folder,
    the recorded dataset versions are verified, and the program is started as it was,
    with MLflow stores of its own: yours are only read. The environment is the present
    one; what differs from the recorded one is listed.

    The exit code is 0 if metrics, parameters, data and seed are the same to the last
    digit, and 3 if not: then a table says what deviates. This executes what the run
    has recorded, so use it with a tracking store that you trust.
    """
    from companion.tracking.reproducing.reproduce import reproduce

    found = reproduce(
        address,
        repository=repo,
        data_store=data_store,
        ignore=ignore,
        tell=lambda text: click.echo(printable(text), err=True),
    )
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        # Names come from others: they must not control the terminal.
        click.echo("\n".join(map(printable, found.to_text().splitlines())))
    return 0 if found.is_same else _DEVIATES
