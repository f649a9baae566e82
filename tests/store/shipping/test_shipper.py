import contextlib
import os
import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from companion.errors import StoreError
from companion.store import (
    Journal,
    Shipper,
    ShipReport,
    read_predictions,
    ship,
)
from companion.store.journal.writer import SUFFIX
from companion.store.records import encode_record
from companion.store.sql import database


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


def test_more_than_a_batch_arrives_and_progress_is_reported_in_bytes(
    store_url, folder, predictions
):
    Journal(folder).append(predictions(2345))
    size = sum(path.stat().st_size for path in folder.iterdir())
    steps = []

    report = ship(store_url, folder, progress=steps.append)

    assert report.shipped == 2345
    assert len(steps) == 3  # batches of 1000
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
    bad_file = path.with_name(path.name + ".bad")
    assert bad_file.read_bytes() == second[:-20] + b"\n"
    assert list(folder.iterdir()) == [bad_file]
    [message] = caplog.messages
    assert message.startswith("Lines of the journal that hold no record: 1. ")
    assert str(bad_file) in message
    assert "`companion ship --retry-bad`" in message
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


def test_set_aside_lines_come_in_when_fixed_and_renamed(store_url, folder, predictions):
    [line] = map(encode_record, predictions(1))
    write_dead_file(folder, line.replace(b"0.25", b"0,25"))
    ship(store_url, folder)
    [bad_file] = folder.iterdir()

    bad_file.write_bytes(bad_file.read_bytes().replace(b"0,25", b"0.25"))
    bad_file.rename(folder / f"fixed{SUFFIX}")

    assert ship(store_url, folder) == ShipReport(shipped=1)


def test_a_broken_line_is_set_aside_once_however_often_its_batch_is_tried(
    sqlite_url, tmp_path, folder, predictions, monkeypatch
):
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.01)
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
    store_url, folder, predictions, monkeypatch
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
    shipper = Shipper(store_url, folder)
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
            folder, b"".join(map(encode_record, predictions(1100, f"dead{i}")))
        )
    journal = Journal(folder)
    journal.append(predictions(1100, "living"))

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: ship(store_url, folder), range(3)))
    ship(store_url, folder)

    assert sum(r.shipped for r in reports) == 5500
    assert len(set(read_ids(store_url))) == 5500
    assert len(list(folder.iterdir())) == 1
    journal.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows deletes no open file")
def test_a_file_that_another_shipper_removes_meanwhile_leaves_no_row(
    store_url, folder, predictions
):
    journal = Journal(folder)
    journal.append(predictions(1100))  # two batches

    def let_another_finish(_):
        journal.close()
        ship(store_url, folder)

    ship(store_url, folder, progress=let_another_finish)

    assert list(folder.iterdir()) == []
    assert len(read_ids(store_url)) == 1100
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
