import json
from datetime import UTC, datetime

import pytest

from companion.errors import SettingError
from companion.store.records import Label, decode_record, encode_record, make_label

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "label", "value"),
    [
        ("rain", "rain", None),
        ("räin", "räin", None),
        (True, "true", 1.0),
        (False, "false", 0.0),
        ("true", "true", 1.0),
        ("false", "false", 0.0),
        ("True", "True", None),
        (3, "3", 3.0),
        (-12.75, "-12.75", -12.75),
        ("3", "3", 3.0),
        ("1e3", "1e3", 1000.0),
        ("98101", "98101", 98101.0),
        ("1e999", "1e999", None),
        ("nan", "nan", None),
        ("1_000", "1_000", None),
        (" 3", " 3", None),
        ("٣", "٣", None),
    ],
)
def test_a_label_is_kept_as_text_and_where_it_is_one_as_a_number(given, label, value):
    made = make_label("r-0", given, created_at=NOON)

    assert (made.id, made.created_at) == ("r-0", NOON)
    assert (made.label, made.value) == (label, value)
    assert type(made.value) in (float, type(None))
    assert decode_record(encode_record(made)) == made


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "text, a number, true or false, got NoneType None"),
        ([1], "text, a number, true or false, got list"),
        ("", "label must be text of 1 to 200 characters"),
        ("x" * 201, "label must be text of 1 to 200 characters"),
        ("a\0b", "label holds a character that is not text"),
        (float("nan"), "label must be a finite number"),
        (float("inf"), "label must be a finite number"),
        (2**2000, "an integer of 2001 bits"),
    ],
)
def test_what_is_no_label_is_refused(given, message):
    with pytest.raises(SettingError, match=message):
        make_label("r-0", given, created_at=NOON)


@pytest.mark.parametrize("id_", ["", 7, None, "x" * 201, "\ud800"])
def test_an_id_that_no_prediction_can_have_is_refused(id_):
    with pytest.raises(SettingError, match=r"^id "):
        make_label(id_, "rain", created_at=NOON)


def test_a_value_that_no_column_can_hold_is_refused():
    with pytest.raises(SettingError, match="value must be a finite number"):
        Label(id="r-0", created_at=NOON, label="x", value=float("nan"))


def test_a_line_of_the_journal_names_its_table():
    line = encode_record(make_label("r-0", 1, created_at=NOON))

    assert json.loads(line) == {
        "table": "labels",
        "id": "r-0",
        "created_at": "2014-06-01 12:00:00.000000Z",
        "label": "1",
        "value": 1.0,
    }
