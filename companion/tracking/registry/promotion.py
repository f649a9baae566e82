"""Promotion, rollback and deletion of a registered model's versions."""

from companion.tracking.registry.arguments import (
    Signed,
    check_alias,
    check_reason,
    read_expected,
    read_version,
)
from companion.tracking.registry.checking import (
    check_expected,
    check_gate,
    check_previous,
    describe_change,
)
from companion.tracking.registry.entries import JournalEntry, find_last
from companion.tracking.registry.moving import State, carry, look
from companion.tracking.registry.registered import RegisteredModel, open_model

__all__ = ["delete_version", "promote", "rollback"]


def promote(
    name: str,
    version: str | int,
    *,
    reason: str,
    alias: str = "champion",
    expect: str | int | None = None,
    take_in: bool = False,
    require_gate: bool = False,
    actor: str | None = None,
) -> JournalEntry | None:
    """Point an alias of a registered model to a version, and keep why in its journal.

    MLflow's own functions and pages see the same alias. The registry is the one that
    MLflow's environment variables or the program set.

    Parameters
    ----------
    name : str
        Registered model.
    version : str or int
        Version that the alias is to point to.
    reason : str
        Why; kept in the journal.
    alias : str, default="champion"
        Alias to move.
    expect : str or int, optional
        Version that the alias must point to now, or "none" if it must not exist yet.
    take_in : bool, default=False
        Whether a change that was made past the journal is written into it first.
        Without it, such a change is an error.
    require_gate : bool, default=False
        Whether the version must have passed `companion gate` against the version that
        the alias points to now; if it points to nothing yet, against any model.
    actor : str, optional
        Who does it; by default ``COMPANION_ACTOR``, without that the user that MLflow
        logs in with, or the user of this machine. It is taken on trust.

    Returns
    -------
    JournalEntry or None
        The entry that the journal now has; None if the alias points to the version
        already, so that nothing was changed.

    Raises
    ------
    ConflictError
        If another program moved the alias at the same moment, if it does not point to
        `expect`, if it was changed past the journal, or if a gate that is required was
        not passed.
    RegistryError
        If there is no such model or version.
    TrackingError
        If the registry cannot be reached.
    SettingError
        If an argument has a value that cannot be used.
    """
    target = read_version(version)
    signed = Signed.by(actor, check_reason(reason))
    check_alias(alias)
    expected = read_expected(expect)
    with open_model(name, "`companion promote`") as model:
        found = model.check_version(target)
        taken = _take_in(model, alias, signed) if take_in else None
        if taken and taken.new == found:
            if require_gate:
                check_gate(model, alias, found, taken.old)
            return taken

        def decide(state: State) -> JournalEntry | None:
            check_expected(model, alias, state, expected)
            current = state.aliases.get(alias)
            if current == found:
                return None
            if require_gate:
                check_gate(model, alias, found, current)
            return signed.draft(state, "promote", alias, current, found)

        return carry(model, alias, decide)


def rollback(
    name: str,
    *,
    reason: str = "",
    alias: str = "champion",
    expect: str | int | None = None,
    take_in: bool = False,
    actor: str | None = None,
) -> JournalEntry:
    """Point an alias of a registered model back to what it pointed to before.

    A second rollback goes back one more: after versions 1, 2 and 3 the first leads to
    2, the second to 1.

    Parameters
    ----------
    name : str
        Registered model.
    reason : str, optional
        Why; kept in the journal.
    alias, expect, take_in, actor
        As in `promote`.

    Returns
    -------
    JournalEntry
        The entry that the journal now has.

    Raises
    ------
    ConflictError
        As `promote` does.
    RegistryError
        If nothing was served before, or if that version has been deleted.
    TrackingError
        If the registry cannot be reached.
    SettingError
        If an argument has a value that cannot be used.
    """
    signed = Signed.by(actor, reason)
    check_alias(alias)
    expected = read_expected(expect)
    with open_model(name, "`companion rollback`") as model:
        if take_in:
            _take_in(model, alias, signed)

        def decide(state: State) -> JournalEntry:
            check_expected(model, alias, state, expected)
            previous = check_previous(model, alias, state)
            return signed.draft(
                state, "rollback", alias, state.aliases.get(alias), previous
            )

        return carry(model, alias, decide)


def delete_version(
    name: str, version: str | int, *, reason: str, actor: str | None = None
) -> JournalEntry:
    """Delete a version of a registered model, unless an alias points to it.

    MLflow's own `delete_model_version` deletes such an alias too, without a word.

    Parameters
    ----------
    name : str
        Registered model.
    version : str or int
        Version to delete.
    reason : str
        Why; kept in the journal.
    actor : str, optional
        As in `promote`.

    Returns
    -------
    JournalEntry
        The entry that the journal now has.

    Raises
    ------
    RegistryError
        If there is no such version, or an alias points to it.
    TrackingError
        If the registry cannot be reached.
    SettingError
        If an argument has a value that cannot be used.
    """
    target = read_version(version)
    signed = Signed.by(actor, check_reason(reason))
    with open_model(name, "`delete_version`") as model:

        def decide(state: State) -> JournalEntry:
            found = model.check_version(target)
            model.check_free(found)
            return signed.draft(state, "delete", "", found, None)

        return carry(model, "", decide)


def _take_in(model: RegisteredModel, alias: str, signed: Signed) -> JournalEntry | None:
    """Write a change that was made past the journal into it, if there is one."""
    if not describe_change(model, alias, look(model)):
        return None

    def decide(state: State) -> JournalEntry:
        last = find_last(state.entries, alias)
        old = last.new if last else None
        return signed.draft(state, "take-in", alias, old, state.aliases.get(alias))

    return carry(model, alias, decide)
