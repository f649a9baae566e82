"""`companion promote`: an alias points to another version, and the journal says why."""

import click

from companion.commands._promotion import describe_move, move_options

__all__ = ["command"]


@click.command(
    "promote",
    epilog='Example: companion promote terrace 3 --reason "3 EUR a day cheaper"',
    short_help="Point an alias of a registered model to a version.",
)
@click.argument("name")
@click.argument("version")
@move_options
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why; kept in the journal."
)
@click.option(
    "--require-gate",
    is_flag=True,
    help="Do it only if VERSION has passed companion gate against the version that the "
    "alias points to now.",
)
def command(
    *,
    name: str,
    version: str,
    alias: str,
    expect: str | None,
    take_in: bool,
    actor: str | None,
    reason: str,
    require_gate: bool,
) -> None:
    """Point an alias of the registered model NAME to VERSION.

    The registry is the one that MLFLOW_TRACKING_URI names, or MLFLOW_REGISTRY_URI.
    MLflow's pages and functions see the same alias. Who moved it, when and why is kept
    in a journal beside the registry, which `companion history` lists. Of two
    promotions at the same moment one wins, and the other is told who did. `--expect
    none` is for an alias that must not exist yet. If the alias points to VERSION
    already, nothing is changed and no entry is written.
    """
    from companion.tracking.registry.promotion import promote

    entry = promote(
        name,
        version,
        reason=reason,
        alias=alias,
        expect=expect,
        take_in=take_in,
        require_gate=require_gate,
        actor=actor,
    )
    if entry is None:
        click.echo(
            f"{alias} of {name} points to version {version.strip()} already; nothing "
            "was changed."
        )
    else:
        click.echo(describe_move(name, entry))
