"""`companion history`: who moved the aliases of a registered model, when and why."""

import json
from typing import TYPE_CHECKING

import click

from companion.commands._options import json_option
from companion.commands._table import format_table

if TYPE_CHECKING:
    from companion.tracking import History, JournalEntry

__all__ = ["command"]

_HEADER = ("entry", "time (UTC)", "action", "alias", "version", "by", "reason")


@click.command(
    "history",
    epilog="Example: companion history terrace",
    short_help="List who moved a registered model's aliases, when and why.",
)
@click.argument("name")
@click.option("--alias", metavar="ALIAS", help="Entries of this alias only.")
@json_option("Print all that is known, as JSON.")
def command(*, name: str, alias: str | None, as_json: bool) -> None:
    """List what the journal of the registered model NAME holds, the newest first.

    Then where its aliases point, and which of them was changed past the journal. An
    entry whose program was killed before it had moved the alias is carried out. The
    journal is still there when versions, or the registered model, are deleted.
    """
    from companion.tracking.registry.history import history

    found = history(name)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    click.echo(_format(found, alias))


def _format(found: "History", alias: str | None) -> str:
    entries = [one for one in found.entries if alias in (None, one.alias)]
    blocks = []
    if entries:
        rows = [_cells(one) for one in reversed(entries)]
        blocks.append(format_table(_HEADER, rows, right=("entry",), wrap=True))
    else:
        of = f" of {alias}" if alias else ""
        blocks.append(f"The journal of {found.name} has no entry{of} yet.")
    points = [
        f"{one} points to version {version}."
        for one, version in found.aliases.items()
        if alias in (None, one)
    ]
    blocks.append("\n".join(points) or "No alias points to a version.")
    changed = [
        f"Note: {text}"
        for one, text in found.changed_past_journal.items()
        if alias in (None, one)
    ]
    if changed:
        remedy = (
            "`companion promote` and `companion rollback` take this into the journal "
            "with --take-in."
        )
        blocks.append("\n".join([*changed, remedy]))
    return "\n\n".join(blocks)


def _cells(entry: "JournalEntry") -> tuple[str, ...]:
    old = entry.old.version if entry.old else "none"
    new = entry.new.version if entry.new else "none"
    action = entry.action if entry.state != "void" else f"{entry.action} (void)"
    return (
        str(entry.number),
        f"{entry.made_at:%Y-%m-%d %H:%M:%S}",
        action,
        entry.alias,
        old if entry.action == "delete" else f"{old} → {new}",
        entry.actor,
        entry.reason,
    )
