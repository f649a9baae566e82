import os
import sqlite3
import sys
from contextlib import closing

import pytest

from companion.errors import (
    JournalError,
    MissingExtraError,
    StoreError,
)
from companion.store import (
    Journal,
    Shipper,
    ShipReport,
    read_predictions,
    ship,
)
from companion.store.journal.writer import SUFFIX
from companion.store.sql import database


def read_ids(store_url):
    return [p.id for p in reversed(read_predictions(store_url, limit=None))]


def test_nothing_to_ship_leaves_the_database_alone(tmp_path, folder):
    assert ship(f"sqlite:///{tmp_path}/typo.db", folder) == ShipReport()
    assert list(tmp_path.iterdir()) == []


def test_a_locked_database_keeps_the_records_waiting(
    sqlite_url, tmp_path, folder, predictions, monkeypatch
):
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.1)
    Shipper(sqlite_url, folder).prepare()
    Journal(folder).append(predictions(2))
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    shipper = Shipper(sqlite_url, folder)

    with pytest.raises(StoreError, match=r"another program has kept .*log.db locked"):
        shipper.ship()
    assert shipper.bytes_waiting() > 0
    other.execute("ROLLBACK")
    other.close()

    assert shipper.ship().shipped == 2


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
@pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anything"
)
def test_a_read_only_database_is_named(sqlite_url, tmp_path, folder, predictions):
    Shipper(sqlite_url, folder).prepare()
    Journal(folder).append(predictions(1))
    (tmp_path / "log.db").chmod(0o400)

    with pytest.raises(StoreError, match=r"log.db, its -wal file or their folder is"):
        ship(sqlite_url, folder)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path, folder, predictions):
    notes = tmp_path / "notes.txt"
    notes.write_text("shopping list\n" * 100)
    Journal(folder).append(predictions(1))

    with pytest.raises(StoreError, match=r"notes.txt is not an SQLite database. Move"):
        ship(f"sqlite:///{notes}", folder)

    assert notes.read_text() == "shopping list\n" * 100


def test_a_missing_folder_of_the_database_is_named(tmp_path, folder, predictions):
    Journal(folder).append(predictions(1))

    with pytest.raises(StoreError, match=r"The folder .*missing .* does not exist"):
        ship(f"sqlite:///{tmp_path}/missing/log.db", folder)


def test_a_server_that_is_away_is_named_without_its_password(folder, predictions):
    pytest.importorskip("psycopg")
    Journal(folder).append(predictions(1))

    with pytest.raises(StoreError, match="Check that the server runs") as caught:
        ship("postgresql://ada:hush@127.0.0.1:1/log", folder)

    assert "postgresql://ada@127.0.0.1:1/log" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_postgresql_without_its_driver_names_the_extra(
    folder, predictions, monkeypatch
):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    Journal(folder).append(predictions(1))

    with pytest.raises(MissingExtraError, match=r"mlops-companion\[postgres\]"):
        ship("postgresql://ada@127.0.0.1/log", folder)


def test_no_error_of_the_database_shows_what_was_logged(store_url, folder, predictions):
    """A statement that fails carries the rows; a message must not."""
    Shipper(store_url, folder).prepare()
    with closing(database.Database(store_url)) as opened, opened.write() as connection:
        connection.exec_driver_sql("DROP TABLE predictions")
    Journal(folder).append(predictions(1, inputs={"name": "Ada Lovelace"}))

    missing = 'no such table: predictions|relation "predictions" does not exist'
    with pytest.raises(StoreError, match=missing) as caught:
        ship(store_url, folder)

    assert "Ada" not in str(caught.value)
    assert "Ada" not in str(caught.value.__cause__)


def test_a_journal_file_that_cannot_be_opened_does_not_hold_up_the_others(
    store_url, folder, predictions
):
    folder.mkdir()
    (folder / f"a-folder{SUFFIX}").mkdir()
    Journal(folder).append(predictions(1))

    with pytest.raises(JournalError, match=r"a-folder.jsonl: (Is a|Permission)"):
        ship(store_url, folder)

    assert read_ids(store_url) == ["r-0"]


def test_a_journal_that_cannot_be_listed_is_not_taken_for_an_empty_one(
    tmp_path, sqlite_url
):
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"file cannot be read: .*--journal"):
        ship(sqlite_url, tmp_path / "file")


def test_a_database_that_vanished_is_made_again_with_what_the_journal_holds(
    sqlite_url, tmp_path, folder, predictions
):
    journal = Journal(folder)
    shipper = Shipper(sqlite_url, folder)
    first, second = predictions(2)
    journal.append([first])
    shipper.ship()
    for path in tmp_path.glob("log.db*"):
        path.unlink()
    journal.append([second])

    with pytest.raises(StoreError, match="no such table"):
        shipper.ship()
    shipper.ship()

    assert read_ids(sqlite_url) == ["r-0", "r-1"]
    journal.close()
