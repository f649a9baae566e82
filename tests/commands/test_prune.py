import contextlib
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from companion.cli import main
from companion.store import (
    FailedRequest,
    Journal,
    Label,
    LLMCall,
    ModelProfile,
    Prediction,
    Shipper,
    journal_folder,
    read_calls,
    read_predictions,
    read_rollups,
    ship,
)
from companion.store.sql import pruning
from companion.store.sql.database import Database

NOW = datetime.now(UTC)
OLD, NEW = NOW - timedelta(days=100), NOW - timedelta(days=80)


def prediction(id_, at, **fields):
    values = {
        "request_id": "r",
        "model_name": "m",
        "model_version": "1",
        "inputs": {"a": 1.0},
        "value": 0.5,
        "latency_ms": 1.0,
    }
    return Prediction(id=id_, created_at=at, **{**values, **fields})


def call(id_, at):
    asked = [{"role": "user", "content": "Hello"}]
    return LLMCall(
        id=id_, created_at=at, model="m", prompt=asked, completion="", outcome="ok"
    )


def failure(id_, at):
    return FailedRequest(id=id_, created_at=at, status=422, problem="refused")


def label(id_, at):
    return Label(id=id_, created_at=at, label="rain")


def profile(id_, at):
    columns = {"a": {"edges": [0.0], "shares": [0.5, 0.5]}}
    return ModelProfile(
        id=id_, created_at=at, model_name="m", model_version="1", columns=columns
    )


def fill(url, *records):
    journal = Journal(journal_folder(url))
    journal.append(records)
    journal.close()
    ship(url)


@pytest.fixture
def log(store_url):
    """Of each kind one record on either side of 90 days."""
    kinds = (prediction, call, failure, label, profile)
    fill(
        store_url,
        *(make("old", OLD) for make in kinds),
        *(make("new", NEW) for make in kinds),
    )
    return store_url


def ids_in(url, table):
    with contextlib.closing(Database(url)) as database, database.read() as connection:
        rows = connection.exec_driver_sql(f"SELECT id FROM {table} ORDER BY id")  # noqa: S608 - our names
        return [row[0] for row in rows]


def test_what_is_older_goes_and_the_rest_stays(log, capsys):
    minutes = {one.start for one in read_rollups(log, every="minute")}

    assert main(["prune", "--store", log, "--older-than", "90d"]) == 0

    first, *table = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Older than {NOW - timedelta(days=90):%Y-%m-%d}")
    assert [line.split() for line in table] == [
        ["table", "removed"],
        ["predictions", "1"],
        ["llm_calls", "1"],
        ["failed_requests", "1"],
        ["labels", "1"],
    ]
    for name in ("predictions", "llm_calls", "failed_requests", "labels"):
        assert ids_in(log, name) == ["new"]
    # Needed as long as the model serves, and what is left of what went.
    assert ids_in(log, "model_profiles") == ["new", "old"]
    assert {one.start for one in read_rollups(log, every="minute")} == minutes


def test_a_dry_run_counts_and_removes_nothing(log, capsys):
    arguments = ["prune", "--store", log, "--older-than", "12w", "--dry-run"]

    assert main([*arguments, "--table", "llm_calls", "--table", "rollups"]) == 0

    _, head, calls, rollups = capsys.readouterr().out.splitlines()
    assert head.split() == ["table", "would", "be", "removed"]
    assert calls.split() == ["llm_calls", "1"]
    assert int(rollups.split()[1]) > 0
    assert ids_in(log, "llm_calls") == ["new", "old"]


def test_roll_ups_go_when_they_are_named(log):
    def minutes():
        return {one.start.date() for one in read_rollups(log, every="minute")}

    assert minutes() == {OLD.date(), NEW.date()}

    main(["prune", "--store", log, "--older-than", "90d", "--table", "rollups"])

    assert minutes() == {NEW.date()}
    assert ids_in(log, "predictions") == ["new", "old"]


def test_a_record_of_just_that_moment_stays(store_url):
    moment = datetime(2014, 6, 1, 12, tzinfo=UTC)
    second = timedelta(seconds=1)
    fill(store_url, prediction("a", moment - second), prediction("b", moment))

    main(["prune", "--store", store_url, "--older-than", "2014-06-01T14:00+02:00"])

    assert [one.id for one in read_predictions(store_url)] == ["b"]


def test_many_go_in_steps_and_a_moment_that_many_share_is_no_trouble(
    store_url, monkeypatch
):
    monkeypatch.setattr(pruning, "_BATCH_ROWS", 100)
    fill(store_url, *(prediction(f"p{i}", OLD) for i in range(1_050)))
    steps = []

    with contextlib.closing(Database(store_url)) as database:
        before = NOW - timedelta(days=90)
        removed = pruning.prune(database, before, "predictions", steps.append)

    assert removed == 1_050
    assert steps == [100] * 10 + [50]


def test_records_still_arrive_while_old_ones_go(store_url, monkeypatch):
    """In SQLite only one can write at a time, and there is no queue."""
    monkeypatch.setattr(pruning, "_BATCH_ROWS", 8)
    fill(store_url, *(prediction(f"p{i}", OLD) for i in range(2_000)))
    remover = threading.Thread(
        target=main, args=(["prune", "--store", store_url, "--older-than", "90d"],)
    )
    shipper = Shipper(store_url)
    journal = Journal(journal_folder(store_url))
    longest, n = 0.0, 0

    remover.start()
    while remover.is_alive():
        journal.append([call(f"c{n}", NOW)])
        started = time.monotonic()
        assert shipper.ship().shipped == 1
        longest = max(longest, time.monotonic() - started)
        n += 1
        time.sleep(0.02)  # one that follows pauses for a second
    shipper.close()
    journal.close()

    assert read_predictions(store_url) == []
    assert len(read_calls(store_url, limit=None)) == n > 3
    assert longest < 3  # a shipper gives up after 5 seconds


def test_the_file_shrinks_when_it_is_asked_to(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/log.db"
    wide = {"a": "x" * 2_000}
    fill(url, *(prediction(f"p{i}", OLD, inputs=wide) for i in range(1_000)))
    before = (tmp_path / "log.db").stat().st_size

    main(["prune", "--store", url, "--older-than", "90d"])
    said = capsys.readouterr().out
    reused = (tmp_path / "log.db").stat().st_size
    main(["prune", "--store", url, "--older-than", "90d", "--vacuum"])

    assert "MB of the file are free for new records; --vacuum" in said
    assert reused == before
    assert (tmp_path / "log.db").stat().st_size < before / 4
    assert not (tmp_path / "log.db-wal").exists()


def test_postgresql_is_vacuumed_as_well(new_database):
    fill(new_database, prediction("old", OLD))

    options = ["--older-than", "90d", "--vacuum"]
    assert main(["prune", "--store", new_database, *options]) == 0

    with contextlib.closing(Database(new_database)) as database:
        query = (
            "SELECT vacuum_count FROM pg_stat_all_tables WHERE relname = 'predictions'"
        )
        with database.read() as connection:
            assert connection.exec_driver_sql(query).scalar() == 1


def test_a_log_that_is_locked_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("companion.store.sql.database._BUSY_TIMEOUT_S", 0.1)
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, prediction("old", OLD))
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert main(["prune", "--store", url, "--older-than", "90d"]) == 1

    other.close()
    assert "another program has kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Missing option '--older-than'"),
        (["--older-than", "90"], "'90' is not a time. Give ISO 8601"),
        (["--older-than", "2999-01-01"], "2999-01-01 00:00 UTC is in the future"),
        (["--older-than", "90d", "--table", "orders"], "'orders' is not one of"),
        (["--older-than", "90d", "--table", "model_profiles"], "is not one of"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_exit_code_2(
    tmp_path, capsys, options, message
):
    assert main(["prune", "--store", f"sqlite:///{tmp_path}/log.db", *options]) == 2

    assert message in capsys.readouterr().err


def test_a_log_that_is_not_there_is_not_made(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/log.db"

    assert main(["prune", "--store", url, "--older-than", "90d"]) == 1

    assert "There is no log at" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
