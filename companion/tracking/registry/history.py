"""The history of a registered model: its journal, compared with the registry."""

from dataclasses import dataclass
from typing import Any

from companion.tracking.registry.checking import describe_change
from companion.tracking.registry.entries import JournalEntry
from companion.tracking.registry.moving import look
from companion.tracking.registry.registered import open_model

__all__ = ["History", "history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the journal knows of a registered model, and what the registry has.

    Attributes
    ----------
    name : str
        The model.
    entries : tuple of JournalEntry
        All entries, the first first.
    aliases : dict of str to str
        The version that each alias points to now.
    changed_past_journal : dict of str to str
        Each alias that does not point to where its last entry says, and a sentence
        that says so.
    """

    name: str
    entries: tuple[JournalEntry, ...]
    aliases: dict[str, str]
    changed_past_journal: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, as `companion history --json` prints it."""
        return {
            "name": self.name,
            "aliases": self.aliases,
            "changed_past_journal": self.changed_past_journal,
            "entries": [one.to_json() for one in self.entries],
        }


def history(name: str) -> History:
    """Read the journal of a registered model, and compare it with the registry.

    An entry that another program wrote but did not carry out is carried out first. The
    journal outlives versions, aliases and the registered model itself.

    Parameters
    ----------
    name : str
        Registered model.

    Returns
    -------
    History
        Its entries and aliases, and which alias was changed past the journal.

    Raises
    ------
    RegistryError
        If there is neither such a model nor a journal of one.
    TrackingError
        If the registry cannot be reached.
    """
    with open_model(name, "`companion history`") as model:
        state = look(model)
        if not state.entries:
            model.check_model()
        return History(
            name=name,
            entries=tuple(state.entries),
            aliases={key: one.version for key, one in sorted(state.aliases.items())},
            changed_past_journal={
                alias: sentence
                for alias in sorted({one.alias for one in state.entries})
                if (sentence := describe_change(model, alias, state))
            },
        )
