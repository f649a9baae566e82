"""The folder that the processes of one gunicorn server share.

It holds the files of prometheus_client's multiprocess mode. Left alone, that mode makes
new files for each worker, and reads those of all dead ones for ever. Here a worker has
a numbered slot, and the one that takes a dead one's slot goes on in its files: the
counts stay, and there are never more files than there were workers at once.
"""

import contextlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path

from companion.system.locks import take_lock

__all__ = ["SharedFolder", "share_metrics"]

_PREFIX = "companion-serve-"
_LOCK = "lock"
_KINDS = ("counter", "gauge_livesum", "histogram")
# Twice what prometheus_client begins with, and more than all our series take. The
# files are written out at once: a worker that touched a hole in a file on a full disk
# would be killed by SIGBUS.
_FILE_BYTES = 128 * 1024


class SharedFolder:
    """A folder for this server alone; its arbiter makes and removes it."""

    def __init__(self) -> None:
        _remove_left_behind()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._taken: set[int] = set()
        # Each process of the server has it, until the last one has ended.
        draft = self.path / "lock.new"
        self._lock = draft.open("wb")
        take_lock(self._lock.fileno())
        draft.rename(self.path / _LOCK)  # found by others only when it is locked

    def take_slot(self) -> int:
        """Take the first free slot for the metrics of a new worker.

        Raises OSError if there is no room for its files.
        """
        slot = next(n for n in itertools.count() if n not in self._taken)
        for kind in _KINDS:
            file = self.path / f"{kind}_{slot}.db"
            if not file.exists():
                draft = file.with_suffix(".new")
                try:
                    draft.write_bytes(bytes(_FILE_BYTES))
                except OSError:
                    draft.unlink(missing_ok=True)
                    raise
                draft.replace(file)  # a scrape never sees half a file
        self._taken.add(slot)
        return slot

    def free_slot(self, slot: int) -> None:
        """Free the slot of a worker that has ended; its counts stay."""
        from prometheus_client.multiprocess import mark_process_dead

        # What it had in progress has ended with it.
        mark_process_dead(slot, str(self.path))  # type: ignore[no-untyped-call]
        self._taken.discard(slot)

    def remove(self) -> None:
        """Delete the folder."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_left_behind() -> None:
    """Delete the folders of servers that were killed with all their processes."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # It may be another user's, or go at this moment.
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+b") as lock:
            if take_lock(lock.fileno()):
                shutil.rmtree(folder, ignore_errors=True)


def share_metrics(folder: Path, slot: int) -> None:
    """Let this process, a worker, count in a slot of a shared folder from now on."""
    from prometheus_client import values

    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    # prometheus_client decides when it is imported, and takes the process id.
    values.ValueClass = values.MultiProcessValue(  # type: ignore[no-untyped-call]
        process_identifier=lambda: slot
    )
