import contextlib
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from companion.errors import (
    JournalError,
    MissingExtraError,
    SettingError,
    StoreError,
)
from companion.store import (
    Journal,
    Shipper,
    ShipReport,
    count_waiting,
    database,
    follow,
    read_predictions,
    ship,
)
from companion.store.journal import SUFFIX
from companion.store.records import encode_record


def read_ids(store_url):
    return [p.id for p in reversed(read_predictions(store_url, limit=None))]


def read_offsets(store_url):
    opened = database.Database(store_url)
    with opened.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM journal_offsets").all()
    opened.close()
    return rows


def write_dead_file(folder, content):
    """A journal file whose writer is gone."""
    folder.mkdir(exist_ok=True)
    path = folder / f"gone-1-{random.randbytes(4).hex()}{SUFFIX}"  # noqa: S311 - a name
    path.write_bytes(content)
    return path


def test_records_arrive_as_they_were(store_url, folder, predictions):
    """Values that a careless store would round, cut or re-encode."""
    records = predictions(
        3,
        value=0.1 + 0.2,
        latency_ms=1e-300,
        inputs={
            "é\n\u2028": "\u0000\ud800'",
            "n": -0.0,
            "big": 2**70,
            "x": [None, True],
        },
    )
    Journal(folder).append(records)

    report = ship(store_url, folder)

    assert report == ShipReport(shipped=3)
    assert read_predictions(store_url) == records[::-1]


def test_a_living_file_is_shipped_on_from_where_it_was_read(
    store_url, folder, predictions
):
    journal = Journal(folder)
    records = predictions(6)
    shipper = Shipper(store_url, folder)
    reports = []
    for i in (0, 2, 4):
        journal.append(records[i : i + 2])
        reports.append(shipper.ship())
        reports.append(ship(store_url, folder))  # another one, that knows nothing

    assert [r.shipped for r in reports] == [2, 0, 2, 0, 2, 0]
    assert [r.duplicates for r in reports] == [0] * 6
    assert read_ids(store_url) == [r.id for r in records]
    shipper.close()


def test_a_file_is_deleted_once_its_writer_is_gone_and_leaves_no_row(
    store_url, folder, predictions
):
    journal = Journal(folder)
    journal.append(predictions(1))
    ship(store_url, folder)
    assert len(list(folder.iterdir())) == 1

    journal.close()
    report = ship(store_url, folder)

    assert report == ShipReport()
    assert list(folder.iterdir()) == []
    assert read_offsets(store_url) == []


def test_a_record_that_comes_twice_is_stored_once(store_url, folder, predictions):
    records = predictions(4)
    Journal(folder).append(records[:2])
    ship(store_url, folder)
    Journal(folder).append([records[1], records[2], records[2], records[3]])

    report = ship(store_url, folder)

    assert report == ShipReport(shipped=2, duplicates=2)
    assert read_ids(store_url) == [r.id for r in records]


def test_more_than_a_batch_arrives_and_progress_is_told_in_bytes(
    store_url, folder, predictions
):
    Journal(folder).append(predictions(1234))
    size = sum(path.stat().st_size for path in folder.iterdir())
    steps = []

    report = ship(store_url, folder, progress=steps.append)

    assert report.shipped == 1234
    assert len(steps) == 3  # batches of 500
    assert sum(steps) == size


def test_a_batch_of_long_lines_is_no_larger_than_a_few_mebibytes(
    store_url, folder, predictions
):
    """Five hundred of them in one transaction would fill the memory."""
    Journal(folder).append(predictions(10, inputs={"a": "x" * 2**20}))
    steps = []

    ship(store_url, folder, progress=steps.append)

    assert len(read_ids(store_url)) == 10
    assert len(steps) > 1
    assert max(steps) < 6 * 2**20


def test_the_last_line_of_a_living_file_is_waited_for(store_url, folder, predictions):
    journal = Journal(folder)
    first, second = predictions(2)
    journal.append([first])
    [path] = folder.iterdir()
    line = encode_record(second)

    with path.open("ab") as file:
        file.write(line[:30])
    early = ship(store_url, folder)
    with path.open("ab") as file:
        file.write(line[30:])
    late = ship(store_url, folder)

    assert (early.shipped, early.set_aside) == (1, 0)
    assert (late.shipped, late.set_aside) == (1, 0)
    journal.close()


def test_a_torn_last_line_is_set_aside_and_the_rest_arrives(
    store_url, folder, predictions, caplog
):
    first, second = map(encode_record, predictions(2))
    path = write_dead_file(folder, first + second[:-20])

    report = ship(store_url, folder)

    assert report == ShipReport(shipped=1, set_aside=1)
    beside = path.with_name(path.name + ".bad")
    assert beside.read_bytes() == second[:-20] + b"\n"
    assert list(folder.iterdir()) == [beside]
    assert [r.message for r in caplog.records] == [
        f"1 lines of the journal hold no record and were set aside in {beside}."
    ]
    assert ship(store_url, folder) == ShipReport()


def test_a_last_line_that_lacks_only_its_end_is_a_record(
    store_url, folder, predictions
):
    [record] = predictions(1)
    write_dead_file(folder, encode_record(record)[:-1])

    assert ship(store_url, folder) == ShipReport(shipped=1)


def test_broken_lines_in_a_living_file_block_nothing_and_are_set_aside_once(
    store_url, folder, predictions, caplog
):
    journal = Journal(folder)
    first, second = predictions(2)
    journal.append([first])
    [path] = folder.iterdir()
    unknown = b'{"table": "orders", "id": "1"}\n'
    with path.open("ab") as file:
        file.write(b"\0\0\xff\n" + unknown)
    journal.append([second])

    reports = [ship(store_url, folder) for _ in range(2)]

    assert reports == [ShipReport(shipped=2, set_aside=2), ShipReport()]
    assert path.with_name(path.name + ".bad").read_bytes() == b"\0\0\xff\n" + unknown
    assert len(caplog.records) == 1


def test_set_aside_lines_come_in_when_mended_and_renamed(
    store_url, folder, predictions
):
    [line] = map(encode_record, predictions(1))
    write_dead_file(folder, line.replace(b"0.25", b"0,25"))
    ship(store_url, folder)
    [beside] = folder.iterdir()

    beside.write_bytes(beside.read_bytes().replace(b"0,25", b"0.25"))
    beside.rename(folder / f"mended{SUFFIX}")

    assert ship(store_url, folder) == ShipReport(shipped=1)


def test_a_broken_line_is_set_aside_once_however_often_its_batch_is_tried(
    sqlite_url, tmp_path, folder, predictions, monkeypatch
):
    monkeypatch.setattr(database, "_BUSY_S", 0.01)
    Shipper(sqlite_url, folder).prepare()
    [line] = map(encode_record, predictions(1))
    path = write_dead_file(folder, b"broken\n" + line)
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    for _ in range(3):
        with pytest.raises(StoreError, match="locked"):
            ship(sqlite_url, folder)  # another shipper each time
    other.execute("ROLLBACK")
    other.close()
    report = ship(sqlite_url, folder)

    assert report == ShipReport(shipped=1, set_aside=1)
    assert path.with_name(path.name + ".bad").read_bytes() == b"broken\n"


def test_lines_whose_commit_failed_are_not_set_aside_again(
    sqlite_url, folder, predictions, monkeypatch
):
    write = database.Database.write

    @contextlib.contextmanager
    def write_on_a_full_disk(self):
        with write(self) as connection:
            yield connection
            raise StoreError("the disk is full")

    journal = Journal(folder)
    journal.append(predictions(1))
    [path] = folder.iterdir()
    with path.open("ab") as file:
        file.write(b"broken\n")
    shipper = Shipper(sqlite_url, folder)
    shipper.prepare()

    monkeypatch.setattr(database.Database, "write", write_on_a_full_disk)
    for _ in range(3):
        with pytest.raises(StoreError, match="full"):
            shipper.ship()
    monkeypatch.undo()
    with path.open("ab") as file:
        file.write(b"later\n")

    assert shipper.ship() == ShipReport(shipped=1, set_aside=2)
    assert path.with_name(path.name + ".bad").read_bytes() == b"broken\nlater\n"
    journal.close()


def test_two_shippers_at_once_store_each_record_once(store_url, folder, predictions):
    for i in range(4):
        write_dead_file(
            folder, b"".join(map(encode_record, predictions(700, f"dead{i}")))
        )
    journal = Journal(folder)
    journal.append(predictions(700, "living"))

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: ship(store_url, folder), range(3)))
    ship(store_url, folder)

    assert sum(r.shipped for r in reports) == 3500
    assert len(set(read_ids(store_url))) == 3500
    assert len(list(folder.iterdir())) == 1
    journal.close()


def test_nothing_to_ship_leaves_the_database_alone(tmp_path, folder):
    assert ship(f"sqlite:///{tmp_path}/typo.db", folder) == ShipReport()
    assert list(tmp_path.iterdir()) == []


def test_a_locked_database_keeps_the_records_waiting(
    sqlite_url, tmp_path, folder, predictions, monkeypatch
):
    monkeypatch.setattr(database, "_BUSY_S", 0.1)
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


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX rights")
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


def test_no_error_of_the_database_shows_what_was_logged(
    sqlite_url, tmp_path, folder, predictions
):
    """A statement that fails carries the rows; a message must not."""
    Shipper(sqlite_url, folder).prepare()
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("DROP TABLE predictions")
    connection.close()
    Journal(folder).append(predictions(1, inputs={"name": "Ada Lovelace"}))

    with pytest.raises(StoreError, match="no such table: predictions") as caught:
        ship(sqlite_url, folder)

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


def test_what_waits_is_counted_without_blank_or_unfinished_lines(
    store_url, folder, predictions
):
    journal = Journal(folder)
    journal.append(predictions(3))
    assert count_waiting(store_url, folder) == 3

    ship(store_url, folder)
    journal.probe()
    journal.append(predictions(2, "later"))
    [path] = folder.iterdir()
    with path.open("ab") as file:
        file.write(b'{"table"')

    assert count_waiting(store_url, folder) == 2
    journal.close()


def test_what_waits_is_counted_for_one_table(store_url, folder, predictions):
    journal = Journal(folder)
    journal.append(predictions(3))
    [path] = folder.iterdir()
    with path.open("ab") as file:
        file.write(b'{"table": "orders", "id": "1"}\nbroken\n\n')

    assert count_waiting(store_url, folder, table="predictions") == 3
    assert count_waiting(store_url, folder) == 5
    with pytest.raises(SettingError, match=r"tables \['predictions'\], got 'orders'"):
        count_waiting(store_url, folder, table="orders")
    journal.close()


def test_following_logs_an_outage_once_and_delivers_when_it_is_over(
    tmp_path, folder, predictions, caplog
):
    Journal(folder).append(predictions(2))
    home = tmp_path / "later"
    url = f"sqlite:///{home}/log.db"
    stop = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(follow, Shipper(url, folder), stop=stop, interval_s=0.005)
        time.sleep(0.1)
        home.mkdir()
        while not (home / "log.db").exists() or count_waiting(url, folder):
            time.sleep(0.01)
        stop.set()
        report = end.result(timeout=10)

    assert report == ShipReport(shipped=2)
    assert len(caplog.records) == 2
    assert "does not exist" in caplog.messages[0]
    assert str(folder) in caplog.messages[0]
    assert "can be used again" in caplog.messages[1]


class Pauses(threading.Event):
    """Notes how long its waiter wants to sleep, lets it not, and ends it."""

    def __init__(self, n, meanwhile=lambda _: None):
        super().__init__()
        self.seconds = []
        self._n = n
        self._meanwhile = meanwhile

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        self._meanwhile(len(self.seconds))
        if len(self.seconds) == self._n:
            self.set()
        return self.is_set()


def test_following_asks_a_store_that_is_away_less_and_less_often(
    tmp_path, folder, predictions
):
    Journal(folder).append(predictions(1))
    home = tmp_path / "later"
    stop = Pauses(9, lambda n: home.mkdir() if n == 7 else None)
    shipper = Shipper(f"sqlite:///{home}/log.db", folder)

    report = follow(shipper, stop=stop, interval_s=1.0)

    assert stop.seconds == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 1.0, 1.0]
    assert report == ShipReport(shipped=1)
    shipper.close()


def test_following_warns_of_a_file_that_cannot_be_read_and_goes_on_as_usual(
    store_url, folder, predictions, caplog
):
    folder.mkdir()
    broken = folder / f"a-folder{SUFFIX}"
    broken.mkdir()
    journal = Journal(folder)
    shipper = Shipper(store_url, folder)
    arrived = []

    def write_another(n):
        arrived.append(len(read_ids(store_url)))
        journal.append(predictions(1, f"later{n}"))
        if n == 3:
            broken.rename(folder / "mended")
        if n == 4:
            (folder / "mended").rename(broken)

    journal.append(predictions(1))
    stop = Pauses(5, write_another)
    report = follow(shipper, stop=stop, interval_s=1.0)

    assert stop.seconds == [1.0] * 5
    assert arrived == [1, 2, 3, 4, 5]
    assert report == ShipReport(shipped=6)
    # Once until it could be read, and once more when it could not again.
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert message.startswith(f"The journal file {broken} cannot be read: ")
        assert "all other files are shipped" in message
    shipper.close()
    journal.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows deletes no open file")
def test_a_file_that_another_shipper_removes_meanwhile_leaves_no_row(
    store_url, folder, predictions
):
    journal = Journal(folder)
    journal.append(predictions(600))  # two batches

    def let_another_finish(_):
        journal.close()
        ship(store_url, folder)

    ship(store_url, folder, progress=let_another_finish)

    assert list(folder.iterdir()) == []
    assert len(read_ids(store_url)) == 600
    assert read_offsets(store_url) == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
def test_a_file_that_cannot_be_removed_is_not_shipped_over_and_over(
    store_url, folder, predictions, monkeypatch
):
    """Such as in a folder that may only be read."""
    write_dead_file(folder, b"".join(map(encode_record, predictions(3))))
    shipper = Shipper(store_url, folder)

    def refuse(self, **_):
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        reports = [shipper.ship_readable()[0] for _ in range(3)]

    assert reports == [ShipReport(shipped=3), ShipReport(), ShipReport()]
    assert shipper.ship() == ShipReport()
    assert list(folder.iterdir()) == []
    assert read_offsets(store_url) == []
    shipper.close()


def test_following_ships_once_more_after_it_was_stopped(store_url, folder, predictions):
    stop = threading.Event()
    stop.set()
    Journal(folder).append(predictions(2))
    shipper = Shipper(store_url, folder)

    assert follow(shipper, stop=stop) == ShipReport(shipped=2)
    shipper.close()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_writers_and_shippers_killed_at_any_moment_lose_and_double_nothing(
    store_url, folder
):
    """Each id is printed once its record is on disk, as a server answers."""
    writer = """
        import sys, time
        from datetime import UTC, datetime
        from companion.store import Journal, Prediction
        journal = Journal(sys.argv[1], rotate_bytes=100_000)
        name, i = sys.argv[2], 0
        while True:
            ids = [f"{name}-{i}-{row}" for row in range(3)]
            journal.append([
                Prediction(id=id, request_id=name, created_at=datetime.now(UTC),
                           model_name="m", model_version="1", inputs={"a": 1.0},
                           value=0.5, latency_ms=1.0) for id in ids
            ])
            print(*ids, flush=True)
            i += 1
            time.sleep(0.0005)
    """
    shipper = """
        import sys
        from companion.store import Shipper
        shipper = Shipper(*sys.argv[1:])
        while True:
            shipper.ship()
    """
    seed = time.time_ns() % 10_000
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    answered = []

    for i in range(3):
        processes = [
            start(writer, folder, f"round{i}"),
            start(shipper, store_url, folder),
        ]
        # From the first answer on: starting Python takes longer than the rest.
        select.select([processes[0].stdout], [], [], 30)
        time.sleep(chance.uniform(0.01, 0.4))
        chance.shuffle(processes)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            lines = process.communicate(timeout=10)[0].splitlines(keepends=True)
            answered += [
                id_ for line in lines if line[-1] == "\n" for id_ in line.split()
            ]
    ship(store_url, folder)

    stored = read_ids(store_url)
    assert len(answered) > 100, f"seed {seed}"
    assert len(stored) == len(set(stored)), f"seed {seed}"
    assert set(answered) <= set(stored), f"seed {seed}"
    # What was killed between record and answer was logged; a round leaves one.
    assert len(stored) - len(answered) <= 3 * 3
    assert [p for p in folder.iterdir() if p.suffix != ".bad"] == []


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
