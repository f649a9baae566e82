"""What became of the reloads of a server, told by its arbiter to its workers.

It is one small file in the folder that they share. A server without such a folder,
like one under waitress, is never reloaded.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Reloads", "read_reloads", "write_reloads"]

_NAME = "reloads.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloads:
    """The reloads so far; `failure` says why the last one failed, and when."""

    succeeded: int = 0
    failed: int = 0
    failure: str | None = None
    failed_at: str | None = None


def read_reloads(folder: Path | None) -> Reloads:
    """Read what the arbiter wrote last."""
    if folder is None:
        return Reloads()
    try:
        return Reloads(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not yet written, or the disk was full
        return Reloads()


def write_reloads(folder: Path, reloads: Reloads) -> None:
    """Write them for the workers, whole at any moment; OSError if that fails."""
    draft = folder / f"{_NAME}.new"
    draft.write_text(json.dumps(asdict(reloads)), encoding="utf-8")
    draft.replace(folder / _NAME)
