"""What is given to promotion, rollback and deletion, checked before MLflow is asked."""

import getpass
import os
import re
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from companion.errors import SettingError
from companion.settings import resolve_setting
from companion.tracking.registry.entries import JournalEntry, Served
from companion.tracking.registry.moving import State

__all__ = ["Signed", "check_alias", "check_reason", "read_expected", "read_version"]

_ALIAS = re.compile(r"[\w-]{1,255}", re.ASCII)
_RESERVED = re.compile(r"latest|v\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Who changes something, and why."""

    actor: str
    reason: str

    @classmethod
    def by(cls, actor: str | None, reason: str) -> "Signed":
        """Sign with the actor that is given, or else found."""
        return cls(actor=_find_actor(actor), reason=reason.strip())

    def draft(
        self,
        state: State,
        action: Literal["promote", "rollback", "take-in", "delete"],
        alias: str,
        old: Served | None,
        new: Served | None,
    ) -> JournalEntry:
        """Make the entry that is to come next."""
        return JournalEntry(
            number=state.next_number,
            id=str(uuid.uuid4()),
            made_at=datetime.now(UTC),
            actor=self.actor,
            action=action,
            alias=alias,
            old=old,
            new=new,
            reason=self.reason,
        )


def read_version(version: str | int) -> str:
    """Read the number of a version."""
    text = str(version).strip()
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise SettingError(
            f"{version!r} is not a version of a registered model. Give its number, "
            "such as 3."
        )
    return str(int(text))


def read_expected(expect: str | int | None) -> str | None:
    """Read the version that an alias is expected to point to, or "none"."""
    if expect is None or expect == "none":
        return expect
    return read_version(expect)


def check_alias(alias: str) -> None:
    """Raise SettingError where MLflow would not take an alias."""
    if not _ALIAS.fullmatch(alias) or _RESERVED.fullmatch(alias):
        raise SettingError(
            f"{alias!r} cannot be an alias. Give letters, digits, hyphens and "
            "underscores, at most 255; MLflow keeps `latest` and names such as `v1` "
            "for itself."
        )


def check_reason(reason: str) -> str:
    """Raise SettingError if a reason is empty."""
    if text := reason.strip():
        return text
    raise SettingError("The reason is empty. Give a sentence for the journal.")


def _find_actor(given: str | None) -> str:
    if named := resolve_setting("actor", given):
        return named
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        return user
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
    return f"{user}@{socket.gethostname()}"
