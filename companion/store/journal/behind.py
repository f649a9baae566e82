"""How far the database is behind the journal, without asking the database.

The shipper that follows a journal notes how far it has read each file in a small
file beside them. What lies after that waits. Where nobody has noted anything, or
another shipper was quicker, more seems to wait than does, never less.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from companion.store.journal.reader import list_files
from companion.store.times import read_time
from companion.system.private import open_private

__all__ = ["Behind", "note_offsets", "read_behind"]

_NOTE = "shipped.json"
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What waits in a journal: its size, and the age of its oldest record."""

    bytes: int
    seconds: float


def note_offsets(folder: Path, offsets: Mapping[str, int]) -> None:
    """Note how far each file of a journal is in the database, in bytes.

    Without files there is no note. One that cannot be written is left out: it is only
    a number to look at.
    """
    note = folder / _NOTE
    if not offsets:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        return
    draft = note.with_name(f"{_NOTE}.{os.getpid()}")
    with contextlib.suppress(OSError):
        try:
            with open(draft, "w", encoding="utf-8", opener=open_private) as file:
                json.dump(dict(offsets), file)
            draft.replace(note)
        finally:
            draft.unlink(missing_ok=True)


def read_behind(folder: Path, *, now: datetime | None = None) -> Behind:
    """Say how much of a journal waits for its shipper; JournalError if unreadable.

    Only the first waiting line of each file is read, so this takes milliseconds
    whatever waits.
    """
    now = now or datetime.now(UTC)
    offsets = _read_offsets(folder)
    n_bytes, oldest = 0, now
    for path in list_files(folder):
        with contextlib.suppress(OSError):  # delivered since, or said by the shipper
            waiting, line = _first_waiting(path, offsets.get(path.name, 0))
            n_bytes += waiting
            oldest = min(oldest, _written_at(line) or now)
    return Behind(bytes=n_bytes, seconds=(now - oldest).total_seconds())


def _read_offsets(folder: Path) -> dict[str, int]:
    try:
        offsets = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(offsets, dict):
        return {}
    return {name: end for name, end in offsets.items() if isinstance(end, int)}


def _first_waiting(path: Path, offset: int) -> tuple[int, bytes]:
    """Return how many bytes wait after an offset, and the first line of them.

    Blank lines before it do not count: they are probes, not records.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(offset)
        while chunk := file.read(_CHUNK_BYTES):
            rest = chunk.lstrip(b"\n")
            if rest:
                start = file.tell() - len(rest)
                file.seek(start)
                return size - start, file.readline()
    return 0, b""


def _written_at(line: bytes) -> datetime | None:
    try:
        return read_time(json.loads(line)["created_at"])
    except (ValueError, TypeError, KeyError):
        return None  # half a line, or no record
