import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from companion.cli import main
from companion.store import Journal, Prediction, journal_folder, read_predictions
from companion.store.records import encode_record


@pytest.fixture
def url(store_url):
    return store_url


@pytest.fixture
def journal(url):
    with_file = Journal(journal_folder(url))
    yield with_file
    with_file.close()


def make(n, request_id="r"):
    return [
        Prediction(
            id=f"{request_id}-{i}",
            request_id=request_id,
            created_at=datetime.now(UTC),
            model_name="m",
            model_version="1",
            inputs={"a": 1.0},
            value=0.5,
            latency_ms=1.0,
        )
        for i in range(n)
    ]


def follow(url, *options, **settings):
    return subprocess.Popen(
        [
            *[sys.executable, "-m", "companion", "ship", "--store", url],
            *["--follow", "--interval", "0.05", *options],
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def wait_for(n, url):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if len(read_predictions(url, limit=None)) == n:
                return
        except OSError:  # not there yet
            pass
        time.sleep(0.02)
    raise AssertionError(f"{n} records never arrived")


def test_a_shipment_says_what_it_did(url, journal, capsys):
    journal.append(make(3))
    assert main(["ship", "--store", url]) == 0
    [path] = journal.folder.iterdir()
    with path.open("ab") as file:
        file.write(b"not a record\n")
    journal.append([*make(3), *make(1, "later")])
    assert main(["ship", "--store", url]) == 0
    assert main(["ship", "--store", url]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "Shipped 3 records.",
        (
            "Shipped 1 record, passed over 3 that were there already, "
            "set 1 unreadable line aside."
        ),
        "Nothing waited in the journal.",
    ]


def test_lines_that_were_set_aside_are_tried_again(url, journal, capsys):
    """As after an upgrade: the first was of a newer version."""
    journal.append(make(1))
    [path] = journal.folder.iterdir()
    path.with_name("gone.jsonl.bad").write_bytes(
        encode_record(make(1, "new")[0]) + b"torn\n"
    )

    assert main(["ship", "--store", url, "--retry-bad"]) == 0
    assert main(["ship", "--store", url, "--retry-bad"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "Trying again what was set aside in 1 file.",
        "Shipped 2 records, set 1 unreadable line aside.",
        "Trying again what was set aside in 1 file.",
        "Shipped 0 records, set 1 unreadable line aside.",
    ]
    assert {one.id for one in read_predictions(url)} == {"r-0", "new-0"}


def test_store_and_journal_come_from_the_environment_too(
    url, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COMPANION_STORE", url)
    monkeypatch.setenv("COMPANION_JOURNAL", str(tmp_path / "elsewhere"))
    Journal(tmp_path / "elsewhere").append(make(2))

    assert main(["ship"]) == 0

    assert capsys.readouterr().out == "Shipped 2 records.\n"


def test_a_store_that_cannot_be_used_is_one_sentence_and_exit_code_1(
    tmp_path, journal, capsys
):
    journal.append(make(1))
    url = f"sqlite:///{tmp_path}/missing/log.db"

    assert main(["ship", "--store", url, "--journal", str(journal.folder)]) == 1

    error = capsys.readouterr().err
    assert error.startswith(f"Error: The folder {tmp_path / 'missing'} for the log")
    assert error.count("\n") == 1


def test_ending_with_standard_input_without_following_is_refused(url, capsys):
    assert main(["ship", "--store", url, "--while-stdin-open"]) == 1

    assert "Add --follow" in capsys.readouterr().err


def test_following_ends_with_its_standard_input_and_leaves_nothing(url, journal):
    process = follow(url, "--while-stdin-open")
    journal.append(make(2))
    wait_for(2, url)
    journal.append(make(2, "later"))
    journal.close()

    out, err = process.communicate(timeout=30)  # closes its standard input

    assert (process.returncode, out, err) == (0, "Shipped 4 records.\n", "")
    assert len(read_predictions(url)) == 4
    assert list(journal.folder.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_signal_to_the_whole_group_does_not_end_it_before_its_parent(url, journal):
    """Ctrl-C reaches server and shipper; the server's last records come after."""
    process = follow(url, "--while-stdin-open", start_new_session=True)
    journal.append(make(1))
    wait_for(1, url)

    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(0.2)
    journal.append(make(1, "last"))
    journal.close()
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, "Shipped 2 records.\n", "")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_by_hand_ends_with_a_signal_after_a_last_shipment(
    url, journal, number
):
    process = follow(url)
    journal.append(make(1))
    wait_for(1, url)

    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, "Shipped 1 record.\n", "")


def test_a_last_shipment_that_fails_is_said_and_keeps_the_records(tmp_path, journal):
    journal.append(make(1))
    journal.close()
    url = f"sqlite:///{tmp_path}/missing/log.db"
    process = follow(url, "--while-stdin-open", "--journal", str(journal.folder))

    _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "does not exist" in err.splitlines()[-1]
    assert len(list(journal.folder.iterdir())) == 1
