import json
from datetime import UTC, datetime, timedelta

import pytest

from companion.cli import main
from companion.store import FailedRequest, Journal, journal_folder, ship

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def make(i, **fields):
    values = {
        "id": f"f-{i}",
        "created_at": NOON + timedelta(hours=i),
        "status": 422,
        "problem": "refused-rows",
        "reason": "missing",
        "model_name": "rain",
        "model_version": "1",
        "latency_ms": 0.5,
    }
    return FailedRequest(**values | fields)


@pytest.fixture
def url(store_url, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    return store_url


def fill(url, *records):
    journal = Journal(journal_folder(url))
    journal.append(records)
    journal.close()
    ship(url)


def test_failures_are_a_table_with_the_newest_first(url, capsys):
    fill(
        url,
        make(0, problem="model"),
        make(
            1,
            status=404,
            problem="not-found",
            reason=None,
            model_name=None,
            model_version=None,
        ),
    )

    assert main(["failures", "--store", url]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "created_at (UTC)     status  problem    reason   model  version  request id",
        "2014-06-01 13:00:00     404  not-found                           f-1",
        "2014-06-01 12:00:00     422  model      missing  rain   1        f-0",
    ]


def test_a_column_that_is_empty_in_all_rows_is_left_out(url, capsys):
    fill(url, make(0, reason=None, model_name=None, model_version=None))

    main(["failures", "--store", url])

    header, _ = capsys.readouterr().out.splitlines()
    assert header == "created_at (UTC)     status  problem       request id"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["f-3", "f-2", "f-1", "f-0"]),
        (["--limit", "1"], ["f-3"]),
        (["--since", "2014-06-01T14:00"], ["f-3", "f-2"]),
        (["--until", "2014-06-01T13:00"], ["f-0"]),
        (["--reason", "out_of_range"], ["f-1"]),
        (["--problem", "too-large"], ["f-2"]),
        (["--model", "wind"], ["f-3"]),
        (["--version", "2"], ["f-3"]),
        (["--id", "f-2"], ["f-2"]),
        (["--grep", "Range"], ["f-1"]),
    ],
)
def test_filters_choose_rows(url, capsys, options, expected):
    fill(
        url,
        make(0),
        make(1, reason="out_of_range"),
        make(2, problem="too-large", status=413),
        make(3, model_name="wind", model_version="2"),
    )

    main(["failures", "--store", url, "--json", *options])

    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == expected


def test_json_holds_whole_rows(url, capsys):
    fill(url, make(0, trace_id="4bf9"))

    main(["failures", "--store", url, "--json"])

    assert json.loads(capsys.readouterr().out) == [
        {
            "id": "f-0",
            "created_at": "2014-06-01 12:00:00.000000Z",
            "status": 422,
            "problem": "refused-rows",
            "reason": "missing",
            "model_name": "rain",
            "model_version": "1",
            "latency_ms": 0.5,
            "trace_id": "4bf9",
        }
    ]


def test_failures_that_wait_are_counted_and_named(url, capsys):
    fill(url, make(0))
    journal = Journal(journal_folder(url))
    journal.append([make(1)])

    main(["failures", "--store", url, "--json"])

    assert capsys.readouterr().err.startswith("1 failure waits in the journal")
    journal.close()
