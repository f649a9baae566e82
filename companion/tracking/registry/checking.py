"""Whether a registered model is as it should be before something is changed."""

from companion.errors import ConflictError, RegistryError
from companion.tracking.gates.records import TAG
from companion.tracking.registry.entries import Served, find_last, find_previous
from companion.tracking.registry.moving import State
from companion.tracking.registry.registered import RegisteredModel

__all__ = ["check_expected", "check_gate", "check_previous", "describe_change"]


def describe_change(model: RegisteredModel, alias: str, state: State) -> str:
    """Say where an alias should point if it points elsewhere; else say nothing."""
    last, current = find_last(state.entries, alias), state.aliases.get(alias)
    if not alias or last is None or last.new == current:
        return ""
    if last.new and current and last.new.version == current.version:
        what = f"leads to another model that was given the number {current.version}"
    else:
        what = f"points to {_name(current)}"
    return (
        f"{alias!r} of the model {model.name!r} {what}, but by its journal to "
        f"{_name(last.new)} (entry {last.number}, by {last.actor}): it was changed "
        "past the journal."
    )


def check_expected(
    model: RegisteredModel, alias: str, state: State, expected: str | None
) -> None:
    """Raise ConflictError if an alias is not where it should be, or was expected."""
    if change := describe_change(model, alias, state):
        raise ConflictError(
            f"{change} Add --take-in (in Python `take_in=True`) to write that into the "
            "journal and go on."
        )
    current = state.aliases.get(alias)
    version = current.version if current else "none"
    if expected in (None, version):
        return
    last = find_last(state.entries, alias)
    by = f", since {last.actor}'s {last.action} (entry {last.number})" if last else ""
    raise ConflictError(
        f"Nothing was changed: {alias!r} of the model {model.name!r} points to "
        f"{_name(current)}{by}; expected was {expected}. Look at `companion history "
        f"{model.name}`, then run the command again with what you expect now."
    )


def check_gate(
    model: RegisteredModel, alias: str, served: Served, current: Served | None
) -> None:
    """Raise ConflictError unless a version has passed a gate against the current one.

    Where an alias points to nothing yet, any gate that it has passed will do.
    """
    tags = model.client.get_model_version(model.name, served.version).tags
    outcome, against = tags.get(TAG), tags.get(f"{TAG}.against")
    champion = f"{model.name}, version {current.version}" if current else against
    if outcome == "pass" and against == champion:
        return
    if outcome is None:
        why = "has been through no gate"
    elif outcome != "pass":
        why = f"did not pass its last gate (outcome: {outcome}, against {against})"
    else:
        why = f"passed its last gate against {against}, not against {champion}"
    against_option = f"models:/{model.name}@{alias}" if current else "MODEL"
    raise ConflictError(
        f"{alias!r} of the model {model.name!r} is not moved to version "
        f"{served.version}: it {why}. Run `companion gate "
        f"models:/{model.name}/{served.version} --against {against_option} --data "
        "FILE`, or promote it without --require-gate (in Python `require_gate`)."
    )


def check_previous(model: RegisteredModel, alias: str, state: State) -> Served:
    """Find what an alias pointed to before; raise RegistryError if it is not there."""
    previous = find_previous(state.entries, alias)
    if previous is None:
        raise RegistryError(
            f"The journal of the model {model.name!r} knows no version that {alias!r} "
            f"pointed to before. Promote one: `companion promote {model.name} VERSION "
            f"--alias {alias} --reason TEXT`."
        )
    if model.find(previous.version) != previous:
        raise RegistryError(
            f"Version {previous.version} of the model {model.name!r}, which {alias!r} "
            f"pointed to before, has been deleted. `companion history {model.name}` "
            "lists earlier ones; promote one that is still there."
        )
    return previous


def _name(served: Served | None) -> str:
    return f"version {served.version}" if served else "nothing"
