"""Lines that another version of the package wrote: read, kept, handed on."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from companion.errors import SettingError
from companion.store import (
    Journal,
    LLMCall,
    Prediction,
    count_waiting,
    read_calls,
    read_predictions,
    ship,
)
from companion.store.records import Record, decode_record, encode_record

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)
PREDICTION = Prediction(
    id="r-0",
    request_id="r",
    created_at=NOON,
    model_name="terrace",
    model_version="1",
    inputs={"wind_ms": 2.5},
    value=0.25,
    latency_ms=1.5,
)
CALL = LLMCall(
    id="c-0", created_at=NOON, model="small", prompt=[], completion="", outcome="ok"
)
RECORDS = pytest.mark.parametrize(
    "record", [PREDICTION, CALL], ids=lambda one: one.table
)
# Names and kinds of values that this version gives no field.
LATER = {"region": "north", "cost_usd": 0.1, "tags": {"by": ["gate", None]}, "extra": 1}


def with_fields(record, **fields):
    return json.dumps(json.loads(encode_record(record)) | fields).encode() + b"\n"


@RECORDS
def test_fields_of_a_later_version_are_kept_and_written_again(record):
    read = decode_record(with_fields(record, **LATER))

    assert read.extra == LATER
    assert {**read.to_json(), **LATER} == {**record.to_json(), **LATER}
    assert decode_record(encode_record(read)) == read


@RECORDS
def test_fields_of_a_later_version_reach_the_database(record, store_url, folder):
    folder.mkdir()
    (folder / "later-1.jsonl").write_bytes(with_fields(record, **LATER))

    report = ship(store_url, folder)

    read = read_predictions if record is PREDICTION else read_calls
    assert (report.shipped, report.set_aside) == (1, 0)
    assert [one.extra for one in read(store_url)] == [LATER]
    assert count_waiting(store_url, folder) == 0


@RECORDS
def test_a_record_without_such_fields_has_none(record, store_url, folder):
    Journal(folder).append([record])
    ship(store_url, folder)

    read = read_predictions if record is PREDICTION else read_calls
    assert read(store_url) == [record]
    assert record.extra is None


@RECORDS
def test_what_no_json_can_hold_is_not_extra(record):
    with pytest.raises(SettingError, match=r"extra\['later'\] must be a finite number"):
        decode_record(with_fields(record, later=float("nan")))


@dataclass(frozen=True, kw_only=True)
class Later(Record):
    """A record as a later version may have it."""

    table = "later"
    id: str
    created_at: datetime
    value: float
    label: str | None = None
    extra: dict | None = None


def test_an_optional_field_that_an_older_version_did_not_write_is_none():
    row = {"id": "l-0", "created_at": "2014-06-01 12:00:00.000000Z", "value": 0.25}

    assert Later.from_json(row) == Later(id="l-0", created_at=NOON, value=0.25)
