import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.contract.columns import Column
from companion.contract.ranges import Range
from companion.contract.refusals import MAX_ENTRIES
from companion.contract.rows import Contract
from companion.errors import RefusedError

TWO = Contract(
    [
        Column(name="temp_c", kind="double", allowed=Range(-30.0, 50.0)),
        Column(name="days", kind="long"),
    ]
)
GOOD = {"temp_c": 11.5, "days": 3}


def refused(rows, contract=TWO, **options):
    with pytest.raises(RefusedError) as caught:
        contract.check(rows, **options)
    # What is refused must be sayable in strict JSON.
    json.dumps(caught.value.entries, allow_nan=False)
    return caught.value


def one_entry(rows, contract=TWO, **options):
    error = refused(rows, contract, **options)
    assert error.total == len(error.entries) == 1
    return error.entries[0]


def test_values_come_back_in_the_order_of_the_columns():
    rows = [{"days": 3, "temp_c": 11.5}, {"temp_c": -30, "days": 0}]

    checked = TWO.check(rows)

    assert checked.tuples == [(11.5, 3), (-30, 0)]
    assert checked.rows == rows


@pytest.mark.parametrize(
    ("change", "reason", "given"),
    [
        ({"temp_c": "warm"}, "wrong_type", "warm"),
        ({"temp_c": True}, "wrong_type", True),
        ({"temp_c": [1]}, "wrong_type", "a list of 1 values"),
        ({"temp_c": {"a": 1}}, "wrong_type", "an object with 1 members"),
        ({"temp_c": None}, "null", None),
        ({"temp_c": float("nan")}, "not_finite", "NaN"),
        ({"temp_c": float("inf")}, "not_finite", "Infinity"),
        ({"temp_c": float("-inf")}, "not_finite", "-Infinity"),
        ({"temp_c": 50.1}, "out_of_range", 50.1),
        ({"temp_c": -31}, "out_of_range", -31),
        ({"temp_c": 10**400}, "out_of_range", "a whole number of 1329 bits"),
        ({"days": 3.5}, "wrong_type", 3.5),
        ({"days": 1e300}, "out_of_range", 1e300),
        ({"days": -(2.0**53)}, "out_of_range", -(2.0**53)),
        ({"days": 2**63}, "out_of_range", "a whole number of 64 bits"),
        ({"days": "3"}, "wrong_type", "3"),
    ],
)
def test_a_value_is_refused_with_row_column_given_and_expected(change, reason, given):
    column = next(iter(change))

    entry = one_entry([GOOD, GOOD | change])

    assert (entry["row"], entry["column"]) == (1, column)
    assert (entry["reason"], entry["given"]) == (reason, given)
    assert "number" in entry["expected"]
    assert column in entry["detail"]


def test_the_range_stands_in_what_is_expected():
    entry = one_entry([GOOD | {"temp_c": 451}])

    assert entry["expected"] == "a number, from -30 to 50"


def test_a_missing_column_is_told_from_a_null():
    entry = one_entry([{"days": 3}])

    assert (entry["column"], entry["reason"]) == ("temp_c", "missing")


def test_an_unknown_column_comes_with_the_name_that_was_meant():
    error = refused([{"temp_C": 11.5, "days": 3}])

    unknown, missing = error.entries
    assert (unknown["column"], unknown["reason"]) == ("temp_C", "unknown")
    assert 'Did you mean "temp_c"?' in unknown["detail"]
    assert missing["reason"] == "missing"


@pytest.mark.parametrize(
    ("name", "character"),
    [
        ("temp_\N{CYRILLIC SMALL LETTER ES}", "U+0441, CYRILLIC SMALL LETTER ES"),
        ("\N{FULLWIDTH LATIN SMALL LETTER T}emp_c", "FULLWIDTH LATIN SMALL LETTER T"),
        ("temp_c\N{ZERO WIDTH SPACE}", "U+200B, ZERO WIDTH SPACE"),
        ("temp\N{NO-BREAK SPACE}c", "NO-BREAK SPACE"),
    ],
)
def test_a_character_that_looks_like_another_is_named(name, character):
    unknown = refused([{name: 11.5, "days": 3}]).entries[0]

    assert 'Did you mean "temp_c"?' in unknown["detail"]
    assert character in unknown["detail"]


def test_a_row_that_is_no_object_is_refused():
    entry = one_entry([GOOD, [11.5, 3]])

    assert (entry["row"], entry["column"]) == (1, None)


@pytest.mark.parametrize(("n", "reason"), [(0, "no_rows"), (4, "too_many_rows")])
def test_the_number_of_rows_has_limits(n, reason):
    entry = one_entry([GOOD] * n, max_rows=3)

    assert (entry["reason"], entry["given"]) == (reason, n)
    assert entry["expected"] == "from 1 to 3 rows"


def test_all_errors_are_counted_and_the_first_hundred_are_told():
    error = refused([{"temp_c": "x", "days": "y"}] * 200)

    assert error.total == 400
    assert len(error.entries) == MAX_ENTRIES == 100


def test_a_long_value_is_told_in_short():
    entry = one_entry([GOOD | {"temp_c": "x" * 10_000}])

    assert len(entry["given"]) == 80


ALL_KINDS = Contract(
    [
        Column(name="yes", kind="boolean"),
        Column(name="small", kind="integer"),
        Column(name="single", kind="float"),
        Column(name="word", kind="string"),
        Column(name="at", kind="datetime"),
        Column(name="maybe", kind="double", required=False),
    ]
)
ALL_GOOD = {"yes": True, "small": 1, "single": 1.5, "word": "a", "at": "2014-05-01"}


def test_an_optional_value_may_be_absent_or_null():
    absent, null = ALL_KINDS.check([ALL_GOOD, ALL_GOOD | {"maybe": None}]).tuples

    assert absent[-1] is null[-1] is None


@pytest.mark.parametrize(
    "change",
    [
        {"yes": 2},
        {"yes": 0.5},
        {"yes": "true"},
        {"small": 1.5},
        {"small": 2**31},
        {"small": True},
        {"single": 3.5e38},
        {"word": 5},
        {"word": "a\x00b"},
        {"word": "\ud800"},
        {"at": 1398902400},
        {"at": "yesterday"},
        {"at": "2014-05-01T18:00:00+25:00"},
        {"at": "NaT"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": "1066-10-14"},
        {"maybe": "x"},
    ],
)
def test_each_type_refuses_what_its_model_could_not_read(change):
    entry = one_entry([ALL_GOOD | change], ALL_KINDS)

    assert entry["column"] == next(iter(change))


def test_numbers_that_mean_the_same_are_taken():
    """Programs with one kind of number write 3 as 3.0, some true as 1."""
    given = ALL_GOOD | {"yes": 1, "small": 3.0}

    checked = ALL_KINDS.check([given, ALL_GOOD | {"yes": 0.0}])

    assert [row[:2] for row in checked.tuples] == [(True, 3), (False, 1)]
    assert [type(value) for value in checked.tuples[0][:2]] == [bool, int]
    assert checked.rows[0] == ALL_GOOD | {"yes": True, "small": 3}


@pytest.mark.parametrize(
    ("text", "seen", "logged"),
    [
        ("2014-05-01T18:00:00", "2014-05-01T18:00:00", "2014-05-01T18:00:00"),
        ("2014-05-01T18:00:00Z", "2014-05-01T18:00:00", "2014-05-01T18:00:00Z"),
        ("2014-05-01T18:00:00+02:00", "2014-05-01T16:00:00", "2014-05-01T16:00:00Z"),
        ("2014-05-01T00:30-05:30", "2014-05-01T06:00:00", "2014-05-01T06:00:00Z"),
    ],
)
def test_a_time_with_an_offset_becomes_utc(text, seen, logged):
    checked = ALL_KINDS.check([ALL_GOOD | {"at": text}])

    assert checked.tuples[0][4].isoformat() == seen
    assert checked.rows[0]["at"] == logged


@pytest.mark.parametrize(
    ("kind", "spelling"),
    [
        *(("double", value) for value in (None, math.nan, "NaN", "nan")),
        *(("long", value) for value in (None, math.nan, "NaN")),
        *(("boolean", value) for value in (None, math.nan)),
        *(("datetime", value) for value in (None, math.nan, "NaT")),
        *(("string", value) for value in (None, math.nan)),
        *(("array", value) for value in (None, math.nan)),
    ],
)
def test_missing_is_missing_in_every_spelling(kind, spelling):
    spec = {"type": "array", "items": {"type": "double"}} if kind == "array" else {}
    optional = Column(name="a", kind=kind, required=False, spec=spec)
    contract = Contract([optional, Column(name="b", kind="long")])

    checked = contract.check([{"a": spelling, "b": 1}, {"b": 1}])

    assert checked.tuples == [(None, 1), (None, 1)]
    assert checked.rows == [{"a": None, "b": 1}, {"b": 1}]
    if kind != "array":
        required = Contract([Column(name="a", kind=kind)])
        assert one_entry([{"a": spelling}], required)["column"] == "a"


def test_the_text_nan_in_a_column_of_text_is_a_text():
    contract = Contract([Column(name="a", kind="string", required=False)])

    assert contract.check([{"a": "NaN"}]).tuples == [("NaN",)]


def test_unknown_columns_are_left_out_where_that_is_asked_for():
    checked = TWO.check([GOOD | {"site": "A", "by": 1}], drop_unknown=True)

    assert (checked.tuples, checked.rows) == ([(11.5, 3)], [GOOD])
    assert checked.dropped == {"site", "by"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*ALL_GOOD, "maybe", "x"]), json_values)
        | json_values,
        max_size=3,
    )
)
def test_any_json_is_either_accepted_or_refused_in_strict_json(rows):
    try:
        ALL_KINDS.check(rows)
    except RefusedError as err:
        json.dumps(err.entries, allow_nan=False).encode()
        assert err.total >= len(err.entries) >= 1  # noqa: PT017 - both ends are fine


@given(st.floats() | st.integers())
def test_the_quick_and_the_thorough_check_agree_on_numbers(value):
    """An optional column forces the thorough check."""
    number = {"name": "a", "kind": "double", "allowed": Range(-5.0, 5.0)}
    quick = Contract([Column(**number)])
    thorough = Contract(
        [Column(**number), Column(name="b", kind="long", required=False)]
    )

    def accepts(contract):
        try:
            contract.check([{"a": value}])
        except RefusedError:
            return False
        return True

    assert accepts(quick) == accepts(thorough) == (-5 <= value <= 5)


MANY = [{"rain_mm": number / 10, "days": number % 7} for number in range(50)]


@pytest.mark.parametrize(
    "bad",
    [
        {"rain_mm": float("nan"), "days": 1},
        {"rain_mm": float("inf"), "days": 1},
        {"rain_mm": -1.0, "days": 1},
        {"rain_mm": True, "days": 1},
        {"rain_mm": "1", "days": 1},
        {"rain_mm": None, "days": 1},
        {"rain_mm": 10**400, "days": 1},
        {"rain_mm": 1.0, "days": 2**70},
        {"rain_mm": 1.0},
        {"rain_mm": 1.0, "other": 1},
        {"rain_mm": 1.0, "days": 1, "other": 1},
        {},
        7,
        None,
    ],
)
@pytest.mark.parametrize("place", [0, 25, 49])
def test_many_rows_are_refused_for_what_a_few_are(bad, place):
    contract = Contract(
        [
            Column(name="rain_mm", kind="double", allowed=Range(0, 100)),
            Column(name="days", kind="long"),
        ]
    )
    rows = [*MANY]
    rows[place] = bad
    with pytest.raises(RefusedError) as few:
        contract.check([bad])

    with pytest.raises(RefusedError) as many:
        contract.check(rows)

    def entries(caught):
        return [entry | {"row": None, "detail": ""} for entry in caught.value.entries]

    assert entries(many) == entries(few)
    assert {entry["row"] for entry in many.value.entries} == {place}


def test_many_rows_are_given_in_the_order_of_the_columns():
    columns = [Column(name="days", kind="long"), Column(name="rain_mm", kind="double")]

    checked = Contract(columns).check(MANY)

    assert checked.tuples == [(row["days"], row["rain_mm"]) for row in MANY]
    assert checked.rows == MANY
    assert checked.array.tolist() == [list(row) for row in checked.tuples]


def test_many_whole_numbers_are_exact_in_their_array():
    contract = Contract([Column(name="a", kind="long"), Column(name="b", kind="long")])
    rows = [{"a": 2**63 - 1 - number, "b": -(2**63)} for number in range(30)]

    array = contract.check(rows).array

    assert array.tolist() == [[row["a"], row["b"]] for row in rows]
    with pytest.raises(RefusedError):
        contract.check([*rows, {"a": 2**63, "b": 0}])


@pytest.mark.parametrize("row", [{"days": 2**53 + 1}, {"rain_mm": 1e19}, {"days": 3.0}])
def test_what_one_array_may_not_hold_is_looked_at_row_by_row(row):
    """A float64 holds no 2**53 + 1; 3.0 stands for a whole number."""
    columns = [Column(name="days", kind="long"), Column(name="rain_mm", kind="double")]
    rows = [*MANY, MANY[0] | row]

    checked = Contract(columns).check(rows)

    assert checked.array is None
    assert checked.tuples[-1] == (row.get("days", 0), row.get("rain_mm", 0.0))
