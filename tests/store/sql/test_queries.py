import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest

from companion.errors import SettingError, StoreError
from companion.store import (
    FailedRequest,
    Journal,
    count_waiting,
    read_failures,
    read_predictions,
    ship,
)
from companion.store.sql import migrations
from companion.store.sql.database import Database


@pytest.fixture
def log(store_url, folder, predictions):
    """Ten predictions from noon on, a second apart, of two models in two versions."""
    first = predictions(10)
    kinds = [("rain", "1"), ("rain", "2"), ("wind", "1")]
    for i, (name, version) in enumerate(kinds):
        records = predictions(
            10, name + version, model_name=name, model_version=version
        )
        Journal(folder).append(records[i * 3 : i * 3 + 3])
    ship(store_url, folder)
    return store_url, first[0].created_at


def read_ids(url, **filters):
    return [p.id for p in read_predictions(url, **filters)]


def test_the_newest_come_first(log):
    url, _ = log

    assert read_ids(url, limit=4) == ["wind1-8", "wind1-7", "wind1-6", "rain2-5"]
    assert len(read_ids(url)) == 9
    assert len(read_ids(url, limit=None)) == 9


def test_predictions_of_one_moment_come_in_a_fixed_order(
    store_url, folder, predictions
):
    [one] = predictions(1, "a")
    [other] = predictions(1, "b")
    Journal(folder).append([other, one])
    ship(store_url, folder)

    assert read_ids(store_url) == ["b-0", "a-0"]


def test_a_range_of_time_includes_its_start_and_not_its_end(log):
    url, noon = log
    span = {"since": noon + timedelta(seconds=2), "until": noon + timedelta(seconds=4)}

    assert read_ids(url, **span) == ["rain2-3", "rain1-2"]


def test_a_time_in_another_zone_means_the_same_moment(log):
    url, noon = log
    tokyo = (noon + timedelta(seconds=7)).astimezone(timezone(timedelta(hours=9)))

    assert read_ids(url, since=tokyo) == ["wind1-8", "wind1-7"]


def test_models_and_versions_are_told_apart(log):
    url, _ = log

    assert read_ids(url, model="wind") == ["wind1-8", "wind1-7", "wind1-6"]
    assert read_ids(url, model="rain", version="1") == ["rain1-2", "rain1-1", "rain1-0"]
    assert len(read_ids(url, version="1")) == 6
    assert read_ids(url, model="rain' OR 1=1 --") == []


def test_labels_are_told_apart(store_url, folder, predictions):
    for label in ("rain", "dry", None):
        Journal(folder).append(predictions(1, f"{label}", label=label))
    ship(store_url, folder)

    assert read_ids(store_url, label="rain") == ["rain-0"]
    assert read_ids(store_url, label="snow") == []
    assert len(read_ids(store_url)) == 3


def test_failed_requests_are_read_back_as_they_were(store_url, folder):
    noon = datetime(2014, 6, 1, 12, tzinfo=UTC)
    plain = FailedRequest(id="f-0", created_at=noon, status=500, problem="model-failed")
    full = FailedRequest(
        id="f-1",
        created_at=noon + timedelta(seconds=1),
        status=422,
        problem="refused-rows",
        reason="missing",
        model_name="rain",
        model_version="1",
        latency_ms=0.1 + 0.2,
        trace_id="4bf92f",
        extra={"later": [1]},
    )
    Journal(folder).append([plain, full])
    assert count_waiting(store_url, folder, table=FailedRequest.table) == 2
    ship(store_url, folder)

    assert read_failures(store_url) == [full, plain]
    assert read_failures(store_url, limit=1) == [full]
    for chosen in (
        {"problem": "model-failed"},
        {"until": noon + timedelta(seconds=1)},
    ):
        assert read_failures(store_url, **chosen) == [plain]
    for chosen in ({"reason": "missing"}, {"model": "rain"}, {"version": "1"}):
        assert read_failures(store_url, **chosen) == [full]
    assert count_waiting(store_url, folder, table=FailedRequest.table) == 0


def test_a_time_without_a_zone_is_refused(log):
    url, _ = log

    with pytest.raises(SettingError, match="until has no time zone: 2014-06-01"):
        read_predictions(url, until=datetime(2014, 6, 1))  # noqa: DTZ001 - the case


def test_a_limit_below_one_is_refused(log):
    url, _ = log

    with pytest.raises(SettingError, match="at least 1, or None for all; got 0"):
        read_predictions(url, limit=0)


def test_a_log_that_is_not_there_is_not_made(sqlite_url, tmp_path):
    with pytest.raises(StoreError, match=r"There is no log at .*log.db yet"):
        read_predictions(sqlite_url)

    assert list(tmp_path.iterdir()) == []


def ask(url, folder):
    """Everything that only reads a log."""
    return [lambda: read_predictions(url), lambda: count_waiting(url, folder)]


@pytest.mark.parametrize("other", ["orders", "schema_migrations"])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(
    tmp_path, folder, predictions, other
):
    """Other programs have a table with the name of ours for their steps, too."""
    file = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(f"CREATE TABLE {other} (version TEXT)")
    before = file.read_bytes()
    Journal(folder).append(predictions(1))

    for question in ask(f"sqlite:///{file}", folder):
        with pytest.raises(
            StoreError, match=r"shop.db is not a log of companion.*--st"
        ):
            question()

    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "shop.db"]


def test_an_empty_database_holds_no_log_yet(sqlite_url, tmp_path, folder, predictions):
    """So a server leaves it that is killed right after it made the file."""
    (tmp_path / "log.db").touch()
    Journal(folder).append(predictions(3))

    with pytest.raises(StoreError, match=r"There is no log at .*log.db yet"):
        read_predictions(sqlite_url)
    assert count_waiting(sqlite_url, folder) == 3

    assert (tmp_path / "log.db").read_bytes() == b""


def test_a_log_of_an_older_version_is_brought_up_to_date_to_be_read(log, monkeypatch):
    """The step stands for one of a later version, which reads what it adds."""
    url, _ = log

    def add_note(connection):
        connection.exec_driver_sql("ALTER TABLE predictions ADD COLUMN note VARCHAR")

    steps = [*migrations.MIGRATIONS, add_note]
    monkeypatch.setattr(migrations.migrate, "__defaults__", (steps,))
    monkeypatch.setattr(migrations.is_log, "__defaults__", (steps,))

    assert len(read_ids(url)) == 9

    opened = Database(url)
    with opened.read() as connection:
        connection.exec_driver_sql("SELECT note FROM predictions")
    opened.close()
