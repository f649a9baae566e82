"""`companion lineage`: where a model comes from and where it goes."""

import json
from pathlib import Path

import click

from companion.commands._options import json_option, store_option
from companion.commands._table import printable
from companion.errors import ExportError

__all__ = ["command"]


@click.command(
    "lineage",
    epilog="Example: companion lineage models:/terrace@champion",
    short_help="Trace a model: data, run, alias and predictions.",
    context_settings={"show_default": True},
)
@click.argument("address")
@store_option
@json_option("Print the chain as JSON.")
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the chain into this file too.",
)
def command(*, address: str, store: str, as_json: bool, svg: Path | None) -> None:
    """Trace the registered model at ADDRESS.

    ADDRESS is models:/NAME@ALIAS or models:/NAME/VERSION. Shows the data that the model
    learned from, the run with its code and settings, the version in the registry, who
    promoted it and why, and its predictions in the log. A link that is missing is shown
    as missing.
    """
    from companion.tracking.lineage.drawing import draw_lineage
    from companion.tracking.lineage.tracing import trace_lineage

    found = trace_lineage(address, store=store)
    if svg is not None:
        try:
            svg.write_text(draw_lineage(found), encoding="utf-8")
        except OSError as err:
            raise ExportError(
                f"The drawing cannot be written to {svg}: {err.strerror or err}. Give "
                "a file in a folder that is there and can be written."
            ) from err
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        # Names and reasons come from others: they must not control the terminal.
        click.echo("\n".join(map(printable, found.to_text().splitlines())))
