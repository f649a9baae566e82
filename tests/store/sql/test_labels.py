"""Labels on both databases: late, twice, corrected, unknown, before the prediction."""

import itertools
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from companion.errors import NoLogError, SettingError
from companion.store import Journal, read_labelled, ship
from companion.store.records import make_label
from companion.store.sql.database import Database
from companion.store.sql.labels import (
    LabelCounts,
    LoadReport,
    count_labels,
    load_labels,
)
from companion.store.sql.migrations import MIGRATIONS, migrate

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def label(given, *, id_="r-0", after_s=0):
    return make_label(id_, given, created_at=NOON + timedelta(seconds=after_s))


def bring(url, folder, *records):
    journal = Journal(folder)
    journal.append(records)
    journal.close()
    return ship(url, folder)


@pytest.fixture
def database(store_url):
    opened = Database(store_url)
    migrate(opened)
    yield opened
    opened.close()


def labels_in(url):
    return [pair.label for pair in read_labelled(url)]


def test_a_label_may_come_before_its_prediction(store_url, folder, predictions):
    bring(store_url, folder, label("rain"))
    assert count_labels(store_url) == LabelCounts(labels=1, predictions=0, pairs=0)

    bring(store_url, folder, *predictions(1))

    assert labels_in(store_url) == [label("rain")]
    assert count_labels(store_url) == LabelCounts(labels=1, predictions=1, pairs=1)


def test_a_label_that_comes_twice_changes_nothing(store_url, folder, predictions):
    bring(store_url, folder, *predictions(1), label("rain"))

    again = bring(store_url, folder, label("rain", after_s=60))

    assert (again.shipped, again.duplicates) == (0, 1)
    assert labels_in(store_url) == [label("rain")]


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_label_given_last_counts_in_whatever_order_they_arrive(
    tmp_path, predictions, batches, order
):
    """Several servers have a journal each, and one may be shipped late."""
    store_url, folder = f"sqlite:///{tmp_path}/log.db", tmp_path / "journal"
    given = [label(text, after_s=i) for i, text in enumerate(("a", "b", "c"))]
    bring(store_url, folder, *predictions(1))

    arriving = [given[i] for i in order]
    for batch in [arriving] if batches == 1 else [[one] for one in arriving]:
        bring(store_url, folder, *batch)

    assert labels_in(store_url) == [label("c", after_s=2)]


def test_a_correction_replaces_every_column(store_url, folder, predictions):
    """A number that becomes a text has no value any more, and the other way round."""
    bring(store_url, folder, *predictions(1), label(3))
    corrected = bring(store_url, folder, label("fog", after_s=1))
    assert (corrected.shipped, corrected.duplicates) == (1, 0)
    assert labels_in(store_url) == [label("fog", after_s=1)]

    bring(store_url, folder, label(3, after_s=2))
    assert labels_in(store_url) == [label(3, after_s=2)]


def test_loading_says_what_each_label_did(database, store_url, folder, predictions):
    bring(store_url, folder, *predictions(3))
    first = [label("rain"), label("dry", id_="r-1"), label("dry", id_="x-0")]

    reports = [
        load_labels(database, first),
        load_labels(database, first),
        load_labels(database, [label("rain", id_="r-1"), label("dry", id_="r-2")]),
        load_labels(database, []),
    ]

    assert reports == [
        LoadReport(new=3, unknown=1),
        LoadReport(same=3, unknown=1),
        LoadReport(new=1, corrected=1),
        LoadReport(),
    ]
    assert sum(reports, LoadReport()) == LoadReport(
        new=4, same=3, corrected=1, unknown=2
    )
    assert {one.id: one.label for one in labels_in(store_url)} == {
        "r-0": "rain",
        "r-1": "rain",
        "r-2": "dry",
    }


def test_of_two_labels_in_one_load_the_later_counts(
    database, store_url, folder, predictions
):
    bring(store_url, folder, *predictions(2))
    load_labels(database, [label("fog", id_="r-1")])
    twice = [label("rain"), label("rain"), label("dry")]
    back = [label("sun", id_="r-1"), label("fog", id_="r-1")]

    assert load_labels(database, twice + back) == LoadReport(new=1, same=1, corrected=3)
    assert {one.id: one.label for one in labels_in(store_url)} == {
        "r-0": "dry",
        "r-1": "fog",
    }


def test_a_load_counts_although_its_clock_is_behind(
    database, store_url, folder, predictions
):
    bring(store_url, folder, *predictions(1), label("rain", after_s=3600))

    report = load_labels(database, [label("dry")])

    assert report == LoadReport(corrected=1)
    [found] = labels_in(store_url)
    assert found.label == "dry"


def test_predictions_are_found_with_their_labels_by_model_and_time(
    store_url, folder, predictions
):
    bring(
        store_url,
        folder,
        *predictions(3),
        *predictions(1, "s", model_version="2"),
        *predictions(1, "t", model_name="other"),
        *(label("rain", id_=id_) for id_ in ("r-0", "r-2", "s-0", "t-0", "x-0")),
    )

    def ids(**options):
        return [one.prediction.id for one in read_labelled(store_url, **options)]

    assert ids() == ["r-2", "t-0", "s-0", "r-0"]
    assert ids(limit=2) == ["r-2", "t-0"]
    assert ids(model="terrace-rain") == ["r-2", "s-0", "r-0"]
    assert ids(model="terrace-rain", version="2") == ["s-0"]
    assert ids(since=NOON + timedelta(seconds=1)) == ["r-2"]
    assert ids(until=NOON + timedelta(seconds=1)) == ["t-0", "s-0", "r-0"]
    [pair] = read_labelled(store_url, version="2")
    assert pair.prediction == predictions(1, "s", model_version="2")[0]
    assert pair.label == label("rain", id_="s-0")


def test_arguments_that_cannot_be_used_are_refused(store_url):
    with pytest.raises(SettingError, match="limit must be at least 1"):
        read_labelled(store_url, limit=0)
    with pytest.raises(SettingError, match="since has no time zone"):
        read_labelled(store_url, since=datetime(2014, 6, 1))  # noqa: DTZ001 - the point


def test_a_log_that_is_not_there_is_not_made(store_url, tmp_path):
    with pytest.raises(NoLogError):
        count_labels(store_url)
    assert not (tmp_path / "log.db").exists()


def test_an_older_log_gets_the_table_and_keeps_its_rows(store_url, folder):
    """Version 6 of the tables had no labels."""
    with closing(Database(store_url)) as database:
        migrate(database, MIGRATIONS[:6])
    with closing(Database(store_url)) as database, database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO predictions (id, request_id, created_at, model_name, "
            "model_version, inputs, value, latency_ms) VALUES ('r-0', 'r', "
            "'2014-06-01 12:00:00.000000Z', 'terrace-rain', '1', '{}', 0.5, 1.5)"
        )

    bring(store_url, folder, label(True))

    [pair] = read_labelled(store_url)
    assert (pair.prediction.value, pair.label.value) == (0.5, 1.0)


def test_fields_of_a_later_version_are_kept(store_url, folder, predictions):
    bring(store_url, folder, *predictions(1))
    folder.mkdir(exist_ok=True)
    (folder / "later-1.jsonl").write_text(
        '{"table":"labels","id":"r-0","created_at":"2014-06-01 12:00:00.000000Z",'
        '"label":"rain","by":"ada"}\n'
    )

    assert ship(store_url, folder).shipped == 1

    [found] = labels_in(store_url)
    assert found.extra == {"by": "ada"}
