"""Who can read the log: with an umask of 022, as most systems have, only its owner."""

import os
import stat
import sys
from pathlib import Path

import pytest

from companion.cli import main
from companion.store import Journal, ship
from companion.store.journal.aside import set_aside
from companion.store.journal.behind import note_offsets
from companion.store.sql.database import Database
from companion.store.sql.migrations import migrate

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such permissions"
)


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def modes(folder: Path) -> dict[str, str]:
    return {path.name: mode(path) for path in folder.iterdir()}


def test_the_umask_of_these_tests_lets_others_read(tmp_path):
    (tmp_path / "plain").touch()

    assert modes(tmp_path) == {"plain": "644"}


def test_a_journal_is_its_owners_alone(folder, predictions):
    journal = Journal(folder)
    journal.append(predictions(1))
    [written] = folder.iterdir()
    set_aside(written, [b"torn\n"])
    note_offsets(folder, {written.name: 10})

    assert mode(folder) == "700"
    assert modes(folder) == {
        written.name: "600",
        f"{written.name}.bad": "600",
        "shipped.json": "600",
    }
    journal.close()


def test_only_the_journals_own_folder_is_closed_to_others(tmp_path, predictions):
    Journal(tmp_path / "var" / "log" / "journal").append(predictions(1))

    assert mode(tmp_path / "var") == mode(tmp_path / "var" / "log") == "755"
    assert mode(tmp_path / "var" / "log" / "journal") == "700"


def test_an_sqlite_file_and_what_sqlite_puts_beside_it_are_its_owners_alone(
    tmp_path, sqlite_url
):
    database = Database(sqlite_url)
    migrate(database)

    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO journal_offsets VALUES ('x', 1)")
        found = modes(tmp_path)
    database.close()

    assert found == {"log.db": "600", "log.db-wal": "600", "log.db-shm": "600"}


def test_a_file_that_is_made_again_is_its_owners_alone(tmp_path, sqlite_url):
    """As by a shipper whose database was deleted while it ran."""
    database = Database(sqlite_url)
    migrate(database)
    database.release()
    for path in tmp_path.glob("log.db*"):
        path.unlink()

    migrate(database)

    database.close()
    assert modes(tmp_path) == {"log.db": "600"}


def test_permissions_that_somebody_chose_stay(
    tmp_path, sqlite_url, folder, predictions
):
    """Two users who share a store have made its files for their group."""
    folder.mkdir(mode=0o755)
    (tmp_path / "log.db").touch()
    (tmp_path / "log.db").chmod(0o660)
    Journal(folder).append(predictions(1))

    ship(sqlite_url, folder)

    database = Database(sqlite_url)
    with database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM predictions")
        assert modes(tmp_path) == {
            "journal": "755",
            "log.db": "660",
            "log.db-wal": "660",
            "log.db-shm": "660",
        }
    database.close()


def test_an_export_is_for_other_programs_and_as_open_as_the_umask_lets_it_be(
    tmp_path, sqlite_url, folder, predictions
):
    Journal(folder).append(predictions(1))
    ship(sqlite_url, folder)

    main(["export", "--store", sqlite_url, "--to", str(tmp_path / "archive")])

    [file] = (tmp_path / "archive").rglob("*.parquet")
    assert mode(file) == "644"
