"""The shipper: brings the journal's records into the database, each once.

Each batch is one transaction that writes the records not there yet and how far
the file has been read. So it may be killed at any moment, and several shippers
may work on one journal: a record that comes twice is skipped.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.errors import JournalError, StoreError
from companion.store.journal.reader import Batch, JournalFile, list_files
from companion.store.sql.address import journal_folder
from companion.store.sql.database import Database
from companion.store.sql.migrations import migrate
from companion.store.sql.rollups import RollupWriter
from companion.store.sql.writes import (
    forget_offset,
    insert_new,
    move_offset,
    read_offset,
)

__all__ = ["ShipReport", "Shipper", "ship"]

Progress = Callable[[int], None]

_logger = logging.getLogger("companion.store")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipReport:
    """What a shipment did.

    Attributes
    ----------
    shipped : int
        Records that are new in the database.
    duplicates : int
        Records that were there already.
    set_aside : int
        Lines that hold no record; they are kept in files that end in ``.bad``.
    """

    shipped: int = 0
    duplicates: int = 0
    set_aside: int = 0

    def __add__(self, other: "ShipReport") -> "ShipReport":
        return ShipReport(
            shipped=self.shipped + other.shipped,
            duplicates=self.duplicates + other.duplicates,
            set_aside=self.set_aside + other.set_aside,
        )


class Shipper:
    """Ships one journal into one database, as often as asked.

    Parameters
    ----------
    store_url : str
        Address of the store.
    folder : str or Path, optional
        Folder of the journal; by default the one that belongs to the store.

    Attributes
    ----------
    folder : Path
        Folder of the journal.
    """

    def __init__(self, store_url: str, folder: str | Path | None = None) -> None:
        self.folder = journal_folder(store_url, folder)
        self._store_url = store_url
        self._database: Database | None = None
        self._rollups = RollupWriter()
        # How far each file is known to have been read. It may lag behind the
        # database; then a record comes twice.
        self._offsets: dict[str, int] = {}
        # How far each file's unreadable lines have been set aside, so that a
        # batch that is tried again sets none aside twice.
        self._set_aside: dict[str, int] = {}

    def prepare(self) -> None:
        """Connect, and bring the tables up to date.

        Raises
        ------
        StoreError
            If the database cannot be used.
        """
        if self._database is None:
            database = Database(self._store_url)
            try:
                migrate(database)
            except BaseException:
                database.close()
                raise
            self._database = database

    @property
    def offsets(self) -> Mapping[str, int]:
        """How far each file is known to have been read, in bytes, by its name."""
        return dict(self._offsets)

    def bytes_waiting(self) -> int:
        """Return the size of the journal's files.

        Returns
        -------
        int
            Bytes, including those of a file in use that were delivered already.
        """
        total = 0
        for path in list_files(self.folder):
            with contextlib.suppress(FileNotFoundError):  # delivered since
                total += path.stat().st_size
        return total

    def ship(self, progress: Progress | None = None) -> ShipReport:
        """Bring everything that waits now into the database.

        Parameters
        ----------
        progress : callable, optional
            Called after each batch with the bytes of journal that it took.

        Returns
        -------
        ShipReport
            What was done.

        Raises
        ------
        StoreError
            If the database cannot be used; what is not in it yet stays in the
            journal. JournalError if a file of the journal cannot be read; all
            others are shipped.
        """
        report, failures = self.ship_readable(progress)
        if failures:
            path, reason = next(iter(failures.items()))
            count = "1 file" if len(failures) == 1 else f"{len(failures)} files"
            raise JournalError(
                f"{count} of the journal cannot be read; the first is {path}: "
                f"{reason}. Fix its permissions and run `companion ship` again."
            )
        return report

    def ship_readable(
        self, progress: Progress | None = None
    ) -> tuple[ShipReport, Mapping[Path, str]]:
        """Bring everything that can be read now into the database.

        Parameters
        ----------
        progress : callable, optional
            Called after each batch with the bytes of journal that it took.

        Returns
        -------
        ShipReport
            What was done.
        mapping of Path to str
            The files that cannot be read or tidied up, and why.

        Raises
        ------
        StoreError
            If the database cannot be used; what is not in it yet stays in the
            journal. JournalError if the journal's folder cannot be read.
        """
        report = ShipReport()
        failures: dict[Path, str] = {}
        try:
            for path in list_files(self.folder):
                try:
                    for done in self._ship_file(path, progress):
                        report += done
                except FileNotFoundError:
                    continue  # another shipper has delivered it since
                except StoreError:
                    raise
                except OSError as err:
                    failures[path] = err.strerror or str(err)
        except StoreError:
            # The next call starts afresh: the database may have been replaced.
            self.close()
            raise
        finally:
            if self._database is not None:
                self._database.release()
        return report, failures

    def close(self) -> None:
        """Close the connection; a later call connects again."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self._offsets.clear()

    def _ship_file(self, path: Path, progress: Progress | None) -> Iterator[ShipReport]:
        with JournalFile(path) as file:
            start = self._offset(path.name)
            for batch in file.batches(start):
                yield self._ship_batch(file, path.name, batch)
                if progress is not None:
                    progress(batch.end - start)
                self._offsets[path.name] = start = batch.end
            if file.orphaned:
                self._forget(path.name)
                self._remove(file, path.name, start)
            elif not path.exists():
                self._forget(path.name)  # another shipper has removed it since
                self._set_aside.pop(path.name, None)

    def _remove(self, file: JournalFile, name: str, end: int) -> None:
        try:
            file.remove()
        except OSError:
            self._offsets[name] = end  # it stays: do not ship it again each time
            raise
        self._set_aside.pop(name, None)

    def _ship_batch(self, file: JournalFile, name: str, batch: Batch) -> ShipReport:
        if not batch.records and not batch.unreadable:
            return ShipReport()  # blank lines, which may be read again
        with self._opened().write() as connection:
            new = insert_new(connection, batch.records)
            self._rollups.add(connection, new)
            move_offset(connection, name, batch.end)
            # Last, so that a database that refuses the batch leaves no line in
            # there; yet before the commit, after which nobody reads them again.
            self._keep_unreadable(file, name, batch)
        return ShipReport(
            shipped=len(new),
            duplicates=len(batch.records) - len(new),
            set_aside=len(batch.unreadable),
        )

    def _keep_unreadable(self, file: JournalFile, name: str, batch: Batch) -> None:
        done = self._set_aside.get(name, 0)
        lines = [line for place, line in batch.unreadable.items() if place >= done]
        if lines:
            bad_file = file.set_aside(lines)
            self._set_aside[name] = batch.end
            _logger.warning(
                "Lines of the journal that hold no record: %d. They were set aside in "
                "%s; `companion ship --retry-bad` tries them again, such as after an "
                "upgrade.",
                len(lines),
                bad_file,
            )

    def _offset(self, name: str) -> int:
        if name not in self._offsets:
            with self._opened().read() as connection:
                self._offsets[name] = read_offset(connection, name)
        return self._offsets[name]

    def _forget(self, name: str) -> None:
        # Before the file goes: killed in between, we ship it again for nothing,
        # but no row about a file that is gone stays for ever.
        if self._offsets.pop(name, 0):
            with self._opened().write() as connection:
                forget_offset(connection, name)

    def _opened(self) -> Database:
        self.prepare()
        assert self._database is not None  # noqa: S101 - what prepare() is for
        return self._database


def ship(
    store_url: str,
    folder: str | Path | None = None,
    *,
    progress: Progress | None = None,
) -> ShipReport:
    """Bring everything that waits in a journal into its database.

    Parameters
    ----------
    store_url : str
        Address of the store.
    folder : str or Path, optional
        Folder of the journal; by default the one that belongs to the store.
    progress : callable, optional
        Called after each batch with the bytes of journal that it took.

    Returns
    -------
    ShipReport
        What was done. Where nothing waits the database is left alone.

    Raises
    ------
    StoreError
        If the database cannot be used, or a file of the journal cannot be read;
        what is not in the database stays in the journal.
    """
    with contextlib.closing(Shipper(store_url, folder)) as shipper:
        return shipper.ship(progress)
