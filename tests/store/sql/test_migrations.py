import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, text

from companion.errors import StoreError
from companion.store import Journal, read_calls, read_predictions, ship
from companion.store.sql.database import Database
from companion.store.sql.migrations import MIGRATIONS, migrate
from companion.store.sql.schema import METADATA

NUMBERS = "SELECT number FROM schema_migrations ORDER BY number"


@pytest.fixture
def database(store_url):
    opened = Database(store_url)
    yield opened
    opened.close()


def read_all(database, query):
    with database.read() as connection:
        return connection.execute(text(query)).all()


def describe(connection):
    """Tables as the database itself describes them."""
    inspector = inspect(connection)
    return {
        table: (
            {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            },
            inspector.get_pk_constraint(table)["constrained_columns"],
            {
                index["name"]: index["column_names"]
                for index in inspector.get_indexes(table)
            },
        )
        for table in METADATA.tables
    }


def test_the_steps_lead_to_the_tables_that_the_package_uses(database):
    migrate(database)
    with database.write() as connection:
        reached = describe(connection)
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        wanted = describe(connection)

    assert reached == wanted


def test_a_database_that_is_up_to_date_is_only_read(tmp_path):
    """Somebody else may be writing it at that moment."""
    database = Database(f"sqlite:///{tmp_path}/log.db")
    migrate(database)
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    migrate(database)

    other.close()
    database.close()


def test_readers_do_not_wait_for_a_writer(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/log.db")
    migrate(database)

    assert read_all(database, "PRAGMA journal_mode") == [("wal",)]
    database.close()


def test_a_commit_is_on_the_disk_before_its_journal_file_goes(tmp_path):
    """2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous"""
    database = Database(f"sqlite:///{tmp_path}/log.db")
    migrate(database)

    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert read_all(database, "PRAGMA synchronous") == [(2,)]
    database.close()


def test_an_older_database_is_brought_up_to_date_and_keeps_its_rows(
    database, store_url, folder, predictions
):
    Journal(folder).append(predictions(2))
    ship(store_url, folder)

    def add_note(connection):
        connection.execute(text("ALTER TABLE predictions ADD COLUMN note VARCHAR"))

    def fill_note(connection):
        connection.execute(text("UPDATE predictions SET note = 'kept ' || id"))

    before = datetime.now(UTC)
    for _ in range(2):
        migrate(database, [*MIGRATIONS, add_note, fill_note])

    rows = read_all(database, "SELECT note, value FROM predictions ORDER BY id")
    assert rows == [("kept r-0", 0.25), ("kept r-1", 0.25)]
    done = read_all(database, "SELECT number, name FROM schema_migrations ORDER BY 1")
    assert done == [
        (1, "begin_with_predictions"),
        (2, "add_llm_calls"),
        (3, "add_extra"),
        (4, "add_other_answers"),
        (5, "add_failed_requests_and_profiles"),
        (6, "add_rollups"),
        (7, "add_labels"),
        (8, "add_note"),
        (9, "fill_note"),
    ]
    [(late,)] = read_all(
        database, "SELECT CAST(max(applied_at) AS VARCHAR(26)) FROM schema_migrations"
    )
    assert late[:10] >= f"{before:%Y-%m-%d}"


def test_a_step_that_fails_leaves_the_database_as_it_was(database):
    migrate(database)

    def break_halfway(connection):
        connection.execute(text("ALTER TABLE predictions ADD COLUMN note VARCHAR"))
        connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(StoreError, match="no_such_table"):
        migrate(database, [*MIGRATIONS, break_halfway])

    with database.read() as connection:
        columns = [c["name"] for c in inspect(connection).get_columns("predictions")]
    assert "note" not in columns
    last = read_all(database, "SELECT max(number) FROM schema_migrations")
    assert last == [(len(MIGRATIONS),)]


def test_a_newer_database_is_refused_and_left_alone(
    database, store_url, folder, predictions
):
    migrate(database, [*MIGRATIONS, lambda _: None])
    Journal(folder).append(predictions(1))
    newest = len(MIGRATIONS)
    message = (
        f"made by a newer companion: its schema has number {newest + 1}, .* "
        f"up to {newest}.*upgrade"
    )

    with pytest.raises(StoreError, match=message):
        ship(store_url, folder)
    with pytest.raises(StoreError, match=message):
        read_predictions(store_url)

    assert read_all(database, "SELECT count(*) FROM predictions") == [(0,)]
    assert len(list(folder.iterdir())) == 1


def test_a_table_of_somebody_else_is_not_taken_for_ours(database):
    with database.write() as connection:
        connection.execute(text("CREATE TABLE predictions (id INTEGER)"))

    with pytest.raises(StoreError, match=r"predictions.* already exists"):
        migrate(database)


def test_first_starts_at_once_do_not_disturb_each_other(store_url):
    def start(_):
        database = Database(store_url)
        migrate(database)
        database.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))

    database = Database(store_url)
    assert read_all(database, NUMBERS) == [(i + 1,) for i in range(len(MIGRATIONS))]
    database.close()


def test_a_first_start_waits_for_another_that_is_writing(tmp_path):
    """SQLite itself refuses the switch to WAL at once, whatever its timeout."""
    other = sqlite3.connect(
        tmp_path / "log.db", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    database = Database(f"sqlite:///{tmp_path}/log.db")

    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(migrate, database)
        time.sleep(0.2)
        waits = not start.done()
        other.execute("ROLLBACK")
        start.result(timeout=10)

    assert waits
    assert read_all(database, NUMBERS) == [(i + 1,) for i in range(len(MIGRATIONS))]
    other.close()
    database.close()


def test_first_starts_of_processes_at_once_do_not_disturb_each_other(store_url):
    code = """
import sys
import time
from companion.store import Shipper
sys.stdin.read()
Shipper(sys.argv[1]).prepare()
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, store_url], stdin=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        process.stdin.close()

    assert [process.wait(timeout=60) for process in processes] == [0, 0]


# What version 1 left behind, as `sqlite3 log.db .dump` shows it.
VERSION_1 = """
CREATE TABLE journal_offsets (
    file VARCHAR NOT NULL, "offset" BIGINT NOT NULL, PRIMARY KEY (file)
);
CREATE TABLE predictions (
    id VARCHAR NOT NULL, request_id VARCHAR NOT NULL, created_at VARCHAR(27) NOT NULL,
    model_name VARCHAR NOT NULL, model_version VARCHAR NOT NULL, inputs JSON NOT NULL,
    value FLOAT NOT NULL, latency_ms FLOAT NOT NULL, PRIMARY KEY (id)
);
INSERT INTO predictions VALUES (
    'r-0', 'r', '2014-06-01 12:00:00.000000Z', 'terrace-rain', '1',
    '{"temp_max_c": 12.8}', 0.25, 1.5
);
CREATE TABLE schema_migrations (
    number INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (number)
);
INSERT INTO schema_migrations
    VALUES (1, 'begin_with_predictions', '2026-11-23 17:52:50.338197Z');
CREATE INDEX predictions_by_model
    ON predictions (model_name, model_version, created_at);
CREATE INDEX predictions_by_time ON predictions (created_at);
"""


def test_a_database_of_version_1_keeps_its_rows_and_gets_what_came_since(
    sqlite_url, tmp_path
):
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.executescript(VERSION_1)
    connection.close()

    assert read_calls(sqlite_url) == []
    assert [one.id for one in read_predictions(sqlite_url)] == ["r-0"]

    opened = Database(sqlite_url)
    with opened.write() as connection:
        reached = describe(connection)
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        assert reached == describe(connection)
    opened.close()


def test_a_step_is_done_on_top_of_the_one_before(database, store_url):
    """As above, on the database server that the tests are given as well."""
    migrate(database, MIGRATIONS[:1])

    assert read_calls(store_url) == []
    assert read_all(database, NUMBERS) == [(i + 1,) for i in range(len(MIGRATIONS))]


def test_a_log_of_numbers_only_keeps_its_rows_when_answers_may_be_more(
    database, store_url, folder, predictions
):
    """SQLite copies the table; the rows of step 3 must all come along, with indexes."""
    migrate(database, MIGRATIONS[:3])
    with database.write() as connection:
        for number in range(3):
            connection.execute(
                text(
                    "INSERT INTO predictions (id, request_id, created_at, model_name, "
                    "model_version, inputs, value, latency_ms, extra) VALUES "
                    "(:id, 'r', '2014-06-01 12:00:00.000000Z', 'rain', '1', "
                    """'{"wind_ms": 2}', 0.5, 1.5, '{"by": "hand"}')"""
                ).bindparams(id=f"old-{number}")
            )

    Journal(folder).append(predictions(1, value=None, label="rain", score=0.75))
    ship(store_url, folder)

    kept = read_predictions(store_url, limit=None)
    assert sorted((one.id, one.value, one.label) for one in kept) == [
        ("old-0", 0.5, None),
        ("old-1", 0.5, None),
        ("old-2", 0.5, None),
        ("r-0", None, "rain"),
    ]
    assert kept[-1].extra == {"by": "hand"}
    found = inspect_indexes(database)
    assert {"predictions_by_time", "predictions_by_model"} <= found


def inspect_indexes(database):
    with database.read() as connection:
        return {one["name"] for one in inspect(connection).get_indexes("predictions")}
