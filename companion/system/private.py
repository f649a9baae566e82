"""Files and folders that nobody but their owner can read.

The log holds what people sent and what models answered. With the usual umask of 022
every user of the machine could read it. What is there already keeps its permissions:
somebody may have chosen them. Windows ignores them; there a file has those of its
folder.
"""

import contextlib
import os
from pathlib import Path

__all__ = ["create_private_file", "make_private_folder", "open_private"]


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file as `os.open` does; a new one is its owner's alone.

    Also the `opener` of Python's `open`.
    """
    return os.open(path, flags, 0o600)


def create_private_file(path: Path) -> None:
    """Create an empty file for a library that would let others read it.

    One that is there is not even opened, and what cannot be created is left to the
    library, which says why.
    """
    with contextlib.suppress(OSError):
        os.close(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, and the folders above it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
