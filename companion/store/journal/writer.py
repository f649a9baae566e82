"""Writes the journal: a folder of append-only files.

A record is in its file before `Journal.append` returns. Each process writes a
file of its own, so that workers never wait for each other, and one `write` puts
all records of a call there, so that a killed process loses nothing it had
answered. `companion.store.shipping.shipper` reads the files, brings them into the
database and deletes those whose writer has gone.
"""

import contextlib
import errno
import os
import re
import secrets
import socket
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from companion.errors import JournalError
from companion.store.records import PredictionBatch, Record, encode_record
from companion.system.locks import take_lock
from companion.system.private import make_private_folder, open_private

__all__ = ["SUFFIX", "Journal"]

# What marks a file of the journal.
SUFFIX = ".jsonl"

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
# A shipper may look at a file between its creation and its lock; five times in
# a row means that something else is wrong.
_ATTEMPTS = 5


class Journal:
    """The journal of this process in one folder.

    Nothing touches the disk before the first record. Threads may share a
    journal; a forked process goes on in a file of its own.

    Parameters
    ----------
    folder : str or Path
        Where the files go; made when it is missing, so that only this user can
        enter it.
    fsync : bool, default=False
        Wait for the disk in each call. Without it a record survives the death
        of the process, but not that of the machine.
    rotate_bytes : int, default=8 MiB
        Size in bytes at which a new file is started, so that delivered files can
        be deleted.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        fsync: bool = False,
        rotate_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        # A later change of the working directory must not move the journal.
        self.folder = Path(folder).absolute()
        self._fsync = fsync
        self._rotate_bytes = rotate_bytes
        self._lock = threading.Lock()
        self._file: _OpenFile | None = None
        _journals.add(self)

    def append(self, records: Sequence[Record | PredictionBatch]) -> None:
        """Write records, all or none.

        Parameters
        ----------
        records : sequence of Record or PredictionBatch
            What to write, in this order.

        Raises
        ------
        JournalError
            If they cannot be written; then none of them was, unless it is the
            disk that `fsync` waits for that failed.
        """
        if records:
            self._write(b"".join(map(encode_record, records)))

    def probe(self) -> None:
        """Prove that the journal can be written now.

        Raises
        ------
        JournalError
            If it cannot.
        """
        # A blank line is not a record: readers skip it.
        self._write(b"\n")

    def close(self) -> None:
        """Close the file, so that it can be delivered and deleted.

        A later `append` starts a new one.
        """
        with self._lock:
            self._close_file()

    def _write(self, lines: bytes) -> None:
        with self._lock:
            try:
                self._write_whole(lines)
            except OSError as err:
                raise JournalError(
                    f"The journal in {self.folder} cannot be written: "
                    f"{err.strerror or err}. Make room or fix the folder's "
                    "permissions, or choose another folder with --journal or "
                    "COMPANION_JOURNAL."
                ) from err

    def _write_whole(self, lines: bytes) -> None:
        file, size = self._file_for(len(lines))
        if os.write(file.descriptor, lines) < len(lines):
            self._undo(file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._fsync:
            os.fsync(file.descriptor)

    def _file_for(self, n_bytes: int) -> tuple["_OpenFile", int]:
        if self._file is not None:
            size = self._file.size_if_intact()
            if size is not None and (size == 0 or size + n_bytes <= self._rotate_bytes):
                return self._file, size
            self._close_file()
        self._file = self._open_file()
        # For a journal that is dropped without `close`: its file would look in use
        # for as long as the process lives.
        self._closer = weakref.finalize(self, self._file.close)
        self._closer.atexit = False  # until the very end a thread may write
        return self._file, 0

    def _open_file(self) -> "_OpenFile":
        make_private_folder(self.folder)
        for _ in range(_ATTEMPTS):
            file = _OpenFile(self.folder / _new_name())
            try:
                # A shipper that came between takes the empty file for a dead
                # one: it holds the lock, or has deleted the file already.
                if take_lock(file.descriptor) and file.size_if_intact() is not None:
                    if self._fsync:
                        _sync_folder(self.folder)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
        raise OSError(errno.EAGAIN, "its new files vanish as soon as they are made")

    def _undo(self, file: "_OpenFile", size: int) -> None:
        """Take back half a write and leave the file for good.

        A shipper may have read a whole line of that half already, and its
        place in the file would then lie in the middle of a later line.
        """
        try:
            os.ftruncate(file.descriptor, size)
        finally:
            self._close_file()

    def _close_file(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        self._closer.detach()
        with contextlib.suppress(OSError):
            if file.size_if_intact() == 0 and os.name == "posix":
                file.path.unlink()  # held by our lock: nobody else has it
        file.close()

    def _forget_parent(self) -> None:
        """Start afresh after a fork: the open file is the parent's."""
        self._lock = threading.Lock()
        if self._file is not None:
            file, self._file = self._file, None
            self._closer.detach()
            file.close()


class _OpenFile:
    """A new file and its descriptor, which other code may close.

    Code that closes all descriptors it does not know closes ours too, and the
    system gives a free one to the next file that is opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = open_private(path, _FLAGS)
        self._status = os.fstat(self.descriptor)

    def size_if_intact(self) -> int | None:
        """Return the size; None unless path and descriptor still lead to the file."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - this runs for every request
        except FileNotFoundError:
            return None
        return status.st_size if self._is_same(status) and self._is_open() else None

    def close(self) -> None:
        """Close the file, and no other that has its descriptor now."""
        if self._is_open():
            with contextlib.suppress(OSError):  # the descriptor is free all the same
                os.close(self.descriptor)

    def _is_same(self, status: os.stat_result) -> bool:
        return os.path.samestat(self._status, status)

    def _is_open(self) -> bool:
        try:
            return self._is_same(os.fstat(self.descriptor))
        except OSError:  # EBADF: it is closed
            return False


def _new_name() -> str:
    host = re.sub(r"[^A-Za-z0-9.]+", "_", socket.gethostname())[:60]
    return f"{host}-{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # Windows cannot open a folder, and need not
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _forget_parents() -> None:
    for journal in list(_journals):
        journal._forget_parent()


if hasattr(os, "register_at_fork"):
    # At once and not at the child's first record: a child that never writes
    # would otherwise keep the lock, and its parent's file would never look dead.
    os.register_at_fork(after_in_child=_forget_parents)
