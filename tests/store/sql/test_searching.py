"""Finding records by the start of an id and by a text, alike in both databases."""

from datetime import UTC, datetime

import pytest

from companion.errors import SettingError
from companion.store import (
    FailedRequest,
    Journal,
    LLMCall,
    Prediction,
    read_calls,
    read_failures,
    read_predictions,
    ship,
)

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def prediction(record_id, request_id=None, **fields):
    values = {
        "id": record_id,
        "request_id": request_id or record_id,
        "created_at": NOON,
        "model_name": "rain",
        "model_version": "1",
        "inputs": {},
        "value": 0.25,
        "latency_ms": 1.5,
    }
    return Prediction(**values | fields)


def call(record_id, **fields):
    values = {
        "id": record_id,
        "created_at": NOON,
        "model": "smollm2",
        "prompt": [{"role": "user", "content": "Will it rain?"}],
        "completion": "Yes.",
        "outcome": "ok",
    }
    return LLMCall(**values | fields)


@pytest.fixture
def fill(store_url, folder):
    def ship_records(*records):
        journal = Journal(folder)
        journal.append(records)
        journal.close()
        ship(store_url, folder)
        return store_url

    return ship_records


def found(url, **chosen):
    return sorted(one.id for one in read_predictions(url, **chosen))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fog", ["a"]),
        ("FOG", ["a"]),
        ("weather=fog", ["a"]),
        ("temp_max_c=12.8", ["a"]),
        ("12.8", ["a"]),
        ("rain", ["a", "b", "c", "d"]),  # the name of the model
        ("snow", ["b"]),  # a key of the outputs
        ("sleet", ["c"]),  # a label
        ("per_m2=70", ["d"]),  # a parameter
        ("hail", []),
        # None of these has a meaning of its own, as it has for LIKE or a pattern.
        ("%", ["b"]),
        ("_", ["a", "d"]),
        ("f.g", []),
        (".*", []),
        ("[", ["c"]),
        ("(?i)", []),
        ("^", ["b"]),
        ("\\d", ["b"]),
        # JSON holds these escaped.
        ('say "hi"', ["b"]),
        ("two lines", ["b"]),
        # And these, in either case, which SQLite by itself folds for ASCII only.
        ("café", ["c"]),
        ("CAFÉ", ["c"]),
        ("терраса", ["c"]),
        ("терраса".upper(), ["c"]),
        ("ΣΗΜΕΡΑ", ["c"]),
        ("テラス", ["c"]),
        ("ร้าน", ["c"]),  # with vowel signs, which are no letters
        ("מרפסת", ["c"]),
        ("☔", ["c"]),
        ("🌧", ["c"]),  # beyond 16 bits: two escapes
    ],
)
def test_a_text_is_found_as_it_was_written_whatever_its_case(fill, text, expected):
    url = fill(
        prediction("a", inputs={"weather": "Fog", "temp_max_c": 12.8}),
        prediction(
            "b", inputs={"x": '100 % ^\\d say "hi", two\nlines'}, outputs={"snow": 1}
        ),
        prediction(
            "c",
            inputs={"[x": "Café терраса σημερα テラス ร้าน מרפסת ☔ 🌧"},
            label="sleet",
        ),
        prediction("d", params={"per_m2": 7000.0}),
    )

    assert found(url, text=text) == expected


def test_the_text_of_a_column_that_is_not_json_is_found_in_either_case(fill):
    url = fill(
        call("plain", completion="Bring a coat.\nAnd boots."),
        call("greek", completion="Καλημέρα"),
        call("failed", completion="", outcome="error", error="TimeoutError: Später"),
        call("other", model="Gemma-Ü"),
    )

    def ids(text):
        return [one.id for one in read_calls(url, text=text)]

    assert ids("COAT. and") == ["plain"]
    assert ids("ΚΑΛΗΜΈΡΑ") == ["greek"]
    assert ids("timeouterror: SPÄTER") == ["failed"]
    assert ids("gemma-ü") == ["other"]
    assert sorted(ids("will it  rain?")) == ["failed", "greek", "other", "plain"]
    assert ids("umbrella") == []


def test_failures_are_found_by_what_was_wrong(fill):
    failed = {"created_at": NOON, "status": 422, "problem": "refused-rows"}
    url = fill(
        FailedRequest(id="f-1", reason="out_of_range", **failed),
        FailedRequest(id="f-2", reason="missing", model_name="rain", **failed),
    )

    assert [one.id for one in read_failures(url, text="RANGE")] == ["f-1"]
    assert [one.id for one in read_failures(url, text="rain")] == ["f-2"]
    assert len(read_failures(url, text="refused")) == 2
    assert [one.id for one in read_failures(url, id_prefix="f-2")] == ["f-2"]


def test_an_id_is_found_by_its_start_and_the_rows_of_a_request_together(fill):
    url = fill(
        *(prediction(f"3f2a-{row}", "3f2a") for row in range(11)),
        prediction("3fb0-0", "3fb0"),
        prediction("9c_1-0", "9c_1"),
        prediction("9cx1-0", "9cx1"),
    )

    assert found(url, id_prefix="3fb") == ["3fb0-0"]
    assert found(url, id_prefix="3FB0") == ["3fb0-0"]
    assert found(url, id_prefix="9c_") == ["9c_1-0"]
    assert found(url, id_prefix="3f2a-1") == ["3f2a-1"]  # and not 3f2a-10
    assert len(found(url, id_prefix="3f2")) == len(found(url, id_prefix="3f2a")) == 11
    assert len(found(url, id_prefix="3f2a", limit=2)) == 2
    assert found(url, id_prefix="f2a") == []


def test_a_whole_id_is_taken_even_where_another_one_starts_so(fill):
    url = fill(
        prediction("r", "q"),
        prediction("r2-0", "r2"),
        prediction("s-0", "s"),
        prediction("s2-0", "s2"),
    )

    assert found(url, id_prefix="r") == ["r"]
    assert found(url, id_prefix="s") == ["s-0"]


def test_a_start_that_fits_several_is_refused_with_some_of_them(fill):
    url = fill(*(call(f"0199-{i}") for i in range(5)), call("7"))

    message = r"'0199' fits several: 0199-0, 0199-1, 0199-2, …\. Give more"
    with pytest.raises(SettingError, match=message):
        read_calls(url, id_prefix="0199")


def test_other_filters_make_a_start_clear(fill):
    url = fill(call("0199-a"), call("0199-b", outcome="closed"))

    [one] = read_calls(url, id_prefix="0199", outcome="closed")

    assert one.id == "0199-b"
    assert read_calls(url, id_prefix="0199", text="umbrella") == []


@pytest.mark.parametrize("text", ["", "  ", "a\0b"])
@pytest.mark.parametrize("name", ["id_prefix", "text"])
def test_what_cannot_be_looked_for_is_refused(sqlite_url, name, text):
    with pytest.raises(SettingError, match=r"the (id|text) must be text to look for"):
        read_predictions(sqlite_url, **{name: text})
