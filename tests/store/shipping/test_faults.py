"""What goes wrong at work, on both databases: no answered record lost, none twice.

Killed programs are in `test_killed.py` and `tests/serving/run/test_kill.py`.
"""

import os
import random
import secrets
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from companion.errors import JournalError, StoreError
from companion.serving.log import PredictionLog
from companion.store import (
    Journal,
    Shipper,
    ShipReport,
    count_waiting,
    follow,
    read_predictions,
    read_rollups,
    ship,
)
from companion.store.journal.behind import read_behind
from companion.store.journal.writer import SUFFIX
from companion.store.records import encode_record
from companion.store.sql import database

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
# What takes minutes is asked for: a burst of 100000 records, and a lock that is held
# for 30 seconds, with the timeouts of real programs.
BURST = int(os.environ.get("COMPANION_TEST_BURST", "4000"))
LOCK_S = float(os.environ.get("COMPANION_TEST_LOCK_S", "1"))


def read_ids(store_url):
    return [p.id for p in reversed(read_predictions(store_url, limit=None))]


def counted(store_url):
    """How many predictions the counts per minute hold."""
    return sum(one.n for one in read_rollups(store_url, metrics=["predictions"]))


@contextmanager
def following(store_url, folder, interval_s=0.02):
    """Ship beside the test; the report is in the list when the block has ended."""
    stop, reports = threading.Event(), []
    shipper = Shipper(store_url, folder)

    def run():
        reports.append(follow(shipper, stop=stop, interval_s=interval_s))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reports
    finally:
        stop.set()
        thread.join(600)
        shipper.close()


def wait_until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


WRITER = """
    import sys
    from datetime import UTC, datetime
    from companion.store import Journal, Prediction
    journal = Journal(sys.argv[1], rotate_bytes=200_000)
    name, n = sys.argv[2], int(sys.argv[3])
    for i in range(n):
        journal.append([Prediction(
            id=f"{name}-{i}", request_id=name, created_at=datetime.now(UTC),
            model_name="m", model_version="1", inputs={"a": 1.0}, value=0.5,
            latency_ms=1.0)])
"""


def start_python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], **options
    )


def test_a_burst_of_four_processes_with_two_shippers_arrives_once(store_url, folder):
    with following(store_url, folder) as first, following(store_url, folder) as second:
        writers = [start_python(WRITER, folder, f"w{i}", BURST // 4) for i in range(4)]
        assert [writer.wait(600) for writer in writers] == [0] * 4

    stored = read_ids(store_url)
    assert len(stored) == len(set(stored))
    assert set(stored) == {f"w{i}-{row}" for i in range(4) for row in range(BURST // 4)}
    assert first[0].shipped + second[0].shipped == BURST
    assert counted(store_url) == BURST
    assert list(folder.glob(f"*{SUFFIX}")) == []


@posix
def test_children_forked_after_the_start_write_and_ship_on_their_own(store_url, folder):
    """As of a server that loads its application before it forks its workers.

    They inherit an open journal and a shipper with an open connection.
    """
    code = """
        import os, sys
        from datetime import UTC, datetime
        from companion.store import Journal, Prediction, Shipper
        def records(name):
            return [Prediction(id=f"{name}-{i}", request_id=name,
                created_at=datetime.now(UTC), model_name="m", model_version="1",
                inputs={}, value=0.5, latency_ms=1.0) for i in range(5)]
        journal, shipper = Journal(sys.argv[2]), Shipper(*sys.argv[1:3])
        journal.append(records("first"))
        shipper.ship()
        children = []
        for c in range(4):
            pid = os.fork()
            if pid == 0:
                try:
                    for i in range(20):
                        journal.append(records(f"child{c}.{i}"))
                        shipper.ship()
                    journal.close()
                    shipper.ship()
                except BaseException as err:
                    print(type(err).__name__, err, flush=True)
                    os._exit(1)
                os._exit(0)
            children.append(pid)
        for i in range(20):
            journal.append(records(f"parent.{i}"))
            shipper.ship()
        codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
        journal.close()
        shipper.ship()
        shipper.close()
        print(codes)
    """
    done = start_python(
        code, store_url, folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = done.communicate(timeout=60)[0].decode()

    assert said == "[0, 0, 0, 0]\n"
    names = ["first", *(f"parent.{i}" for i in range(20))]
    names += [f"child{c}.{i}" for c in range(4) for i in range(20)]
    assert sorted(read_ids(store_url)) == sorted(
        f"{name}-{i}" for name in names for i in range(5)
    )
    assert counted(store_url) == 5 * len(names)


@contextmanager
def locked(store_url):
    """Hold what a shipper needs to write, as a long transaction does."""
    with closing(database.Database(store_url)) as other, other.write() as connection:
        if not other.is_sqlite:
            connection.execute(text("LOCK TABLE predictions IN EXCLUSIVE MODE"))
        yield


def test_a_database_that_is_locked_for_long_gets_everything_afterwards(
    store_url, folder, predictions, monkeypatch
):
    if LOCK_S < 5:
        monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.1)
    journal = Journal(folder)
    journal.append(predictions(10, "before"))
    ship(store_url, folder)

    with following(store_url, folder) as reports:
        with locked(store_url):
            ended = time.monotonic() + LOCK_S
            n = 0
            while time.monotonic() < ended:
                journal.append(predictions(10, f"during{n}"))
                n += 1
                time.sleep(0.05)
            assert len(read_ids(store_url)) == 10
            assert count_waiting(store_url, folder) == 10 * n
        wait_until(lambda: count_waiting(store_url, folder) == 0, 60)
        journal.close()

    assert reports == [ShipReport(shipped=10 * n)]
    stored = read_ids(store_url)
    assert len(stored) == len(set(stored)) == 10 + 10 * n
    assert counted(store_url) == 10 + 10 * n


def test_postgresql_stopped_and_started_under_load_gets_everything_once(
    own_postgresql, folder, predictions, caplog
):
    url = own_postgresql.url
    journal = Journal(folder)
    n = 0

    with following(url, folder) as reports:
        for _ in range(2):
            for phase in ("running", "stopped"):
                before = n
                while n < before + 15:
                    journal.append(predictions(20, f"{phase}{n}"))
                    n += 1
                    time.sleep(0.01)
                if phase == "running":
                    own_postgresql.stop()
                else:
                    own_postgresql.start()
            # Otherwise it would be tried again less and less often.
            wait_until(lambda: count_waiting(url, folder) == 0, 60)
        journal.close()

    stored = read_ids(url)
    assert len(stored) == len(set(stored)) == 20 * n == counted(url)
    # A batch whose commit was not confirmed comes again and is passed over.
    assert reports[0].shipped <= 20 * n
    outages = [m for m in caplog.messages if "Records wait in" in m]
    assert len(outages) == 2
    assert all("Check that the server runs" in message for message in outages)


@contextmanager
def _database_on(disk, own_postgresql):
    """An address whose data lies on a disk; for SQLite there is no server."""
    if own_postgresql is None:
        yield f"sqlite:///{disk.path}/log.db"
        return
    import psycopg

    owner = own_postgresql.data.stat()
    home = disk.path / "tables"
    home.mkdir()
    os.chown(home, owner.st_uid, owner.st_gid)
    with psycopg.connect(own_postgresql.url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{home}'")
        connection.execute("CREATE DATABASE log TABLESPACE small")
        yield own_postgresql.url.replace("/postgres?", "/log?")
        connection.execute("DROP DATABASE log WITH (FORCE)")
        connection.execute("DROP TABLESPACE small")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_full_disk_under_the_database_keeps_the_records_waiting(
    request, small_disk, folder, predictions, kind
):
    server = None
    if kind == "postgresql":
        server = request.getfixturevalue("own_postgresql")
    wide = {"text": secrets.token_hex(1_000)}  # PostgreSQL would compress the like
    Journal(folder).append(predictions(7_000, inputs=wide))

    with _database_on(small_disk, server) as url:
        with pytest.raises(StoreError, match=r"full|No space left") as caught:
            ship(url, folder)
        stored = read_ids(url)
        waiting = count_waiting(url, folder)
        small_disk.resize(megabytes=100)
        report = ship(url, folder)

        assert wide["text"][:20] not in str(caught.value)
        assert 0 < len(stored) < 7_000
        assert waiting == 7_000 - len(stored)
        assert report == ShipReport(shipped=waiting)
        assert len(set(read_ids(url))) == counted(url) == 7_000


def test_a_full_disk_under_the_journal_is_an_error_and_loses_nothing_that_was_written(
    store_url, small_disk, predictions
):
    folder = small_disk.path / "journal"
    journal = Journal(folder)
    written = []
    wide = {"text": "x" * 5_000}

    def fill_the_disk():
        for _ in range(100_000):
            records = predictions(3, f"n{len(written)}", inputs=wide)
            journal.append(records)
            written.extend(one.id for one in records)

    for _ in range(2):
        with pytest.raises(JournalError, match=r"No space left on device. Make room"):
            fill_the_disk()
    small_disk.resize(megabytes=100)
    journal.append(predictions(1, "after"))
    journal.close()

    report = ship(store_url, folder)
    assert report == ShipReport(shipped=len(written) + 1)
    assert sorted(read_ids(store_url)) == sorted([*written, "after-0"])


def test_what_is_answered_without_a_log_is_counted_to_the_last(
    store_url, small_disk, predictions
):
    """`--log-failure answer` gives some up on purpose; the server says how many."""
    log = PredictionLog(Journal(small_disk.path / "journal"), answer_without=True)
    answered = 0
    for i in range(1_500):
        if i == 1_400:
            small_disk.resize(megabytes=100)
        rows = predictions(1 + i % 3, f"n{i}", inputs={"text": "x" * 7_000})
        log.write(rows, profile={})
        answered += len(rows)
    log.journal.close()

    report = ship(store_url, small_disk.path / "journal")

    assert log.lost > 0
    assert report.shipped + log.lost == answered
    assert len(set(read_ids(store_url))) == answered - log.lost


def test_damaged_bytes_cost_their_own_line_only(store_url, folder, predictions):
    """Any byte, any place; what still is a record arrives, the rest is set aside."""
    seed = time.time_ns() % 100_000
    chance = random.Random(seed)  # noqa: S311 - places, not secrets
    folder.mkdir()
    rows = predictions(400, label="rain", score=0.9, outputs=[1, {"a": None}])
    lines = [encode_record(one) for one in rows]
    damaged = []
    for line in lines:
        content = bytearray(line)
        # Every third line stays as it is. The line feed does: without it two lines
        # would be one.
        for _ in range(chance.choice([0, 1, 3])):
            byte = chance.randrange(256)
            content[chance.randrange(len(content) - 1)] = byte if byte != 10 else 0
        damaged.append(bytes(content))
    (folder / f"gone-1-ab{SUFFIX}").write_bytes(b"".join(damaged))
    intact = {
        one.id
        for one, line, now in zip(rows, lines, damaged, strict=True)
        if line == now
    }

    report = ship(store_url, folder)

    assert report.shipped + report.duplicates + report.set_aside == 400, seed
    assert report.set_aside > 0
    assert intact <= {one.id for one in read_predictions(store_url, limit=None)}, seed
    [bad_file] = folder.iterdir()
    assert bad_file.read_bytes().count(b"\n") == report.set_aside
    assert counted(store_url) == report.shipped


def test_a_clock_that_is_set_back_loses_and_doubles_nothing(
    store_url, folder, predictions
):
    """Times of records, of files and of shipments then go backwards."""
    now = datetime.now(UTC)
    shipper = Shipper(store_url, folder)
    for i, hours in enumerate([0, 2, -30, 1, -2_000]):
        journal = Journal(folder)
        moment = now + timedelta(hours=hours)
        for row in range(40):
            at = moment - timedelta(seconds=row)
            [one] = predictions(1, f"n{i}.{row}")
            journal.append([replace(one, created_at=at)])
        for path in folder.iterdir():
            os.utime(path, (moment.timestamp(), moment.timestamp()))
        assert read_behind(folder).seconds >= 0
        assert shipper.ship().shipped == 40
        journal.close()
    shipper.ship()
    shipper.close()

    assert len(set(read_ids(store_url))) == 200 == counted(store_url)
    times = [one.created_at for one in read_predictions(store_url, limit=None)]
    assert times == sorted(times, reverse=True)
    assert list(folder.iterdir()) == []
