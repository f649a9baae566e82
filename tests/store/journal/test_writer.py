import errno
import gc
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from companion.errors import JournalError
from companion.store import Journal, Shipper, read_predictions
from companion.store.journal.reader import JournalFile
from companion.store.journal.writer import SUFFIX
from companion.system.locks import take_lock

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def read_ids(folder):
    """The ids in all files of a journal, each file checked to hold whole lines."""
    ids = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        lines = path.read_bytes().split(b"\n")
        assert lines.pop() == b""
        ids += [json.loads(line)["id"] for line in lines if line]
    return ids


def count_files(folder):
    return len(list(folder.glob(f"*{SUFFIX}")))


def run_python(code, *arguments):
    """Run code in a process of its own, with `record(i)` to make predictions."""
    prelude = """
        import os, sys
        from datetime import UTC, datetime
        from companion.errors import JournalError
        from companion.store import Journal, Prediction

        def record(i):
            return Prediction(
                id=f"{os.getpid()}-{i}", request_id="r", created_at=datetime.now(UTC),
                model_name="m", model_version="1", inputs={"a": "x" * 100},
                value=0.5, latency_ms=1.0,
            )

        journal = Journal(sys.argv[1])
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()


def test_nothing_touches_the_disk_before_the_first_record(folder):
    journal = Journal(folder)
    journal.append([])
    journal.close()

    assert not folder.exists()


def test_records_are_in_the_file_when_append_returns(folder, predictions):
    Journal(folder).append(predictions(3))

    assert read_ids(folder) == ["r-0", "r-1", "r-2"]


def test_a_call_is_one_write(folder, predictions, monkeypatch):
    """Two writes could be parted by a kill: half a request would be logged."""
    sizes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda f, b: sizes.append(len(b)) or write(f, b))

    Journal(folder).append(predictions(3))

    [path] = folder.iterdir()
    assert sizes == [path.stat().st_size]


def test_threads_share_one_file_and_no_line_is_torn(folder, predictions):
    journal = Journal(folder)
    batches = [predictions(5, f"t{i}") for i in range(400)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(journal.append, batches))

    assert count_files(folder) == 1
    assert sorted(read_ids(folder)) == sorted(r.id for b in batches for r in b)


@posix
def test_a_forked_process_goes_on_in_a_file_of_its_own(folder):
    ids = run_python(
        """
        journal.append([record(0)])
        os.write(1, (record(0).id + "\\n").encode())
        child = os.fork()
        journal.append([record(1)])
        os.write(1, (record(1).id + "\\n").encode())
        if child:
            os.waitpid(child, 0)
        os._exit(0)
        """,
        folder,
    )

    assert len(ids) == 3
    assert count_files(folder) == 2
    assert sorted(read_ids(folder)) == sorted(ids)


@posix
def test_a_child_that_never_writes_does_not_keep_its_parents_file(folder, sqlite_url):
    """The child lives on; the file must look dead when the parent is gone."""
    [child] = run_python(
        """
        import time
        journal.append([record(0)])
        child = os.fork()
        if child == 0:
            os.close(1), os.close(2)
            time.sleep(60)
        print(child)
        """,
        folder,
    )
    try:
        assert Shipper(sqlite_url, folder).ship().shipped == 1
        assert count_files(folder) == 0
    finally:
        os.kill(int(child), 9)


@posix
def test_a_fork_while_a_thread_writes_leaves_the_child_able_to_write(folder):
    """The lock that the thread held at the fork has no owner in the child."""
    codes = run_python(
        """
        import threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the case
        journal.append([record(0)])
        journal._lock.acquire()
        child = os.fork()
        if child == 0:
            journal.append([record(1)])
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
        folder,
    )

    assert codes == ["7"]


def test_a_full_file_is_followed_by_a_new_one(folder, predictions):
    journal = Journal(folder, rotate_bytes=1000)
    for record in predictions(20):
        journal.append([record])

    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert len(sizes) > 1
    assert max(sizes) <= 1000
    assert len(read_ids(folder)) == 20


def test_one_call_larger_than_a_file_is_written_whole(folder, predictions):
    Journal(folder, rotate_bytes=1000).append(predictions(20))

    assert count_files(folder) == 1
    assert len(read_ids(folder)) == 20


@posix
@pytest.mark.parametrize("what", ["unlinked", "moved", "replaced", "folder removed"])
def test_a_file_taken_from_under_the_writer_is_replaced(folder, predictions, what):
    journal = Journal(folder)
    first, second = predictions(2)
    journal.append([first])
    [path] = folder.iterdir()
    if what == "folder removed":
        shutil.rmtree(folder)
    elif what == "unlinked":
        path.unlink()
    else:
        path.rename(path.with_suffix(".moved"))
    if what == "replaced":
        path.write_bytes(b"")

    journal.append([second])

    assert read_ids(folder) == ["r-1"]


@pytest.fixture
def opened(monkeypatch):
    """The descriptors of the files that were opened, in their order."""
    numbers = []
    open_ = os.open

    def note(*arguments):
        numbers.append(open_(*arguments))
        return numbers[-1]

    monkeypatch.setattr(os, "open", note)
    return numbers


@posix
def test_a_file_closed_by_others_is_replaced(folder, predictions, opened):
    """Programs that turn themselves into daemons close every descriptor."""
    journal = Journal(folder)
    records = predictions(3)
    journal.append(records[:1])

    os.close(opened[0])
    journal.append(records[1:2])
    os.close(opened[-1])
    journal.close()
    journal.append(records[2:])

    assert sorted(read_ids(folder)) == ["r-0", "r-1", "r-2"]
    assert count_files(folder) == 3


@posix
def test_what_others_opened_under_the_descriptor_of_our_file_is_left_alone(
    folder, predictions, opened, tmp_path
):
    journal = Journal(folder)
    first, second = predictions(2)
    journal.append([first])
    number = opened[0]
    os.close(number)
    with (tmp_path / "theirs").open("wb") as theirs:
        assert theirs.fileno() == number

        journal.append([second])

        theirs.write(b"still open")
    assert (tmp_path / "theirs").read_bytes() == b"still open"
    assert sorted(read_ids(folder)) == ["r-0", "r-1"]


@posix
def test_a_journal_that_is_dropped_closes_its_file(
    folder, sqlite_url, predictions, opened
):
    journal = Journal(folder)
    journal.append(predictions(1))

    del journal
    gc.collect()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert Shipper(sqlite_url, folder).ship().shipped == 1
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_with_its_remedy(
    tmp_path, predictions
):
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "journal")

    for write in (lambda: journal.append(predictions(1)), journal.probe):
        with pytest.raises(JournalError, match=r"file.journal cannot .*--journal"):
            write()


@posix
def test_a_full_disk_refuses_records_leaves_no_half_line_and_heals(folder):
    """The limit on file sizes makes the kernel write half, as a full disk does."""
    written = run_python(
        """
        import resource
        ceiling = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, ceiling))
        for i in range(20):
            try:
                journal.append([record(i), record(100 + i)])
            except JournalError as err:
                assert "cannot be written: No space left" in str(err), err
                break
            print(record(i).id, record(100 + i).id)
        else:
            sys.exit("never full")
        # Lines larger than any file: each call fails, and none leaves a file.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, ceiling))
        for i in range(5):
            try:
                journal.append([record(i)])
            except JournalError:
                continue
            sys.exit("not full")
        resource.setrlimit(resource.RLIMIT_FSIZE, (ceiling, ceiling))
        journal.append([record(50)])
        print(record(50).id)
        """,
        folder,
    )

    assert len(written) > 1
    assert sorted(read_ids(folder)) == sorted(written)
    assert count_files(folder) == 2


def test_after_half_a_write_the_place_of_a_shipper_is_still_good(
    folder, sqlite_url, predictions, monkeypatch
):
    """The shipper sees the whole line in the half before it is taken back."""
    journal = Journal(folder)
    shipper = Shipper(sqlite_url, folder)
    first, lost_a, lost_b, later = predictions(4)
    write = os.write

    def write_half(descriptor, lines):
        n = write(descriptor, lines[: len(lines) * 3 // 4])
        shipper.ship()
        return n

    journal.append([first])
    monkeypatch.setattr(os, "write", write_half)
    with pytest.raises(JournalError, match="No space left"):
        journal.append([lost_a, lost_b])
    monkeypatch.setattr(os, "write", write)
    journal.append([later])
    report = shipper.ship()

    assert (report.shipped, report.set_aside) == (1, 0)
    ids = {prediction.id for prediction in read_predictions(sqlite_url)}
    assert ids == {"r-0", "r-1", "r-3"}  # r-1 was refused, and is no lie: it happened


def test_a_probe_leaves_a_blank_line(folder):
    Journal(folder).probe()

    [path] = folder.iterdir()
    assert path.read_bytes() == b"\n"


def test_a_closed_journal_can_be_used_again(folder, predictions):
    journal = Journal(folder)
    first, second = predictions(2)

    journal.append([first])
    journal.close()
    journal.append([second])

    assert count_files(folder) == 2
    assert sorted(read_ids(folder)) == ["r-0", "r-1"]


def test_with_fsync_a_call_waits_for_the_disk(folder, predictions, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda f: synced.append(f) or fsync(f))
    journal = Journal(folder, fsync=True)

    journal.append(predictions(1))
    journal.append(predictions(1))

    assert len(synced) == 3  # the folder with the new name in it, then each call


def test_a_disk_that_fails_in_fsync_is_an_error(folder, predictions, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(JournalError, match="Input/output error"):
        Journal(folder, fsync=True).append(predictions(1))


@pytest.mark.parametrize("shipper_is", ["ahead", "at it"])
def test_a_new_file_that_a_shipper_takes_for_a_dead_one_is_given_up(
    folder, sqlite_url, predictions, monkeypatch, shipper_is
):
    """Between its making and its lock a file looks as if nobody writes it."""
    held = []

    def come_between(descriptor):
        if not held:
            [path] = folder.iterdir()
            held.append(JournalFile(path))
            if shipper_is == "ahead":
                held[0].remove()
                held[0].close()
        return take_lock(descriptor)

    monkeypatch.setattr("companion.store.journal.writer.take_lock", come_between)
    Journal(folder).append(predictions(1))
    held[0].remove()
    held[0].close()

    assert Shipper(sqlite_url, folder).ship().shipped == 1


def test_a_shipper_beside_new_files_takes_none_from_its_writer(
    folder, sqlite_url, predictions
):
    """Each record gets a new file, and a shipper deletes what looks dead."""
    journal = Journal(folder, rotate_bytes=1)
    records = predictions(100)
    done = threading.Event()

    def keep_shipping():
        shipper = Shipper(sqlite_url, folder)
        n = 0
        while not done.is_set():
            n += shipper.ship().shipped
        journal.close()
        return n + shipper.ship().shipped

    with ThreadPoolExecutor(1) as pool:
        total = pool.submit(keep_shipping)
        try:
            for record in records:
                journal.append([record])
        finally:
            done.set()

        assert total.result() == 100
    assert list(folder.iterdir()) == []
