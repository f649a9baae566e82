from datetime import UTC, datetime

import pytest

from companion.errors import SettingError
from companion.store import FailedRequest, ModelProfile
from companion.store.records import decode_record, encode_record

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def failed(**fields):
    values = {"id": "r", "created_at": NOON, "status": 422, "problem": "refused-rows"}
    return FailedRequest(**{**values, **fields})


@pytest.mark.parametrize(
    "record",
    [
        failed(),
        failed(reason="missing", model_name="rain", model_version="3", latency_ms=1),
        failed(status=500, problem="model-failed", trace_id="0af7"),
        ModelProfile(
            id="p",
            created_at=NOON,
            model_name="rain",
            model_version="3",
            columns={"wind_ms": {"kind": "number", "edges": [0.0, 1.5]}},
        ),
    ],
)
def test_a_record_survives_its_line(record):
    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("status", 200, "status must be 400 to 599, got 200"),
        ("status", True, "status must be 400 to 599"),
        ("status", 422.0, "status must be 400 to 599"),
        ("problem", "", "problem must be text"),
        ("reason", "\0", "reason holds a character"),
        ("latency_ms", -1, "latency_ms must be >= 0"),
        ("created_at", NOON.replace(tzinfo=None), "datetime in UTC"),
    ],
)
def test_what_cannot_be_kept_is_refused(field, value, message):
    with pytest.raises(SettingError, match=message):
        failed(**{field: value})
