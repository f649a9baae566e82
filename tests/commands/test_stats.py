import io
import json
import random
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from companion.cli import main
from companion.store import (
    FailedRequest,
    Journal,
    LLMCall,
    Prediction,
    journal_folder,
    ship,
)
from companion.store.sql.database import Database

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)
DAY = ["--since", "2014-06-01", "--until", "2014-06-02"]


def predict(i, **fields):
    values = {
        "id": f"r{i}-0",
        "request_id": f"r{i}",
        "created_at": NOON + timedelta(minutes=30 * i),
        "model_name": "rain",
        "model_version": "1",
        "inputs": {},
        "value": 0.5,
        "latency_ms": 2.0,
    }
    return Prediction(**values | fields)


def fail(i, status=422, **fields):
    values = {
        "id": f"f{i}",
        "created_at": NOON,
        "status": status,
        "problem": "refused-rows",
        "reason": "missing",
        "model_name": "rain",
        "model_version": "1",
    }
    return FailedRequest(**values | fields)


def call(i, **fields):
    values = {
        "id": f"c{i}",
        "created_at": NOON,
        "model": "small",
        "prompt": [],
        "completion": "",
        "outcome": "ok",
        "input_tokens": 10,
    }
    return LLMCall(**values | fields)


@pytest.fixture
def url(store_url, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return store_url


def fill(url, *records):
    journal = Journal(journal_folder(url))
    journal.append(records)
    journal.close()
    ship(url)


def run(url, capsys, *options):
    assert main(["stats", "--store", url, *options]) == 0
    return capsys.readouterr().out


def test_tables_say_what_was_asked_refused_and_failed(url, capsys):
    """A bin from 2 to 2.5 ms: its middle, and nearly its end."""
    fill(
        url,
        *map(predict, range(4)),
        predict(9, model_version="12"),
        fail(0),
        fail(1, 500, problem="model-failed", reason=None, model_version="12"),
        call(0, latency_ms=100.0),
        call(1, outcome="error"),
    )

    assert run(url, capsys, *DAY).splitlines() == [
        "model  version  requests  refused  errors  p50_ms  p95_ms  p99_ms",
        "rain   1               4        1       0     2.2     2.5     2.5",
        "rain   12              1        0       1     2.2     2.5     2.5",
        "",
        "requests  problem       reason",
        "       1  model-failed",
        "       1  refused-rows  missing",
        "",
        "model  calls  errors  closed  tokens  p50_ms  p95_ms  p99_ms",
        "small      2       1       0    20+?     110     120     120",
    ]


def test_rows_are_counted_too_where_requests_have_several(url, capsys):
    fill(url, predict(0), predict(0, id="r0-1"), predict(0, id="r0-2"))

    header, row = run(url, capsys, *DAY).splitlines()
    assert header.split()[2:4] == ["requests", "rows"]
    assert row.split()[2:4] == ["1", "3"]


def test_by_hour_has_bars_that_fit_the_terminal(url, capsys):
    fill(url, *map(predict, range(3)))

    first, second = run(url, capsys, *DAY, "--by", "hour").splitlines()[1:]

    assert first.startswith("2014-06-01 12:00         2  ")
    assert second.startswith("2014-06-01 13:00         1  ")
    assert first.count("█") == 2 * second.count("█") > 0 or (
        first.count("█") - 2 * second.count("█") in (-1, 1)
    )
    assert len(first) == 80


def test_bars_are_signs_that_the_terminal_can_show(url, monkeypatch):
    fill(url, predict(0))
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)

    assert main(["stats", "--store", url, *DAY, "--by", "hour"]) == 0

    ascii_only.flush()
    assert b"####" in ascii_only.buffer.getvalue()


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("model", {"model_name"}),
        ("version", {"model_name", "model_version"}),
        ("hour", {"start"}),
        ("minute,model", {"start", "model_name"}),
        ("day, version", {"start", "model_name", "model_version"}),
    ],
)
def test_counts_are_divided_as_asked(url, capsys, by, names):
    fill(url, predict(0), predict(1, model_version="2"), call(0))

    answer = json.loads(run(url, capsys, *DAY, "--by", by, "--json"))

    every = {"start", "model_name", "model_version"}
    assert all(row.keys() & every == names for row in answer["predictions"])
    assert sum(row["requests"] for row in answer["predictions"]) == 2
    [calls] = answer["calls"]
    assert calls.keys() & every == names - {"model_version"}


def test_json_holds_all_figures(url, capsys):
    fill(url, predict(0), fail(0))

    answer = json.loads(run(url, capsys, *DAY, "--json"))

    assert answer == {
        "predictions": [
            {
                "model_name": "rain",
                "model_version": "1",
                "requests": 1,
                "predictions": 1,
                "refusals": 1,
                "errors": 0,
                "latency_p50_ms": pytest.approx(2.25),
                "latency_p95_ms": pytest.approx(2.475),
                "latency_p99_ms": pytest.approx(2.495),
            }
        ],
        "failures": [
            {
                "kind": "refusal",
                "problem": "refused-rows",
                "reason": "missing",
                "requests": 1,
            }
        ],
        "calls": [],
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], 4),
        (["--model", "wind"], 1),
        (["--version", "2"], 1),
        (["--since", "2014-06-01T13:00", "--until", "2014-06-02"], 2),
        (["--until", "2014-06-01T13:00"], 2),
    ],
)
def test_filters_choose_what_is_counted(url, capsys, options, expected):
    fill(
        url,
        predict(0),
        predict(1, model_name="wind"),
        predict(2, model_version="2"),
        predict(3),
    )

    answer = json.loads(run(url, capsys, *DAY, *options, "--json"))

    assert sum(row["requests"] for row in answer["predictions"]) == expected


def test_without_since_it_is_the_last_day(url, capsys):
    now = datetime.now(UTC)
    fill(
        url,
        predict(0, created_at=now - timedelta(hours=23)),
        predict(1, created_at=now - timedelta(hours=25)),
    )

    answer = json.loads(run(url, capsys, "--json"))

    assert [row["requests"] for row in answer["predictions"]] == [1]


def test_nothing_in_the_range_is_said(url, capsys):
    fill(url, predict(0))

    assert run(url, capsys, "--since", "2015-01-01", "--until", "2015-02-01") == (
        "Nothing was counted since 2015-01-01 00:00 and before 2015-02-01 00:00 (UTC). "
        "Give --since to look further back.\n"
    )


def test_records_that_wait_are_named(url, capsys):
    fill(url, predict(0))
    journal = Journal(journal_folder(url))
    journal.append([fail(0), fail(1)])

    assert main(["stats", "--store", url, *DAY]) == 0

    assert capsys.readouterr().err == (
        "2 records wait in the journal and not yet in the counts; `companion ship` "
        "brings them in.\n"
    )
    journal.close()


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("weather", "'weather' is not one of model, version, minute, hour, day"),
        ("hour,day", "give only one of minute, hour, day"),
        ("", "'' is not one of"),
    ],
)
def test_a_grouping_that_cannot_be_is_refused_with_exit_code_2(
    url, capsys, by, message
):
    assert main(["stats", "--store", url, "--by", by]) == 2

    assert message in " ".join(capsys.readouterr().err.split())


def test_its_cost_does_not_grow_with_the_traffic(url, capsys):
    """Ten times the requests in the same minutes are as many rows to read."""

    def count_rows():
        with closing(Database(url)) as database, database.read() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM rollups").scalar()

    chance = random.Random(5)  # noqa: S311 - moments, not secrets

    def traffic(start, n):
        for i in range(start, start + n):
            minute = NOON + timedelta(minutes=i % 3)
            yield predict(i, created_at=minute, latency_ms=1 + chance.random())

    fill(url, *traffic(0, 200))
    before = count_rows()
    fill(url, *traffic(200, 2000))

    assert count_rows() == before
    assert (
        json.loads(run(url, capsys, *DAY, "--json"))["predictions"][0]["requests"]
        == 2200
    )
