import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from companion.errors import SettingError
from companion.store import Journal, Prediction, read_predictions, ship
from companion.store.records import (
    PredictionBatch,
    decode_line,
    decode_record,
    encode_record,
)
from companion.store.shipping.waiting import count_waiting

FIRST = Prediction(
    id="r-0",
    request_id="r",
    created_at=datetime(2014, 6, 1, 12, tzinfo=UTC),
    model_name="terrace",
    model_version="3",
    inputs={"rain_mm": 0.0, "wet": True},
    value=0.25,
    latency_ms=1.5,
    label="dry",
    score=0.75,
    params={"cut": 0.5},
    trace_id="t",
)
ROWS = [FIRST] + [
    replace(
        FIRST,
        id=f"r-{number}",
        inputs={"rain_mm": number / 7, "wet": False},
        value=number / 100,
        label="wet" if number % 2 else None,
        score=0.5,
    )
    for number in range(1, 30)
]


def batch(rows=ROWS, *, inputs=None, **changes):
    columns = {
        "value": [row.value for row in rows],
        "label": [row.label for row in rows],
        "score": [row.score for row in rows],
    }
    inputs = inputs or [row.inputs for row in rows]
    return PredictionBatch(first=rows[0], inputs=inputs, columns=columns | changes)


def test_a_line_gives_the_same_records_as_one_line_each():
    line = encode_record(batch())

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_line(line) == ROWS
    assert decode_line(line) == [decode_record(encode_record(row)) for row in ROWS]
    assert len(batch()) == len(ROWS)


def test_rows_as_a_client_wrote_them_give_the_same_records():
    text = json.dumps([row.inputs for row in ROWS], indent=2).replace("\n", "\r\n")

    line = encode_record(batch(inputs=text.encode()))

    assert line.count(b"\n") == 1
    assert decode_line(line) == ROWS


def test_a_field_that_has_no_column_is_that_of_the_first_row():
    line = encode_record(
        PredictionBatch(
            first=FIRST,
            inputs=[row.inputs for row in ROWS],
            columns={"value": [row.value for row in ROWS]},
        )
    )

    assert decode_line(line) == [
        replace(row, label=FIRST.label, score=FIRST.score) for row in ROWS
    ]


def test_a_line_of_one_record_gives_one():
    assert decode_line(encode_record(FIRST)) == [FIRST]


def test_fields_of_a_later_version_come_with_each_record():
    row = json.loads(encode_record(batch())) | {"later": 1}

    records = decode_line(json.dumps(row).encode())

    assert {record.extra["later"] for record in records} == {1}


def test_all_rows_reach_the_database_once(store_url):
    journal = Journal(store_url_journal(store_url))
    journal.append([batch()])
    assert count_waiting(store_url) == len(ROWS)
    assert count_waiting(store_url, table="predictions") == len(ROWS)
    journal.close()

    assert ship(store_url).shipped == len(ROWS)

    found = {row.id: row for row in read_predictions(store_url, limit=100)}
    assert found == {row.id: row for row in ROWS}
    assert ship(store_url).shipped == 0


def store_url_journal(store_url):
    from companion.store import journal_folder

    return journal_folder(store_url)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": [float("nan"), *([0.0] * 29)]},
        {"value": [0.5, True, *([0.0] * 28)]},
        {"score": [float("inf"), *([0.0] * 29)]},
        {"label": ["x" * 300, *(["dry"] * 29)]},
        {"label": ["half \ud800", *(["dry"] * 29)]},
    ],
)
def test_what_cannot_be_written_is_refused_when_it_is_made(changes):
    with pytest.raises(SettingError):
        batch(**changes)


@pytest.mark.parametrize("value", [object(), 2**70, "half \ud800"])
def test_a_row_that_json_cannot_hold_is_refused_when_it_is_written(value):
    inputs = [{"rain_mm": value}, *([{"rain_mm": 1.0}] * 29)]

    with pytest.raises(SettingError, match="inputs"):
        encode_record(batch(inputs=inputs))


@pytest.mark.parametrize(
    "broken",
    [
        [],
        7,
        "text",
        {"inputs": [{}], "value": []},
        {"inputs": 7, "value": [1.0]},
        {"inputs": [7], "value": [1.0]},
        {"inputs": [{}], "value": ["x"]},
    ],
)
def test_a_broken_batch_is_no_record(broken):
    row = json.loads(encode_record(FIRST)) | {"batch": broken}

    with pytest.raises(ValueError):
        decode_line(json.dumps(row).encode())
