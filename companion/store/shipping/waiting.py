"""How much of the journal is not in the database yet."""

from pathlib import Path

from sqlalchemy import select

from companion.errors import JournalError, NoLogError, SettingError
from companion.store.journal.reader import list_files
from companion.store.records import RECORD_TYPES, decode_line
from companion.store.sql.address import journal_folder
from companion.store.sql.opening import open_log
from companion.store.sql.schema import OFFSETS

__all__ = ["count_waiting"]


def count_waiting(
    store_url: str, folder: str | Path | None = None, *, table: str | None = None
) -> int:
    """Count the lines of the journal that are not in the database yet.

    Parameters
    ----------
    store_url : str
        Address of the store.
    folder : str or Path, optional
        Folder of the journal; by default the one that belongs to the store.
    table : str, optional
        Count the records of this table only, such as ``Prediction.table``.

    Returns
    -------
    int
        Records that wait, >= 0; without `table` also lines that hold none.

    Raises
    ------
    SettingError
        If the log has no such table.
    StoreError
        If the database or a file cannot be read.
    """
    if table is not None and table not in RECORD_TYPES:
        raise SettingError(
            f"the log has the tables {sorted(RECORD_TYPES)}, got {table!r}"
        )
    files = list_files(journal_folder(store_url, folder))
    if not files:
        return 0
    offsets = _read_offsets(store_url)
    waiting = 0
    for path in files:
        try:
            with path.open("rb") as file:
                file.seek(offsets.get(path.name, 0))
                waiting += sum(_count(line, table) for line in file)
        except FileNotFoundError:
            continue  # delivered since
        except OSError as err:
            raise JournalError(
                f"The journal file {path} cannot be read: {err.strerror or err}. "
                "Fix its permissions."
            ) from err
    return waiting


def _count(line: bytes, table: str | None) -> int:
    if line == b"\n" or not line.endswith(b"\n"):
        return 0
    if table is None and b'"batch":{' not in line:
        return 1  # to read it would take twenty times as long
    try:
        records = decode_line(line)
    except ValueError:
        return 1 if table is None else 0
    return sum(table in (None, record.table) for record in records)


def _read_offsets(store_url: str) -> dict[str, int]:
    try:
        with open_log(store_url) as database, database.read() as connection:
            rows = connection.execute(select(OFFSETS.c.file, OFFSETS.c.offset))
            return {row.file: row.offset for row in rows}
    except NoLogError:
        return {}  # everything waits
