"""Reads one journal file in batches of whole lines."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from companion.errors import JournalError
from companion.store.journal.aside import set_aside
from companion.store.journal.writer import SUFFIX
from companion.store.records import Record, decode_line
from companion.system.locks import take_lock

__all__ = ["Batch", "JournalFile", "list_files"]

# A batch ends at whichever comes first; one transaction takes one batch.
_BATCH_LINES = 1000
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Whole lines of a journal file.

    `unreadable` holds the lines that are no record, as they are, by their offset in
    bytes; `end` is the offset after the last line.
    """

    records: list[Record]
    unreadable: dict[int, bytes]
    end: int


class JournalFile:
    """An open journal file, and its lock if the writer has gone.

    `orphaned` says whether it has; then this object holds the lock. Raises OSError if
    the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("r+b")  # locks and Windows need write access
        try:
            # Before the first line is read: what an orphan holds then is all.
            self.orphaned = take_lock(self._file.fileno())
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which releases its lock."""
        self._file.close()

    def batches(self, offset: int) -> Iterator[Batch]:
        """Read from an offset in bytes until no whole line is left."""
        while (batch := self._read(offset)).end > offset:
            yield batch
            offset = batch.end

    def _read(self, offset: int) -> Batch:
        records: list[Record] = []
        unreadable: dict[int, bytes] = {}
        end = offset
        self._file.seek(offset)
        for _ in range(_BATCH_LINES):
            line = self._file.readline()
            whole = line.endswith(b"\n") or (self.orphaned and line)
            if not whole or end - offset >= _BATCH_BYTES:
                break
            if line.strip():
                try:
                    records += decode_line(line)
                except ValueError:
                    unreadable[end] = line
            end += len(line)
        return Batch(records=records, unreadable=unreadable, end=end)

    def set_aside(self, lines: Iterable[bytes]) -> Path:
        """Keep lines that hold no record in a file beside this one; return its path."""
        return set_aside(self._path, lines)

    def remove(self) -> None:
        """Delete the orphaned file."""
        if sys.platform == "win32":
            # Windows deletes no open file, nor one that its writer has open.
            self._file.close()
        # Elsewhere keep the lock until it is deleted: a writer that has just made
        # the file checks, once it has the lock, that it is still there.
        self._path.unlink(missing_ok=True)


def list_files(folder: Path) -> list[Path]:
    """Return the files of a journal, the one written last at the end.

    The folder may be missing; one that cannot be read raises JournalError.
    """
    try:
        # Not Path.glob, which finds nothing in a folder that it may not read.
        paths = [folder / name for name in os.listdir(folder) if name.endswith(SUFFIX)]  # noqa: PTH208 - the names are all it takes
    except FileNotFoundError:
        return []
    except OSError as err:
        raise JournalError(
            f"The journal in {folder} cannot be read: {err.strerror or err}. Fix the "
            "folder's permissions, or give another one with --journal or "
            "COMPANION_JOURNAL."
        ) from err
    return sorted(paths, key=lambda path: (_written_at(path), path))


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # delivered by another shipper since
        return 0.0
