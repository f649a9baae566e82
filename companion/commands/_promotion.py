"""Options and sentences that the commands of the registry share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from companion.commands._options import setting_option

if TYPE_CHECKING:
    from companion.tracking import JournalEntry

__all__ = ["describe_move", "move_options"]

_OPTIONS = (
    click.option(
        "--alias",
        default="champion",
        show_default=True,
        metavar="ALIAS",
        help="Alias to move.",
    ),
    click.option(
        "--expect",
        metavar="OLD",
        help="Do it only if the alias points to this version now, or to none.",
    ),
    click.option(
        "--take-in",
        is_flag=True,
        help="First write a change that was made past the journal into it.",
    ),
    setting_option("actor", metavar="NAME"),
)


def move_options(run: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that moves an alias."""
    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def describe_move(name: str, entry: "JournalEntry") -> str:
    """Say in a line what an entry of the journal has moved."""
    old = f"version {entry.old.version}" if entry.old else "nothing"
    new = f"version {entry.new.version}" if entry.new else "nothing"
    return (
        f"{entry.alias} of {name} now points to {new}; before, to {old}. "
        f"Entry {entry.number} of the journal: {entry.action} by {entry.actor}."
    )
