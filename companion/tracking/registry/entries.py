"""Entries of a registry's journal, and what follows from them.

Pure: nothing here asks MLflow. `companion.tracking.registry.journal` keeps entries.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from companion.errors import SettingError
from companion.store.times import format_time, read_time

__all__ = ["MAX_LENGTH", "JournalEntry", "Served", "find_last", "find_previous"]

# MLflow silently cuts longer values of parameters.
MAX_LENGTH = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A version of a registered model.

    `identity` tells it from another model that was given the same number later.
    """

    version: str
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One change of a registered model, as the journal keeps it.

    Attributes
    ----------
    number : int
        Place in the journal, from 1.
    id : str
        UUID; tells entries apart that two programs wrote at the same moment.
    made_at : datetime
        When it was decided, by the clock of who did; UTC.
    actor : str
        Who did it, as they name themselves.
    action : {"promote", "rollback", "take-in", "delete"}
        "take-in" is a change that was made past the journal.
    alias : str
        The alias that was moved; empty for "delete".
    old, new : Served or None
        What the alias pointed to before and after; None: to nothing. For "delete",
        `old` is the version that was deleted.
    reason : str
        Why.
    state : {"open", "done", "void"}
        "open" until the registry has been changed accordingly, "void" if that was
        impossible.
    """

    number: int
    id: str
    made_at: datetime
    actor: str
    action: Literal["promote", "rollback", "take-in", "delete"]
    alias: str
    old: Served | None
    new: Served | None
    reason: str
    state: Literal["open", "done", "void"] = "open"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain values, as `companion history --json` prints it."""
        return {
            "number": self.number,
            "id": self.id,
            "made_at": format_time(self.made_at),
            "actor": self.actor,
            "action": self.action,
            "alias": self.alias,
            "old": _to_json(self.old),
            "new": _to_json(self.new),
            "reason": self.reason,
            "state": self.state,
        }

    def to_text(self) -> str:
        """Return the entry as the journal keeps it, without its state.

        Raises SettingError if that is too long.
        """
        kept = {name: value for name, value in self.to_json().items() if value != ""}
        del kept["number"], kept["state"]
        text = json.dumps(kept, ensure_ascii=False)
        if len(text) > MAX_LENGTH:
            raise SettingError(
                f"The reason has {len(self.reason):,} characters, which is too long: "
                f"an entry of the journal has room for {MAX_LENGTH:,} altogether. Give "
                "the gist, and a link to the rest."
            )
        return text

    @classmethod
    def from_text(
        cls, number: int, text: str, state: Literal["open", "done", "void"]
    ) -> "JournalEntry":
        """Read what `to_text` wrote; raise ValueError if it did not."""
        try:
            kept = json.loads(text)
            return cls(
                number=number,
                id=kept["id"],
                made_at=read_time(kept["made_at"]).astimezone(UTC),
                actor=kept.get("actor", ""),
                action=kept["action"],
                alias=kept.get("alias", ""),
                old=_from_json(kept["old"]),
                new=_from_json(kept["new"]),
                reason=kept.get("reason", ""),
                state=state,
            )
        except (KeyError, TypeError, AttributeError) as err:
            raise ValueError(f"not an entry: {text[:200]}") from err


def find_last(entries: Sequence[JournalEntry], alias: str) -> JournalEntry | None:
    """Find the entry that says where an alias points now."""
    return next((one for one in reversed(entries) if _moved(one, alias)), None)


def find_previous(entries: Iterable[JournalEntry], alias: str) -> Served | None:
    """Find what an alias pointed to before what it points to now.

    A rollback takes back the last promotion that still stands: after 1, 2, 3 and a
    rollback to 2, the one before is 1.
    """
    served: list[Served | None] = []
    for one in entries:
        if not _moved(one, alias):
            continue
        if not served:
            served.append(one.old)
        before = _drop_last(served)
        back_by_hand = one.action == "take-in" and before and one.new == before[-1]
        if one.action == "rollback" or back_by_hand:
            served = before
        elif one.new != served[-1]:
            served.append(one.new)
    before = _drop_last(served)
    return before[-1] if before else None


def _moved(entry: JournalEntry, alias: str) -> bool:
    return entry.alias == alias and entry.state != "void"


def _drop_last(served: list[Served | None]) -> list[Served | None]:
    """Leave out the last, and then all nothings at the end."""
    rest = served[:-1]
    while rest and rest[-1] is None:
        rest = rest[:-1]
    return rest


def _to_json(served: Served | None) -> dict[str, str] | None:
    if served is None:
        return None
    return {"version": served.version, "identity": served.identity}


def _from_json(kept: dict[str, str] | None) -> Served | None:
    if kept is None:
        return None
    return Served(version=kept["version"], identity=kept["identity"])
