"""Lines that hold no record: set aside in files that end in ``.bad``, for later.

Such a line is torn, damaged, or of a version of the package that is newer than the
shipper. To be tried again its file becomes a file of the journal like any other, by
one renaming: whatever happens then, each line is in one file or in the database.
"""

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from companion.errors import JournalError
from companion.store.journal.writer import SUFFIX
from companion.system.locks import take_lock
from companion.system.private import open_private

__all__ = ["retry_aside", "set_aside"]

_BAD = f"{SUFFIX}.bad"
_RETRIED = re.compile(r"\.retry-[0-9a-f]{12}$")


def set_aside(journal_file: Path, lines: Iterable[bytes]) -> Path:
    """Append lines to the file beside a journal file that keeps them; return its path.

    They are on the disk before this returns.
    """
    bad_file = journal_file.with_name(f"{journal_file.name}.bad")
    with _open_alone(bad_file) as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    return bad_file


def retry_aside(folder: Path) -> int:
    """Make all lines that were set aside wait for the shipper; return how many files.

    Raises JournalError if a file cannot be renamed.
    """
    count = 0
    for bad_file in sorted(folder.glob(f"*{_BAD}")):
        stem = _RETRIED.sub("", bad_file.name.removesuffix(_BAD))
        # A new name: of the old one the database may know how far it was read.
        new_name = f"{stem}.retry-{secrets.token_hex(6)}{SUFFIX}"
        try:
            bad_file.rename(bad_file.with_name(new_name))
        except FileNotFoundError:
            continue  # another one does the same
        except OSError as err:
            raise JournalError(
                f"The file {bad_file} cannot be renamed: {err.strerror or err}. Fix "
                "the folder's permissions."
            ) from err
        count += 1
    return count


@contextmanager
def _open_alone(path: Path) -> Iterator[BinaryIO]:
    """Open a file to append to it; while it is open nobody ships and deletes it."""
    while True:
        with open(path, "ab", opener=open_private) as file:
            # Since it was opened it may have been renamed, to be tried again.
            if take_lock(file.fileno()) and _is_at(file, path):
                yield file
                return
        time.sleep(0.01)


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
