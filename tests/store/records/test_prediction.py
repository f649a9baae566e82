import json
import math
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import SettingError
from companion.store import Prediction
from companion.store.records import RECORD_TYPES, decode_record, encode_record
from companion.store.sql.schema import RECORD_TABLES

RECORD = Prediction(
    id="r-0",
    request_id="r",
    created_at=datetime(2014, 6, 1, 12, tzinfo=UTC),
    model_name="terrace-rain",
    model_version="1",
    inputs={"temp_max_c": 12.8},
    value=0.25,
    latency_ms=1.5,
)


def nest(levels):
    inner = {}
    for _ in range(levels):
        inner = {"a": inner}
    return inner


names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=200,
)
finite = st.floats(allow_nan=False, allow_infinity=False)
# Half a surrogate pair included: it is what a client can send in JSON.
values = st.none() | st.booleans() | st.integers() | finite | st.text(st.characters())
columns = st.dictionaries(st.text(st.characters()), values | st.lists(values))


@given(
    record=st.builds(
        Prediction,
        id=names,
        request_id=names,
        created_at=st.datetimes(timezones=st.just(UTC)),
        model_name=names,
        model_version=names,
        inputs=columns,
        value=finite,
        latency_ms=st.floats(min_value=0, allow_infinity=False),
    )
)
def test_any_record_comes_back_equal_from_its_one_line(record):
    line = encode_record(record)

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    assert decode_record(line) == record


def test_kinds_of_text_and_numbers_are_text_and_numbers():
    """NumPy's scalars of 64 bits are such; a model's inputs may hold them."""

    class Name(str):
        __slots__ = ()

    class Share(float):
        __slots__ = ()

    record = replace(RECORD, inputs={"a": Name("x"), "b": [Share(0.5)]}, value=Share(1))

    assert decode_record(encode_record(record)) == record


def test_whole_numbers_are_kept_as_the_floats_that_they_stand_for():
    """SQLite has none of more than 64 bits; a line with one would wait for ever."""
    record = replace(RECORD, value=2**70, latency_ms=0)

    assert (type(record.value), type(record.latency_ms)) == (float, float)
    assert (record.value, record.latency_ms) == (1180591620717411303424.0, 0.0)


def test_nested_inputs_come_back():
    record = replace(RECORD, inputs=nest(32))

    assert decode_record(encode_record(record)) == record


def test_a_line_is_plain_json_that_names_its_table():
    """Anybody with `jq` can read a journal that we no longer can."""
    assert json.loads(encode_record(RECORD)) == {
        "table": "predictions",
        "id": "r-0",
        "request_id": "r",
        "created_at": "2014-06-01 12:00:00.000000Z",
        "model_name": "terrace-rain",
        "model_version": "1",
        "inputs": {"temp_max_c": 12.8},
        "value": 0.25,
        "latency_ms": 1.5,
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("value", math.nan, "value must be a finite number, got nan"),
        ("value", -math.inf, "value must be a finite number, got -inf"),
        ("value", 10**400, "value must be a finite number, got an integer of 1329"),
        pytest.param(
            *("value", -(10**5000), "value must be a finite number, got an integer"),
            id="more digits than Python writes",
        ),
        ("inputs", {"a": 10**400}, r"inputs\['a'\] must be a finite number"),
        ("value", True, "value must be a finite number, got True"),
        ("value", "0.25", "value must be a finite number, got '0.25'"),
        ("latency_ms", math.inf, "latency_ms must be a finite number, got inf"),
        ("latency_ms", -1.0, "latency_ms must be >= 0, got -1.0"),
        ("id", "", "id must be text of 1 to 200 characters, got ''"),
        ("id", "x" * 201, "id must be text of 1 to 200 characters"),
        ("id", 7, "id must be text of 1 to 200 characters, got 7"),
        ("request_id", "a\0b", "request_id holds a character that is not text"),
        ("model_name", "a\ud800", "model_name holds a character that is not text"),
        ("model_version", 1, "model_version must be text"),
        ("created_at", datetime(2014, 6, 1), "created_at must be a datetime in UTC"),  # noqa: DTZ001 - the case
        (
            "created_at",
            datetime(2014, 6, 1, tzinfo=timezone(timedelta(hours=2))),
            "created_at must be a datetime in UTC",
        ),
        ("inputs", [1.0], r"inputs must be a dict, got \[1.0\]"),
        ("inputs", {"a": math.nan}, r"inputs\['a'\] must be a finite number, got nan"),
        ("inputs", {"a": [0.0, math.inf]}, r"inputs\['a'\]\[1\] must be a finite"),
        ("inputs", nest(33), "is nested too deeply; at most 32 levels"),
        ("inputs", {1: 2.0}, "inputs has the key 1, which is not text"),
        ("inputs", {"a": object()}, r"inputs\['a'\] must be a JSON value"),
    ],
)
def test_a_record_that_could_not_be_written_cannot_be_built(field, value, message):
    with pytest.raises(SettingError, match=message):
        replace(RECORD, **{field: value})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "Expecting"),
        (b"\xff\xfe", "Expecting value"),
        (b"\0\0\0\0", "Expecting value"),
        (encode_record(RECORD).replace(b"terrace", b"\xff"), "can't decode"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1]", "a record is a JSON object"),
        (b'{"id": "r-0"}', "the log has the tables"),
        (b'{"table": ["predictions"]}', "the log has the tables"),
        (b'{"table": "orders"}', r"the log has the tables .*, got 'orders'"),
        (b'{"table": "predictions", "id": "r-0"}', "lacks"),
        (encode_record(RECORD).replace(b'"value"', b'"worth"'), r"lacks \['value'\]"),
        (encode_record(RECORD).replace(b"0.25", b"NaN"), "finite number"),
        (encode_record(RECORD).replace(b"0.25", b"1" + b"0" * 400), "finite number"),
        (encode_record(RECORD).replace(b"0.25", b"1" + b"0" * 5000), "limit"),
        (encode_record(RECORD).replace(b"12.8", b"1" + b"0" * 400), "finite number"),
        (
            encode_record(RECORD).replace(b"12.8", b"[" * 900 + b"]" * 900),
            "nested too deeply",
        ),
        (encode_record(RECORD).replace(b"2014-06-01", b"2014-13-01"), "month"),
        (
            encode_record(RECORD).replace(
                b"2014-06-01 12:00:00.000000Z", b"0001-01-01T00:00+05:00"
            ),
            "outside the calendar",
        ),
        (
            encode_record(RECORD).replace(
                b"2014-06-01 12:00:00.000000Z", b"9999-12-31T23:00-05:00"
            ),
            "outside the calendar",
        ),
        (
            encode_record(RECORD).replace(b'"2014-06-01 12:00:00.000000Z"', b"7"),
            "created_at must be text, got 7",
        ),
    ],
)
def test_a_line_that_is_not_a_record_is_refused_with_a_message(line, message):
    with pytest.raises(ValueError, match=message):
        decode_record(line)


def test_each_kind_of_record_has_a_table_with_its_fields():
    assert RECORD_TYPES.keys() == RECORD_TABLES.keys()
    for name, kind in RECORD_TYPES.items():
        assert RECORD_TABLES[name].columns.keys() == [f.name for f in fields(kind)]
