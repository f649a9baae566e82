"""A lock that the operating system drops when its holder dies, however it dies.

The writer of a journal file holds the lock of that file for as long as it lives: a
file whose lock can be taken has no writer any more. Of two that fetch the language
model's weights, one holds the lock of their folder. There is no `release` here on
purpose: after a fork parent and child share one lock, and a child that released
it would take it from its parent. Closing the file is the way to let go.
"""

import sys

__all__ = ["take_lock"]

if sys.platform == "win32":
    import msvcrt
    import os

    # Windows locks bytes, and nobody else may read a locked byte. This one lies
    # past the end of any journal file; it is the last that 32 bits can name.
    _BYTE = 2**31 - 2

    def take_lock(descriptor: int) -> bool:
        """See below."""
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def take_lock(descriptor: int) -> bool:
        """Try to take the lock of an open file, without waiting.

        Parameters
        ----------
        descriptor : int
            The open file, open for writing.

        Returns
        -------
        bool
            False when another process, or another opening of the file in this
            one, holds the lock.

        Raises
        ------
        OSError
            If the file system knows no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
