"""`companion rollback`: an alias points again to what it pointed to before."""

import click

from companion.commands._promotion import describe_move, move_options

__all__ = ["command"]


@click.command(
    "rollback",
    epilog='Example: companion rollback terrace --reason "fails on snow"',
    short_help="Point an alias back to the version before.",
)
@click.argument("name")
@move_options
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the journal.")
def command(
    *,
    name: str,
    alias: str,
    expect: str | None,
    take_in: bool,
    actor: str | None,
    reason: str,
) -> None:
    """Point an alias of the registered model NAME back to what it pointed to before.

    Each further rollback goes back one more: after versions 1, 2 and 3 the first leads
    to 2, the second to 1. A server that runs takes the version over when it is
    reloaded. To go on with a version that was rolled back, promote it.
    """
    from companion.tracking.registry.promotion import rollback

    entry = rollback(
        name, reason=reason, alias=alias, expect=expect, take_in=take_in, actor=actor
    )
    click.echo(describe_move(name, entry))
