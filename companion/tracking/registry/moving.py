"""How an alias moves: first an entry of the journal, then the registry.

The entry decides: it has a number, and only one program can write that number. Then the
alias is moved, then the entry is closed. A program that ends between these steps leaves
an open entry, which the next one carries out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from companion.errors import ConflictError, RegistryError
from companion.tracking.registry.entries import JournalEntry, Served, find_last
from companion.tracking.registry.journal import Journal
from companion.tracking.registry.registered import RegisteredModel

__all__ = ["State", "carry", "look"]

# So long another program may take from its entry to the alias before the next one does
# it in its place. It usually takes less than a tenth of a second.
_PATIENCE_S = 3.0
_POLL_S = 0.05
# What MLflow says of an entry that can never be carried out.
_IMPOSSIBLE = (
    "RESOURCE_DOES_NOT_EXIST",
    "INVALID_PARAMETER_VALUE",
    "PERMISSION_DENIED",
)

_Decided = TypeVar("_Decided", JournalEntry, JournalEntry | None)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Journal and registry at one moment, with no entry open.

    `aliases` says what each points to. `waited` has the numbers of entries that other
    programs carried out while this one waited for them.
    """

    entries: list[JournalEntry]
    aliases: dict[str, Served]
    waited: frozenset[int]

    @property
    def next_number(self) -> int:
        """The number of the entry to come."""
        return self.entries[-1].number + 1 if self.entries else 1


def look(model: RegisteredModel) -> State:
    """Read journal and aliases, and carry out what another program left undone."""
    journal = Journal.find(model.client, model.name)
    if journal is None:
        return State(entries=[], aliases=model.aliases(), waited=frozenset())
    waited: set[int] = set()
    while True:
        entries = _settle(model, journal, waited)
        aliases = model.aliases()
        # Had another program moved an alias meanwhile, its entry would be here.
        if journal.read() == entries:
            return State(entries=entries, aliases=aliases, waited=frozenset(waited))


def carry(
    model: RegisteredModel, alias: str, decide: Callable[[State], _Decided]
) -> _Decided:
    """Write the entry that `decide` makes, and change the registry accordingly.

    Where `decide` returns None, nothing is changed. Raises ConflictError if another
    program moves the same alias at the same moment. An entry on another alias does not
    matter: then `decide` is asked again.
    """
    state = look(model)
    seen = find_last(state.entries, alias)
    if alias and seen and seen.number in state.waited:
        raise _lost(model, seen)
    while True:
        draft = decide(state)
        if draft is None:
            return draft
        journal = Journal.find(model.client, model.name)
        journal = journal or Journal.make(model.client, model.name)
        kept = journal.write(draft)
        if kept.id == draft.id:
            return _carry_out(model, journal, kept)
        if alias and kept.alias == alias:
            raise _lost(model, kept)
        state = look(model)
        last = find_last(state.entries, alias)
        if alias and last and last != seen:
            raise _lost(model, last)


def _lost(model: RegisteredModel, winner: JournalEntry) -> ConflictError:
    target = f"version {winner.new.version}" if winner.new else "nothing"
    reason = f": {winner.reason!r}" if winner.reason else ""
    return ConflictError(
        f"Nothing was changed: at the same moment {winner.actor} pointed "
        f"{winner.alias!r} of the model {model.name!r} to {target} (entry "
        f"{winner.number}, {winner.action}{reason}). If yours is still the right one, "
        "run the command again."
    )


def _settle(
    model: RegisteredModel, journal: Journal, waited: set[int]
) -> list[JournalEntry]:
    """Return all entries when none is open; carry out one that nobody works on.

    Adds to `waited` the numbers of those that others closed meanwhile.
    """
    begin = time.monotonic()
    while True:
        entries = journal.read()
        unfinished = next((one for one in entries if one.state == "open"), None)
        if unfinished is None:
            return entries
        if unfinished.number not in waited:
            waited.add(unfinished.number)
            begin = time.monotonic()
        age_s = (datetime.now(UTC) - unfinished.made_at).total_seconds()
        if max(age_s, time.monotonic() - begin) > _PATIENCE_S:
            _finish(model, journal, unfinished)
            waited.remove(unfinished.number)
        else:
            time.sleep(_POLL_S)


def _finish(model: RegisteredModel, journal: Journal, entry: JournalEntry) -> None:
    """Carry out an entry whose program has ended, as far as it has not been."""
    if entry.action == "delete":
        is_due = entry.old is not None and model.find(entry.old.version) == entry.old
    else:
        # Where it is not the old one, it was done, or changed past the journal.
        is_due = model.aliases().get(entry.alias) == entry.old
    if is_due:
        _change(model, journal, entry)
    else:
        journal.close(entry, "done")


def _carry_out(
    model: RegisteredModel, journal: Journal, entry: JournalEntry
) -> JournalEntry:
    # Another program may have done it, if this one was asleep for seconds.
    (now,) = [one for one in journal.read() if one.number == entry.number]
    note = _change(model, journal, entry) if now.state == "open" else ""
    entries = journal.read()
    (closed,) = [one for one in entries if one.number == entry.number]
    if closed.state == "void":
        raise RegistryError(
            f"Entry {entry.number} of the journal of the model {model.name!r} was not "
            f"carried out: {note or 'another program found that it cannot be'}"
        )
    if entry.alias and entry.action != "take-in":
        _correct(model, entry.alias, entries)
    return closed


def _correct(model: RegisteredModel, alias: str, entries: list[JournalEntry]) -> None:
    """Take back what this program did if it was asleep while others went on."""
    last = find_last(entries, alias)
    if last and model.aliases().get(alias) != last.new:
        model.point(alias, last.new)


def _change(model: RegisteredModel, journal: Journal, entry: JournalEntry) -> str:
    """Change the registry as an entry says, and close it; return why it is void."""
    from mlflow.exceptions import MlflowException

    try:
        if entry.action == "delete" and entry.old:
            model.delete(entry.old)
        elif entry.action != "take-in":
            model.point(entry.alias, entry.new)
    except RegistryError as err:
        note = str(err)
    except MlflowException as err:
        if err.error_code not in _IMPOSSIBLE:
            raise
        note = str(err.message)
    else:
        journal.close(entry, "done")
        return ""
    journal.close(entry, "void", note)
    return note
